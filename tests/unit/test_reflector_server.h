/**
 * test_reflector_server: a reflector and the server it talks to, in one loop, with scripted answers.
 *
 * Each kind of request (discovery, list, watch, streaming list) has a script of replies; after its end the
 * defaults answer: both versions are served, the list is empty at resourceVersion 10, a watch stays open and
 * silent, a streaming list ends with its mark at resourceVersion 10 and stays open.
 */
#ifndef TEST_REFLECTOR_SERVER_H
#define TEST_REFLECTOR_SERVER_H

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/log.h"
#include "base/rng.h"
#include "kube/client.h"
#include "kube/reflector.h"
#include "kube/reflector_impl.h"
#include "support/fake_server.h"
#include "support/loop.h"
#include "support/suite.h"
#include "test_reflector_seen.h"

enum kind { DISCOVERY, LIST, WATCH, STREAM, KINDS };

enum then {
	WHOLE, /* an answer with Content-Length */
	STAY,  /* chunked, and it stays open */
	END,   /* chunked, and ended as it should be */
	CUT,   /* chunked, and the connection is closed in the middle */
	RST,   /* chunked, and reset; the body may arrive or not */
	HANG,  /* no answer at all */
};

struct reply {
	int status;
	const char *body;
	enum then then;
	const char *headers; /* "Name: value\r\n" or NULL */
};

#define OK(body)                                                                                             \
	{                                                                                                    \
		200, body, WHOLE, NULL                                                                       \
	}
#define NO(status, body)                                                                                     \
	{                                                                                                    \
		status, body, WHOLE, NULL                                                                    \
	}
#define LATER(status, body, s)                                                                               \
	{                                                                                                    \
		status, body, WHOLE, "Retry-After: " s "\r\n"                                                \
	}
#define THEN(then, body)                                                                                     \
	{                                                                                                    \
		200, body, then, NULL                                                                        \
	}

#define APIGROUP(versions) "{\"kind\":\"APIGroup\",\"name\":\"kubevirt.io\",\"versions\":[" versions "]}"
#define VERSION(v)         "{\"groupVersion\":\"kubevirt.io/" v "\",\"version\":\"" v "\"}"
#define ITEM(name, rv)     "{\"metadata\":{\"name\":\"" name "\",\"resourceVersion\":\"" rv "\"}}"
#define PAGE(rv, token, items)                                                                               \
	"{\"metadata\":{\"resourceVersion\":\"" rv "\",\"continue\":\"" token "\"},\"items\":[" items "]}"
#define EVENT(type, name, rv) "{\"type\":\"" type "\",\"object\":" ITEM(name, rv) "}\n"
#define END_MARK(rv)                                                                                         \
	"{\"type\":\"BOOKMARK\",\"object\":{\"metadata\":{\"resourceVersion\":\"" rv                         \
	"\",\"annotations\":{\"k8s.io/initial-events-end\":\"true\"}}}}\n"
#define STATUS(code, reason, more)                                                                           \
	"{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"status\":\"Failure\",\"code\":" #code                  \
	",\"reason\":\"" reason "\",\"message\":\"no: " reason "\"" more "}"
#define ERROR_EVENT(status) "{\"type\":\"ERROR\",\"object\":" status "}\n"
#define RESOURCE            "/apis/kubevirt.io/v1/virtualmachineinstances"

#define MAX_REQUESTS 4096

struct fixture {
	uv_loop_t loop;
	struct fake_server *server;
	struct kube_client *client;
	struct kube_config config;
	struct reflector *reflector;
	struct reflector_options options;
	struct seen seen;
	struct logger log;
	struct rng rng;
	const struct reply *script[KINDS];
	size_t script_len[KINDS];
	size_t count[KINDS];
	struct fake_conn *conn[KINDS]; /* of the last request of that kind */
	char *requests[MAX_REQUESTS];
	bool gzip[MAX_REQUESTS]; /* offered with the request */
	size_t request_count;
	size_t words_left; /* the test's */
	bool closed;
	bool client_closed;
};

static inline enum kind kind_of(const char *target)
{
	if (strstr(target, "sendInitialEvents=true") != NULL)
		return STREAM;
	if (strstr(target, "watch=1") != NULL)
		return WATCH;
	return strstr(target, "limit=") != NULL ? LIST : DISCOVERY;
}

static inline void give(struct fake_conn *conn, const struct reply *reply)
{
	const char *body = reply->body != NULL ? reply->body : "";
	int status = reply->status != 0 ? reply->status : 200;

	if (reply->then == WHOLE)
		fake_conn_answer(conn, status, reply->headers, body);
	if (reply->then == WHOLE || reply->then == HANG)
		return;
	fake_conn_begin(conn, status, reply->headers);
	if (*body != '\0')
		fake_conn_chunk(conn, body);
	if (reply->then == END)
		fake_conn_end(conn);
	else if (reply->then == CUT)
		fake_conn_close(conn);
	else if (reply->then == RST)
		fake_conn_reset(conn);
}

static inline void on_request(void *data, struct fake_conn *conn, const struct fake_request *request)
{
	static const struct reply defaults[KINDS] = {
		[DISCOVERY] = {200, APIGROUP(VERSION("v1") "," VERSION("v1alpha3")), WHOLE, NULL},
		[LIST] = {200, PAGE("10", "", ""), WHOLE, NULL},
		[WATCH] = {200, "", STAY, NULL},
		[STREAM] = {200, END_MARK("10"), STAY, NULL},
	};
	struct fixture *fx = data;
	enum kind kind = kind_of(request->target);
	size_t n = fx->count[kind]++;

	ck_assert_str_eq(request->method, "GET");
	ck_assert_uint_lt(fx->request_count, MAX_REQUESTS);
	fx->gzip[fx->request_count] = fake_request_header(request, "Accept-Encoding") != NULL;
	fx->requests[fx->request_count++] = strdup(request->target);
	fx->conn[kind] = conn;
	give(conn, n < fx->script_len[kind] ? &fx->script[kind][n] : &defaults[kind]);
}

