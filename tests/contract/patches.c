/* What JSON patches and merge patches do. Tables: every row on a fresh VMI. */
#include <string.h>

#include "contract/talk.h"

/* The server tells nothing else about an operation that failed (PAT-2). */
#define OPAQUE "the server rejected our request due to an error in our request"

#define TWO_CONDITIONS "{'conditions':[{'type':'A','status':'True'},{'type':'B','status':'True'}]}"

struct row {
	const char *status; /* of the VMI before; NULL: none */
	const char *patch;
	int code;
	const char *after; /* its status afterwards; NULL: as before */
};

/* A VMI with labels and with annotations that JSON encoders write differently. */
static void given(struct talk *t, const char *name, const char *status)
{
	talk_post(t, talk_vmis(t),
		  talk_format(t,
			      "{'apiVersion':'kubevirt.io/v1','kind':'VirtualMachineInstance',"
			      "'metadata':{'name':'%s','labels':{'a':'1','b':'2'},"
			      "'annotations':{'x/y':'a<b','t':'\xc3\xa9/&'}},"
			      "'spec':{'domain':{'devices':{}}}%s%s}",
			      name, status != NULL ? ",'status':" : "", status != NULL ? status : ""));
	EXPECT(t, 201);
}

static json_t *parse(const char *text)
{
	AUTO_FREE char *copy = strdup(text);
	json_t *value;

	talk_quote(copy);
	value = json_loads(copy, JSON_DECODE_ANY, NULL);
	ck_assert_msg(value != NULL, "bad row: %s", text);
	return value;
}

static bool is_opaque(struct talk *t)
{
	return talk_is_refusal(t, 422, "Invalid") && strcmp(talk_text(t, "message"), OPAQUE) == 0 &&
	       api_member(t->answer.body, "details.causes") == NULL;
}

static void check_row(struct talk *t, const struct row *row, const char *name)
{
	const json_t *before;
	const char *want = row->after != NULL ? row->after : row->status;
	json_t *status;
	const char *said;
	bool as_expected;

	given(t, name, row->status);
	before = talk_keep(t);
	talk_json_patch(t, talk_vmi(t, name), row->patch);
	said = talk_last(t);
	as_expected = row->code == 422 ? is_opaque(t) : t->answer.status == row->code;
	MISS_UNLESS(t, as_expected, "status %s, wanted %d: %s", row->status, row->code, said);
	talk_get(t, talk_vmi(t, name));
	EXPECT(t, 200);
	if (row->after == NULL)
		MISS_UNLESS(t, json_equal(before, t->answer.body), "status %s: %s changed it", row->status,
			    row->patch);
	status = want != NULL ? parse(want) : NULL;
	MISS_UNLESS(t,
		    status == json_object_get(t->answer.body, "status") ||
			    json_equal(status, json_object_get(t->answer.body, "status")),
		    "status %s, wanted %s after %s: %s", row->status, want, row->patch, talk_last(t));
	json_decref(status);
}

static void check_rows(const struct row *rows, size_t n)
{
	AUTO_TALK struct talk t;

	talk_open(&t);
	for (size_t i = 0; i < n; i++)
		check_row(&t, &rows[i], talk_format(&t, "vmi-%zu", i));
	EXPECT_NO_MISSES(&t);
}

