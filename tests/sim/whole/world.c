#include "sim/whole/world.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Longest time that the cluster may take to settle: longer than the latest request (3 min), the longest
 * backoff, a lease and the client's time-outs one after the other. */
#define SETTLE_US 1200000000u
/* How often the auditor looks. */
#define LOOK_US 2000000u
/* See quiet_us(). */
#define QUIET_US 10000000u
/* No run of this size needs more; a process in a loop does (I9). */
#define MAX_EVENTS 400000

void *world_alloc(size_t count, size_t size)
{
	void *p = calloc(count, size);

	if (p == NULL)
		abort();
	return p;
}

void *world_grow(void *array, size_t count, size_t size)
{
	void *p = reallocarray(array, count, size);

	if (p == NULL)
		abort();
	return p;
}

/* ---- chance ---- */

uint32_t world_below(struct world *w, uint32_t n)
{
	return (uint32_t)((rng_u64(&w->rng) >> 32) * n >> 32);
}

uint32_t world_between(struct world *w, uint32_t low, uint32_t high)
{
	return low + world_below(w, high - low + 1);
}

bool world_strikes(struct world *w, enum fault fault)
{
	uint32_t chance = w->profile.chance[fault];

	if (chance == 0 || w->at_rest || world_below(w, CHANCES) >= chance)
		return false;
	w->tally.faults[fault]++;
	return true;
}

enum fault world_draw(struct world *w, enum fault first, enum fault last)
{
	uint32_t r;

	if (w->at_rest)
		return FAULT_COUNT;
	r = world_below(w, CHANCES);
	for (unsigned int i = first; i <= last; i++) {
		if (r < w->profile.chance[i])
			return (enum fault)i;
		r -= w->profile.chance[i];
	}
	return FAULT_COUNT;
}

void world_count(struct world *w, enum fault fault)
{
	w->tally.faults[fault]++;
}

/* ---- time, the log ---- */

time_t __wrap_time(time_t *out);
uint64_t __wrap_clock_boot_ms(void);
uint64_t __wrap_clock_wall_us(void);
void __wrap_log_write(struct logger *log, enum log_level level, const char *file, int line,
		      const struct log_object *object, const struct error *err, const char *fmt, ...)
	PRINTF_FORMAT(7, 8);

uint64_t __wrap_clock_boot_ms(void)
{
	return vloop_boot_us(vloop_running()) / 1000;
}

uint64_t __wrap_clock_wall_us(void)
{
	const struct vloop *l = vloop_running();

	return l->wall_us + vloop_boot_us(l);
}

time_t __wrap_time(time_t *out)
{
	time_t now = (time_t)(1700000000 + vloop_boot_us(vloop_running()) / 1000000);

	if (out != NULL)
		*out = now;
	return now;
}

/* What the product logs belongs to the trace. */
void __wrap_log_write(struct logger *log, enum log_level level, const char *file, int line,
		      const struct log_object *object, const struct error *err, const char *fmt, ...)
{
	struct process *p = container_of(log, struct process, log);
	char text[256];
	va_list args;

	(void)level;
	(void)file;
	(void)line;
	if (p->world->trace.mode == TRACE_OFF)
		return;
	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	NOTE(p->world, p->name, "says: %s%s%s%s%s", text, object != NULL ? " about " : "",
	     object != NULL ? object->name : "", err != NULL ? ": " : "", err != NULL ? err->message : "");
}

/* ---- the parts of a run ---- */

void world_fail(struct world *w, const char *rule, const char *fmt, ...)
{
	va_list args;
	int n;

	if (w->failed)
		return;
	w->failed = true;
	n = snprintf(w->failure, sizeof(w->failure), "%s: ", rule);
	va_start(args, fmt);
	(void)vsnprintf(w->failure + n, sizeof(w->failure) - (size_t)n, fmt, args);
	va_end(args);
	NOTE(w, "----", "%s", w->failure);
}

static void run_until(struct world *w, uint64_t end_us, bool until_rest)
{
	struct moment *m;

	while (!w->failed && !(until_rest && w->chaos.over) && (m = agenda_pop(&w->agenda, end_us)) != NULL) {
		m->run(m);
		if (w->events > MAX_EVENTS)
			world_fail(w, "I9", "no end after %d events", MAX_EVENTS);
	}
	if (!w->failed && !until_rest)
		w->agenda.now_us = end_us;
}

