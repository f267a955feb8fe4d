/* The second half of the allocator: queues, requests in flight, answers, pauses. See allocator_impl.h. */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "controller/allocator_impl.h"

#define WORK_BACKOFF_INITIAL_MS 500
#define WORK_BACKOFF_MAX_MS     60000
/* Overtaken writes in a row after which even an object that keeps moving has to wait. */
#define MAX_OVERTAKEN 5
/* Times that a VMI whose CID was lost again is served at once. */
#define MAX_RELAPSES 2
/* A server may ask for any pause; longer ones are not believed. */
#define MAX_PAUSE_MS 60000

/* ---- the states of an assignment ---- */

#define TO(state) (1u << (state))

static const uint8_t work_moves[] = {
	/* The first move of a new one too, which is zeroed. */
	[WORK_WANTING] = TO(WORK_WANTING) | TO(WORK_STARVING) | TO(WORK_ASSIGNING) | TO(WORK_BLOCKED) |
			 TO(WORK_DOUBTING),
	[WORK_STARVING] = TO(WORK_STARVING) | TO(WORK_WANTING),
	[WORK_ASSIGNING] = TO(WORK_WANTING) | TO(WORK_DOUBTING) | TO(WORK_BLOCKED),
	[WORK_DOUBTING] = TO(WORK_DOUBTING) | TO(WORK_READING),
	[WORK_READING] = TO(WORK_WANTING) | TO(WORK_DOUBTING) | TO(WORK_BLOCKED),
	[WORK_BLOCKED] = TO(WORK_WANTING) | TO(WORK_DOUBTING),
};

/* I2 and I9: nothing is written for a VMI that has started, ends, or cannot be read. */
bool allocator_may_serve(const struct vmi_record *r)
{
	return r->wants && !r->started && !r->deleting && !r->unreadable;
}

static enum urgency urgency_of(const struct vmi_record *r)
{
	switch ((enum vmi_phase)r->phase) {
	case VMI_PHASE_SCHEDULING:
		return URGENCY_SCHEDULING;
	case VMI_PHASE_PENDING:
		return URGENCY_PENDING;
	default:
		return URGENCY_OTHER;
	}
}

/* The only place that sets the state. The queue or the timer that belongs to it is set here too, but for
 * BLOCKED's timer. */
static void work_move(struct allocator *a, struct assignment *w, enum work_state to)
{
	enum work_state from = (enum work_state)w->state;

	assert((work_moves[from] & TO(to)) != 0);
	a->starving_count += to == WORK_STARVING;
	a->starving_count -= from == WORK_STARVING;
	list_remove(&w->queued);
	heap_remove(&a->blocked, &w->timer);
	w->state = (uint8_t)to;
	w->exhausted = false;
	w->urgency = (uint8_t)urgency_of(w->record);
	if (to == WORK_WANTING && from == WORK_STARVING)
		list_push_front(&a->wanting[w->urgency], &w->queued); /* its turn had come already */
	else if (to == WORK_WANTING)
		list_push_back(&a->wanting[w->urgency], &w->queued);
	else if (to == WORK_STARVING)
		list_push_back(&a->starving[w->urgency], &w->queued);
	else if (to == WORK_DOUBTING)
		list_push_back(&a->doubting[w->urgency], &w->queued);
}

/* Nothing for a while, then @resume. */
static void work_block(struct allocator *a, struct assignment *w, enum work_state resume, uint64_t now_ms)
{
	uint64_t until_ms = now_ms + backoff_next(&w->backoff, a->options.rng);

	work_move(a, w, WORK_BLOCKED);
	w->resume = (uint8_t)resume;
	if (heap_set(&a->blocked, &w->timer, until_ms) != 0)
		work_move(a, w, resume); /* no memory for a timer: rather too early than never */
}

/* I8, no fight, and I9: somebody undoes what we write, for the third time now. The more often that was, the
 * longer we wait before the next write. */
static void work_hold_back(struct allocator *a, struct assignment *w, enum work_state resume, uint64_t now_ms)
{
	w->backoff.tries = w->record->relapses - MAX_RELAPSES - 1u;
	work_block(a, w, resume, now_ms);
}

