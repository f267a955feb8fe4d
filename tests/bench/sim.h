/**
 * sim: build/apisim as the scenarios on it need it: any number of VMIs in a moment, changes made inside the
 * server, and what it has counted; and the programs that stand for the limit there.
 */
#ifndef BENCH_SIM_H
#define BENCH_SIM_H

#include <stdbool.h>
#include <stddef.h>

#include "bench/bench.h"
#include "bench/cluster.h"
#include "bench/turn.h"

/** Takes away all VMIs, puts @vmis new ones there, and sets the counters to 0. @kind: CLUSTER_WAITING or
 * CLUSTER_SERVED. Returns 0, -EIO, -EPROTO. */
int sim_populate(struct bench *b, size_t vmis, enum cluster_kind kind, struct error *err);

/** Waits until the server has been asked for so many patches since sim_populate(). *took_us: how long, since
 * @from_us. Returns 0, -ETIMEDOUT, or as above. */
int sim_await_patches(struct bench *b, size_t patches, long long from_us, long long *took_us,
		      struct error *err);

/** Says -EPROTO where more than @most were asked for: what had to be asked twice was no assignment. */
int sim_check_patches(struct bench *b, size_t most, struct error *err);

/** Makes so many changes of VMIs as fast as the slowest watch of them takes them. *took_us: until all of them
 * were sent. Errors as above, and -EPIPE where a watch was cut off or nobody
 * watched. */
int sim_churn(struct bench *b, size_t changes, long long *took_us, struct error *err);

/** Reads all VMIs: are they so many, and has each a CID of its own? Returns 0, -ENOENT, -EEXIST, -EIO. */
int sim_check_cids(struct bench *b, size_t vmis, struct error *err);

/** Programs that are not compared but show the limit, in the same folder as this one: bare, scan, sockets.
 * The subject is called @name and gets the arguments @a and @b (NULL: none); it is ready when it says @ready.
 */
struct sim_helper {
	struct subject subject;
	char path[4096];
};

void sim_helper(struct sim_helper *h, const char *name, const char *program, const char *ready, const char *a,
		const char *b);

/** Runs such a one to where it is ready and ends it. What it said behind @word is in @said. Returns 0 or a
 * negative errno. */
int sim_ask(struct bench *b, unsigned int round, const struct sim_helper *h, const char *word, char *said,
	    size_t said_room, struct error *err);

/** What scan.c says with the VMIs that are there now, for one of each. Errors as above. */
struct sim_scan {
	double event_us, listed_us, answer_us; /* CPU */
	double listed_wall_us;
};

int sim_scan(struct bench *b, unsigned int round, struct sim_scan *out, struct error *err);

#endif
