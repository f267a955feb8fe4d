#include "sim/auditor.h"

#include <stdlib.h>
#include <string.h>

#include "cid/pool.h"
#include "sim/sim.h"

/* I9: most wishes for one VMI. A try is a PATCH and a READ; five quick ones when it keeps moving, then pauses
 * that double from half a second on; a VMI that gets into need again begins anew a few times. */
#define MAX_WISHES_A_SECOND 32
#define MAX_WISHES_A_MINUTE 96

/* Processes are compared with their ledgers in turn, one every so many steps. */
#define STEPS_A_CHECK 64

void auditor_reset(struct sim *s)
{
	struct auditor *a = &s->auditor;

	if (a->room > 0)
		memset(a->biographies, 0, a->room * sizeof(*a->biographies));
	a->next = 0;
}

void auditor_free(struct auditor *a)
{
	free(a->biographies);
	free(a->bound);
	free(a->touched);
}

static struct biography *biography_of(struct auditor *a, uint32_t serial)
{
	if (serial >= a->room) {
		uint32_t room = serial + 256;

		a->biographies = sim_grow(a->biographies, room, sizeof(*a->biographies));
		memset(&a->biographies[a->room], 0, (room - a->room) * sizeof(*a->biographies));
		a->room = room;
	}
	return &a->biographies[serial];
}

/* ---- writes ---- */

/* A duplicate between two processes is outside the promise where one of them drew from a stripe that was not
 * its own, because its own was full. */
static bool is_promised(const struct sim *s, const struct author *x, const struct author *y)
{
	return !s->profile.wide || x->process == y->process || !(x->overflow || y->overflow);
}

/* I1: no two existing VMIs hold the same CID through our writes. */
static void check_unique(struct sim *s, const struct object *written, const struct author *author)
{
	for (uint32_t i = 0; i < s->server.slot_count; i++) {
		const struct object *o = &s->server.slots[i];
		const struct author *other;

		if (o->serial == 0 || i == written->slot || !o->has_cid || o->cid != written->cid)
			continue;
		other = &biography_of(&s->auditor, o->serial)->writer;
		if (other->process == 0)
			continue;
		if (is_promised(s, author, other))
			sim_fail(s, "I1", "p%u gave %u to v%u, which v%u has from p%u", author->process,
				 o->cid, written->slot, o->slot, other->process);
		else
			s->tally.unpromised++;
	}
}

static void check_our_write(struct sim *s, const struct object *before, const struct object *after,
			    const struct author *author)
{
	struct biography *b = biography_of(&s->auditor, after->serial);

	if (object_has_started(before))
		sim_fail(s, "I2", "p%u wrote %u to v%u, which had started", author->process, after->cid,
			 after->slot);
	if (!cid_range_contains(&s->settings.all[author->setting].range, after->cid))
		sim_fail(s, "I6", "p%u wrote %u, which may not be given", author->process, after->cid);
	if (before->has_cid && before->cid == after->cid)
		sim_fail(s, "I8", "p%u wrote %u to v%u, which had it", author->process, after->cid,
			 after->slot);
	b->applied++;
	if (s->profile.calm && b->applied > 1)
		sim_fail(s, "I8", "v%u was written twice", after->slot);
	check_unique(s, after, author);
}

void auditor_committed(struct sim *s, const struct object *before, const struct object *after,
		       struct author author)
{
	struct biography *b;

	if (after == NULL)
		return;
	b = biography_of(&s->auditor, after->serial);
	if (object_has_started(after) || after->flaw == FLAW_PHASE)
		b->has_started = true;
	if (before == NULL || before->has_cid != after->has_cid || before->cid != after->cid)
		b->writer = author;
	/* Nobody can read it there; whoever mends that is the one who wrote it. */
	if (after->flaw == FLAW_STATUS || after->flaw == FLAW_CID)
		b->writer = (struct author){0};
	if (before != NULL && author.process != 0)
		check_our_write(s, before, after, &author);
}

void auditor_turned_down(struct sim *s, uint32_t serial)
{
	biography_of(&s->auditor, serial)->turned_down++;
}

/* ---- wishes ---- */

