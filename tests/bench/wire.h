/**
 * wire: libcurl handles that are ready for one API server, for the programs that show what the wire alone
 * costs.
 *
 * Everything that is the same for all requests (certificate, token, headers) is set once for each handle, so
 * that a request is a URL, a body and nothing else. Single-threaded; several may live side by side.
 */
#ifndef BENCH_WIRE_H
#define BENCH_WIRE_H

#include <curl/curl.h>
#include <stdbool.h>

#include "base/error.h"
#include "support/api_config.h"

enum wire_kind {
	WIRE_GET,
	WIRE_GET_GZIP, /* asks for gzip, which libcurl unpacks */
	WIRE_JSON_PATCH,
	WIRE_MERGE_PATCH,
	WIRE_KINDS,
};

struct wire {
	struct api_config config;
	struct curl_slist *headers[WIRE_KINDS];
	bool http2;
};

/** The current context of @kubeconfig. With @http2 all requests share one connection (over TLS; plain HTTP
 * stays 1.1). On success wire_close() is due, after all its handles are cleaned up. Returns 0, -EINVAL,
 * -ENOENT and its like, -ENOMEM. */
int wire_open(struct wire *w, const char *kubeconfig, bool http2, struct error *err);

void wire_close(struct wire *w);

/** A handle for requests of that kind, the caller's to curl_easy_cleanup(); NULL without memory. Its answers
 * are dropped until the caller sets a write function. */
CURL *wire_handle(struct wire *w, enum wire_kind kind);

/** Sets the URL of the next request: the server's address and @path. Returns 0 or -ENOMEM. */
int wire_set_path(const struct wire *w, CURL *easy, const char *path);

#endif
