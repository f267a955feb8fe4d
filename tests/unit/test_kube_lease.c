#include <check.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "kube/lease.h"
#include "support/suite.h"

#define BODY_MAX 65536

static const struct kube_lease_claim claim = {
	.holder = "host_0a1b",
	.term = 8,
	.duration_s = 15,
	.now_us = 1700000000000042u,
};

static const char whole[] =
	"{\"apiVersion\":\"coordination.k8s.io/"
	"v1\",\"kind\":\"Lease\",\"metadata\":{\"annotations\":{\"a\":\"<b>\"},"
	"\"name\":\"l\",\"namespace\":\"n\",\"resourceVersion\":\"42\",\"uid\":\"u\",\"future\":[1.5,null]},"
	"\"spec\":{\"acquireTime\":\"2020-01-01T00:00:00.000000Z\",\"holderIdentity\":\"other\","
	"\"leaseDurationSeconds\":60,\"leaseTransitions\":7,\"preferredHolder\":\"p\","
	"\"renewTime\":\"2020-01-01T00:00:00.000000Z\",\"strategy\":\"OldestEmulationVersion\"},\"more\":"
	"true}";

static struct kube_lease *parsed(const char *text)
{
	struct kube_lease *l = NULL;
	struct error err = {0};

	ck_assert_msg(kube_lease_parse(&l, text, strlen(text), &err) == 0, "%s: %s", text, err.message);
	return l;
}

/* A Lease with this text as its spec, or with none. */
static char *with_spec(const char *spec)
{
	static char text[512];

	(void)snprintf(text, sizeof(text), "{\"metadata\":{\"resourceVersion\":\"1\",\"uid\":\"u\"}%s%s}",
		       spec != NULL ? ",\"spec\":" : "", spec != NULL ? spec : "");
	return text;
}

static json_t *written(const struct kube_lease *l)
{
	AUTO_BUF struct buf body;
	json_t *object;

	buf_init(&body, BODY_MAX);
	ck_assert_int_eq(kube_lease_write(&body, l, &claim), 0);
	object = json_loads(buf_str(&body), 0, NULL);
	ck_assert_ptr_nonnull(object);
	return object;
}

static void assert_equal_json(const json_t *object, const char *expected)
{
	json_t *other = json_loads(expected, JSON_DECODE_ANY, NULL);

	ck_assert_ptr_nonnull(other);
	ck_assert_msg(json_equal(object, other) == 1, "not equal to %s", expected);
	json_decref(other);
}

START_TEST(a_lease_is_read)
{
	struct kube_lease *l = parsed(whole);

	ck_assert_uint_eq(kube_lease_term(l), 7);
	ck_assert_str_eq(kube_lease_holder(l), "other");
	ck_assert_uint_eq(kube_lease_duration_s(l), 60);
	ck_assert_str_eq(kube_lease_uid(l), "u");
	ck_assert_str_eq(kube_lease_resource_version(l), "42");
	kube_lease_free(l);
	kube_lease_free(NULL);
}
END_TEST

START_TEST(what_is_absent_is_zero_or_empty)
{
	static const char *const specs[] = {
		NULL,
		"{}",
		"null",
		"{\"leaseTransitions\":null,\"holderIdentity\":null}",
		"{\"leaseTransitions\":0,\"holderIdentity\":\"\"}",
	};

	for (size_t i = 0; i < ARRAY_LEN(specs); i++) {
		struct kube_lease *l = parsed(with_spec(specs[i]));

		ck_assert_uint_eq(kube_lease_term(l), 0);
		ck_assert_str_eq(kube_lease_holder(l), "");
		kube_lease_free(l);
	}
}
END_TEST

START_TEST(the_largest_term_is_the_api_s)
{
	struct kube_lease *l = parsed(with_spec("{\"leaseTransitions\":2147483647}"));

	ck_assert_uint_eq(kube_lease_term(l), KUBE_LEASE_MAX_TERM);
	kube_lease_free(l);
}
END_TEST

