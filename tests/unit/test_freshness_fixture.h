/**
 * test_freshness_fixture: reads against a scripted server, a view that the test moves, and a boot clock that
 * it advances; include it once in a program.
 */
#ifndef UNIT_TEST_FRESHNESS_FIXTURE_H
#define UNIT_TEST_FRESHNESS_FIXTURE_H

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "kube/freshness.h"
#include "support/fake_server.h"
#include "support/loop.h"
#include "support/suite.h"

#define HOUR_MS UINT32_C(3600000)
#define VMIS    "/apis/kubevirt.io/v1/virtualmachineinstances"

struct fixture {
	uv_loop_t loop;
	struct fake_server *server;
	struct kube_client *client;
	struct kube_config config;
	struct freshness_options options;
	struct freshness *freshness;
	struct logger log;
	struct rng rng;
	const char *path;
	unsigned path_looked_up;
	const char *position;
	const char *answer;     /* resourceVersion; NULL: none comes */
	struct fake_conn *conn; /* of the last request */
	unsigned asked;
	unsigned ended; /* requests, of which the answer has been told */
	unsigned behind;
	unsigned rewound;
	char rewound_text[256];
	bool close_when_told;
	bool closing;
	bool closed;
	bool client_closed;
};

static struct fixture fx;
static uint64_t slept_ms;

/* libc's; the linker prefers this one. A machine that was suspended. */
int clock_gettime(clockid_t id, struct timespec *ts)
{
	int rc = (int)syscall(SYS_clock_gettime, id, ts);

	if (rc == 0 && id == CLOCK_BOOTTIME)
		ts->tv_sec += (time_t)(slept_ms / 1000);
	return rc;
}

static inline void answer(struct fake_conn *conn, const char *rv)
{
	AUTO_BUF struct buf body;

	buf_init(&body, 4096);
	ck_assert_int_eq(buf_printf(&body,
				    "{\"metadata\":{\"resourceVersion\":\"%s\",\"continue\":\"t\"},"
				    "\"items\":[{\"metadata\":{\"resourceVersion\":\"7\"}}]}",
				    rv),
			 0);
	fake_conn_answer(conn, 200, NULL, buf_str(&body));
}

static inline void on_request(void *data, struct fake_conn *conn, const struct fake_request *request)
{
	(void)data;
	ck_assert_str_eq(request->method, "GET");
	ck_assert_str_eq(request->target, VMIS "?limit=1"); /* nothing else: consistent (I3) */
	ck_assert_ptr_null(fake_request_header(request, "Accept-Encoding"));
	fx.asked++;
	fx.conn = conn;
	if (fx.answer != NULL)
		answer(conn, fx.answer);
}

static inline const char *path(void *data)
{
	ck_assert_ptr_eq(data, &fx);
	ck_assert(!fx.closing);
	fx.path_looked_up++;
	return fx.path;
}

static inline const char *position(void *data)
{
	ck_assert_ptr_eq(data, &fx);
	ck_assert(!fx.closing);
	return fx.position;
}

static inline void on_ended(void *data, const char *method, int code, double seconds)
{
	(void)method;
	(void)code;
	(void)seconds;
	ck_assert_ptr_eq(data, &fx);
	fx.ended++;
}

static inline void on_closed(void *data)
{
	ck_assert_ptr_eq(data, &fx);
	ck_assert(!fx.closed);
	fx.closed = true;
}

static inline void stop(void)
{
	fx.closing = true;
	freshness_close(fx.freshness, on_closed, &fx);
	ck_assert(!fx.closed);
}

static inline void rewound(void *data, const char *before, const char *now)
{
	size_t len = strlen(fx.rewound_text);

	ck_assert_ptr_eq(data, &fx);
	ck_assert(!fx.closing);
	(void)snprintf(fx.rewound_text + len, sizeof(fx.rewound_text) - len, "%s>%s ", before, now);
	fx.rewound++;
	if (fx.close_when_told)
		stop();
}

static inline void behind(void *data)
{
	ck_assert_ptr_eq(data, &fx);
	ck_assert(!fx.closing);
	fx.behind++;
	if (fx.close_when_told)
		stop();
}

/* The server is at 10 and so is the view; reads come only when they are asked for. Change fx, then start().
 */
static inline void setup(void)
{
	struct kube_client_options client = {
		.loop = &fx.loop,
		.config = &fx.config,
		.log = &fx.log,
		.user_agent = "test/1",
		.observer = on_ended,
		.observer_data = &fx,
	};
	struct error err = {0};

	fx = (struct fixture){.path = VMIS, .position = "10", .answer = "10"};
	slept_ms = 0;
	ck_assert_int_eq(uv_loop_init(&fx.loop), 0);
	rng_init_seeded(&fx.rng, 4711);
	log_init(&fx.log, -1, LOG_LEVEL_DEBUG, "test");
	fx.server = fake_server_open(&fx.loop, on_request, NULL);
	fx.config.server = strdup(fake_server_url(fx.server));
	ck_assert_msg(kube_client_open(&fx.client, &client, &err) == 0, "%s", err.message);
	fx.options = (struct freshness_options){
		.loop = &fx.loop,
		.client = fx.client,
		.log = &fx.log,
		.rng = &fx.rng,
		.path = path,
		.position = position,
		.rewound = rewound,
		.behind = behind,
		.data = &fx,
		.interval_ms = 100 * HOUR_MS,
	};
}

static inline void start(void)
{
	struct error err = {0};

	ck_assert_msg(freshness_open(&fx.freshness, &fx.options, &err) == 0, "%s", err.message);
	ck_assert_uint_eq(freshness_ms(fx.freshness), 0);
}

static inline void on_client_closed(void *data)
{
	(void)data;
	fx.client_closed = true;
}

static inline void teardown(void)
{
	if (fx.freshness != NULL && !fx.closing)
		stop();
	if (fx.freshness != NULL)
		LOOP_UNTIL(&fx.loop, fx.closed);
	kube_client_close(fx.client, on_client_closed, NULL);
	LOOP_UNTIL(&fx.loop, fx.client_closed);
	fake_server_close(fx.server, NULL, NULL);
	loop_assert_drained(&fx.loop);
	free(fx.config.server);
}

/* A minute later, one more read, to its end. Returns the time at which it was sent. */
static inline uint64_t read_now(const char *rv)
{
	unsigned ended = fx.ended;
	uint64_t now_ms;

	slept_ms += 60000;
	now_ms = clock_boot_ms();
	fx.answer = rv;
	freshness_hurry(fx.freshness);
	LOOP_UNTIL(&fx.loop, fx.ended == ended + 1);
	return now_ms;
}

/* So many that were sent from now on have ended, with what was in flight. */
static inline void more_reads(unsigned n)
{
	unsigned until = fx.ended + n + 1;

	LOOP_UNTIL(&fx.loop, fx.ended >= until);
}

/* The view is as fresh as a read that was sent at @sent_ms; minutes lie between two of them. */
static inline void assert_fresh(uint64_t sent_ms)
{
	ck_assert_uint_ge(freshness_ms(fx.freshness), sent_ms);
	ck_assert_uint_lt(freshness_ms(fx.freshness), sent_ms + LOOP_DEADLINE_MS);
}

static inline void move_to(const char *rv)
{
	fx.position = rv;
	freshness_moved(fx.freshness);
}

#endif
