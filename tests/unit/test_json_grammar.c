#include <check.h>
#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "support/suite.h"
#include "unit/test_json_transcript.h"
#include "json/reader.h"

/* A text with its length, since some hold NUL bytes. */
#define TEXT(s)                                                                                              \
	{                                                                                                    \
		(s), sizeof(s) - 1                                                                           \
	}

struct text {
	const char *bytes;
	size_t len;
};

/* JSON texts of RFC 8259: one value each. */
static const struct text valid[] = {
	/* structures */
	TEXT("[]"),
	TEXT("{}"),
	TEXT("[ ]"),
	TEXT("{\t}"),
	TEXT("[[]]"),
	TEXT("[[],[[]],{}]"),
	TEXT("[{}]"),
	TEXT("{\"a\":[]}"),
	TEXT("{\"a\":{}}"),
	TEXT("{\"a\":{\"b\":[{\"c\":1}]}}"),
	TEXT("[null, 1, \"1\", {}]"),
	TEXT("[1,null,null,null,2]"),
	TEXT("[\"\"]"),
	TEXT("{\"\":0}"),
	TEXT(" \n\t\r[ \n\t\r1 \n\t\r, \n\t\r2 \n\t\r] \n\t\r"),
	TEXT("{ \"a\" : 1 , \"b\"\n:\r\n2 }"),
	TEXT("{\"a\":\"b\",\"a\":\"b\"}"),
	TEXT("{\"a\":\"b\",\"a\":\"c\"}"),
	TEXT("{\"a\":{},\"a\":null}"),
	/* literals */
	TEXT("[true,false,null]"),
	TEXT("true"),
	TEXT("false"),
	TEXT("null"),
	TEXT(" null "),
	/* numbers */
	TEXT("[0]"),
	TEXT("[-0]"),
	TEXT("[-1]"),
	TEXT("[10]"),
	TEXT("[123]"),
	TEXT("[1234567890123456789]"),
	TEXT("[123456789012345678901234567890123456789012345678901234567890]"),
	TEXT("[0.5]"),
	TEXT("[-0.5]"),
	TEXT("[1.0]"),
	TEXT("[1.000000000000000000000000000000000000000000001]"),
	TEXT("[123.456789]"),
	TEXT("[0e1]"),
	TEXT("[0e+1]"),
	TEXT("[0E-1]"),
	TEXT("[1E22]"),
	TEXT("[1e+2]"),
	TEXT("[1E-02]"),
	TEXT("[123e45]"),
	TEXT("[123.456e78]"),
	TEXT("[1.5e+9999]"),
	TEXT("[-1e-99999]"),
	TEXT("42"),
	TEXT("-0.1"),
	TEXT("1e5"),
	TEXT("[ 4]"),
	TEXT("[4 ]"),
	TEXT("{\"a\":1}"),
	TEXT("{\"a\":1 }"),
	/* strings */
	TEXT("\"\""),
	TEXT("\"a\""),
	TEXT("[\"a/*b*/c/*d//e\"]"),
	TEXT("[\"asd \"]"),
	TEXT("\" \""),
	TEXT("[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"]"),
	TEXT("[\"\\\\n\"]"),
	TEXT("[\"\\\"\"]"),
	TEXT("[\"\\u0000\"]"),
	TEXT("[\"\\u0012\"]"),
	TEXT("[\"\\u0060\\u012a\\u12AB\"]"),
	TEXT("[\"\\uD801\\udc37\"]"),
	TEXT("[\"\\ud83d\\ude39\\ud83d\\udc8d\"]"),
	TEXT("[\"\\uDBFF\\uDFFF\"]"),
	TEXT("[\"\\uFFFF\\uFFFE\"]"),
	TEXT("[\"\\u2028\\u2029\"]"),
	TEXT("[\"\\\\u0000\"]"),
	TEXT("[\"new\\u00A0line\"]"),
	TEXT("{\"\\u0061\\t\":1}"),
	TEXT("{\"a\\u0000b\":1}"),
	TEXT("[\"\x7f\"]"),
	TEXT("[\"\xc2\x80\xdf\xbf\"]"),
	TEXT("[\"\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\"]"),
	TEXT("[\"\xef\xbf\xbf\"]"),
	TEXT("[\"\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\"]"),
	TEXT("[\"\xe2\x82\xac\"]"),
	TEXT("[\"\xe2\x80\xa8\xe2\x80\xa9\"]"),
	TEXT("{\"\xc3\xa9\":\"\xf0\x9f\x98\x80\"}"),
	TEXT("[\"0123456789abcdef0123456789abcdef\\u0041 0123456789abcdef\xc3\xa9 0123456789abcdef\"]"),
	/* left open by the RFC: accepted, as Go does */
	TEXT("[\"\\uD800\"]"),
	TEXT("[\"\\uDC00\"]"),
	TEXT("[\"\\uD800\\n\"]"),
	TEXT("[\"\\uD800\\uD800\\n\"]"),
	TEXT("[\"\\uD800a\"]"),
	TEXT("[\"\\uDd1ea\"]"),
	TEXT("[\"\\ud800\\u0041\"]"),
	TEXT("[\"\\udc00\\ud800\"]"),
};

