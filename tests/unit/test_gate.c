#include <check.h>
#include <stdio.h>
#include <string.h>

#include "base/macros.h"
#include "controller/gate.h"
#include "support/suite.h"

static struct gate gate;

static int on_value(void *data, int field, const struct json_value *value)
{
	kubevirt_value(data, field, value);
	return 0;
}

/* A CR by what its JSON says, through the same reader as in the program. */
static struct kubevirt cr_from(const char *text)
{
	static const struct json_reader_limits limits = {.max_text = 1024};
	static const struct json_reader_events events = {.value = on_value};
	struct kubevirt cr;
	struct json_filter *filter;
	struct json_reader *reader;

	kubevirt_begin(&cr);
	ck_assert_int_eq(json_filter_create(&filter), 0);
	for (size_t i = 0; i < kubevirt_field_count; i++)
		ck_assert_int_eq(
			json_filter_add(filter, NULL, kubevirt_fields[i].path, kubevirt_fields[i].id), 0);
	ck_assert_int_eq(json_reader_create(&reader, filter, &limits, &events, &cr), 0);
	ck_assert_int_eq(json_reader_feed(reader, text, strlen(text), NULL), 0);
	json_reader_free(reader);
	json_filter_free(filter);
	return cr;
}

static struct kubevirt cr_with(const char *name, const char *developer)
{
	char text[1024];

	(void)snprintf(
		text, sizeof(text),
		"{\"metadata\":{\"namespace\":\"kubevirt\",\"name\":\"%s\"},\"spec\":{\"configuration\":{"
		"\"developerConfiguration\":%s}},\"status\":{\"phase\":\"Deployed\","
		"\"observedKubeVirtVersion\":\"v1.9.0\"}}",
		name, developer);
	return cr_from(text);
}

static const char *namespace_now(void)
{
	const struct kubevirt *cr = gate_verdict(&gate).cr;

	return cr != NULL ? cr->namespace : "";
}

static void given_listed(const char *developer)
{
	struct kubevirt cr = cr_with("kubevirt", developer);

	gate_init(&gate, GATE_AUTO);
	gate_list_started(&gate);
	gate_cr_seen(&gate, &cr, true);
	gate_list_done(&gate);
}

static void see(struct kubevirt cr)
{
	gate_cr_seen(&gate, &cr, false);
}

START_TEST(nothing_is_open_before_the_cr_was_read)
{
	struct kubevirt cr = cr_with("kubevirt", "{\"featureGates\":[\"VSOCK\"]}");

	gate_init(&gate, GATE_ON);
	gate_list_started(&gate);
	gate_cr_seen(&gate, &cr, true);
	ck_assert(!gate_verdict(&gate).open);
	gate_list_done(&gate);
	ck_assert(gate_verdict(&gate).open);
}
END_TEST

START_TEST(the_gate_is_what_the_lists_say)
{
	static const struct {
		const char *developer;
		bool open;
	} cases[] = {
		{"{\"featureGates\":[\"Other\",\"VSOCK\"]}", true},
		{"{\"featureGates\":[\"VSOCK\"],\"disabledFeatureGates\":[\"VSOCK\"]}", true},
		{"{\"featureGates\":[\"vsock\",\"VSOCK2\",\"VSOC\"]}", false},
		{"{\"featureGates\":[]}", false},
		{"{\"featureGates\":null}", false},
		{"{\"disabledFeatureGates\":[\"VSOCK\"]}", false},
		{"{\"featureGates\":\"VSOCK\"}", false},
		{"{}", false},
		{"null", false},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		given_listed(cases[i].developer);
		ck_assert_msg(gate_verdict(&gate).open == cases[i].open, "%s", cases[i].developer);
		ck_assert_str_eq(namespace_now(), "kubevirt");
	}
}
END_TEST

START_TEST(a_change_counts_at_once)
{
	given_listed("{}");
	see(cr_with("kubevirt", "{\"featureGates\":[\"VSOCK\"]}"));
	ck_assert(gate_verdict(&gate).open);
	see(cr_with("kubevirt", "{\"disabledFeatureGates\":[\"VSOCK\"]}"));
	ck_assert(!gate_verdict(&gate).open);
}
END_TEST

static struct kubevirt leaving(const char *name)
{
	struct kubevirt cr = cr_with(name, "{}");

