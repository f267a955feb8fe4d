#include "support/api_watch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "support/api_internal.h"

struct api_watch {
	CURL *easy;
	CURLM *multi;
	struct api_transfer transfer;
	size_t scanned; /* bytes of transfer.in that the scanner has seen */
	size_t depth;   /* open braces and brackets at that point */
	bool in_string;
	bool escaped;
	bool ended;
	CURLcode code; /* how it ended */
};

/* Goes on counting braces to the end of the first frame. True when transfer.in begins with a whole frame,
 * whose length is then `scanned`. Frames are objects, so nothing but white space stands between them. */
static bool scan_frame(struct api_watch *watch)
{
	const struct buf *in = &watch->transfer.in;

	while (watch->scanned < in->len) {
		char c = in->data[watch->scanned++];

		if (watch->in_string) {
			if (watch->escaped)
				watch->escaped = false;
			else if (c == '\\')
				watch->escaped = true;
			else if (c == '"')
				watch->in_string = false;
		} else if (c == '"') {
			watch->in_string = true;
		} else if (c == '{' || c == '[') {
			watch->depth++;
		} else if ((c == '}' || c == ']') && (watch->depth == 0 || --watch->depth == 0)) {
			return true;
		}
	}
	return false;
}

static int take_frame(struct api_watch *watch, json_t **frame, struct error *err)
{
	struct buf *in = &watch->transfer.in;
	json_error_t why;

	*frame = json_loadb(in->data, watch->scanned, JSON_ALLOW_NUL, &why);
	if (*frame == NULL)
		return error_set(err, -EPROTO, "watch frame: %s", why.text);
	memmove(in->data, in->data + watch->scanned, in->len - watch->scanned);
	in->len -= watch->scanned;
	watch->scanned = 0;
	return 0;
}

/* Lets libcurl work, waiting @wait_ms at most for the network. */
static void run(struct api_watch *watch, uint64_t wait_ms)
{
	CURLMsg *msg;
	int left;

	if (wait_ms > 0)
		curl_multi_poll(watch->multi, NULL, 0, (int)wait_ms, NULL);
	curl_multi_perform(watch->multi, &left);
	while ((msg = curl_multi_info_read(watch->multi, &left)) != NULL) {
		if (msg->msg == CURLMSG_DONE) {
			watch->ended = true;
			watch->code = msg->data.result;
		}
	}
}

static bool header_is_there(struct api_watch *watch)
{
	struct curl_header *header;

	return curl_easy_header(watch->easy, "Content-Type", 0, CURLH_HEADER, -1, &header) == CURLHE_OK;
}

static int await_header(struct api_watch *watch, const char *path, struct error *err)
{
	uint64_t now = clock_boot_ms();
	uint64_t end = now + API_TIMEOUT_MS;

	run(watch, 0);
	while (!header_is_there(watch) && !watch->ended && now < end) {
		run(watch, end - now);
		now = clock_boot_ms();
	}
	if (api_watch_status(watch) != 0)
		return 0;
	return error_set(err, -EIO, "watch %s: %s", path,
			 watch->transfer.error[0] != '\0' ? watch->transfer.error
							  : curl_easy_strerror(watch->code));
}

int api_watch_open(struct api_watch **out, struct api *api, const char *path, struct error *err)
{
	struct api_watch *watch = calloc(1, sizeof(*watch));
	int rc = -ENOMEM;

	if (watch == NULL)
		return error_set(err, -ENOMEM, "out of memory");
	watch->easy = curl_easy_init();
	watch->multi = curl_multi_init();
	if (watch->easy != NULL && watch->multi != NULL)
		rc = api_transfer_init(&watch->transfer, api, watch->easy, "GET", path, NULL, NULL);
	if (rc != 0) {
		error_set(err, rc, "out of memory");
		goto err;
	}
	curl_easy_setopt(watch->easy, CURLOPT_TIMEOUT_MS, 0L);
	curl_multi_add_handle(watch->multi, watch->easy);
	rc = await_header(watch, path, err);
	if (rc != 0)
		goto err;
	*out = watch;
	return 0;
err:
	api_watch_close(watch);
	return rc;
}

long api_watch_status(const struct api_watch *watch)
{
	long status = 0;

	curl_easy_getinfo(watch->easy, CURLINFO_RESPONSE_CODE, &status);
	return status;
}

static int how_it_ended(const struct api_watch *watch, struct error *err)
{
	const struct buf *in = &watch->transfer.in;

	if (watch->code != CURLE_OK)
		return error_set(err, -EIO, "watch: %s", curl_easy_strerror(watch->code));
	if (strspn(buf_str(in), " \r\n\t") != in->len)
		return error_set(err, -EPROTO, "watch: ended inside a frame, or not JSON: %.100s",
				 buf_str(in));
	return error_set(err, -ENODATA, "watch: ended");
}

int api_watch_next(struct api_watch *watch, int timeout_ms, json_t **frame, struct error *err)
{
	uint64_t now = clock_boot_ms();
	uint64_t end = now + (uint64_t)timeout_ms;

	run(watch, 0);
	for (;;) {
		if (scan_frame(watch))
			return take_frame(watch, frame, err);
		if (watch->ended)
			return how_it_ended(watch, err);
		if (now >= end)
			return error_set(err, -ETIMEDOUT, "watch: nothing within %d ms", timeout_ms);
		run(watch, end - now);
		now = clock_boot_ms();
	}
}

void api_watch_close(struct api_watch *watch)
{
	if (watch == NULL)
		return;
	if (watch->easy != NULL && watch->multi != NULL)
		curl_multi_remove_handle(watch->multi, watch->easy);
	if (watch->transfer.easy != NULL)
		api_transfer_free(&watch->transfer);
	curl_easy_cleanup(watch->easy);
	if (watch->multi != NULL)
		curl_multi_cleanup(watch->multi);
	free(watch);
}
