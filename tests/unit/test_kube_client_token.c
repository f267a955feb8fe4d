/* Credentials of the API client: fixed tokens, tokens that rotate, and what a 401 leads to. */
#include "test_kube_client_rig.h"

START_TEST(a_fixed_token_is_sent_and_a_token_file_wins_over_it)
{
	struct probe p;

	open_server(answer_echo, NULL);
	rig.config.token = strdup("fixed");
	open_client();
	get(&p, "/x");
	ck_assert_ptr_nonnull(strstr(buf_str(&p.body), ";Authorization=Bearer fixed;"));
	probe_free(&p);
	close_both();

	open_server(answer_echo, NULL);
	rig.config.token = strdup("fixed");
	rig.config.token_file = strdup(rig.token_path);
	write_token(" of-file\n");
	open_client();
	get(&p, "/x");
	ck_assert_ptr_nonnull(strstr(buf_str(&p.body), ";Authorization=Bearer of-file;"));
	ck_assert_ptr_null(strstr(buf_str(&p.body), "fixed"));
	probe_free(&p);
	close_both();
}
END_TEST

START_TEST(a_token_file_that_is_missing_at_start_is_an_error)
{
	struct kube_client_options options = {
		.loop = &rig.loop, .config = &rig.config, .user_agent = "test/1"};
	struct kube_client *c = NULL;
	struct error err = {0};

	open_server(NULL, NULL);
	rig.config.token_file = strdup(rig.token_path);
	ck_assert_int_eq(kube_client_open(&c, &options, &err), -ENOENT);
	ck_assert_ptr_null(c);
	ck_assert_ptr_nonnull(strstr(err.message, rig.token_path));
	close_both();
}
END_TEST

struct gate {
	const char *token; /* that is let in */
	size_t refused;
	const char *rotate_to; /* written into the token file with each refusal; NULL: nothing */
};

/* 401 unless the right token comes. */
static void answer_gated(void *data, struct fake_conn *c, const struct fake_request *r)
{
	struct gate *g = data;
	const char *header = fake_request_header(r, "Authorization");

	if (header != NULL && strncmp(header, "Bearer ", 7) == 0 && strcmp(header + 7, g->token) == 0) {
		fake_conn_answer(c, 200, NULL, r->body_len > 0 ? r->body : "welcome");
		return;
	}
	g->refused++;
	if (g->rotate_to != NULL)
		write_token(g->rotate_to);
	fake_conn_answer(c, 401, NULL,
			 "{\"kind\":\"Status\",\"reason\":\"Unauthorized\",\"message\":\"go away\"}");
}

START_TEST(after_a_401_the_token_is_read_anew_and_the_call_made_once_more)
{
	struct gate g = {.token = "new", .rotate_to = "new"};
	struct probe p;

	open_with_token_file(answer_gated, &g, "old");
	probe_init(&p, "PUT", "/x");
	p.call.body = "{}";
	p.call.body_len = 2;
	probe_run(&p);
	ck_assert_int_eq(p.answer.error, 0);
	ck_assert_int_eq(p.answer.status, 200);
	ck_assert_str_eq(buf_str(&p.body), "{}");
	ck_assert_uint_eq(g.refused, 1);
	ck_assert_str_eq(rig.observed, "PUT 401;PUT 200;");
	probe_run(&p); /* and the new one is kept */
	ck_assert_uint_eq(g.refused, 1);
	probe_free(&p);
	close_both();
}
END_TEST

START_TEST(a_streaming_call_sees_nothing_of_the_401_before_its_second_try)
{
	struct gate g = {.token = "new", .rotate_to = "new"};
	struct probe p;

	open_with_token_file(answer_gated, &g, "old");
	probe_init(&p, "GET", "/x");
	p.call.on_data = probe_on_data;
	probe_run(&p);
	ck_assert_int_eq(p.answer.status, 200);
	ck_assert_str_eq(buf_str(&p.stream), "welcome");
	probe_free(&p);
	close_both();
}
END_TEST

START_TEST(a_401_is_final_when_the_file_holds_the_same_token)
{
	struct gate g = {.token = "new"};
	struct probe p;

	open_with_token_file(answer_gated, &g, "old");
	get(&p, "/x");
	ck_assert_int_eq(p.answer.error, 0);
	ck_assert_int_eq(p.answer.status, 401);
	ck_assert_str_eq(p.answer.failure.reason, "Unauthorized");
	ck_assert_str_eq(p.answer.failure.message, "go away");
	ck_assert_uint_eq(g.refused, 1);
	ck_assert_str_eq(rig.observed, "GET 401;");
	probe_free(&p);
	close_both();
}
END_TEST

