#include <check.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/macros.h"
#include "controller/policy.h"
#include "controller/policy_files.h"
#include "controller/takeover.h"
#include "kube/yamldoc.h"
#include "support/fake_client.h"
#include "support/loop.h"
#include "support/suite.h"

static struct fake_client rig;
static struct takeover *takeover;
static uv_prepare_t turn;
static enum takeover_hold wanted;
static char lacking[256];

/* The cluster. */
static const char *hold;        /* of the ConfigMap; NULL: there is none */
static bool mutating_is_served; /* else 404 */
static bool broken;             /* everything is answered by 500 */
static unsigned int refused;    /* so often */
static unsigned int absent;     /* answers with 404 */
static bool may_read;           /* else 403 */
static uint64_t patience_ms;
static uint64_t skipped_ms; /* of the time that follow() is told */
static int patch_status;
static unsigned int patches;
static char last_patch[64];
static struct fake_conn *parameter_watch;
static unsigned int version; /* of the ConfigMap */
static bool late_watch;      /* the watch does not show what is written */
static bool undo_first;      /* somebody undoes the first write before its answer is there */

static void answer_list(struct fake_conn *conn, const char *items)
{
	AUTO_BUF struct buf text = {.max = 1 << 20};

	ck_assert_int_eq(
		buf_printf(&text, "{\"metadata\":{\"resourceVersion\":\"10\"},\"items\":[%s]}", items), 0);
	fake_conn_answer(conn, 200, NULL, buf_str(&text));
}

/* The document of that kind in a manifest, as JSON with a comma before it. */
static void add_document(struct buf *items, const char *file, const char *kind)
{
	while (file != NULL) {
		const char *end = strstr(file, "\n---\n");
		json_t *document = NULL;
		char *text;

		ck_assert_int_eq(yamldoc_parse(&document, file,
					       end != NULL ? (size_t)(end - file) + 1 : strlen(file), NULL),
				 0);
		text = json_dumps(document, 0);
		if (strcmp(json_string_value(json_object_get(document, "kind")), kind) == 0)
			ck_assert_int_eq(buf_printf(items, "%s%s", items->len > 0 ? "," : "", text), 0);
		free(text);
		json_decref(document);
		file = end != NULL ? end + 5 : NULL;
	}
}

static void answer_policies(struct fake_conn *conn, const char *kind)
{
	AUTO_BUF struct buf items = {.max = 1 << 20};

	add_document(&items, policy_file_guard, kind);
	add_document(&items, policy_file_hold, kind);
	add_document(&items, policy_file_sticky, kind);
	answer_list(conn, buf_str(&items));
}

static void answer_parameter(struct fake_conn *conn)
{
	char item[256] = "";

	if (hold != NULL)
		(void)snprintf(
			item, sizeof(item),
			"{\"metadata\":{\"name\":\"vsock-cid-controller-hold\",\"resourceVersion\":\"9\"},"
			"\"data\":{\"hold\":\"%s\"}}",
			hold);
	answer_list(conn, item);
}

static void watch_shows(const char *type, const char *now)
{
	char event[256];

	(void)snprintf(event, sizeof(event),
		       "{\"type\":\"%s\",\"object\":{\"metadata\":{\"name\":\"vsock-cid-controller-hold\","
		       "\"resourceVersion\":\"%u\"},\"data\":{\"hold\":\"%s\"}}}\n",
		       type, ++version, now);
	fake_conn_chunk(parameter_watch, event);
}

static void on_patch(struct fake_conn *conn, const struct fake_request *request)
{
	ck_assert_str_eq(request->target, "/api/v1/namespaces/kubevirt/configmaps/vsock-cid-controller-hold");
	(void)snprintf(last_patch, sizeof(last_patch), "%s", request->body);
	patches++;
	if (patch_status == 200 && !late_watch) {
		watch_shows("MODIFIED", strstr(request->body, "on") != NULL ? "on" : "off");
		if (undo_first && patches == 1)
			watch_shows("MODIFIED", "off");
	}
	fake_conn_answer(conn, patch_status, NULL, "{}");
}