	cr.deleting = true;
	return cr;
}

START_TEST(a_cr_that_is_being_deleted_counts_as_it_was_until_it_is_gone)
{
	struct kubevirt cr = leaving("kubevirt");

	given_listed("{\"featureGates\":[\"VSOCK\"]}");
	see(cr);
	ck_assert(gate_verdict(&gate).open);
	ck_assert_str_eq(namespace_now(), "kubevirt");
	gate_cr_gone(&gate, &cr);
	ck_assert(!gate_verdict(&gate).open);
	ck_assert_int_eq(gate_verdict(&gate).reason, GATE_NO_CR);
	ck_assert_str_eq(namespace_now(), "");
}
END_TEST

START_TEST(a_cr_that_is_being_deleted_does_not_count_beside_others)
{
	struct kubevirt first = cr_with("first", "{\"featureGates\":[\"VSOCK\"]}");

	gate_init(&gate, GATE_AUTO);
	gate_list_started(&gate);
	gate_cr_seen(&gate, &first, true);
	gate_list_done(&gate);
	see(leaving("first"));
	ck_assert(gate_verdict(&gate).open);
	see(cr_with("second", "{}"));
	ck_assert(!gate_verdict(&gate).open);
	ck_assert_str_eq(gate_verdict(&gate).cr->name, "second");
	see(leaving("second"));
	ck_assert_ptr_null(gate_verdict(&gate).cr);
}
END_TEST

START_TEST(two_crs_are_one_too_many)
{
	struct kubevirt second = cr_with("second", "{\"featureGates\":[\"VSOCK\"]}");

	given_listed("{\"featureGates\":[\"VSOCK\"]}");
	see(second);
	ck_assert(!gate_verdict(&gate).open);
	gate_cr_gone(&gate, &second);
	ck_assert(gate_verdict(&gate).open);
}
END_TEST

START_TEST(a_cr_that_a_list_lacks_is_gone)
{
	given_listed("{\"featureGates\":[\"VSOCK\"]}");
	gate_list_started(&gate);
	ck_assert(gate_verdict(&gate).open);
	gate_list_done(&gate);
	ck_assert(!gate_verdict(&gate).open);
}
END_TEST

START_TEST(too_many_crs_are_refused_until_a_list_shows_fewer)
{
	char name[16];

	given_listed("{\"featureGates\":[\"VSOCK\"]}");
	for (int i = 0; i < GATE_MAX_CRS + 5; i++) {
		(void)snprintf(name, sizeof(name), "k%d", i);
		see(cr_with(name, "{}"));
	}
	ck_assert(!gate_verdict(&gate).open);
}
END_TEST

START_TEST(the_override_wins_but_needs_a_namespace)
{
	given_listed("{}");
	gate.override = GATE_ON;
	ck_assert(gate_verdict(&gate).open);
	given_listed("{\"featureGates\":[\"VSOCK\"]}");
	gate.override = GATE_OFF;
	ck_assert(!gate_verdict(&gate).open);
	ck_assert_str_eq(namespace_now(), "kubevirt");
	gate_init(&gate, GATE_ON);
	gate_list_done(&gate);
	ck_assert(!gate_verdict(&gate).open);
}
END_TEST

START_TEST(a_cr_that_is_not_deployed_does_not_count)
{
	gate_init(&gate, GATE_ON);
	gate_list_done(&gate);
	see(cr_from("{\"metadata\":{\"namespace\":\"other\",\"name\":\"new\"}}"));
	ck_assert(!gate_verdict(&gate).open);
	ck_assert_int_eq(gate_verdict(&gate).reason, GATE_NOT_DEPLOYED);
	see(cr_from("{\"metadata\":{\"namespace\":\"other\",\"name\":\"new\"},\"status\":{\"phase\":\"\"}}"));
	ck_assert_int_eq(gate_verdict(&gate).reason, GATE_NOT_DEPLOYED);
	see(cr_with("kubevirt", "{}"));
	ck_assert(gate_verdict(&gate).open);
	ck_assert_str_eq(namespace_now(), "kubevirt");
}
END_TEST

static enum gate_reason reason_with(const char *version, const char *developer)
{
	struct kubevirt cr = cr_with("kubevirt", developer);

	(void)snprintf(cr.version, sizeof(cr.version), "%s", version);
	given_listed("{}");
	see(cr);
	return gate_verdict(&gate).reason;
}

