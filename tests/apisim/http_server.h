/**
 * http_server: listens on 127.0.0.1 and owns the connections.
 */
#ifndef APISIM_HTTP_SERVER_H
#define APISIM_HTTP_SERVER_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "apisim/http_conn.h"
#include "base/error.h"
#include "base/list.h"

struct http_server {
	uv_loop_t *loop;
	const struct http_conn_ops *ops;
	void *data; /* the user's */
	uv_tcp_t listener;
	uv_timer_t resume;
	bool listening;
	int port;
	struct list conns;
	size_t open_conns; /* closing ones included */
	unsigned open_handles;
	bool closing;
	void (*on_closed)(struct http_server *s);
	char read_buffer[64 << 10]; /* shared: reads are handled one at a time */
};

/** Listens on @port, 0 for any free one; s->port says which. On failure nothing needs to be closed, but the
 * loop must run once before the memory goes. @ops is borrowed. */
int http_server_init(struct http_server *s, uv_loop_t *loop, int port, const struct http_conn_ops *ops,
		     struct error *err);

/** Ends all connections and refuses new ones for @ms; then listens on the same port again. */
void http_server_pause(struct http_server *s, uint64_t ms);

/** Ends all connections; new ones are welcome. */
void http_server_drop_all(struct http_server *s);

/** Closes everything. Called once; the memory goes in @cb. */
void http_server_end(struct http_server *s, void (*cb)(struct http_server *s));

/** For http_conn: one is gone. */
void http_server_conn_closed(struct http_server *s);

#endif
