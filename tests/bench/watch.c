#include "bench/watch.h"

#include <errno.h>
#include <stdio.h>

static void see(void *data, const char *frame, size_t len)
{
	struct watch *w = data;
	struct frame_text version;

	w->complete = w->complete || frame_ends_initial_events(frame, len);
	version = frame_version(frame, len);
	if (w->complete && version.at != NULL)
		(void)snprintf(w->version, sizeof(w->version), "%.*s", (int)version.len, version.at);
	w->on_frame(w->data, frame, len);
}

static size_t take_bytes(char *bytes, size_t size, size_t n, void *arg)
{
	struct watch *w = arg;

	return frame_reader_feed(&w->frames, bytes, size * n) == 0 ? size * n : 0;
}

static int start(struct watch *w)
{
	char path[512];

	if (w->version[0] == '\0')
		(void)snprintf(path, sizeof(path), "%s?" WATCH_FROM_START, w->path);
	else
		(void)snprintf(path, sizeof(path),
			       "%s?watch=1&allowWatchBookmarks=true&resourceVersion=%s&timeoutSeconds=86400",
			       w->path, w->version);
	if (wire_set_path(w->wire, w->easy, path) != 0)
		return -ENOMEM;
	return curl_multi_add_handle(w->multi, w->easy) == CURLM_OK ? 0 : -ENOMEM;
}

int watch_open(struct watch *w, struct wire *wire, CURLM *multi, const char *path, const char *version,
	       void (*on_frame)(void *data, const char *frame, size_t len), void *data)
{
	*w = (struct watch){.wire = wire,
			    .multi = multi,
			    .path = path,
			    .on_frame = on_frame,
			    .data = data,
			    .complete = version != NULL};
	if (version != NULL)
		(void)snprintf(w->version, sizeof(w->version), "%s", version);
	frame_reader_init(&w->frames, see, w);
	w->easy = wire_handle(wire, WIRE_GET);
	if (w->easy == NULL)
		return -ENOMEM;
	curl_easy_setopt(w->easy, CURLOPT_WRITEFUNCTION, take_bytes);
	curl_easy_setopt(w->easy, CURLOPT_WRITEDATA, w);
	curl_easy_setopt(w->easy, CURLOPT_FAILONERROR, 1L);
	return start(w);
}

void watch_close(struct watch *w)
{
	if (w->easy != NULL) {
		curl_multi_remove_handle(w->multi, w->easy);
		curl_easy_cleanup(w->easy);
	}
	frame_reader_free(&w->frames);
	*w = (struct watch){0};
}

int watch_ended(struct watch *w, const CURL *easy)
{
	if (easy != w->easy || easy == NULL)
		return -ENOENT;
	if (++w->restarts > WATCH_RESTARTS_MAX)
		return -EIO;
	curl_multi_remove_handle(w->multi, w->easy);
	buf_reset(&w->frames.rest);
	return start(w);
}
