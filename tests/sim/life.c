#include "sim/life.h"

#include <string.h>

#include "base/macros.h"
#include "cid/pool.h"
#include "sim/sim.h"

static const struct author somebody = {0};

/* ---- CIDs of others ---- */

/* The CID of some other VMI, if a few looks find one. */
static bool copied_cid(struct sim *s, uint32_t *cid)
{
	for (int i = 0; i < 4; i++) {
		const struct object *o = server_get(&s->server, sim_below(s, s->profile.slots));

		if (o != NULL && o->has_cid) {
			*cid = o->cid;
			return true;
		}
	}
	return false;
}

/* One that a controller has asked for, maybe in a write that has yet to land: by chance, or by malice. */
static bool asked_cid(struct sim *s, uint32_t *cid)
{
	const struct process *p = &s->processes[sim_below(s, s->profile.processes)];

	if (p->id == 0 || p->ledger.claim_count == 0)
		return false;
	*cid = p->ledger.claims[sim_below(s, p->ledger.claim_count)].cid;
	return true;
}

/* One that the present leader or the next one could draw. */
static uint32_t likely_cid(struct sim *s)
{
	uint32_t stripe = cid_stripe_of(s->term + sim_below(s, 2));
	uint32_t slots = (s->range.max - s->range.min) / CID_STRIPES + 1;

	if (!s->profile.wide)
		return sim_between(s, s->range.min, s->range.max);
	return s->range.min - cid_stripe_of(s->range.min) + stripe + sim_below(s, slots) * CID_STRIPES;
}

/* What a foreign writer writes. */
static uint32_t foreign_cid(struct sim *s)
{
	static const uint32_t reserved[] = {0, 1, 2, UINT32_MAX};
	uint32_t cid;

	switch (sim_below(s, 6)) {
	case 0:
		return reserved[sim_below(s, ARRAY_LEN(reserved))];
	case 1:
		return (uint32_t)rng_u64(&s->rng);
	case 2:
		if (copied_cid(s, &cid))
			return cid;
		break;
	case 3:
		if (asked_cid(s, &cid))
			return cid;
		break;
	default:
		break;
	}
	return likely_cid(s);
}

static void give_cid(struct object *o, uint32_t cid)
{
	o->has_status = true;
	o->has_cid = true;
	o->cid = cid;
}

/* ---- birth ---- */

/* A VMI that a new one could be the migration target of. */
static uint32_t draw_source(struct sim *s)
{
	const struct object *o = server_get(&s->server, sim_below(s, s->profile.slots));

	return o != NULL && o->has_cid ? o->serial : 0;
}

static void create(struct sim *s, uint32_t slot)
{
	struct object o = {.slot = (uint16_t)slot};
	uint32_t form = sim_below(s, 10);

	o.wants = sim_below(s, 8) != 0;
	o.finalizer = sim_below(s, 3) != 0;
	o.may_fall_back = sim_below(s, 8) == 0;
	if (o.may_fall_back)
		o.source = draw_source(s);
	/* As created by hand, with an empty status, and as virt-api's webhook makes them. */
	o.has_status = form > 1;
	o.has_phase = form > 2;
	if (o.has_phase)
		o.phase = form == 3 ? VMI_PHASE_UNSET : VMI_PHASE_PENDING;
	if (o.has_phase && o.may_fall_back && sim_below(s, 2) == 0)
		o.phase = VMI_PHASE_WAITING_FOR_SYNC;
	if (sim_strikes(s, FAULT_PRESEEDED))
		give_cid(&o, foreign_cid(s));
	o.contested = o.wants && sim_strikes(s, FAULT_CONTESTED);
	server_put(s, &o, somebody);
}

/* ---- phases ---- */

static void set_phase(struct object *o, enum vmi_phase phase)
{
	o->has_status = true;
	o->has_phase = true;
	o->phase = (uint8_t)phase;
	if (phase == VMI_PHASE_SCHEDULED)
		o->was_scheduled = true;
}

/* WaitingForSync is where a migration target falls back to; lifecycle of kubevirt.md section 1. */
static enum vmi_phase next_phase(struct sim *s, const struct object *o)
{
	bool falls_back = o->may_fall_back && sim_below(s, 3) == 0;
	bool ends = sim_below(s, 20) == 0;

	switch ((enum vmi_phase)o->phase) {
	case VMI_PHASE_UNSET:
		return VMI_PHASE_PENDING;
	case VMI_PHASE_PENDING:
		return ends ? VMI_PHASE_FAILED : VMI_PHASE_SCHEDULING;
	case VMI_PHASE_SCHEDULING:
	case VMI_PHASE_WAITING_FOR_SYNC:
		if (ends)
			return VMI_PHASE_FAILED;
		if (falls_back)
			return o->phase == VMI_PHASE_SCHEDULING ? VMI_PHASE_WAITING_FOR_SYNC
								: VMI_PHASE_SCHEDULING;
		return VMI_PHASE_SCHEDULED;
	case VMI_PHASE_SCHEDULED:
		return falls_back ? VMI_PHASE_WAITING_FOR_SYNC : VMI_PHASE_RUNNING;
	case VMI_PHASE_RUNNING:
		return ends ? VMI_PHASE_OTHER : VMI_PHASE_SUCCEEDED;
	default:
		return (enum vmi_phase)o->phase;
	}
}

