#include <check.h>
#include <errno.h>
#include <string.h>

#include "support/suite.h"
#include "unit/test_json_transcript.h"
#include "json/reader.h"

static struct json_filter *filter;
static struct json_reader *reader;
static struct transcript transcript;

#define PATH(...) ((const char *const[]){__VA_ARGS__, NULL})

static void given_no_wishes(void)
{
	transcript_init(&transcript);
	ck_assert_int_eq(json_filter_create(&filter), 0);
}

static void given_wanted(const char *const *path, int field)
{
	ck_assert_int_eq(json_filter_add(filter, NULL, path, field), 0);
}

#define MAX_WHOLE 32

static void given_reader(size_t max_text, uint64_t max_document)
{
	struct json_reader_limits limits = {
		.max_text = max_text,
		.max_whole = MAX_WHOLE,
		.max_document = max_document,
	};

	ck_assert_int_eq(json_reader_create(&reader, filter, &limits, &transcript_events, &transcript), 0);
}

static int feed(const char *text, struct error *err)
{
	return transcript_feed(reader, text, strlen(text), 0, err);
}

/* Reads @text afresh with every chunk size; each must give this. */
static void then_reading_gives(const char *text, const char *expected)
{
	for (size_t chunk = 0; chunk <= strlen(text); chunk++) {
		json_reader_reset(reader);
		transcript_reset(&transcript);
		ck_assert_int_eq(transcript_feed(reader, text, strlen(text), chunk, NULL), 0);
		ck_assert_str_eq(buf_str(&transcript.text), expected);
	}
}

static void then_reading_fails(const char *text, int rc, const char *message)
{
	for (size_t chunk = 0; chunk <= strlen(text); chunk++) {
		struct error err = {0};

		json_reader_reset(reader);
		ck_assert_int_eq(transcript_feed(reader, text, strlen(text), chunk, &err), rc);
		ck_assert_int_eq(err.code, rc);
		ck_assert_str_eq(err.message, message);
		ck_assert(!json_reader_at_boundary(reader));
	}
}

static void done(void)
{
	json_reader_free(reader);
	json_filter_free(filter);
	transcript_free(&transcript);
}

START_TEST(only_what_is_wanted_is_reported)
{
	given_no_wishes();
	given_wanted(PATH("metadata", "name"), 1);
	given_wanted(PATH("status", "phases", JSON_EACH, "phase"), 2);
	given_reader(64, 0);
	then_reading_gives("{\"kind\":\"X\",\"metadata\":{\"labels\":{\"name\":\"no\"},\"name\":"
			   "\"n1\",\"uid\":7},"
			   "\"name\":\"no\",\"spec\":{\"metadata\":{\"name\":\"no\"}},"
			   "\"status\":{\"phase\":\"no\",\"phases\":[{\"phase\":\"A\",\"t\":[{"
			   "\"phase\":\"no\"}]},"
			   "{\"phase\":\"B\"},3,[{\"phase\":\"no\"}],{}]}}",
			   "value 1 string n1\nvalue 2 string A\nvalue 2 string B\ndocument\n");
	done();
}
END_TEST

START_TEST(every_kind_of_value_is_reported)
{
	given_no_wishes();
	given_wanted(PATH(JSON_EACH), 0);
	given_reader(64, 0);
	then_reading_gives("[null,false,true,-1.50e+07,\"a\\nb\",{},[],[1],{\"a\":[2]}]",
			   "value 0 null \nvalue 0 false \nvalue 0 true \nvalue 0 number -1.50e+07\n"
			   "value 0 string a\\nb\nvalue 0 object \nend 0\nvalue 0 array \nend 0\n"
			   "value 0 array \nend 0\nvalue 0 object \nend 0\ndocument\n");
	done();
}
END_TEST

START_TEST(a_container_and_its_members_may_both_be_wanted)
{
	given_no_wishes();
	ck_assert_int_eq(json_filter_add(filter, NULL, (const char *const[]){NULL}, 0), 0);
	given_wanted(PATH("items"), 1);
	given_wanted(PATH("items", JSON_EACH), 2);
	given_wanted(PATH("items", JSON_EACH, "a"), 3);
	given_reader(64, 0);
	then_reading_gives("{\"items\":[{\"a\":1},{}],\"x\":{\"items\":[1]}}",
			   "value 0 object \nvalue 1 array \nvalue 2 object \nvalue 3 number 1\nend 2\n"
			   "value 2 object \nend 2\nend 1\nend 0\ndocument\n");
	then_reading_gives("[{\"items\":[{\"a\":1}]}]", "value 0 array \nend 0\ndocument\n");
	then_reading_gives("\"items\"", "value 0 string items\ndocument\n");
	done();
}
END_TEST

