#include <check.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "controller/term.h"
#include "support/fake_server.h"
#include "support/loop.h"
#include "support/suite.h"

#define ME "host_1"

static uv_loop_t loop;
static struct logger silent;
static struct rng rng;
static struct fake_server *server;
static struct kube_client *client;
static struct term *term;
static unsigned int closed;

static unsigned int raised;
static uint32_t raised_to;

/* The server's Lease, and how it behaves. */
static bool exists;
static uint32_t transitions;
static unsigned int version;
static unsigned int lose_answers; /* writes that are applied and whose answer is lost */
static unsigned int conflicts;    /* writes that find somebody else was faster */
static bool deaf;                 /* writes answer 200 with the old Lease */
static char last_path[256];
static struct fake_conn *held; /* a request that waits for the test's answer */
static bool hold;

static void answer_lease(struct fake_conn *conn, int status, const char *holder)
{
	char body[512];

	(void)snprintf(body, sizeof(body),
		       "{\"metadata\":{\"name\":\"l\",\"uid\":\"u\",\"resourceVersion\":\"%u\"},\"spec\":{"
		       "\"holderIdentity\":\"%s\","
		       "\"strategy\":\"kept\",\"leaseTransitions\":%" PRIu32 "}}",
		       version, holder, transitions);
	fake_conn_answer(conn, status, NULL, body);
}

static void write_lease(struct fake_conn *conn, const struct fake_request *request)
{
	const char *wanted = strstr(request->body, "\"leaseTransitions\":");

	ck_assert_ptr_nonnull(wanted);
	ck_assert_ptr_nonnull(strstr(request->body, "\"holderIdentity\":\"" ME "\""));
	if (conflicts > 0) {
		conflicts--;
		transitions++;
		version++;
		fake_conn_answer(conn, 409, NULL, "{}");
		return;
	}
	if (deaf) {
		answer_lease(conn, 200, "somebody");
		return;
	}
	exists = true;
	transitions = (uint32_t)strtoul(wanted + strlen("\"leaseTransitions\":"), NULL, 10);
	version++;
	if (lose_answers > 0) {
		lose_answers--;
		fake_conn_close(conn);
		return;
	}
	answer_lease(conn, strcmp(request->method, "POST") == 0 ? 201 : 200, ME);
}

static void on_request(void *data, struct fake_conn *conn, const struct fake_request *request)
{
	(void)data;
	(void)snprintf(last_path, sizeof(last_path), "%s", request->target);
	if (hold)
		held = conn;
	else if (strcmp(request->method, "GET") != 0)
		write_lease(conn, request);
	else if (exists)
		answer_lease(conn, 200, "somebody");
	else
		fake_conn_answer(conn, 404, NULL, "{}");
}

static void on_raised(void *data, uint32_t value)
{
	(void)data;
	raised++;
	raised_to = value;
}

static void given_lease(bool there, uint32_t value)
{
	struct kube_config config = {0};
	char url[64];

	(void)signal(SIGPIPE, SIG_IGN);
	exists = there;
	transitions = value;
	version = 1;
	raised = lose_answers = conflicts = closed = 0;
	deaf = hold = false;
	held = NULL;
	log_init(&silent, -1, LOG_LEVEL_INFO, "test");
	rng_init_seeded(&rng, 1);
	ck_assert_int_eq(uv_loop_init(&loop), 0);
	server = fake_server_open(&loop, on_request, NULL);
	(void)snprintf(url, sizeof(url), "%s", fake_server_url(server));
	config.server = url;
	ck_assert_int_eq(kube_client_open(&client,
					  &(struct kube_client_options){.loop = &loop,
									.config = &config,
									.user_agent = "t/1",
									.log = &silent},
					  NULL),
			 0);
	ck_assert_int_eq(term_open(&term,
				   &(struct term_options){.loop = &loop,
							  .client = client,
							  .log = &silent,
							  .rng = &rng,
							  .lease_name = "l",
							  .identity = ME,
							  .raised = on_raised},
				   NULL),
			 0);
}

static void on_closed(void *data)
{
	(void)data;
	closed++;
}

static void done(void)
{
	term_close(term, on_closed, NULL);
	LOOP_UNTIL(&loop, closed == 1);
	kube_client_close(client, on_closed, NULL);
	fake_server_close(server, on_closed, NULL);
	LOOP_UNTIL(&loop, closed == 3);
	loop_assert_drained(&loop);
}

