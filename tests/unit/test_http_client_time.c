/* Time limits of the HTTP client: in all, of silence, and with a resolver that hangs. The names T1, T2, ...
 * are the traps listed in kube/http_engine.h. */
#include <dlfcn.h>
#include <errno.h>
#include <netdb.h>
#include <pthread.h>

#include "support/suite.h"
#include "test_http_client_probe.h"

static struct rig rig;

static pthread_mutex_t resolver_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t resolver_free = PTHREAD_COND_INITIALIZER;
static bool resolver_hangs;
static int resolver_calls;
static int resolver_returns;

static int resolve_slowly(void)
{
	(void)pthread_mutex_lock(&resolver_lock);
	resolver_calls++;
	while (resolver_hangs)
		(void)pthread_cond_wait(&resolver_free, &resolver_lock);
	resolver_returns++;
	(void)pthread_cond_broadcast(&resolver_free);
	(void)pthread_mutex_unlock(&resolver_lock);
	return EAI_AGAIN;
}

static bool resolver_has_calls(int n)
{
	bool has;

	(void)pthread_mutex_lock(&resolver_lock);
	has = resolver_calls >= n;
	(void)pthread_mutex_unlock(&resolver_lock);
	return has;
}

/* libc's; the linker prefers this one. */
int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **out)
{
	int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);

	if (name != NULL && strcmp(name, "hanging.test") == 0)
		return resolve_slowly();
	*(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
	return real(name, service, hints, out);
}

START_TEST(the_last_request_to_time_out_is_told_too)
{
	struct probe p[3];

	/* T1 */
	rig_open(&rig, NULL, NULL);
	for (int i = 0; i < 3; i++) {
		probe_init(&p[i], &rig, "/");
		p[i].req.total_timeout_ms = 50U + 20U * (uint32_t)i;
		probe_start(&p[i]);
	}
	for (int i = 0; i < 3; i++) {
		LOOP_UNTIL(&rig.loop, p[i].done == 1);
		ck_assert_int_eq(p[i].result.error, -ETIMEDOUT);
		/* On a busy machine the time may be over before a request has left. */
		ck_assert(p[i].result.sent || fake_server_requests(rig.server) < 3);
		probe_free(&p[i]);
	}
	rig_close(&rig);
}
END_TEST

static uv_timer_t dribble;
static struct fake_conn *dribbling;

static void on_dribble(uv_timer_t *timer)
{
	(void)timer;
	if (dribbling != NULL && fake_conn_is_open(dribbling))
		fake_conn_chunk(dribbling, "x");
}

static void answer_dribble(void *data, struct fake_conn *c, const struct fake_request *r)
{
	(void)data;
	(void)r;
	dribbling = c;
	fake_conn_begin(c, 200, NULL);
}

static void dribble_every(uint64_t ms)
{
	dribbling = NULL;
	ck_assert_int_eq(uv_timer_init(&rig.loop, &dribble), 0);
	ck_assert_int_eq(uv_timer_start(&dribble, on_dribble, ms, ms), 0);
}

START_TEST(an_answer_that_never_ends_is_ended_by_the_total_timeout)
{
	struct probe p;

	/* T2: bytes all the time must not keep libcurl's timer from firing. */
	rig_open(&rig, answer_dribble, NULL);
	dribble_every(1);
	probe_init(&p, &rig, "/");
	p.req.total_timeout_ms = 2000;
	probe_run(&p);
	ck_assert_int_eq(p.result.error, -ETIMEDOUT);
	ck_assert_int_eq(p.result.status, 200);
	ck_assert_uint_gt(p.body.len, 0);
	uv_close((uv_handle_t *)&dribble, NULL);
	probe_free(&p);
	rig_close(&rig);
}
END_TEST

START_TEST(silence_ends_an_answer_and_bytes_keep_it_alive)
{
	struct probe p;

	rig_open(&rig, answer_dribble, NULL);
	dribble_every(20);
	probe_init(&p, &rig, "/");
	p.req.idle_timeout_ms = 1000;
	probe_start(&p);
	/* Longer than the timeout in all, for each byte takes at least 20 ms. */
	LOOP_UNTIL(&rig.loop, p.body.len >= 60 || p.done > 0);
	ck_assert_int_eq(p.done, 0);
	(void)uv_timer_stop(&dribble);
	LOOP_UNTIL(&rig.loop, p.done == 1);
	ck_assert_int_eq(p.result.error, -ETIMEDOUT);
	ck_assert_str_eq(p.message, "the server was silent for too long");
	ck_assert_int_eq(p.result.status, 200);
	uv_close((uv_handle_t *)&dribble, NULL);
	probe_free(&p);
	rig_close(&rig);
}
END_TEST

START_TEST(bytes_that_wait_unread_are_no_silence)
{
	struct probe p;

	/* This process stands still for longer than the timeout, the server does not. */
	rig_open(&rig, answer_dribble, NULL);
	dribble_every(1000000);
	probe_init(&p, &rig, "/");
	p.req.idle_timeout_ms = 1000;
	probe_start(&p);
	LOOP_UNTIL(&rig.loop, p.heads == 1);
	fake_conn_chunk(dribbling, "x");
	LOOP_UNTIL(&rig.loop, fake_conn_unsent(dribbling) == 0 && p.body.len == 1);
	fake_conn_chunk(dribbling, "y");
	uv_sleep(1100);
	uv_update_time(&rig.loop);
	LOOP_UNTIL(&rig.loop, p.done > 0 || p.body.len == 2);
	ck_assert_int_eq(p.done, 0);
	uv_close((uv_handle_t *)&dribble, NULL);
	rig_close(&rig);
	probe_free(&p);
}
END_TEST