START_TEST(a_path_matches_only_values_of_its_shape)
{
	given_no_wishes();
	given_wanted(PATH("a", "b"), 1);
	given_wanted(PATH("a", JSON_EACH, "c"), 2);
	given_wanted(PATH("[]"), 3);
	given_reader(64, 0);
	then_reading_gives("{\"a\":{\"b\":1,\"[]\":{\"c\":0}}}", "value 1 number 1\ndocument\n");
	then_reading_gives("{\"a\":[{\"b\":0,\"c\":2}]}", "value 2 number 2\ndocument\n");
	then_reading_gives("{\"a\":[[{\"c\":2}]]}", "document\n");
	then_reading_gives("{\"a\":\"b\"}", "document\n");
	then_reading_gives("{\"[]\":null}", "value 3 null \ndocument\n");
	then_reading_gives("[1]", "document\n");
	done();
}
END_TEST

START_TEST(a_prefix_stands_before_the_path)
{
	struct json_filter *f;
	const char *const *prefix = PATH("items", JSON_EACH);

	given_no_wishes();
	given_wanted(PATH("items", JSON_EACH, "a"), 1);
	f = filter;
	ck_assert_int_eq(json_filter_add(f, prefix, PATH("b", "c"), 2), 0);
	ck_assert_int_eq(json_filter_add(f, prefix, PATH("a"), 3), -EEXIST);
	ck_assert_int_eq(json_filter_add(f, NULL, PATH("items"), 4), 0);
	ck_assert_int_eq(json_filter_add(f, NULL, PATH("items"), 5), -EEXIST);
	given_reader(64, 0);
	then_reading_gives("{\"items\":[{\"b\":{\"c\":0},\"a\":0}]}",
			   "value 4 array \nvalue 2 number 0\nvalue 1 number 0\nend 4\ndocument\n");
	done();
}
END_TEST

START_TEST(the_deepest_path_allowed_is_followed_and_a_deeper_one_refused)
{
	const char *deep[JSON_FILTER_MAX_DEPTH + 1] = {0};

	given_no_wishes();
	for (size_t i = 0; i < JSON_FILTER_MAX_DEPTH; i++)
		deep[i] = JSON_EACH;
	ck_assert_int_eq(json_filter_add(filter, PATH("x"), deep, 1), -E2BIG);
	given_wanted(deep, 1);
	given_reader(64, 0);
	then_reading_gives("[[[[[[[[[[[[[[[[[[1]],2]]]]]]]]]]]]]]]]",
			   "value 1 array \nend 1\nvalue 1 number 2\ndocument\n");
	done();
}
END_TEST

START_TEST(keys_are_compared_after_unescaping_and_with_their_case)
{
	given_no_wishes();
	given_wanted(PATH("n\xc3\xa4me"), 1);
	given_wanted(PATH("a/b\"\n"), 2);
	given_wanted(PATH(""), 3);
	given_wanted(PATH("name"), 4);
	given_reader(64, 0);
	then_reading_gives("{\"n\xc3\xa4me\":1,\"\\u006e\\u00e4\\u006De\":2,\"a\\/"
			   "b\\\"\\n\":3,\"\":4,\"Name\":0,"
			   "\"nam\":0,\"names\":0,\"name\\u0000\":0,\"\\ud83d\":0,\"nam\\u0065\":5}",
			   "value 1 number 1\nvalue 1 number 2\nvalue 2 number 3\nvalue 3 number 4\n"
			   "value 4 number 5\ndocument\n");
	done();
}
END_TEST

START_TEST(a_duplicate_key_is_reported_again)
{
	given_no_wishes();
	given_wanted(PATH("a"), 1);
	given_wanted(PATH("b", "c"), 2);
	given_reader(64, 0);
	then_reading_gives("{\"a\":1,\"b\":{\"c\":2,\"c\":3},\"\\u0061\":4,\"b\":{\"c\":5}}",
			   "value 1 number 1\nvalue 2 number 2\nvalue 2 number 3\nvalue 1 number 4\n"
			   "value 2 number 5\ndocument\n");
	done();
}
END_TEST