START_TEST(wrong_members_are_refused)
{
	static const char *const specs[] = {
		"{\"leaseTransitions\":-1}",
		"{\"leaseTransitions\":2147483648}",
		"{\"leaseTransitions\":99999999999999999999}",
		"{\"leaseTransitions\":1.0}",
		"{\"leaseTransitions\":\"7\"}",
		"{\"leaseTransitions\":[]}",
		"{\"leaseDurationSeconds\":-1}",
		"{\"leaseDurationSeconds\":2147483648}",
		"{\"leaseDurationSeconds\":\"15\"}",
		"{\"holderIdentity\":7}",
		"[]",
		"\"\"",
	};
	struct kube_lease *l = NULL;
	struct error err = {0};

	for (size_t i = 0; i < ARRAY_LEN(specs); i++) {
		const char *text = with_spec(specs[i]);

		err.message[0] = '\0';
		ck_assert_msg(kube_lease_parse(&l, text, strlen(text), &err) == -EBADMSG, "%s", text);
		ck_assert_msg(err.message[0] != '\0', "%s", text);
	}
	ck_assert_ptr_null(l);
}
END_TEST

START_TEST(what_could_not_be_written_back_safely_is_refused)
{
	static const char *const texts[] = {
		"",
		"{",
		"[]",
		"7",
		"{}",
		"{\"metadata\":[],\"spec\":{}}",
		"{\"metadata\":{},\"spec\":{}}",
		"{\"metadata\":{\"resourceVersion\":\"\",\"uid\":\"u\"},\"spec\":{}}",
		"{\"metadata\":{\"resourceVersion\":7,\"uid\":\"u\"},\"spec\":{}}",
		"{\"metadata\":{\"resourceVersion\":\"1\"},\"spec\":{}}",
		"{\"metadata\":{\"resourceVersion\":\"1\",\"uid\":\"\"},\"spec\":{}}",
		"{\"metadata\":{\"resourceVersion\":\"1\",\"uid\":\"u\"}} x",
	};
	struct kube_lease *l = NULL;

	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		ck_assert_msg(kube_lease_parse(&l, texts[i], strlen(texts[i]), NULL) == -EBADMSG, "%s",
			      texts[i]);
	ck_assert_ptr_null(l);
}
END_TEST

START_TEST(a_claim_changes_our_members_and_nothing_else)
{
	struct kube_lease *l = parsed(whole);
	json_t *object = written(l);

	assert_equal_json(
		object, "{\"apiVersion\":\"coordination.k8s.io/v1\",\"kind\":\"Lease\","
			"\"metadata\":{\"annotations\":{\"a\":\"<b>\"},\"name\":\"l\",\"namespace\":\"n\","
			"\"resourceVersion\":\"42\",\"uid\":\"u\",\"future\":[1.5,null]},"
			"\"spec\":{\"acquireTime\":\"2023-11-14T22:13:20.000042Z\",\"holderIdentity\":\"host_"
			"0a1b\","
			"\"leaseDurationSeconds\":15,\"leaseTransitions\":8,\"preferredHolder\":\"p\","
			"\"renewTime\":\"2023-11-14T22:13:20.000042Z\",\"strategy\":"
			"\"OldestEmulationVersion\"},"
			"\"more\":true}");
	json_decref(object);
	/* The Lease as read stays as it was. */
	ck_assert_uint_eq(kube_lease_term(l), 7);
	ck_assert_str_eq(kube_lease_holder(l), "other");
	kube_lease_free(l);
}
END_TEST

/* Members of the spec of @whole after @other was written over it. */
static void assert_spec(const struct kube_lease_claim *other, const char *expected)
{
	struct kube_lease *l = parsed(whole);
	AUTO_BUF struct buf body;
	json_t *object;

	buf_init(&body, BODY_MAX);
	ck_assert_int_eq(kube_lease_write(&body, l, other), 0);
	object = json_loads(buf_str(&body), 0, NULL);
	assert_equal_json(json_object_get(object, "spec"), expected);
	json_decref(object);
	kube_lease_free(l);
}

START_TEST(a_renewal_keeps_the_time_of_the_acquisition)
{
	struct kube_lease_claim renewal = claim;

	renewal.renews = true;
	assert_spec(&renewal, "{\"acquireTime\":\"2020-01-01T00:00:00.000000Z\","
			      "\"holderIdentity\":\"host_0a1b\",\"leaseDurationSeconds\":15,"
			      "\"leaseTransitions\":8,\"preferredHolder\":\"p\","
			      "\"renewTime\":\"2023-11-14T22:13:20.000042Z\","
			      "\"strategy\":\"OldestEmulationVersion\"}");
}
END_TEST

START_TEST(a_release_leaves_no_holder_and_a_valid_duration)
{
	struct kube_lease_claim release = claim;

	release.holder = "";
	release.duration_s = 1;
	assert_spec(&release, "{\"acquireTime\":\"2023-11-14T22:13:20.000042Z\","
			      "\"holderIdentity\":\"\",\"leaseDurationSeconds\":1,"
			      "\"leaseTransitions\":8,\"preferredHolder\":\"p\","
			      "\"renewTime\":\"2023-11-14T22:13:20.000042Z\","
			      "\"strategy\":\"OldestEmulationVersion\"}");
}
END_TEST