void work_want(struct allocator *a, struct vmi_record *r, uint64_t now_ms)
{
	enum work_state first = r->doubtful ? WORK_DOUBTING : WORK_WANTING;
	struct assignment *w = work_of(r);

	if (w != NULL) {
		/* Only a change of urgency moves it: an object that is updated often keeps its place in the
		 * queue. */
		if (!list_empty(&w->queued) && w->urgency != urgency_of(r))
			work_move(a, w, (enum work_state)w->state);
		return;
	}
	w = arena_alloc(&a->store.arena, sizeof(*w));
	if (w == NULL || !vmi_store_set_work(&a->store, r, arena_handle_of(w))) {
		arena_free(&a->store.arena, w, sizeof(*w));
		allocator_lost_track(a, r, 0);
		return;
	}
	w->record = r;
	w->since_ms = now_ms;
	list_init(&w->queued);
	backoff_init(&w->backoff, WORK_BACKOFF_INITIAL_MS, WORK_BACKOFF_MAX_MS);
	a->waiting++;
	r->doubtful = false;
	allocator_tell_held(a, r);
	if (r->relapses > MAX_RELAPSES)
		work_hold_back(a, w, first, now_ms);
	else
		work_move(a, w, first);
	if (r->relapses < UINT8_MAX)
		r->relapses++;
}

void work_retry(struct allocator *a, struct vmi_record *r)
{
	struct assignment *w = work_of(r);

	if (w != NULL && w->state == WORK_BLOCKED && w->exhausted)
		work_move(a, w, (enum work_state)w->resume);
}

/* The write of @slot may be applied. */
static void keep_asked(struct vmi_record *r, const struct slot *slot)
{
	struct vmi_hold *h = slot->kind == WISH_PATCH ? vmi_store_hold_of(r, slot->cid) : NULL;

	if (h != NULL)
		h->kept = true;
}

/* A write for @w may still be applied, and no look has shown what it asked for. */
static bool is_doubtful(const struct assignment *w)
{
	enum work_state state = (enum work_state)w->state;

	if (state == WORK_BLOCKED)
		state = (enum work_state)w->resume;
	if (state == WORK_WANTING || state == WORK_STARVING)
		return false;
	for (const struct vmi_hold *h = vmi_hold_first(w->record); h != NULL; h = vmi_hold_next(h))
		if (h->awaited)
			return true;
	return false;
}

void work_drop(struct allocator *a, struct vmi_record *r)
{
	struct assignment *w = work_of(r);

	if (w == NULL)
		return;
	r->doubtful = is_doubtful(w);
	list_remove(&w->queued);
	heap_remove(&a->blocked, &w->timer);
	if (w->slot != NULL) {
		keep_asked(r, w->slot); /* nobody will ask how it went */
		w->slot->work = NULL;
	}
	(void)vmi_store_set_work(&a->store, r, ARENA_NONE);
	a->waiting--;
	a->starving_count -= w->state == WORK_STARVING;
	arena_free(&a->store.arena, w, sizeof(*w));
}

/* ---- permission and time ---- */

void allocator_set_gate(struct allocator *a, bool open)
{
	a->gate_open = open;
}

void allocator_limit_writes(struct allocator *a, uint32_t n)
{
	a->writes_left = n;
	a->grant++;
}

void allocator_stop(struct allocator *a)
{
	a->stopped = true;
}

void allocator_tell_held(struct allocator *a, struct vmi_record *r)
{
	if (a->held != NULL && vmi_record_work(r) != ARENA_NONE && (r->told & 1u << NOTICE_HELD) == 0)
		allocator_notify(a, r, (struct notice){.kind = NOTICE_HELD, .text = a->held});
}

static void tell_held(void *data, struct vmi_record *r)
{
	struct allocator *a = data;

	if (a->held != a->told_held)
		r->told &= ~(1u << NOTICE_HELD);
	allocator_tell_held(a, r);
}

void allocator_set_held(struct allocator *a, const char *why)
{
	if (why == a->held)
		return;
	a->held = why;
	if (why == NULL)
		return;
	vmi_store_visit(&a->store, tell_held, a);
	a->told_held = why;
}

static bool has_queued_work(const struct allocator *a)
{
	for (int i = 0; i < URGENCY_COUNT; i++)
		if (!list_empty(&a->wanting[i]) || !list_empty(&a->doubting[i]))
			return true;
	return false;
}

uint64_t allocator_deadline(const struct allocator *a)
{
	const struct heap_node *blocked = heap_first(&a->blocked);
	uint64_t deadline_ms = cid_quarantine_next_ms(a->quarantine);

	if (blocked != NULL && blocked->key < deadline_ms)
		deadline_ms = blocked->key;
	if (a->paused_until_ms != 0 && a->paused_until_ms < deadline_ms && has_queued_work(a))
		deadline_ms = a->paused_until_ms;
	return deadline_ms;
}

