/**
 * fake_server: an HTTP/1.1 server in the test's own loop whose every byte the test decides.
 *
 * It listens on 127.0.0.1 at a port that the system chooses. The handler sees each request that is complete
 * (Content-Length bodies only) and answers at once, later, in pieces, wrongly or never, through the
 * connection that it is given. A connection stays a valid argument until the server's close callback; what is
 * asked of one that has ended does nothing, so that a test may keep the pointer.
 *
 * Failures of the server itself (no memory, no port) end the test.
 */
#ifndef SUPPORT_FAKE_SERVER_H
#define SUPPORT_FAKE_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "base/macros.h"

struct fake_server;
struct fake_conn;

struct fake_header {
	const char *name;
	const char *value;
};

#define FAKE_REQUEST_MAX_HEADERS 64

/** A request, borrowed during the handler's call. */
struct fake_request {
	const char *method;
	const char *target;                                   /* path and query, as sent */
	struct fake_header headers[FAKE_REQUEST_MAX_HEADERS]; /* in the order in which they came */
	size_t header_count;
	const char *body; /* NUL-terminated, never NULL */
	size_t body_len;
	size_t number;     /* of this request among all of the server, from 1 */
	size_t connection; /* number of its connection, from 1 */
};

typedef void (*fake_server_handler)(void *data, struct fake_conn *conn, const struct fake_request *request);

/** What happens to a connection that was accepted. */
enum fake_accept {
	FAKE_ACCEPT,       /* requests are read and handled */
	FAKE_ACCEPT_CLOSE, /* closed at once */
	FAKE_ACCEPT_RESET, /* reset at once */
	FAKE_ACCEPT_DEAF,  /* never read */
};

/** Listens. @handler may be NULL (nothing is ever answered). */
struct fake_server *fake_server_open(uv_loop_t *loop, fake_server_handler handler, void *data);

/** "http://127.0.0.1:PORT". Lives as long as the server. */
const char *fake_server_url(const struct fake_server *s);
uint16_t fake_server_port(const struct fake_server *s);

void fake_server_set_handler(struct fake_server *s, fake_server_handler handler, void *data);
void fake_server_set_accept(struct fake_server *s, enum fake_accept accept);

/** At most @bytes leave a connection in one turn of the loop, so that a client in the same loop reads them
 * apart; 1 is the cruellest. 0 (the start): no limit. */
void fake_server_set_write_size(struct fake_server *s, size_t bytes);

/** Stops listening: connects are refused from now on. Existing connections stay. The socket is closed in the
 * loop's next turn at the latest. */
void fake_server_stop(struct fake_server *s);
/** Listens again on the same port. */
void fake_server_restart(struct fake_server *s);
/** Resets every connection. */
void fake_server_reset_all(struct fake_server *s);

/** Complete requests received since the start. */
size_t fake_server_requests(const struct fake_server *s);
/** Connections accepted since the start. */
size_t fake_server_connections(const struct fake_server *s);
/** Connections that are open now. */
size_t fake_server_open_connections(const struct fake_server *s);

/** Ends all connections, frees everything, then calls @cb (may be NULL) from the loop. */
void fake_server_close(struct fake_server *s, void (*cb)(void *data), void *data);

/** The value of the first header of that name (any case), NULL where there is none. */
const char *fake_request_header(const struct fake_request *request, const char *name);
/** How many headers of that name there are. */
size_t fake_request_header_count(const struct fake_request *request, const char *name);

/** A whole answer with Content-Length. @headers: further lines, each ended by "\r\n", or NULL. */
void fake_conn_answer(struct fake_conn *c, int status, const char *headers, const char *body);

/** Begins a chunked answer; then any number of fake_conn_chunk(); fake_conn_end() ends it. */
void fake_conn_begin(struct fake_conn *c, int status, const char *headers);
void fake_conn_chunk(struct fake_conn *c, const char *text);
void fake_conn_chunk_bytes(struct fake_conn *c, const void *bytes, size_t n);
void fake_conn_end(struct fake_conn *c);

/** Bytes as they are. */
void fake_conn_send(struct fake_conn *c, const void *bytes, size_t n);
void fake_conn_printf(struct fake_conn *c, const char *fmt, ...) PRINTF_FORMAT(2, 3);

/** Closes (FIN), or resets (RST), the connection once everything sent so far has left it; a reset waits until
 * a client in the same loop had the time to read it, for a reset destroys what was not read. */
void fake_conn_close(struct fake_conn *c);
void fake_conn_reset(struct fake_conn *c);

/** False once either side has closed it. */
bool fake_conn_is_open(const struct fake_conn *c);

/** Bytes that have not yet left for the kernel. */
size_t fake_conn_unsent(const struct fake_conn *c);

#endif
