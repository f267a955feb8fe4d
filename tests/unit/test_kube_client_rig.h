/**
 * A loop, a fake API server and an API client, and calls that write down what they see. For the tests of
 * kube_client; include it once in a program.
 */
#ifndef UNIT_TEST_KUBE_CLIENT_RIG_H
#define UNIT_TEST_KUBE_CLIENT_RIG_H

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kube/client.h"
#include "support/fake_server.h"
#include "support/loop.h"
#include "support/suite.h"

struct rig {
	uv_loop_t loop;
	struct fake_server *server;
	struct kube_config config;
	struct kube_client *client;
	struct logger log;
	int log_fd;
	char token_dir[32];
	char token_path[64];
	bool client_closed;
	bool server_closed;
	char observed[1024]; /* "METHOD CODE;" of each request */
	double observed_seconds;
	bool fenced; /* nothing may leave */
};

/* One call and its history. */
struct probe {
	struct kube_call call;
	struct rig *rig;
	struct kube_answer answer;
	char message[256];
	struct buf body;   /* of the answer */
	struct buf stream; /* through on_data */
	int done;
	int data_verdict;
	void (*then)(struct probe *p);
};

static struct rig rig; /* of the test that runs */

static inline void probe_on_done(struct kube_call *call, const struct kube_answer *answer)
{
	struct probe *p = call->data;

	p->done++;
	p->answer = *answer;
	(void)snprintf(p->message, sizeof(p->message), "%s", answer->message);
	p->answer.message = p->message;
	ck_assert_ptr_nonnull(answer->body);
	ck_assert_int_eq(answer->body[answer->body_len], '\0');
	buf_reset(&p->body);
	ck_assert_int_eq(buf_add(&p->body, answer->body, answer->body_len), 0);
	p->answer.body = NULL;
	if (p->then != NULL)
		p->then(p);
}

static inline int probe_on_data(struct kube_call *call, const char *bytes, size_t n)
{
	struct probe *p = call->data;

	ck_assert_int_eq(buf_add(&p->stream, bytes, n), 0);
	return p->data_verdict;
}

static inline void probe_init(struct probe *p, const char *method, const char *path)
{
	*p = (struct probe){.rig = &rig};
	buf_init(&p->body, 64u << 20);
	buf_init(&p->stream, 64u << 20);
	p->call.method = method;
	p->call.path = path;
	p->call.on_done = probe_on_done;
	p->call.data = p;
}

static inline void probe_free(struct probe *p)
{
	buf_free(&p->body);
	buf_free(&p->stream);
}

static inline void probe_start(struct probe *p)
{
	int before = p->done;
	struct error err = {0};

	ck_assert_msg(kube_client_start(rig.client, &p->call, &err) == 0, "%s", err.message);
	ck_assert_int_eq(p->done, before);
}

static inline void probe_run(struct probe *p)
{
	int before = p->done;

	probe_start(p);
	LOOP_UNTIL(&rig.loop, p->done == before + 1);
}

/* GET @path, everything else by default. */
static inline void get(struct probe *p, const char *path)
{
	probe_init(p, "GET", path);
	probe_run(p);
}

static inline void write_token(const char *token)
{
	FILE *f = fopen(rig.token_path, "w");

	ck_assert_ptr_nonnull(f);
	ck_assert_int_ge(fputs(token, f), 0);
	ck_assert_int_eq(fclose(f), 0);
}

static inline void on_observed(void *data, const char *method, int code, double seconds)
{
	size_t n = strlen(rig.observed);

	ck_assert_ptr_eq(data, &rig);
	ck_assert(!(seconds < 0)); /* NaN, or a time */
	(void)snprintf(rig.observed + n, sizeof(rig.observed) - n, "%s %d;", method, code);
	rig.observed_seconds = seconds;
}

static inline bool may_go_on(void *data)
{
	ck_assert_ptr_eq(data, &rig);
	return !rig.fenced;
}

/* The server only; set config, then open_client(). */
static inline void open_server(fake_server_handler handler, void *data)
{
	rig = (struct rig){.log_fd = -1};
	ck_assert_int_eq(uv_loop_init(&rig.loop), 0);
	rig.server = fake_server_open(&rig.loop, handler, data);
	rig.config.server = strdup(fake_server_url(rig.server));
	(void)snprintf(rig.token_dir, sizeof(rig.token_dir), "/tmp/kube_client.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(rig.token_dir));
	(void)snprintf(rig.token_path, sizeof(rig.token_path), "%s/token", rig.token_dir);
}

static inline void open_client(void)
{
	struct kube_client_options options = {
		.loop = &rig.loop,
		.config = &rig.config,
		.user_agent = "test/1",
		.log = &rig.log,
		.observer = on_observed,
		.observer_data = &rig,
		.may_go_on = may_go_on,
		.may_go_on_data = &rig,
	};
	struct error err = {0};
	FILE *log = tmpfile();

	ck_assert_ptr_nonnull(log);
	rig.log_fd = dup(fileno(log));
	ck_assert_int_eq(fclose(log), 0);
	log_init(&rig.log, rig.log_fd, LOG_LEVEL_INFO, "test");
	ck_assert_msg(kube_client_open(&rig.client, &options, &err) == 0, "%s", err.message);
}

static inline void open_both(fake_server_handler handler, void *data)
{
	open_server(handler, data);
	open_client();
}

/* A client with a token file that holds @token. */
static inline void open_with_token_file(fake_server_handler handler, void *data, const char *token)
{
	open_server(handler, data);
	write_token(token);
	rig.config.token_file = strdup(rig.token_path);
	open_client();
}

/* What was logged, in memory that lives until the next call. */
static inline const char *logged(void)
{
	static char text[65536];
	ssize_t n = pread(rig.log_fd, text, sizeof(text) - 1, 0);

	ck_assert_int_ge(n, 0);
	text[n] = '\0';
	return text;
}

static inline void on_client_closed(void *data)
{
	ck_assert_ptr_eq(data, &rig);
	ck_assert(!rig.client_closed);
	rig.client_closed = true;
}

static inline void on_server_closed(void *data)
{
	(void)data;
	rig.server_closed = true;
}

static inline void close_both(void)
{
	if (rig.client != NULL && !rig.client_closed) {
		kube_client_close(rig.client, on_client_closed, &rig);
		ck_assert(!rig.client_closed);
		LOOP_UNTIL(&rig.loop, rig.client_closed);
	}
	fake_server_close(rig.server, on_server_closed, NULL);
	LOOP_UNTIL(&rig.loop, rig.server_closed);
	loop_assert_drained(&rig.loop);
	if (rig.log_fd >= 0)
		(void)close(rig.log_fd);
	(void)unlink(rig.token_path);
	(void)rmdir(rig.token_dir);
	kube_config_free(&rig.config);
}

/* Answers with the request: "METHOD target|Name=value;...|body". */
static inline void answer_echo(void *data, struct fake_conn *c, const struct fake_request *r)
{
	AUTO_BUF struct buf text;

	(void)data;
	buf_init(&text, 1u << 20);
	(void)buf_printf(&text, "%s %s|", r->method, r->target);
	for (size_t i = 1; i < r->header_count; i++)
		(void)buf_printf(&text, "%s=%s;", r->headers[i].name, r->headers[i].value);
	(void)buf_printf(&text, "|%s", r->body);
	fake_conn_answer(c, 200, NULL, buf_str(&text));
}

#endif