/* The text that reading @json, a string, hands over. */
static void then_string_is(const char *json, const char *text, size_t len)
{
	struct buf expected;

	buf_init(&expected, 4096);
	transcript_add_value(&expected, 0, JSON_VALUE_STRING, false, text, len);
	transcript_add(&expected, "document\n");
	then_reading_gives(json, buf_str(&expected));
	buf_free(&expected);
}

START_TEST(strings_are_unescaped)
{
	given_no_wishes();
	ck_assert_int_eq(json_filter_add(filter, NULL, (const char *const[]){NULL}, 0), 0);
	given_reader(64, 0);
	then_string_is("\"\"", "", 0);
	then_string_is("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t", 8);
	then_string_is("\"\\u0041\\u00e9\\u20AC\"", "A\xc3\xa9\xe2\x82\xac", 6);
	then_string_is("\"\\uD83D\\ude00\"", "\xf0\x9f\x98\x80", 4);
	then_string_is("\"\\uD800\\uDC00\\udbff\\udfff\"", "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf", 8);
	then_string_is("\"\\u007f\\u0080\\u07ff\\u0800\\uffff\"",
		       "\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf", 11);
	then_string_is("\"a\\u0000b\"", "a\0b", 3);
	then_string_is("\"\xc3\xa9\xf0\x9f\x98\x80 and 16 bytes more of plain text\"",
		       "\xc3\xa9\xf0\x9f\x98\x80 and 16 bytes more of plain text", 38);
	done();
}
END_TEST

START_TEST(half_a_surrogate_pair_becomes_a_replacement_character)
{
	given_no_wishes();
	ck_assert_int_eq(json_filter_add(filter, NULL, (const char *const[]){NULL}, 0), 0);
	given_reader(64, 0);
	then_string_is("\"\\ud800\"", "\xef\xbf\xbd", 3);
	then_string_is("\"\\udc00\"", "\xef\xbf\xbd", 3);
	then_string_is("\"\\ud800x\"", "\xef\xbf\xbdx", 4);
	then_string_is("\"\\ud800\\n\"", "\xef\xbf\xbd\n", 4);
	then_string_is("\"\\ud800\xc3\xa9\"", "\xef\xbf\xbd\xc3\xa9", 5);
	then_string_is("\"\\ud800\\u0041\"", "\xef\xbf\xbd\x41", 4);
	then_string_is("\"\\udc00\\ud800\"", "\xef\xbf\xbd\xef\xbf\xbd", 6);
	then_string_is("\"\\ud800\\ud83d\\ude00\"", "\xef\xbf\xbd\xf0\x9f\x98\x80", 7);
	done();
}
END_TEST

START_TEST(a_long_text_is_cut_at_a_whole_character)
{
	given_no_wishes();
	given_wanted(PATH(JSON_EACH), 0);
	given_reader(4, 0);
	then_reading_gives(
		"[\"abcd\",\"abcde\",\"ab\\ncd\",12345,1234,-1.5e7]",
		"value 0 string abcd\nvalue 0 string cut abcd\nvalue 0 string cut ab\\nc\n"
		"value 0 number cut 1234\nvalue 0 number 1234\nvalue 0 number cut -1.5\ndocument\n");
	then_reading_gives("[\"abc\xc3\xa9z\",\"ab\xc3\xa9z\",\"\\u20ac\\u00e9z\",\"\\ud83d\\ude00\","
			   "\"a\\ud83d\\ude00\"]",
			   "value 0 string cut abc\nvalue 0 string cut ab\xc3\xa9\nvalue 0 string "
			   "cut \xe2\x82\xac\n"
			   "value 0 string \xf0\x9f\x98\x80\nvalue 0 string cut a\ndocument\n");
	then_reading_fails("[\"abcdefgh\\q\"]", -EBADMSG, "JSON, byte 11: unknown escape in a string");
	done();
}
END_TEST

START_TEST(a_key_longer_than_the_longest_text_is_still_found)
{
	given_no_wishes();
	given_wanted(PATH("a-rather-long-key"), 0);
	given_reader(0, 0);
	then_reading_gives(
		"{\"a-rather-long-key\":\"x\",\"a-rather-long-key\":\"\",\"a-rather-long-key-\":1}",
		"value 0 string cut \nvalue 0 string \ndocument\n");
	done();
}
END_TEST

