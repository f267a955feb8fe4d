/* How old a view may be: reads against a scripted server, and a view that the test moves. */
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

static void answer(struct fake_conn *conn, const char *rv)
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

static void on_request(void *data, struct fake_conn *conn, const struct fake_request *request)
{
	(void)data;
	ck_assert_str_eq(request->method, "GET");
	ck_assert_str_eq(request->target, VMIS "?limit=1"); /* nothing else: consistent (I3) */
	ck_assert_ptr_nonnull(fake_request_header(request, "Accept-Encoding"));
	fx.asked++;
	fx.conn = conn;
	if (fx.answer != NULL)
		answer(conn, fx.answer);
}

static const char *path(void *data)
{
	ck_assert_ptr_eq(data, &fx);
	ck_assert(!fx.closing);
	fx.path_looked_up++;
	return fx.path;
}

static const char *position(void *data)
{
	ck_assert_ptr_eq(data, &fx);
	ck_assert(!fx.closing);
	return fx.position;
}

static void on_ended(void *data, const char *method, int code, double seconds)
{
	(void)method;
	(void)code;
	(void)seconds;
	ck_assert_ptr_eq(data, &fx);
	fx.ended++;
}

static void on_closed(void *data)
{
	ck_assert_ptr_eq(data, &fx);
	ck_assert(!fx.closed);
	fx.closed = true;
}

static void stop(void)
{
	fx.closing = true;
	freshness_close(fx.freshness, on_closed, &fx);
	ck_assert(!fx.closed);
}

static void rewound(void *data, const char *before, const char *now)
{
	size_t len = strlen(fx.rewound_text);

	ck_assert_ptr_eq(data, &fx);
	ck_assert(!fx.closing);
	(void)snprintf(fx.rewound_text + len, sizeof(fx.rewound_text) - len, "%s>%s ", before, now);
	fx.rewound++;
	if (fx.close_when_told)
		stop();
}

static void behind(void *data)
{
	ck_assert_ptr_eq(data, &fx);
	ck_assert(!fx.closing);
	fx.behind++;
	if (fx.close_when_told)
		stop();
}

/* The server is at 10 and so is the view; reads come only when they are asked for. Change fx, then start().
 */
static void setup(void)
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

static void start(void)
{
	struct error err = {0};

	ck_assert_msg(freshness_open(&fx.freshness, &fx.options, &err) == 0, "%s", err.message);
	ck_assert_uint_eq(freshness_ms(fx.freshness), 0);
}

static void on_client_closed(void *data)
{
	(void)data;
	fx.client_closed = true;
}

static void teardown(void)
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
static uint64_t read_now(const char *rv)
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
static void more_reads(unsigned n)
{
	unsigned until = fx.ended + n + 1;

	LOOP_UNTIL(&fx.loop, fx.ended >= until);
}

/* The view is as fresh as a read that was sent at @sent_ms; minutes lie between two of them. */
static void assert_fresh(uint64_t sent_ms)
{
	ck_assert_uint_ge(freshness_ms(fx.freshness), sent_ms);
	ck_assert_uint_lt(freshness_ms(fx.freshness), sent_ms + LOOP_DEADLINE_MS);
}

static void move_to(const char *rv)
{
	fx.position = rv;
	freshness_moved(fx.freshness);
}

START_TEST(a_list_makes_fresh)
{
	setup();
	start();
	freshness_listed(fx.freshness, 1000);
	ck_assert_uint_eq(freshness_ms(fx.freshness), 1000);
	freshness_listed(fx.freshness, 900);
	ck_assert_uint_eq(freshness_ms(fx.freshness), 1000);
	ck_assert_uint_eq(fx.asked, 0);
	teardown();
}
END_TEST

START_TEST(a_read_that_the_view_has_passed_makes_fresh)
{
	uint64_t sent_ms;

	setup();
	start();
	sent_ms = read_now("10"); /* an idle cluster */
	assert_fresh(sent_ms);
	sent_ms = read_now("10");
	assert_fresh(sent_ms);
	fx.answer = NULL; /* an event overtakes the answer */
	slept_ms += 60000;
	sent_ms = clock_boot_ms();
	freshness_hurry(fx.freshness);
	LOOP_UNTIL(&fx.loop, fx.asked == 3);
	move_to("20");
	ck_assert_uint_lt(freshness_ms(fx.freshness), sent_ms);
	slept_ms += 60000;
	answer(fx.conn, "15");
	LOOP_UNTIL(&fx.loop, fx.ended == 3);
	assert_fresh(sent_ms);
	ck_assert_uint_eq(fx.rewound, 0); /* 20 had not been seen when the question was sent */
	teardown();
}
END_TEST

