#include "sim/process.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "sim/memory.h"
#include "sim/sim.h"

#define MAX_PAUSE_MS   120000
#define MAX_BOOT_MS    5000
#define TERM_BITS_MASK 0x7fffffffu /* after 2147483647 comes 0 */
/* Of the term by hand, upwards. */
#define MAX_EDIT 100
/* Renewals that have to fail in a row before the right to write ends. */
#define RENEWALS_A_RIGHT 5
/* Longest pause that the server is granted. */
#define MAX_THROTTLED_MS 60000
/* Shortest pause after an answer that leaves no hope for a quick new try. */
#define MIN_PAUSE_MS 500

/* ---- turns ---- */

bool process_is_paused(const struct process *p)
{
	return p->paused_until_ms > p->sim->queue.now_ms;
}

static void send(struct process *p, const struct wish *w)
{
	static const struct answer not_sent = {.kind = ANSWER_LATER, .text = ""};
	struct sim *s = p->sim;
	struct author author = {.process = p->id, .setting = p->setting};
	uint32_t need;

	TRACE(s, p->name, "wishes %s %s/%s cid=%u", w->kind == WISH_READ ? "READ" : "PATCH", w->name, w->uid,
	      w->cid);
	p->in_flight++;
	p->last_wish_ms = s->queue.now_ms;
	need = auditor_wish(p, w, &author);
	if (s->failed || network_send(s, p, w, author, need))
		return;
	TRACE(s, p->name, "has no connection");
	p->in_flight--;
	p->throttled_until_ms = s->queue.now_ms + MAX_THROTTLED_MS;
	ledger_settled(&p->ledger, object_serial_of(w->uid), w->cid, true, true);
	allocator_answer(p->core, w->ticket, &not_sent, s->queue.now_ms);
}

static bool next_wish(struct process *p, struct wish *w)
{
	bool found;

	memory_begin(p);
	found = allocator_next(p->core, w, p->sim->queue.now_ms);
	memory_end();
	return found;
}

static void tick(struct process *p)
{
	uint64_t now_ms = p->sim->queue.now_ms;

	if (allocator_deadline(p->core) > now_ms)
		return;
	allocator_tick(p->core, now_ms);
	ledger_ticked(&p->ledger, now_ms);
}

/* Who needs room does not wait for the next renewal. True: the Lease shows another term than before, so that
 * there may be more to wish. */
static bool look_for_room(struct process *p)
{
	struct sim *s = p->sim;
	uint32_t before = p->base;

	if (!process_may_write(p) || !allocator_is_pressed(p->core))
		return false;
	p->base = s->term;
	if (allocator_raise_step(p->core, p->base) > 0 && !p->hurries) {
		p->hurries = true;
		queue_sooner(&s->queue, &p->renewal,
			     s->queue.now_ms + sim_below(s, 2 * s->profile.delay_ms + 1));
	}
	return p->base != before;
}

void process_turn(struct process *p)
{
	struct sim *s = p->sim;
	uint64_t now_ms = s->queue.now_ms;
	uint64_t deadline_ms;
	struct wish wish;

	p->look.uid[0] = '\0';
	tick(p);
	do {
		while (!s->failed && next_wish(p, &wish))
			send(p, &wish);
	} while (look_for_room(p));
	if (p->relist)
		view_relist(p, now_ms);
	p->relist = false;
	deadline_ms = allocator_deadline(p->core);
	if (deadline_ms <= now_ms)
		sim_fail(s, "I9", "the deadline does not move on: the loop would spin");
	else if (deadline_ms == UINT64_MAX)
		queue_cancel(&s->queue, &p->timer);
	else
		queue_at(&s->queue, &p->timer, deadline_ms);
}

static void on_timer(struct sim *s, struct event *e)
{
	struct process *p = container_of(e, struct process, timer);

	if (process_is_paused(p))
		queue_at(&s->queue, e, p->paused_until_ms);
	else
		process_turn(p);
}

/* ---- facts ---- */

void process_see(struct process *p, const struct object *o, bool listed)
{
	uint64_t now_ms = p->sim->queue.now_ms;

	object_look(o, &p->look);
	ledger_seen(&p->ledger, o, &p->look, listed);
	memory_begin(p);
	allocator_vmi_seen(p->core, &p->look, listed, now_ms);
	memory_end();
	auditor_told(p);
}

