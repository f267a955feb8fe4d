#include "bench/frame.h"

#include <stdlib.h>
#include <string.h>

/* Far more than any VMI. */
#define FRAME_MAX ((size_t)8 << 20)

void frame_reader_init(struct frame_reader *r, void (*on_frame)(void *data, const char *frame, size_t len),
		       void *data)
{
	*r = (struct frame_reader){.on_frame = on_frame, .data = data};
	buf_init(&r->rest, FRAME_MAX);
}

void frame_reader_free(struct frame_reader *r)
{
	buf_free(&r->rest);
}

int frame_reader_feed(struct frame_reader *r, const char *bytes, size_t n)
{
	const char *end = bytes + n;
	const char *line;
	int rc = 0;

	while ((line = memchr(bytes, '\n', (size_t)(end - bytes))) != NULL) {
		if (r->rest.len == 0) {
			r->on_frame(r->data, bytes, (size_t)(line - bytes));
		} else {
			rc = buf_add(&r->rest, bytes, (size_t)(line - bytes));
			if (rc != 0)
				return rc;
			r->on_frame(r->data, r->rest.data, r->rest.len);
			buf_reset(&r->rest);
		}
		bytes = line + 1;
	}
	if (bytes < end)
		rc = buf_add(&r->rest, bytes, (size_t)(end - bytes));
	return rc;
}

static const char *find(const char *frame, size_t len, const char *text)
{
	return memmem(frame, len, text, strlen(text));
}

bool frame_has(const char *frame, size_t len, const char *text)
{
	return find(frame, len, text) != NULL;
}

char frame_type(const char *frame, size_t len)
{
	static const char start[] = "{\"type\":\"";
	char type;

	if (len <= sizeof(start) || memcmp(frame, start, sizeof(start) - 1) != 0)
		return 0;
	type = frame[sizeof(start) - 1];
	return strchr("AMDBE", type) != NULL ? type : 0;
}

bool frame_ends_initial_events(const char *frame, size_t len)
{
	return frame_type(frame, len) == 'B' &&
	       frame_has(frame, len, "\"k8s.io/initial-events-end\":\"true\"");
}

/* What stands behind @key up to the next quote. */
static struct frame_text text_after(const char *frame, size_t len, const char *key)
{
	const char *at = find(frame, len, key);
	const char *end;

	if (at == NULL)
		return (struct frame_text){0};
	at += strlen(key);
	end = memchr(at, '"', (size_t)(frame + len - at));
	if (end == NULL)
		return (struct frame_text){0};
	return (struct frame_text){at, (size_t)(end - at)};
}

/* The number behind @key, -1 where there is none. Something always follows it, so strtoll() stops in time. */
static long long number_after(const char *frame, size_t len, const char *key)
{
	const char *at = find(frame, len, key);

	return at != NULL ? strtoll(at + strlen(key), NULL, 10) : -1;
}

struct frame_text frame_version(const char *frame, size_t len)
{
	return text_after(frame, len, "\"resourceVersion\":\"");
}

void frame_read_vmi(const char *frame, size_t len, struct frame_vmi *out)
{
	*out = (struct frame_vmi){
		.namespace = text_after(frame, len, "\"namespace\":\""),
		.uid = text_after(frame, len, "\"uid\":\""),
		.phase = text_after(frame, len, "\"phase\":\""),
		.number = (long)number_after(frame, len, "\"name\":\"" FRAME_VMI_PREFIX),
		.cid = number_after(frame, len, "\"VSOCKCID\":"),
		.wants = frame_has(frame, len, "\"autoattachVSOCK\":true"),
	};
}
