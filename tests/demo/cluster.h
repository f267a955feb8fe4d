/**
 * cluster: the API server as the demo sees it, the controller that runs against it, and the table of both.
 *
 * All that is shown is read from the API, again and again; only whether the gate has been noticed is asked of
 * the controller's metrics. What goes wrong is said on stderr. Not thread-safe.
 */
#ifndef DEMO_CLUSTER_H
#define DEMO_CLUSTER_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "demo/screen.h"
#include "demo/witness.h"
#include "e2e/tally.h"
#include "support/api_vmi.h"
#include "support/process.h"

/* VMIs whose names begin so are shown as one line a namespace. */
#define CLUSTER_CROWD "crowd-"

struct cluster {
	struct screen screen;
	struct api *api;
	const char *controller; /* path of the program */
	const char *kubeconfig;
	const char *folder;     /* for logs */
	struct process process; /* the leader */
	struct process standby;
	char *log; /* of the leader that runs or ran last */
	char *standby_log;
	bool gate;
	/* as of the last look */
	json_t *items;
	struct tally tally;
	char term[32]; /* the Lease's, "-" without one */
	struct witness witness;
};

/** Strings are borrowed. On success cluster_close() is due. Returns 0 or a negative errno. */
int cluster_open(struct cluster *c, const char *controller, const char *kubeconfig, const char *folder);

/** Ends the controller too. */
void cluster_close(struct cluster *c);

/** Starts two replicas and waits until one leads and the other has complete caches. */
bool cluster_start_controllers(struct cluster *c);

/** Ends the leader by SIGKILL. */
void cluster_kill_leader(struct cluster *c);

/** Waits until the standby leads. */
bool cluster_fail_over(struct cluster *c);

/** Sets the VSOCK gate in the KubeVirt CR (creating it) and waits for the controller, if one runs, to know.
 */
bool cluster_set_gate(struct cluster *c, bool on);

/** Reads all VMIs and the Lease, and redraws the table. */
bool cluster_look(struct cluster *c);

/** Looks until @done says so. False (after saying what was awaited): it did not happen in time. */
bool cluster_await(struct cluster *c, const char *what, bool (*done)(struct cluster *c));

/** Every VMI that can still get a CID has one. */
bool cluster_is_served(struct cluster *c);

/** A metric of the controller, -1 where it cannot be read. */
double cluster_metric(struct cluster *c, const char *sample);

/** Lets people on a terminal see what is there, redrawing meanwhile; returns at once elsewhere. */
bool cluster_show(struct cluster *c, unsigned int ms);

/** The VMI as of the last look, borrowed; NULL: there is none. */
const json_t *cluster_find(const struct cluster *c, const char *ns, const char *name);

/** Says on stderr what has failed (and why, where @err is not NULL). Returns false. */
bool cluster_fail(struct cluster *c, const struct error *err, const char *what);

#endif
