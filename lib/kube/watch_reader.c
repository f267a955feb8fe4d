#include "kube/watch_reader.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum watch_field {
	WATCH_TYPE,
	WATCH_OBJECT,
	WATCH_STATUS_KIND,
	WATCH_STATUS_CODE,
	WATCH_STATUS_REASON,
	WATCH_STATUS_MESSAGE,
	WATCH_STATUS_RETRY,
	WATCH_END_MARK,
};

struct watch_reader {
	struct json_filter *filter;
	struct json_reader *reader;
	struct watch_reader_options options;
	bool listing; /* before the end mark of the list that it begins with */
	bool changed; /* within it, since all there was has been shown */
	size_t listed;
	/* Of the frame being read. */
	char type[16];
	bool has_object;
	bool is_status;
	bool is_end_mark;
	struct kube_status status;
	struct error why; /* a frame was refused: in which words */
};

static void watch_frame_reset(struct watch_reader *wr)
{
	wr->type[0] = '\0';
	wr->has_object = false;
	wr->is_status = false;
	wr->is_end_mark = false;
	wr->status = (struct kube_status){0};
}

/* As much of a string as fits, up to a NUL inside it; "" for anything else. */
static void copy_text(char *out, size_t size, const struct json_value *value)
{
	size_t len = value->kind == JSON_VALUE_STRING ? strnlen(value->text, value->len) : 0;

	if (len >= size)
		len = size - 1;
	memcpy(out, value->text, len);
	out[len] = '\0';
}

static uint32_t read_number(const struct json_value *value, uint32_t max)
{
	char *end;
	unsigned long n;

	if (value->kind != JSON_VALUE_NUMBER || value->text[0] == '-')
		return 0;
	n = strtoul(value->text, &end, 10);
	if (*end != '\0')
		return 0;
	return n < max ? (uint32_t)n : max;
}

static void watch_begin_object(struct watch_reader *wr)
{
	wr->has_object = true;
	wr->is_status = false;
	wr->is_end_mark = false;
	wr->status = (struct kube_status){0};
	reflector_object_begin(wr->options.object);
}

static bool is_text(const struct json_value *value, const char *text)
{
	return value->kind == JSON_VALUE_STRING && value->len == strlen(text) &&
	       memcmp(value->text, text, value->len) == 0;
}

static int watch_on_value(void *data, int field, const struct json_value *value)
{
	struct watch_reader *wr = data;

	switch (field) {
	case WATCH_TYPE:
		copy_text(wr->type, sizeof(wr->type), value);
		break;
	case WATCH_OBJECT:
		watch_begin_object(wr);
		break;
	case WATCH_STATUS_KIND:
		wr->is_status = is_text(value, "Status");
		break;
	case WATCH_END_MARK:
		wr->is_end_mark = is_text(value, "true");
		break;
	case WATCH_STATUS_CODE:
		wr->status.code = (int)read_number(value, 999);
		break;
	case WATCH_STATUS_REASON:
		copy_text(wr->status.reason, sizeof(wr->status.reason), value);
		break;
	case WATCH_STATUS_MESSAGE:
		copy_text(wr->status.message, sizeof(wr->status.message), value);
		break;
	case WATCH_STATUS_RETRY:
		wr->status.retry_after_s = read_number(value, UINT32_MAX);
		break;
	default:
		reflector_object_value(wr->options.object, field, value);
		break;
	}
	return wr->options.object->stopped ? -ECANCELED : 0;
}

static int watch_on_end(void *data, int field)
{
	struct watch_reader *wr = data;

	(void)field;
	return wr->options.object->stopped ? -ECANCELED : 0;
}

/* The type in the event's name, or -1 where it tells of no object. */
static int event_of_type(const char *type)
{
	static const struct {
		const char *name;
		enum reflector_event event;
	} events[] = {
		{"ADDED", REFLECTOR_ADDED},
		{"MODIFIED", REFLECTOR_MODIFIED},
		{"DELETED", REFLECTOR_DELETED},
	};

	for (size_t i = 0; i < ARRAY_LEN(events); i++)
		if (strcmp(type, events[i].name) == 0)
			return (int)events[i].event;
	return -1;
}

static int watch_error_event(struct watch_reader *wr)
{
	const struct kube_status *s = &wr->status;

	if (!wr->is_status)
		return error_set(&wr->why, WATCH_READER_ERROR_EVENT, "an ERROR event without Status");
	return error_set(&wr->why, WATCH_READER_ERROR_EVENT, "ERROR event: %d %s: %s", s->code, s->reason,
			 s->message);
}

/* A bookmark ends the list, or says nothing yet. */
static int watch_list_bookmark(struct watch_reader *wr)
{
	const char *rv = wr->options.object->rv;

	if (!wr->is_end_mark)
		return 0;
	if (*rv == '\0')
		return error_set(&wr->why, -EBADMSG, "the list's end mark has no resourceVersion");
	wr->listing = false;
	wr->options.listed(wr->options.data, rv);
	return 0;
}