static void check_rate(struct process *p, struct entry *e)
{
	uint64_t now_ms = p->sim->queue.now_ms;

	if (now_ms < e->pause_ms && !p->was_short)
		sim_fail(p->sim, "I9", "a wish for v%u, which is to be left alone", e->slot);
	if (now_ms - e->second_ms >= 1000) {
		e->second_ms = now_ms;
		e->wishes_in_second = 0;
	}
	if (now_ms - e->minute_ms >= 60000) {
		e->minute_ms = now_ms;
		e->wishes_in_minute = 0;
	}
	if (++e->wishes_in_second > MAX_WISHES_A_SECOND)
		sim_fail(p->sim, "I9", "%u wishes for v%u within a second", e->wishes_in_second, e->slot);
	if (++e->wishes_in_minute > MAX_WISHES_A_MINUTE)
		sim_fail(p->sim, "I9", "%u wishes for v%u within a minute", e->wishes_in_minute, e->slot);
}

static void check_permission(struct process *p)
{
	struct sim *s = p->sim;

	if (p->view.lists == 0)
		sim_fail(s, "I3", "a write before the first list is complete");
	if (!p->gate_open)
		sim_fail(s, "I7", "a write while the gate is closed");
}

static void check_need(struct process *p, const struct entry *e)
{
	struct sim *s = p->sim;

	if (e->started)
		sim_fail(s, "I2", "a write to v%u, which was seen to have started", e->slot);
	else if (e->unreadable)
		sim_fail(s, "I9", "a write to v%u, which cannot be read", e->slot);
	else if (!e->needy && !e->patchy)
		sim_fail(s, "I8", "a write to v%u, which needs none", e->slot);
}

static void check_cid(struct process *p, struct entry *e, const struct wish *w, struct author *author)
{
	struct sim *s = p->sim;
	const struct entry *other = ledger_other_owner(&p->ledger, e, w->cid);
	const struct claim *c = ledger_claim(&p->ledger, e, w->cid);

	if (!cid_range_contains(p->range, w->cid))
		sim_fail(s, "I6", "%u may not be given", w->cid);
	if (other != NULL)
		sim_fail(s, "I5", "%u for v%u is held by v%u/%u", w->cid, e->slot, other->slot,
			 other->serial);
	/* An owner may use its own again, though another one has gone. */
	if (c == NULL && ledger_rests(&p->ledger, w->cid, s->queue.now_ms))
		sim_fail(s, "I5", "%u for v%u rests", w->cid, e->slot);
	author->overflow = auditor_overflows(p, w->cid);
}

uint32_t auditor_wish(struct process *p, const struct wish *w, struct author *author)
{
	struct sim *s = p->sim;
	uint32_t serial = object_serial_of(w->uid);
	struct entry *e = ledger_entry(&p->ledger, serial);

	if (p->in_flight > p->window)
		sim_fail(s, "I9", "%u requests in flight, the window is %u", p->in_flight, p->window);
	if (p->stopped)
		sim_fail(s, "I9", "a wish after stop");
	if (!p->has_term)
		sim_fail(s, "I1", "a wish without a term");
	if (s->queue.now_ms >= p->right_until_ms)
		sim_fail(s, "I1", "a wish after the right to write has ended");
	if (e == NULL) {
		sim_fail(s, "I5", "a wish for %s/%s, which is not there", w->name, w->uid);
		return 0;
	}
	check_rate(p, e);
	e->exhausted = e->retry = false;
	if (w->kind == WISH_PATCH) {
		check_permission(p);
		check_need(p, e);
		check_cid(p, e, w, author);
		ledger_asked(&p->ledger, e, w->cid, p->sim->queue.now_ms);
		biography_of(&s->auditor, serial)->sent++;
	}
	return e->need;
}

/* ---- notices ---- */

static const char *const notice_names[NOTICE_COUNT] = {
	[NOTICE_ASSIGNED] = "ASSIGNED",
	[NOTICE_REVERTED] = "REVERTED",
	[NOTICE_REFUSED] = "REFUSED",
	[NOTICE_OVERTAKEN] = "OVERTAKEN",
	[NOTICE_UNKNOWN] = "UNKNOWN",
	[NOTICE_THROTTLED] = "THROTTLED",
	[NOTICE_VANISHED] = "VANISHED",
	[NOTICE_EXHAUSTED] = "EXHAUSTED",
	[NOTICE_FOREIGN] = "FOREIGN",
	[NOTICE_DUPLICATE] = "DUPLICATE",
	[NOTICE_LASTED] = "LASTED",
	[NOTICE_SOURCE] = "SOURCE",
	[NOTICE_HELD] = "HELD",
	[NOTICE_INVALID] = "INVALID",
	[NOTICE_OUTSIDE] = "OUTSIDE",
	[NOTICE_MISSED] = "MISSED",
	[NOTICE_UNREADABLE] = "UNREADABLE",
	[NOTICE_OUT_OF_MEMORY] = "OUT_OF_MEMORY",
};