static void on_request(void *data, struct fake_conn *conn, const struct fake_request *request)
{
	const char *t = request->target;

	(void)data;
	if (broken) {
		refused++;
		fake_conn_answer(conn, 500, NULL, "{}");
	} else if (strcmp(request->method, "PATCH") == 0)
		on_patch(conn, request);
	else if (strstr(t, "mutating") != NULL && !mutating_is_served && may_read) {
		absent++;
		fake_conn_answer(conn, 404, NULL, "{}");
	} else if (strstr(t, "watch=") != NULL) {
		if (strstr(t, "configmaps") != NULL)
			parameter_watch = conn;
		fake_conn_begin(conn, 200, NULL);
	} else if (!may_read) {
		refused++;
		fake_conn_answer(conn, 403, NULL, "{}");
	} else if (strcmp(t, "/apis/admissionregistration.k8s.io") == 0)
		fake_conn_answer(conn, 200, NULL, "{\"versions\":[{\"version\":\"v1\"}]}");
	else if (strstr(t, "/validatingadmissionpolicies") != NULL)
		answer_policies(conn, "ValidatingAdmissionPolicy");
	else if (strstr(t, "/validatingadmissionpolicybindings") != NULL)
		answer_policies(conn, "ValidatingAdmissionPolicyBinding");
	else if (strstr(t, "/mutatingadmissionpolicies") != NULL)
		answer_policies(conn, "MutatingAdmissionPolicy");
	else if (strstr(t, "/mutatingadmissionpolicybindings") != NULL)
		answer_policies(conn, "MutatingAdmissionPolicyBinding");
	else
		answer_parameter(conn);
}

static void on_restarted(void *data, const char *resource, bool watch, enum reflector_restart reason)
{
	(void)data;
	(void)resource;
	(void)watch;
	(void)reason;
}

/* As the controller does in each turn. */
static void on_turn(uv_prepare_t *prepare)
{
	(void)prepare;
	takeover_follow(takeover, wanted, clock_boot_ms() + skipped_ms);
}

static void given_cluster(const char *hold_now)
{
	hold = hold_now;
	mutating_is_served = may_read = true;
	patch_status = 200;
	patches = 0;
	wanted = TAKEOVER_LEAVE;
	parameter_watch = NULL;
	version = 10;
	undo_first = broken = late_watch = false;
	refused = 0;
	patience_ms = skipped_ms = 0;
}

static void given_takeover(void)
{
	struct error err = {0};
	fake_client_open(&rig, on_request, NULL);
	ck_assert_int_eq(takeover_open(&takeover,
				       &(struct takeover_options){.loop = &rig.loop,
								  .client = rig.client,
								  .log = &rig.silent,
								  .rng = &rig.rng,
								  .restarted = on_restarted,
								  .patience_ms = patience_ms},
				       &err),
			 0);
	takeover_set_namespace(takeover, "kubevirt", &err);
	ck_assert_int_eq(err.code, 0);
	(void)uv_prepare_init(&rig.loop, &turn);
	(void)uv_prepare_start(&turn, on_turn);
}

static enum mode_policies policies(void)
{
	return takeover_policies(takeover, lacking, sizeof(lacking));
}

static void done(void)
{
	uv_close((uv_handle_t *)&turn, NULL);
	takeover_close(takeover, fake_client_on_closed, &rig);
	fake_client_close(&rig, 1);
}

START_TEST(policies_and_parameter_together_are_in_force)
{
	given_cluster("off");
	given_takeover();
	ck_assert_int_eq(policies(), MODE_POLICIES_UNKNOWN);
	LOOP_UNTIL(&rig.loop, policies() != MODE_POLICIES_UNKNOWN);
	ck_assert_int_eq(policies(), MODE_POLICIES_IN_FORCE);
	ck_assert(!takeover_is_holding(takeover));
	ck_assert_uint_eq(patches, 0);
	done();
}
END_TEST

START_TEST(without_the_parameter_they_are_not)
{
	given_cluster(NULL);
	given_takeover();
	wanted = TAKEOVER_CLOSED;
	LOOP_UNTIL(&rig.loop, policies() != MODE_POLICIES_UNKNOWN);
	ck_assert_int_eq(policies(), MODE_POLICIES_LACKING);
	ck_assert_str_eq(lacking,
			 "ConfigMap kubevirt/vsock-cid-controller-hold is not there, or cannot be read");
	loop_run_turns(&rig.loop, 20);
	ck_assert_uint_eq(patches, 0); /* it is never created */
	done();
}
END_TEST

