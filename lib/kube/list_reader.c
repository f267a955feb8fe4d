#include "kube/list_reader.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum list_field { LIST_RV, LIST_CONTINUE, LIST_REMAINING, LIST_ITEMS, LIST_ITEM };

struct list_reader {
	struct json_filter *filter;
	struct json_reader *reader;
	struct reflector_object *object;
	bool has_items;
	bool token_cut; /* the continue token is too long to be used */
	bool done;      /* the one document is complete */
	size_t count;
	size_t remaining;
	char rv[RV_SIZE];
	char token[REFLECTOR_OBJECT_MIN_TEXT + 1];
};

static int list_read_items(struct list_reader *lr, const struct json_value *value)
{
	/* Go writes a list that was never filled as null. */
	if (value->kind != JSON_VALUE_ARRAY && value->kind != JSON_VALUE_NULL)
		return -EBADMSG;
	lr->has_items = true;
	return 0;
}

static void list_item_end(struct list_reader *lr)
{
	lr->count++;
	reflector_object_end(lr->object, REFLECTOR_LISTED);
}

static void list_read_item(struct list_reader *lr, const struct json_value *value)
{
	reflector_object_begin(lr->object);
	/* Something else among the items is an object that cannot be read, not the end of the list. */
	if (value->kind != JSON_VALUE_OBJECT && value->kind != JSON_VALUE_ARRAY)
		list_item_end(lr);
}

static void list_read_token(struct list_reader *lr, const struct json_value *value)
{
	size_t len = value->kind == JSON_VALUE_STRING ? value->len : 0;

	lr->token_cut = value->cut || len >= sizeof(lr->token) || memchr(value->text, '\0', len) != NULL;
	if (lr->token_cut)
		len = 0;
	memcpy(lr->token, value->text, len);
	lr->token[len] = '\0';
}

static int list_on_value(void *data, int field, const struct json_value *value)
{
	struct list_reader *lr = data;
	int rc = 0;

	switch (field) {
	case LIST_REMAINING:
		lr->remaining = value->kind == JSON_VALUE_NUMBER ? strtoul(value->text, NULL, 10) : 0;
		break;
	case LIST_RV:
		reflector_object_read_rv(lr->rv, value);
		break;
	case LIST_CONTINUE:
		list_read_token(lr, value);
		break;
	case LIST_ITEMS:
		rc = list_read_items(lr, value);
		break;
	case LIST_ITEM:
		list_read_item(lr, value);
		break;
	default:
		reflector_object_value(lr->object, field, value);
		break;
	}
	return lr->object->stopped ? -ECANCELED : rc;
}

static int list_on_end(void *data, int field)
{
	struct list_reader *lr = data;

	if (field == LIST_ITEM)
		list_item_end(lr);
	return lr->object->stopped ? -ECANCELED : 0;
}

static int list_on_document(void *data)
{
	struct list_reader *lr = data;

	if (lr->done)
		return -EBADMSG;
	lr->done = true;
	return 0;
}

static int list_want(struct list_reader *lr)
{
	static const char *const rv[] = {"metadata", "resourceVersion", NULL};
	static const char *const token[] = {"metadata", "continue", NULL};
	static const char *const remaining[] = {"metadata", "remainingItemCount", NULL};
	static const char *const items[] = {"items", NULL};
	static const char *const item[] = {"items", JSON_EACH, NULL};
	int rc = json_filter_add(lr->filter, NULL, rv, LIST_RV);

	if (rc == 0)
		rc = json_filter_add(lr->filter, NULL, token, LIST_CONTINUE);
	if (rc == 0)
		rc = json_filter_add(lr->filter, NULL, remaining, LIST_REMAINING);
	if (rc == 0)
		rc = json_filter_add(lr->filter, NULL, items, LIST_ITEMS);
	if (rc == 0)
		rc = json_filter_add(lr->filter, NULL, item, LIST_ITEM);
	if (rc == 0)
		rc = reflector_object_want(lr->object, lr->filter, item);
	return rc == -EEXIST || rc == -E2BIG ? -EINVAL : rc;
}

int list_reader_create(struct list_reader **out, struct reflector_object *object, size_t max_text,
		       struct error *err)
{
	static const struct json_reader_events events = {list_on_value, list_on_end, list_on_document};
	/* No limit on a page: the server decides how much fits, nothing of it is kept here. */
	const struct json_reader_limits limits = {
		.max_text = max_text > REFLECTOR_OBJECT_MIN_TEXT ? max_text : REFLECTOR_OBJECT_MIN_TEXT,
		.max_whole = REFLECTOR_OBJECT_MAX_WHOLE,
	};
	struct list_reader *lr = calloc(1, sizeof(*lr));
	int rc;

	if (lr == NULL)
		return error_set(err, -ENOMEM, "list reader: no memory");
	lr->object = object;
	rc = json_filter_create(&lr->filter);
	if (rc == 0)
		rc = list_want(lr);
	if (rc == 0)
		rc = json_reader_create(&lr->reader, lr->filter, &limits, &events, lr);
	if (rc != 0) {
		list_reader_free(lr);
		return error_errno(err, rc, "list reader");
	}
	*out = lr;
	return 0;
}

void list_reader_reset(struct list_reader *lr)
{
	json_reader_reset(lr->reader);
	lr->has_items = false;
	lr->token_cut = false;
	lr->done = false;
	lr->count = 0;
	lr->remaining = 0;
	lr->rv[0] = '\0';
	lr->token[0] = '\0';
}

int list_reader_feed(struct list_reader *lr, const char *bytes, size_t n, struct error *err)
{
	struct error local = {0};
	int rc = json_reader_feed(lr->reader, bytes, n, &local);

	if (rc == 0)
		return 0;
	if (local.message[0] == '\0')
		return error_set(err, rc, "not a list");
	return error_set(err, rc, "%s", local.message);
}

int list_reader_end(const struct list_reader *lr, struct error *err)
{
	if (!lr->done || !json_reader_at_boundary(lr->reader))
		return error_set(err, -EBADMSG, "the list is cut off");
	if (!lr->has_items)
		return error_set(err, -EBADMSG, "not a list: it has no items");
	if (lr->rv[0] == '\0')
		return error_set(err, -EBADMSG, "the list has no resourceVersion");
	if (lr->token_cut)
		return error_set(err, -EBADMSG, "the list's continue token cannot be used");
	return 0;
}

const char *list_reader_rv(const struct list_reader *lr)
{
	return lr->rv;
}

const char *list_reader_continue(const struct list_reader *lr)
{
	return lr->token;
}

size_t list_reader_count(const struct list_reader *lr)
{
	return lr->count;
}

size_t list_reader_remaining(const struct list_reader *lr)
{
	return lr->remaining;
}

void list_reader_free(struct list_reader *lr)
{
	if (lr == NULL)
		return;
	json_reader_free(lr->reader);
	json_filter_free(lr->filter);
	free(lr);
}
