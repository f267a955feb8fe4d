#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/macros.h"
#include "controller/vmi.h"
#include "controller/vmi_patch.h"
#include "support/suite.h"

#define META  "\"metadata\":{\"namespace\":\"ns\",\"name\":\"vm\",\"uid\":\"u-1\",\"resourceVersion\":\"42\""
#define WANTS "\"spec\":{\"domain\":{\"devices\":{\"autoattachVSOCK\":true}}}"

static struct vmi v;

static int parse(const char *text)
{
	struct vmi_parser *parser;
	struct error err = {0};
	int rc;

	ck_assert_int_eq(vmi_parser_create(&parser), 0);
	rc = vmi_parser_read(parser, &v, text, strlen(text), &err);
	vmi_parser_free(parser);
	return rc;
}

START_TEST(the_wanted_fields_are_read)
{
	ck_assert_int_eq(parse("{" META ",\"creationTimestamp\":\"2026-01-02T03:04:05Z\"}," WANTS
			       ",\"status\":{\"VSOCKCID\":4294967294,\"phase\":\"Scheduling\"}}"),
			 0);
	ck_assert_str_eq(v.namespace, "ns");
	ck_assert_str_eq(v.name, "vm");
	ck_assert_str_eq(v.uid, "u-1");
	ck_assert_str_eq(v.resource_version, "42");
	ck_assert_int_eq(v.created_s, 1767323045);
	ck_assert(v.wants_vsock && v.has_status && v.has_phase && !v.deleting);
	ck_assert_int_eq(v.phase, VMI_PHASE_SCHEDULING);
	ck_assert_int_eq(v.cid_state, VMI_CID_PRESENT);
	ck_assert_uint_eq(v.cid, 4294967294u);
	ck_assert(!vmi_has_started(&v));
	ck_assert_ptr_null(v.unreadable);
}
END_TEST

/* As libc reads it, which is too slow for the product. */
static int64_t time_by_libc(const char *text)
{
	struct tm tm = {0};
	const char *end = strptime(text, "%Y-%m-%dT%H:%M:%SZ", &tm);

	ck_assert(end != NULL && *end == '\0');
	return (int64_t)timegm(&tm);
}

static int parse_created(const char *time)
{
	char text[256];

	(void)snprintf(text, sizeof(text), "{" META ",\"creationTimestamp\":\"%s\"}}", time);
	return parse(text);
}

START_TEST(the_creation_time_is_read_as_libc_reads_it)
{
	static const char *const times[] = {
		"1970-01-01T00:00:00Z", "1969-12-31T23:59:59Z", "2000-02-29T12:00:00Z",
		"2023-02-28T23:59:59Z", "2024-02-29T23:59:60Z", "2024-03-01T00:00:00Z",
		"2100-03-01T00:00:00Z", "0000-01-01T00:00:00Z", "9999-12-31T23:59:59Z",
		"2026-11-30T01:02:03Z",
	};

	for (size_t i = 0; i < ARRAY_LEN(times); i++) {
		ck_assert_int_eq(parse_created(times[i]), 0);
		ck_assert_ptr_null(v.unreadable);
		ck_assert_int_eq(v.created_s, time_by_libc(times[i]));
	}
}
END_TEST

START_TEST(what_is_no_time_is_unreadable)
{
	static const char *const times[] = {
		"",
		"2026-01-02T03:04:05",
		"2026-01-02T03:04:05+00:00",
		"2026-01-02T03:04:05.5Z",
		"2026-1-02T03:04:05Z",
		"2026-13-02T03:04:05Z",
		"2026-00-02T03:04:05Z",
		"2026-01-32T03:04:05Z",
		"2026-01-00T03:04:05Z",
		"2026-01-02T24:04:05Z",
		"2026-01-02T03:60:05Z",
		"2026-01-02T03:04:61Z",
		"2026-01-02 03:04:05Z",
		"-026-01-02T03:04:05Z",
		"2026-01-02T03:04:0xZ",
	};

	for (size_t i = 0; i < ARRAY_LEN(times); i++) {
		ck_assert_int_eq(parse_created(times[i]), 0);
		ck_assert_str_eq(v.unreadable, "metadata.creationTimestamp");
		ck_assert_int_eq(v.created_s, 0);
	}
}
END_TEST

