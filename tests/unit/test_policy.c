#include <check.h>
#include <jansson.h>
#include <string.h>

#include "base/macros.h"
#include "controller/policy.h"
#include "controller/policy_files.h"
#include "kube/yamldoc.h"
#include "support/suite.h"

static struct policy_set *set;
static char why[256];

/* The spec of the n-th document of a manifest, as the server would store it. */
static json_t *spec_of(const char *file, int document)
{
	json_t *parsed = NULL;
	json_t *spec;
	const char *end;

	for (int i = 0; i < document; i++)
		file = strstr(file, "\n---\n") + 5;
	end = strstr(file, "\n---\n");
	ck_assert_int_eq(
		yamldoc_parse(&parsed, file, end != NULL ? (size_t)(end - file) + 1 : strlen(file), NULL), 0);
	spec = json_incref(json_object_get(parsed, "spec"));
	json_decref(parsed);
	return spec;
}

static json_t *stored(enum policy_object object)
{
	static const char *const files[] = {policy_file_guard, policy_file_hold, policy_file_sticky};

	return spec_of(files[object / 2], object % 2);
}

static void see(enum policy_object object, json_t *spec)
{
	char *text = json_dumps(spec, 0);

	policy_set_seen(set, object, text, strlen(text));
	free(text);
	json_decref(spec);
}

static void given_all(void)
{
	ck_assert_int_eq(policy_set_create(&set, NULL), 0);
	policy_set_namespace(set, "kubevirt");
	for (int i = 0; i < POLICY_RESOURCES; i++)
		policy_set_list_started(set, (enum policy_resource)i);
	for (int i = 0; i < POLICY_OBJECTS; i++)
		see((enum policy_object)i, stored((enum policy_object)i));
	for (int i = 0; i < POLICY_RESOURCES; i++)
		policy_set_list_done(set, (enum policy_resource)i);
	ck_assert_msg(policy_set_in_force(set, why, sizeof(why)), "%s", why);
}

static void expect_lacking(const char *text)
{
	ck_assert(!policy_set_in_force(set, why, sizeof(why)));
	ck_assert_str_eq(why, text);
}

static void done(void)
{
	policy_set_free(set);
}

START_TEST(what_is_installed_from_our_manifests_is_in_force)
{
	given_all();
	ck_assert(policy_set_known(set));
	ck_assert(policy_set_holds(set));
	done();
}
END_TEST

START_TEST(nothing_is_known_before_every_list)
{
	ck_assert_int_eq(policy_set_create(&set, NULL), 0);
	for (int i = 0; i < POLICY_RESOURCES; i++) {
		ck_assert(!policy_set_known(set));
		policy_set_list_started(set, (enum policy_resource)i);
		policy_set_list_done(set, (enum policy_resource)i);
	}
	ck_assert(policy_set_known(set));
	expect_lacking("ValidatingAdmissionPolicy vsock-cid-controller-guard is not installed");
	done();
}
END_TEST

START_TEST(each_of_the_six_has_to_be_there)
{
	for (int i = 0; i < POLICY_OBJECTS; i++) {
		given_all();
		policy_set_seen(set, (enum policy_object)i, NULL, 0);
		ck_assert(!policy_set_in_force(set, why, sizeof(why)));
		ck_assert_ptr_nonnull(strstr(why, "is not installed"));
		done();
	}
}
END_TEST

START_TEST(what_a_list_does_not_show_is_gone)
{
	given_all();
	policy_set_list_started(set, POLICY_MUTATING);
	ck_assert(policy_set_in_force(set, why, sizeof(why)));
	policy_set_list_done(set, POLICY_MUTATING);
	expect_lacking("MutatingAdmissionPolicy vsock-cid-controller-sticky is not installed");
	ck_assert(policy_set_holds(set));
	done();
}
END_TEST