START_TEST(an_error_names_the_byte)
{
	given_no_wishes();
	given_wanted(PATH("a"), 0);
	given_reader(64, 0);
	then_reading_fails("{\"a\":1} {\"b\":tru}", -EBADMSG, "JSON, byte 16: true, false or null expected");
	then_reading_fails("{\"a\":[1,2}", -EBADMSG, "JSON, byte 9: ',' or ']' expected");
	then_reading_fails("{\"a\":{\"b\":2]", -EBADMSG, "JSON, byte 11: ',' or '}' expected");
	then_reading_fails("{\"a\":1 ;", -EBADMSG, "JSON, byte 7: ',' or '}' expected");
	then_reading_fails("[1 ;", -EBADMSG, "JSON, byte 3: ',' or ']' expected");
	then_reading_fails("{,", -EBADMSG, "JSON, byte 1: a key or '}' expected");
	then_reading_fails("{\"a\":1,}", -EBADMSG, "JSON, byte 7: a key expected");
	then_reading_fails("{\"a\" 1", -EBADMSG, "JSON, byte 5: ':' expected");
	then_reading_fails("{\"a\":}", -EBADMSG, "JSON, byte 5: a value expected");
	then_reading_fails("[1.]", -EBADMSG, "JSON, byte 3: digit expected in a number");
	then_reading_fails("1x", -EBADMSG, "JSON, byte 1: white space expected after a top-level number");
	then_reading_fails("\"a\tb\"", -EBADMSG, "JSON, byte 2: control character in a string");
	then_reading_fails("\"\\u00g0\"", -EBADMSG, "JSON, byte 5: hex digit expected after \\u");
	then_reading_fails("\"\xc1\xbf\"", -EBADMSG, "JSON, byte 1: no UTF-8 in a string");
	then_reading_fails("\"\xf5\x80\x80\x80\"", -EBADMSG, "JSON, byte 1: no UTF-8 in a string");
	then_reading_fails("{\"\xff", -EBADMSG, "JSON, byte 2: no UTF-8 in a string");
	then_reading_fails("\"\xe2\x82\"", -EBADMSG, "JSON, byte 3: UTF-8 sequence cut short in a string");
	done();
}
END_TEST

/* Reads @depth opening brackets; then, where that went well, as many closing ones. */
static int read_nested(size_t depth, struct error *err)
{
	int rc = 0;

	json_reader_reset(reader);
	for (size_t i = 0; i < depth && rc == 0; i++)
		rc = i % 3 == 0 ? feed("[", err) : feed("{\"k\":", err);
	if (rc == 0)
		rc = feed("0", err);
	for (size_t i = depth; i-- > 0 && rc == 0;)
		rc = feed(i % 3 == 0 ? "]" : "}", err);
	return rc;
}

START_TEST(nesting_ends_at_its_limit)
{
	struct error err = {0};

	given_no_wishes();
	given_reader(64, 0);
	ck_assert_int_eq(read_nested(JSON_READER_MAX_DEPTH, NULL), 0);
	ck_assert(json_reader_at_boundary(reader));
	ck_assert_int_eq(read_nested(JSON_READER_MAX_DEPTH + 1, &err), -EBADMSG);
	ck_assert_ptr_nonnull(strstr(err.message, "nested too deeply"));
	ck_assert_int_eq(read_nested(JSON_READER_MAX_DEPTH - 1, NULL), 0);
	done();
}
END_TEST

START_TEST(brackets_must_match_at_every_depth)
{
	given_no_wishes();
	given_reader(64, 0);
	for (size_t depth = 1; depth < 200; depth++) {
		json_reader_reset(reader);
		for (size_t i = 0; i < depth; i++)
			ck_assert_int_eq(feed(i % 7 < 4 ? "[" : "{\"\":", NULL), 0);
		ck_assert_int_eq(feed("null", NULL), 0);
		for (size_t i = depth - 1; i > depth / 2; i--)
			ck_assert_int_eq(feed(i % 7 < 4 ? "]" : "}", NULL), 0);
		ck_assert_int_eq(feed(depth / 2 % 7 < 4 ? "}" : "]", NULL), -EBADMSG);
	}
	done();
}
END_TEST