START_TEST(a_server_without_mutating_policies_is_known_for_it)
{
	given_cluster("off");
	mutating_is_served = false;
	given_takeover();
	LOOP_UNTIL(&rig.loop, policies() != MODE_POLICIES_UNKNOWN);
	ck_assert_int_eq(policies(), MODE_POLICIES_IN_VAIN);
	ck_assert_ptr_nonnull(strstr(lacking, "this API server has no mutatingadmissionpolicies"));
	done();
}
END_TEST

START_TEST(who_may_not_read_them_knows_that)
{
	given_cluster("on");
	may_read = false;
	given_takeover();
	LOOP_UNTIL(&rig.loop, policies() != MODE_POLICIES_UNKNOWN);
	ck_assert_int_eq(policies(), MODE_POLICIES_HIDDEN);
	ck_assert(!takeover_is_holding(takeover));
	done();
}
END_TEST

/* Until it has read its RBAC rules, all is forbidden. */
START_TEST(a_server_that_forbids_for_a_moment_has_said_nothing)
{
	given_cluster("on");
	may_read = false;
	patience_ms = 3600000;
	given_takeover();
	LOOP_UNTIL(&rig.loop, refused >= 15);
	ck_assert_int_eq(policies(), MODE_POLICIES_UNKNOWN);
	may_read = true;
	LOOP_UNTIL(&rig.loop, policies() == MODE_POLICIES_IN_FORCE);
	done();
}
END_TEST

/* One of several API servers may be older, or not up yet. */
START_TEST(what_was_served_before_is_not_taken_for_gone_at_once)
{
	given_cluster("on");
	patience_ms = 3600000;
	given_takeover();
	LOOP_UNTIL(&rig.loop, policies() == MODE_POLICIES_IN_FORCE);
	mutating_is_served = false;
	absent = 0;
	fake_server_reset_all(rig.server);
	LOOP_UNTIL(&rig.loop, absent >= 6);
	ck_assert_int_eq(policies(), MODE_POLICIES_IN_FORCE);
	done();
}
END_TEST

START_TEST(the_hold_is_closed_and_opened_once)
{
	given_cluster("off");
	given_takeover();
	LOOP_UNTIL(&rig.loop, parameter_watch != NULL);
	wanted = TAKEOVER_CLOSED;
	LOOP_UNTIL(&rig.loop, takeover_is_holding(takeover));
	ck_assert_str_eq(last_patch, "{\"data\":{\"hold\":\"on\"}}");
	loop_run_turns(&rig.loop, 20);
	ck_assert_uint_eq(patches, 1);
	wanted = TAKEOVER_OPEN;
	LOOP_UNTIL(&rig.loop, !takeover_is_holding(takeover));
	ck_assert_str_eq(last_patch, "{\"data\":{\"hold\":\"off\"}}");
	loop_run_turns(&rig.loop, 20);
	ck_assert_uint_eq(patches, 2);
	done();
}
END_TEST

START_TEST(what_somebody_else_makes_of_it_is_set_right)
{
	given_cluster("on");
	given_takeover();
	wanted = TAKEOVER_CLOSED;
	LOOP_UNTIL(&rig.loop, takeover_is_holding(takeover) && parameter_watch != NULL);
	ck_assert_uint_eq(patches, 0);
	watch_shows("MODIFIED", "off");
	LOOP_UNTIL(&rig.loop, patches == 1);
	LOOP_UNTIL(&rig.loop, takeover_is_holding(takeover));
	watch_shows("DELETED", "on");
	LOOP_UNTIL(&rig.loop, !takeover_is_holding(takeover));
	ck_assert_int_eq(policies(), MODE_POLICIES_LACKING);
	loop_run_turns(&rig.loop, 20);
	ck_assert_uint_eq(patches, 1);
	done();
}
END_TEST

