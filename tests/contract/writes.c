/*
 * The controller's own writes: a JSON patch that gives a CID and that fails (422, no causes) when anything it
 * rests on has changed. Each begins with a test of metadata.uid, and may test metadata.resourceVersion too.
 * The rest depends on what the VMI looked like when it was read:
 *
 *	no status                test /status null, then add the whole status
 *	a status without phase   test /status/phase null, test the CID, then add the CID
 *	a phase                  test /status/phase, test the CID, then add the CID
 *
 * where the CID is tested for null, or for the value read when it is a bad one that must be replaced.
 */
#include <stdlib.h>
#include <string.h>

#include "contract/talk.h"

#define WRITERS 12

struct form {
	const char *status; /* which the VMI has; NULL: none */
	const char *phase;  /* which it shows; NULL: none */
	const char *cid;    /* which is replaced; NULL: there is none */
};

static const struct form forms[] = {
	{NULL, NULL, NULL},
	{"{'nodeName':'n'}", NULL, NULL},
	{"{'phase':''}", "''", NULL},
	{"{'phase':'Scheduling'}", "'Scheduling'", NULL},
	{"{'VSOCKCID':2}", NULL, "2"},
	{"{'phase':'Scheduling','VSOCKCID':2}", "'Scheduling'", "2"},
};

static const struct form *const with_phase = &forms[3];

#define TEST_OP(path, value) ",{'op':'test','path':'" path "','value':" value "}"

/* @version may be NULL: not tested. */
static const char *write_text(struct talk *t, const struct form *form, const char *uid, const char *version,
			      unsigned cid)
{
	const char *begin = talk_format(t, "[{'op':'test','path':'/metadata/uid','value':'%s'}", uid);

	if (version != NULL)
		begin = talk_format(t, "%s" TEST_OP("/metadata/resourceVersion", "'%s'"), begin, version);
	if (form->status == NULL)
		return talk_format(t,
				   "%s" TEST_OP("/status", "null") ",{'op':'add','path':'/status','value':"
								   "{'VSOCKCID':%u}}]",
				   begin, cid);
	return talk_format(t,
			   "%s" TEST_OP("/status/phase", "%s")
				   TEST_OP("/status/VSOCKCID",
					   "%s") ",{'op':'add','path':'/status/VSOCKCID','value':%u}]",
			   begin, form->phase != NULL ? form->phase : "null",
			   form->cid != NULL ? form->cid : "null", cid);
}

/* Creates a VMI and gives back its uid. */
static const char *given(struct talk *t, const char *name, const struct form *form)
{
	talk_given_vmi(t, name, form->status);
	return talk_text(t, "metadata.uid");
}

static bool is_opaque(struct talk *t)
{
	return talk_is_refusal(t, 422, "Invalid") && api_member(t->answer.body, "details.causes") == NULL;
}

START_TEST(each_form_of_write_passes_where_it_fits_and_only_there)
{
	AUTO_TALK struct talk t;

	talk_open(&t);
	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		for (size_t j = 0; j < ARRAY_LEN(forms); j++) {
			const char *name = talk_format(&t, "vmi-%zu-%zu", i, j);
			const char *uid = given(&t, name, &forms[j]);

			talk_json_patch(&t, talk_vmi(&t, name), write_text(&t, &forms[i], uid, NULL, 4711));
			MISS_UNLESS(&t, i == j ? t.answer.status == 200 : is_opaque(&t), "status %s: %s",
				    forms[j].status, talk_last(&t));
		}
	}
	EXPECT_NO_MISSES(&t);
}
END_TEST

START_TEST(the_answer_to_a_write_shows_the_cid_and_nothing_else_has_changed)
{
	AUTO_TALK struct talk t;

	talk_open(&t);
	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		const char *name = talk_format(&t, "vmi-%zu", i);
		const char *uid = given(&t, name, &forms[i]);
		const char *before = talk_text(&t, "metadata.resourceVersion");
		json_t *status;

		status = json_deep_copy(json_object_get(t.answer.body, "status"));
		if (status == NULL)
			status = json_object();
		json_object_set_new(status, "VSOCKCID", json_integer(4294967294));
		talk_json_patch(&t, talk_vmi(&t, name), write_text(&t, &forms[i], uid, NULL, 4294967294));
		MISS_UNLESS(&t, json_equal(json_object_get(t.answer.body, "status"), status), "%s",
			    talk_last(&t));
		MISS_UNLESS(&t, talk_number(talk_text(&t, "metadata.resourceVersion")) > talk_number(before),
			    "%s", talk_last(&t));
		talk_get(&t, talk_vmi(&t, name));
		MISS_UNLESS(&t, json_equal(json_object_get(t.answer.body, "status"), status), "%s",
			    talk_last(&t));
		json_decref(status);
	}
	EXPECT_NO_MISSES(&t);
}
END_TEST