START_TEST(a_document_may_be_as_long_as_allowed_and_no_longer)
{
	given_no_wishes();
	given_wanted(PATH("a"), 0);
	given_reader(64, 10);
	then_reading_gives("  {\"a\":123}    \n  {\"a\":456}", "value 0 number 123\ndocument\n"
							       "value 0 number 456\ndocument\n");
	then_reading_fails(" {\"a\":123}{\"a\":45678}", -EMSGSIZE,
			   "JSON, byte 20: value longer than allowed");
	then_reading_fails(" {\"b\":\"0123456789\"}", -EMSGSIZE, "JSON, byte 11: value longer than allowed");
	then_reading_gives("123456789 [1,2,3,45]", "document\ndocument\n");
	then_reading_fails("1234567890 ", -EMSGSIZE, "JSON, byte 10: value longer than allowed");
	done();
}
END_TEST

START_TEST(the_boundary_is_between_top_level_values)
{
	static const struct {
		const char *text;
		bool boundary;
	} steps[] = {
		{"", true},   {" \n", true},  {"{", false},   {"\"a\"", false}, {":", false}, {"[]", false},
		{"}", true},  {"\n", true},   {"\"", false},  {"a", false},     {"\"", true}, {"tru", false},
		{"e", true},  {"1", false},   {"2", false},   {" ", true},      {"[", false}, {" ", false},
		{"] ", true}, {"{}[]", true}, {"{}[", false},
	};

	given_no_wishes();
	given_reader(64, 0);
	ck_assert_int_eq(json_reader_feed(reader, NULL, 0, NULL), 0);
	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		ck_assert_int_eq(feed(steps[i].text, NULL), 0);
		ck_assert_msg(json_reader_at_boundary(reader) == steps[i].boundary, "step %zu", i);
	}
	done();
}
END_TEST

START_TEST(a_callback_that_fails_ends_the_feed)
{
	static const char text[] = "{\"a\":{\"b\":1},\"c\":[\"x\"]} {\"a\":null}";

	given_no_wishes();
	given_wanted(PATH("a"), 0);
	given_wanted(PATH("a", "b"), 1);
	given_wanted(PATH("c"), 2);
	given_reader(64, 0);
	for (unsigned int call = 1; call <= 8; call++) {
		struct error err = {.message = "of the callback"};

		json_reader_reset(reader);
		transcript_reset(&transcript);
		transcript.fail_at = call;
		transcript.failure = call % 2 == 0 ? -ECANCELED : -EBADMSG;
		ck_assert_int_eq(feed(text, &err), transcript.failure);
		ck_assert_uint_eq(transcript.calls, call);
		ck_assert_str_eq(err.message, "of the callback");
		ck_assert_int_eq(feed(text, &err), transcript.failure);
		ck_assert_uint_eq(transcript.calls, call);
	}
	transcript.fail_at = 0;
	then_reading_gives(text, "value 0 object \nvalue 1 number 1\nend 0\nvalue 2 array \nend 2\ndocument\n"
				 "value 0 null \ndocument\n");
	done();
}
END_TEST

START_TEST(after_a_reset_nothing_is_left_of_the_input_before)
{
	static const char *const broken[] = {
		"{\"a\":{\"b\":[[[[",
		"{\"a\":\"abc\\ud83d",
		"{\"a\":\"\xe2\x82",
		"{\"a\":tr",
		"{\"a\":-1.",
		"{\"a",
		"{\"a\":\"b\"} x",
		"[}",
		"{\"a\"",
		"\\",
		"{\"a\":1",
	};

	given_no_wishes();
	given_wanted(PATH("a"), 0);
	given_reader(64, 40);
	for (size_t i = 0; i < ARRAY_LEN(broken); i++) {
		(void)feed(broken[i], NULL);
		json_reader_reset(reader);
		ck_assert(json_reader_at_boundary(reader));
		then_reading_gives("{\"a\":\"\\ude00\"}", "value 0 string \xef\xbf\xbd\ndocument\n");
		then_reading_fails("{\"a\":1}]", -EBADMSG, "JSON, byte 7: a value expected");
	}
	done();
}
END_TEST

