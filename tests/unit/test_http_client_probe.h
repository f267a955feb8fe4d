/**
 * A loop, a fake server and an HTTP client, and requests that write down what they see. For the tests of
 * http_client.
 */
#ifndef UNIT_TEST_HTTP_CLIENT_PROBE_H
#define UNIT_TEST_HTTP_CLIENT_PROBE_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "kube/http_client.h"
#include "support/fake_server.h"
#include "support/loop.h"

struct rig {
	uv_loop_t loop;
	struct fake_server *server;
	struct http_client *client;
	bool client_closed;
	bool server_closed;
};

/* One request and its history. */
struct probe {
	struct http_request req;
	char url[256];
	struct buf body;
	struct buf headers; /* "Name=value;" in order */
	char message[256];
	struct http_result result;
	int heads;
	int status_at_head;
	int done;
	int head_verdict; /* what on_head returns */
	int data_verdict; /* what on_data returns */
	struct rig *rig;
	void (*then)(struct probe *p); /* called at the end of on_done */
};

static inline int probe_on_head(struct http_request *req, int status)
{
	struct probe *p = req->data;

	p->heads++;
	p->status_at_head = status;
	return p->head_verdict;
}

static inline void probe_on_header(struct http_request *req, const char *name, const char *value)
{
	struct probe *p = req->data;

	ck_assert_int_eq(p->heads, 0);
	ck_assert_int_eq(buf_printf(&p->headers, "%s=%s;", name, value), 0);
}

static inline int probe_on_data(struct http_request *req, const char *bytes, size_t n)
{
	struct probe *p = req->data;

	ck_assert_int_eq(p->heads, 1);
	ck_assert_uint_gt(n, 0);
	ck_assert_int_eq(buf_add(&p->body, bytes, n), 0);
	return p->data_verdict;
}

static inline void probe_on_done(struct http_request *req, const struct http_result *result)
{
	struct probe *p = req->data;

	p->done++;
	p->result = *result;
	ck_assert_ptr_nonnull(result->message);
	(void)snprintf(p->message, sizeof(p->message), "%s", result->message);
	p->result.message = p->message;
	if (p->then != NULL)
		p->then(p);
}

/* A GET of @target with every callback set. */
static inline void probe_init(struct probe *p, struct rig *rig, const char *target)
{
	*p = (struct probe){.rig = rig};
	(void)snprintf(p->url, sizeof(p->url), "%s%s",
		       rig->server != NULL ? fake_server_url(rig->server) : "", target);
	buf_init(&p->body, 64u << 20);
	buf_init(&p->headers, 1u << 20);
	p->req.method = "GET";
	p->req.url = p->url;
	p->req.on_header = probe_on_header;
	p->req.on_head = probe_on_head;
	p->req.on_data = probe_on_data;
	p->req.on_done = probe_on_done;
	p->req.data = p;
}

static inline void probe_free(struct probe *p)
{
	buf_free(&p->body);
	buf_free(&p->headers);
}

static inline void probe_start(struct probe *p)
{
	struct error err = {0};
	int before = p->done;

	p->heads = 0;
	ck_assert_msg(http_client_start(p->rig->client, &p->req, &err) == 0, "%s", err.message);
	ck_assert_int_eq(p->done, before); /* never before the starter returned */
}

/* Starts it and waits for its end. */
static inline void probe_run(struct probe *p)
{
	int before = p->done;

	probe_start(p);
	LOOP_UNTIL(&p->rig->loop, p->done == before + 1);
}

static inline void rig_open_with(struct rig *rig, fake_server_handler handler, void *data,
				 const struct http_client_options *options)
{
	struct error err = {0};

	*rig = (struct rig){0};
	ck_assert_int_eq(uv_loop_init(&rig->loop), 0);
	rig->server = fake_server_open(&rig->loop, handler, data);
	ck_assert_msg(http_client_open(&rig->client, &rig->loop, options, &err) == 0, "%s", err.message);
}

static inline void rig_open(struct rig *rig, fake_server_handler handler, void *data)
{
	const struct http_client_options options = {.user_agent = "probe/1"};

	rig_open_with(rig, handler, data, &options);
}

static inline void rig_on_client_closed(void *data)
{
	struct rig *rig = data;

	ck_assert(!rig->client_closed);
	rig->client_closed = true;
}

static inline void rig_on_server_closed(void *data)
{
	struct rig *rig = data;

	rig->server_closed = true;
}

/* Closes everything; nothing may be left in the loop. */
static inline void rig_close(struct rig *rig)
{
	if (rig->client != NULL) {
		http_client_close(rig->client, rig_on_client_closed, rig);
		ck_assert(!rig->client_closed);
		LOOP_UNTIL(&rig->loop, rig->client_closed);
	}
	fake_server_close(rig->server, rig_on_server_closed, rig);
	LOOP_UNTIL(&rig->loop, rig->server_closed);
	loop_assert_drained(&rig->loop);
}

#endif
