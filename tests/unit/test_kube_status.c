/* What a failed answer of the API server is taken for. */
#include <stdio.h>
#include <string.h>

#include "base/macros.h"
#include "base/utf8.h"
#include "kube/status.h"
#include "support/suite.h"

static struct kube_status parse(int code, const char *body)
{
	struct kube_status s;

	memset(&s, 0xff, sizeof(s));
	kube_status_parse(&s, code, body, strlen(body));
	return s;
}

START_TEST(a_status_is_read_member_by_member)
{
	struct kube_status s = parse(
		409, "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Failure\","
		     "\"message\":\"the object has been modified\",\"reason\":\"Conflict\","
		     "\"details\":{\"name\":\"a\",\"retryAfterSeconds\":3},\"code\":409}");

	ck_assert_int_eq(s.code, 409);
	ck_assert_str_eq(s.reason, "Conflict");
	ck_assert_str_eq(s.message, "the object has been modified");
	ck_assert(!s.has_causes);
	ck_assert(!s.too_large_rv);
	ck_assert_uint_eq(s.retry_after_s, 3);
}
END_TEST

START_TEST(causes_tell_a_refusal_by_validation_from_a_failed_test)
{
	/* PAT-2: both are 422 Invalid. */
	struct kube_status failed_test =
		parse(422, "{\"kind\":\"Status\",\"message\":\"the server rejected our request due "
			   "to an error in our "
			   "request\",\"reason\":\"Invalid\",\"details\":{},\"code\":422}");
	struct kube_status validation =
		parse(422, "{\"kind\":\"Status\",\"message\":\"VMI \\\"n\\\" is "
			   "invalid\",\"reason\":\"Invalid\","
			   "\"details\":{\"causes\":[{\"reason\":\"FieldValueInvalid\",\"message\":\"x\"}]},"
			   "\"code\":422}");
	struct kube_status none = parse(422, "{\"kind\":\"Status\",\"details\":{\"causes\":[]}}");

	ck_assert(!failed_test.has_causes);
	ck_assert(validation.has_causes);
	ck_assert(!none.has_causes);
	ck_assert_str_eq(none.reason, "Invalid");
}
END_TEST

START_TEST(a_body_that_is_no_status_gives_the_reason_by_code)
{
	static const struct {
		int code;
		const char *reason;
	} table[] = {
		{400, "BadRequest"},
		{401, "Unauthorized"},
		{403, "Forbidden"},
		{404, "NotFound"},
		{405, "MethodNotAllowed"},
		{406, "NotAcceptable"},
		{409, "Conflict"},
		{410, "Gone"},
		{413, "RequestEntityTooLarge"},
		{415, "UnsupportedMediaType"},
		{418, "Unknown"},
		{422, "Invalid"},
		{429, "TooManyRequests"},
		{500, "InternalError"},
		{502, "InternalError"},
		{503, "ServiceUnavailable"},
		{504, "Timeout"},
		{302, "Unknown"},
	};
	static const char *const bodies[] = {"",    "not JSON", "{\"kind\":\"Pod\",\"reason\":\"X\"}",
					     "[1]", "\"x\"",    "{"};

	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		for (size_t j = 0; j < ARRAY_LEN(bodies); j++) {
			struct kube_status s = parse(table[i].code, bodies[j]);

			ck_assert_int_eq(s.code, table[i].code);
			ck_assert_str_eq(s.reason, table[i].reason);
			ck_assert_str_ne(s.message, "");
			if (j > 0)
				ck_assert_str_eq(s.message, bodies[j]);
			ck_assert(!s.has_causes);
			ck_assert_uint_eq(s.retry_after_s, 0);
		}
	}
	ck_assert_str_eq(parse(502, "").message, "the server answered with HTTP status 502");
}
END_TEST

START_TEST(members_of_the_wrong_type_count_as_missing)
{
	struct kube_status s = parse(
		404, "{\"kind\":\"Status\",\"message\":1,\"reason\":[],\"details\":\"x\",\"code\":\"y\"}");

	ck_assert_int_eq(s.code, 404);
	ck_assert_str_eq(s.reason, "NotFound");
	ck_assert_str_eq(s.message, "the server answered with HTTP status 404");
	s = parse(404, "{\"kind\":\"Status\",\"details\":{\"causes\":{\"a\":1},\"retryAfterSeconds\":"
		       "\"3\"}}");
	ck_assert(!s.has_causes);
	ck_assert_uint_eq(s.retry_after_s, 0);
	s = parse(500, "{\"kind\":\"Status\",\"details\":{\"causes\":[1,null,{\"reason\":2}],"
		       "\"retryAfterSeconds\":-3}}");
	ck_assert(s.has_causes);
	ck_assert_uint_eq(s.retry_after_s, 0);
	s = parse(500, "{\"kind\":\"Status\",\"details\":{\"retryAfterSeconds\":9999999999}}");
	ck_assert_uint_eq(s.retry_after_s, UINT32_MAX);
}
END_TEST