void process_see_gone(struct process *p, const struct object *o)
{
	uint64_t now_ms = p->sim->queue.now_ms;

	object_look(o, &p->look);
	ledger_gone(&p->ledger, o, now_ms);
	memory_begin(p);
	allocator_vmi_gone(p->core, &p->look, now_ms);
	memory_end();
}

struct entry *process_entry_of(const struct process *p, const struct notice *n)
{
	return n->uid[0] != '\0' && n->uid[0] != '?'
		       ? ledger_entry(&p->ledger, object_serial_of(n->uid))
		       : ledger_blind_entry(&p->ledger, object_slot_of(n->name));
}

static void on_notice(void *data, const struct notice *n)
{
	struct process *p = data;

	struct entry *e;

	auditor_notice(p, n);
	if (n->kind != NOTICE_OUT_OF_MEMORY)
		return;
	e = process_entry_of(p, n);
	if (e != NULL)
		e->patchy = true;
	p->relist = p->lossy = p->lossy_list = true;
}

static bool surely_not_applied(const struct reply *reply, uint32_t cid)
{
	switch (reply->kind) {
	case ANSWER_UNKNOWN:
		return false;
	case ANSWER_OBJECT:
		return !reply->object.has_cid || reply->object.cid != cid;
	default:
		return true;
	}
}

/* The allocator still waits for the answer in the period of need in which the request was sent. */
static struct entry *who_waits(struct process *p, const struct request *r)
{
	struct entry *e = ledger_entry(&p->ledger, r->patch.serial);

	return e != NULL && e->needy && e->need == r->need ? e : NULL;
}

/* An answer that somebody waits for is a look like any other. */
static void take_object(struct process *p, const struct request *r)
{
	const struct object *o = &r->reply.object;

	object_look(o, &p->look);
	if (who_waits(p, r) != NULL && o->serial == r->patch.serial && o->flaw != FLAW_UID)
		ledger_seen(&p->ledger, o, &p->look, false);
}

static const char *const answer_names[] = {"OBJECT",  "TEST_FAILED", "NOT_FOUND",
					   "REFUSED", "LATER",       "UNKNOWN"};

void process_answered(struct process *p, const struct request *r)
{
	struct answer answer = {.kind = r->reply.kind, .retry_ms = r->reply.retry_ms, .text = ""};
	struct entry *e = who_waits(p, r);
	char text[200];

	p->in_flight--;
	if (answer.kind == ANSWER_LATER)
		p->throttled_until_ms = p->sim->queue.now_ms + MAX_THROTTLED_MS;
	p->look.uid[0] = '\0';
	TRACE(p->sim, p->name, "is answered %s %s", answer_names[answer.kind],
	      answer.kind == ANSWER_OBJECT ? object_describe(&r->reply.object, text, sizeof(text)) : "");
	if (r->kind == WISH_PATCH)
		ledger_settled(&p->ledger, r->patch.serial, r->patch.cid,
			       surely_not_applied(&r->reply, r->patch.cid), e != NULL);
	if (e != NULL && (answer.kind == ANSWER_REFUSED || answer.kind == ANSWER_NOT_FOUND ||
			  answer.kind == ANSWER_UNKNOWN))
		e->pause_ms = p->sim->queue.now_ms + MIN_PAUSE_MS;
	if (e != NULL && answer.kind == ANSWER_TEST_FAILED)
		e->refused_falsely = !r->reply.genuine;
	if (answer.kind == ANSWER_OBJECT) {
		take_object(p, r);
		answer.object = &p->look;
	}
	p->settled = r;
	memory_begin(p);
	allocator_answer(p->core, r->ticket, &answer, p->sim->queue.now_ms);
	memory_end();
	p->settled = NULL;
	auditor_told(p);
	if (p->stopped && p->in_flight == 0)
		process_kill(p);
	else
		process_turn(p);
}

/* ---- the Lease ---- */

bool process_may_write(const struct process *p)
{
	return p->has_term && p->sim->queue.now_ms < p->right_until_ms;
}