static void start(struct world *w, uint64_t seed, enum trace_mode mode)
{
	struct profile *p = &w->profile;

	w->seed = seed;
	w->events = 0;
	w->serials = 0;
	w->at_rest = w->over = w->failed = false;
	w->rest_us = 0;
	rng_init_seeded(&w->rng, seed);
	profile_draw(p, &w->rng);
	if (cid_range_init(&w->range, p->min, p->max, &p->excluded, p->excluded_count, NULL) != 0 ||
	    cid_range_init(&w->narrow, p->min, p->max, (const struct cid_span[]){p->forbidden, p->excluded},
			   1 + p->excluded_count, NULL) != 0)
		abort();
	w->is_narrow = false;
	trace_reset(&w->trace, mode);
	agenda_reset(&w->agenda, 1000000);
	wire_init(&w->wire, w);
	auditor_reset(w);
	NOTE(w, "sim",
	     "seed %llu: range %u-%u, %u VMIs, %u processes, lease %u/%u/%u ms, ways of %u us, watches "
	     "late by %u ms%s%s%s%s",
	     (unsigned long long)seed, p->min, p->max, p->slots, p->processes, p->lease_ms, p->deadline_ms,
	     p->retry_ms, p->delay_us, p->lag_us / 1000, p->calm ? ", calm" : "", p->tagged ? ", tagged" : "",
	     p->blind ? ", blind" : "", p->same_seed ? ", the same random numbers" : "");
	server_open(&w->server, w);
	cluster_start(w);
	chaos_start(w);
	for (uint32_t i = 0; i < p->processes; i++) {
		process_init(&w->processes[i], w, i);
		process_start_in(&w->processes[i], world_below(w, 2) * world_below(w, 20000));
	}
}

/* How long all has to be well without a break: what went wrong before can still cost a leader its Lease. */
static uint64_t quiet_us(const struct world *w)
{
	return (uint64_t)w->profile.lease_ms * 1000 + QUIET_US;
}

static bool is_settled(struct world *w, const char **why)
{
	*why = "something is still on its way";
	return wire_is_quiet(&w->wire) && auditor_is_settled(w, why);
}

/* Everything works from now on. Ends when all has been as it should be for a while, and no VMI was written.
 */
static void settle(struct world *w)
{
	uint64_t end_us = w->agenda.now_us + SETTLE_US;
	uint64_t well_us = w->agenda.now_us; /* since when all is well */
	const char *why = "";

	w->at_rest = true;
	w->rest_us = w->agenda.now_us;
	NOTE(w, "sim", "everything is repaired and left alone");
	cluster_repair(w);
	chaos_repair(w);
	while (!w->failed && w->agenda.now_us < end_us) {
		run_until(w, w->agenda.now_us + LOOK_US, false);
		chaos_restart_observers(w); /* what was under way may have been the third that was undone */
		if (!is_settled(w, &why))
			well_us = w->agenda.now_us;
		if (w->auditor.last_write_us > well_us) {
			why = "VMIs are written again and again";
			well_us = w->auditor.last_write_us;
		}
		if (w->agenda.now_us >= well_us + quiet_us(w))
			return;
	}
	world_fail(w, "rest", "%s", why);
}

static void end(struct world *w)
{
	struct tally *t = &w->tally;

	w->over = true;
	w->at_rest = true;
	for (uint32_t i = 0; i < w->profile.processes; i++)
		process_kill(&w->processes[i]);
	t->virtual_s += w->agenda.now_us / 1000000;
	t->commits += w->server.commits;
	server_close(&w->server);
	wire_free(&w->wire);
	cid_range_free(&w->range);
	cid_range_free(&w->narrow);
	t->runs++;
	t->tagged_runs += w->profile.tagged;
	t->events += w->events;
}

bool world_run(struct world *w, uint64_t seed, enum trace_mode mode)
{
	start(w, seed, mode);
	run_until(w, UINT64_MAX >> 24, true);
	if (!w->failed)
		settle(w);
	end(w);
	return !w->failed;
}

void world_free(struct world *w)
{
	auditor_reset(w);
	cluster_free(w);
	server_free(&w->server);
	agenda_free(&w->agenda);
	trace_free(&w->trace);
}