static void advance(struct sim *s, struct object *o)
{
	set_phase(o, next_phase(s, o));
	/* KubeVirt removes the annotation from a target whose migration has succeeded. */
	if (o->phase == VMI_PHASE_RUNNING && sim_below(s, 2) == 0)
		o->may_fall_back = false;
	if (o->phase == VMI_PHASE_SCHEDULED && o->wants && sim_strikes(s, FAULT_OVERWRITTEN))
		give_cid(o, foreign_cid(s));
	server_put(s, o, somebody);
}

/* ---- death ---- */

static void delete(struct sim *s, struct object *o)
{
	if (!o->finalizer || o->deleting) {
		server_remove(s, o->slot);
		return;
	}
	o->deleting = true;
	server_put(s, o, somebody);
}

/* As fast as a restart of a VM does it: the new object may come before anybody has seen the old one end. */
static void recreate(struct sim *s, const struct object *o)
{
	uint32_t slot = o->slot;

	server_remove(s, slot);
	create(s, slot);
}

/* ---- disturbances ---- */

static void write_foreign(struct sim *s, struct object *o)
{
	if (o->has_cid && sim_below(s, 3) == 0)
		o->has_cid = false;
	else
		give_cid(o, foreign_cid(s));
	server_put(s, o, somebody);
}

static void wipe(struct sim *s, struct object *o)
{
	o->has_status = o->has_phase = o->has_cid = o->was_scheduled = false;
	o->source = 0;
	o->phase = VMI_PHASE_UNSET;
	server_put(s, o, somebody);
}

static void flaw(struct sim *s, struct object *o)
{
	o->flaw = o->flaw != FLAW_NONE ? (uint8_t)FLAW_NONE : (uint8_t)sim_between(s, 1, FLAW_COUNT - 1);
	server_put(s, o, somebody);
}

static void on_contest(struct sim *s, struct event *e)
{
	const struct object *o = server_get(&s->server, s->life.contested_slot);
	struct object changed;

	(void)e;
	if (o == NULL || !o->contested || !o->has_cid)
		return;
	changed = *o;
	if (sim_below(s, 2) == 0)
		changed.has_cid = false;
	else
		changed.cid = sim_below(s, 2); /* an invalid one, which calls for a new write */
	server_put(s, &changed, somebody);
}

void life_assigned(struct sim *s, const struct object *o)
{
	if (!o->contested || heap_contains(&s->life.contest.node))
		return;
	s->life.contested_slot = o->slot;
	queue_at(&s->queue, &s->life.contest, s->queue.now_ms + sim_below(s, 20));
}

/* ---- one action ---- */

static void disturb(struct sim *s, struct object *o)
{
	if (sim_strikes(s, FAULT_FOREIGN))
		write_foreign(s, o);
	else if (sim_strikes(s, FAULT_WIPED))
		wipe(s, o);
	else if (sim_strikes(s, FAULT_FLAWED))
		flaw(s, o);
}

static void act(struct sim *s)
{
	uint32_t slot = sim_below(s, s->profile.slots);
	const struct object *there = server_get(&s->server, slot);
	uint32_t what = sim_below(s, 100);
	struct object o;

	if (there == NULL) {
		create(s, slot);
		return;
	}
	o = *there;
	if (what < 50)
		advance(s, &o);
	else if (what < 65)
		server_put(s, &o, somebody); /* an update without meaning to us */
	else if (what < 80)
		delete (s, &o);
	else if (what < 85)
		recreate(s, &o);
	there = server_get(&s->server, slot);
	if (there != NULL) {
		o = *there;
		disturb(s, &o);
	}
}

static void on_next(struct sim *s, struct event *e)
{
	struct life *life = &s->life;

	act(s);
	process_trouble(s);
	if (sim_strikes(s, FAULT_COMPACTED))
		s->server.compacted = s->server.len;
	if (sim_strikes(s, FAULT_SETTINGS))
		settings_move(s);
	if (--life->left == 0)
		life->over = true;
	else
		queue_at(&s->queue, e, s->queue.now_ms + sim_below(s, 2 * s->profile.pace_ms + 1));
}

void life_start(struct sim *s)
{
	s->life = (struct life){
		.next = {.run = on_next},
		.contest = {.run = on_contest},
		.left = s->profile.actions,
	};
	queue_at(&s->queue, &s->life.next, s->queue.now_ms);
}

void life_repair(struct sim *s)
{
	queue_cancel(&s->queue, &s->life.contest);
	for (uint32_t i = 0; i < s->profile.slots; i++) {
		struct object *o = &s->server.slots[i];
		struct object repaired = *o;

		if (o->serial == 0 || (o->flaw == FLAW_NONE && !o->contested))
			continue;
		repaired.flaw = FLAW_NONE;
		repaired.contested = false;
		server_put(s, &repaired, somebody);
	}
}
