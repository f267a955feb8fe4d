/**
 * chaos: what goes wrong with processes, the server and the Lease, and the order of a run's first part: one
 * action of the cluster after the other, each with a chance of trouble.
 */
#ifndef SIM_WHOLE_CHAOS_H
#define SIM_WHOLE_CHAOS_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/whole/agenda.h"

struct world;

struct chaos {
	struct world *world;
	struct moment next;
	struct moment server_goes_on;
	struct moment strike;
	uint32_t left;  /* actions */
	uint32_t hurry; /* so many of them follow each other fast, after a burst */
	bool over;
};

void chaos_start(struct world *w);

/** Many VMIs have been created just now: a good time for the leader to end. */
void chaos_burst(struct world *w);

/** Everything goes on and works. */
void chaos_repair(struct world *w);

/** At rest: starts anew who has given up writing against others. */
void chaos_restart_observers(struct world *w);

#endif
