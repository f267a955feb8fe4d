#include "sim/network.h"

#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "sim/process.h"
#include "sim/sim.h"

#define LATEST_MS 180000

/* ---- the pool ---- */

void network_reset(struct network *n)
{
	n->pool = NULL;
	for (uint32_t i = 0; i < n->len; i++) {
		memset(n->all[i], 0, sizeof(*n->all[i]));
		n->all[i]->next = n->pool;
		n->pool = n->all[i];
	}
}

void network_free(struct network *n)
{
	for (uint32_t i = 0; i < n->len; i++)
		free(n->all[i]);
	free(n->all);
}

static struct request *take(struct network *n)
{
	struct request *r = n->pool;

	if (r != NULL) {
		n->pool = r->next;
		return r;
	}
	if (n->len == n->room) {
		n->room = n->room != 0 ? n->room * 2 : 64;
		n->all = sim_grow(n->all, n->room, sizeof(struct request *));
	}
	r = sim_alloc(1, sizeof(*r));
	n->all[n->len++] = r;
	return r;
}

static void put_back(struct network *n, struct request *r)
{
	r->next = n->pool;
	n->pool = r;
}

/* ---- on the way ---- */

/* Most messages are quick; now and then one takes far longer than the next. */
static uint32_t delay(struct sim *s)
{
	uint32_t delay_ms = sim_between(s, 1, s->profile.delay_ms);

	return !s->profile.calm && sim_below(s, 64) == 0 ? delay_ms * 10 : delay_ms;
}

static void travel(struct sim *s, struct request *r, enum stage stage, uint64_t at_ms)
{
	r->stage = stage;
	queue_at(&s->queue, &r->event, at_ms);
}

/* One draw decides which fault of a request strikes, if any does. */
static enum fault draw_fault(struct sim *s, enum wish_kind kind)
{
	uint32_t r;

	if (s->profile.calm || s->at_rest)
		return FAULT_COUNT;
	r = sim_below(s, 1000);
	for (unsigned int i = 0; i <= FAULT_LAST_OF_REQUEST; i++) {
		if (r >= s->profile.chance[i]) {
			r -= s->profile.chance[i];
			continue;
		}
		if (kind == WISH_READ && (i == FAULT_REVERTED || i == FAULT_LATE))
			return FAULT_COUNT;
		sim_count(s, (enum fault)i);
		return (enum fault)i;
	}
	return FAULT_COUNT;
}

/* ---- at the server ---- */

static void reply_object(struct request *r, const struct object *o)
{
	r->reply.kind = ANSWER_OBJECT;
	r->reply.object = *o;
}

static void carry_out_read(struct sim *s, struct request *r)
{
	const struct object *o = server_get(&s->server, r->patch.slot);

	if (o == NULL)
		r->reply.kind = ANSWER_NOT_FOUND;
	else
		reply_object(r, o);
}

/* An admission webhook undoes the write; that may still count as one (kubevirt.md 9). */
static void revert(struct sim *s, struct request *r)
{
	struct object o = *server_get(&s->server, r->patch.slot);

	if (sim_below(s, 2) == 0)
		server_put(s, &o, (struct author){0});
	reply_object(r, server_get(&s->server, r->patch.slot));
}

static void carry_out_patch(struct sim *s, struct request *r)
{
	enum verdict verdict = server_test(&s->server, &r->patch);

	if (verdict != VERDICT_APPLIED)
		auditor_turned_down(s, r->patch.serial);
	if (verdict == VERDICT_NOT_FOUND) {
		r->reply.kind = ANSWER_NOT_FOUND;
	} else if (verdict == VERDICT_TEST_FAILED) {
		r->reply.kind = ANSWER_TEST_FAILED;
	} else if (r->fault == FAULT_REVERTED) {
		revert(s, r);
	} else {
		server_apply(s, &r->patch);
		reply_object(r, server_get(&s->server, r->patch.slot));
	}
}