/* When nothing goes wrong any more, renewals are not worth an event each. */
static void grant(struct process *p)
{
	struct sim *s = p->sim;
	uint64_t now_ms = s->queue.now_ms;

	p->hurries = false;
	p->right_until_ms = s->at_rest ? UINT64_MAX : now_ms + s->profile.right_ms;
	if (s->at_rest)
		queue_cancel(&s->queue, &p->renewal);
	else
		queue_at(&s->queue, &p->renewal, now_ms + s->profile.right_ms / RENEWALS_A_RIGHT);
	allocator_set_right(p->core, p->right_until_ms);
}

/* Each raising is one compare-and-swap on the Lease: no two processes share a term. */
static void raise_term(struct process *p, uint32_t step)
{
	struct sim *s = p->sim;

	s->term = (s->term + step) & TERM_BITS_MASK;
	s->holder = p->id;
	p->term = p->base = s->term;
	p->has_term = true;
	TRACE(s, p->name, "has term %u", p->term);
	allocator_set_term(p->core, p->term);
	grant(p);
}

/* What the product's process does not survive. Here it may also go on, without a term or without a right,
 * until it has raised the term anew. */
static void lose_lease(struct process *p)
{
	struct sim *s = p->sim;

	TRACE(s, p->name, "has lost the Lease");
	queue_cancel(&s->queue, &p->renewal);
	switch (sim_below(s, 3)) {
	case 0:
		process_kill(p);
		return;
	case 1:
		p->has_term = false;
		allocator_clear_term(p->core);
		break;
	default:
		p->right_until_ms = 0;
		allocator_set_right(p->core, 0);
		break;
	}
	queue_at(&s->queue, &p->campaign, s->queue.now_ms + sim_below(s, 20000));
}

/* Fails where somebody else has the Lease. A raising whose answer is lost may still have been applied: the
 * next try is based on what the Lease shows then. */
static bool renew(struct process *p)
{
	struct sim *s = p->sim;
	uint32_t step = 0;

	tick(p);
	if (allocator_is_pressed(p->core)) {
		p->base = s->term;
		step = allocator_raise_step(p->core, p->base);
		auditor_raises(p, step);
	}
	if (s->holder != p->id && !s->at_rest)
		return false;
	if (sim_strikes(s, FAULT_NOT_RENEWED)) {
		if (sim_below(s, 2) == 0)
			s->term = (s->term + step) & TERM_BITS_MASK;
		return false;
	}
	s->tally.steps += step > 0;
	if (step > 0)
		raise_term(p, step);
	else
		grant(p);
	return true;
}

static void on_renewal(struct sim *s, struct event *e)
{
	struct process *p = container_of(e, struct process, renewal);

	if (process_is_paused(p)) {
		queue_at(&s->queue, e, p->paused_until_ms);
		return;
	}
	p->hurries = false;
	if (!process_may_write(p))
		lose_lease(p);
	else if (!renew(p))
		queue_at(&s->queue, e, s->queue.now_ms + s->profile.right_ms / RENEWALS_A_RIGHT);
	if (p->id != 0)
		process_turn(p);
}

/* ---- permissions ---- */

static void set_gate(struct process *p, bool open)
{
	p->gate_open = open;
	TRACE(p->sim, p->name, "is told that the gate is %s", open ? "open" : "closed");
	allocator_set_gate(p->core, open);
}

static void on_campaign(struct sim *s, struct event *e)
{
	struct process *p = container_of(e, struct process, campaign);

	if (process_is_paused(p) || (p->view.lists == 0 && !s->profile.eager)) {
		queue_at(&s->queue, e,
			 process_is_paused(p) ? p->paused_until_ms : s->queue.now_ms + s->profile.delay_ms);
		return;
	}
	raise_term(p, 1);
	set_gate(p, true);
	process_turn(p);
}

/* ---- life ---- */

static void on_boot(struct sim *s, struct event *e)
{
	struct process *p = container_of(e, struct process, boot);

	(void)s;
	process_start(p);
}

void process_init(struct process *p, struct sim *s)
{
	p->sim = s;
	p->id = 0;
	p->core = NULL;
	view_init(&p->view);
	p->campaign = (struct event){.run = on_campaign};
	p->renewal = (struct event){.run = on_renewal};
	p->timer = (struct event){.run = on_timer};
	p->boot = (struct event){.run = on_boot};
	p->told = (struct event){.run = settings_on_told};
}

void process_free(struct process *p)
{
	ledger_free(&p->ledger);
	view_free(&p->view);
}

