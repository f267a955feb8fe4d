/**
 * cluster: what lives beside us: VMIs that are born, run, end and come again under the same name, the
 * KubeVirt CR, and foreign writers. It acts through requests to the API server that no network delays.
 */
#ifndef SIM_WHOLE_CLUSTER_H
#define SIM_WHOLE_CLUSTER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

#define CLUSTER_MAX_SLOTS 32

/* Under one name; phases are their places in the life of a VMI. */
struct guest {
	bool exists;
	bool wants;
	bool finalizer;
	bool deleting;
	bool falls_back; /* a migration target, whose phase can go back to WaitingForSync */
	uint8_t phase;
	uint8_t passed; /* bit i: it has been in phase i */
};

struct cluster {
	struct guest guests[CLUSTER_MAX_SLOTS];
	bool gate_open;
	uint64_t gate_us; /* since when */
	uint32_t touches; /* updates without meaning to us */
	struct buf path;
	struct buf body;
};

struct world;

/** The KubeVirt CR and, unless this is a first install, the Lease. */
void cluster_start(struct world *w);
void cluster_free(struct world *w);

/** Something happens. */
void cluster_act(struct world *w);

/** The gate is as it is to be at rest. */
void cluster_repair(struct world *w);

#endif
