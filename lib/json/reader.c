#include "json/reader.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "json/filter_impl.h"
#include "json/number.h"
#include "json/scan.h"
#include "json/text.h"

/* What the next byte belongs to. The first two end read_tokens(). */
enum state {
	FAILED,
	BETWEEN,       /* top-level values: nothing read of the next one */
	VALUE,         /* a value must come */
	FIRST_ELEMENT, /* behind a '[': a value or ']' */
	FIRST_KEY,     /* behind a '{': a key or '}' */
	KEY,           /* behind a ',' in an object: a key */
	COLON,         /* behind a key */
	NEXT,          /* behind a value: ',' or the closing bracket */
	IN_KEY,        /* within ... */
	IN_STRING,
	IN_NUMBER,
	IN_LITERAL,
};

#define NESTING_WORDS ((JSON_READER_MAX_DEPTH + 63) / 64)

struct json_reader {
	const struct json_filter *filter;
	const struct json_reader_events *events;
	void *data;
	struct json_reader_limits limits;

	enum state state;
	const char *at;    /* the next byte, valid within a feed */
	uint64_t offset;   /* bytes of the chunks before this one */
	uint64_t started;  /* offset at which the top-level value began */
	int failure;       /* what ended the input */
	const char *fault; /* what is wrong with the text, NULL where a callback failed */

	/* Open containers: all of them as bits (1: object), those that the filter follows also as nodes.
	 * What is inside of others is wanted by nobody. */
	size_t depth;
	size_t followed;
	bool in_object;
	const struct json_node *inside; /* that of the innermost container; NULL: not followed */
	const struct json_node *node;   /* that of the next or current value; NULL: unwanted */
	const struct json_node *nodes[JSON_FILTER_MAX_DEPTH + 1];
	uint64_t nesting[NESTING_WORDS];

	/* The scalar or key that is being read. */
	struct json_text text;
	struct buf scratch;
	enum json_number_state number;
	const char *literal; /* what is still to come of it */
	enum json_value_kind literal_kind;
};

static enum state fail(struct json_reader *r, const char *fault)
{
	r->failure = -EBADMSG;
	r->fault = fault;
	return FAILED;
}

/* A callback has ended the feed: what there is to say it knows better. */
static enum state refused(struct json_reader *r, int rc)
{
	r->failure = rc;
	r->fault = NULL;
	return FAILED;
}

static enum state out_of_memory(struct json_reader *r)
{
	r->failure = -ENOMEM;
	r->fault = "out of memory";
	return FAILED;
}

/* json_text_read() has failed with @rc. */
static enum state fail_text(struct json_reader *r, int rc)
{
	return rc == -ENOMEM ? out_of_memory(r) : fail(r, r->text.fault);
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

/* A value has ended: on to the next one. */
static enum state value_ended(struct json_reader *r)
{
	int rc;

	if (r->depth > 0)
		return NEXT;
	rc = r->events->document == NULL ? 0 : r->events->document(r->data);
	return rc != 0 ? refused(r, rc) : BETWEEN;
}

static enum state scalar_ended(struct json_reader *r, enum json_value_kind kind, bool cut)
{
	if (is_wanted(r)) {
		int rc = emit(r, kind, cut);

		if (rc != 0)
			return refused(r, rc);
	}
	return value_ended(r);
}

/* --- containers --- */

static void follow(struct json_reader *r, const struct json_node *node)
{
	r->inside = node;
	r->node = node == NULL || r->in_object ? NULL : node->each;
}

static enum state open_container(struct json_reader *r, bool object)
{
	const struct json_node *node = r->node;
	uint64_t bit = (uint64_t)1 << r->depth % 64;
	uint64_t *word = &r->nesting[r->depth / 64];

	if (r->depth == JSON_READER_MAX_DEPTH)
		return fail(r, "nested too deeply");
	if (is_wanted(r)) {
		int rc = emit(r, object ? JSON_VALUE_OBJECT : JSON_VALUE_ARRAY, false);

		if (rc != 0)
			return refused(r, rc);
	}
	*word = object ? *word | bit : *word & ~bit;
	r->depth++;
	r->in_object = object;
	if (node != NULL)
		r->nodes[r->followed++] = node;
	follow(r, node);
	r->at++;
	return object ? FIRST_KEY : FIRST_ELEMENT;
}

/* The innermost container is one that the filter follows, and it has ended. */
static int leave_followed(struct json_reader *r)
{
	const struct json_node *node = r->nodes[--r->followed];

	if (node->field == JSON_NODE_UNWANTED || r->events->end == NULL)
		return 0;
	return r->events->end(r->data, node->field);
}

static enum state close_container(struct json_reader *r, bool object)
{
	if (r->in_object != object)
		return fail(r, object ? "',' or ']' expected" : "',' or '}' expected");
	if (r->depth == r->followed) {
		int rc = leave_followed(r);

		if (rc != 0)
			return refused(r, rc);
	}
	r->at++;
	r->depth--;
	if (r->depth > 0)
		r->in_object = r->nesting[(r->depth - 1) / 64] >> (r->depth - 1) % 64 & 1;
	follow(r, r->depth > 0 && r->depth == r->followed ? r->nodes[r->followed - 1] : NULL);
	return value_ended(r);
}

/* --- scalars and keys: each reads on from r->at up to its end or @end --- */

static enum state read_string(struct json_reader *r, const char *end)
{
	int rc = json_text_read(&r->text, &r->at, end);

