/* The assigner with the real allocator and the real client against a scripted server: how answers are
 * understood. */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/macros.h"
#include "controller/assigner.h"
#include "support/fake_client.h"
#include "support/loop.h"
#include "support/suite.h"

#define CAUSES                                                                                               \
	"{\"kind\":\"Status\",\"code\":422,\"reason\":\"Invalid\",\"message\":\"m\",\"details\":{"           \
	"\"causes\":[{}]}}"

static struct fake_client rig;
static struct cid_range range;
static struct allocator *allocator;
static struct assigner *assigner;
static unsigned int told[NOTICE_COUNT];
static char text_of_last[256];

/* What the server answers to the first write; later ones and reads are served well. */
static int first_status;
static const char *first_headers;
static const char *first_body;
static bool drop_first;
static unsigned int patches;
static unsigned int reads;
static char written_cid[16];
static char last_target[256];
static char last_type[64];
static const char *user; /* to act as */
static char write_user[64];
static char read_user[64];

static void remember(void *data, const struct notice *n)
{
	(void)data;
	told[n->kind]++;
	(void)snprintf(text_of_last, sizeof(text_of_last), "%s", n->text);
}

static void answer_vmi(struct fake_conn *conn, const char *version, const char *cid)
{
	char body[512];

	(void)snprintf(body, sizeof(body),
		       "{\"metadata\":{\"namespace\":\"ns\",\"name\":\"vm\",\"uid\":\"u\","
		       "\"resourceVersion\":\"%s\"},"
		       "\"spec\":{\"domain\":{\"devices\":{\"autoattachVSOCK\":true}}},\"status\":{"
		       "\"VSOCKCID\":%s}}",
		       version, cid);
	fake_conn_answer(conn, 200, NULL, body);
}

static void on_patch(struct fake_conn *conn, const struct fake_request *request)
{
	const char *cid = strstr(request->body, "\"VSOCKCID\":");
	const char *type = fake_request_header(request, "Content-Type");

	if (cid == NULL)
		cid = strstr(request->body, "\"path\":\"/status/VSOCKCID\",\"value\":");
	ck_assert_ptr_nonnull(cid);
	(void)snprintf(last_type, sizeof(last_type), "%s", type);
	cid += strcspn(cid, "0123456789");
	(void)snprintf(written_cid, sizeof(written_cid), "%.*s", (int)strspn(cid, "0123456789"), cid);
	if (++patches > 1 || (first_status == 0 && !drop_first))
		answer_vmi(conn, "50", written_cid);
	else if (drop_first)
		fake_conn_close(conn);
	else
		fake_conn_answer(conn, first_status, first_headers, first_body);
}

static void on_request(void *data, struct fake_conn *conn, const struct fake_request *request)
{
	const char *as = fake_request_header(request, "Impersonate-User");

	(void)data;
	(void)snprintf(strcmp(request->method, "PATCH") == 0 ? write_user : read_user, sizeof(write_user),
		       "%s", as != NULL ? as : "");
	(void)snprintf(last_target, sizeof(last_target), "%s", request->target);
	if (strcmp(request->method, "PATCH") == 0) {
		on_patch(conn, request);
		return;
	}
	reads++;
	answer_vmi(conn, "40", "null");
}

static const char *version(void *data)
{
	(void)data;
	return "v1";
}

static const char *write_as(void *data)
{
	(void)data;
	return user;
}

static void open_core(void)
{
	memset(told, 0, sizeof(told));
	ck_assert_int_eq(cid_range_init(&range, 3, 2147483647, NULL, 0, NULL), 0);
	ck_assert_int_eq(allocator_create(&allocator, &(struct allocator_options){.range = &range,
										  .quarantine_ms = 60000,
										  .max_in_flight = 4,
										  .rng = &rig.rng,
										  .notice = remember}),
			 0);
	allocator_list_started(allocator);
	allocator_list_done(allocator, "10", clock_boot_ms());
	allocator_set_gate(allocator, true);
	allocator_set_term(allocator, 5);
	allocator_set_right(allocator, UINT64_MAX);
}