START_TEST(reads_wait_for_the_view)
{
	uint64_t first_ms;
	uint64_t second_ms;
	uint64_t third_ms;

	setup();
	start();
	first_ms = read_now("11");
	second_ms = read_now("13");
	third_ms = read_now("13");
	ck_assert_uint_eq(freshness_ms(fx.freshness), 0);
	freshness_moved(fx.freshness);
	ck_assert_uint_eq(freshness_ms(fx.freshness), 0);
	move_to("12");
	assert_fresh(first_ms);
	move_to("13");
	assert_fresh(third_ms);
	ck_assert_uint_gt(third_ms, second_ms);
	first_ms = read_now("20");
	fx.position = "20";
	freshness_listed(fx.freshness, 1); /* it counts as a move, too */
	assert_fresh(first_ms);
	teardown();
}
END_TEST

START_TEST(a_view_that_never_moves_keeps_the_first_reads_and_the_last)
{
	uint64_t first_ms;
	uint64_t last_ms = 0;
	char rv[16];

	setup();
	start();
	first_ms = read_now("11");
	for (int i = 12; i <= 60; i++) {
		(void)snprintf(rv, sizeof(rv), "%d", i);
		last_ms = read_now(rv);
	}
	move_to("11");
	assert_fresh(first_ms);
	move_to("59");
	ck_assert_uint_lt(freshness_ms(fx.freshness), last_ms);
	move_to("60");
	assert_fresh(last_ms);
	teardown();
}
END_TEST

START_TEST(versions_that_cannot_be_compared_say_nothing)
{
	uint64_t sent_ms;

	setup();
	start();
	read_now("x7");
	move_to("x8");
	ck_assert_uint_eq(freshness_ms(fx.freshness), 0);
	sent_ms = read_now("x8"); /* the same is the same */
	assert_fresh(sent_ms);
	ck_assert_uint_eq(fx.rewound, 0);
	teardown();
}
END_TEST

START_TEST(reads_come_at_their_interval)
{
	setup();
	fx.options.interval_ms = 1;
	fx.path = NULL;
	start();
	LOOP_UNTIL(&fx.loop, fx.path_looked_up >= 5);
	freshness_hurry(fx.freshness);
	loop_run_turns(&fx.loop, 50);
	ck_assert_uint_eq(fx.asked, 0);
	fx.path = VMIS;
	more_reads(5);
	ck_assert_uint_gt(freshness_ms(fx.freshness), 0);
	fx.answer = NULL; /* never two at once */
	LOOP_UNTIL(&fx.loop, fx.asked > fx.ended);
	loop_run_turns(&fx.loop, 300);
	ck_assert_uint_eq(fx.asked, fx.ended + 1);
	teardown();
}
END_TEST

/* Milliseconds to the next read. Nothing else is in the loop that waits for a time. */
static int due_ms(void)
{
	return uv_backend_timeout(&fx.loop);
}

START_TEST(two_replicas_do_not_ask_in_step)
{
	int shortest = INT32_MAX;
	int longest = 0;

	for (unsigned i = 0; i < 50; i++) {
		setup();
		fx.options.interval_ms = 0;
		rng_init_seeded(&fx.rng, i);
		start();
		loop_run_turns(&fx.loop, 5);
		shortest = due_ms() < shortest ? due_ms() : shortest;
		longest = due_ms() > longest ? due_ms() : longest;
		teardown();
	}
	ck_assert_int_ge(shortest, 30000);
	ck_assert_int_le(longest, 75000);
	ck_assert_int_ge(longest - shortest, 20000);
}
END_TEST

START_TEST(who_is_in_a_hurry_is_answered_at_once)
{
	setup();
	start();
	fx.answer = NULL;
	freshness_hurry(fx.freshness);
	LOOP_UNTIL(&fx.loop, fx.asked == 1);
	slept_ms += 60000;
	freshness_hurry(fx.freshness); /* the one in flight is not late enough for this */
	freshness_hurry(fx.freshness);
	loop_run_turns(&fx.loop, 50);
	ck_assert_uint_eq(fx.asked, 1);
	fx.answer = "10";
	answer(fx.conn, "10");
	LOOP_UNTIL(&fx.loop, fx.ended == 2);
	ck_assert_uint_gt(freshness_ms(fx.freshness) + 60000, clock_boot_ms());
	loop_run_turns(&fx.loop, 50);
	ck_assert_uint_eq(fx.asked, 2);
	teardown();
}
END_TEST