void allocator_tick(struct allocator *a, uint64_t now_ms)
{
	struct heap_node *due;
	uint32_t cid;

	while (cid_quarantine_pop(a->quarantine, now_ms, &cid))
		cid_pool_release(a->pool, cid);
	while ((due = heap_first(&a->blocked)) != NULL && due->key <= now_ms) {
		struct assignment *w = container_of(due, struct assignment, timer);

		work_move(a, w, w->resume);
	}
	if (a->paused_until_ms <= now_ms)
		a->paused_until_ms = 0;
}

/* ---- wishes ---- */

static struct slot *take_slot(struct allocator *a, struct assignment *w, enum wish_kind kind, uint32_t cid)
{
	for (uint32_t i = 0; i < a->options.max_in_flight; i++) {
		struct slot *slot = &a->slots[i];

		if (slot->ticket != 0)
			continue;
		*slot = (struct slot){.work = w, .kind = kind, .cid = cid};
		slot->ticket = ++a->last_ticket * ALLOCATOR_MAX_IN_FLIGHT + i;
		w->slot = slot;
		a->in_flight++;
		return slot;
	}
	return NULL;
}

/* A decimal of up to 128 bit; 0 where it is none. */
vmi_version allocator_parse_version(const char *text)
{
	vmi_version version = 0;

	for (; *text >= '0' && *text <= '9'; text++)
		version = version * 10 + (unsigned int)(*text - '0');
	return *text == '\0' ? version : 0;
}

static void format_version(vmi_version version, char out[static 48])
{
	char digits[40];
	size_t n = 0;

	do {
		digits[n++] = (char)('0' + (int)(version % 10));
		version /= 10;
	} while (version != 0);
	for (size_t i = 0; i < n; i++)
		out[i] = digits[n - 1 - i];
	out[n] = '\0';
}

static void fill_wish(struct wish *w, const struct slot *slot, const struct vmi_record *r)
{
	const struct vmi_hold *visible = vmi_store_visible(r);
	vmi_version version = vmi_record_version(r);
	char uid[VMI_KEY_SIZE];

	*w = (struct wish){
		.kind = slot->kind,
		.ticket = slot->ticket,
		.namespace = vmi_record_namespace(r),
		.name = vmi_record_name(r),
		.cid = slot->cid,
		.has_status = r->has_status,
		.has_phase = r->has_phase,
		.phase = (enum vmi_phase)r->phase,
		.replaces = visible != NULL,
		.old_cid = visible != NULL ? visible->cid : 0,
	};
	(void)vmi_record_uid(r, uid);
	memcpy(w->uid, uid, strnlen(uid, sizeof(w->uid) - 1));
	/* I2: the phase of such a VMI can come back to the value that we read after it had started in
	 * between, so equality of the phase proves nothing; only the whole object's version does. */
	if ((r->may_fall_back || r->phase == VMI_PHASE_WAITING_FOR_SYNC) && version != 0)
		format_version(version, w->resource_version);
}

/* Asks for a CID for @w; false: there is none, not in this term, or no memory to remember it. */
static bool start_patch(struct allocator *a, struct assignment *w, struct wish *wish, uint64_t now_ms)
{
	struct vmi_record *r = w->record;
	struct vmi_hold *h;
	struct slot *slot;
	uint32_t cid;
	int rc = allocator_choose_cid(a, r, &cid);

	if (rc == -EAGAIN) {
		work_move(a, w, WORK_STARVING);
		return false;
	}
	if (rc != 0) {
		allocator_notify(a, r, (struct notice){.kind = NOTICE_EXHAUSTED});
		work_block(a, w, WORK_WANTING, now_ms);
		w->exhausted = true;
		return false;
	}
	if (vmi_store_hold_of(r, cid) == NULL)
		allocator_forget_refused(a, r, now_ms);
	h = allocator_own(a, r, cid);
	if (h == NULL) {
		allocator_notify(a, r, (struct notice){.kind = NOTICE_OUT_OF_MEMORY, .cid = cid});
		work_block(a, w, WORK_WANTING, now_ms);
		return false;
	}
	h->asked = true;
	h->awaited = true;
	allocator_trim(a, r, h, now_ms);
	w->written_version = vmi_record_version(r);
	work_move(a, w, WORK_ASSIGNING);
	slot = take_slot(a, w, WISH_PATCH, cid);
	if (a->writes_left != ALLOCATOR_UNLIMITED) {
		a->writes_left--;
		slot->grant = a->grant;
	}
	fill_wish(wish, slot, r);
	return true;
}