START_TEST(a_test_for_null_passes_where_the_member_is_missing_but_its_parent_is_there)
{
	static const struct row rows[] = {
#define TEST_CID "[{'op':'test','path':'/status/VSOCKCID','value':null}]"
		{"{}", TEST_CID, 200, NULL},
		{"{'phase':'Pending'}", TEST_CID, 200, NULL},
		{"{'VSOCKCID':0}", TEST_CID, 422, NULL},
		{"{'VSOCKCID':5}", TEST_CID, 422, NULL},
		{NULL, TEST_CID, 422, NULL},
#define TEST_PHASE "[{'op':'test','path':'/status/phase','value':null}]"
		{"{}", TEST_PHASE, 200, NULL},
		{"{'phase':''}", TEST_PHASE, 422, NULL},
		{"{'phase':'Pending'}", TEST_PHASE, 422, NULL},
		{NULL, TEST_PHASE, 422, NULL},
		/* The whole status. */
		{NULL, "[{'op':'test','path':'/status','value':null}]", 200, NULL},
		{"{}", "[{'op':'test','path':'/status','value':null}]", 422, NULL},
		{"{'phase':''}", "[{'op':'test','path':'/status','value':null}]", 422, NULL},
		/* No value means null. */
		{NULL, "[{'op':'test','path':'/status'}]", 200, NULL},
		{"{}", "[{'op':'test','path':'/status'}]", 422, NULL},
		{"{}", "[{'op':'test','path':'/status/phase'}]", 200, NULL},
		{"{'phase':''}", "[{'op':'test','path':'/status/phase'}]", 422, NULL},
	};

	check_rows(rows, ARRAY_LEN(rows));
}
END_TEST

/* States that no stored VMI can have are made by an operation before the test. */
START_TEST(a_test_for_null_fails_for_every_other_value_and_below_what_is_no_object)
{
#define AFTER(state, member)                                                                                 \
	"[{'op':'add','path':'/status','value':" state "},{'op':'test','path':'/status" member               \
	"','value':nu"                                                                                       \
	"ll}]"
	static const struct row rows[] = {
		{NULL, AFTER("{'phase':null}", "/phase"), 200, "{}"},
		{NULL, AFTER("{'VSOCKCID':null}", "/VSOCKCID"), 200, "{}"},
		{NULL, AFTER("{'phase':{}}", "/phase"), 422, NULL},
		{NULL, AFTER("{'phase':[]}", "/phase"), 422, NULL},
		{NULL, AFTER("{'phase':''}", "/phase"), 422, NULL},
		{NULL, AFTER("{'phase':0}", "/phase"), 422, NULL},
		{NULL, AFTER("{'phase':false}", "/phase"), 422, NULL},
		{NULL, AFTER("null", "/phase"), 422, NULL},
		{NULL, AFTER("5", "/phase"), 422, NULL},
		{NULL, AFTER("'text'", "/phase"), 422, NULL},
		{NULL, AFTER("[]", "/phase"), 422, NULL},
	};

	check_rows(rows, ARRAY_LEN(rows));
}
END_TEST

START_TEST(operations_treat_missing_members_as_the_library_does)
{
	static const struct row rows[] = {
		{NULL, "[{'op':'add','path':'/status/phase','value':'x'}]", 422, NULL},
		{"{}", "[{'op':'add','path':'/status/phase','value':'x'}]", 200, "{'phase':'x'}"},
		{"{'phase':'y'}", "[{'op':'add','path':'/status/phase','value':'x'}]", 200, "{'phase':'x'}"},
		{NULL, "[{'op':'replace','path':'/status/phase','value':'x'}]", 422, NULL},
		{"{}", "[{'op':'replace','path':'/status/phase','value':'x'}]", 200, "{'phase':'x'}"},
		{NULL, "[{'op':'replace','path':'/status','value':{'phase':'x'}}]", 200, "{'phase':'x'}"},
		{"{}", "[{'op':'remove','path':'/status/phase'}]", 422, NULL},
		{NULL, "[{'op':'remove','path':'/status'}]", 422, NULL},
		{"{'phase':'x','reason':'y'}", "[{'op':'remove','path':'/status/phase'}]", 200,
		 "{'reason':'y'}"},
		{"{'phase':'x'}", "[{'op':'copy','from':'/status/phase','path':'/status/reason'}]", 200,
		 "{'phase':'x','reason':'x'}"},
		{"{'phase':'x'}", "[{'op':'move','from':'/status/phase','path':'/status/reason'}]", 200,
		 "{'reason':'x'}"},
		{"{}", "[{'op':'nothing','path':'/status/phase'}]", 422, NULL},
		{"{}", "[{'path':'/status/phase'}]", 422, NULL},
		{"{}", "[{'op':'test'}]", 422, NULL},
		{"{}", "[]", 200, NULL},
	};

	check_rows(rows, ARRAY_LEN(rows));
}
END_TEST