START_TEST(an_answer_says_less_than_the_watch)
{
	given_cluster("off");
	undo_first = true;
	given_takeover();
	LOOP_UNTIL(&rig.loop, parameter_watch != NULL);
	wanted = TAKEOVER_CLOSED;
	LOOP_UNTIL(&rig.loop, patches == 2);
	LOOP_UNTIL(&rig.loop, takeover_is_holding(takeover));
	done();
}
END_TEST

START_TEST(a_fight_is_fought_with_growing_pauses)
{
	given_cluster("off");
	given_takeover();
	LOOP_UNTIL(&rig.loop, parameter_watch != NULL);
	wanted = TAKEOVER_CLOSED;
	for (unsigned int i = 1; i <= 2; i++) {
		LOOP_UNTIL(&rig.loop, takeover_is_holding(takeover));
		ck_assert_uint_eq(patches, i);
		watch_shows("MODIFIED", "off");
		LOOP_UNTIL(&rig.loop, !takeover_is_holding(takeover));
		loop_run_turns(&rig.loop, 20);
		ck_assert_uint_eq(patches, i);
	}
	wanted = TAKEOVER_LEAVE;
	done();
}
END_TEST

/* The write is carried out; that the watch is late is no fight, and no reason to write again. */
START_TEST(a_write_that_the_watch_does_not_show_yet_is_not_made_again)
{
	given_cluster("off");
	late_watch = true;
	given_takeover();
	LOOP_UNTIL(&rig.loop, parameter_watch != NULL);
	wanted = TAKEOVER_CLOSED;
	LOOP_UNTIL(&rig.loop, patches == 1);
	loop_run_turns(&rig.loop, 50);
	skipped_ms = 30000;
	loop_run_turns(&rig.loop, 50);
	ck_assert_uint_eq(patches, 1);
	watch_shows("MODIFIED", "on");
	LOOP_UNTIL(&rig.loop, takeover_is_holding(takeover));
	watch_shows("MODIFIED", "off");
	LOOP_UNTIL(&rig.loop, patches == 2);
	done();
}
END_TEST

START_TEST(failures_of_the_server_say_nothing_about_what_is_there)
{
	given_cluster("on");
	given_takeover();
	LOOP_UNTIL(&rig.loop, policies() == MODE_POLICIES_IN_FORCE && parameter_watch != NULL);
	broken = true;
	fake_server_reset_all(rig.server);
	LOOP_UNTIL(&rig.loop, refused >= 12);
	ck_assert_int_eq(policies(), MODE_POLICIES_IN_FORCE);
	ck_assert(takeover_is_holding(takeover));
	broken = false;
	done();
}
END_TEST

START_TEST(a_write_that_fails_is_tried_again)
{
	given_cluster("off");
	patch_status = 403;
	given_takeover();
	LOOP_UNTIL(&rig.loop, parameter_watch != NULL);
	wanted = TAKEOVER_CLOSED;
	LOOP_UNTIL(&rig.loop, patches == 1);
	patch_status = 200;
	LOOP_UNTIL(&rig.loop, takeover_is_holding(takeover));
	ck_assert_uint_eq(patches, 2);
	done();
}
END_TEST

START_TEST(who_may_not_write_leaves_it)
{
	given_cluster("on");
	given_takeover();
	LOOP_UNTIL(&rig.loop, takeover_is_holding(takeover));
	loop_run_turns(&rig.loop, 20);
	ck_assert_uint_eq(patches, 0);
	done();
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		policies_and_parameter_together_are_in_force,
		without_the_parameter_they_are_not,
		a_server_without_mutating_policies_is_known_for_it,
		who_may_not_read_them_knows_that,
		a_server_that_forbids_for_a_moment_has_said_nothing,
		what_was_served_before_is_not_taken_for_gone_at_once,
		the_hold_is_closed_and_opened_once,
		what_somebody_else_makes_of_it_is_set_right,
		an_answer_says_less_than_the_watch,
		a_fight_is_fought_with_growing_pauses,
		a_write_that_the_watch_does_not_show_yet_is_not_made_again,
		failures_of_the_server_say_nothing_about_what_is_there,
		a_write_that_fails_is_tried_again,
		who_may_not_write_leaves_it,
	};

	return suite_run("takeover", tests, ARRAY_LEN(tests));
}
