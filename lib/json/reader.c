#include "json/reader.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "json/filter_impl.h"
#include "json/number.h"
#include "json/position.h"
#include "json/scan.h"
#include "json/skip.h"
#include "json/text.h"

struct json_reader {
	const struct json_filter *filter;
	const struct json_reader_events *events;
	void *data;
	struct json_reader_limits limits;

	const char *at;    /* the next byte, valid within a feed */
	uint64_t offset;   /* bytes of the chunks before this one */
	uint64_t started;  /* offset at which the top-level value began */
	int failure;       /* what ended the input */
	const char *fault; /* what is wrong with the text, NULL where a callback failed */

	/* The outermost of the open containers: those that the filter follows. What is inside of the others
	 * is wanted by nobody. */
	size_t followed;
	const struct json_node *node; /* that of the next or current value; NULL: unwanted */
	const struct json_node *nodes[JSON_FILTER_MAX_DEPTH + 1];

	/* The object or array that is being kept whole. */
	const char *whole_from; /* what is not in @whole yet; NULL: there is none */
	struct buf whole;
	bool whole_cut;

	/* The scalar or key that is being read. */
	struct json_text text;
	struct buf scratch;
	enum json_number_state number;
	const char *literal; /* what is still to come of it */
	enum json_value_kind literal_kind;

	/* Last, because it is long and nearly all of it is never touched. */
	struct json_position position;
};

static enum json_expected fail(struct json_reader *r, const char *fault)
{
	r->failure = -EBADMSG;
	r->fault = fault;
	return JSON_FAILED;
}

/* A callback has ended the feed: what there is to say it knows better. */
static enum json_expected refused(struct json_reader *r, int rc)
{
	r->failure = rc;
	r->fault = NULL;
	return JSON_FAILED;
}

static enum json_expected out_of_memory(struct json_reader *r)
{
	r->failure = -ENOMEM;
	r->fault = "out of memory";
	return JSON_FAILED;
}

/* json_text_read() has failed with @rc. */
static enum json_expected fail_text(struct json_reader *r, int rc)
{
	return rc == -ENOMEM ? out_of_memory(r) : fail(r, r->text.fault);
}

/* The node of the innermost container; NULL where the filter does not follow that. */
static const struct json_node *inside(const struct json_reader *r)
{
	return r->position.depth == r->followed ? r->nodes[r->followed - 1] : NULL;
}

static bool is_wanted(const struct json_reader *r)
{
	return r->node != NULL && r->node->field != JSON_NODE_UNWANTED;
}

/* Reports the value that r->node wants. */
static int emit(struct json_reader *r, enum json_value_kind kind, bool cut)
{
	bool has_text = kind == JSON_VALUE_NUMBER || kind == JSON_VALUE_STRING;
	struct json_value value = {
		.kind = kind,
		.cut = cut,
		.text = has_text ? buf_str(&r->scratch) : "",
		.len = has_text ? r->scratch.len : 0,
	};

	return r->events->value == NULL ? 0 : r->events->value(r->data, r->node->field, &value);
}

/* ---- whole containers ---- */

/* What was read of it since the last time. */
static int keep_whole(struct json_reader *r, const char *end)
{
	int rc = r->whole_cut ? 0 : buf_add(&r->whole, r->whole_from, (size_t)(end - r->whole_from));

	if (rc == -EMSGSIZE) {
		buf_reset(&r->whole);
		r->whole_cut = true;
	}
	r->whole_from = end;
	return rc == -ENOMEM ? rc : 0;
}

static void begin_whole(struct json_reader *r)
{
	buf_reset(&r->whole);
	r->whole_cut = false;
	r->whole_from = r->at;
}

static int emit_whole(struct json_reader *r, int field)
{
	struct json_value value = {
		.kind = r->position.in_object ? JSON_VALUE_OBJECT : JSON_VALUE_ARRAY,
		.cut = r->whole_cut,
		.text = buf_str(&r->whole),
		.len = r->whole.len,
	};

	r->whole_from = NULL;
	return r->events->value == NULL ? 0 : r->events->value(r->data, field, &value);
}

/* A value has ended: on to the next one. */
static enum json_expected value_ended(struct json_reader *r)
{
	int rc;

	if (r->position.depth > 0)
		return JSON_AT_NEXT;
	rc = r->events->document == NULL ? 0 : r->events->document(r->data);
	return rc != 0 ? refused(r, rc) : JSON_BETWEEN;
}

static enum json_expected scalar_ended(struct json_reader *r, enum json_value_kind kind, bool cut)
{
	if (is_wanted(r)) {
		int rc = emit(r, kind, cut);

		if (rc != 0)
			return refused(r, rc);
	}
	return value_ended(r);
}