START_TEST(operations_on_arrays_check_their_bounds)
{
	static const struct row rows[] = {
		{TWO_CONDITIONS, "[{'op':'test','path':'/status/conditions/1/type','value':'B'}]", 200, NULL},
		{TWO_CONDITIONS, "[{'op':'test','path':'/status/conditions/-1/type','value':'B'}]", 200,
		 NULL},
		{TWO_CONDITIONS, "[{'op':'test','path':'/status/conditions/2','value':null}]", 422, NULL},
		{TWO_CONDITIONS, "[{'op':'test','path':'/status/conditions/-','value':null}]", 422, NULL},
		{TWO_CONDITIONS, "[{'op':'remove','path':'/status/conditions/0'}]", 200,
		 "{'conditions':[{'type':'B','status':'True'}]}"},
		{TWO_CONDITIONS, "[{'op':'remove','path':'/status/conditions/2'}]", 422, NULL},
		{"{'conditions':[{'type':'A','status':'True'}]}",
		 "[{'op':'add','path':'/status/conditions/-','value':{'type':'B','status':'True'}}]", 200,
		 TWO_CONDITIONS},
		{"{'conditions':[{'type':'B','status':'True'}]}",
		 "[{'op':'add','path':'/status/conditions/0','value':{'type':'A','status':'True'}}]", 200,
		 TWO_CONDITIONS},
		{"{}", "[{'op':'add','path':'/status/conditions/-','value':{'type':'A','status':'True'}}]",
		 422, NULL},
		{"{}",
		 "[{'op':'add','path':'/status/conditions','value':null},"
		 "{'op':'add','path':'/status/conditions/-','value':{'type':'A','status':'True'}}]",
		 422, NULL},
	};

	check_rows(rows, ARRAY_LEN(rows));
}
END_TEST

/* PAT-5: scalars are compared by the bytes of the server's encoding. */
START_TEST(a_test_compares_scalars_byte_by_byte_and_objects_by_members)
{
#define TEST(path, value) "[{'op':'test','path':'" path "','value':" value "}]"
	static const struct row rows[] = {
		{"{'VSOCKCID':5}", TEST("/status/VSOCKCID", "5"), 200, NULL},
		{"{'VSOCKCID':5}", TEST("/status/VSOCKCID", "5.0"), 422, NULL},
		{"{'VSOCKCID':5}", TEST("/status/VSOCKCID", "5e0"), 422, NULL},
		{"{'VSOCKCID':5}", TEST("/status/VSOCKCID", "'5'"), 422, NULL},
		{"{'VSOCKCID':5}", TEST("/status/VSOCKCID", "6"), 422, NULL},
		{"{'VSOCKCID':4294967295}", TEST("/status/VSOCKCID", "4294967295"), 200, NULL},
		{"{'phase':'a<b'}", TEST("/status/phase", "'a<b'"), 422, NULL},
		{"{'phase':'a<b'}", TEST("/status/phase", "'a\\u003cb'"), 200, NULL},
		{"{}", TEST("/metadata/annotations/x~1y", "'a<b'"), 422, NULL},
		{"{}", TEST("/metadata/annotations/x~1y", "'a\\u003cb'"), 200, NULL},
		{"{}", TEST("/metadata/annotations/x~1y", "'a\\u003Cb'"), 422, NULL},
		{"{}", TEST("/metadata/annotations/t", "'\xc3\xa9/\\u0026'"), 200, NULL},
		{"{}", TEST("/metadata/annotations/t", "'\xc3\xa9/&'"), 422, NULL},
		{"{}", TEST("/metadata/annotations/t", "'\\u00e9/\\u0026'"), 422, NULL},
		{"{}", TEST("/metadata/annotations/t", "'\xc3\xa9\\/\\u0026'"), 422, NULL},
		{"{}", TEST("/metadata/labels", "{'b':'2','a':'1'}"), 200, NULL},
		{"{}", TEST("/metadata/labels", "{'a':'1'}"), 422, NULL},
		{"{}", TEST("/metadata/labels", "{'a':'1','b':'2','c':null}"), 422, NULL},
		{TWO_CONDITIONS,
		 TEST("/status/conditions", "[{'status':'True','type':'A'},{'type':'B','status':'True'}]"),
		 200, NULL},
		{TWO_CONDITIONS,
		 TEST("/status/conditions", "[{'type':'B','status':'True'},{'type':'A','status':'True'}]"),
		 422, NULL},
		{"{}", TEST("/metadata/generation", "1"), 200, NULL},
	};

	check_rows(rows, ARRAY_LEN(rows));
}
END_TEST