/* Texts that break at a byte of theirs. */
static const struct text invalid[] = {
	/* structures */
	TEXT("]"),
	TEXT("}"),
	TEXT(","),
	TEXT(":"),
	TEXT("[,]"),
	TEXT("[1,]"),
	TEXT("[,1]"),
	TEXT("[1,,2]"),
	TEXT("[\"\",]"),
	TEXT("[1 2]"),
	TEXT("[1:2]"),
	TEXT("[\"a\":1]"),
	TEXT("[\"a\" \"b\"]"),
	TEXT("[}"),
	TEXT("{]"),
	TEXT("[1}"),
	TEXT("{\"a\":1]"),
	TEXT("[{]"),
	TEXT("[[1}]"),
	TEXT("[]]"),
	TEXT("{}}"),
	TEXT("{\"a\":[}"),
	TEXT("{,}"),
	TEXT("{\"a\":1,}"),
	TEXT("{\"a\":1,,\"b\":2}"),
	TEXT("{\"a\" 1}"),
	TEXT("{\"a\"}"),
	TEXT("{\"a\",1}"),
	TEXT("{\"a\":}"),
	TEXT("{\"a\":,}"),
	TEXT("{\"a\"::1}"),
	TEXT("{\"a\":1:2}"),
	TEXT("{\"a\":1 \"b\":2}"),
	TEXT("{a:1}"),
	TEXT("{'a':1}"),
	TEXT("{1:1}"),
	TEXT("{null:1}"),
	TEXT("{[]:1}"),
	TEXT("{\"a\":1,2}"),
	TEXT("['a']"),
	TEXT("[a]"),
	TEXT("[*]"),
	TEXT("[1]x"),
	TEXT("[1],"),
	TEXT("{} :"),
	TEXT("[/**/]"),
	TEXT("[1]//"),
	TEXT("{}#"),
	TEXT("<null>"),
	TEXT("[\x0b]"),
	TEXT("[\f]"),
	TEXT("[1\x0c]"),
	TEXT("[\xc2\xa0]"),
	TEXT("[\xe2\x81\xa0]"),
	TEXT("\xef\xbb\xbf[]"),
	TEXT("[\0]"),
	TEXT("\0"),
	TEXT("[1]\0"),
	TEXT("{\"a\":1}\0"),
	TEXT("[\xff]"),
	/* literals */
	TEXT("[nul]"),
	TEXT("[nulll]"),
	TEXT("[True]"),
	TEXT("[truE]"),
	TEXT("[tru,1]"),
	TEXT("[fals]"),
	TEXT("[falsee]"),
	TEXT("[NULL]"),
	TEXT("[NaN]"),
	TEXT("[Infinity]"),
	TEXT("[undefined]"),
	TEXT("[true false]"),
	TEXT("[n]"),
	TEXT("{\"a\":tru}"),
	/* numbers */
	TEXT("[+1]"),
	TEXT("[01]"),
	TEXT("[-01]"),
	TEXT("[00]"),
	TEXT("[-]"),
	TEXT("[--1]"),
	TEXT("[- 1]"),
	TEXT("[-a]"),
	TEXT("[.5]"),
	TEXT("[-.5]"),
	TEXT("[1.]"),
	TEXT("[1.e1]"),
	TEXT("[1..2]"),
	TEXT("[1.2.3]"),
	TEXT("[0.e1]"),
	TEXT("[1e]"),
	TEXT("[1e+]"),
	TEXT("[1e-]"),
	TEXT("[1e+-1]"),
	TEXT("[1e1.5]"),
	TEXT("[1e1e1]"),
	TEXT("[1eE2]"),
	TEXT("[0x1]"),
	TEXT("[0x]"),
	TEXT("[1a]"),
	TEXT("[1_000]"),
	TEXT("[1 000]"),
	TEXT("[-Infinity]"),
	TEXT("[-NaN]"),
	TEXT("[1+2]"),
	TEXT("[1-2]"),
	TEXT("[-1x]"),
	TEXT("[\xef\xbc\x91]"),
	TEXT("[1\0]"),
	TEXT("{\"a\":01}"),
	TEXT("1-2"),
	TEXT("01"),
	TEXT("1[]"),
	TEXT("1\"a\""),
	TEXT("-x"),
	TEXT("1.x"),
	TEXT("2,"),
	/* strings */
	TEXT("[\"\\a\"]"),
	TEXT("[\"\\x41\"]"),
	TEXT("[\"\\0\"]"),
	TEXT("[\"\\'\"]"),
	TEXT("[\"\\\t\"]"),
	TEXT("[\"\\ \"]"),
	TEXT("[\"\\U0041\"]"),
	TEXT("[\"\\u00A\"]"),
	TEXT("[\"\\u\"]"),
	TEXT("[\"\\u00\\n\"]"),
	TEXT("[\"\\uqqqq\"]"),
	TEXT("[\"\\u 041\"]"),
	TEXT("[\"\\u+041\"]"),
	TEXT("[\"\\uD800\\u\"]"),
	TEXT("[\"\\uD800\\u1x\"]"),
	TEXT("[\"\\uD834\\q\"]"),
	TEXT("[\"\\\xc3\xa9\"]"),
	TEXT("[\"\\\0\"]"),
	TEXT("[\"a\nb\"]"),
	TEXT("[\"\t\"]"),
	TEXT("[\"\0\"]"),
	TEXT("[\"\x1f\"]"),
	TEXT("[\"a\0b\"]"),
	TEXT("{\"a\n\":1}"),
	TEXT("{\"\\a\":1}"),
	TEXT("{\"a\0\":1}"),
	TEXT("\"\r\""),
	TEXT("[\"0123456789abcdef0123456789abcde\nf\"]"),
	TEXT("[\"0123456789abcdef\\x\"]"),
	/* UTF-8 */
	TEXT("[\"\x80\"]"),
	TEXT("[\"\xbf\"]"),
	TEXT("[\"\xc0\xaf\"]"),
	TEXT("[\"\xc1\xbf\"]"),
	TEXT("[\"\xc3\"]"),
	TEXT("[\"\xc3(\"]"),
	TEXT("[\"\xe0\x80\xaf\"]"),
	TEXT("[\"\xe0\x9f\xbf\"]"),
	TEXT("[\"\xe2\x82\"]"),
	TEXT("[\"\xe2\x28\xa1\"]"),
	TEXT("[\"\xed\xa0\x80\"]"),
	TEXT("[\"\xed\xbf\xbf\"]"),
	TEXT("[\"\xf0\x80\x80\xaf\"]"),
	TEXT("[\"\xf0\x8f\xbf\xbf\"]"),
	TEXT("[\"\xf0\x9f\x98\"]"),
	TEXT("[\"\xf4\x90\x80\x80\"]"),
	TEXT("[\"\xf5\x80\x80\x80\"]"),
	TEXT("[\"\xff\"]"),
	TEXT("[\"\xfe\"]"),
	TEXT("[\"\xf8\x88\x80\x80\x80\"]"),
	TEXT("[\"a\xc3\xa9\xc3\"]"),
	TEXT("{\"\xff\":1}"),
	TEXT("{\"\xe2\x82\":1}"),
};