/* Faults that strike instead of the server's own answer. */
static bool answer_falsely(struct sim *s, struct request *r)
{
	r->reply.genuine = false;
	switch (r->fault) {
	case FAULT_REFUSED:
		r->reply.kind = ANSWER_REFUSED;
		return true;
	case FAULT_THROTTLED:
		r->reply.kind = ANSWER_LATER;
		r->reply.retry_ms = sim_below(s, 2) == 0 ? 0 : sim_between(s, 1, 90) * 1000u;
		return true;
	case FAULT_BROKE_BEFORE:
		r->reply.kind = ANSWER_UNKNOWN;
		return true;
	case FAULT_FALSE_404:
		r->reply.kind = ANSWER_NOT_FOUND;
		return true;
	case FAULT_FALSE_422:
		r->reply.kind = ANSWER_TEST_FAILED;
		return true;
	default:
		r->reply.genuine = true;
		return false;
	}
}

static void arrive(struct sim *s, struct request *r)
{
	uint64_t now_ms = s->queue.now_ms;

	if (!answer_falsely(s, r)) {
		if (r->kind == WISH_READ)
			carry_out_read(s, r);
		else
			carry_out_patch(s, r);
	}
	if (r->fault == FAULT_BROKE_AFTER || r->fault == FAULT_GARBLED)
		r->reply.kind = ANSWER_UNKNOWN;
	if (r->fault == FAULT_LOST_ANSWER)
		travel(s, r, STAGE_GIVING_UP, r->sent_ms + s->profile.timeout_ms);
	else
		travel(s, r, STAGE_TO_CLIENT, now_ms + delay(s));
}

/* What a dead controller had sent may land at any time; but not in a tiny range, see profile.h. */
static bool dies_with_its_process(const struct sim *s, const struct request *r)
{
	return !s->profile.wide && r->process->id != r->process_id;
}

/* ---- at the client ---- */

static void deliver(struct sim *s, struct request *r)
{
	if (r->process->id == r->process_id && r->process->paused_until_ms > s->queue.now_ms) {
		travel(s, r, r->stage, r->process->paused_until_ms);
		return;
	}
	if (r->process->id == r->process_id)
		process_answered(r->process, r);
	if (r->stage == STAGE_GIVING_UP && r->fault == FAULT_LATE)
		travel(s, r, STAGE_LATE, s->queue.now_ms + sim_between(s, 1, LATEST_MS));
	else
		put_back(&s->network, r);
}

static void on_event(struct sim *s, struct event *e)
{
	struct request *r = container_of(e, struct request, event);

	switch (r->stage) {
	case STAGE_TO_SERVER:
		if (dies_with_its_process(s, r))
			put_back(&s->network, r);
		else
			arrive(s, r);
		break;
	case STAGE_TO_CLIENT:
		deliver(s, r);
		break;
	case STAGE_GIVING_UP:
		r->reply.kind = ANSWER_UNKNOWN;
		deliver(s, r);
		break;
	case STAGE_LATE:
		if (!dies_with_its_process(s, r))
			carry_out_patch(s, r);
		put_back(&s->network, r);
		break;
	}
}

static void fill_patch(struct patch *patch, const struct wish *w, struct author author)
{
	*patch = (struct patch){
		.version = strtoull(w->resource_version, NULL, 10),
		.serial = object_serial_of(w->uid),
		.cid = w->cid,
		.old_cid = w->old_cid,
		.slot = object_slot_of(w->name),
		.phase = (uint8_t)w->phase,
		.has_status = w->has_status,
		.has_phase = w->has_phase,
		.replaces = w->replaces,
		.author = author,
	};
}

bool network_send(struct sim *s, struct process *p, const struct wish *w, struct author author, uint32_t need)
{
	enum fault fault = draw_fault(s, w->kind);
	struct request *r;

	s->tally.requests++;
	if (fault == FAULT_NO_CONNECTION)
		return false;
	r = take(&s->network);
	r->event.run = on_event;
	r->process = p;
	r->process_id = p->id;
	r->need = need;
	r->ticket = w->ticket;
	r->sent_ms = s->queue.now_ms;
	r->kind = w->kind;
	r->fault = fault;
	r->reply.retry_ms = 0;
	fill_patch(&r->patch, w, author);
	if (fault == FAULT_LOST_REQUEST || fault == FAULT_LATE)
		travel(s, r, STAGE_GIVING_UP, s->queue.now_ms + s->profile.timeout_ms);
	else
		travel(s, r, STAGE_TO_SERVER, s->queue.now_ms + delay(s));
	return true;
}