/* --- containers --- */

/* The innermost container is now another one, which matches @node (NULL: none). */
static void follow(struct json_reader *r, const struct json_node *node)
{
	r->node = node == NULL || r->position.in_object ? NULL : node->each;
}

static enum json_expected open_container(struct json_reader *r, bool object)
{
	const struct json_node *node = r->node;

	if (r->position.depth == JSON_READER_MAX_DEPTH)
		return fail(r, "nested too deeply");
	if (node != NULL && node->whole) {
		begin_whole(r);
	} else if (is_wanted(r)) {
		int rc = emit(r, object ? JSON_VALUE_OBJECT : JSON_VALUE_ARRAY, false);

		if (rc != 0)
			return refused(r, rc);
	}
	json_position_push(&r->position, object);
	if (node != NULL)
		r->nodes[r->followed++] = node;
	follow(r, node);
	r->at++;
	return object ? JSON_AT_FIRST_KEY : JSON_AT_FIRST_ELEMENT;
}

/* The innermost container is one that the filter follows, and it has ended. */
static int leave_followed(struct json_reader *r)
{
	const struct json_node *node = r->nodes[--r->followed];

	if (node->whole)
		return emit_whole(r, node->field);
	if (node->field == JSON_NODE_UNWANTED || r->events->end == NULL)
		return 0;
	return r->events->end(r->data, node->field);
}

static enum json_expected close_container(struct json_reader *r, bool object)
{
	bool back_in_followed;

	if (r->position.in_object != object)
		return fail(r, object ? "',' or ']' expected" : "',' or '}' expected");
	if (r->position.depth == r->followed) {
		int rc;

		if (r->whole_from != NULL && keep_whole(r, r->at + 1) != 0)
			return out_of_memory(r);
		rc = leave_followed(r);
		if (rc != 0)
			return refused(r, rc);
	}
	r->at++;
	json_position_pop(&r->position);
	back_in_followed = r->followed > 0 && r->position.depth == r->followed;
	follow(r, back_in_followed ? r->nodes[r->followed - 1] : NULL);
	return value_ended(r);
}

/* --- scalars and keys: each reads on from r->at up to its end or @end --- */

static enum json_expected read_string(struct json_reader *r, const char *end)
{
	int rc = json_text_read(&r->text, &r->at, end);

	if (rc < 0)
		return fail_text(r, rc);
	return rc == JSON_TEXT_CLOSED ? scalar_ended(r, JSON_VALUE_STRING, r->text.cut) : JSON_IN_STRING;
}

/* The closing quote of the string that begins at r->at, where it is all there and needs no decoding: most
 * strings of a server are such. NULL otherwise. */
static const char *plain_end(const struct json_reader *r, const char *end)
{
	const char *p = scan_short(r->at + 1, end);

	return p < end && *p == '"' ? p : NULL;
}

static enum json_expected take_plain_string(struct json_reader *r, const char *quote)
{
	const char *start = r->at + 1;
	size_t n = (size_t)(quote - start);
	bool cut = n > r->limits.max_text;

	if (is_wanted(r)) {
		buf_reset(&r->scratch);
		if (buf_add(&r->scratch, start, cut ? r->limits.max_text : n) != 0)
			return out_of_memory(r);
	}
	r->at = quote + 1;
	return scalar_ended(r, JSON_VALUE_STRING, cut);
}

static enum json_expected begin_string(struct json_reader *r, const char *end)
{
	const char *quote = plain_end(r, end);

	if (quote != NULL)
		return take_plain_string(r, quote);
	r->at++;
	json_text_begin(&r->text, is_wanted(r) ? &r->scratch : NULL, r->limits.max_text);
	return read_string(r, end);
}

static enum json_expected read_key(struct json_reader *r, const char *end)
{
	int rc = json_text_read(&r->text, &r->at, end);

	if (rc < 0)
		return fail_text(r, rc);
	if (rc == JSON_TEXT_MORE)
		return JSON_IN_KEY;
	if (r->text.out != NULL && !r->text.cut)
		r->node = json_node_member(inside(r), buf_str(&r->scratch), r->scratch.len);
	return JSON_AT_COLON;
}

static enum json_expected begin_key(struct json_reader *r, const char *end)
{
	const struct json_node *node = inside(r);
	bool collect = node != NULL && node->members != NULL;
	const char *quote = plain_end(r, end);
	const char *start = r->at + 1;

	r->node = NULL;
	if (quote != NULL) {
		if (collect)
			r->node = json_node_member(node, start, (size_t)(quote - start));
		r->at = quote + 1;
		return JSON_AT_COLON;
	}
	r->at = start;
	json_text_begin(&r->text, collect ? &r->scratch : NULL, r->filter->longest_key);
	return read_key(r, end);
}

