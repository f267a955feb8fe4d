/* Any bytes as a stream of JSON values. However they are cut into chunks, json_reader must report the same;
 * and it must accept, refuse and report what jansson does. Not compared, since jansson alone refuses it:
 *
 *	numbers that fit neither int64 nor a double, half a surrogate pair, NUL in a key, nesting over 2048
 *
 * and of a document with duplicate keys only whether it is accepted: jansson's tree holds the last one. */
#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "unit/test_json_oracle.h"
#include "unit/test_json_transcript.h"
#include "json/scan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct oracle_wish wishes[] = {
	{{NULL}, 0},
	{{JSON_EACH}, 1},
	{{"a"}, 2},
	{{"a", "b"}, 3},
	{{"a", JSON_EACH, "b"}, 4},
	{{"\xc3\xa9", JSON_EACH}, 5},
	{{"items", JSON_EACH, "metadata", "name"}, 6},
	{{"items", JSON_EACH, "metadata", "uid"}, 7},
	{{"items", JSON_EACH, "status", "VSOCKCID"}, 8},
	{{"object", "metadata", "resourceVersion"}, 9},
	{{JSON_EACH, JSON_EACH, JSON_EACH, JSON_EACH}, 10},
};

/* What is wanted as a whole has no members in jansson's tree to be compared with, only chunks. */
static const struct oracle_wish whole_wishes[] = {
	{{"a", JSON_WHOLE}, 0},
	{{"items", JSON_EACH, JSON_WHOLE}, 1},
	{{JSON_EACH, JSON_WHOLE}, 2},
};

struct reading {
	int rc;
	bool boundary;
	struct error err;
	struct transcript transcript;
};

enum verdict { ACCEPTED, REFUSED, UNKNOWN };

static void read_chunks(struct reading *to, struct json_reader *r, const char *bytes, size_t n, size_t chunk,
			struct rng *rng)
{
	memset(&to->err, 0, sizeof(to->err));
	json_reader_reset(r);
	transcript_reset(&to->transcript);
	if (rng != NULL)
		to->rc = transcript_feed_random(r, bytes, n, chunk, rng, &to->err);
	else
		to->rc = transcript_feed(r, bytes, n, chunk, &to->err);
	to->boundary = json_reader_at_boundary(r);
	assert(to->rc == 0 || (to->err.code == to->rc && !to->boundary));
}

static void assert_same(const struct reading *a, const struct reading *b)
{
	assert(a->rc == b->rc && a->boundary == b->boundary);
	assert(strcmp(a->err.message, b->err.message) == 0);
	assert(strcmp(buf_str(&a->transcript.text), buf_str(&b->transcript.text)) == 0);
}

/* Reads it whole into @whole, and in other chunks, which must make no difference. */
static void check_chunks(struct reading *whole, const struct json_filter *filter,
			 const struct json_reader_limits *limits, const char *bytes, size_t n)
{
	struct reading other = {0};
	struct json_reader *r;
	struct rng rng;

	transcript_init(&other.transcript);
	rng_init_seeded(&rng, n);
	if (json_reader_create(&r, filter, limits, &transcript_events, &whole->transcript) != 0)
		abort();
	read_chunks(whole, r, bytes, n, 0, NULL);
	json_reader_free(r);
	if (json_reader_create(&r, filter, limits, &transcript_events, &other.transcript) != 0)
		abort();
	for (size_t chunk = 1; chunk <= 64; chunk *= 4) {
		read_chunks(&other, r, bytes, n, chunk, NULL);
		assert_same(whole, &other);
		read_chunks(&other, r, bytes, n, chunk * 3, &rng);
		assert_same(whole, &other);
	}
	json_reader_free(r);
	transcript_free(&other.transcript);
}

/* --- the same by jansson --- */

static enum verdict verdict_of(const json_error_t *err)
{
	switch (json_error_code(err)) {
	case json_error_numeric_overflow:
	case json_error_stack_overflow:
	case json_error_null_byte_in_key:
		return UNKNOWN;
	default:
		return strncmp(err->text, "invalid Unicode", strlen("invalid Unicode")) == 0 ? UNKNOWN
											     : REFUSED;
	}
}

/* A scalar without an end of its own: jansson is given the bytes that should be all of it. */
static size_t scalar_length(const char *p, const char *end)
{
	const char *start = p;

	if (end - p >= 4 && (memcmp(p, "true", 4) == 0 || memcmp(p, "null", 4) == 0))
		return 4;
	if (end - p >= 5 && memcmp(p, "false", 5) == 0)
		return 5;
	while (p < end && !scan_is_space(*p))
		p++;
	return (size_t)(p - start);
}

