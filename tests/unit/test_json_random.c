#include <check.h>
#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "base/rng.h"
#include "support/suite.h"
#include "unit/test_json_oracle.h"
#include "unit/test_json_transcript.h"
#include "json/reader.h"
#include "json/scan.h"

#define SEEDS      300
#define MAX_WISHES 8

static const char *const keys[] = {
	"a", "b", "items", "", "\xc3\xa9t\xc3\xa9", "quote\"slash\\", "a-long-key-of-27-characters"};

static const char *const pieces[] = {
	"a",
	"z",
	"0",
	" ",
	"\"",
	"\\",
	"/",
	"\n",
	"\x01",
	"\x1f",
	"\x7f",
	"<>&",
	"\xc3\xa9",
	"\xe2\x82\xac",
	"\xef\xbf\xbf",
	"\xf0\x9f\x98\x80",
	"plain text of 16 b",
	"twice sixteen bytes of plain text, no less",
};

static json_t *random_string(struct rng *rng)
{
	struct buf b;
	json_t *s;

	buf_init(&b, 4096);
	for (size_t n = rng_below(rng, 12); n > 0; n--) {
		if (rng_below(rng, 20) == 0)
			ck_assert_int_eq(buf_add(&b, "", 1), 0);
		else
			ck_assert_int_eq(buf_add_str(&b, pieces[rng_below(rng, ARRAY_LEN(pieces))]), 0);
	}
	s = json_stringn(buf_str(&b), b.len);
	ck_assert_ptr_nonnull(s);
	buf_free(&b);
	return s;
}

static json_t *random_number(struct rng *rng)
{
	switch (rng_below(rng, 4)) {
	case 0:
		return json_integer((json_int_t)rng_below(rng, 10));
	case 1:
		return json_integer((json_int_t)rng_u64(rng));
	case 2:
		return json_real((double)(int32_t)rng_u64(rng) / 1024);
	default:
		return json_real((double)rng_u64(rng) * 1e200);
	}
}

static json_t *random_value(struct rng *rng, unsigned int depth)
{
	uint64_t kind = rng_below(rng, depth > 0 ? 9 : 5);
	json_t *v;

	if (kind < 2)
		return random_string(rng);
	if (kind == 2)
		return random_number(rng);
	if (kind == 3)
		return json_boolean(rng_below(rng, 2));
	if (kind == 4)
		return json_null();
	v = kind < 7 ? json_array() : json_object();
	for (size_t n = rng_below(rng, 6); n > 0; n--) {
		json_t *child = random_value(rng, depth - 1);

		if (json_is_array(v))
			json_array_append_new(v, child);
		else
			json_object_set_new(v, keys[rng_below(rng, ARRAY_LEN(keys))], child);
	}
	return v;
}

static void random_wishes(struct rng *rng, struct oracle_wish wishes[MAX_WISHES])
{
	for (int i = 0; i < MAX_WISHES; i++) {
		size_t n = rng_below(rng, 5);

		wishes[i] = (struct oracle_wish){.field = i};
		for (size_t k = 0; k < n; k++)
			wishes[i].path[k] =
				rng_below(rng, 2) == 0 ? JSON_EACH : keys[rng_below(rng, ARRAY_LEN(keys))];
	}
}

/* Some values one after the other, in any of the ways that jansson can write them, and what is expected. */
static void random_stream(struct rng *rng, const struct oracle_wish *wishes, size_t max_text,
			  struct buf *text, struct buf *expected)
{
	static const size_t styles[] = {
		JSON_COMPACT,
		JSON_INDENT(2),
		0,
		JSON_COMPACT | JSON_ENSURE_ASCII,
		JSON_INDENT(1) | JSON_ESCAPE_SLASH,
	};

	for (size_t n = 1 + rng_below(rng, 3); n > 0; n--) {
		json_t *value = random_value(rng, 5);
		size_t style = styles[rng_below(rng, ARRAY_LEN(styles))];
		char *dump = json_dumps(value, style | JSON_ENCODE_ANY);

		ck_assert_ptr_nonnull(dump);
		ck_assert_int_eq(buf_printf(text, "%s%s", dump, rng_below(rng, 2) == 0 ? "\n" : " \r\n\t"),
				 0);
		oracle_document(expected, wishes, MAX_WISHES, max_text, value);
		free(dump);
		json_decref(value);
	}
}

