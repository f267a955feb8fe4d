/**
 * side: the server's end of a line: what apisim takes for a connection. Private to server.c and conn.c, which
 * alone may see apisim's headers and the product's apart: both have a struct http_request.
 */
#ifndef SIM_WHOLE_SIDE_H
#define SIM_WHOLE_SIDE_H

#include "apisim/apisim.h"
#include "sim/whole/server.h"

struct side {
	struct http_conn conn; /* what apisim gets */
	struct line *line;     /* NULL: the cluster's own, or the line is gone */
	struct letter *letter; /* of the request under way */
	int status;            /* of the last answer, without a line */
};

struct side *side_new(struct server *s, struct line *line);

/** Hands a request to apisim. */
void side_request(struct side *side, const struct buf *text, struct letter *letter);

/** Answers a request that does not get as far, as the line's mishap says. */
void side_refuse(struct side *side);

/** The client has left. */
void side_close(struct side *side);

#endif