START_TEST(what_cannot_be_read_is_not_in_force_until_it_is_listed_again)
{
	given_all();
	policy_set_unreadable(set, POLICY_MUTATING_BINDINGS, true);
	expect_lacking("mutatingadmissionpolicybindings may not be read");
	ck_assert(policy_set_is_hidden(set));
	ck_assert(!policy_set_is_in_vain(set));
	policy_set_list_started(set, POLICY_MUTATING_BINDINGS);
	see(POLICY_STICKY_BINDING, stored(POLICY_STICKY_BINDING));
	policy_set_list_done(set, POLICY_MUTATING_BINDINGS);
	ck_assert(policy_set_in_force(set, why, sizeof(why)));
	ck_assert(!policy_set_is_hidden(set));
	done();
}
END_TEST

START_TEST(on_a_server_without_mutating_policies_they_are_in_vain)
{
	given_all();
	policy_set_unreadable(set, POLICY_MUTATING, false);
	policy_set_unreadable(set, POLICY_MUTATING_BINDINGS, false);
	ck_assert(!policy_set_in_force(set, why, sizeof(why)));
	ck_assert_ptr_nonnull(strstr(why, "has no mutatingadmissionpolicies"));
	ck_assert(policy_set_is_in_vain(set));
	ck_assert(policy_set_is_installed(set));
	ck_assert(!policy_set_is_hidden(set));
	policy_set_list_started(set, POLICY_VALIDATING);
	policy_set_list_done(set, POLICY_VALIDATING);
	policy_set_list_started(set, POLICY_VALIDATING_BINDINGS);
	policy_set_list_done(set, POLICY_VALIDATING_BINDINGS);
	ck_assert(!policy_set_is_in_vain(set));
	ck_assert(!policy_set_is_installed(set));
	expect_lacking("ValidatingAdmissionPolicy vsock-cid-controller-guard is not installed");
	done();
}
END_TEST

/* Every change of a spec but those that are allowed. */
static void check_change(enum policy_object object, const char *member, json_t *value)
{
	json_t *spec;

	given_all();
	spec = stored(object);
	(void)json_object_set_new(spec, member, value);
	see(object, spec);
	ck_assert_msg(!policy_set_in_force(set, why, sizeof(why)), "%s", member);
	ck_assert_ptr_nonnull(strstr(why, "is not the one of this version"));
	done();
}

START_TEST(another_spec_is_another_policy)
{
	json_t *narrower = json_pack("{s:{s:{s:s}}}", "namespaceSelector", "matchLabels", "a", "b");

	check_change(POLICY_GUARD, "failurePolicy", json_string("Ignore"));
	check_change(POLICY_GUARD, "validations", json_array());
	check_change(POLICY_GUARD, "matchConditions",
		     json_pack("[{s:s, s:s}]", "name", "x", "expression", "false"));
	check_change(POLICY_HOLD, "matchConstraints", json_object());
	check_change(POLICY_HOLD, "paramKind", json_null());
	check_change(POLICY_STICKY, "mutations", json_array());
	check_change(POLICY_STICKY, "reinvocationPolicy", json_string("Never"));
	check_change(POLICY_GUARD_BINDING, "matchResources", json_incref(narrower));
	check_change(POLICY_STICKY_BINDING, "matchResources", narrower);
	check_change(POLICY_HOLD_BINDING, "policyName", json_string("other"));
	check_change(POLICY_HOLD_BINDING, "paramRef",
		     json_pack("{s:s, s:s, s:s}", "name", "vsock-cid-controller-hold", "namespace", "other",
			       "parameterNotFoundAction", "Allow"));
	check_change(POLICY_GUARD_BINDING, "validationActions", json_pack("[s]", "Warn"));
	check_change(POLICY_GUARD_BINDING, "validationActions", json_null());
}
END_TEST

