#include "kube/yamldoc.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <yaml.h>

/* A mapping or sequence that is still open. */
struct level {
	json_t *value; /* borrowed: its parent (or the document) owns it */
	char *key;     /* of the member that comes next, NULL where a key is expected or in a sequence */
	size_t key_len;
};

struct yamldoc {
	yaml_parser_t parser;
	json_t *root;
	struct level levels[YAMLDOC_MAX_DEPTH];
	size_t depth;
	size_t nodes;
	size_t documents;
	bool done;
	struct error *err;
};

static int yamldoc_reject(struct yamldoc *doc, const yaml_event_t *event, const char *why)
{
	return error_set(doc->err, -EINVAL, "line %zu: %s", event->start_mark.line + 1, why);
}

/* What libyaml has to say; its texts are constants without a line end. */
static int yamldoc_syntax_error(struct yamldoc *doc)
{
	const yaml_parser_t *p = &doc->parser;
	const char *problem = p->problem != NULL ? p->problem : "malformed";

	if (p->error == YAML_MEMORY_ERROR)
		return error_errno(doc->err, -ENOMEM, "YAML");
	if (p->error == YAML_READER_ERROR)
		return error_set(doc->err, -EINVAL, "not YAML: byte %zu: %s", p->problem_offset, problem);
	return error_set(doc->err, -EINVAL, "not YAML: line %zu: %s", p->problem_mark.line + 1, problem);
}

/* Puts @value (ownership taken, also on failure; NULL: no memory) where the document stands. */
static int yamldoc_put(struct yamldoc *doc, const yaml_event_t *event, json_t *value)
{
	struct level *top = doc->depth > 0 ? &doc->levels[doc->depth - 1] : NULL;
	int rc;

	if (value == NULL)
		return error_errno(doc->err, -ENOMEM, "YAML");
	if (++doc->nodes > YAMLDOC_MAX_NODES) {
		json_decref(value);
		return yamldoc_reject(doc, event, "too many values");
	}
	if (top == NULL) {
		doc->root = value;
		return 0;
	}
	if (json_is_object(top->value) && top->key == NULL) {
		json_decref(value);
		return yamldoc_reject(doc, event, "a key must be a plain text");
	}
	if (json_is_object(top->value))
		rc = json_object_setn_new(top->value, top->key, top->key_len, value);
	else
		rc = json_array_append_new(top->value, value);
	free(top->key);
	top->key = NULL;
	return rc == 0 ? 0 : error_errno(doc->err, -ENOMEM, "YAML");
}

static int yamldoc_open(struct yamldoc *doc, const yaml_event_t *event, json_t *container)
{
	int rc;

	if (doc->depth == YAMLDOC_MAX_DEPTH) {
		json_decref(container);
		return yamldoc_reject(doc, event, "nested too deeply");
	}
	rc = yamldoc_put(doc, event, container);
	if (rc != 0)
		return rc;
	doc->levels[doc->depth++] = (struct level){.value = container};
	return 0;
}

static bool scalar_is(const yaml_event_t *event, const char *text)
{
	size_t n = event->data.scalar.length;

	return n == strlen(text) && memcmp(event->data.scalar.value, text, n) == 0;
}

static bool scalar_is_null(const yaml_event_t *event)
{
	return event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
	       (scalar_is(event, "") || scalar_is(event, "~") || scalar_is(event, "null") ||
		scalar_is(event, "Null") || scalar_is(event, "NULL"));
}

static int yamldoc_key(struct yamldoc *doc, const yaml_event_t *event, struct level *top)
{
	const char *text = (const char *)event->data.scalar.value;
	size_t n = event->data.scalar.length;

	if (event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && scalar_is(event, "<<"))
		return yamldoc_reject(doc, event, "merge keys (<<) are not supported");
	if (json_object_getn(top->value, text, n) != NULL)
		return yamldoc_reject(doc, event, "the same key for a second time");
	top->key = malloc(n + 1);
	if (top->key == NULL)
		return error_errno(doc->err, -ENOMEM, "YAML");
	memcpy(top->key, text, n);
	top->key[n] = '\0';
	top->key_len = n;
	return 0;
}

static int yamldoc_scalar(struct yamldoc *doc, const yaml_event_t *event)
{
	struct level *top = doc->depth > 0 ? &doc->levels[doc->depth - 1] : NULL;

	if (event->data.scalar.tag != NULL)
		return yamldoc_reject(doc, event, "tags are not supported");
	if (top != NULL && json_is_object(top->value) && top->key == NULL)
		return yamldoc_key(doc, event, top);
	if (scalar_is_null(event))
		return yamldoc_put(doc, event, json_null());
	return yamldoc_put(doc, event,
			   json_stringn((const char *)event->data.scalar.value, event->data.scalar.length));
}

static int yamldoc_event(struct yamldoc *doc, const yaml_event_t *event)
{
	switch (event->type) {
	case YAML_DOCUMENT_START_EVENT:
		return ++doc->documents == 1 ? 0 : yamldoc_reject(doc, event, "a second document");
	case YAML_MAPPING_START_EVENT:
		if (event->data.mapping_start.tag != NULL)
			return yamldoc_reject(doc, event, "tags are not supported");
		return yamldoc_open(doc, event, json_object());
	case YAML_SEQUENCE_START_EVENT:
		if (event->data.sequence_start.tag != NULL)
			return yamldoc_reject(doc, event, "tags are not supported");
		return yamldoc_open(doc, event, json_array());
	case YAML_MAPPING_END_EVENT:
	case YAML_SEQUENCE_END_EVENT:
		doc->depth--;
		return 0;
	case YAML_SCALAR_EVENT:
		return yamldoc_scalar(doc, event);
	case YAML_ALIAS_EVENT:
		return yamldoc_reject(doc, event, "aliases are not supported");
	case YAML_STREAM_END_EVENT:
		doc->done = true;
		return 0;
	default:
		return 0;
	}
}

static int yamldoc_run(struct yamldoc *doc)
{
	yaml_event_t event;
	int rc = 0;

	while (rc == 0 && !doc->done) {
		if (yaml_parser_parse(&doc->parser, &event) == 0)
			return yamldoc_syntax_error(doc);
		rc = yamldoc_event(doc, &event);
		yaml_event_delete(&event);
	}
	return rc;
}

int yamldoc_parse(json_t **out, const char *text, size_t n, struct error *err)
{
	static const char mark[] = "\xef\xbb\xbf";
	struct yamldoc doc = {.err = err};
	size_t skip = n >= 3 && memcmp(text, mark, 3) == 0 ? 3 : 0;
	int rc;

	/* Each is compared with all before it: a few MiB of them would take libyaml minutes. */
	if (memmem(text, n, "%TAG", 4) != NULL)
		return error_set(err, -EINVAL, "not YAML that is supported: %%TAG");
	if (yaml_parser_initialize(&doc.parser) == 0)
		return error_errno(err, -ENOMEM, "YAML");
	yaml_parser_set_encoding(&doc.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&doc.parser, (const unsigned char *)text + skip, n - skip);
	rc = yamldoc_run(&doc);
	yaml_parser_delete(&doc.parser);
	for (size_t i = 0; i < YAMLDOC_MAX_DEPTH; i++)
		free(doc.levels[i].key);
	if (rc != 0) {
		json_decref(doc.root);
		return rc;
	}
	*out = doc.root != NULL ? doc.root : json_null();
	return 0;
}