START_TEST(a_view_that_stays_behind_is_told_of_once)
{
	setup();
	fx.options.behind_ms = 10 * HOUR_MS;
	fx.options.interval_ms = 1;
	start();
	(void)read_now("11");
	slept_ms += 9 * HOUR_MS;
	more_reads(5);
	ck_assert_uint_eq(fx.behind, 0);
	slept_ms += HOUR_MS;
	LOOP_UNTIL(&fx.loop, fx.behind == 1);
	slept_ms += 100 * HOUR_MS; /* the list takes its time */
	more_reads(5);
	ck_assert_uint_eq(fx.behind, 1);
	ck_assert_uint_eq(freshness_ms(fx.freshness), 0);
	freshness_listed(fx.freshness, 1); /* of a time before the read: the watch may still bring it */
	slept_ms += 9 * HOUR_MS;
	more_reads(5);
	ck_assert_uint_eq(fx.behind, 1);
	slept_ms += HOUR_MS;
	LOOP_UNTIL(&fx.loop, fx.behind == 2);
	teardown();
}
END_TEST

START_TEST(a_view_that_follows_is_not_behind)
{
	setup();
	fx.options.behind_ms = 10 * HOUR_MS;
	fx.options.interval_ms = 1;
	start();
	(void)read_now("11");
	slept_ms += 9 * HOUR_MS;
	move_to("11");
	more_reads(1);
	fx.answer = "12";
	more_reads(5);
	slept_ms += 9 * HOUR_MS;
	more_reads(5);
	ck_assert_uint_eq(fx.behind, 0);
	fx.path = NULL; /* not served any more: there is nothing to list */
	slept_ms += 9 * HOUR_MS;
	fx.path_looked_up = 0;
	LOOP_UNTIL(&fx.loop, fx.path_looked_up >= 5);
	ck_assert_uint_eq(fx.behind, 0);
	teardown();
}
END_TEST

START_TEST(a_server_behind_the_view_has_gone_back)
{
	uint64_t sent_ms;

	setup();
	start();
	sent_ms = read_now("10");
	(void)read_now("9");
	ck_assert_str_eq(fx.rewound_text, "10>9 ");
	assert_fresh(sent_ms); /* what is seen now is no younger */
	move_to("30");
	(void)read_now("12");
	ck_assert_str_eq(fx.rewound_text, "10>9 30>12 ");
	move_to("12"); /* as a new list would make it */
	(void)read_now("13");
	ck_assert_str_eq(fx.rewound_text, "10>9 30>12 30>13 ");
	sent_ms = read_now("31");
	ck_assert_uint_eq(fx.rewound, 3);
	move_to("31");
	assert_fresh(sent_ms);
	teardown();
}
END_TEST

START_TEST(a_server_behind_an_earlier_read_has_gone_back)
{
	setup();
	start();
	(void)read_now("30"); /* where the view has not come yet */
	(void)read_now("25");
	ck_assert_str_eq(fx.rewound_text, "30>25 ");
	move_to("25");
	ck_assert_uint_eq(freshness_ms(fx.freshness), 0);
	teardown();
}
END_TEST

START_TEST(a_read_that_fails_changes_nothing)
{
	static const struct {
		int status;
		const char *body;
	} rows[] = {
		{500, "{}"},
		{404, ""},
		{403, "{\"metadata\":{\"resourceVersion\":\"5\"},\"items\":[]}"},
		{203, "{\"metadata\":{\"resourceVersion\":\"5\"},\"items\":[]}"},
		{200, ""},
		{200, "no JSON"},
		{200, "{\"metadata\":{\"resourceVersion\":\"5\"},\"items\":[]"},
		{200, "{\"metadata\":{\"resourceVersion\":\"5\"},\"rows\":[]}"},
		{200, "{\"metadata\":{\"resourceVersion\":5},\"items\":[]}"},
		{200, "{\"metadata\":{\"resourceVersion\":\"0\"},\"items\":[]}"},
		{200, "{\"items\":[]}"},
	};
	uint64_t sent_ms;

	setup();
	start();
	sent_ms = read_now("10");
	fx.answer = NULL;
	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		slept_ms += 60000;
		freshness_hurry(fx.freshness);
		LOOP_UNTIL(&fx.loop, fx.asked == i + 2);
		fake_conn_answer(fx.conn, rows[i].status, NULL, rows[i].body);
		LOOP_UNTIL(&fx.loop, fx.ended == i + 2);
	}
	slept_ms += 60000;
	freshness_hurry(fx.freshness);
	LOOP_UNTIL(&fx.loop, fx.asked == ARRAY_LEN(rows) + 2);
	fake_conn_begin(fx.conn, 200, NULL); /* complete, but for the end of the answer */
	fake_conn_chunk(fx.conn, "{\"metadata\":{\"resourceVersion\":\"5\"},\"items\":[]}");
	fake_conn_close(fx.conn);
	fake_server_stop(fx.server);
	LOOP_UNTIL(&fx.loop, fx.ended == ARRAY_LEN(rows) + 2);
	(void)read_now("5");
	assert_fresh(sent_ms);
	ck_assert_uint_eq(fx.rewound, 0);
	fake_server_restart(fx.server);
	sent_ms = read_now("10");
	assert_fresh(sent_ms);
	teardown();
}
END_TEST

