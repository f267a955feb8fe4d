/**
 * fetch: an HTTP client for tests of servers that live in the test's own loop: libcurl's easy interface in a
 * thread of libuv's pool, so that client and server share no code and no thread.
 */
#ifndef SUPPORT_FETCH_H
#define SUPPORT_FETCH_H

#include <curl/curl.h>
#include <stdbool.h>
#include <uv.h>

#include "base/buf.h"

#define FETCH_MAX_BODY ((size_t)64 << 20)

struct fetch {
	/* What is wanted; zero it, then fill in. All borrowed until fetch_free(). */
	const char *url;
	const char *method; /* NULL: GET; "HEAD" asks for no body */
	const char *body;   /* sent with the request */
	const char *header; /* one "Name: value", or NULL */
	const char *ca_pem; /* verify with this root alone; NULL: do not verify */
	long http_version;  /* CURL_HTTP_VERSION_*; 0: 1.1 */
	long tls_version;   /* CURL_SSLVERSION_*, 0: libcurl's default */

	/* What came, once done. */
	bool done;
	CURLcode result;
	long status;
	long connects; /* connections made for it, 0: an open one was used again */
	long version;  /* CURL_HTTP_VERSION_* of the answer */
	struct buf answer;
	struct buf headers;
	struct buf certificate; /* PEM of the server's own */

	uv_work_t work;
	CURL *easy; /* kept, so that a second fetch_start() finds its connection */
};

/** Starts it; done becomes true in a later turn of the loop. May be started again when done. */
void fetch_start(uv_loop_t *loop, struct fetch *f);

/** Starts it and turns the loop until it is done. */
void fetch_run(uv_loop_t *loop, struct fetch *f);

/** Ends its connection too. May be started again. */
void fetch_free(struct fetch *f);

#endif
