#include "sim/settings.h"

#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "cid/pool.h"
#include "sim/memory.h"
#include "sim/sim.h"

/* How long a process that is cut off from the ConfigMap may go by an old one. */
#define CUT_OFF_MS 90000

/* ---- what is in force ---- */

static void copy_range(struct cid_range *out, const struct cid_range *range)
{
	if (cid_range_init(out, range->min, range->max, range->excluded, range->excluded_count, NULL) != 0)
		abort();
}

const struct setting *settings_now(const struct sim *s)
{
	return &s->settings.all[s->settings.count - 1];
}

void settings_start(struct sim *s)
{
	struct setting *first = &s->settings.all[0];

	copy_range(&first->range, &s->range);
	first->quarantine_ms = s->profile.quarantine_ms;
	first->window = s->profile.window;
	s->settings.count = 1;
}

void settings_end(struct sim *s)
{
	for (uint32_t i = 0; i < s->settings.count; i++)
		cid_range_free(&s->settings.all[i].range);
}

/* CIDs that a new range spans: in a wide run whole rounds of all stripes. The program refuses ranges in which
 * a stripe has none. */
static uint32_t draw_size(struct sim *s)
{
	uint32_t size = s->range.max - s->range.min + 1;
	uint32_t rounds = size / CID_STRIPES;

	if (!s->profile.wide)
		return sim_between(s, 1, size);
	return CID_STRIPES * (sim_below(s, 3) == 0 ? sim_between(s, 1, 2) : sim_between(s, 1, rounds));
}

/* Some of what VMIs show, some of anything, and now and then nearly all (profile.c). */
static size_t draw_exclusions(struct sim *s, uint32_t min, uint32_t max, struct cid_span *out)
{
	size_t count = sim_below(s, PROFILE_MAX_EXCLUDED);

	for (size_t i = 0; i < count; i++) {
		const struct object *o = server_get(&s->server, sim_below(s, s->profile.slots));

		out[i].first = o != NULL && o->has_cid ? o->cid : min + sim_below(s, max - min + 1);
		out[i].last = out[i].first;
		if (out[i].last < max && sim_below(s, 2) == 0)
			out[i].last += sim_below(s, s->profile.wide ? 100 : 3);
	}
	if (s->profile.wide && max - min >= 2 * CID_STRIPES && sim_below(s, 8) == 0)
		out[count++] = (struct cid_span){min + CID_STRIPES, max};
	return count;
}

static void draw_range(struct sim *s, struct cid_range *out)
{
	struct cid_span excluded[PROFILE_MAX_EXCLUDED];
	uint32_t size = draw_size(s);
	uint32_t min = s->range.min + sim_below(s, s->range.max - s->range.min + 2 - size);
	uint32_t max = min + size - 1;
	size_t count = draw_exclusions(s, min, max, excluded);

	if (cid_range_init(out, min, max, excluded, count, NULL) != 0 &&
	    cid_range_init(out, min, max, NULL, 0, NULL) != 0)
		abort();
}

static void draw(struct sim *s, const struct setting *now, struct setting *next)
{
	static const uint32_t quarantines[] = {0, 500, 5000, 60000};
	static const uint32_t windows[] = {1, 2, 3, 8, ALLOCATOR_MAX_IN_FLIGHT};

	*next = (struct setting){.quarantine_ms = now->quarantine_ms, .window = now->window};
	if (sim_below(s, 3) == 0)
		copy_range(&next->range, &now->range);
	else if (sim_below(s, 3) == 0)
		copy_range(&next->range, &s->range);
	else
		draw_range(s, &next->range);
	if (sim_below(s, 2) == 0)
		next->quarantine_ms = quarantines[sim_below(s, ARRAY_LEN(quarantines))];
	if (sim_below(s, 2) == 0)
		next->window = windows[sim_below(s, ARRAY_LEN(windows))];
}