static enum json_expected read_number(struct json_reader *r, const char *end)
{
	const char *start = r->at;

	r->at = json_number_read(&r->number, start, end);
	if (is_wanted(r)) {
		size_t n = (size_t)(r->at - start);
		size_t room = r->limits.max_text - r->scratch.len;
		int rc = buf_add(&r->scratch, start, n < room ? n : room);

		if (rc != 0)
			return out_of_memory(r);
		r->text.cut = r->text.cut || n > room;
	}
	if (r->at == end)
		return JSON_IN_NUMBER;
	if (!json_number_complete(r->number))
		return fail(r, "digit expected in a number");
	if (r->position.depth == 0 && !scan_is_space(*r->at))
		return fail(r, "white space expected after a top-level number");
	return scalar_ended(r, JSON_VALUE_NUMBER, r->text.cut);
}

static enum json_expected begin_number(struct json_reader *r, const char *end)
{
	r->number = JSON_NUMBER_START;
	r->text.cut = false;
	buf_reset(&r->scratch);
	return read_number(r, end);
}

static enum json_expected read_literal(struct json_reader *r, const char *end)
{
	while (r->at < end && *r->literal != '\0') {
		if (*r->at != *r->literal)
			return fail(r, "true, false or null expected");
		r->at++;
		r->literal++;
	}
	return *r->literal == '\0' ? scalar_ended(r, r->literal_kind, false) : JSON_IN_LITERAL;
}

static enum json_expected begin_literal(struct json_reader *r, const char *end, enum json_value_kind kind,
					const char *rest)
{
	r->at++;
	r->literal = rest;
	r->literal_kind = kind;
	return read_literal(r, end);
}

static enum json_expected begin_value(struct json_reader *r, const char *end)
{
	switch (*r->at) {
	case '"':
		return begin_string(r, end);
	case '{':
		return open_container(r, true);
	case '[':
		return open_container(r, false);
	case 't':
		return begin_literal(r, end, JSON_VALUE_TRUE, "rue");
	case 'f':
		return begin_literal(r, end, JSON_VALUE_FALSE, "alse");
	case 'n':
		return begin_literal(r, end, JSON_VALUE_NULL, "ull");
	case '-':
	case '0' ... '9':
		return begin_number(r, end);
	default:
		return fail(r, "a value expected");
	}
}

/* --- the machine --- */

static enum json_expected after_value(struct json_reader *r)
{
	switch (*r->at) {
	case ',':
		r->at++;
		return r->position.in_object ? JSON_AT_KEY : JSON_AT_VALUE;
	case '}':
		return close_container(r, true);
	case ']':
		return close_container(r, false);
	default:
		return fail(r, r->position.in_object ? "',' or '}' expected" : "',' or ']' expected");
	}
}

static enum json_expected read_token(struct json_reader *r, enum json_expected expected, const char *end)
{
	char c = *r->at;

	switch (expected) {
	case JSON_AT_VALUE:
		return begin_value(r, end);
	case JSON_AT_FIRST_ELEMENT:
		return c == ']' ? close_container(r, false) : begin_value(r, end);
	case JSON_AT_FIRST_KEY:
		if (c == '}')
			return close_container(r, true);
		return c == '"' ? begin_key(r, end) : fail(r, "a key or '}' expected");
	case JSON_AT_KEY:
		return c == '"' ? begin_key(r, end) : fail(r, "a key expected");
	case JSON_AT_COLON:
		if (c != ':')
			return fail(r, "':' expected");
		r->at++;
		return JSON_AT_VALUE;
	case JSON_AT_NEXT:
		return after_value(r);
	default:
		return fail(r, "bad state");
	}
}

/* Reads on within a scalar or key that began in an earlier chunk. */
static enum json_expected read_rest(struct json_reader *r, enum json_expected expected, const char *end)
{
	switch (expected) {
	case JSON_IN_KEY:
		return read_key(r, end);
	case JSON_IN_STRING:
		return read_string(r, end);
	case JSON_IN_NUMBER:
		return read_number(r, end);
	case JSON_IN_LITERAL:
		return read_literal(r, end);
	default:
		return expected;
	}
}