START_TEST(an_object_without_status_says_so)
{
	ck_assert_int_eq(parse("{" META "}," WANTS "}"), 0);
	ck_assert(!v.has_status && !v.has_phase);
	ck_assert_int_eq(v.cid_state, VMI_CID_ABSENT);
	ck_assert_int_eq(parse("{" META "}," WANTS ",\"status\":{\"VSOCKCID\":null}}"), 0);
	ck_assert(v.has_status && !v.has_phase);
	ck_assert_int_eq(v.cid_state, VMI_CID_ABSENT);
}
END_TEST

START_TEST(a_vmi_that_once_was_scheduled_has_started)
{
	ck_assert_int_eq(parse("{" META "}," WANTS
			       ",\"status\":{\"phase\":\"WaitingForSync\",\"phaseTransitionTimestamps\":"
			       "[{\"phase\":\"Pending\"},{\"phase\":\"Scheduled\"}]}}"),
			 0);
	ck_assert_int_eq(v.phase, VMI_PHASE_WAITING_FOR_SYNC);
	ck_assert(vmi_has_started(&v));
	ck_assert_int_eq(parse("{" META "},\"status\":{\"phase\":\"BrandNew\"}}"), 0);
	ck_assert_int_eq(v.phase, VMI_PHASE_OTHER);
	ck_assert(vmi_has_started(&v));
}
END_TEST

START_TEST(a_cid_that_is_no_32_bit_number_is_unreadable)
{
	static const char *const bad[] = {"\"7\"", "-1",   "1.5", "4294967296", "99999999999",
					  "1e3",   "true", "{}",  "[7]"};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		char text[512];

		(void)snprintf(text, sizeof(text), "{" META "}," WANTS ",\"status\":{\"VSOCKCID\":%s}}",
			       bad[i]);
		ck_assert_int_eq(parse(text), 0);
		ck_assert_int_eq(v.cid_state, VMI_CID_UNREADABLE);
		ck_assert_str_eq(v.unreadable, "status.VSOCKCID");
		ck_assert_str_eq(v.uid, "u-1");
	}
}
END_TEST

START_TEST(wrong_types_are_marked_and_the_rest_is_read)
{
	ck_assert_int_eq(parse("{\"metadata\":{\"namespace\":\"ns\",\"name\":7,\"uid\":\"u-1\"},"
			       "\"spec\":{\"domain\":{\"devices\":{\"autoattachVSOCK\":\"yes\"}}},"
			       "\"status\":{\"VSOCKCID\":9,\"phase\":[]}}"),
			 0);
	ck_assert_str_eq(v.unreadable, "metadata.name");
	ck_assert(!v.wants_vsock);
	ck_assert_uint_eq(v.cid, 9);
	ck_assert(vmi_has_started(&v)); /* a phase that cannot be read may be any: nothing is written */
	ck_assert_int_eq(parse("{" META "},\"status\":\"none\"}"), 0);
	ck_assert_str_eq(v.unreadable, "status");
	ck_assert_int_eq(v.cid_state, VMI_CID_UNREADABLE);
	ck_assert_int_eq(parse("{\"metadata\":{\"name\":\"a/b\",\"namespace\":\"ns\",\"uid\":\"u\\u0000\"}}"),
			 0);
	ck_assert_str_eq(v.unreadable, "metadata.name");
	ck_assert_str_eq(v.uid, "");
	ck_assert_int_eq(parse("{\"metadata\":{\"name\":\"..\",\"namespace\":\"ns\",\"uid\":\"u\"}}"), 0);
	ck_assert_str_eq(v.unreadable, "metadata.name");
}
END_TEST

START_TEST(an_object_as_deep_as_a_server_stores_it_is_read)
{
	const size_t depth = 10002; /* the server's limit, and what a list adds */
	AUTO_BUF struct buf text = {.max = 1 << 20};
	int rc = buf_add_str(&text, "{" META "}," WANTS ",\"deep\":");

	for (size_t i = 0; i < depth && rc == 0; i++)
		rc = buf_add_str(&text, "[");
	for (size_t i = 0; i < depth && rc == 0; i++)
		rc = buf_add_str(&text, "]");
	ck_assert_int_eq(rc, 0);
	ck_assert_int_eq(buf_add_str(&text, "}"), 0);
	ck_assert_int_eq(parse(buf_str(&text)), 0);
	ck_assert(v.wants_vsock);
	ck_assert_ptr_null(v.unreadable);
}
END_TEST