START_TEST(slash_and_tilde_are_escaped_in_paths)
{
	static const struct row rows[] = {
		{"{}",
		 "[{'op':'add','path':'/status/a~0~1b','value':1},"
		 "{'op':'test','path':'/status/a~0~1b','value':1},"
		 "{'op':'remove','path':'/status/a~0~1b'}]",
		 200, NULL},
		{"{}",
		 "[{'op':'add','path':'/status/a~1b','value':1},"
		 "{'op':'test','path':'/status/a/b','value':1}]",
		 422, NULL},
	};

	check_rows(rows, ARRAY_LEN(rows));
}
END_TEST

START_TEST(operations_see_those_before_them_and_all_are_undone_by_a_failure)
{
	static const struct row rows[] = {
		{"{}",
		 "[{'op':'add','path':'/status/VSOCKCID','value':77},"
		 "{'op':'test','path':'/status/VSOCKCID','value':77},"
		 "{'op':'replace','path':'/status/VSOCKCID','value':78}]",
		 200, "{'VSOCKCID':78}"},
		{"{}",
		 "[{'op':'add','path':'/status/VSOCKCID','value':77},"
		 "{'op':'test','path':'/status/VSOCKCID','value':null}]",
		 422, NULL},
		{"{'phase':'Pending'}",
		 "[{'op':'add','path':'/status/VSOCKCID','value':77},"
		 "{'op':'test','path':'/status/phase','value':'Scheduling'}]",
		 422, NULL},
		{"{'phase':'Pending','VSOCKCID':1}",
		 "[{'op':'remove','path':'/status'},{'op':'nothing','path':'/status'}]", 422, NULL},
	};

	check_rows(rows, ARRAY_LEN(rows));
}
END_TEST

START_TEST(what_is_no_list_of_operations_is_400)
{
	static const char *const bodies[] = {
		"{'op':'test','path':'/status','value':null}", "[1]", "[{'op':", "hello", "'text'",
	};
	AUTO_TALK struct talk t;

	talk_open(&t);
	talk_given_vmi(&t, "a", NULL);
	for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
		talk_json_patch(&t, talk_vmi(&t, "a"), bodies[i]);
		MISS_UNLESS(&t, talk_is_refusal(&t, 400, "BadRequest"), "%s", talk_last(&t));
	}
	EXPECT_NO_MISSES(&t);
}
END_TEST

