/**
 * sim: one run. A cluster with its API server, a network, and controllers' cores, in virtual time, all from
 * one seed.
 *
 * A run has three parts: VMIs live and things go wrong; then everything is repaired and left alone; then the
 * auditor looks whether all have what they need. The parts share this struct; each has its own file pair, and
 * only the auditor judges.
 */
#ifndef SIM_SIM_H
#define SIM_SIM_H

#include <stddef.h>

#include "sim/auditor.h"
#include "sim/life.h"
#include "sim/network.h"
#include "sim/process.h"
#include "sim/profile.h"
#include "sim/queue.h"
#include "sim/server.h"
#include "sim/settings.h"
#include "sim/trace.h"

/* Controllers that can be alive at the same time. */
#define SIM_PROCESSES 3

struct sim_tally {
	uint64_t runs;
	uint64_t events;
	uint64_t changes;     /* writes to objects, ours included */
	uint64_t requests;    /* of ours */
	uint64_t assignments; /* verified ones (I4) */
	uint64_t steps;       /* raisings of the term for room */
	uint64_t overflows;  /* CIDs drawn outside the own stripe, because that was full and no step helped */
	uint64_t unpromised; /* duplicates outside the promise, which need an overflow (claims.md) */
	uint64_t faults[FAULT_COUNT];
};

struct sim {
	uint64_t seed;
	struct profile profile;
	struct cid_range range; /* the first; all later ones lie between its ends */
	struct settings settings;
	struct rng rng;
	struct queue queue;
	struct server server;
	struct life life;
	struct network network;
	struct process processes[SIM_PROCESSES];
	struct auditor auditor;
	struct trace trace;
	struct sim_tally tally; /* over all runs */
	uint32_t process_ids;   /* given so far */
	uint32_t term;          /* the Lease's leaseTransitions */
	uint32_t holder;        /* the process that raised it last */
	uint64_t steps;
	bool at_rest;     /* nothing goes wrong any more */
	uint64_t rest_ms; /* since when */
	bool failed;
	char failure[400];
};

/** Zero a struct sim before the first use. */
void sim_free(struct sim *s);

/** Makes the run of @seed. False: it failed, s->failure says what and s->steps when. */
bool sim_run(struct sim *s, uint64_t seed, enum trace_mode mode);

/** The run has failed; the first failure counts. @rule: "I1", ... */
void sim_fail(struct sim *s, const char *rule, const char *fmt, ...) PRINTF_FORMAT(3, 4);

/** Random numbers of the run: 0 .. @n - 1, and @low .. @high. */
uint32_t sim_below(struct sim *s, uint32_t n);
uint32_t sim_between(struct sim *s, uint32_t low, uint32_t high);

/** Whether @fault happens on this occasion; counts it. */
bool sim_strikes(struct sim *s, enum fault fault);
void sim_count(struct sim *s, enum fault fault);

/** Zeroed memory; a machine without it ends the program. */
void *sim_alloc(size_t count, size_t size);

/** @array with room for @count elements of @size bytes; the new ones are not zeroed. */
void *sim_grow(void *array, size_t count, size_t size);

#endif
