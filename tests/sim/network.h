/**
 * network: carries wishes to the API server and answers back, or fails to.
 *
 * Each request meets at most one fault, drawn when it is sent. A request outlives the process that sent it.
 */
#ifndef SIM_NETWORK_H
#define SIM_NETWORK_H

#include "controller/allocator.h"
#include "sim/profile.h"
#include "sim/queue.h"
#include "sim/server.h"

struct process;
struct sim;

enum stage {
	STAGE_TO_SERVER, /* it arrives next */
	STAGE_TO_CLIENT, /* the answer arrives next */
	STAGE_GIVING_UP, /* the client's time-out comes next */
	STAGE_LATE,      /* it arrives next, and nobody waits for the answer */
};

struct reply {
	enum answer_kind kind;
	bool genuine; /* the server's word, not a fault's */
	struct object object;
	uint64_t retry_ms;
};

struct request {
	struct event event;
	struct request *next; /* in the pool */
	struct process *process;
	uint32_t process_id;
	uint32_t need; /* the period of need that it was sent for, see ledger.h */
	uint64_t ticket;
	uint64_t sent_ms;
	enum wish_kind kind;
	enum fault fault; /* FAULT_COUNT: none */
	enum stage stage;
	struct patch patch; /* WISH_READ: slot and serial only */
	struct reply reply;
};

struct network {
	struct request *pool; /* unused ones */
	struct request **all; /* for freeing, and for taking back at the start of a run */
	uint32_t len;
	uint32_t room;
};

void network_reset(struct network *n);
void network_free(struct network *n);

/** Sends a wish of @p's. False: it could not leave; the caller gives ANSWER_LATER at once. Else
 * process_answered() is called exactly once, later, if the process still lives. */
bool network_send(struct sim *s, struct process *p, const struct wish *w, struct author author,
		  uint32_t need);

#endif
