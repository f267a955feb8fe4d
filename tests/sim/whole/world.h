/**
 * world: one run: whole controllers, the API server, the network between them, and a cluster that lives and
 * breaks, in virtual time, all from one seed.
 *
 * A run has two parts: things go wrong; then everything is repaired and left alone until the auditor has
 * found it settled for a while. The files of this folder share this struct; only the auditor judges.
 */
#ifndef SIM_WHOLE_WORLD_H
#define SIM_WHOLE_WORLD_H

#include <stddef.h>

#include "base/macros.h"
#include "base/rng.h"
#include "cid/range.h"
#include "sim/trace.h"
#include "sim/whole/agenda.h"
#include "sim/whole/auditor.h"
#include "sim/whole/chaos.h"
#include "sim/whole/cluster.h"
#include "sim/whole/process.h"
#include "sim/whole/profile.h"
#include "sim/whole/server.h"
#include "sim/whole/wire.h"

/* Replicas at most. */
#define WORLD_PROCESSES 3

struct tally {
	uint64_t observers; /* processes that had fallen back to observe when all was repaired */
	uint64_t runs;
	uint64_t tagged_runs;
	uint64_t events; /* deliveries, timers, actions */
	uint64_t commits;
	uint64_t requests;    /* of controllers */
	uint64_t vmi_writes;  /* of theirs, committed */
	uint64_t processes;   /* started */
	uint64_t leaders;     /* that led */
	uint64_t overflows;   /* CIDs drawn outside the own stripes, because those were used up */
	uint64_t unpromised;  /* duplicates that come of them */
	uint64_t tagged_acts; /* Leases deleted, terms set back */
	uint64_t tagged_duplicates;
	uint64_t unknowable; /* more of them, where a writer could not know that the term had been set back */
	double tagged_chance; /* how many of them were to be expected */
	uint64_t steps;       /* terms raised by their leader, for room */
	uint64_t fail_overs;  /* in calm runs, in time */
	uint64_t late_writes; /* that landed after the right of their writer had ended */
	uint64_t virtual_s;
	uint64_t faults[FAULT_COUNT];
};

struct world {
	uint64_t seed;
	struct profile profile;
	struct rng rng;
	struct agenda agenda;
	struct cid_range range;  /* as the command line has it */
	struct cid_range narrow; /* without what the ConfigMap may exclude */
	bool is_narrow;          /* as the ConfigMap has it; at rest it is right */
	struct wire wire;
	struct server server;
	struct process processes[WORLD_PROCESSES];
	struct cluster cluster;
	struct chaos chaos;
	struct auditor auditor;
	struct trace trace;
	struct tally tally; /* over all runs */
	uint64_t events;
	uint32_t serials; /* of processes, given so far */
	bool at_rest;     /* nothing goes wrong any more */
	uint64_t rest_us; /* since when */
	bool over;        /* the run is being taken apart */
	bool failed;
	char failure[400];
};

/** Makes the run of @seed; a struct world is zeroed before the first one. False: it failed, w->failure says
 * what and w->events when. */
bool world_run(struct world *w, uint64_t seed, enum trace_mode mode);

/** After the last run. */
void world_free(struct world *w);

/** The run has failed; the first failure counts. @rule: "I1", ... */
void world_fail(struct world *w, const char *rule, const char *fmt, ...) PRINTF_FORMAT(3, 4);

/** Random numbers of the run: 0 .. @n - 1, and @low .. @high. */
uint32_t world_below(struct world *w, uint32_t n);
uint32_t world_between(struct world *w, uint32_t low, uint32_t high);

/** Whether @fault happens on this occasion; counts it. */
bool world_strikes(struct world *w, enum fault fault);

/** One of the faults from @first to @last, or FAULT_COUNT: none. Whoever makes it happen counts it. */
enum fault world_draw(struct world *w, enum fault first, enum fault last);
void world_count(struct world *w, enum fault fault);

/** Zeroed memory; a machine without it ends the program. */
void *world_alloc(size_t count, size_t size);

/** @array with room for @count elements of @size bytes; the new ones are not zeroed. */
void *world_grow(void *array, size_t count, size_t size);

/** A line of the trace. @who: "api", "p1". */
#define NOTE(w, who, ...)                                                                                    \
	do {                                                                                                 \
		if ((w)->trace.mode != TRACE_OFF)                                                            \
			trace_line(&(w)->trace, (w)->events, (w)->agenda.now_us / 1000, (who), __VA_ARGS__); \
	} while (0)

#endif