#define SCRIPT(fx, kind, ...)                                                                                \
	do {                                                                                                 \
		static const struct reply replies_[] = {__VA_ARGS__};                                        \
		(fx)->script[kind] = replies_;                                                               \
		(fx)->script_len[kind] = ARRAY_LEN(replies_);                                                \
	} while (0)

/** The server, the client and the options; change them, then start(). */
static inline void setup(struct fixture *fx)
{
	static const char *const versions[] = {"v1", "v1alpha3", NULL};
	struct kube_client_options client = {.loop = &fx->loop, .config = &fx->config, .log = &fx->log};
	struct error err = {0};

	*fx = (struct fixture){0};
	ck_assert_int_eq(uv_loop_init(&fx->loop), 0);
	rng_init_seeded(&fx->rng, 4711);
	log_init(&fx->log, memfd_create("log", 0), LOG_LEVEL_INFO, "test");
	seen_init(&fx->seen);
	fx->server = fake_server_open(&fx->loop, on_request, fx);
	fx->config.server = strdup(fake_server_url(fx->server));
	client.user_agent = "test/1";
	ck_assert_msg(kube_client_open(&fx->client, &client, &err) == 0, "%s", err.message);
	fx->options = (struct reflector_options){
		.loop = &fx->loop,
		.client = fx->client,
		.log = &fx->log,
		.rng = &fx->rng,
		.group = "kubevirt.io",
		.versions = versions,
		.resource = "virtualmachineinstances",
		.fields = seen_fields,
		.field_count = SEEN_FIELDS,
		.handler = &seen_handler,
		.handler_data = &fx->seen,
		.backoff_initial_ms = 1,
		.backoff_max_ms = 4,
		.min_watch_ms = 1,
	};
}

static inline void start(struct fixture *fx)
{
	struct error err = {0};

	ck_assert_msg(reflector_open(&fx->reflector, &fx->options, &err) == 0, "%s", err.message);
	assert_seen(&fx->seen, ""); /* no callback before the starter has returned */
}

static inline void on_closed(void *data)
{
	struct fixture *fx = data;

	ck_assert(!fx->closed);
	fx->closed = true;
}

static inline void on_client_closed(void *data)
{
	struct fixture *fx = data;

	fx->client_closed = true;
}

/** Closes the reflector; from now on its handler must stay silent. */
static inline void stop(struct fixture *fx)
{
	fx->seen.closed = true;
	reflector_close(fx->reflector, on_closed, fx);
	ck_assert(!fx->closed);
}

static inline void teardown(struct fixture *fx)
{
	if (fx->reflector != NULL && !fx->seen.closed)
		stop(fx);
	if (fx->reflector != NULL)
		LOOP_UNTIL(&fx->loop, fx->closed);
	if (!fx->client_closed)
		kube_client_close(fx->client, on_client_closed, fx);
	LOOP_UNTIL(&fx->loop, fx->client_closed);
	fake_server_close(fx->server, NULL, NULL);
	loop_assert_drained(&fx->loop);
	for (size_t i = 0; i < fx->request_count; i++)
		free(fx->requests[i]);
	free(fx->config.server);
	seen_free(&fx->seen);
	(void)close(fx->log.fd);
}

/** Turns of the loop in which what must not happen would happen. */
static inline void linger(struct fixture *fx)
{
	loop_run_turns(&fx->loop, 300);
}

/** How often @text stands in the log. */
static inline unsigned logged(struct fixture *fx, const char *text)
{
	static char all[1 << 20];
	ssize_t n = pread(fx->log.fd, all, sizeof(all) - 1, 0);
	unsigned count = 0;

	ck_assert_int_ge(n, 0);
	all[n] = '\0';
	for (const char *at = all; (at = strstr(at, text)) != NULL; at += strlen(text))
		count++;
	return count;
}

/** The last request of @kind. */
static inline const char *last_request(const struct fixture *fx, enum kind kind)
{
	for (size_t i = fx->request_count; i > 0; i--)
		if (kind_of(fx->requests[i - 1]) == kind)
			return fx->requests[i - 1];
	ck_abort_msg("no such request");
	return NULL;
}

/** The last watch was asked to begin at @rv (percent-encoded). */
static inline void assert_watch_from(const struct fixture *fx, const char *rv)
{
	char prefix[512];
	const char *request = last_request(fx, WATCH);

	(void)snprintf(prefix, sizeof(prefix), "%s",
		       RESOURCE "?watch=1&allowWatchBookmarks=true&resourceVersion=");
	ck_assert_msg(strncmp(request, prefix, strlen(prefix)) == 0, "%s", request);
	request += strlen(prefix);
	ck_assert_msg(strncmp(request, rv, strlen(rv)) == 0 && request[strlen(rv)] == '&', "%s", request);
}

/** The view is at @rv. */
static inline bool is_at(const struct fixture *fx, const char *rv)
{
	return strcmp(reflector_resource_version(fx->reflector), rv) == 0;
}

/** Milliseconds until the reflector does its next step; it must be waiting. */
static inline uint64_t wait_ms(const struct fixture *fx)
{
	ck_assert_int_eq(fx->reflector->state, REFLECTOR_WAITING);
	return uv_timer_get_due_in(&fx->reflector->timer);
}

#endif