START_TEST(a_write_for_another_uid_fails)
{
	AUTO_TALK struct talk t;

	talk_open(&t);
	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		const char *name = talk_format(&t, "vmi-%zu", i);
		const char *uid = given(&t, name, &forms[i]);

		talk_delete(&t, talk_vmi(&t, name));
		EXPECT(&t, 200);
		talk_given_vmi(&t, name, forms[i].status);
		talk_json_patch(&t, talk_vmi(&t, name), write_text(&t, &forms[i], uid, NULL, 4711));
		MISS_UNLESS(&t, is_opaque(&t), "%s", talk_last(&t));
	}
	EXPECT_NO_MISSES(&t);
}
END_TEST

START_TEST(a_write_fails_when_the_phase_has_moved_on)
{
	AUTO_TALK struct talk t;

	talk_open(&t);
	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		const char *name = talk_format(&t, "vmi-%zu", i);
		const char *uid = given(&t, name, &forms[i]);

		talk_merge_patch(&t, talk_vmi(&t, name), "{'status':{'phase':'Scheduled'}}");
		EXPECT(&t, 200);
		talk_json_patch(&t, talk_vmi(&t, name), write_text(&t, &forms[i], uid, NULL, 4711));
		MISS_UNLESS(&t, is_opaque(&t), "%s", talk_last(&t));
	}
	EXPECT_NO_MISSES(&t);
}
END_TEST

START_TEST(a_write_fails_when_somebody_else_gave_a_cid)
{
	AUTO_TALK struct talk t;

	talk_open(&t);
	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		const char *name = talk_format(&t, "vmi-%zu", i);
		const char *uid = given(&t, name, &forms[i]);

		talk_merge_patch(&t, talk_vmi(&t, name), "{'status':{'VSOCKCID':99}}");
		EXPECT(&t, 200);
		talk_json_patch(&t, talk_vmi(&t, name), write_text(&t, &forms[i], uid, NULL, 4711));
		MISS_UNLESS(&t, is_opaque(&t), "%s", talk_last(&t));
		talk_get(&t, talk_vmi(&t, name));
		MISS_UNLESS(&t, json_integer_value(api_member(t.answer.body, "status.VSOCKCID")) == 99, "%s",
			    talk_last(&t));
	}
	EXPECT_NO_MISSES(&t);
}
END_TEST

START_TEST(a_write_may_test_the_version_too)
{
	AUTO_TALK struct talk t;

	talk_open(&t);
	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		const char *name = talk_format(&t, "vmi-%zu", i);
		const char *uid = given(&t, name, &forms[i]);
		const char *version = talk_text(&t, "metadata.resourceVersion");

		talk_merge_patch(&t, talk_vmi(&t, name), "{'metadata':{'labels':{'a':'b'}}}");
		EXPECT(&t, 200);
		talk_json_patch(&t, talk_vmi(&t, name), write_text(&t, &forms[i], uid, version, 4711));
		MISS_UNLESS(&t, is_opaque(&t), "%s", talk_last(&t));
		version = talk_version(&t, name);
		talk_json_patch(&t, talk_vmi(&t, name), write_text(&t, &forms[i], uid, version, 4711));
		MISS_UNLESS(&t, t.answer.status == 200, "%s", talk_last(&t));
	}
	EXPECT_NO_MISSES(&t);
}
END_TEST

START_TEST(a_write_is_not_disturbed_by_what_it_does_not_test)
{
	AUTO_TALK struct talk t;
	const char *uid;

	talk_open(&t);
	uid = given(&t, "a", with_phase);
	talk_merge_patch(&t, talk_vmi(&t, "a"),
			 "{'metadata':{'labels':{'a':'b'}},'status':{'nodeName':'n'}}");
	EXPECT(&t, 200);
	talk_json_patch(&t, talk_vmi(&t, "a"), write_text(&t, with_phase, uid, NULL, 4711));
	EXPECT(&t, 200);
	EXPECT_TEXT(&t, "status.nodeName", "n");
}
END_TEST

START_TEST(a_write_to_a_vmi_that_is_gone_is_404)
{
	AUTO_TALK struct talk t;
	const char *uid;

	talk_open(&t);
	uid = given(&t, "a", with_phase);
	talk_delete(&t, talk_vmi(&t, "a"));
	talk_json_patch(&t, talk_vmi(&t, "a"), write_text(&t, with_phase, uid, NULL, 4711));
	EXPECT_REFUSAL(&t, 404, "NotFound");
}
END_TEST