static bool next_read(struct allocator *a, enum urgency urgency, struct wish *wish)
{
	struct list *first = list_first(&a->doubting[urgency]);
	struct assignment *w;

	if (first == NULL)
		return false;
	w = container_of(first, struct assignment, queued);
	work_move(a, w, WORK_READING);
	fill_wish(wish, take_slot(a, w, WISH_READ, 0), w->record);
	return true;
}

/* I7: only while the gate is open. */
static bool next_patch(struct allocator *a, enum urgency urgency, struct wish *wish, uint64_t now_ms)
{
	struct list *first;

	if (!a->gate_open || a->writes_left == 0)
		return false;
	while ((first = list_first(&a->wanting[urgency])) != NULL)
		if (start_patch(a, container_of(first, struct assignment, queued), wish, now_ms))
			return true;
	return false;
}

/* Those that wait for a free CID of the own stripe try again, in the order in which they came, where there is
 * one now: the term was raised, or one has rested. */
static void feed_starving(struct allocator *a)
{
	if (a->starving_count == 0 || !allocator_may_draw(a))
		return;
	for (int i = 0; i < URGENCY_COUNT; i++)
		while (!list_empty(&a->starving[i]))
			work_move(a, container_of(a->starving[i].prev, struct assignment, queued),
				  WORK_WANTING);
}

bool allocator_next(struct allocator *a, struct wish *wish, uint64_t now_ms)
{
	feed_starving(a);
	/* I1: a term and the right to write, for reads too, which only serve writes. I3: without a complete
	 * list nothing is known. A pause that the server asked for holds for everything. */
	if (a->stopped || !a->has_term || now_ms >= a->right_until_ms || !a->informed ||
	    a->in_flight >= a->options.max_in_flight || now_ms < a->paused_until_ms)
		return false;
	for (int i = 0; i < URGENCY_COUNT; i++)
		if (next_read(a, (enum urgency)i, wish) || next_patch(a, (enum urgency)i, wish, now_ms))
			return true;
	return false;
}

/* ---- answers ---- */

static void notify_about(struct allocator *a, struct vmi_record *r, enum notice_kind kind, uint32_t cid,
			 const char *text)
{
	allocator_notify(a, r, (struct notice){.kind = kind, .cid = cid, .text = text});
}

static void count_overtaken(struct assignment *w)
{
	if (w->overtaken <= MAX_OVERTAKEN)
		w->overtaken++;
}

/* The object has moved on since we looked: read it and try again at once, for the race may be close. But an
 * object that has not changed is refused for a reason that a new try will not heal. */
static void try_again(struct allocator *a, struct assignment *w, uint64_t now_ms)
{
	bool refused = w->refused_version != 0 && vmi_record_version(w->record) == w->refused_version;

	if (refused)
		notify_about(a, w->record, NOTICE_REFUSED, 0,
			     "the conditions hold, yet the server says they do not");
	w->refused_version = 0;
	if (refused || w->overtaken > MAX_OVERTAKEN)
		work_block(a, w, WORK_WANTING, now_ms);
	else
		work_move(a, w, WORK_WANTING);
}

static bool shows(const struct vmi *v, uint32_t cid)
{
	return v->cid_state == VMI_CID_PRESENT && v->cid == cid;
}

static void answered_object(struct allocator *a, struct assignment *w, const struct slot *slot,
			    const struct vmi *object, uint64_t now_ms)
{
	struct vmi_record *r = w->record;
	char uid[VMI_KEY_SIZE];

	if (strcmp(object->uid, vmi_record_uid(r, uid)) != 0) {
		/* Another object has the name now; the deletion of ours is still on its way to us. */
		notify_about(a, r, NOTICE_VANISHED, slot->cid, "");
		work_block(a, w, WORK_DOUBTING, now_ms);
		return;
	}
	/* Shows our CID and ends the work, if all is well (I4). */
	allocator_vmi_seen(a, object, false, now_ms);
	if (work_of(r) != w)
		return;
	if (slot->kind == WISH_PATCH && !shows(object, slot->cid)) {
		notify_about(a, r, NOTICE_REVERTED, slot->cid, "");
		work_block(a, w, WORK_WANTING, now_ms);
		return;
	}
	/* A read; or our CID was there and did not last: a newer look is known that lacks it, or the VMI has
	 * to leave it to another one. */
	if (slot->kind == WISH_PATCH)
		count_overtaken(w);
	try_again(a, w, now_ms);
}

/* All requests stop for a while: as long as the server asked for, or longer each time where it did not say.
 */