START_TEST(a_patch_that_makes_an_invalid_object_is_422_with_causes)
{
	AUTO_TALK struct talk t;

	talk_open(&t);
	talk_given_vmi(&t, "a", "{}");
	talk_json_patch(&t, talk_vmi(&t, "a"), "[{'op':'add','path':'/status/VSOCKCID','value':-1}]");
	EXPECT_REFUSAL(&t, 422, "Invalid");
	EXPECT_TEXT(&t, "details.causes.0.field", "status.VSOCKCID");
	ck_assert_str_ne(talk_text(&t, "message"), OPAQUE);
	talk_json_patch(&t, talk_vmi(&t, "a"), "[{'op':'replace','path':'/metadata/uid','value':'x'}]");
	EXPECT_REFUSAL(&t, 422, "Invalid");
	EXPECT_TEXT(&t, "details.causes.0.field", "metadata.uid");
	talk_json_patch(&t, talk_vmi(&t, "a"), "[{'op':'replace','path':'/metadata/name','value':'x'}]");
	EXPECT_REFUSAL(&t, 400, "BadRequest");
}
END_TEST

START_TEST(a_json_patch_that_sets_an_old_version_is_409)
{
	AUTO_TALK struct talk t;

	talk_open(&t);
	talk_given_vmi(&t, "a", "{}");
	talk_json_patch(&t, talk_vmi(&t, "a"),
			"[{'op':'add','path':'/metadata/resourceVersion','value':'1'},"
			"{'op':'add','path':'/status/phase','value':'x'}]");
	EXPECT_REFUSAL(&t, 409, "Conflict");
}
END_TEST

START_TEST(a_patch_that_changes_nothing_keeps_the_version)
{
	AUTO_TALK struct talk t;
	const char *version;

	talk_open(&t);
	talk_given_vmi(&t, "a", "{'phase':'Pending','VSOCKCID':5}");
	version = talk_text(&t, "metadata.resourceVersion");
	talk_json_patch(&t, talk_vmi(&t, "a"), "[{'op':'replace','path':'/status/VSOCKCID','value':5}]");
	EXPECT(&t, 200);
	EXPECT_TEXT(&t, "metadata.resourceVersion", version);
	talk_merge_patch(&t, talk_vmi(&t, "a"), "{'status':{'phase':'Pending'}}");
	EXPECT(&t, 200);
	EXPECT_TEXT(&t, "metadata.resourceVersion", version);
	talk_merge_patch(&t, talk_vmi(&t, "a"), "{}");
	EXPECT(&t, 200);
	ck_assert_str_eq(talk_version(&t, "a"), version);
}
END_TEST

START_TEST(a_merge_patch_merges_objects_and_removes_nulls)
{
	AUTO_TALK struct talk t;

	talk_open(&t);
	talk_given_vmi(&t, "a", NULL);
	talk_merge_patch(&t, talk_vmi(&t, "a"), "{'status':{'VSOCKCID':5,'phase':'Pending'}}");
	EXPECT(&t, 200);
	talk_merge_patch(&t, talk_vmi(&t, "a"), "{'status':{'phase':'Running'}}");
	EXPECT_TEXT(&t, "status.phase", "Running");
	ck_assert_int_eq(json_integer_value(api_member(t.answer.body, "status.VSOCKCID")), 5);
	talk_merge_patch(&t, talk_vmi(&t, "a"), "{'status':{'VSOCKCID':null}}");
	EXPECT(&t, 200);
	ck_assert_ptr_null(api_member(t.answer.body, "status.VSOCKCID"));
	EXPECT_TEXT(&t, "status.phase", "Running");
	talk_merge_patch(&t, talk_vmi(&t, "a"), "[1]");
	EXPECT_REFUSAL(&t, 400, "BadRequest");
	talk_merge_patch(&t, talk_vmi(&t, "a"), "{'a'");
	EXPECT_REFUSAL(&t, 400, "BadRequest");
}
END_TEST