START_TEST(the_term_is_one_more_than_the_leases)
{
	given_lease(true, 41);
	term_want(term, "kubevirt");
	LOOP_UNTIL(&loop, raised == 1);
	ck_assert_uint_eq(raised_to, 42);
	ck_assert_str_eq(last_path, "/apis/coordination.k8s.io/v1/namespaces/kubevirt/leases/l");
	term_want(term, "kubevirt");
	loop_run_turns(&loop, 20);
	ck_assert_uint_eq(fake_server_requests(server), 2);
	done();
}
END_TEST

START_TEST(after_the_largest_term_comes_0)
{
	given_lease(true, 2147483647);
	term_want(term, "kubevirt");
	LOOP_UNTIL(&loop, raised == 1);
	ck_assert_uint_eq(raised_to, 0);
	done();
}
END_TEST

START_TEST(a_lease_that_is_not_there_is_created_at_a_random_term)
{
	given_lease(false, 0);
	term_want(term, "kubevirt");
	LOOP_UNTIL(&loop, raised == 1);
	ck_assert_uint_eq(raised_to, transitions);
	ck_assert_uint_gt(raised_to, 1000);
	ck_assert_uint_lt(raised_to, 1u << 30);
	ck_assert_str_eq(last_path, "/apis/coordination.k8s.io/v1/namespaces/kubevirt/leases");
	done();
}
END_TEST

START_TEST(who_loses_the_race_raises_the_term_of_the_winner)
{
	given_lease(true, 10);
	conflicts = 2;
	term_want(term, "kubevirt");
	LOOP_UNTIL(&loop, raised == 1);
	ck_assert_uint_eq(raised_to, 13);
	done();
}
END_TEST

START_TEST(a_write_with_an_unknown_outcome_is_done_again_not_looked_up)
{
	given_lease(true, 10);
	lose_answers = 1;
	term_want(term, "kubevirt");
	LOOP_UNTIL(&loop, raised == 1);
	ck_assert_uint_eq(raised_to, 12); /* 11 was applied too, but nobody may call it his */
	done();
}
END_TEST

START_TEST(an_answer_that_does_not_show_our_claim_is_no_term)
{
	given_lease(true, 10);
	deaf = true;
	term_want(term, "kubevirt");
	LOOP_UNTIL(&loop, fake_server_requests(server) >= 3);
	ck_assert_uint_eq(raised, 0);
	deaf = false;
	LOOP_UNTIL(&loop, raised == 1);
	done();
}
END_TEST

START_TEST(another_namespace_starts_anew_and_an_old_answer_counts_for_nothing)
{
	given_lease(true, 10);
	hold = true;
	term_want(term, "one");
	LOOP_UNTIL(&loop, held != NULL);
	term_want(term, "two");
	hold = false;
	answer_lease(held, 200, "somebody");
	LOOP_UNTIL(&loop, raised == 1);
	ck_assert_ptr_nonnull(strstr(last_path, "/namespaces/two/"));
	ck_assert_uint_eq(raised_to, 11);
	done();
}
END_TEST

START_TEST(without_a_namespace_nothing_is_asked)
{
	given_lease(true, 10);
	term_want(term, "");
	loop_run_turns(&loop, 20);
	ck_assert_uint_eq(fake_server_requests(server), 0);
	done();
}
END_TEST

START_TEST(it_closes_with_a_request_in_flight)
{
	given_lease(true, 10);
	hold = true;
	term_want(term, "kubevirt");
	LOOP_UNTIL(&loop, held != NULL);
	done();
	ck_assert_uint_eq(raised, 0);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		the_term_is_one_more_than_the_leases,
		after_the_largest_term_comes_0,
		a_lease_that_is_not_there_is_created_at_a_random_term,
		who_loses_the_race_raises_the_term_of_the_winner,
		a_write_with_an_unknown_outcome_is_done_again_not_looked_up,
		an_answer_that_does_not_show_our_claim_is_no_term,
		another_namespace_starts_anew_and_an_old_answer_counts_for_nothing,
		without_a_namespace_nothing_is_asked,
		it_closes_with_a_request_in_flight,
	};

	return suite_run("term", tests, ARRAY_LEN(tests));
}