START_TEST(the_http_status_beats_the_code_in_the_body)
{
	ck_assert_int_eq(parse(500, "{\"kind\":\"Status\",\"reason\":\"NotFound\",\"code\":404}").code, 500);
	ck_assert_int_eq(parse(0, "{\"kind\":\"Status\",\"reason\":\"NotFound\",\"code\":404}").code, 404);
	ck_assert_str_eq(parse(0, "{\"kind\":\"Status\",\"code\":403}").reason, "Forbidden");
	ck_assert_int_eq(parse(0, "{\"kind\":\"Status\",\"code\":-1}").code, 0);
	ck_assert_int_eq(parse(0, "{\"kind\":\"Status\",\"code\":4294967700}").code, 0);
}
END_TEST

START_TEST(the_reason_beats_the_code_but_for_429)
{
	/* REQ-5; a ServerTimeout comes with HTTP status 500. */
	ck_assert_str_eq(parse(500, "{\"kind\":\"Status\",\"reason\":\"ServerTimeout\"}").reason,
			 "ServerTimeout");
	ck_assert_str_eq(parse(409, "{\"kind\":\"Status\",\"reason\":\"AlreadyExists\"}").reason,
			 "AlreadyExists");
	ck_assert_str_eq(parse(429, "{\"kind\":\"Status\",\"reason\":\"Whatever\"}").reason,
			 "TooManyRequests");
}
END_TEST

START_TEST(expired_is_told_by_reason_and_by_code_only_where_that_is_unknown)
{
	static const struct {
		const char *body;
		int code;
		bool expired;
	} table[] = {
		{"{\"kind\":\"Status\",\"reason\":\"Expired\",\"code\":410}", 410, true},
		{"{\"kind\":\"Status\",\"reason\":\"Gone\"}", 410, true},
		{"{\"kind\":\"Status\",\"reason\":\"Expired\"}", 400, true},
		{"", 410, true},
		{"{\"kind\":\"Status\",\"reason\":\"SomethingNew\"}", 410, true},
		{"{\"kind\":\"Status\",\"reason\":\"NotFound\"}", 410, false},
		{"{\"kind\":\"Status\",\"reason\":\"SomethingNew\"}", 400, false},
		{"", 404, false},
		{"", 504, false},
	};
	const struct kube_status bare = {.code = 410}; /* as read from a watch event without a reason */

	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct kube_status s = parse(table[i].code, table[i].body);

		ck_assert_msg(kube_status_is_expired(&s) == table[i].expired, "%d %s", table[i].code,
			      table[i].body);
	}
	ck_assert(kube_status_is_expired(&bare));
}
END_TEST

START_TEST(a_resource_version_from_the_future_is_recognised_in_both_forms)
{
	/* LST-8 */
	ck_assert(parse(504, "{\"kind\":\"Status\",\"message\":\"Timeout: Too large resource "
			     "version: 9, current: 5\","
			     "\"reason\":\"Timeout\"}")
			  .too_large_rv);
	ck_assert(parse(504, "{\"kind\":\"Status\",\"reason\":\"Timeout\",\"details\":{\"causes\":[{"
			     "\"reason\":\"x\"},"
			     "{\"reason\":\"ResourceVersionTooLarge\",\"message\":\"y\"}]}}")
			  .too_large_rv);
	ck_assert(!parse(504, "{\"kind\":\"Status\",\"reason\":\"Timeout\",\"message\":\"slow\"}")
			   .too_large_rv);
	ck_assert(!parse(504, "Too large resource version").too_large_rv);
}
END_TEST

START_TEST(a_long_message_is_cut_between_characters)
{
	char text[2000];
	struct kube_status s;

	memset(text, 'x', sizeof(text));
	for (size_t i = 0; i + 3 <= sizeof(text); i++)
		text[i] = "\xe2\x82\xac"[i % 3];
	for (size_t shift = 0; shift < 3; shift++) {
		kube_status_parse(&s, 500, text + 3 - shift, sizeof(text) - 6);
		ck_assert_uint_ge(strlen(s.message), sizeof(s.message) - 4);
		ck_assert(utf8_valid(s.message + shift, strlen(s.message) - shift));
	}
}
END_TEST

START_TEST(a_message_is_one_printable_line)
{
	static const char body[] = "a\nb\tc\x1b[31m\0d\x7f\xff\xc3\xa9";
	struct kube_status s;

	kube_status_parse(&s, 500, body, sizeof(body) - 1);
	ck_assert_str_eq(s.message, "a b c [31m d ?\xc3\xa9");
	s = parse(500, "{\"kind\":\"Status\",\"message\":\"a\\u0000b\\nc\",\"reason\":\"x\\u001by\"}");
	ck_assert_str_eq(s.message, "a b c");
	ck_assert_str_eq(s.reason, "x y");
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		a_status_is_read_member_by_member,
		causes_tell_a_refusal_by_validation_from_a_failed_test,
		a_body_that_is_no_status_gives_the_reason_by_code,
		members_of_the_wrong_type_count_as_missing,
		the_http_status_beats_the_code_in_the_body,
		the_reason_beats_the_code_but_for_429,
		expired_is_told_by_reason_and_by_code_only_where_that_is_unknown,
		a_resource_version_from_the_future_is_recognised_in_both_forms,
		a_long_message_is_cut_between_characters,
		a_message_is_one_printable_line,
	};

	return suite_run("kube_status", tests, ARRAY_LEN(tests));
}