void process_start(struct process *p)
{
	struct sim *s = p->sim;
	struct allocator_options options = {
		.rng = &p->rng,
		.notice = on_notice,
		.data = p,
	};

	p->id = ++s->process_ids;
	(void)snprintf(p->name, sizeof(p->name), "p%u", p->id);
	TRACE(s, p->name, "starts");
	rng_init_seeded(&p->rng, s->profile.same_seed ? s->seed : rng_u64(&s->rng));
	settings_give_first(p);
	options.range = p->range;
	options.quarantine_ms = p->ledger.quarantine_ms;
	options.max_in_flight = p->window;
	if (allocator_create(&p->core, &options) != 0)
		abort();
	p->paused_until_ms = 0;
	p->right_until_ms = 0;
	p->gate_open = p->has_term = p->hurries = p->stopped = false;
	p->relist = p->lossy = p->lossy_list = p->was_short = false;
	p->in_flight = 0;
	p->last_wish_ms = p->throttled_until_ms = 0;
	p->settled = NULL;
	view_start(p);
	queue_at(&s->queue, &p->campaign, s->queue.now_ms + sim_below(s, s->profile.delay_ms * 2 + 1));
}

void process_kill(struct process *p)
{
	struct sim *s = p->sim;

	if (p->id == 0)
		return;
	TRACE(s, p->name, "ends");
	p->id = 0;
	allocator_free(p->core);
	p->core = NULL;
	view_stop(p);
	settings_forget(p);
	queue_cancel(&s->queue, &p->campaign);
	queue_cancel(&s->queue, &p->renewal);
	queue_cancel(&s->queue, &p->timer);
	queue_at(&s->queue, &p->boot, s->queue.now_ms + sim_below(s, MAX_BOOT_MS));
}

/* ---- trouble ---- */

static void stop(struct process *p)
{
	TRACE(p->sim, p->name, "is told to stop");
	p->stopped = true;
	allocator_stop(p->core);
	if (p->in_flight == 0)
		process_kill(p);
}

void process_edit_term(struct sim *s)
{
	s->term = (s->term + sim_between(s, 1, MAX_EDIT)) & TERM_BITS_MASK;
	TRACE(s, "sim", "the term of the Lease is set to %u", s->term);
}

static void trouble(struct process *p)
{
	struct sim *s = p->sim;

	if (sim_strikes(s, FAULT_PAUSED))
		p->paused_until_ms = s->queue.now_ms + sim_between(s, 1, MAX_PAUSE_MS);
	else if (sim_strikes(s, FAULT_STOPPED))
		stop(p);
	else if (p->has_term && sim_strikes(s, FAULT_TERM_LOST))
		lose_lease(p);
	else if (p->has_term && sim_strikes(s, FAULT_TERM_RAISED))
		raise_term(p, 1);
	else if (sim_strikes(s, FAULT_TERM_EDITED))
		process_edit_term(s);
	else if (sim_strikes(s, FAULT_GATE_MOVED))
		set_gate(p, !p->gate_open);
	else
		return;
	if (p->id != 0 && !process_is_paused(p))
		process_turn(p);
}

void process_trouble(struct sim *s)
{
	struct process *p = &s->processes[sim_below(s, s->profile.processes)];

	if (p->id == 0) {
		/* A second one beside those that run, and the first one again after it has ended. */
		if (!heap_contains(&p->boot.node) && sim_strikes(s, FAULT_OVERLAPPED))
			queue_at(&s->queue, &p->boot, s->queue.now_ms);
		return;
	}
	if (sim_strikes(s, FAULT_CRASHED))
		process_kill(p);
	else if (!process_is_paused(p))
		trouble(p);
}

void process_repair(struct process *p)
{
	if (p->id == 0 || p->stopped)
		return;
	settings_tell(p, p->sim->queue.now_ms);
	/* What nobody could tell from a missed deletion is cleared up by a list that shows all of it. */
	if (p->sim->profile.chance[FAULT_FLAWED] > 0)
		view_relist(p, p->sim->queue.now_ms);
	if (!process_may_write(p) || !p->gate_open)
		queue_at(&p->sim->queue, &p->campaign, p->sim->queue.now_ms);
	else
		queue_at(&p->sim->queue, &p->renewal, p->sim->queue.now_ms);
}