START_TEST(silence_before_the_first_byte_counts_and_each_request_has_its_own)
{
	struct probe p[3];

	rig_open(&rig, NULL, NULL);
	for (int i = 0; i < 3; i++) {
		probe_init(&p[i], &rig, "/");
		p[i].req.idle_timeout_ms = i == 2 ? 0 : 150U - 100U * (uint32_t)i;
		probe_start(&p[i]);
	}
	LOOP_UNTIL(&rig.loop, p[1].done == 1);
	LOOP_UNTIL(&rig.loop, p[0].done == 1);
	ck_assert_int_eq(p[0].result.error, -ETIMEDOUT);
	ck_assert_int_eq(p[1].result.error, -ETIMEDOUT);
	ck_assert_int_eq(p[0].result.status, 0);
	ck_assert_int_eq(p[2].done, 0);
	rig_close(&rig);
	ck_assert_int_eq(p[2].result.error, -ECANCELED);
	for (int i = 0; i < 3; i++)
		probe_free(&p[i]);
}
END_TEST

static void on_pause_over(uv_timer_t *timer)
{
	*(bool *)timer->data = true;
}

START_TEST(a_request_that_waits_does_not_turn_the_loop)
{
	uv_timer_t pause;
	bool over = false;
	int turns = 0;
	struct probe p;

	/* T4: neither an idle handle nor a timer of 0 ms may stay active. */
	rig_open(&rig, NULL, NULL);
	probe_init(&p, &rig, "/");
	p.req.total_timeout_ms = 60000;
	p.req.idle_timeout_ms = 60000;
	probe_start(&p);
	LOOP_UNTIL(&rig.loop, fake_server_requests(rig.server) == 1);
	ck_assert_int_eq(uv_timer_init(&rig.loop, &pause), 0);
	pause.data = &over;
	ck_assert_int_eq(uv_timer_start(&pause, on_pause_over, 300, 0), 0);
	while (!over) {
		(void)uv_run(&rig.loop, UV_RUN_ONCE);
		turns++;
	}
	ck_assert_int_lt(turns, 30);
	uv_close((uv_handle_t *)&pause, NULL);
	rig_close(&rig);
	probe_free(&p);
}
END_TEST

START_TEST(a_name_that_does_not_exist_is_no_route)
{
	struct probe p;

	rig_open(&rig, NULL, NULL);
	probe_init(&p, &rig, "/");
	(void)snprintf(p.url, sizeof(p.url), "http://hanging.test/"); /* fails without hanging */
	probe_run(&p);
	ck_assert_int_eq(p.result.error, -EHOSTUNREACH);
	ck_assert(!p.result.sent);
	probe_free(&p);
	rig_close(&rig);
}
END_TEST

START_TEST(a_resolver_that_hangs_holds_nothing_up)
{
	struct probe p[2];

	int calls = resolver_calls;
	int returns = resolver_returns;

	/* T20: giving up must not wait for the resolver's thread. */
	resolver_hangs = true;
	rig_open(&rig, NULL, NULL);
	for (int i = 0; i < 2; i++) {
		probe_init(&p[i], &rig, "/");
		(void)snprintf(p[i].url, sizeof(p[i].url), "http://hanging.test/");
	}
	p[0].req.total_timeout_ms = 100;
	probe_start(&p[0]);
	LOOP_UNTIL(&rig.loop, p[0].done == 1);
	ck_assert_int_eq(p[0].result.error, -ETIMEDOUT);
	ck_assert(!p[0].result.sent);
	probe_start(&p[1]);
	LOOP_UNTIL(&rig.loop, resolver_has_calls(calls + 2));
	http_request_cancel(&p[1].req);
	LOOP_UNTIL(&rig.loop, p[1].done == 1);
	ck_assert_int_eq(p[1].result.error, -ECANCELED);
	(void)pthread_mutex_lock(&resolver_lock);
	ck_assert_int_eq(resolver_calls, calls + 2);
	ck_assert_int_eq(resolver_returns, returns);
	(void)pthread_mutex_unlock(&resolver_lock);
	rig_close(&rig);
	(void)pthread_mutex_lock(&resolver_lock);
	resolver_hangs = false;
	(void)pthread_cond_broadcast(&resolver_free);
	while (resolver_returns < resolver_calls)
		(void)pthread_cond_wait(&resolver_free, &resolver_lock);
	(void)pthread_mutex_unlock(&resolver_lock);
	for (int i = 0; i < 2; i++)
		probe_free(&p[i]);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		the_last_request_to_time_out_is_told_too,
		an_answer_that_never_ends_is_ended_by_the_total_timeout,
		silence_ends_an_answer_and_bytes_keep_it_alive,
		bytes_that_wait_unread_are_no_silence,
		silence_before_the_first_byte_counts_and_each_request_has_its_own,
		a_request_that_waits_does_not_turn_the_loop,
		a_name_that_does_not_exist_is_no_route,
		a_resolver_that_hangs_holds_nothing_up,
	};

	return suite_run("http_client_time", tests, ARRAY_LEN(tests));
}