/* Texts that are the beginning of a value and no more. */
static const struct text incomplete[] = {
	TEXT("["),         TEXT("{"),         TEXT("[["),           TEXT("[1"),         TEXT("[1,"),
	TEXT("[1,2"),      TEXT("[\"a\""),    TEXT("[\"a"),         TEXT("{\"a\""),     TEXT("{\"a\":"),
	TEXT("{\"a\":1"),  TEXT("{\"a\":1,"), TEXT("{\"a\":1,\"b"), TEXT("{\""),        TEXT("\""),
	TEXT("\"a"),       TEXT("\"\\"),      TEXT("\"\\\""),       TEXT("\"\\u"),      TEXT("\"\\u00"),
	TEXT("\"\\u0041"), TEXT("\"\\ud800"), TEXT("\"\\ud800\\"),  TEXT("\"\xc3"),     TEXT("\"\xe2\x82"),
	TEXT("t"),         TEXT("tru"),       TEXT("fals"),         TEXT("n"),          TEXT("-"),
	TEXT("1"),         TEXT("0"),         TEXT("1."),           TEXT("1.5"),        TEXT("1e"),
	TEXT("1e+"),       TEXT("1e5"),       TEXT("[tru"),         TEXT("[{\"a\":[{"), TEXT("{} ["),
	TEXT("[] 1"),
};

enum outcome { COMPLETE, INCOMPLETE, REFUSED };

static struct json_filter *given_filter(bool wanting)
{
	struct json_filter *f;

