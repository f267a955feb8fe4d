/**
 * wire: the network between the controllers and the API server.
 *
 * A *line* is one connection. It carries *parcels*: requests up, pieces of answers down, and the end of the
 * connection either way. In one direction of one line the order is kept; between lines nothing is. What has
 * been sent can land any time later, also when its sender is dead. What goes wrong is drawn when a request is
 * sent (at most one mishap for each) and, for watches, when a piece of the answer is.
 *
 * Who is cut off (partition): nothing of his arrives anywhere, and nothing for him, until it is over.
 */
#ifndef SIM_WHOLE_WIRE_H
#define SIM_WHOLE_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/list.h"
#include "sim/whole/agenda.h"
#include "sim/whole/letter.h"
#include "sim/whole/profile.h"
#include "sim/whole/vloop.h"

struct process;
struct side;

enum parcel_kind {
	PARCEL_ACCEPTED, /* down: the connection is there */
	PARCEL_REFUSED,  /* down */
	PARCEL_REQUEST,  /* up: bytes is the text of all of it */
	PARCEL_ANSWER,   /* down: a piece of one */
	PARCEL_CLOSED,   /* both: the other end is gone */
};

struct parcel {
	struct list link;
	enum parcel_kind kind;
	uint64_t due_us;
	struct letter letter; /* REQUEST */
	struct buf bytes;     /* REQUEST; ANSWER: of the body */
	/* ANSWER: the first piece has the head. */
	bool first;
	bool last;
	int status;
	uint32_t retry_after_s;
	struct buf warnings; /* header lines, each begins with CRLF */
	/* CLOSED. */
	int error; /* 0: in order (FIN); else what the system says, -ECONNRESET, -ETIMEDOUT */
};

/* One direction. */
struct lane {
	struct line *line;
	struct list transit;  /* on their way, in order */
	struct moment moment; /* the first of them is there */
	struct list landed;   /* there, not yet looked at */
	struct arrival arrival;
	uint64_t last_us; /* no parcel lands before */
};

/* What happens to the request under way. */
struct mishap {
	bool answer_lost;
	bool after_gateway; /* it is carried out, and a 504 is answered */
	bool garbled;       /* it is carried out, and the answer cannot be read */
	int refused;        /* status that is answered at once, nothing done; 0: no */
	uint64_t answer_late_us;
	enum fault cut; /* why the connection ends amid the answer; 0: it does not */
};

struct line {
	struct list link;
	struct world *world;
	struct process *from; /* NULL: a proxy that sends something a second time */
	uint32_t slot;        /* of the process */
	struct vloop *loop;   /* the client's */
	void (*receive)(void *data, struct parcel *p);
	void *data;
	bool closed_below; /* the client has left, or never was */
	struct side *side; /* the server's end; NULL before the first request and after the last */
	bool closed_above;
	bool silent;    /* nothing arrives any more, and nobody says so */
	bool mute;      /* and never will to the client */
	bool busy;      /* one of its parcels is being looked at */
	uint32_t epoch; /* of the server, when it was accepted */
	struct lane up;
	struct lane down;
	struct moment doom;   /* TCP gives up */
	struct letter letter; /* of the request under way or last answered */
	struct mishap mishap;
	bool streaming; /* the answer is a watch */
};

struct wire {
	struct world *world;
	struct list lines;
	uint64_t cut_until_us[3]; /* of each slot */
};

void wire_init(struct wire *wire, struct world *w);

/** Forgets all lines. Both their ends must have left. */
void wire_free(struct wire *wire);

/** Everything works from now on; what was silent breaks. */
void wire_repair(struct wire *wire);

/** No write is on its way any more. */
bool wire_is_quiet(const struct wire *wire);

/** The process in @slot is cut off until then. */
void wire_cut(struct wire *wire, uint32_t slot, uint64_t until_us);

/* ---- the client's end ---- */

/** A new connection of @from. @receive is told in its turns; ACCEPTED or REFUSED comes first. */
struct line *line_open(struct process *from, void (*receive)(void *data, struct parcel *p), void *data);

/** Sends a request. Takes over the bytes of @text. */
void line_send(struct line *l, struct buf *text, const struct letter *letter);

/** The client leaves; receive() is not called any more. @reset: what is on its way up is lost, if it can
 * still be caught. */
void line_leave(struct line *l, bool reset);

/* ---- the server's end ---- */

/** A piece of the answer. */
struct piece {
	bool first, last;
	int status;
	uint32_t retry_after_s;
	const struct buf *warnings; /* NULL: none */
	const char *bytes;
	size_t len;
};

void line_answer(struct line *l, const struct piece *piece);

/** The server leaves. */
void line_hang_up(struct line *l);

#endif