/* The members of an object that is followed, up to one that is wanted or not easy. */
static void pass_members(struct json_reader *r, const char *end)
{
	struct json_position *position = &r->position;
	const struct json_node *node = r->nodes[r->followed - 1];
	const char *p = r->at;

	while (p < end && *p == '"') {
		const char *start = p + 1;
		const char *quote = scan_short(start, end);

		if (end - quote < 2 || quote[0] != '"' || quote[1] != ':')
			break;
		r->node = json_node_member(node, start, (size_t)(quote - start));
		position->expected = JSON_AT_VALUE;
		p = quote + 2;
		if (r->node != NULL)
			break;
		p = json_skip(position, r->followed, p, end);
		if (position->expected != JSON_AT_NEXT || position->depth != r->followed || p == end ||
		    *p != ',')
			break;
		position->expected = JSON_AT_KEY;
		p++;
	}
	r->at = p;
}

/* What is easy: it is most of a document. */
static void read_easy(struct json_reader *r, const char *end)
{
	const struct json_position *position = &r->position;

	if (r->node == NULL)
		r->at = json_skip(&r->position, r->followed, r->at, end);
	if (position->depth == r->followed && position->in_object &&
	    (position->expected == JSON_AT_KEY || position->expected == JSON_AT_FIRST_KEY))
		pass_members(r, end);
}

/* Up to @end, to the end of the top-level value or to a failure. */
static void read_tokens(struct json_reader *r, const char *end)
{
	struct json_position *position = &r->position;

	position->expected = read_rest(r, position->expected, end);
	while (position->expected > JSON_BETWEEN) {
		read_easy(r, end);
		r->at = scan_space(r->at, end);
		if (r->at == end)
			return;
		position->expected = read_token(r, position->expected, end);
	}
}

/* The end of what may be read of the current top-level value. */
static const char *window(const struct json_reader *r, uint64_t offset, const char *end)
{
	uint64_t left = r->limits.max_document - (offset - r->started);

	return r->limits.max_document == 0 || (uint64_t)(end - r->at) <= left ? end : r->at + left;
}

/* One top-level value, or as much of it as there is. @bytes: where the chunk begins. */
static void read_document(struct json_reader *r, const char *bytes, const char *end)
{
	const char *limit;

	if (r->position.expected == JSON_BETWEEN) {
		r->at = scan_space(r->at, end);
		if (r->at == end)
			return;
		r->started = r->offset + (uint64_t)(r->at - bytes);
		r->node = r->filter->root;
		r->position.expected = JSON_AT_VALUE;
	}
	limit = window(r, r->offset + (uint64_t)(r->at - bytes), end);
	read_tokens(r, limit);
	if (r->position.expected > JSON_BETWEEN && limit < end) {
		r->position.expected = fail(r, "value longer than allowed");
		r->failure = -EMSGSIZE;
	}
}

static int report(const struct json_reader *r, struct error *err)
{
	if (r->fault != NULL)
		return error_set(err, r->failure, "JSON, byte %" PRIu64 ": %s", r->offset, r->fault);
	return r->failure;
}

int json_reader_feed(struct json_reader *r, const char *bytes, size_t n, struct error *err)
{
	const char *end;

	if (r->position.expected == JSON_FAILED)
		return report(r, err);
	if (n == 0)
		return 0;
	end = bytes + n;
	r->at = bytes;
	if (r->whole_from != NULL)
		r->whole_from = bytes;
	while (r->position.expected != JSON_FAILED && r->at < end)
		read_document(r, bytes, end);
	if (r->whole_from != NULL && r->position.expected != JSON_FAILED && keep_whole(r, end) != 0)
		r->position.expected = out_of_memory(r);
	r->offset += (uint64_t)(r->at - bytes);
	r->at = NULL;
	return r->position.expected == JSON_FAILED ? report(r, err) : 0;
}

bool json_reader_at_boundary(const struct json_reader *r)
{
	return r->position.expected == JSON_BETWEEN;
}

void json_reader_reset(struct json_reader *r)
{
	r->position.expected = JSON_BETWEEN;
	r->position.depth = 0;
	r->offset = 0;
	r->failure = 0;
	r->fault = NULL;
	r->followed = 0;
	r->node = NULL;
	r->whole_from = NULL;
	buf_reset(&r->scratch);
}

int json_reader_create(struct json_reader **out, const struct json_filter *filter,
		       const struct json_reader_limits *limits, const struct json_reader_events *events,
		       void *data)
{
	struct json_reader *r = calloc(1, sizeof(*r));
	size_t longest = limits->max_text > filter->longest_key ? limits->max_text : filter->longest_key;

	if (r == NULL)
		return -ENOMEM;
	r->filter = filter;
	r->limits = *limits;
	r->events = events;
	r->data = data;
	buf_init(&r->scratch, longest);
	buf_init(&r->whole, limits->max_whole);
	json_reader_reset(r);
	*out = r;
	return 0;
}

void json_reader_free(struct json_reader *r)
{
	if (r == NULL)
		return;
	buf_free(&r->scratch);
	buf_free(&r->whole);
	free(r);
}