	ck_assert_int_eq(json_filter_create(&f), 0);
	if (!wanting)
		return f;
	ck_assert_int_eq(json_filter_add(f, NULL, (const char *const[]){NULL}, 0), 0);
	ck_assert_int_eq(json_filter_add(f, NULL, (const char *const[]){JSON_EACH, NULL}, 1), 0);
	ck_assert_int_eq(json_filter_add(f, NULL, (const char *const[]){"a", NULL}, 2), 0);
	ck_assert_int_eq(json_filter_add(f, NULL, (const char *const[]){"k", "a", NULL}, 3), 0);
	ck_assert_int_eq(json_filter_add(f, NULL, (const char *const[]){JSON_EACH, JSON_EACH, NULL}, 4), 0);
	return f;
}

static const char *printable(struct text text)
{
	static char out[2048];
	struct buf b;

	buf_init(&b, sizeof(out));
	(void)buf_add_json(&b, text.bytes, text.len);
	(void)snprintf(out, sizeof(out), "%s", buf_str(&b));
	buf_free(&b);
	return out;
}

/* Reads @text with every chunk size, its values wanted and unwanted. */
static void check_outcome(struct text text, enum outcome expected)
{
	const struct json_reader_limits limits = {.max_text = 1024};

	for (int wanting = 0; wanting <= 1; wanting++) {
		struct json_filter *filter = given_filter(wanting);
		struct json_reader *r;
		struct transcript t;

		transcript_init(&t);
		ck_assert_int_eq(json_reader_create(&r, filter, &limits, &transcript_events, &t), 0);
		for (size_t chunk = 0; chunk <= text.len; chunk++) {
			int rc;
			enum outcome seen;

			json_reader_reset(r);
			rc = transcript_feed(r, text.bytes, text.len, chunk, NULL);
			seen = json_reader_at_boundary(r) ? COMPLETE : INCOMPLETE;
			seen = rc != 0 ? REFUSED : seen;
			ck_assert_msg(seen == expected, "%s by %zu: outcome %u, expected %u", printable(text),
				      chunk, seen, expected);
			ck_assert_msg(rc == 0 || rc == -EBADMSG, "%s: %d", printable(text), rc);
		}
		json_reader_free(r);
		json_filter_free(filter);
		transcript_free(&t);
	}
}

/* The same with @before and @after around it. */
static void check_outcome_within(const char *before, struct text text, const char *after,
				 enum outcome expected)
{
	struct buf b;

	buf_init(&b, 4096);
	ck_assert_int_eq(buf_add_str(&b, before), 0);
	ck_assert_int_eq(buf_add(&b, text.bytes, text.len), 0);
	ck_assert_int_eq(buf_add_str(&b, after), 0);
	check_outcome((struct text){b.data, b.len}, expected);
	buf_free(&b);
}

START_TEST(a_json_text_is_accepted)
{
	for (size_t i = 0; i < ARRAY_LEN(valid); i++) {
		check_outcome_within("", valid[i], "\n", COMPLETE);
		check_outcome_within("[", valid[i], "]", COMPLETE);
		check_outcome_within("{\"k\":", valid[i], ",\"l\":0}", COMPLETE);
		check_outcome_within("[[0123456789", valid[i], "]]", REFUSED);
		check_outcome_within("", valid[i], " }", REFUSED);
		check_outcome_within("[{\"k\":[", valid[i], "]}", INCOMPLETE);
	}
}
END_TEST

START_TEST(what_is_no_json_text_is_refused)
{
	for (size_t i = 0; i < ARRAY_LEN(invalid); i++) {
		check_outcome(invalid[i], REFUSED);
		check_outcome_within("{\"k\" : 1} \n", invalid[i], "", REFUSED);
	}
}
END_TEST

START_TEST(half_a_json_text_is_no_boundary)
{
	for (size_t i = 0; i < ARRAY_LEN(incomplete); i++)
		check_outcome(incomplete[i], INCOMPLETE);
}
END_TEST

START_TEST(values_may_follow_each_other_with_and_without_white_space)
{
	static const struct text streams[] = {
		TEXT("{}{}"),       TEXT("{}\n{}\n"), TEXT("[][]"),   TEXT("\"a\"\"b\""), TEXT("1 2 3 "),
		TEXT("true false"), TEXT("{}1 "),     TEXT("null[]"), TEXT(""),           TEXT(" "),
	};

	for (size_t i = 0; i < ARRAY_LEN(streams); i++)
		check_outcome(streams[i], COMPLETE);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		a_json_text_is_accepted,
		what_is_no_json_text_is_refused,
		half_a_json_text_is_no_boundary,
		values_may_follow_each_other_with_and_without_white_space,
	};

	return suite_run("json_grammar", tests, ARRAY_LEN(tests));
}
