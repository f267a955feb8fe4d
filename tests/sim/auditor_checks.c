/* The second half of the auditor: allocators against ledgers, and the end. See auditor.h. */
#include "sim/auditor.h"

#include <stdlib.h>
#include <string.h>

#include "cid/pool.h"
#include "controller/vmi_store.h"
#include "sim/sim.h"

/* Stripes larger than this are validated at the end only: it takes a walk over all of the stripe. */
#define MAX_STRIPE_TO_WALK 256

/* After this much rest no allocator may still have wishes. */
#define SETTLED_MS 600000

/* ---- gauges ---- */

struct gauges {
	uint64_t tracked;
	uint64_t invalid;
	uint64_t outside;
	uint64_t missed;
	uint64_t unreadable;
	uint64_t duplicates;
	uint64_t patchy;    /* maybe in the ledger alone */
	uint64_t forgotten; /* and in need */
	uint64_t unsated;   /* and not in need, which the allocator cannot know */
};

static bool shows(const struct entry *e, uint32_t cid)
{
	return e->present && e->has_visible && e->visible == cid;
}

/* Whether @place is the second of the entries that show the same CID: each CID counts once. */
static bool makes_duplicate(const struct ledger *l, uint32_t place)
{
	uint32_t before = 0;

	if (!shows(&l->entries[place], l->entries[place].visible))
		return false;
	for (uint32_t i = 0; i < l->claim_count; i++)
		before += l->claims[i].cid == l->entries[place].visible && l->claims[i].entry < place &&
			  shows(&l->entries[l->claims[i].entry], l->entries[place].visible);
	return before == 1;
}

static struct gauges count(const struct ledger *l)
{
	struct gauges g = {0};

	for (uint32_t i = 0; i < l->len; i++) {
		const struct entry *e = &l->entries[i];
		bool reserved;

		if (!e->present)
			continue;
		g.tracked++;
		g.unreadable += e->unreadable;
		reserved = e->visible < 3 || e->visible == UINT32_MAX;
		g.invalid += e->has_visible && reserved;
		g.outside += ledger_is_outside(l, e);
		g.missed += e->wants && e->started && !e->has_visible && e->guests == 0 && !e->final &&
			    !e->unreadable;
		g.duplicates += makes_duplicate(l, i);
		g.patchy += e->patchy;
		g.forgotten += e->needy && e->patchy;
		g.unsated += !e->needy && e->patchy;
	}
	return g;
}

static void expect(struct process *p, const char *what, uint64_t is, uint64_t should_be)
{
	if (is != should_be)
		sim_fail(p->sim, "gauge", "%s of %s is %llu and should be %llu", what, p->name,
			 (unsigned long long)is, (unsigned long long)should_be);
}

static void expect_between(struct process *p, const char *what, uint64_t is, uint64_t low, uint64_t high)
{
	if (is < low || is > high)
		sim_fail(p->sim, "gauge", "%s of %s is %llu, not within %llu and %llu", what, p->name,
			 (unsigned long long)is, (unsigned long long)low, (unsigned long long)high);
}

static void check_gauges(struct process *p, const struct allocator_stats *stats)
{
	struct gauges g = count(&p->ledger);

	expect_between(p, "waiting", stats->waiting, p->ledger.needy - g.forgotten,
		       p->ledger.needy + g.unsated);
	expect(p, "in_flight", stats->in_flight, p->in_flight);
	expect(p, "informed", stats->informed, p->view.lists > 0);
	if (g.patchy == 0) {
		expect(p, "invalid", stats->invalid, g.invalid);
		expect(p, "outside", stats->outside, g.outside);
		/* What a list has mended the ledger has forgotten the guest's CIDs of. */
		expect_between(p, "missed", stats->missed, p->was_short ? 0 : g.missed, g.missed);
		expect(p, "duplicates", stats->duplicates, g.duplicates);
	}
	/* What there was no memory for, and later no need or no readable UID, is in the ledger alone. */
	if (!p->was_short) {
		expect(p, "tracked", stats->tracked, g.tracked);
		expect(p, "unreadable", stats->unreadable, g.unreadable);
	}
}

/* ---- holds ---- */

static int compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a;
	uint32_t y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static uint32_t count_distinct(uint32_t *cids, uint32_t n)
{
	uint32_t distinct = 0;

	if (n > 1)
		qsort(cids, n, sizeof(*cids), compare);
	for (uint32_t i = 0; i < n; i++)
		distinct += i == 0 || cids[i] != cids[i - 1];
	return distinct;
}