START_TEST(deny_has_to_be_among_the_actions)
{
	json_t *spec;

	given_all();
	spec = stored(POLICY_HOLD_BINDING);
	(void)json_object_set_new(spec, "validationActions", json_pack("[s, s]", "Audit", "Deny"));
	see(POLICY_HOLD_BINDING, spec);
	ck_assert(policy_set_in_force(set, why, sizeof(why)));
	done();
}
END_TEST

START_TEST(the_parameter_has_to_be_in_our_namespace)
{
	given_all();
	policy_set_namespace(set, "elsewhere");
	expect_lacking(
		"ValidatingAdmissionPolicyBinding vsock-cid-controller-hold is not the one of this version");
	ck_assert(!policy_set_holds(set));
	done();
}
END_TEST

START_TEST(what_is_no_json_is_no_policy)
{
	given_all();
	policy_set_seen(set, POLICY_GUARD, "", 0);
	expect_lacking("ValidatingAdmissionPolicy vsock-cid-controller-guard is not the one of this version");
	policy_set_seen(set, POLICY_GUARD, "{", 1);
	expect_lacking("ValidatingAdmissionPolicy vsock-cid-controller-guard is not the one of this version");
	done();
}
END_TEST

static const char *text_at(const json_t *spec, const char *outer, const char *inner)
{
	const char *text = json_string_value(json_object_get(json_object_get(spec, outer), inner));

	return text != NULL ? text : "";
}

static const char *text_of(const json_t *spec, const char *member)
{
	const char *text = json_string_value(json_object_get(spec, member));

	return text != NULL ? text : "";
}

/* A policy that is laxer in one of these shows only where something else fails. */
START_TEST(ours_fail_closed_and_cover_every_version)
{
	static const enum policy_object policies[] = {POLICY_GUARD, POLICY_HOLD, POLICY_STICKY};
	json_t *spec;

	for (size_t i = 0; i < ARRAY_LEN(policies); i++) {
		spec = stored(policies[i]);
		ck_assert_str_eq(text_of(spec, "failurePolicy"), "Fail");
		ck_assert_str_eq(text_at(spec, "matchConstraints", "matchPolicy"), "Equivalent");
		json_decref(spec);
	}
	spec = stored(POLICY_STICKY);
	ck_assert_str_eq(text_of(spec, "reinvocationPolicy"), "IfNeeded"); /* after virt-api's webhook */
	json_decref(spec);
	spec = stored(POLICY_HOLD_BINDING);
	ck_assert_str_eq(text_at(spec, "paramRef", "parameterNotFoundAction"), "Allow");
	json_decref(spec);
}
END_TEST

START_TEST(objects_are_found_by_resource_and_name)
{
	ck_assert_int_eq(policy_find(POLICY_VALIDATING, "vsock-cid-controller-hold"), POLICY_HOLD);
	ck_assert_int_eq(policy_find(POLICY_VALIDATING_BINDINGS, "vsock-cid-controller-hold"),
			 POLICY_HOLD_BINDING);
	ck_assert_int_eq(policy_find(POLICY_MUTATING, "vsock-cid-controller-hold"), POLICY_OBJECTS);
	ck_assert_int_eq(policy_find(POLICY_MUTATING, "vsock-cid-controller-sticky"), POLICY_STICKY);
	ck_assert_int_eq(policy_find(POLICY_MUTATING, "other"), POLICY_OBJECTS);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		what_is_installed_from_our_manifests_is_in_force,
		nothing_is_known_before_every_list,
		each_of_the_six_has_to_be_there,
		what_a_list_does_not_show_is_gone,
		what_cannot_be_read_is_not_in_force_until_it_is_listed_again,
		on_a_server_without_mutating_policies_they_are_in_vain,
		another_spec_is_another_policy,
		deny_has_to_be_among_the_actions,
		the_parameter_has_to_be_in_our_namespace,
		what_is_no_json_is_no_policy,
		ours_fail_closed_and_cover_every_version,
		objects_are_found_by_resource_and_name,
	};

	return suite_run("policy", tests, ARRAY_LEN(tests));
}
