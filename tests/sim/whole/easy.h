/**
 * easy: what stands for libcurl's easy handle: one transfer on its way through the wire. Private to engine.c
 * and transfer.c, which stand for lib/kube/http_engine.c, http_transfer.c and http_settings.c.
 *
 * They keep what those and libcurl do as far as it shows: connections that are kept and used again (but not
 * after 80 s), a read that is sent again where a kept connection turns out to be dead, a limit of
 * connections, time-outs by a clock that does not count suspend and that come before data which is there, and
 * the fence, which is asked whenever something could leave.
 */
#ifndef SIM_WHOLE_EASY_H
#define SIM_WHOLE_EASY_H

#include "kube/http_transfer.h"
#include "sim/whole/wire.h"

struct easy {
	struct list link; /* in the engine's list */
	struct http_engine *engine;
	struct http_transfer *transfer;
	const char *user_agent; /* borrowed from the settings */
	struct plug *plug;      /* its connection; NULL: none yet */
	uint64_t total_ms;      /* loop clock; 0: no time-out */
	uint64_t connect_ms;    /* likewise; while there is no connection */
	uint32_t retries;       /* on a new connection, because a kept one was dead */
	bool asked;             /* the request has left, on this connection */
	bool posted;            /* it has, on this one or another */
	struct known known;     /* when it was decided to be sent */
	struct letter letter;   /* when it has left */
	struct buf ear;         /* of the answer: what has come and is not a whole document yet */
	int status;             /* of the whole answer; 0: there is none, or it cannot be read */
	bool heard;             /* something of the answer has come */
	bool finished;
	int error; /* why it ended, 0: a whole answer is there */
};

/** Asks whether the request may leave now. False: it ends, transfer->verdict says why. */
bool easy_may_send(struct easy *x);

/** Of its URL, with the query. Borrowed. */
const char *easy_path(const struct easy *x);

/** The request as text, with all that the wire needs. */
void easy_write(const struct easy *x, struct buf *text);

/** The auditor reads @piece of the answer to @p, too. */
void easy_overhear(struct easy *x, struct process *p, const struct parcel *piece);

/** Gives a piece of the answer to whoever asked. False: he wants no more, transfer->verdict says why. */
bool easy_take(struct easy *x, const struct parcel *p);

#endif