static void then_every_chunking_gives(struct json_reader *r, struct transcript *seen, struct rng *rng,
				      const struct buf *text, const char *expected, uint64_t seed)
{
	for (size_t i = 0; i < 64; i++) {
		int rc;

		json_reader_reset(r);
		transcript_reset(seen);
		rc = i < 40 ? transcript_feed(r, text->data, text->len, i, NULL)
			    : transcript_feed_random(r, text->data, text->len,
						     1 + (size_t)rng_below(rng, 200), rng, NULL);
		ck_assert_msg(rc == 0, "seed %llu, chunks %zu: %d", (unsigned long long)seed, i, rc);
		ck_assert_msg(json_reader_at_boundary(r), "seed %llu", (unsigned long long)seed);
		ck_assert_msg(strcmp(buf_str(&seen->text), expected) == 0,
			      "seed %llu, chunks %zu of\n%s\n%s\nnot\n%s", (unsigned long long)seed, i,
			      buf_str(text), buf_str(&seen->text), expected);
	}
}

START_TEST(random_documents_are_read_as_jansson_reads_them)
{
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct oracle_wish wishes[MAX_WISHES];
		struct json_reader_limits limits = {0};
		struct json_filter *filter;
		struct json_reader *r;
		struct transcript seen;
		struct rng rng;
		AUTO_BUF struct buf text;
		AUTO_BUF struct buf expected;

		rng_init_seeded(&rng, seed);
		random_wishes(&rng, wishes);
		limits.max_text = rng_below(&rng, 2) == 0 ? rng_below(&rng, 40) : 4096;
		buf_init(&text, TRANSCRIPT_MAX);
		buf_init(&expected, TRANSCRIPT_MAX);
		filter = oracle_filter(wishes, MAX_WISHES);
		random_stream(&rng, wishes, limits.max_text, &text, &expected);
		transcript_init(&seen);
		ck_assert_int_eq(json_reader_create(&r, filter, &limits, &transcript_events, &seen), 0);
		then_every_chunking_gives(r, &seen, &rng, &text, buf_str(&expected), seed);
		json_reader_free(r);
		json_filter_free(filter);
		transcript_free(&seen);
	}
}
END_TEST

/* What jansson says to one value with white space around it, accepted or not: where it cannot tell (numbers
 * too large for it), the reader is right. */
static bool jansson_agrees(const char *text, size_t n, bool accepted)
{
	json_error_t err;
	json_t *value = json_loadb(text, n, JSON_DECODE_ANY | JSON_ALLOW_NUL, &err);
	bool agrees = (value != NULL) == accepted;

	if (value == NULL)
		agrees = agrees || json_error_code(&err) == json_error_numeric_overflow;
	json_decref(value);
	return agrees;
}

/* The reader has a short way for what is far enough from the end of a chunk. */
static void pad(struct buf *text)
{
	ck_assert_int_eq(buf_printf(text, "%64s", "\n"), 0);
}

/* Documents are kept small, so that a change of one byte matters. */
static void random_mutant(struct rng *rng, struct buf *text)
{
	static const char bytes[] = "[]{}:,\"\\ \n\t0123.eE+-truefalsnu/x\x01\x7f\x80\xc3\xa9\xff";
	json_t *value = random_value(rng, 2);
	char *dump =
		json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_ENSURE_ASCII * rng_below(rng, 2));
	size_t at;

	buf_reset(text);
	ck_assert_int_eq(buf_printf(text, "[%s]", dump), 0);
	at = rng_below(rng, text->len);
	if (rng_below(rng, 3) == 0) {
		memmove(text->data + at, text->data + at + 1, text->len - at);
		text->len--;
	} else {
		text->data[at] = bytes[rng_below(rng, sizeof(bytes) - 1)];
	}
	free(dump);
	json_decref(value);
}

static bool is_accepted(struct json_reader *r, const struct buf *text, size_t max_chunk, struct rng *rng)
{
	int rc;

	json_reader_reset(r);
	rc = max_chunk < text->len ? transcript_feed_random(r, text->data, text->len, max_chunk, rng, NULL)
				   : transcript_feed(r, text->data, text->len, 0, NULL);
	return rc == 0 && json_reader_at_boundary(r);
}

START_TEST(a_document_with_one_byte_changed_is_refused_as_jansson_does)
{
	const struct json_reader_limits limits = {.max_text = 64};
	const struct json_reader_events none = {0};
	struct oracle_wish wishes[MAX_WISHES];
	struct json_filter *filter;
	struct json_reader *r;
	struct rng rng;
	AUTO_BUF struct buf text;
	unsigned int refused = 0;

	rng_init_seeded(&rng, 99);
	random_wishes(&rng, wishes);
	filter = oracle_filter(wishes, MAX_WISHES);
	ck_assert_int_eq(json_reader_create(&r, filter, &limits, &none, NULL), 0);
	buf_init(&text, TRANSCRIPT_MAX);
	for (int i = 0; i < 20000; i++) {
		bool accepted;

		random_mutant(&rng, &text);
		pad(&text);
		accepted = is_accepted(r, &text, 20, &rng);
		ck_assert_msg(is_accepted(r, &text, SIZE_MAX - 1, &rng) == accepted, "%s", buf_str(&text));
		refused += !accepted;
		/* jansson alone refuses half a surrogate pair, and a NUL in a key. */
		if (accepted && strstr(buf_str(&text), "\\u") != NULL)
			continue;
		ck_assert_msg(jansson_agrees(text.data, text.len, accepted), "%.*s", (int)text.len,
			      text.data);
	}
	ck_assert_uint_gt(refused, 2000);
	json_reader_free(r);
	json_filter_free(filter);
}
END_TEST