/* An event within the list. */
static void watch_list_event(struct watch_reader *wr, enum reflector_event event)
{
	if (event == REFLECTOR_ADDED)
		wr->listed++;
	else if (event == REFLECTOR_DELETED && wr->listed > 0)
		wr->listed--;
	wr->changed = wr->changed || event != REFLECTOR_ADDED;
	reflector_object_end(wr->options.object,
			     event == REFLECTOR_DELETED ? REFLECTOR_DELETED : REFLECTOR_LISTED);
}

static void watch_event(struct watch_reader *wr, int event)
{
	struct reflector_object *object = wr->options.object;

	if (event >= 0)
		reflector_object_end(object, (enum reflector_event)event);
	if (!object->stopped)
		wr->options.moved(wr->options.data, object->rv);
}

static int watch_frame_end(struct watch_reader *wr)
{
	int event = event_of_type(wr->type);
	int rc = 0;

	if (strcmp(wr->type, "ERROR") == 0)
		return watch_error_event(wr);
	if (event < 0 && strcmp(wr->type, "BOOKMARK") != 0)
		return error_set(&wr->why, -EBADMSG, "not a watch event: type \"%s\"", wr->type);
	if (!wr->has_object)
		return error_set(&wr->why, -EBADMSG, "a watch event without object");
	if (!wr->listing)
		watch_event(wr, event);
	else if (event >= 0)
		watch_list_event(wr, (enum reflector_event)event);
	else
		rc = watch_list_bookmark(wr);
	return wr->options.object->stopped ? -ECANCELED : rc;
}

static int watch_on_document(void *data)
{
	struct watch_reader *wr = data;
	int rc = watch_frame_end(wr);

	if (rc == 0)
		watch_frame_reset(wr);
	return rc;
}

static int watch_want(struct watch_reader *wr)
{
	static const char *const object[] = {"object", NULL};
	static const struct {
		int field;
		const char *path[5];
	} own[] = {
		{WATCH_TYPE, {"type"}},
		{WATCH_OBJECT, {"object"}},
		{WATCH_STATUS_KIND, {"object", "kind"}},
		{WATCH_STATUS_CODE, {"object", "code"}},
		{WATCH_STATUS_REASON, {"object", "reason"}},
		{WATCH_STATUS_MESSAGE, {"object", "message"}},
		{WATCH_STATUS_RETRY, {"object", "details", "retryAfterSeconds"}},
		{WATCH_END_MARK, {"object", "metadata", "annotations", "k8s.io/initial-events-end"}},
	};
	int rc = 0;

	for (size_t i = 0; i < ARRAY_LEN(own) && rc == 0; i++)
		if (own[i].field != WATCH_END_MARK || wr->options.listed != NULL)
			rc = json_filter_add(wr->filter, NULL, own[i].path, own[i].field);
	if (rc == 0)
		rc = reflector_object_want(wr->options.object, wr->filter, object);
	return rc == -EEXIST || rc == -E2BIG ? -EINVAL : rc;
}

int watch_reader_create(struct watch_reader **out, const struct watch_reader_options *options,
			struct error *err)
{
	static const struct json_reader_events events = {watch_on_value, watch_on_end, watch_on_document};
	const struct json_reader_limits limits = {
		.max_text = options->max_text > REFLECTOR_OBJECT_MIN_TEXT ? options->max_text
									  : REFLECTOR_OBJECT_MIN_TEXT,
		.max_whole = REFLECTOR_OBJECT_MAX_WHOLE,
		.max_document = options->max_frame,
	};
	struct watch_reader *wr = calloc(1, sizeof(*wr));
	int rc;

	if (wr == NULL)
		return error_set(err, -ENOMEM, "watch reader: no memory");
	wr->options = *options;
	rc = json_filter_create(&wr->filter);
	if (rc == 0)
		rc = watch_want(wr);
	if (rc == 0)
		rc = json_reader_create(&wr->reader, wr->filter, &limits, &events, wr);
	if (rc != 0) {
		watch_reader_free(wr);
		return error_errno(err, rc, "watch reader");
	}
	*out = wr;
	return 0;
}

void watch_reader_reset(struct watch_reader *wr, bool listing)
{
	json_reader_reset(wr->reader);
	watch_frame_reset(wr);
	wr->listing = listing;
	wr->changed = false;
	wr->listed = 0;
}

bool watch_reader_list_changed(const struct watch_reader *wr)
{
	return wr->changed;
}

size_t watch_reader_listed(const struct watch_reader *wr)
{
	return wr->listed;
}

int watch_reader_feed(struct watch_reader *wr, const char *bytes, size_t n, struct error *err)
{
	struct error local = {0};
	int rc;

	wr->why = local;
	rc = json_reader_feed(wr->reader, bytes, n, &local);
	if (rc == 0)
		return 0;
	return error_set(err, rc, "%s", wr->why.code != 0 ? wr->why.message : local.message);
}

bool watch_reader_at_boundary(const struct watch_reader *wr)
{
	return json_reader_at_boundary(wr->reader);
}

const struct kube_status *watch_reader_status(const struct watch_reader *wr)
{
	return wr->is_status ? &wr->status : NULL;
}

void watch_reader_free(struct watch_reader *wr)
{
	if (wr == NULL)
		return;
	json_reader_free(wr->reader);
	json_filter_free(wr->filter);
	free(wr);
}
