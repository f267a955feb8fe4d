#include <check.h>
#include <stdio.h>
#include <string.h>

#include "base/macros.h"
#include "controller/kubevirt_version.h"
#include "controller/write_identity.h"
#include "support/suite.h"

static char out[WRITE_IDENTITY_SIZE];

static const char *identity(const char *choice, const char *version)
{
	struct kubevirt cr = {.namespace = "kv"};

	(void)snprintf(cr.version, sizeof(cr.version), "%s", version);
	return write_identity(out, choice, &cr);
}

#define SYNCHRONIZATION "system:serviceaccount:kv:kubevirt-synchronization-controller"

START_TEST(by_itself_it_goes_by_the_version)
{
	ck_assert_str_eq(identity("auto", "v1.6.0"), SYNCHRONIZATION);
	ck_assert_str_eq(identity("auto", "v1.9.2"), SYNCHRONIZATION);
	ck_assert_str_eq(identity("auto", "v2.0.0"), SYNCHRONIZATION);
	ck_assert_str_eq(identity("auto", "devel"), SYNCHRONIZATION);
	ck_assert_str_eq(identity("auto", ""), SYNCHRONIZATION);
	ck_assert_str_eq(identity("auto", "v1.5.9"), "");
	ck_assert_str_eq(identity("auto", "v1.6.0-rc.0"), SYNCHRONIZATION);
	ck_assert_str_eq(identity("auto", "v1.6.0-beta.0"), SYNCHRONIZATION);
	ck_assert_str_eq(identity("auto", "v0.59.1"), "");
}
END_TEST

START_TEST(a_choice_is_a_choice)
{
	ck_assert_str_eq(identity("self", "v1.9.0"), "");
	ck_assert_str_eq(identity("system:admin", "v1.5.0"), "system:admin");
}
END_TEST

static struct kubevirt_version version(const char *text)
{
	return kubevirt_version_parse(text);
}

START_TEST(versions_are_read_or_not_known)
{
	static const char *const unknown[] = {"",       "v",      "v1",         "1.2",    "1.2.",
					      "1.2.3x", "x1.2.3", "v1.10000.0", "v 1.2.3"};
	struct kubevirt_version v = version("v1.8.3");

	ck_assert(v.known && !v.before && v.major == 1 && v.minor == 8 && v.patch == 3);
	v = version("1.10.0-alpha.1+build");
	ck_assert(v.known && v.before);
	ck_assert(kubevirt_version_is_before(&v, 1, 10) && !kubevirt_version_is_before(&v, 1, 9));
	v = version("v1.10.0-rc.1");
	ck_assert(v.known && !v.before);
	v = version("v1.10.0-12-gabc");
	ck_assert(v.known && !v.before);
	v = version("v1.10.0-12-habc");
	ck_assert(v.known && v.before);
	for (size_t i = 0; i < ARRAY_LEN(unknown); i++)
		ck_assert_msg(!version(unknown[i]).known, "%s", unknown[i]);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		by_itself_it_goes_by_the_version,
		a_choice_is_a_choice,
		versions_are_read_or_not_known,
	};

	return suite_run("write_identity", tests, ARRAY_LEN(tests));
}
