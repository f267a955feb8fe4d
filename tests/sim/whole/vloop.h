/**
 * vloop: libuv's loop for one simulated process, and that process's clocks, in virtual time.
 *
 * The code under test is compiled against the real uv.h and linked with vloop.c in libuv's place; the private
 * members of libuv's structs hold what vloop.c needs. A turn has libuv's order: what has arrived, closing
 * callbacks, timers that are due, idle, prepare. A process does nothing between its turns.
 *
 * Clocks: *boot* counts while the machine is suspended, *mono* (timers, uv_hrtime()) does not. Both run at
 * the process's own rate. *wall* is boot and a constant. They answer for the process whose turn it is, which
 * is why there is one variable for all of them: clock_boot_ms() has no argument.
 */
#ifndef SIM_WHOLE_VLOOP_H
#define SIM_WHOLE_VLOOP_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/heap.h"
#include "base/list.h"
#include "sim/whole/agenda.h"

/** Something has come in from outside. Owned by whoever put it there. */
struct arrival {
	struct list link;
	/** In the poll phase of the process's turn. */
	void (*deliver)(struct arrival *a);
};

struct vloop {
	uv_loop_t uv; /* what the code under test gets */
	struct world *world;
	void *owner;
	struct heap timers;
	struct list idles;
	struct list prepares;
	uv_handle_t *closing;
	uint32_t handles; /* not yet closed */
	uint32_t timer_ids;
	uint64_t now_ms; /* as uv_now() says it */
	struct list inbox;
	struct moment wake;
	bool stopped;     /* SIGSTOP, or suspended: no turns */
	bool resumed;     /* the next turn is the first one after that */
	bool detached;    /* it has left the world: time is what vloop_drain() makes it */
	uint64_t cpu_us;  /* the least time between two turns */
	uint64_t free_us; /* no turn before, in the world's time */
	/* clocks */
	uint64_t start_us;  /* of the world's time */
	uint64_t boot_us;   /* then; detached: now */
	uint64_t wall_us;   /* boot + this */
	uint32_t rate;      /* of VLOOP_RATE */
	uint64_t asleep_us; /* boot minus mono */
};

/** A clock that is right. */
#define VLOOP_RATE (1u << 16)

/** @wake: calls vloop_turn(). Clocks begin now, right and at 0; they may be set before the first turn. */
void vloop_init(struct vloop *l, struct world *w, void *owner, void (*wake)(struct moment *m));

/** After all handles are closed. */
void vloop_free(struct vloop *l);

/** The loop that a libuv loop belongs to. */
struct vloop *vloop_of(const uv_loop_t *loop);

/** Between these two the clocks are those of @l. Returns what to give to vloop_leave(). */
struct vloop *vloop_enter(struct vloop *l);
void vloop_leave(struct vloop *before);

/** Whose turn it is; NULL: nobody's. */
struct vloop *vloop_running(void);

uint64_t vloop_boot_us(const struct vloop *l);

/** Has @a delivered in the next turn, unless it is waiting already. */
void vloop_arrive(struct vloop *l, struct arrival *a);

/** The process's next turn, now. */
void vloop_turn(struct vloop *l);

/** Sets the time of the next turn, after something was called from outside. */
void vloop_schedule(struct vloop *l);

/** No turns from now on, until vloop_go_on(). @asleep_us: by so much the machine was suspended. */
void vloop_stop(struct vloop *l);
void vloop_go_on(struct vloop *l, uint64_t asleep_us);

/** Takes the process out of the world's time and lets it run, its timers at once, until all handles are
 * closed. False: it has not ended after very many turns. */
bool vloop_drain(struct vloop *l);

#endif