/* The value at *@at, on which *@at moves on. */
static enum verdict expect_value(struct buf *expected, const char **at, const char *end, bool *duplicates)
{
	bool has_end = **at == '{' || **at == '[' || **at == '"';
	size_t n = has_end ? (size_t)(end - *at) : scalar_length(*at, end);
	/* jansson's own check takes a NUL byte for the end. */
	size_t flags = JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_DISABLE_EOF_CHECK;
	json_error_t err;
	json_t *again;
	json_t *value = json_loadb(*at, n, flags, &err);

	if (value == NULL)
		return verdict_of(&err);
	if (!has_end && (size_t)err.position != n) {
		json_decref(value);
		return REFUSED;
	}
	oracle_document(expected, wishes, ARRAY_LEN(wishes), SIZE_MAX, value);
	json_decref(value);
	again = json_loadb(*at, n, flags | JSON_REJECT_DUPLICATES, NULL);
	*duplicates = *duplicates || again == NULL;
	json_decref(again);
	*at += err.position;
	return ACCEPTED;
}

static enum verdict expect_stream(struct buf *expected, const char *p, const char *end, bool *duplicates)
{
	enum verdict verdict = ACCEPTED;

	while (verdict == ACCEPTED && (p = scan_space(p, end)) < end)
		verdict = expect_value(expected, &p, end, duplicates);
	return verdict;
}

/* Line by line, with numbers as jansson writes them: 1E2 is 100.0. */
static void normalise(struct buf *out, const char *lines)
{
	for (const char *end; (end = strchr(lines, '\n')) != NULL; lines = end + 1) {
		AUTO_FREE char *line = strndup(lines, (size_t)(end - lines));
		int at = 0;

		(void)sscanf(line, "value %*d number %n", &at);
		if (at > 0) {
			json_t *number = json_loads(line + at, JSON_DECODE_ANY, NULL);
			AUTO_FREE char *text = json_dumps(number, JSON_ENCODE_ANY);

			json_decref(number);
			line[at] = '\0';
			transcript_add(out, line);
			transcript_add(out, text != NULL ? text : "too large");
		} else {
			transcript_add(out, line);
		}
		transcript_add(out, "\n");
	}
}

static void check_against_jansson(const struct reading *seen, const char *bytes, size_t n)
{
	AUTO_BUF struct buf expected;
	AUTO_BUF struct buf reported;
	bool duplicates = false;
	enum verdict verdict;

	buf_init(&expected, TRANSCRIPT_MAX);
	buf_init(&reported, TRANSCRIPT_MAX);
	verdict = expect_stream(&expected, bytes, bytes + n, &duplicates);
	if (verdict == UNKNOWN)
		return;
	assert((verdict == ACCEPTED) == (seen->rc == 0 && seen->boundary));
	if (verdict == REFUSED || duplicates)
		return;
	normalise(&reported, buf_str(&seen->transcript.text));
	assert(strcmp(buf_str(&reported), buf_str(&expected)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct json_reader_limits wide = {.max_text = SIZE_MAX / 4, .max_whole = SIZE_MAX / 4};
	const struct json_reader_limits narrow = {.max_text = 5, .max_whole = 9, .max_document = 50};
	struct json_filter *filter = oracle_filter(wishes, ARRAY_LEN(wishes));
	struct reading reading = {0};
	AUTO_BUF struct buf text;

	transcript_init(&reading.transcript);
	buf_init(&text, SIZE_MAX / 4);
	/* A top-level number at the very end has none without white space; and only with something behind it
	 * does a short text as a whole go the reader's short way, in small chunks the long one. */
	if (buf_add(&text, data, size) != 0 || buf_printf(&text, "%64s", "\n") != 0)
		abort();
	check_chunks(&reading, filter, &narrow, text.data, text.len);
	check_chunks(&reading, filter, &wide, text.data, text.len);
	check_against_jansson(&reading, text.data, text.len);
	json_filter_free(filter);
	filter = oracle_filter(whole_wishes, ARRAY_LEN(whole_wishes));
	check_chunks(&reading, filter, &narrow, text.data, text.len);
	check_chunks(&reading, filter, &wide, text.data, text.len);
	transcript_free(&reading.transcript);
	json_filter_free(filter);
	return 0;
}