static void make_room(struct auditor *a, uint32_t n)
{
	if (n <= a->scratch_room)
		return;
	free(a->bound);
	free(a->touched);
	a->scratch_room = n * 2;
	a->bound = sim_alloc(a->scratch_room, sizeof(*a->bound));
	a->touched = sim_alloc(a->scratch_room, sizeof(*a->touched));
}

/* I5: what binds is held; what is held or rests was once shown or asked for. */
static void check_holds(struct process *p, const struct allocator_stats *stats)
{
	const struct ledger *l = &p->ledger;
	struct auditor *a = &p->sim->auditor;
	uint32_t bound = 0;
	uint32_t touched = 0;

	make_room(a, l->claim_count);
	for (uint32_t i = 0; i < l->claim_count; i++) {
		const struct claim *c = &l->claims[i];

		a->touched[touched++] = c->cid;
		if (!ledger_binds(l, c))
			continue;
		a->bound[bound++] = c->cid;
		if (!allocator_is_held(p->core, c->cid))
			sim_fail(p->sim, "I5", "%s does not hold %u of v%u any more", p->name, c->cid,
				 l->entries[c->entry].slot);
	}
	expect_between(p, "in_use", stats->in_use, count_distinct(a->bound, bound),
		       count_distinct(a->touched, touched));
	if (stats->in_use > stats->tracked * (VMI_MAX_HOLDS + 2))
		sim_fail(p->sim, "I9", "%s holds too many CIDs", p->name);
}

static bool is_counted(const struct ledger *l, uint32_t cid, uint32_t stripe)
{
	return (stripe == CID_STRIPES || cid_stripe_of(cid) == stripe) && cid_range_contains(l->range, cid);
}

uint32_t auditor_unavailable(struct process *p, uint32_t stripe, bool sure)
{
	const struct ledger *l = &p->ledger;
	struct auditor *a = &p->sim->auditor;
	uint64_t now_ms = p->sim->queue.now_ms;
	uint32_t n = 0;

	make_room(a, l->claim_count + l->rest_count);
	for (uint32_t i = 0; i < l->claim_count; i++)
		if (is_counted(l, l->claims[i].cid, stripe) && (!sure || ledger_binds(l, &l->claims[i])))
			a->touched[n++] = l->claims[i].cid;
	for (uint32_t i = 0; i < l->rest_count; i++) {
		const struct rest *r = &l->rests[i];

		if (is_counted(l, r->cid, stripe) &&
		    (sure ? r->binds && ledger_until_ms(l, r) > now_ms : ledger_until_ms(l, r) >= now_ms))
			a->touched[n++] = r->cid;
	}
	return count_distinct(a->touched, n);
}

static void check_available(struct process *p, const struct allocator_stats *stats, bool turned)
{
	uint64_t size = cid_range_size(p->range);

	/* While a process stands still, its quarantine does not end on time; and what there was no memory to
	 * let rest stays taken for good. */
	if (p->paused_until_ms >= p->sim->queue.now_ms || p->was_short)
		return;
	auditor_check_stripe(p, turned);
	expect_between(p, "available", stats->available, size - auditor_unavailable(p, CID_STRIPES, false),
		       size - auditor_unavailable(p, CID_STRIPES, true));
}

/* @turned: a turn has followed all that @p was told. */
static void compare_all(struct process *p, bool turned)
{
	struct allocator_stats stats;

	if (p->lossy)
		return;
	allocator_stats(p->core, &stats);
	check_gauges(p, &stats);
	check_holds(p, &stats);
	check_available(p, &stats, turned);
}

static void validate(struct process *p)
{
	struct sim *s = p->sim;
	const char *reason = NULL;
	bool small = s->range.max - s->range.min <= MAX_STRIPE_TO_WALK * CID_STRIPES;

	if ((small || s->at_rest) && !allocator_validate(p->core, &reason))
		sim_fail(s, "validation", "%s: %s", p->name, reason);
}

void auditor_check_process(struct process *p)
{
	compare_all(p, true);
	validate(p);
}

/* ---- other settings ---- */

void auditor_range_moved(struct process *p)
{
	auditor_told(p);
	compare_all(p, false);
	validate(p);
}