START_TEST(a_second_401_is_final)
{
	struct gate g = {.token = "newest", .rotate_to = "new"};
	struct probe p;

	open_with_token_file(answer_gated, &g, "old");
	get(&p, "/x");
	ck_assert_int_eq(p.answer.status, 401);
	ck_assert_str_eq(p.answer.failure.message, "go away");
	ck_assert_uint_eq(g.refused, 2);
	probe_free(&p);
	close_both();
}
END_TEST

START_TEST(a_fixed_token_is_not_tried_twice)
{
	struct gate g = {.token = "new"};
	struct probe p;

	open_server(answer_gated, &g);
	rig.config.token = strdup("old");
	open_client();
	get(&p, "/x");
	ck_assert_int_eq(p.answer.status, 401);
	ck_assert_uint_eq(g.refused, 1);
	probe_free(&p);
	close_both();
}
END_TEST

START_TEST(a_token_file_that_breaks_keeps_the_old_token_and_is_logged)
{
	struct gate g = {.token = "new", .rotate_to = ""};
	struct probe p;

	open_with_token_file(answer_gated, &g, "old");
	get(&p, "/x");
	ck_assert_int_eq(p.answer.status, 401);
	ck_assert_uint_eq(g.refused, 1);
	ck_assert_ptr_nonnull(strstr(logged(), "the last good token stays in use"));
	ck_assert_ptr_nonnull(strstr(logged(), rig.token_path));
	g.token = "old";
	probe_run(&p);
	ck_assert_int_eq(p.answer.status, 200);
	probe_free(&p);
	close_both();
}
END_TEST

/* Two calls whose answers come together: /first gets 200, /second gets 401 while the token file changes. */
struct race {
	struct probe first;
	struct probe second;
	struct fake_conn *first_conn;
	struct fake_conn *second_conn;
	size_t second_requests;
	bool canceled_in_time; /* second was canceled before it was done or tried again */
};

static struct race race;

static void answer_race(void *data, struct fake_conn *c, const struct fake_request *r)
{
	(void)data;
	if (strcmp(r->target, "/first") == 0) {
		race.first_conn = c;
	} else {
		race.second_conn = c;
		race.second_requests++;
	}
	if (race.second_requests > 1) {
		fake_conn_answer(c, 200, NULL, "");
	} else if (race.first_conn != NULL && race.second_conn != NULL) {
		fake_conn_answer(race.second_conn, 401, NULL, "");
		fake_conn_answer(race.first_conn, 200, NULL, "");
	}
}

static void cancel_second(struct probe *p)
{
	(void)p;
	race.canceled_in_time = strstr(rig.observed, "401") == NULL;
	kube_call_cancel(&race.second.call);
}

START_TEST(a_call_canceled_with_its_401_at_hand_is_not_made_again)
{
	bool seen = false;

	open_with_token_file(answer_race, NULL, "old");
	/* Which of the answers is read first is the kernel's choice; try until it was the right one.
	 */
	for (int round = 0; round < 1000 && !seen; round++) {
		char token[16];

		race = (struct race){0};
		rig.observed[0] = '\0';
		probe_init(&race.first, "GET", "/first");
		probe_init(&race.second, "GET", "/second");
		race.first.then = cancel_second;
		probe_start(&race.first);
		probe_start(&race.second);
		(void)snprintf(token, sizeof(token), "t%d", round);
		write_token(token); /* would be worth another try */
		LOOP_UNTIL(&rig.loop, race.first.done == 1 && race.second.done == 1);
		seen = race.canceled_in_time && race.second.answer.status == 401;
		loop_run_turns(&rig.loop, 10);
		if (race.canceled_in_time)
			ck_assert_uint_eq(race.second_requests, 1);
		probe_free(&race.first);
		probe_free(&race.second);
	}
	ck_assert(seen);
	close_both();
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		a_fixed_token_is_sent_and_a_token_file_wins_over_it,
		a_token_file_that_is_missing_at_start_is_an_error,
		after_a_401_the_token_is_read_anew_and_the_call_made_once_more,
		a_streaming_call_sees_nothing_of_the_401_before_its_second_try,
		a_401_is_final_when_the_file_holds_the_same_token,
		a_second_401_is_final,
		a_fixed_token_is_not_tried_twice,
		a_token_file_that_breaks_keeps_the_old_token_and_is_logged,
		a_call_canceled_with_its_401_at_hand_is_not_made_again,
	};

	return suite_run("kube_client_token", tests, ARRAY_LEN(tests));
}
