/* Deleting objects, and what a name is worth afterwards. */
#include <string.h>

#include "contract/talk.h"

START_TEST(a_deletion_answers_with_a_status_and_the_uid)
{
	AUTO_TALK struct talk t;
	const char *uid;

	talk_open(&t);
	talk_given_vmi(&t, "a", NULL);
	uid = talk_text(&t, "metadata.uid");
	talk_delete(&t, talk_vmi(&t, "a"));
	EXPECT(&t, 200);
	EXPECT_TEXT(&t, "kind", "Status");
	EXPECT_TEXT(&t, "status", "Success");
	EXPECT_TEXT(&t, "details.name", "a");
	EXPECT_TEXT(&t, "details.uid", uid);
	talk_get(&t, talk_vmi(&t, "a"));
	EXPECT_REFUSAL(&t, 404, "NotFound");
	talk_delete(&t, talk_vmi(&t, "a"));
	EXPECT_REFUSAL(&t, 404, "NotFound");
}
END_TEST

START_TEST(an_object_made_again_under_its_name_has_another_uid)
{
	AUTO_TALK struct talk t;
	const char *uid;
	const char *version;

	talk_open(&t);
	talk_given_vmi(&t, "a", NULL);
	uid = talk_text(&t, "metadata.uid");
	version = talk_text(&t, "metadata.resourceVersion");
	talk_delete(&t, talk_vmi(&t, "a"));
	talk_given_vmi(&t, "a", NULL);
	ck_assert_str_ne(talk_text(&t, "metadata.uid"), uid);
	ck_assert_uint_gt(talk_number(talk_text(&t, "metadata.resourceVersion")), talk_number(version));
	ck_assert_int_eq(json_integer_value(api_member(t.answer.body, "metadata.generation")), 1);
}
END_TEST

START_TEST(a_deletion_may_depend_on_uid_and_version)
{
	AUTO_TALK struct talk t;
	const char *uid;
	const char *version;

	talk_open(&t);
	talk_given_vmi(&t, "a", NULL);
	uid = talk_text(&t, "metadata.uid");
	version = talk_text(&t, "metadata.resourceVersion");
	talk_send(&t, "DELETE", talk_vmi(&t, "a"), API_JSON, "{'preconditions':{'uid':'other'}}");
	EXPECT_REFUSAL(&t, 409, "Conflict");
	talk_send(&t, "DELETE", talk_vmi(&t, "a"), API_JSON, "{'preconditions':{'resourceVersion':'1'}}");
	EXPECT_REFUSAL(&t, 409, "Conflict");
	talk_get(&t, talk_vmi(&t, "a"));
	EXPECT(&t, 200);
	talk_send(&t, "DELETE", talk_vmi(&t, "a"), API_JSON,
		  talk_format(&t,
			      "{'kind':'DeleteOptions','apiVersion':'v1',"
			      "'preconditions':{'uid':'%s','resourceVersion':'%s'}}",
			      uid, version));
	EXPECT(&t, 200);
	talk_get(&t, talk_vmi(&t, "a"));
	EXPECT(&t, 404);
}
END_TEST

static void given_terminating_vmi(struct talk *t, const char *name)
{
	talk_given_vmi(t, name, "{'VSOCKCID':77}");
	talk_merge_patch(t, talk_vmi(t, name), "{'metadata':{'finalizers':['example.com/hold']}}");
	EXPECT(t, 200);
	talk_delete(t, talk_vmi(t, name));
	EXPECT(t, 200);
}

START_TEST(a_finalizer_keeps_a_deleted_object)
{
	AUTO_TALK struct talk t;
	const char *version;

	talk_open(&t);
	given_terminating_vmi(&t, "a");
	EXPECT_TEXT(&t, "kind", "VirtualMachineInstance");
	ck_assert_uint_eq(strlen(talk_text(&t, "metadata.deletionTimestamp")), 20);
	version = talk_text(&t, "metadata.resourceVersion");
	ck_assert_str_eq(talk_version(&t, "a"), version);
	ck_assert_int_eq(json_integer_value(api_member(t.answer.body, "status.VSOCKCID")), 77);
	talk_delete(&t, talk_vmi(&t, "a"));
	EXPECT(&t, 200);
	EXPECT_TEXT(&t, "metadata.resourceVersion", version);
}
END_TEST

START_TEST(the_name_of_a_terminating_object_is_taken)
{
	AUTO_TALK struct talk t;

	talk_open(&t);
	given_terminating_vmi(&t, "a");
	talk_post(&t, talk_vmis(&t), talk_vmi_text(&t, "a", NULL));
	EXPECT_REFUSAL(&t, 409, "AlreadyExists");
}
END_TEST

START_TEST(a_terminating_object_can_be_written)
{
	AUTO_TALK struct talk t;

	talk_open(&t);
	given_terminating_vmi(&t, "a");
	talk_merge_patch(&t, talk_vmi(&t, "a"), "{'status':{'phase':'Failed'}}");
	EXPECT(&t, 200);
	EXPECT_TEXT(&t, "status.phase", "Failed");
}
END_TEST

START_TEST(without_its_last_finalizer_a_terminating_object_is_gone)
{
	AUTO_TALK struct talk t;

	talk_open(&t);
	given_terminating_vmi(&t, "a");
	talk_merge_patch(&t, talk_vmi(&t, "a"), "{'metadata':{'finalizers':null}}");
	EXPECT(&t, 200);
	EXPECT_TEXT(&t, "metadata.name", "a");
	talk_get(&t, talk_vmi(&t, "a"));
	EXPECT_REFUSAL(&t, 404, "NotFound");
}
END_TEST

void deletes_cases(struct cases *c)
{
	const TTest *const tests[] = {
		a_deletion_answers_with_a_status_and_the_uid,
		an_object_made_again_under_its_name_has_another_uid,
		a_deletion_may_depend_on_uid_and_version,
		a_finalizer_keeps_a_deleted_object,
		the_name_of_a_terminating_object_is_taken,
		a_terminating_object_can_be_written,
		without_its_last_finalizer_a_terminating_object_is_gone,
	};

	cases_add(c, tests, ARRAY_LEN(tests));
}