/* Most hear of it soon. */
static void tell_all(struct sim *s)
{
	for (uint32_t i = 0; i < SIM_PROCESSES; i++) {
		uint32_t most_ms = sim_below(s, 8) == 0 ? CUT_OFF_MS : 2 * s->profile.delay_ms;

		if (s->processes[i].id != 0)
			settings_tell(&s->processes[i], s->queue.now_ms + sim_below(s, most_ms));
	}
}

void settings_move(struct sim *s)
{
	struct setting *next = &s->settings.all[s->settings.count];

	if (s->settings.count == SETTINGS_MAX)
		return;
	draw(s, settings_now(s), next);
	s->settings.count++;
	TRACE(s, "sim", "settings %u: range %u-%u without %zu spans, window %u, quarantine %u ms",
	      s->settings.count - 1, next->range.min, next->range.max, next->range.excluded_count,
	      next->window, next->quarantine_ms);
	tell_all(s);
}

/* ---- what a process was told ---- */

void settings_give_first(struct process *p)
{
	struct sim *s = p->sim;

	p->setting = s->settings.count - 1;
	if (p->setting > 0 && !s->at_rest && sim_below(s, 2) == 0) {
		p->setting--;
		settings_tell(p, s->queue.now_ms + sim_below(s, 20 * s->profile.delay_ms));
	}
	copy_range(&p->ranges[0], &s->settings.all[p->setting].range);
	p->range = &p->ranges[0];
	p->window = s->settings.all[p->setting].window;
	ledger_reset(&p->ledger, p->range, s->settings.all[p->setting].quarantine_ms, s->profile.slots);
}

void settings_tell(struct process *p, uint64_t at_ms)
{
	queue_sooner(&p->sim->queue, &p->told, at_ms);
}

void settings_forget(struct process *p)
{
	queue_cancel(&p->sim->queue, &p->told);
	cid_range_free(&p->ranges[0]);
	cid_range_free(&p->ranges[1]);
}

static bool is_same(const struct cid_range *x, const struct cid_range *y)
{
	return x->min == y->min && x->max == y->max && x->excluded_count == y->excluded_count &&
	       memcmp(x->excluded, y->excluded, x->excluded_count * sizeof(*x->excluded)) == 0;
}

static void take_range(struct process *p, const struct cid_range *range)
{
	uint64_t now_ms = p->sim->queue.now_ms;
	struct cid_range *before = &p->ranges[p->range == &p->ranges[1]];
	struct cid_range *next = &p->ranges[p->range == &p->ranges[0]];

	copy_range(next, range);
	p->range = next;
	ledger_set_range(&p->ledger, next);
	memory_begin(p);
	allocator_set_range(p->core, next, now_ms);
	memory_end();
	cid_range_free(before);
	auditor_range_moved(p);
}

/* Changes come in order; what follows is told after another while. */
void settings_on_told(struct sim *s, struct event *e)
{
	struct process *p = container_of(e, struct process, told);
	const struct setting *next;

	if (process_is_paused(p)) {
		queue_at(&s->queue, e, p->paused_until_ms);
		return;
	}
	if (p->setting == s->settings.count - 1)
		return;
	p->setting =
		s->at_rest ? s->settings.count - 1 : sim_between(s, p->setting + 1, s->settings.count - 1);
	if (p->setting < s->settings.count - 1)
		settings_tell(p, s->queue.now_ms + sim_between(s, 1, s->profile.delay_ms));
	next = &s->settings.all[p->setting];
	TRACE(s, p->name, "is told of settings %u", p->setting);
	p->look.uid[0] = '\0';
	/* The same again does no harm. */
	if (!is_same(p->range, &next->range) || sim_below(s, 4) == 0)
		take_range(p, &next->range);
	ledger_set_quarantine(&p->ledger, next->quarantine_ms, s->queue.now_ms);
	allocator_set_quarantine(p->core, next->quarantine_ms);
	p->window = next->window;
	allocator_set_in_flight(p->core, p->window);
	process_turn(p);
	auditor_settings_taken(p);
}