static void pause_all(struct allocator *a, uint64_t retry_ms, uint64_t now_ms)
{
	uint64_t pause_ms = 0;

	/* One step for each pause, not for each answer: a whole window of them comes at once. */
	if (now_ms >= a->paused_until_ms)
		pause_ms = backoff_next(&a->server_backoff, a->options.rng);
	if (retry_ms > pause_ms)
		pause_ms = retry_ms < MAX_PAUSE_MS ? retry_ms : MAX_PAUSE_MS;
	if (now_ms + pause_ms > a->paused_until_ms)
		a->paused_until_ms = now_ms + pause_ms;
}

/* Back to the queue that @w came from. */
static void work_requeue(struct allocator *a, struct assignment *w, const struct slot *slot)
{
	work_move(a, w, slot->kind == WISH_READ ? WORK_DOUBTING : WORK_WANTING);
}

static void answered_test_failed(struct allocator *a, struct assignment *w, const struct slot *slot,
				 const char *text, uint64_t now_ms)
{
	if (slot->kind == WISH_READ) {
		/* A read has no tests: who says so may go on saying so. */
		notify_about(a, w->record, NOTICE_REFUSED, 0, text);
		work_block(a, w, WORK_DOUBTING, now_ms);
		return;
	}
	notify_about(a, w->record, NOTICE_OVERTAKEN, slot->cid, text);
	w->refused_version = w->written_version;
	count_overtaken(w);
	work_move(a, w, WORK_DOUBTING);
}

static void answered(struct allocator *a, struct assignment *w, const struct slot *slot,
		     const struct answer *answer, uint64_t now_ms)
{
	struct vmi_record *r = w->record;

	switch (answer->kind) {
	case ANSWER_OBJECT:
		answered_object(a, w, slot, answer->object, now_ms);
		break;
	case ANSWER_TEST_FAILED:
		answered_test_failed(a, w, slot, answer->text, now_ms);
		break;
	case ANSWER_NOT_FOUND:
		notify_about(a, r, NOTICE_VANISHED, slot->cid, answer->text);
		work_block(a, w, WORK_DOUBTING, now_ms);
		break;
	case ANSWER_REFUSED:
		notify_about(a, r, NOTICE_REFUSED, slot->cid, answer->text);
		work_block(a, w, slot->kind == WISH_READ ? WORK_DOUBTING : WORK_WANTING, now_ms);
		break;
	case ANSWER_LATER:
		notify_about(a, r, NOTICE_THROTTLED, slot->cid, answer->text);
		work_requeue(a, w, slot);
		break;
	case ANSWER_UNKNOWN:
		if (slot->kind == WISH_PATCH)
			notify_about(a, r, NOTICE_UNKNOWN, slot->cid, answer->text);
		work_block(a, w, WORK_DOUBTING, now_ms);
		break;
	}
}

/* What was surely not written does not count against the limit. */
static void count_answer(struct allocator *a, const struct slot *slot, enum answer_kind kind)
{
	bool counted = slot->grant != 0 && slot->grant == a->grant && a->writes_left != ALLOCATOR_UNLIMITED;

	if (counted && (kind == ANSWER_TEST_FAILED || kind == ANSWER_NOT_FOUND || kind == ANSWER_LATER))
		a->writes_left++;
}

/* An answer that shows the CID may come after a newer look that lacks it again. */
static bool may_be_applied(const struct slot *slot, const struct answer *answer)
{
	if (answer->kind == ANSWER_OBJECT)
		return shows(answer->object, slot->cid) || answer->object->cid_state == VMI_CID_UNREADABLE;
	return answer->kind == ANSWER_UNKNOWN;
}

void allocator_answer(struct allocator *a, uint64_t ticket, const struct answer *answer, uint64_t now_ms)
{
	struct slot *in_use = &a->slots[ticket % ALLOCATOR_MAX_IN_FLIGHT];
	struct slot slot = *in_use;

	assert(in_use->ticket == ticket);
	*in_use = (struct slot){0};
	a->in_flight--;
	count_answer(a, &slot, answer->kind);
	if (answer->kind == ANSWER_LATER)
		pause_all(a, answer->retry_ms, now_ms);
	else if (answer->kind != ANSWER_UNKNOWN)
		backoff_reset(&a->server_backoff);
	if (slot.work == NULL)
		return;
	slot.work->slot = NULL;
	if (may_be_applied(&slot, answer))
		keep_asked(slot.work->record, &slot);
	answered(a, slot.work, &slot, answer, now_ms);
}