/* I4: the look that was just taken shows it, and each write counts once. */
static void check_assigned(struct process *p, const struct notice *n)
{
	struct sim *s = p->sim;
	const struct entry *e = ledger_entry(&p->ledger, object_serial_of(n->uid));
	struct claim *c = e != NULL ? ledger_claim(&p->ledger, e, n->cid) : NULL;

	s->tally.assignments++;
	biography_of(&s->auditor, object_serial_of(n->uid))->assigned++;
	if (strcmp(p->look.uid, n->uid) != 0 || p->look.cid_state != VMI_CID_PRESENT || p->look.cid != n->cid)
		sim_fail(s, "I4", "%u counts as assigned to %s, which nothing shows", n->cid, n->name);
	else if (c == NULL || !c->asked)
		sim_fail(s, "I4", "%u counts as assigned to %s by us, who did not ask for it", n->cid,
			 n->name);
	else if (++c->assigned > c->writes)
		sim_fail(s, "I4", "%u was written %u times to %s and counts as assigned %u times", n->cid,
			 c->writes, n->name, c->assigned);
}

static void check_alarm(struct process *p, const struct notice *n)
{
	const struct request *r = p->settled;
	struct entry *e = process_entry_of(p, n);

	if (n->kind == NOTICE_REVERTED && (r == NULL || r->reply.kind != ANSWER_OBJECT ||
					   (r->reply.object.has_cid && r->reply.object.cid == r->patch.cid)))
		sim_fail(p->sim, "I4", "the write to %s is called reverted, but the answer shows its CID",
			 n->name);
	if (n->kind == NOTICE_REFUSED &&
	    (r == NULL || (r->reply.kind != ANSWER_REFUSED && (e == NULL || !e->refused_falsely))))
		sim_fail(p->sim, "I8", "the write to %s is called refused, but it was overtaken", n->name);
	if (n->kind == NOTICE_LASTED && e != NULL && !e->patchy &&
	    (!e->started || !e->ours || !e->has_visible || e->visible != n->cid))
		sim_fail(p->sim, "I4", "%s is said to have started with our %u", n->name, n->cid);
	if (e != NULL && !ledger_noticed(&p->ledger, e, n))
		sim_fail(p->sim, "I2",
			 "%s is said to have started outside the range, which is not so or was said",
			 n->name);
}

/* I8: no event on success, and no alarm where nothing is wrong. */
static bool is_usual(enum notice_kind kind)
{
	return kind == NOTICE_ASSIGNED || kind == NOTICE_LASTED || kind == NOTICE_SOURCE ||
	       kind == NOTICE_OVERTAKEN || kind == NOTICE_VANISHED || kind == NOTICE_MISSED ||
	       kind == NOTICE_EXHAUSTED;
}

void auditor_notice(struct process *p, const struct notice *n)
{
	struct sim *s = p->sim;

	TRACE(s, p->name, "notes %s %s/%s cid=%u old=%u %s", notice_names[n->kind], n->name, n->uid, n->cid,
	      n->old_cid, n->text);
	if (n->kind == NOTICE_ASSIGNED)
		check_assigned(p, n);
	else
		check_alarm(p, n);
	if (s->profile.calm && !is_usual(n->kind))
		sim_fail(s, "I8", "%s about %s, though nothing is wrong", notice_names[n->kind], n->name);
}

void auditor_told(struct process *p)
{
	if (p->ledger.owed != 0 && !p->was_short)
		sim_fail(p->sim, "I2", "%u VMIs of %s have a CID outside the range, and nobody says so",
			 p->ledger.owed, p->name);
}

void auditor_step(struct sim *s)
{
	if (s->steps % STEPS_A_CHECK != 0 || s->failed)
		return;
	s->auditor.next = (s->auditor.next + 1) % SIM_PROCESSES;
	if (s->processes[s->auditor.next].id != 0)
		auditor_check_process(&s->processes[s->auditor.next]);
}
