/* Calls and API clients that are ended: canceled, closed, from anywhere. */
#include "test_kube_client_rig.h"

START_TEST(a_canceled_call_ends_from_the_loop_and_only_once)
{
	struct probe p;

	open_both(NULL, NULL);
	probe_init(&p, "GET", "/x");
	kube_call_cancel(&p.call); /* nothing to cancel */
	probe_start(&p);
	LOOP_UNTIL(&rig.loop, fake_server_requests(rig.server) == 1);
	kube_call_cancel(&p.call);
	kube_call_cancel(&p.call);
	ck_assert_int_eq(p.done, 0);
	LOOP_UNTIL(&rig.loop, p.done == 1);
	ck_assert_int_eq(p.answer.error, -ECANCELED);
	ck_assert(p.answer.sent);
	kube_call_cancel(&p.call);
	loop_run_turns(&rig.loop, 10);
	ck_assert_int_eq(p.done, 1);
	probe_free(&p);
	close_both();
}
END_TEST

START_TEST(closing_cancels_every_call_first)
{
	enum { N = 20 };
	static struct probe p[N];
	struct error err = {0};
	struct probe late;

	open_both(NULL, NULL);
	for (int i = 0; i < N; i++) {
		probe_init(&p[i], "GET", "/x");
		probe_start(&p[i]);
	}
	LOOP_UNTIL(&rig.loop, fake_server_requests(rig.server) > 3);
	kube_client_close(rig.client, on_client_closed, &rig);
	probe_init(&late, "GET", "/x");
	ck_assert_int_eq(kube_client_start(rig.client, &late.call, &err), -ESHUTDOWN);
	for (int i = 0; i < N; i++)
		ck_assert_int_eq(p[i].done, 0);
	LOOP_UNTIL(&rig.loop, rig.client_closed);
	for (int i = 0; i < N; i++) {
		ck_assert_int_eq(p[i].done, 1);
		ck_assert_int_eq(p[i].answer.error, -ECANCELED);
		probe_free(&p[i]);
	}
	probe_free(&late);
	close_both();
}
END_TEST

static void free_and_close(struct kube_call *call, const struct kube_answer *answer)
{
	ck_assert_int_eq(answer->status, 200);
	free(call);
	kube_client_close(rig.client, on_client_closed, &rig);
}

START_TEST(on_done_may_free_its_call_and_close_the_client)
{
	struct kube_call *call = calloc(1, sizeof(*call));

	open_both(answer_echo, NULL);
	ck_assert_ptr_nonnull(call);
	call->method = "GET";
	call->path = "/x";
	call->on_done = free_and_close;
	ck_assert_int_eq(kube_client_start(rig.client, call, NULL), 0);
	LOOP_UNTIL(&rig.loop, rig.client_closed);
	close_both();
}
END_TEST

static void start_again(struct probe *p)
{
	if (p->done < 5)
		ck_assert_int_eq(kube_client_start(rig.client, &p->call, NULL), 0);
}

START_TEST(a_call_may_be_reused_from_its_own_on_done)
{
	struct probe p;

	open_both(answer_echo, NULL);
	probe_init(&p, "GET", "/x");
	p.then = start_again;
	probe_start(&p);
	LOOP_UNTIL(&rig.loop, p.done == 5);
	ck_assert_uint_eq(fake_server_requests(rig.server), 5);
	ck_assert_uint_eq(fake_server_connections(rig.server), 1);
	probe_free(&p);
	close_both();
}
END_TEST

START_TEST(behind_the_fence_nothing_leaves)
{
	struct probe p[2];

	open_both(answer_echo, NULL);
	probe_init(&p[0], "PATCH", "/x");
	probe_init(&p[1], "PATCH", "/x");
	probe_start(&p[0]);
	rig.fenced = true;
	ck_assert_int_eq(kube_client_start(rig.client, &p[1].call, NULL), -ESHUTDOWN);
	LOOP_UNTIL(&rig.loop, p[0].done == 1);
	ck_assert_int_eq(p[0].answer.error, -ECANCELED);
	ck_assert(!p[0].answer.sent);
	loop_run_turns(&rig.loop, 50);
	ck_assert_int_eq(p[1].done, 0);
	ck_assert_uint_eq(fake_server_requests(rig.server), 0);
	probe_free(&p[0]);
	probe_free(&p[1]);
	close_both();
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		a_canceled_call_ends_from_the_loop_and_only_once,
		closing_cancels_every_call_first,
		on_done_may_free_its_call_and_close_the_client,
		a_call_may_be_reused_from_its_own_on_done,
		behind_the_fence_nothing_leaves,
	};

	return suite_run("kube_client_cancel", tests, ARRAY_LEN(tests));
}