static void given_assigner(void)
{
	patches = reads = 0;
	first_status = 0;
	first_headers = NULL;
	first_body = "{}";
	drop_first = false;
	fake_client_open(&rig, on_request, NULL);
	open_core();
	ck_assert_int_eq(assigner_open(&assigner,
				       &(struct assigner_options){.loop = &rig.loop,
								  .client = rig.client,
								  .allocator = allocator,
								  .version = version,
								  .write_as = write_as},
				       NULL),
			 0);
}

static void see_vmi_with(const char *uid)
{
	struct vmi v = {.namespace = "ns", .name = "vm", .resource_version = "20", .wants_vsock = true};

	(void)snprintf(v.uid, sizeof(v.uid), "%s", uid);
	allocator_vmi_seen(allocator, &v, false, clock_boot_ms());
}

static void see_vmi(void)
{
	see_vmi_with("u");
}

static void done(void)
{
	assigner_close(assigner, fake_client_on_closed, &rig);
	fake_client_close(&rig, 1);
	allocator_free(allocator);
	cid_range_free(&range);
}

START_TEST(a_vmi_is_given_a_cid_by_one_json_patch)
{
	given_assigner();
	see_vmi();
	LOOP_UNTIL(&rig.loop, told[NOTICE_ASSIGNED] == 1);
	ck_assert_uint_eq(fake_server_requests(rig.server), 1);
	ck_assert_str_eq(last_target, "/apis/kubevirt.io/v1/namespaces/ns/virtualmachineinstances/vm");
	ck_assert_str_eq(last_type, "application/json-patch+json");
	done();
}
END_TEST

/* First the answer, then the notice that it must lead to, then success with the same CID. */
static void check_answer(int status, const char *headers, const char *body, enum notice_kind expected)
{
	char cid[16];

	given_assigner();
	first_status = status;
	first_headers = headers;
	first_body = body;
	see_vmi();
	LOOP_UNTIL(&rig.loop, patches == 1);
	memcpy(cid, written_cid, sizeof(cid));
	LOOP_UNTIL(&rig.loop, told[NOTICE_ASSIGNED] == 1);
	ck_assert_msg(told[expected] == 1, "%d did not lead to notice %d", status, expected);
	ck_assert_str_eq(cid, written_cid);
	done();
}

START_TEST(a_422_without_causes_is_a_failed_test)
{
	check_answer(422, NULL, "{\"kind\":\"Status\",\"code\":422,\"reason\":\"Invalid\",\"message\":\"m\"}",
		     NOTICE_OVERTAKEN);
	ck_assert_uint_eq(reads, 1);
}
END_TEST

START_TEST(a_422_with_causes_is_a_refusal)
{
	check_answer(422, NULL, CAUSES, NOTICE_REFUSED);
	ck_assert_uint_eq(reads, 0);
}
END_TEST

START_TEST(a_409_is_a_failed_test)
{
	check_answer(409, NULL, "{}", NOTICE_OVERTAKEN);
}
END_TEST

START_TEST(a_403_is_a_refusal)
{
	check_answer(403, NULL, "{\"kind\":\"Status\",\"message\":\"no such right\"}", NOTICE_REFUSED);
}
END_TEST

START_TEST(a_401_is_no_fault_of_the_vmi)
{
	check_answer(401, NULL, "{}", NOTICE_THROTTLED);
}
END_TEST

START_TEST(a_404_is_a_vmi_that_is_gone)
{
	check_answer(404, NULL, "{}", NOTICE_VANISHED);
}
END_TEST

START_TEST(a_429_pauses)
{
	check_answer(429, "Retry-After: 0\r\n", "{}", NOTICE_THROTTLED);
}
END_TEST

START_TEST(a_500_is_an_unknown_outcome_and_is_read_back)
{
	check_answer(500, NULL, "{}", NOTICE_UNKNOWN);
	ck_assert_uint_eq(reads, 1);
}
END_TEST

