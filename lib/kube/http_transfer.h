/**
 * http_transfer: one easy handle with the request that it carries and what came of it. Private to
 * http_client.
 *
 * Transfers are used again for request after request: easy handles are dear (3-30 % of the CPU of a small
 * request), and what a client's requests share stays set.
 */
#ifndef KUBE_HTTP_TRANSFER_H
#define KUBE_HTTP_TRANSFER_H

#include <curl/curl.h>

#include "base/heap.h"
#include "base/list.h"
#include "kube/http_client.h"
#include "kube/http_engine.h"
#include "kube/http_settings.h"

/* Longest head of an answer; 1 MiB is what other Kubernetes clients take, nobody sends it. */
#define HTTP_TRANSFER_HEAD_MAX (256u << 10)

struct http_transfer {
	struct list link; /* in one of the client's lists */
	struct http_client *client;
	struct http_engine *engine; /* where it runs; NULL: nowhere */
	struct http_request *req;   /* NULL: spare */
	struct http_result result;  /* once concluded */
	struct heap_node idle;      /* in the client's heap of deadlines; key in ms of uv_hrtime() */
	uint64_t heard_ms;          /* last byte of the answer, or the start */
	bool doubted;               /* its idle timeout has passed; bytes may be waiting unread */

	CURL *easy;
	struct curl_slist *headers; /* T17: these two are borrowed by the easy handle */
	struct curl_slist *connect_to;
	char words[CURL_ERROR_SIZE]; /* libcurl's, about a failure */
	size_t head_len;
	int verdict;     /* what ends the transfer from inside: a negative errno, 0 = nothing */
	const char *why; /* words for it, a literal; NULL: strerror() */
	int status;      /* 0 until the head is complete */
	bool sent;
};

/** A spare transfer, or NULL (no memory). @settings are borrowed for its life. */
struct http_transfer *http_transfer_new(struct http_client *client, const struct http_settings *settings);

/** Not while it is in an engine. */
void http_transfer_free(struct http_transfer *t);

/** Makes it ready for @req. Returns 0, -ENOMEM, -EINVAL; after a failure it is spare as before. */
int http_transfer_load(struct http_transfer *t, const struct http_settings *settings,
		       struct http_request *req, struct error *err);

/** Fills in result from what libcurl says. */
void http_transfer_conclude(struct http_transfer *t, CURLcode code);

/** Fills in result for a transfer that was ended from outside. @words: not copied. */
void http_transfer_abort(struct http_transfer *t, int error, const char *words);

/** Lets go of the request; spare again. result.message dies. */
void http_transfer_unload(struct http_transfer *t);

/** Milliseconds that never go back: for deadlines of transfers. */
uint64_t http_transfer_now_ms(void);

#endif
