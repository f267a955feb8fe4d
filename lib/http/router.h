/**
 * router: which answer a request gets. Private to lib/http.
 *
 * Paths match exactly, queries are ignored (libmicrohttpd takes them off). An unknown path is 404 whatever
 * the method, a known one is 405 for anything but GET and HEAD, a request with a body is 413.
 */
#ifndef HTTP_ROUTER_H
#define HTTP_ROUTER_H

#include <microhttpd.h>
#include <stdbool.h>
#include <stddef.h>

#include "http/server.h"

struct router {
	const struct http_server_route *routes;
	size_t route_count;
};

/** Does this request, of which the headers are there, announce a body? */
bool router_has_body(struct MHD_Connection *mhd);

/** Queues 413. Called before the body is read, so the connection ends with the answer. */
enum MHD_Result router_refuse_body(struct MHD_Connection *mhd);

/** Calls the handler and queues its answer, or an error. @last: ask the client to end the connection. MHD_NO:
 * no memory; the connection ends then. */
enum MHD_Result router_answer(const struct router *r, struct MHD_Connection *mhd, const char *path,
			      const char *method, bool last);

#endif
