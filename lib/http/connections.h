/**
 * connections: the bounds on a server's connections: how many in all, how many that have not yet sent a whole
 * request (a TLS handshake is part of that time), and how long each may live.
 *
 * Over a limit the oldest goes, not the newest: who opens connections and says nothing must not be able to
 * lock others out. A connection goes by shutdown() of its socket; its owner sees that as the peer's doing and
 * cleans up. Not thread-safe, no clock of its own.
 */
#ifndef HTTP_CONNECTIONS_H
#define HTTP_CONNECTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "http/certificate.h"

struct connections_options {
	uint32_t max;           /* connections in all */
	uint32_t max_waiting;   /* those without a whole request */
	uint32_t request_ms;    /* from accept to the first whole request */
	uint32_t connection_ms; /* from accept to the end */
};

enum connection_state {
	CONNECTION_WAITING,   /* no whole request yet */
	CONNECTION_ANSWERING, /* a request is being answered */
	CONNECTION_IDLE,      /* answered, kept open */
	CONNECTION_DROPPED,   /* shut down, waits for its owner */
};

struct connection {
	struct list link; /* in all, or in spare */
	int fd;
	enum connection_state state;
	uint64_t accepted_ms;
	struct certificate *certificate; /* that its TLS session may use; one reference, or NULL */
	void *data;                      /* the owner's */
};

struct connections {
	struct connections_options options;
	struct connection *array;
	struct list all;   /* oldest first */
	struct list spare; /* unused entries of array */
	size_t count[CONNECTION_DROPPED + 1];
};

/** Most connections that can be there at the same time, dropped ones included. */
size_t connections_capacity(const struct connections_options *options);

/** Returns 0 or -ENOMEM. On success @t must be given to connections_free(). */
int connections_init(struct connections *t, const struct connections_options *options);

/** All connections must have been removed. */
void connections_free(struct connections *t);

/** A new connection; drops others where there are too many. NULL where connections_capacity() is reached. */
struct connection *connections_add(struct connections *t, int fd, uint64_t now_ms);

/** @c has sent a whole request, or has got its whole answer. Nothing happens to a dropped one. */
void connections_move(struct connections *t, struct connection *c, enum connection_state state);

/** @c is gone; its certificate is given back. */
void connections_remove(struct connections *t, struct connection *c);

/** Drops what is too old at @now_ms. */
void connections_expire(struct connections *t, uint64_t now_ms);

/** Drops the one that is missed least: for when the system has no descriptor left. */
void connections_drop_one(struct connections *t);

/** When connections_expire() has something to do, UINT64_MAX: never. */
uint64_t connections_next_ms(const struct connections *t);

#endif