/* Brackets up to a depth of some hundred, members and elements between them. Returns whether they match. */
static bool random_nest(struct rng *rng, struct buf *text)
{
	char open[512];
	size_t depth = 0;
	bool wrong = false;
	size_t steps = 1 + rng_below(rng, 600);

	buf_reset(text);
	ck_assert_int_eq(buf_add_str(text, "{\"unwanted\":["), 0);
	for (size_t i = 0; i < steps || depth > 0; i++) {
		bool up = i < steps && depth < sizeof(open) && rng_below(rng, 3) > 0;

		if (up) {
			open[depth] = rng_below(rng, 2) == 0 ? '{' : '[';
			ck_assert_int_eq(buf_add_str(text, open[depth] == '{' ? "{\"k\":" : "["), 0);
			depth++;
		} else if (depth > 0) {
			bool object = open[--depth] == '{';

			if (rng_below(rng, 1000) == 0)
				wrong = true;
			ck_assert_int_eq(buf_add_str(text, wrong == object ? "0]" : "0}"), 0);
			object = depth > 0 && open[depth - 1] == '{';
			ck_assert_int_eq(buf_add_str(text, object ? ",\"m\":" : ","), 0);
			if (wrong)
				break;
		}
	}
	ck_assert_int_eq(buf_add_str(text, "7]}"), 0);
	return !wrong;
}

START_TEST(brackets_must_match_however_deep_they_are)
{
	const struct json_reader_limits limits = {.max_text = 64};
	const struct json_reader_events none = {0};
	struct oracle_wish wish = {{"wanted"}, 0};
	struct json_filter *filter = oracle_filter(&wish, 1);
	struct json_reader *r;
	struct rng rng;
	AUTO_BUF struct buf text;
	unsigned int refused = 0;

	rng_init_seeded(&rng, 3);
	buf_init(&text, TRANSCRIPT_MAX);
	ck_assert_int_eq(json_reader_create(&r, filter, &limits, &none, NULL), 0);
	for (int i = 0; i < 3000; i++) {
		bool matches = random_nest(&rng, &text);

		pad(&text);
		refused += !matches;
		ck_assert_msg(is_accepted(r, &text, SIZE_MAX - 1, &rng) == matches, "%s", buf_str(&text));
		ck_assert_msg(is_accepted(r, &text, 300, &rng) == matches, "%s", buf_str(&text));
		ck_assert_msg(is_accepted(r, &text, 3, &rng) == matches, "%s", buf_str(&text));
	}
	ck_assert_uint_gt(refused, 100);
	json_reader_free(r);
	json_filter_free(filter);
}
END_TEST

START_TEST(all_scans_find_the_first_special_byte)
{
	struct rng rng;
	char bytes[100];

	rng_init_seeded(&rng, 5);
	for (int round = 0; round < 20000; round++) {
		size_t start = rng_below(&rng, 20);
		size_t end = start + rng_below(&rng, 80);
		size_t expected = end;

		for (size_t i = 0; i < sizeof(bytes); i++)
			bytes[i] = (char)(0x20 + rng_below(&rng, 0x60));
		for (int i = 0; i < 4; i++)
			bytes[rng_below(&rng, sizeof(bytes))] = (char)rng_below(&rng, 256);
		for (size_t i = end; i-- > start;)
			if ((unsigned char)bytes[i] < 0x20 || (unsigned char)bytes[i] >= 0x80 ||
			    bytes[i] == '"' || bytes[i] == '\\')
				expected = i;
		ck_assert_ptr_eq(scan_plain(bytes + start, bytes + end), bytes + expected);
		ck_assert_ptr_eq(scan_plain_words(bytes + start, bytes + end), bytes + expected);
		ck_assert_ptr_eq(scan_short(bytes + start, bytes + end), bytes + expected);
	}
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		random_documents_are_read_as_jansson_reads_them,
		a_document_with_one_byte_changed_is_refused_as_jansson_does,
		brackets_must_match_however_deep_they_are,
		all_scans_find_the_first_special_byte,
	};

	return suite_run("json_random", tests, ARRAY_LEN(tests));
}
