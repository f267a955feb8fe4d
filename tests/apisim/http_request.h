/**
 * http_request: an incremental HTTP/1.1 request parser (RFC 9112): takes bytes as they come, stops behind the
 * request so that what a client has pipelined is left for the next one.
 */
#ifndef APISIM_HTTP_REQUEST_H
#define APISIM_HTTP_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

#include "apisim/query.h"
#include "base/buf.h"

#define HTTP_MAX_HEAD  (256u << 10)
#define HTTP_MAX_BODY  (3u << 20)  /* what the API server takes */
#define HTTP_MAX_ADMIN (64u << 20) /* for paths under /apisim/ */

enum http_state {
	HTTP_HEAD,
	HTTP_BODY,
	HTTP_CHUNK_SIZE,
	HTTP_CHUNK,
	HTTP_CHUNK_END,
	HTTP_TRAILER,
	HTTP_DONE
};

struct http_request {
	enum http_state state;
	struct buf head; /* collected until its end has come */
	struct buf body;
	struct buf line; /* of the chunked encoding */
	size_t left;     /* of the body or the chunk */
	bool too_large;  /* the body is over the limit and was thrown away */
	bool keep_alive;
	bool expects_continue;
	/* Into head; "" where absent. */
	const char *method;
	const char *target; /* as sent */
	char *path;         /* decoded, without the query */
	const char *content_type, *user_agent, *authorization, *accept;
	struct query query;
};

void http_request_init(struct http_request *r);
void http_request_free(struct http_request *r);

/** Ready for the next one. */
void http_request_reset(struct http_request *r);

/** Takes up to @len bytes, *used says how many. Returns 0 (see r->state) or an HTTP status (400, 431, 501)
 * where this is no HTTP; the connection is of no further use then. */
int http_request_feed(struct http_request *r, const char *data, size_t len, size_t *used);

#endif
