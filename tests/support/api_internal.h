/**
 * api_internal: what api.c, api_burst.c and api_watch.c share. Nobody else includes it.
 */
#ifndef SUPPORT_API_INTERNAL_H
#define SUPPORT_API_INTERNAL_H

#include <curl/curl.h>

#include "base/buf.h"
#include "support/api.h"
#include "support/api_config.h"

/* More than the largest list a test makes; a bound all the same. */
#define API_BODY_MAX ((size_t)512 << 20)

struct api {
	struct api_config config;
	CURL *easy; /* for single requests: keeps its connection */
};

/** One transfer: an easy handle and what came in. Not to be moved while it runs. */
struct api_transfer {
	CURL *easy; /* borrowed */
	struct curl_slist *headers;
	struct buf in;
	char error[CURL_ERROR_SIZE];
};

/** Sets everything on @easy for one request; the body is copied. api_transfer_free() is due whatever it
 * returns: 0 or -ENOMEM. */
int api_transfer_init(struct api_transfer *t, struct api *api, CURL *easy, const char *method,
		      const char *path, const char *content_type, const char *body);

/** Fills @out from a transfer that ended without an error of libcurl. */
void api_transfer_answer(struct api_transfer *t, bool want_body, struct api_answer *out);

/** Takes the headers off the easy handle and frees them and the bytes. */
void api_transfer_free(struct api_transfer *t);

#endif