START_TEST(a_second_status_replaces_the_first)
{
	ck_assert_int_eq(parse("{" META "},\"status\":{\"VSOCKCID\":9,\"phase\":\"Pending\"},\"status\":{}}"),
			 0);
	ck_assert_int_eq(v.cid_state, VMI_CID_ABSENT);
	ck_assert(!v.has_phase);
}
END_TEST

START_TEST(what_is_no_object_is_an_error)
{
	ck_assert_int_eq(parse(""), -EBADMSG);
	ck_assert_int_eq(parse("{"), -EBADMSG);
	ck_assert_int_eq(parse("{\"metadata\":}"), -EBADMSG);
}
END_TEST

static const char *patch_of(const struct wish *w)
{
	static char text[1024];
	AUTO_BUF struct buf b = {.max = sizeof(text) - 1};

	ck_assert_int_eq(vmi_patch_write(&b, w), 0);
	memcpy(text, b.data, b.len + 1);
	return text;
}

START_TEST(each_form_of_the_patch_tests_what_was_read)
{
	struct wish w = {.namespace = "ns", .name = "vm", .uid = "u-1", .cid = 77};

	ck_assert_str_eq(patch_of(&w), "[{\"op\":\"test\",\"path\":\"/metadata/uid\",\"value\":\"u-1\"},"
				       "{\"op\":\"test\",\"path\":\"/status\",\"value\":null},"
				       "{\"op\":\"add\",\"path\":\"/status\",\"value\":{\"VSOCKCID\":77}}]");
	w.has_status = true;
	ck_assert_str_eq(patch_of(&w), "[{\"op\":\"test\",\"path\":\"/metadata/uid\",\"value\":\"u-1\"},"
				       "{\"op\":\"test\",\"path\":\"/status/phase\",\"value\":null},"
				       "{\"op\":\"test\",\"path\":\"/status/VSOCKCID\",\"value\":null},"
				       "{\"op\":\"add\",\"path\":\"/status/VSOCKCID\",\"value\":77}]");
	w.has_phase = true;
	w.phase = VMI_PHASE_WAITING_FOR_SYNC;
	w.replaces = true;
	w.old_cid = 2;
	(void)snprintf(w.resource_version, sizeof(w.resource_version), "42");
	ck_assert_str_eq(patch_of(&w),
			 "[{\"op\":\"test\",\"path\":\"/metadata/uid\",\"value\":\"u-1\"},"
			 "{\"op\":\"test\",\"path\":\"/metadata/resourceVersion\",\"value\":\"42\"},"
			 "{\"op\":\"test\",\"path\":\"/status/phase\",\"value\":\"WaitingForSync\"},"
			 "{\"op\":\"test\",\"path\":\"/status/VSOCKCID\",\"value\":2},"
			 "{\"op\":\"add\",\"path\":\"/status/VSOCKCID\",\"value\":77}]");
}
END_TEST

START_TEST(the_path_names_the_object)
{
	const struct wish w = {.namespace = "ns", .name = "vm"};
	AUTO_BUF struct buf b = {.max = 256};

	ck_assert_int_eq(vmi_path_write(&b, "v1", &w), 0);
	ck_assert_str_eq(buf_str(&b), "/apis/kubevirt.io/v1/namespaces/ns/virtualmachineinstances/vm");
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		the_wanted_fields_are_read,
		the_creation_time_is_read_as_libc_reads_it,
		what_is_no_time_is_unreadable,
		an_object_without_status_says_so,
		a_vmi_that_once_was_scheduled_has_started,
		a_cid_that_is_no_32_bit_number_is_unreadable,
		wrong_types_are_marked_and_the_rest_is_read,
		an_object_as_deep_as_a_server_stores_it_is_read,
		a_second_status_replaces_the_first,
		what_is_no_object_is_an_error,
		each_form_of_the_patch_tests_what_was_read,
		the_path_names_the_object,
	};

	return suite_run("vmi", tests, ARRAY_LEN(tests));
}
