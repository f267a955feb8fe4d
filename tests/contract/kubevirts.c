/* The KubeVirt CR: where the feature gate is. Unlike a VMI it has a status subresource. */
#include <string.h>

#include "contract/talk.h"

#define GATES(list)                                                                                          \
	"{'configuration':{'developerConfiguration':{'featureGates':" list                                   \
	",'disabledFeatureGates':['Root']}}}"

#define GATES_PATH "spec.configuration.developerConfiguration.featureGates"

static const char *kubevirt(struct talk *t, const char *name)
{
	return talk_path(t, TALK_KUBEVIRT, "kubevirts", name);
}

static void given_kubevirt(struct talk *t)
{
	talk_post(t, kubevirt(t, NULL),
		  "{'apiVersion':'kubevirt.io/v1','kind':'KubeVirt','metadata':{'name':'kv'},"
		  "'spec':" GATES("['VSOCK']") ",'status':{'phase':'Deployed'}}");
	EXPECT(t, 201);
}

START_TEST(gates_come_back_as_they_were_written)
{
	AUTO_TALK struct talk t;

	talk_open(&t);
	given_kubevirt(&t);
	talk_get(&t, kubevirt(&t, "kv"));
	EXPECT(&t, 200);
	EXPECT_TEXT(&t, "kind", "KubeVirt");
	EXPECT_TEXT(&t, GATES_PATH ".0", "VSOCK");
	EXPECT_TEXT(&t, "spec.configuration.developerConfiguration.disabledFeatureGates.0", "Root");
	talk_get(&t, TALK_KUBEVIRT "/kubevirts");
	EXPECT(&t, 200);
	EXPECT_TEXT(&t, "kind", "KubeVirtList");
}
END_TEST

START_TEST(status_is_written_through_its_subresource_only)
{
	AUTO_TALK struct talk t;

	talk_open(&t);
	given_kubevirt(&t);
	ck_assert_ptr_null(json_object_get(t.answer.body, "status"));
	talk_merge_patch(&t, kubevirt(&t, "kv"), "{'status':{'phase':'Deployed'}}");
	EXPECT(&t, 200);
	ck_assert_ptr_null(json_object_get(t.answer.body, "status"));
	talk_merge_patch(&t, kubevirt(&t, "kv/status"),
			 "{'spec':" GATES("[]") ",'status':{'phase':'Deployed'}}");
	EXPECT(&t, 200);
	EXPECT_TEXT(&t, "status.phase", "Deployed");
	EXPECT_TEXT(&t, GATES_PATH ".0", "VSOCK");
	talk_get(&t, kubevirt(&t, "kv/status"));
	EXPECT(&t, 200);
	EXPECT_TEXT(&t, "status.phase", "Deployed");
}
END_TEST

START_TEST(only_changes_of_the_spec_raise_the_generation)
{
	AUTO_TALK struct talk t;
	const char *version;

	talk_open(&t);
	given_kubevirt(&t);
	version = talk_text(&t, "metadata.resourceVersion");
	talk_merge_patch(&t, kubevirt(&t, "kv/status"), "{'status':{'phase':'Deployed'}}");
	EXPECT(&t, 200);
	ck_assert_int_eq(json_integer_value(api_member(t.answer.body, "metadata.generation")), 1);
	ck_assert_str_ne(talk_text(&t, "metadata.resourceVersion"), version);
	talk_merge_patch(&t, kubevirt(&t, "kv"), "{'spec':" GATES("[]") "}");
	EXPECT(&t, 200);
	ck_assert_int_eq(json_integer_value(api_member(t.answer.body, "metadata.generation")), 2);
	EXPECT_TEXT(&t, "status.phase", "Deployed");
}
END_TEST

START_TEST(a_gate_switched_by_a_patch_is_seen_by_a_watch)
{
	AUTO_TALK struct talk t;
	AUTO_WATCH struct api_watch *watch = NULL;
	const json_t *event;

	talk_open(&t);
	given_kubevirt(&t);
	watch = talk_watch(&t, talk_format(&t, "%s?watch=1&resourceVersion=%s&timeoutSeconds=60",
					   kubevirt(&t, NULL), talk_text(&t, "metadata.resourceVersion")));
	talk_given_vmi(&t, "a", NULL);
	talk_merge_patch(&t, kubevirt(&t, "kv"), "{'spec':" GATES("[]") "}");
	EXPECT(&t, 200);
	talk_json_patch(&t, kubevirt(&t, "kv"),
			"[{'op':'add','path':'/spec/configuration/developerConfiguration/featureGates"
			"/-','value':'VSOCK'}]");
	EXPECT(&t, 200);
	event = talk_expect_event(&t, watch, "MODIFIED", "kv");
	ck_assert_uint_eq(json_array_size(api_member(event, GATES_PATH)), 0);
	event = talk_expect_event(&t, watch, "MODIFIED", "kv");
	ck_assert_str_eq(api_text(event, GATES_PATH ".0"), "VSOCK");
	talk_delete(&t, kubevirt(&t, "kv"));
	talk_expect_event(&t, watch, "DELETED", "kv");
}
END_TEST

START_TEST(gates_must_be_strings)
{
	AUTO_TALK struct talk t;

	talk_open(&t);
	given_kubevirt(&t);
	talk_merge_patch(&t, kubevirt(&t, "kv"), "{'spec':" GATES("[7]") "}");
	EXPECT_REFUSAL(&t, 422, "Invalid");
	talk_merge_patch(&t, kubevirt(&t, "kv"), "{'spec':" GATES("'VSOCK'") "}");
	EXPECT_REFUSAL(&t, 422, "Invalid");
}
END_TEST

/* The program reads there whether the highest CID can be written. */
START_TEST(the_crd_of_vmis_says_what_a_cid_may_be)
{
	AUTO_TALK struct talk t;

	talk_open(&t);
	talk_get(&t, "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/"
		     "virtualmachineinstances.kubevirt.io");
	EXPECT_TEXT(&t, "kind", "CustomResourceDefinition");
	EXPECT_TEXT(&t, "spec.versions.0.schema.openAPIV3Schema.properties.status.properties.VSOCKCID.type",
		    "integer");
	EXPECT_TEXT(&t, "spec.versions.0.schema.openAPIV3Schema.properties.status.properties.VSOCKCID.format",
		    "int64");
}
END_TEST

void kubevirts_cases(struct cases *c)
{
	const TTest *const tests[] = {
		gates_come_back_as_they_were_written,
		status_is_written_through_its_subresource_only,
		only_changes_of_the_spec_raise_the_generation,
		a_gate_switched_by_a_patch_is_seen_by_a_watch,
		gates_must_be_strings,
		the_crd_of_vmis_says_what_a_cid_may_be,
	};

	cases_add(c, tests, ARRAY_LEN(tests));
}