START_TEST(a_merge_patch_may_depend_on_uid_and_version)
{
	AUTO_TALK struct talk t;
	const char *uid;
	const char *version;

	talk_open(&t);
	talk_given_vmi(&t, "a", NULL);
	uid = talk_text(&t, "metadata.uid");
	version = talk_text(&t, "metadata.resourceVersion");
	talk_merge_patch(&t, talk_vmi(&t, "a"), "{'metadata':{'uid':'other'},'status':{'VSOCKCID':5}}");
	EXPECT_REFUSAL(&t, 422, "Invalid");
	EXPECT_TEXT(&t, "details.causes.0.field", "metadata.uid");
	talk_merge_patch(&t, talk_vmi(&t, "a"),
			 talk_format(&t,
				     "{'metadata':{'uid':'%s','resourceVersion':'%s'},"
				     "'status':{'VSOCKCID':5}}",
				     uid, version));
	EXPECT(&t, 200);
	talk_merge_patch(
		&t, talk_vmi(&t, "a"),
		talk_format(&t, "{'metadata':{'resourceVersion':'%s'},'status':{'VSOCKCID':6}}", version));
	EXPECT_REFUSAL(&t, 409, "Conflict");
	talk_merge_patch(&t, talk_vmi(&t, "a"), "{'status':{'VSOCKCID':7}}");
	EXPECT(&t, 200);
}
END_TEST

START_TEST(there_is_no_status_subresource_of_a_vmi)
{
	AUTO_TALK struct talk t;

	talk_open(&t);
	talk_given_vmi(&t, "a", NULL);
	talk_merge_patch(&t, talk_vmi(&t, "a/status"), "{'status':{'VSOCKCID':5}}");
	EXPECT(&t, 404);
	talk_json_patch(&t, talk_vmi(&t, "a/status"), "[]");
	EXPECT(&t, 404);
	talk_get(&t, talk_vmi(&t, "a/status"));
	EXPECT(&t, 404);
}
END_TEST

START_TEST(a_patch_of_a_missing_object_is_404)
{
	AUTO_TALK struct talk t;

	talk_open(&t);
	talk_json_patch(&t, talk_vmi(&t, "none"), "[]");
	EXPECT_REFUSAL(&t, 404, "NotFound");
	talk_merge_patch(&t, talk_vmi(&t, "none"), "{}");
	EXPECT_REFUSAL(&t, 404, "NotFound");
}
END_TEST

START_TEST(a_patch_of_another_media_type_is_415)
{
	AUTO_TALK struct talk t;

	talk_open(&t);
	talk_given_vmi(&t, "a", NULL);
	talk_send(&t, "PATCH", talk_vmi(&t, "a"), API_JSON, "{}");
	EXPECT_REFUSAL(&t, 415, "UnsupportedMediaType");
	talk_send(&t, "PATCH", talk_vmi(&t, "a"), "application/strategic-merge-patch+json", "{}");
	EXPECT_REFUSAL(&t, 415, "UnsupportedMediaType");
}
END_TEST

void patches_cases(struct cases *c)
{
	const TTest *const tests[] = {
		a_test_for_null_passes_where_the_member_is_missing_but_its_parent_is_there,
		a_test_for_null_fails_for_every_other_value_and_below_what_is_no_object,
		operations_treat_missing_members_as_the_library_does,
		operations_on_arrays_check_their_bounds,
		a_test_compares_scalars_byte_by_byte_and_objects_by_members,
		slash_and_tilde_are_escaped_in_paths,
		operations_see_those_before_them_and_all_are_undone_by_a_failure,
		what_is_no_list_of_operations_is_400,
		a_patch_that_makes_an_invalid_object_is_422_with_causes,
		a_json_patch_that_sets_an_old_version_is_409,
		a_patch_that_changes_nothing_keeps_the_version,
		a_merge_patch_merges_objects_and_removes_nulls,
		a_merge_patch_may_depend_on_uid_and_version,
		there_is_no_status_subresource_of_a_vmi,
		a_patch_of_a_missing_object_is_404,
		a_patch_of_another_media_type_is_415,
	};

	cases_add(c, tests, ARRAY_LEN(tests));
}