START_TEST(only_writes_act_as_somebody_else)
{
	user = "system:serviceaccount:kubevirt:x";
	check_answer(500, NULL, "{}", NOTICE_UNKNOWN);
	ck_assert_uint_eq(reads, 1);
	ck_assert_str_eq(write_user, user);
	ck_assert_str_eq(read_user, "");
	user = NULL;
	check_answer(500, NULL, "{}", NOTICE_UNKNOWN);
	ck_assert_str_eq(write_user, "");
}
END_TEST

START_TEST(a_200_that_is_no_object_is_an_unknown_outcome)
{
	check_answer(200, NULL, "<html>", NOTICE_UNKNOWN);
}
END_TEST

START_TEST(a_200_with_the_old_status_is_a_reverted_write)
{
	check_answer(200, NULL,
		     "{\"metadata\":{\"namespace\":\"ns\",\"name\":\"vm\",\"uid\":\"u\","
		     "\"resourceVersion\":\"30\"},"
		     "\"spec\":{\"domain\":{\"devices\":{\"autoattachVSOCK\":true}}}}",
		     NOTICE_REVERTED);
}
END_TEST

START_TEST(a_lost_answer_is_an_unknown_outcome)
{
	given_assigner();
	drop_first = true;
	see_vmi();
	LOOP_UNTIL(&rig.loop, told[NOTICE_ASSIGNED] == 1);
	ck_assert_uint_eq(told[NOTICE_UNKNOWN], 1);
	ck_assert_uint_eq(reads, 1);
	done();
}
END_TEST

START_TEST(a_server_that_cannot_be_reached_is_tried_again)
{
	given_assigner();
	fake_server_stop(rig.server);
	loop_run_turns(&rig.loop, 2);
	see_vmi();
	LOOP_UNTIL(&rig.loop, told[NOTICE_THROTTLED] >= 1);
	ck_assert_uint_eq(told[NOTICE_UNKNOWN], 0);
	fake_server_restart(rig.server);
	LOOP_UNTIL(&rig.loop, told[NOTICE_ASSIGNED] == 1);
	done();
}
END_TEST

/* A draw that takes until the right to write has ended. */
static uint64_t draw_until_the_right_ends(struct rng *r)
{
	uint64_t end_ms = clock_boot_ms() + 1;

	(void)r;
	allocator_set_right(allocator, end_ms);
	while (clock_boot_ms() < end_ms)
		;
	return 1;
}

START_TEST(the_right_to_write_is_checked_by_a_fresh_clock_before_each_request)
{
	given_assigner();
	rig.rng.next = draw_until_the_right_ends;
	see_vmi();
	see_vmi_with("another");
	loop_run_turns(&rig.loop, 1);
	ck_assert_uint_eq(assigner_in_flight(assigner), 1);
	LOOP_UNTIL(&rig.loop, told[NOTICE_ASSIGNED] == 1);
	ck_assert_uint_eq(patches, 1);
	rng_init_seeded(&rig.rng, 1);
	allocator_set_right(allocator, UINT64_MAX);
	LOOP_UNTIL(&rig.loop, patches == 2);
	done();
}
END_TEST

START_TEST(it_closes_with_writes_in_flight)
{
	given_assigner();
	fake_server_set_accept(rig.server, FAKE_ACCEPT_DEAF);
	see_vmi();
	LOOP_UNTIL(&rig.loop, assigner_in_flight(assigner) == 1);
	done();
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		a_vmi_is_given_a_cid_by_one_json_patch,
		a_422_without_causes_is_a_failed_test,
		a_422_with_causes_is_a_refusal,
		a_409_is_a_failed_test,
		a_403_is_a_refusal,
		a_401_is_no_fault_of_the_vmi,
		a_404_is_a_vmi_that_is_gone,
		a_429_pauses,
		a_500_is_an_unknown_outcome_and_is_read_back,
		only_writes_act_as_somebody_else,
		a_200_that_is_no_object_is_an_unknown_outcome,
		a_200_with_the_old_status_is_a_reverted_write,
		a_lost_answer_is_an_unknown_outcome,
		a_server_that_cannot_be_reached_is_tried_again,
		the_right_to_write_is_checked_by_a_fresh_clock_before_each_request,
		it_closes_with_writes_in_flight,
	};

	return suite_run("assigner", tests, ARRAY_LEN(tests));
}
