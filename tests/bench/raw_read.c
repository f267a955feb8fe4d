#include "bench/raw_read.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/watch.h"

#define VMIS "/apis/kubevirt.io/v1/virtualmachineinstances"
#define PAGE 500

/* What the end of a stream and the token of the next page are found by. */
static const char stream_end[] = "\"k8s.io/initial-events-end\":\"true\"";
static const char token_key[] = "\"continue\":\"";

/* Of what came before, the last bytes are kept: the end of a stream may stand across two pieces, and the
 * metadata of a page stand behind its items. */
#define TAIL 2048
#define MARK (sizeof(stream_end) - 1)

struct reading {
	size_t bytes;
	char tail[2 * TAIL];
	size_t tail_len; /* at most TAIL, but for a moment */
	bool ended;
};

/* Keeps the end of what came up to here. */
static void join(struct reading *r, const char *bytes, size_t n)
{
	size_t more = n < TAIL ? n : TAIL;

	memcpy(r->tail + r->tail_len, bytes + n - more, more);
	r->tail_len += more;
	if (r->tail_len > TAIL) {
		memmove(r->tail, r->tail + r->tail_len - TAIL, TAIL);
		r->tail_len = TAIL;
	}
}

/* Whether the mark stands across the tail and these bytes. */
static bool crosses(const struct reading *r, const char *bytes, size_t n)
{
	char joint[2 * MARK];
	size_t before = r->tail_len < MARK ? r->tail_len : MARK;
	size_t after = n < MARK ? n : MARK;

	memcpy(joint, r->tail + r->tail_len - before, before);
	memcpy(joint + before, bytes, after);
	return memmem(joint, before + after, stream_end, MARK) != NULL;
}

/* Ends the transfer at the end of the initial events. */
static size_t take_stream(char *bytes, size_t size, size_t n, void *arg)
{
	struct reading *r = arg;

	n *= size;
	r->bytes += n;
	r->ended = crosses(r, bytes, n) || memmem(bytes, n, stream_end, MARK) != NULL;
	join(r, bytes, n);
	return r->ended ? 0 : n;
}

static size_t take_page(char *bytes, size_t size, size_t n, void *arg)
{
	struct reading *r = arg;

	n *= size;
	r->bytes += n;
	join(r, bytes, n);
	return n;
}

static int read_stream(struct wire *wire, struct reading *r)
{
	CURL *easy = wire_handle(wire, WIRE_GET);
	int rc = -ENOMEM;

	if (easy != NULL && wire_set_path(wire, easy, VMIS "?" WATCH_FROM_START) == 0) {
		curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_stream);
		curl_easy_setopt(easy, CURLOPT_WRITEDATA, r);
		curl_easy_setopt(easy, CURLOPT_FAILONERROR, 1L);
		(void)curl_easy_perform(easy);
		rc = r->ended ? 0 : -EIO;
	}
	curl_easy_cleanup(easy);
	return rc;
}

/* The token of the next page, escaped; NULL on the last. */
static char *next_token(CURL *easy, const struct reading *r)
{
	const char *at = memmem(r->tail, r->tail_len, token_key, sizeof(token_key) - 1);
	const char *end;

	if (at == NULL)
		return NULL;
	at += sizeof(token_key) - 1;
	end = memchr(at, '"', (size_t)(r->tail + r->tail_len - at));
	return end != NULL && end > at ? curl_easy_escape(easy, at, (int)(end - at)) : NULL;
}

static int read_page(struct wire *wire, CURL *easy, struct reading *r, char **token)
{
	char *path = NULL;
	long status = 0;
	int rc;

	if (asprintf(&path, VMIS "?limit=%d%s%s", PAGE, *token != NULL ? "&continue=" : "",
		     *token != NULL ? *token : "") < 0)
		return -ENOMEM;
	rc = wire_set_path(wire, easy, path);
	free(path);
	r->tail_len = 0;
	if (rc != 0)
		return rc;
	if (curl_easy_perform(easy) != CURLE_OK)
		return -EIO;
	curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
	curl_free(*token);
	*token = next_token(easy, r);
	return status == 200 ? 0 : -EPROTO;
}

static int read_pages(struct wire *wire, struct reading *r, enum wire_kind kind)
{
	CURL *easy = wire_handle(wire, kind);
	char *token = NULL;
	int rc;

	if (easy == NULL)
		return -ENOMEM;
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_page);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, r);
	do {
		rc = read_page(wire, easy, r, &token);
	} while (rc == 0 && token != NULL);
	curl_free(token);
	curl_easy_cleanup(easy);
	return rc;
}

int raw_read(struct wire *wire, const char *how, int signals)
{
	struct pollfd fd = {.fd = signals, .events = POLLIN};
	struct reading reading = {0};
	int rc = -EINVAL;

	if (strcmp(how, "stream") == 0)
		rc = read_stream(wire, &reading);
	else if (strcmp(how, "paged") == 0)
		rc = read_pages(wire, &reading, WIRE_GET);
	else if (strcmp(how, "gzip") == 0)
		rc = read_pages(wire, &reading, WIRE_GET_GZIP);
	if (rc != 0) {
		(void)fprintf(stderr, "raw: --read %s: %s\n", how, strerror(-rc));
		return EXIT_FAILURE;
	}
	printf("ready %zu\n", reading.bytes);
	fflush(stdout);
	while (poll(&fd, 1, -1) < 0 && errno == EINTR)
		;
	return EXIT_SUCCESS;
}