START_TEST(a_reader_without_callbacks_checks_the_grammar)
{
	const struct json_reader_events none = {0};
	const struct json_reader_limits limits = {.max_text = 8};

	given_no_wishes();
	given_wanted(PATH("a"), 0);
	ck_assert_int_eq(json_reader_create(&reader, filter, &limits, &none, NULL), 0);
	ck_assert_int_eq(feed("{\"a\":[1,\"x\"]} {\"a\":\"0123456789\"}", NULL), 0);
	ck_assert_int_eq(feed("{\"a\":[1,\"x\"}", NULL), -EBADMSG);
	done();
}
END_TEST

START_TEST(nothing_to_free_is_fine)
{
	json_reader_free(NULL);
	json_filter_free(NULL);
}
END_TEST

START_TEST(what_is_wanted_as_a_whole_is_reported_with_its_text)
{
	given_no_wishes();
	given_wanted(PATH("items", JSON_EACH, "spec", JSON_WHOLE), 1);
	given_wanted(PATH("items", JSON_EACH, "name"), 2);
	given_reader(64, 0);
	then_reading_gives(
		"{\"spec\":{},\"items\":[{\"spec\":{\"a\": [1,{}],\"b\":\"\\u0041\"},\"name\":\"x\"},"
		"{\"name\":\"y\",\"spec\":[ {\"spec\":3} ]},{\"spec\":7},{\"spec\":{}}]}",
		"value 1 object {\\\"a\\\": [1,{}],\\\"b\\\":\\\"\\\\u0041\\\"}\n"
		"value 2 string x\nvalue 2 string y\nvalue 1 array [ {\\\"spec\\\":3} ]\n"
		"value 1 number 7\nvalue 1 object {}\ndocument\n");
	done();
}
END_TEST

START_TEST(what_is_too_long_as_a_whole_is_reported_as_cut)
{
	given_no_wishes();
	given_wanted(PATH("spec", JSON_WHOLE), 1);
	given_reader(64, 0);
	then_reading_gives("{\"spec\":[1234567890123456789012345678,0]}",
			   "value 1 array [1234567890123456789012345678,0]\ndocument\n");
	then_reading_gives("{\"spec\":[1234567890123456789012345678, 0]}", "value 1 array cut \ndocument\n");
	then_reading_gives("{\"spec\":[12345678901234567890123456789012345678901234567890],\"spec\":[1]}",
			   "value 1 array cut \nvalue 1 array [1]\ndocument\n");
	done();
}
END_TEST

START_TEST(nothing_can_be_wanted_below_a_whole)
{
	given_no_wishes();
	given_wanted(PATH("spec", JSON_WHOLE), 1);
	ck_assert_int_eq(json_filter_add(filter, NULL, PATH("spec", "a"), 2), -EEXIST);
	ck_assert_int_eq(json_filter_add(filter, NULL, PATH("spec"), 2), -EEXIST);
	given_wanted(PATH("status", "a"), 3);
	ck_assert_int_eq(json_filter_add(filter, NULL, PATH("status", JSON_WHOLE), 4), -EEXIST);
	given_reader(64, 0);
	then_reading_gives("{\"status\":{\"a\":1}}", "value 3 number 1\ndocument\n");
	done();
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		only_what_is_wanted_is_reported,
		every_kind_of_value_is_reported,
		a_container_and_its_members_may_both_be_wanted,
		a_path_matches_only_values_of_its_shape,
		a_prefix_stands_before_the_path,
		the_deepest_path_allowed_is_followed_and_a_deeper_one_refused,
		keys_are_compared_after_unescaping_and_with_their_case,
		a_duplicate_key_is_reported_again,
		strings_are_unescaped,
		half_a_surrogate_pair_becomes_a_replacement_character,
		a_long_text_is_cut_at_a_whole_character,
		a_key_longer_than_the_longest_text_is_still_found,
		an_error_names_the_byte,
		nesting_ends_at_its_limit,
		brackets_must_match_at_every_depth,
		a_document_may_be_as_long_as_allowed_and_no_longer,
		the_boundary_is_between_top_level_values,
		a_callback_that_fails_ends_the_feed,
		after_a_reset_nothing_is_left_of_the_input_before,
		a_reader_without_callbacks_checks_the_grammar,
		nothing_to_free_is_fine,
		what_is_wanted_as_a_whole_is_reported_with_its_text,
		what_is_too_long_as_a_whole_is_reported_as_cut,
		nothing_can_be_wanted_below_a_whole,
	};

	return suite_run("json_reader", tests, ARRAY_LEN(tests));
}