START_TEST(a_lease_without_a_spec_can_be_claimed)
{
	static const char *const specs[] = {NULL, "null", "{}"};

	for (size_t i = 0; i < ARRAY_LEN(specs); i++) {
		struct kube_lease *l = parsed(with_spec(specs[i]));
		json_t *object = written(l);

		assert_equal_json(json_object_get(object, "spec"),
				  "{\"acquireTime\":\"2023-11-14T22:13:20.000042Z\","
				  "\"holderIdentity\":\"host_0a1b\",\"leaseDurationSeconds\":15,"
				  "\"leaseTransitions\":8,\"renewTime\":\"2023-11-14T22:13:20.000042Z\"}");
		json_decref(object);
		kube_lease_free(l);
	}
}
END_TEST

START_TEST(a_new_lease_has_its_first_term)
{
	AUTO_BUF struct buf body;
	json_t *object;

	buf_init(&body, BODY_MAX);
	ck_assert_int_eq(kube_lease_write_new(&body, "kubevirt", "vsock-cid-controller", &claim), 0);
	object = json_loads(buf_str(&body), 0, NULL);
	assert_equal_json(object,
			  "{\"apiVersion\":\"coordination.k8s.io/v1\",\"kind\":\"Lease\","
			  "\"metadata\":{\"name\":\"vsock-cid-controller\",\"namespace\":\"kubevirt\"},"
			  "\"spec\":{\"acquireTime\":\"2023-11-14T22:13:20.000042Z\","
			  "\"holderIdentity\":\"host_0a1b\",\"leaseDurationSeconds\":15,"
			  "\"leaseTransitions\":8,\"renewTime\":\"2023-11-14T22:13:20.000042Z\"}}");
	json_decref(object);
}
END_TEST

START_TEST(a_body_that_does_not_fit_is_an_error_and_leaves_the_buffer_as_it_was)
{
	struct kube_lease *l = parsed(whole);
	AUTO_BUF struct buf body;

	buf_init(&body, 64);
	ck_assert_int_eq(buf_add_str(&body, "before"), 0);
	ck_assert_int_eq(kube_lease_write(&body, l, &claim), -EMSGSIZE);
	ck_assert_int_eq(kube_lease_write_new(&body, "n", "l", &claim), -EMSGSIZE);
	ck_assert_str_eq(buf_str(&body), "before");
	kube_lease_free(l);
}
END_TEST

static size_t allocations_left;

static void *scarce_malloc(size_t n)
{
	if (allocations_left == 0)
		return NULL;
	allocations_left--;
	return malloc(n);
}

START_TEST(without_memory_nothing_half_is_written)
{
	struct kube_lease *l = parsed(whole);
	AUTO_BUF struct buf whole_body;
	AUTO_BUF struct buf body;
	int rc = -ENOMEM;

	buf_init(&whole_body, BODY_MAX);
	buf_init(&body, BODY_MAX);
	ck_assert_int_eq(kube_lease_write(&whole_body, l, &claim), 0);
	json_set_alloc_funcs(scarce_malloc, free);
	for (size_t n = 0; rc != 0; n++) {
		allocations_left = n;
		rc = kube_lease_write(&body, l, &claim);
		ck_assert(rc == 0 || rc == -ENOMEM);
		ck_assert_uint_eq(body.len, rc == 0 ? whole_body.len : 0);
	}
	ck_assert_str_eq(buf_str(&body), buf_str(&whole_body));
	json_set_alloc_funcs(malloc, free);
	kube_lease_free(l);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		a_lease_is_read,
		what_is_absent_is_zero_or_empty,
		the_largest_term_is_the_api_s,
		wrong_members_are_refused,
		what_could_not_be_written_back_safely_is_refused,
		a_claim_changes_our_members_and_nothing_else,
		a_renewal_keeps_the_time_of_the_acquisition,
		a_release_leaves_no_holder_and_a_valid_duration,
		a_lease_without_a_spec_can_be_claimed,
		a_new_lease_has_its_first_term,
		a_body_that_does_not_fit_is_an_error_and_leaves_the_buffer_as_it_was,
		without_memory_nothing_half_is_written,
	};

	return suite_run("kube_lease", tests, ARRAY_LEN(tests));
}
