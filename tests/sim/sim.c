#include "sim/sim.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "sim/memory.h"

/* How long the cluster is left alone at the end: longer than the latest request (3 min), the longest pause of
 * a process (2 min), the client's timeouts, the longest backoff and the quarantine one after the other. */
#define REST_MS 900000
/* No run of this size needs more; a core in a loop does (I9). */
#define MAX_STEPS 2000000

void *sim_alloc(size_t count, size_t size)
{
	void *p = memory_calloc(count, size);

	if (p == NULL)
		abort();
	return p;
}

void *sim_grow(void *array, size_t count, size_t size)
{
	void *p = realloc(array, count * size);

	if (p == NULL)
		abort();
	return p;
}

uint32_t sim_below(struct sim *s, uint32_t n)
{
	return (uint32_t)((rng_u64(&s->rng) >> 32) * n >> 32);
}

uint32_t sim_between(struct sim *s, uint32_t low, uint32_t high)
{
	return low + sim_below(s, high - low + 1);
}

void sim_count(struct sim *s, enum fault fault)
{
	s->tally.faults[fault]++;
}

bool sim_strikes(struct sim *s, enum fault fault)
{
	uint32_t chance = s->profile.chance[fault];

	if (chance == 0 || s->at_rest || sim_below(s, 1000) >= chance)
		return false;
	sim_count(s, fault);
	return true;
}

void sim_fail(struct sim *s, const char *rule, const char *fmt, ...)
{
	va_list args;
	int n;

	if (s->failed)
		return;
	s->failed = true;
	n = snprintf(s->failure, sizeof(s->failure), "%s: ", rule);
	va_start(args, fmt);
	(void)vsnprintf(s->failure + n, sizeof(s->failure) - (size_t)n, fmt, args);
	va_end(args);
	TRACE(s, "----", "%s", s->failure);
}

/* ---- the three parts of a run ---- */

static void run_until(struct sim *s, uint64_t end_ms, bool until_rest)
{
	struct event *e;

	while (!s->failed && !(until_rest && s->life.over) && (e = queue_pop(&s->queue, end_ms)) != NULL) {
		e->run(s, e);
		s->steps++;
		auditor_step(s);
		if (s->steps > MAX_STEPS)
			sim_fail(s, "I9", "no end after %d steps", MAX_STEPS);
	}
}

static void start(struct sim *s, uint64_t seed, enum trace_mode mode)
{
	const struct profile *p = &s->profile;

	s->seed = seed;
	s->steps = 0;
	s->at_rest = false;
	s->failed = false;
	s->process_ids = 0;
	rng_init_seeded(&s->rng, seed);
	profile_draw(&s->profile, &s->rng);
	if (cid_range_init(&s->range, p->min, p->max, p->excluded, p->excluded_count, NULL) != 0)
		abort();
	settings_start(s);
	s->term = p->first_term;
	s->holder = 0;
	trace_reset(&s->trace, mode);
	queue_reset(&s->queue, sim_between(s, 1, 1000000));
	server_reset(&s->server, p->slots, p->first_version);
	network_reset(&s->network);
	auditor_reset(s);
	TRACE(s, "sim", "seed %llu: range %u-%u, %u VMIs, window %u, quarantine %u ms%s%s",
	      (unsigned long long)seed, p->min, p->max, p->slots, p->window, p->quarantine_ms,
	      p->wide ? "" : ", tiny", p->calm ? ", calm" : "");
	life_start(s);
	for (uint32_t i = 0; i < SIM_PROCESSES; i++)
		process_init(&s->processes[i], s);
	process_start(&s->processes[0]);
}

static void come_to_rest(struct sim *s)
{
	s->at_rest = true;
	s->rest_ms = s->queue.now_ms;
	TRACE(s, "sim", "everything is repaired and left alone");
	life_repair(s);
	/* Where that happens at all, it is most telling just before nothing else does. */
	if (s->profile.chance[FAULT_TERM_EDITED] > 0)
		process_edit_term(s);
	if (s->profile.chance[FAULT_SETTINGS] > 0)
		settings_move(s);
	for (uint32_t i = 0; i < SIM_PROCESSES; i++)
		process_repair(&s->processes[i]);
}

static void end(struct sim *s)
{
	for (uint32_t i = 0; i < SIM_PROCESSES; i++)
		process_kill(&s->processes[i]);
	settings_end(s);
	cid_range_free(&s->range);
	s->tally.runs++;
	s->tally.events += s->steps;
	s->tally.changes += s->server.len;
}

bool sim_run(struct sim *s, uint64_t seed, enum trace_mode mode)
{
	start(s, seed, mode);
	run_until(s, UINT64_MAX >> 24, true);
	if (!s->failed)
		come_to_rest(s);
	run_until(s, s->queue.now_ms + REST_MS, false);
	if (!s->failed)
		auditor_finish(s);
	end(s);
	return !s->failed;
}

void sim_free(struct sim *s)
{
	queue_free(&s->queue);
	server_free(&s->server);
	network_free(&s->network);
	for (uint32_t i = 0; i < SIM_PROCESSES; i++)
		process_free(&s->processes[i]);
	auditor_free(&s->auditor);
	trace_free(&s->trace);
}