/* Sends all bodies at the same time and counts the answers. */
static void send_at_once(struct talk *t, const char *type, char *const *bodies, unsigned *won,
			 unsigned *refused, int refusal)
{
	struct api_call calls[WRITERS] = {0};
	struct error err = {0};

	*won = 0;
	*refused = 0;
	for (size_t i = 0; i < WRITERS; i++) {
		talk_quote(bodies[i]);
		calls[i] = (struct api_call){.method = "PATCH",
					     .path = talk_vmi(t, "a"),
					     .content_type = type,
					     .body = bodies[i],
					     .keep_body = true};
	}
	ck_assert_int_eq(api_parallel(t->api, calls, WRITERS, WRITERS, &err), 0);
	for (size_t i = 0; i < WRITERS; i++) {
		*won += calls[i].answer.status == 200;
		*refused += calls[i].answer.status == refusal;
		api_answer_free(&calls[i].answer);
	}
}

static void free_all(char **bodies)
{
	for (size_t i = 0; i < WRITERS; i++)
		free(bodies[i]);
}

START_TEST(of_many_writes_at_once_exactly_one_wins_and_none_conflicts)
{
	AUTO_TALK struct talk t;
	const char *uid;
	char *bodies[WRITERS];
	unsigned won;
	unsigned refused;

	talk_open(&t);
	uid = given(&t, "a", with_phase);
	for (unsigned i = 0; i < WRITERS; i++)
		bodies[i] = strdup(write_text(&t, with_phase, uid, NULL, 1000 + i));
	send_at_once(&t, API_JSON_PATCH, bodies, &won, &refused, 422);
	free_all(bodies);
	ck_assert_uint_eq(won, 1);
	ck_assert_uint_eq(refused, WRITERS - 1);
}
END_TEST

START_TEST(of_many_merge_patches_of_one_version_exactly_one_wins_and_the_others_conflict)
{
	AUTO_TALK struct talk t;
	char *bodies[WRITERS];
	const char *version;
	unsigned won;
	unsigned refused;

	talk_open(&t);
	talk_given_vmi(&t, "a", NULL);
	version = talk_text(&t, "metadata.resourceVersion");
	for (unsigned i = 0; i < WRITERS; i++)
		bodies[i] = strdup(
			talk_format(&t, "{'metadata':{'resourceVersion':'%s'},'status':{'VSOCKCID':%u}}",
				    version, 1000 + i));
	send_at_once(&t, API_MERGE_PATCH, bodies, &won, &refused, 409);
	free_all(bodies);
	ck_assert_uint_eq(won, 1);
	ck_assert_uint_eq(refused, WRITERS - 1);
}
END_TEST

START_TEST(many_patches_of_different_members_all_pass)
{
	AUTO_TALK struct talk t;
	char *bodies[WRITERS];
	unsigned won;
	unsigned refused;

	talk_open(&t);
	talk_given_vmi(&t, "a", NULL);
	for (unsigned i = 0; i < WRITERS; i++)
		bodies[i] = strdup(talk_format(&t, "{'metadata':{'labels':{'l%u':'x'}}}", i));
	send_at_once(&t, API_MERGE_PATCH, bodies, &won, &refused, 409);
	free_all(bodies);
	ck_assert_uint_eq(won, WRITERS);
	talk_get(&t, talk_vmi(&t, "a"));
	ck_assert_uint_eq(json_object_size(api_member(t.answer.body, "metadata.labels")), WRITERS);
}
END_TEST

void writes_cases(struct cases *c)
{
	const TTest *const tests[] = {
		each_form_of_write_passes_where_it_fits_and_only_there,
		the_answer_to_a_write_shows_the_cid_and_nothing_else_has_changed,
		a_write_for_another_uid_fails,
		a_write_fails_when_the_phase_has_moved_on,
		a_write_fails_when_somebody_else_gave_a_cid,
		a_write_may_test_the_version_too,
		a_write_is_not_disturbed_by_what_it_does_not_test,
		a_write_to_a_vmi_that_is_gone_is_404,
		of_many_writes_at_once_exactly_one_wins_and_none_conflicts,
		of_many_merge_patches_of_one_version_exactly_one_wins_and_the_others_conflict,
		many_patches_of_different_members_all_pass,
	};

	cases_add(c, tests, ARRAY_LEN(tests));
}