START_TEST(the_default_is_that_of_the_version)
{
	static const char *const alpha[] = {
		"v1.0.0", "1.8.3", "v1.9.0", "v1.9.4-dirty", "v1.9.0-123-gd923fdb815", "v1.9.0-beta.0"};
	static const char *const beta[] = {
		"v1.10.0",         "v1.10.0-rc.0", "v1.10.1-rc.0", "v1.10.0-5-gabcdef0",
		"v1.11.0-alpha.0", "v2.0.0",       "1.10.0+build", "v1.10.0-5-gabcdef0-dirty"};
	static const char *const unknown[] = {"",
					      "devel",
					      "v1",
					      "v1.9",
					      "latest",
					      "1.x.0",
					      "v20260101.1.0",
					      "sha256:0123",
					      "v1.9.0rc",
					      "{{.DockerTag}}",
					      "v-1.9.0",
					      "v1.10.0-alpha.0",
					      "v1.10.0-beta.0",
					      "v1.10.0-0"};

	for (size_t i = 0; i < ARRAY_LEN(alpha); i++)
		ck_assert_msg(reason_with(alpha[i], "{}") == GATE_DEFAULT_OFF, "%s", alpha[i]);
	for (size_t i = 0; i < ARRAY_LEN(beta); i++)
		ck_assert_msg(reason_with(beta[i], "{}") == GATE_DEFAULT_ON, "%s", beta[i]);
	for (size_t i = 0; i < ARRAY_LEN(unknown); i++)
		ck_assert_msg(reason_with(unknown[i], "{}") == GATE_UNKNOWN_VERSION, "%s", unknown[i]);
	ck_assert(!gate_verdict(&gate).open);
}
END_TEST

START_TEST(the_lists_win_over_the_default)
{
	ck_assert_int_eq(reason_with("v1.10.0", "{\"disabledFeatureGates\":[\"VSOCK\"]}"), GATE_DISABLED);
	ck_assert(!gate_verdict(&gate).open);
	ck_assert_int_eq(reason_with("devel", "{\"featureGates\":[\"VSOCK\"]}"), GATE_ENABLED);
	ck_assert(gate_verdict(&gate).open);
	ck_assert_int_eq(
		reason_with("v1.10.0", "{\"featureGates\":[\"VSOCK\"],\"disabledFeatureGates\":[\"VSOCK\"]}"),
		GATE_ENABLED);
}
END_TEST

START_TEST(an_upgrade_counts_when_it_has_been_observed)
{
	struct kubevirt cr = cr_with("kubevirt", "{}");

	given_listed("{}");
	see(cr_from("{\"metadata\":{\"namespace\":\"kubevirt\",\"name\":\"kubevirt\"},\"status\":{\"phase\":"
		    "\"Deployed\",\"targetKubeVirtVersion\":\"v1.10.0\",\"observedKubeVirtVersion\":\"v1.9."
		    "1\"}}"));
	ck_assert(!gate_verdict(&gate).open);
	(void)snprintf(cr.version, sizeof(cr.version), "v1.10.0");
	see(cr);
	ck_assert(gate_verdict(&gate).open);
}
END_TEST

START_TEST(every_reason_has_a_name_and_a_text)
{
	for (int i = 0; i < GATE_REASONS; i++) {
		ck_assert_ptr_nonnull(gate_reason_name((enum gate_reason)i));
		ck_assert_ptr_nonnull(gate_reason_text((enum gate_reason)i));
	}
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		nothing_is_open_before_the_cr_was_read,
		the_gate_is_what_the_lists_say,
		a_change_counts_at_once,
		a_cr_that_is_being_deleted_counts_as_it_was_until_it_is_gone,
		a_cr_that_is_being_deleted_does_not_count_beside_others,
		two_crs_are_one_too_many,
		a_cr_that_a_list_lacks_is_gone,
		too_many_crs_are_refused_until_a_list_shows_fewer,
		the_override_wins_but_needs_a_namespace,
		a_cr_that_is_not_deployed_does_not_count,
		the_default_is_that_of_the_version,
		the_lists_win_over_the_default,
		an_upgrade_counts_when_it_has_been_observed,
		every_reason_has_a_name_and_a_text,
	};

	return suite_run("gate", tests, ARRAY_LEN(tests));
}
