/**
 * http_conn: one client's connection: requests in, answers out, in order, on the loop's thread.
 *
 * A request is handed out when it is complete; the next one only after it was answered, however many a client
 * has pipelined. Answers can be bent on purpose (struct http_shape), which is what this server is for.
 */
#ifndef APISIM_HTTP_CONN_H
#define APISIM_HTTP_CONN_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "apisim/http_request.h"
#include "apisim/response.h"
#include "base/list.h"

struct http_conn;
struct http_server;

struct http_conn_ops {
	/** A request is in c->request. Answer it now or later: respond, stream or close. */
	void (*on_request)(struct http_conn *c);
	/** All that was written has gone out (streams: there is room again). */
	void (*on_drained)(struct http_conn *c);
	/** The connection ends; called once, nothing may be written any more. May come from inside any call
	 * on @c. */
	void (*on_close)(struct http_conn *c);
	/** Nobody uses c->data any more. */
	void (*on_free)(struct http_conn *c);
};

/** How an answer is bent. All zero, and cut_after SIZE_MAX: not at all. */
struct http_shape {
	size_t cut_after;  /* bytes of the body, then the connection ends */
	size_t chunk;      /* bytes a piece, sent one by one; 0: as they come */
	uint32_t pause_ms; /* between pieces */
};

struct http_conn {
	struct list link; /* in the server's list */
	struct http_server *server;
	void *data; /* the user's */
	struct http_request request;
	uv_tcp_t tcp;
	uv_timer_t pace;
	uv_timer_t delay;
	void (*on_delay)(struct http_conn *c);
	uv_write_t write;
	struct buf in; /* read, not yet parsed */
	size_t in_at;
	struct buf out;
	struct buf sending;
	size_t sending_at; /* what is behind it is not yet with libuv */
	size_t burst;      /* bytes that went out without a turn of the loop */
	struct http_shape shape;
	unsigned open_handles;
	bool busy; /* a request waits for its answer */
	bool streaming;
	bool writing;
	bool pausing;
	bool processing;
	bool reading;
	bool close_after; /* when all has gone out */
	bool closing;
};

/** Accepts a connection of @server. Frees itself when closed. */
void http_conn_accept(struct http_server *server);

/** Answers the request; the body is taken out of @r. @shape NULL: straight. */
void http_conn_respond(struct http_conn *c, struct response *r, const struct http_shape *shape);

/** Begins an answer without an end; then data, then the end. */
void http_conn_stream_begin(struct http_conn *c, const struct response *r, const struct http_shape *shape);
void http_conn_stream(struct http_conn *c, const void *data, size_t len);
/** The same without a copy of what is large: @data comes back empty. */
void http_conn_stream_buf(struct http_conn *c, struct buf *data);
void http_conn_stream_end(struct http_conn *c);

/** Bytes that have not gone out yet. */
size_t http_conn_pending(const struct http_conn *c);

/** Calls @cb once in @ms; a later call replaces an earlier one. */
void http_conn_after(struct http_conn *c, uint64_t ms, void (*cb)(struct http_conn *c));
void http_conn_cancel_after(struct http_conn *c);

/** Ends the connection at once. May be called more than once. */
void http_conn_close(struct http_conn *c);

#endif