	if (rc < 0)
		return fail_text(r, rc);
	return rc == JSON_TEXT_CLOSED ? scalar_ended(r, JSON_VALUE_STRING, r->text.cut) : IN_STRING;
}

static enum state begin_string(struct json_reader *r, const char *end)
{
	r->at++;
	json_text_begin(&r->text, is_wanted(r) ? &r->scratch : NULL, r->limits.max_text);
	return read_string(r, end);
}

static enum state read_key(struct json_reader *r, const char *end)
{
	int rc = json_text_read(&r->text, &r->at, end);

	if (rc < 0)
		return fail_text(r, rc);
	if (rc == JSON_TEXT_MORE)
		return IN_KEY;
	if (r->text.out != NULL && !r->text.cut)
		r->node = json_node_member(r->inside, buf_str(&r->scratch), r->scratch.len);
	return COLON;
}

static enum state begin_key(struct json_reader *r, const char *end)
{
	bool collect = r->inside != NULL && r->inside->members != NULL;

	r->at++;
	r->node = NULL;
	json_text_begin(&r->text, collect ? &r->scratch : NULL, r->filter->longest_key);
	return read_key(r, end);
}

static enum state read_number(struct json_reader *r, const char *end)
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
		return IN_NUMBER;
	if (!json_number_complete(r->number))
		return fail(r, "digit expected in a number");
	if (r->depth == 0 && !scan_is_space(*r->at))
		return fail(r, "white space expected after a top-level number");
	return scalar_ended(r, JSON_VALUE_NUMBER, r->text.cut);
}

static enum state begin_number(struct json_reader *r, const char *end)
{
	r->number = JSON_NUMBER_START;
	r->text.cut = false;
	buf_reset(&r->scratch);
	return read_number(r, end);
}

static enum state read_literal(struct json_reader *r, const char *end)
{
	while (r->at < end && *r->literal != '\0') {
		if (*r->at != *r->literal)
			return fail(r, "true, false or null expected");
		r->at++;
		r->literal++;
	}
	return *r->literal == '\0' ? scalar_ended(r, r->literal_kind, false) : IN_LITERAL;
}

static enum state begin_literal(struct json_reader *r, const char *end, enum json_value_kind kind,
				const char *rest)
{
	r->at++;
	r->literal = rest;
	r->literal_kind = kind;
	return read_literal(r, end);
}

static enum state begin_value(struct json_reader *r, const char *end)
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

static enum state after_value(struct json_reader *r)
{
	switch (*r->at) {
	case ',':
		r->at++;
		return r->in_object ? KEY : VALUE;
	case '}':
		return close_container(r, true);
	case ']':
		return close_container(r, false);
	default:
		return fail(r, r->in_object ? "',' or '}' expected" : "',' or ']' expected");
	}
}

static enum state read_token(struct json_reader *r, enum state state, const char *end)
{
	char c = *r->at;

	switch (state) {
	case VALUE:
		return begin_value(r, end);
	case FIRST_ELEMENT:
		return c == ']' ? close_container(r, false) : begin_value(r, end);
	case FIRST_KEY:
		if (c == '}')
			return close_container(r, true);
		return c == '"' ? begin_key(r, end) : fail(r, "a key or '}' expected");
	case KEY:
		return c == '"' ? begin_key(r, end) : fail(r, "a key expected");
	case COLON:
		if (c != ':')
			return fail(r, "':' expected");
		r->at++;
		return VALUE;
	case NEXT:
		return after_value(r);
	default:
		return fail(r, "bad state");
	}
}

/* Reads on within a scalar or key that began in an earlier chunk. */
static enum state read_rest(struct json_reader *r, enum state state, const char *end)
{
	switch (state) {
	case IN_KEY:
		return read_key(r, end);
	case IN_STRING:
		return read_string(r, end);
	case IN_NUMBER:
		return read_number(r, end);
	case IN_LITERAL:
		return read_literal(r, end);
	default:
		return state;
	}
}

/* Up to @end, to the end of the top-level value or to a failure. */
static enum state read_tokens(struct json_reader *r, const char *end)
{
	enum state state = read_rest(r, r->state, end);

	while (state > BETWEEN && r->at < end) {
		if (scan_is_space(*r->at))
			r->at++;
		else
			state = read_token(r, state, end);
	}
	return state;
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

	if (r->state == BETWEEN) {
		r->at = scan_space(r->at, end);
		if (r->at == end)
			return;
		r->started = r->offset + (uint64_t)(r->at - bytes);
		r->node = r->filter->root;
		r->state = VALUE;
	}
	limit = window(r, r->offset + (uint64_t)(r->at - bytes), end);
	r->state = read_tokens(r, limit);
	if (r->state > BETWEEN && limit < end) {
		r->state = fail(r, "value longer than allowed");
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

	if (n == 0 && r->state != FAILED)
		return 0;
	end = bytes + n;
	r->at = bytes;
	while (r->state != FAILED && r->at < end)
		read_document(r, bytes, end);
	r->offset += (uint64_t)(r->at - bytes);
	r->at = NULL;
	return r->state == FAILED ? report(r, err) : 0;
}

bool json_reader_at_boundary(const struct json_reader *r)
{
	return r->state == BETWEEN;
}

void json_reader_reset(struct json_reader *r)
{
	r->state = BETWEEN;
	r->offset = 0;
	r->failure = 0;
	r->fault = NULL;
	r->depth = 0;
	r->followed = 0;
	r->inside = NULL;
	r->node = NULL;
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
	json_reader_reset(r);
	*out = r;
	return 0;
}

void json_reader_free(struct json_reader *r)
{
	if (r == NULL)
		return;
	buf_free(&r->scratch);
	free(r);
}