START_TEST(an_object_may_be_larger_than_an_ordinary_answer)
{
	const size_t size = KUBE_CLIENT_MAX_ANSWER + 1000;
	char *filler = malloc(size);

	setup();
	start();
	fx.answer = NULL;
	freshness_hurry(fx.freshness);
	LOOP_UNTIL(&fx.loop, fx.asked == 1);
	memset(filler, 'x', size);
	fake_conn_begin(fx.conn, 200, NULL);
	fake_conn_chunk(fx.conn, "{\"metadata\":{\"resourceVersion\":\"10\"},\"items\":[{\"spec\":\"");
	fake_conn_chunk_bytes(fx.conn, filler, size);
	fake_conn_chunk(fx.conn, "\"}]}");
	fake_conn_end(fx.conn);
	free(filler);
	LOOP_UNTIL(&fx.loop, fx.ended == 1);
	ck_assert_uint_gt(freshness_ms(fx.freshness), 0);
	teardown();
}
END_TEST

START_TEST(it_can_be_closed_at_once)
{
	setup();
	start();
	teardown();
	ck_assert_uint_eq(fx.asked, 0);
}
END_TEST

START_TEST(it_can_be_closed_while_a_read_is_in_flight)
{
	setup();
	start();
	fx.answer = NULL;
	freshness_hurry(fx.freshness);
	LOOP_UNTIL(&fx.loop, fx.asked == 1);
	freshness_hurry(fx.freshness);
	answer(fx.conn, "5");
	stop();
	LOOP_UNTIL(&fx.loop, fx.closed);
	loop_run_turns(&fx.loop, 50);
	ck_assert_uint_eq(fx.asked, 1);
	ck_assert_uint_eq(fx.rewound, 0);
	teardown();
}
END_TEST

START_TEST(it_can_be_closed_from_its_callbacks)
{
	setup();
	start();
	fx.close_when_told = true;
	fx.answer = "5";
	freshness_hurry(fx.freshness);
	freshness_hurry(fx.freshness);
	LOOP_UNTIL(&fx.loop, fx.closed);
	ck_assert_uint_eq(fx.rewound, 1);
	teardown();
	setup();
	fx.options.interval_ms = 1;
	fx.options.behind_ms = HOUR_MS;
	start();
	fx.close_when_told = true;
	(void)read_now("11");
	slept_ms += HOUR_MS;
	LOOP_UNTIL(&fx.loop, fx.closed);
	ck_assert_uint_eq(fx.behind, 1);
	teardown();
}
END_TEST

START_TEST(a_client_that_takes_no_requests_is_a_read_that_fails)
{
	setup();
	start();
	fx.path = "no path";
	freshness_hurry(fx.freshness);
	loop_run_turns(&fx.loop, 50);
	fx.path = VMIS;
	assert_fresh(read_now("10"));
	ck_assert_uint_eq(fx.asked, 1);
	teardown();
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		a_list_makes_fresh,
		a_read_that_the_view_has_passed_makes_fresh,
		reads_wait_for_the_view,
		a_view_that_never_moves_keeps_the_first_reads_and_the_last,
		versions_that_cannot_be_compared_say_nothing,
		reads_come_at_their_interval,
		two_replicas_do_not_ask_in_step,
		who_is_in_a_hurry_is_answered_at_once,
		a_view_that_stays_behind_is_told_of_once,
		a_view_that_follows_is_not_behind,
		a_server_behind_the_view_has_gone_back,
		a_server_behind_an_earlier_read_has_gone_back,
		a_read_that_fails_changes_nothing,
		an_object_may_be_larger_than_an_ordinary_answer,
		it_can_be_closed_at_once,
		it_can_be_closed_while_a_read_is_in_flight,
		it_can_be_closed_from_its_callbacks,
		a_client_that_takes_no_requests_is_a_read_that_fails,
	};

	return suite_run("freshness", tests, ARRAY_LEN(tests));
}