/* Who waited for want of a CID has tried again, as far as it may. */
static void check_retried(struct process *p)
{
	struct allocator_stats stats;

	allocator_stats(p->core, &stats);
	if (!process_may_write(p) || !p->gate_open || p->view.lists == 0 || p->stopped || p->was_short ||
	    p->in_flight >= p->window || p->sim->queue.now_ms < p->throttled_until_ms || stats.starving > 0)
		return;
	for (uint32_t i = 0; i < p->ledger.len; i++)
		if (p->ledger.entries[i].present && p->ledger.entries[i].retry)
			sim_fail(p->sim, "liveness", "v%u of %s waits, though the range is another one",
				 p->ledger.entries[i].slot, p->name);
}

void auditor_settings_taken(struct process *p)
{
	check_retried(p);
	compare_all(p, true);
}

/* ---- the end ---- */

/* Whether any CID is left that @p could give. */
static bool has_free_cid(const struct process *p)
{
	const struct cid_range *range = p->range;

	if (p->sim->profile.wide)
		return true;
	if (p->was_short)
		return false;
	for (uint32_t cid = range->min; cid <= range->max; cid++)
		if (cid_range_contains(range, cid) &&
		    !ledger_is_touched(&p->ledger, cid, p->sim->queue.now_ms))
			return true;
	return false;
}

static void check_at_rest(struct process *p)
{
	struct sim *s = p->sim;

	auditor_check_process(p);
	if (p->setting != s->settings.count - 1)
		sim_fail(s, "sim", "%s has not been told the settings", p->name);
	if (p->view.state != VIEW_WATCHING || p->view.watched != s->server.len)
		sim_fail(s, "sim", "%s has not seen everything", p->name);
	if (p->in_flight != 0)
		sim_fail(s, "liveness", "%s has %u requests in flight", p->name, p->in_flight);
	if (p->ledger.needy > 0 && has_free_cid(p))
		sim_fail(s, "liveness", "%u VMIs of %s are still in need", p->ledger.needy, p->name);
	if (p->ledger.needy == 0 && p->last_wish_ms > s->rest_ms + SETTLED_MS)
		sim_fail(s, "I9", "%s still has wishes", p->name);
	if (p->ledger.needy == 0 && heap_contains(&p->timer.node))
		sim_fail(s, "I9", "%s still waits for something", p->name);
}

static bool is_alone(const struct sim *s, const struct object *o)
{
	for (uint32_t i = 0; i < s->server.slot_count; i++) {
		const struct object *other = &s->server.slots[i];

		if (other->serial != 0 && other != o && other->has_cid && other->cid == o->cid)
			return false;
	}
	return true;
}

/* All that want vsock and have never started have a valid CID of their own. */
static void check_objects(struct sim *s)
{
	for (uint32_t i = 0; i < s->server.slot_count; i++) {
		const struct object *o = &s->server.slots[i];

		if (o->serial == 0 || !o->wants || o->deleting ||
		    s->auditor.biographies[o->serial].has_started)
			continue;
		if (!o->has_cid || !cid_range_contains(&settings_now(s)->range, o->cid) || !is_alone(s, o))
			sim_fail(s, "liveness", "v%u has no valid CID of its own", o->slot);
	}
}

/* I8: in a calm run each write was either applied or overtaken, and what was applied was told. */
static void check_writes(struct sim *s)
{
	for (uint32_t i = 1; i <= s->server.serials; i++) {
		const struct biography *b = &s->auditor.biographies[i];

		if (b->sent != b->applied + b->turned_down)
			sim_fail(s, "I8", "%u writes, %u applied, %u turned down", b->sent, b->applied,
				 b->turned_down);
	}
	for (uint32_t i = 0; i < s->server.slot_count; i++) {
		const struct object *o = &s->server.slots[i];
		const struct biography *b = &s->auditor.biographies[o->serial];

		if (o->serial != 0 && b->assigned != b->applied)
			sim_fail(s, "I4", "v%u was written %u times and counts as assigned %u times", o->slot,
				 b->applied, b->assigned);
	}
}

void auditor_finish(struct sim *s)
{
	bool served = true;

	for (uint32_t i = 0; i < SIM_PROCESSES; i++) {
		struct process *p = &s->processes[i];

		if (p->id == 0)
			continue;
		check_at_rest(p);
		served = served && p->ledger.needy == 0;
	}
	if (served)
		check_objects(s);
	if (s->profile.calm)
		check_writes(s);
}
