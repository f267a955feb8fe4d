/* Discovery, credentials, and requests that make no sense. */
#include <string.h>

#include "contract/talk.h"

START_TEST(the_group_names_its_versions_and_the_preferred_one)
{
	AUTO_TALK struct talk t;

	talk_open(&t);
	talk_get(&t, "/apis/kubevirt.io");
	EXPECT(&t, 200);
	EXPECT_TEXT(&t, "kind", "APIGroup");
	EXPECT_TEXT(&t, "name", "kubevirt.io");
	EXPECT_TEXT(&t, "versions.0.groupVersion", "kubevirt.io/v1");
	EXPECT_TEXT(&t, "versions.0.version", "v1");
	EXPECT_TEXT(&t, "versions.1.groupVersion", "kubevirt.io/v1alpha3");
	EXPECT_TEXT(&t, "preferredVersion.groupVersion", "kubevirt.io/v1");
	EXPECT_TEXT(&t, "preferredVersion.version", "v1");
}
END_TEST

START_TEST(all_groups_are_listed)
{
	AUTO_TALK struct talk t;
	const json_t *group;
	unsigned found = 0;
	size_t i;

	talk_open(&t);
	talk_get(&t, "/apis");
	EXPECT(&t, 200);
	EXPECT_TEXT(&t, "kind", "APIGroupList");
	json_array_foreach(json_object_get(t.answer.body, "groups"), i, group)
	{
		found += strcmp(api_text(group, "name"), "kubevirt.io") == 0;
		found += strcmp(api_text(group, "name"), "coordination.k8s.io") == 0;
	}
	ck_assert_uint_eq(found, 2);
	talk_get(&t, "/api");
	EXPECT(&t, 200);
	EXPECT_TEXT(&t, "kind", "APIVersions");
	EXPECT_TEXT(&t, "versions.0", "v1");
}
END_TEST

static const json_t *resource(struct talk *t, const char *name)
{
	const json_t *entry;
	size_t i;

	json_array_foreach(json_object_get(t->answer.body, "resources"), i,
			   entry) if (strcmp(api_text(entry, "name"), name) == 0) return entry;
	return NULL;
}

static bool has_verb(const json_t *entry, const char *verb)
{
	const json_t *item;
	size_t i;

	json_array_foreach(json_object_get(entry, "verbs"), i,
			   item) if (strcmp(json_string_value(item), verb) == 0) return true;
	return false;
}

START_TEST(the_version_names_its_resources_and_their_verbs)
{
	static const char *const verbs[] = {"get", "list", "watch", "create", "update", "delete", "patch"};
	AUTO_TALK struct talk t;
	const json_t *vmis;

	talk_open(&t);
	talk_get(&t, "/apis/kubevirt.io/v1");
	EXPECT(&t, 200);
	EXPECT_TEXT(&t, "kind", "APIResourceList");
	EXPECT_TEXT(&t, "groupVersion", "kubevirt.io/v1");
	vmis = resource(&t, "virtualmachineinstances");
	ck_assert_ptr_nonnull(vmis);
	ck_assert_str_eq(api_text(vmis, "kind"), "VirtualMachineInstance");
	ck_assert(json_is_true(json_object_get(vmis, "namespaced")));
	for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
		ck_assert_msg(has_verb(vmis, verbs[i]), "no %s", verbs[i]);
	ck_assert_ptr_null(resource(&t, "virtualmachineinstances/status"));
	ck_assert_ptr_nonnull(resource(&t, "kubevirts"));
	ck_assert_ptr_nonnull(resource(&t, "kubevirts/status"));
}
END_TEST

START_TEST(what_is_not_served_is_404)
{
	static const char *const paths[] = {
		"/apis/absent.example",
		"/apis/absent.example/v1",
		"/apis/kubevirt.io/v9",
		"/apis/kubevirt.io/v9/virtualmachineinstances",
		"/apis/kubevirt.io/v1/nothings",
		"/apis/kubevirt.io/v1/namespaces/default/nothings/a",
		"/nothing",
	};
	AUTO_TALK struct talk t;

	talk_open(&t);
	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		talk_get(&t, paths[i]);
		MISS_UNLESS(&t, t.answer.status == 404, "%s", talk_last(&t));
	}
	EXPECT_NO_MISSES(&t);
}
END_TEST

START_TEST(the_server_tells_version_and_health)
{
	AUTO_TALK struct talk t;

	talk_open(&t);
	talk_get(&t, "/version");
	EXPECT(&t, 200);
	ck_assert_int_eq(talk_text(&t, "gitVersion")[0], 'v');
	EXPECT_TEXT(&t, "major", "1");
	talk_get(&t, "/readyz");
	EXPECT(&t, 200);
	talk_get(&t, "/livez");
	EXPECT(&t, 200);
	talk_get(&t, "/healthz");
	EXPECT(&t, 200);
}
END_TEST

START_TEST(a_wrong_token_is_401)
{
	AUTO_TALK struct talk t;

	talk_open(&t);
	ck_assert_int_eq(api_set_token(t.api, "wrong"), 0);
	talk_get(&t, talk_vmis(&t));
	EXPECT_REFUSAL(&t, 401, "Unauthorized");
	talk_json_patch(&t, talk_vmi(&t, "a"), "[]");
	EXPECT_REFUSAL(&t, 401, "Unauthorized");
}
END_TEST

START_TEST(a_body_that_is_no_object_of_the_kind_is_400)
{
	static const char *const bodies[] = {
		"{'a':",
		"{}",
		"[]",
		"{'apiVersion':'kubevirt.io/v1','metadata':{'name':'a'},"
		"'spec':{'domain':{'devices':{}}}}",
		"{'kind':'VirtualMachineInstance','metadata':{'name':'a'},"
		"'spec':{'domain':{'devices':{}}}}",
		"{'apiVersion':'kubevirt.io/v1','kind':'VirtualMachineInstance','metadata':7,"
		"'spec':{'domain':{'devices':{}}}}",
		"",
	};
	AUTO_TALK struct talk t;

	talk_open(&t);
	talk_given_vmi(&t, "there", NULL);
	for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
		talk_post(&t, talk_vmis(&t), bodies[i]);
		MISS_UNLESS(&t, talk_is_refusal(&t, 400, "BadRequest"), "%s", talk_last(&t));
		talk_put(&t, talk_vmi(&t, "there"), bodies[i]);
		MISS_UNLESS(&t, talk_is_refusal(&t, 400, "BadRequest"), "%s", talk_last(&t));
	}
	EXPECT_NO_MISSES(&t);
}
END_TEST

START_TEST(a_body_of_another_media_type_is_415)
{
	AUTO_TALK struct talk t;

	talk_open(&t);
	talk_send(&t, "POST", talk_vmis(&t), "text/plain", "hello");
	EXPECT_REFUSAL(&t, 415, "UnsupportedMediaType");
}
END_TEST

void protocol_cases(struct cases *c)
{
	const TTest *const tests[] = {
		the_group_names_its_versions_and_the_preferred_one,
		all_groups_are_listed,
		the_version_names_its_resources_and_their_verbs,
		what_is_not_served_is_404,
		the_server_tells_version_and_health,
		a_wrong_token_is_401,
		a_body_that_is_no_object_of_the_kind_is_400,
		a_body_of_another_media_type_is_415,
	};

	cases_add(c, tests, ARRAY_LEN(tests));
}
