#include "sim/whole/auditor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apisim/must.h"
#include "apisim/tree.h"
#include "cid/pool.h"
#include "sim/whole/world.h"

#define TERM_MASK 0x7fffffffu

/* One raising is of so many at most (DESIGN "Term stripes"). */
#define MAX_STEP 64

/* A process may take a CID for used so long after its last owner has gone, the quarantine apart: its cache is
 * stale, or it has not heard of the end of a write. */
#define MEMORY_US 900000000u

/* DESIGN "Term stripes": the oldest view to lead with. */
#define STALEST_US 180000000u

/* A process that has started so long ago has had time for all that a standby does, where nothing is wrong. */
#define READY_US 30000000u

/* After the gate was closed, what was under way may still come; at rest nobody needs longer to notice. */
#define GATE_US 60000000u

/* ---- books ---- */

static struct writer *writer_of(struct world *w, uint32_t serial)
{
	return &w->auditor.writers[serial];
}

static uint64_t now_of(const struct process *p)
{
	return vloop_boot_us(&p->loop);
}

void auditor_reset(struct world *w)
{
	struct auditor *a = &w->auditor;

	for (uint32_t i = 0; i < a->writer_room; i++)
		free(a->writers[i].asked);
	free(a->writers);
	free(a->used);
	memset(a, 0, sizeof(*a));
}

void auditor_started(struct process *p)
{
	struct auditor *a = &p->world->auditor;
	struct writer *writer;

	if (p->serial >= a->writer_room) {
		uint32_t room = p->serial + 16;

		a->writers = world_grow(a->writers, room, sizeof(*a->writers));
		memset(&a->writers[a->writer_room], 0, (room - a->writer_room) * sizeof(*a->writers));
		a->writer_room = room;
	}
	p->world->tally.processes++;
	writer = writer_of(p->world, p->serial);
	(void)snprintf(writer->identity, sizeof(writer->identity), "%s", p->identity);
}

void auditor_ended(struct process *p)
{
	p->world->tally.leaders += writer_of(p->world, p->serial)->led;
}

void auditor_failed(struct process *p)
{
	if (p->world->profile.calm)
		world_fail(p->world, "calm", "%s fails, though nothing is wrong", p->name);
}

static struct book *find_book(struct auditor *a, const char *name)
{
	for (int i = 0; i < AUDITOR_BOOKS; i++)
		if (strcmp(a->books[i].name, name) == 0)
			return &a->books[i];
	return NULL;
}

const struct book *auditor_book(const struct world *w, const char *name)
{
	return find_book((struct auditor *)&w->auditor, name);
}

/* Somebody has @cid, or is to have it: it may count as used for a while after. */
static void note_use(struct world *w, uint32_t cid)
{
	struct auditor *a = &w->auditor;
	uint64_t until_us = w->agenda.now_us + MEMORY_US + (uint64_t)w->profile.quarantine_ms * 1000;

	for (uint32_t i = 0; i < a->used_count; i++) {
		if (a->used[i].cid == cid) {
			a->used[i].until_us = until_us;
			return;
		}
	}
	if (a->used_count == a->used_room) {
		a->used_room = a->used_room * 2 + 64;
		a->used = world_grow(a->used, a->used_room, sizeof(*a->used));
	}
	a->used[a->used_count++] = (struct used){.cid = cid, .until_us = until_us};
}

/* CIDs of @stripe that nobody can take for used. */
static uint32_t free_in(const struct world *w, uint32_t stripe)
{
	const struct auditor *a = &w->auditor;
	uint64_t cid = (uint64_t)(w->range.min - cid_stripe_of(w->range.min)) + stripe;
	uint32_t count = 0;

	for (; cid <= w->range.max; cid += CID_STRIPES)
		count += cid >= w->range.min && cid_range_contains(&w->range, (uint32_t)cid);
	for (uint32_t i = 0; i < a->used_count; i++)
		count -= a->used[i].until_us > w->agenda.now_us && cid_stripe_of(a->used[i].cid) == stripe &&
			 cid_range_contains(&w->range, a->used[i].cid);
	return count;
}

/* ---- fail-over ---- */

/* Ready to lead at once. */
static bool is_ready(const struct process *p)
{
	const struct writer *writer = writer_of(p->world, p->serial);

	return process_runs(p) && !p->ending && writer->listed_vmis && writer->listed_crs &&
	       p->world->agenda.now_us - p->loop.start_us > READY_US;
}

void auditor_ending(struct process *p, bool killed)
{
	struct world *w = p->world;
	struct auditor *a = &w->auditor;
	const struct profile *f = &w->profile;
	bool led = writer_of(w, p->serial)->led && now_of(p) <= writer_of(w, p->serial)->right_us;
	bool others = false;

	for (uint32_t i = 0; i < f->processes; i++)
		others = others || (&w->processes[i] != p && is_ready(&w->processes[i]));
	if (!led) { /* it might have been the one that would lead next */
		a->awaiting = false;
		return;
	}
	/* The promise: lease duration + 3 s, or 1 s where the Lease is freed; and what the messages take. */
	a->awaiting = f->calm && others && strcmp(a->lease.holder, p->identity) == 0;
	a->ended_us = w->agenda.now_us;
	a->patience_us = killed ? (uint64_t)f->lease_ms * 1000 + 3000000 : 1000000;
	a->patience_us += a->patience_us / 8 + (uint64_t)f->delay_us * 30;
}

static void note_fail_over(struct world *w)
{
	struct auditor *a = &w->auditor;
	uint64_t took_us = w->agenda.now_us - a->ended_us;

	if (!a->awaiting)
		return;
	a->awaiting = false;
	w->tally.fail_overs++;
	if (took_us > a->patience_us)
		world_fail(w, "fail-over", "nobody leads for %llu ms, %llu are promised",
			   (unsigned long long)took_us / 1000, (unsigned long long)a->patience_us / 1000);
}

/* ---- what leaves ---- */

static struct request *find_request(struct writer *writer, const char *uid, uint32_t cid)
{
	for (uint32_t i = 0; i < writer->asked_count; i++)
		if (writer->asked[i].cid == cid && strcmp(writer->asked[i].uid, uid) == 0)
			return &writer->asked[i];
	return NULL;
}

static void note_request(struct writer *writer, const struct letter *letter, bool overflow)
{
	struct request *r;

	if (writer->asked_count == writer->asked_room) {
		writer->asked_room = writer->asked_room * 2 + 16;
		writer->asked = world_grow(writer->asked, writer->asked_room, sizeof(*writer->asked));
	}
	r = &writer->asked[writer->asked_count++];
	*r = (struct request){.cid = letter->cid, .overflow = overflow};
	memcpy(r->uid, letter->uid, sizeof(r->uid));
}

static bool raised_term_of(const struct writer *writer, uint32_t stripe)
{
	uint32_t count = writer->term_count < AUDITOR_TERMS ? writer->term_count : AUDITOR_TERMS;

	for (uint32_t i = 0; i < count; i++)
		if (cid_stripe_of(writer->terms[i]) == stripe)
			return true;
	return false;
}

/* The CID of a write that leaves: of an own stripe, or asked for before; or there was none left. */
static void check_cid(struct process *p, const struct letter *letter)
{
	struct world *w = p->world;
	struct writer *writer = writer_of(w, p->serial);
	uint32_t last;
	bool overflow;

	if (!cid_range_contains(&w->range, letter->cid))
		world_fail(w, "I6", "%s asks for %u, which may not be given", p->name, letter->cid);
	if (find_request(writer, letter->uid, letter->cid) != NULL || writer->term_count == 0)
		return;
	overflow = !raised_term_of(writer, cid_stripe_of(letter->cid));
	last = writer->terms[(writer->term_count - 1) % AUDITOR_TERMS];
	if (overflow && free_in(w, cid_stripe_of(last)) > 0)
		world_fail(w, "stripe", "%s asks for %u, but its term is %u and has %u free ones", p->name,
			   letter->cid, last, free_in(w, cid_stripe_of(last)));
	w->tally.overflows += overflow;
	note_request(writer, letter, overflow);
	note_use(w, letter->cid);
}

static void check_right(struct process *p, const struct posted *r, const struct letter *letter)
{
	struct world *w = p->world;
	const struct writer *writer = writer_of(w, p->serial);
	bool late = writer->led && letter->sent_us > writer->right_us;

	if (letter->kind == LETTER_VMI && !writer->led)
		world_fail(w, "leads", "%s writes to a VMI and has never led", p->name);
	else if (letter->kind == LETTER_OTHER && !writer->led)
		world_fail(w, "standby", "%s does not lead, but sends %s %s", p->name, r->method, r->path);
	else if (late && (letter->kind == LETTER_VMI || writer->acts))
		world_fail(w, "right", "%s sends %s %s %llu ms after the end of its right", p->name,
			   r->method, r->path,
			   (unsigned long long)(letter->sent_us - writer->right_us) / 1000);
}

/* Whoever renews, or writes to a VMI, takes himself for the leader. */
static bool is_act(const struct writer *writer, const struct letter *letter)
{
	if (letter->kind == LETTER_VMI)
		return true;
	return letter->kind == LETTER_LEASE && letter->claims && writer->led && writer->term_count > 0 &&
	       letter->term == writer->terms[(writer->term_count - 1) % AUDITOR_TERMS];
}

/* I8: who leads and is not disturbed writes to the Lease once in a retry period, and reads it never. */
static void check_lease_rate(struct process *p, struct writer *writer, const struct letter *letter)
{
	const struct profile *f = &p->world->profile;
	uint64_t led_ms = (letter->sent_us - writer->leads_us) / 1000;

	if (!f->calm || !writer->led || p->ending)
		return;
	if (letter->kind == LETTER_READ || is_act(writer, letter))
		writer->lease_requests++;
	if (writer->lease_requests > led_ms / f->retry_ms + 3)
		world_fail(p->world, "I8", "%s has asked for the Lease %u times in %llu ms", p->name,
			   writer->lease_requests, (unsigned long long)led_ms);
}

void auditor_sent(struct process *p, const struct posted *r, struct letter *letter)
{
	struct writer *writer = writer_of(p->world, p->serial);

	*letter = (struct letter){
		.process = p->serial, .sent_us = now_of(p), .left_us = p->world->agenda.now_us};
	letter_read(letter, r, p->identity);
	p->world->tally.requests++;
	NOTE(p->world, p->name, "> %s %s %.*s", r->method, r->path, (int)r->body_len,
	     r->body != NULL ? r->body : "");
	writer->acts = writer->acts || is_act(writer, letter);
	if (letter->about_lease)
		check_lease_rate(p, writer, letter);
	check_right(p, r, letter);
	if (letter->kind == LETTER_VMI)
		check_cid(p, letter);
	writer->unanswered += letter->kind == LETTER_VMI;
	/* LE-11 */
	if (letter->kind == LETTER_LEASE && letter->frees && writer->unanswered > 0)
		world_fail(p->world, "release", "%s frees the Lease with %u writes in flight", p->name,
			   writer->unanswered);
}

/* ---- answers ---- */

static void read_answered(struct writer *writer, const struct letter *letter)
{
	writer->listed_vmis = writer->listed_vmis || letter->lists_vmis;
	writer->listed_crs = writer->listed_crs || letter->lists_crs;
	if (letter->dates_vmis && letter->sent_us > writer->dated_us)
		writer->dated_us = letter->sent_us;
}

/* I3: who begins to lead knows all VMIs and the CR, as they were three minutes ago or later. */
static void check_view(struct process *p, const struct writer *writer)
{
	struct world *w = p->world;
	uint64_t oldest_us = STALEST_US + (uint64_t)w->profile.deadline_ms * 1000;

	if (!writer->listed_vmis || !writer->listed_crs)
		world_fail(w, "I3", "%s leads before it has listed all", p->name);
	else if (now_of(p) > writer->dated_us + oldest_us)
		world_fail(w, "I3", "%s leads with a view that is %llu s old", p->name,
			   (unsigned long long)(now_of(p) - writer->dated_us) / 1000000);
}

static void lease_answered(struct process *p, const struct letter *letter)
{
	struct world *w = p->world;
	struct writer *writer = writer_of(w, p->serial);
	uint64_t until_us = letter->sent_us + (uint64_t)w->profile.deadline_ms * 1000;
	uint64_t now_us = now_of(p);

	/* What comes after the end gives nothing back. */
	if (now_us > until_us || (writer->acts && now_us > writer->right_us))
		return;
	if (letter->raised) {
		if (!writer->led) {
			check_view(p, writer);
			note_fail_over(w);
		}
		writer->terms[writer->term_count++ % AUDITOR_TERMS] = letter->term;
		if (!writer->led)
			writer->leads_us = now_us;
		writer->led = true;
	}
	if (!writer->led || until_us <= writer->right_us)
		return;
	writer->right_us = until_us;
	writer->right_world_us = w->agenda.now_us + (until_us - now_us) * VLOOP_RATE / p->loop.rate;
}

void auditor_answered(struct process *p, const struct letter *letter, int status)
{
	struct writer *writer = writer_of(p->world, p->serial);

	NOTE(p->world, p->name, "< %d", status);
	writer->unanswered -= letter->kind == LETTER_VMI;
	if (status < 200 || status > 299)
		return;
	if (letter->kind == LETTER_READ)
		read_answered(writer, letter);
	else if (letter->kind == LETTER_LEASE && letter->claims)
		lease_answered(p, letter);
}

/* ---- commits ---- */

static bool is_started(struct tree *t, const struct node *status)
{
	static const char *const started[] = {"Scheduled", "Running", "Succeeded", "Failed"};
	const struct node *stamps = node_get(status, "phaseTransitionTimestamps");

	for (size_t i = 0; i < ARRAY_LEN(started); i++)
		if (node_is(t, node_get(status, "phase"), started[i]))
			return true;
	for (uint32_t i = 0; stamps != NULL && stamps->kind == NODE_ARRAY && i < stamps->count; i++)
		if (node_is(t, node_get(stamps->items[i], "phase"), "Scheduled"))
			return true;
	return false;
}

static void read_vmi(const struct object *o, struct book *out)
{
	struct tree t;
	struct buf text;
	const struct node *root;
	const struct node *status;
	const struct node *devices;
	const struct node *wants;
	int64_t cid = 0;

	tree_init(&t);
	must_buf(&text);
	root = object_parse(o, 0, &t, &text);
	status = node_get(root, "status");
	devices = node_get(node_get(node_get(root, "spec"), "domain"), "devices");
	wants = node_get(devices, "autoattachVSOCK");
	*out = (struct book){.started = is_started(&t, status)};
	(void)snprintf(out->name, sizeof(out->name), "%s", o->name);
	(void)snprintf(out->uid, sizeof(out->uid), "%s", o->uid);
	out->wants = wants != NULL && wants->kind == NODE_BOOL && wants->raw.len == strlen("true");
	out->deleting = node_get(node_get(root, "metadata"), "deletionTimestamp") != NULL;
	out->has_cid = node_to_int(node_get(status, "VSOCKCID"), &cid);
	out->cid = (uint32_t)cid;
	buf_free(&text);
	tree_free(&t);
}

/* DESIGN does not promise anything of two writers of whom one had no CID left in his own stripe. */
static void tell_duplicate(struct world *w, const struct book *x, const struct book *y)
{
	if (w->profile.tagged)
		w->tally.tagged_duplicates++;
	else if (x->writer != y->writer && (x->overflow || y->overflow))
		w->tally.unpromised++;
	else
		world_fail(w, "I1", "p%u gave %u to %s, which %s has from p%u", x->writer, x->cid, x->name,
			   y->name, y->writer);
}

static void check_unique(struct world *w, const struct book *written)
{
	for (int i = 0; i < AUDITOR_BOOKS; i++) {
		const struct book *b = &w->auditor.books[i];

		if (b->name[0] != '\0' && b->has_cid && b->cid == written->cid && b->writer != 0 &&
		    strcmp(b->uid, written->uid) != 0)
			tell_duplicate(w, written, b);
	}
}

/* I7, by when the request left: it may land much later. */
static void check_gate(struct world *w, const struct letter *cause)
{
	const struct cluster *c = &w->cluster;
	uint64_t slack_us = w->profile.calm ? 1000000 + (uint64_t)w->profile.delay_us * 30 : GATE_US;
	uint64_t since_us = c->gate_us > w->rest_us || w->profile.calm ? c->gate_us : w->rest_us;

	if (!c->gate_open && (w->profile.calm || w->at_rest) && cause->left_us > since_us + slack_us)
		world_fail(w, "I7", "p%u gives a CID while the gate is closed", cause->process);
}

static void check_our_write(struct world *w, const struct book *before, struct book *after,
			    const struct letter *cause)
{
	struct writer *writer = writer_of(w, cause->process);
	const struct request *r = find_request(writer, after->uid, after->cid);

	w->tally.vmi_writes++;
	w->tally.late_writes += w->agenda.now_us > writer->right_world_us;
	w->auditor.last_write_us = w->agenda.now_us;
	check_gate(w, cause);
	if (w->profile.calm && ++after->writes > 1)
		world_fail(w, "I8", "%s is written twice", after->name);
	if (before == NULL || before->started)
		world_fail(w, "I2", "p%u wrote %u to %s, which had started", cause->process, after->cid,
			   after->name);
	if (!after->has_cid || !cid_range_contains(&w->range, after->cid))
		world_fail(w, "I6", "p%u wrote %u, which may not be given", cause->process, after->cid);
	if (cause->cid != after->cid || strcmp(cause->uid, after->uid) != 0)
		world_fail(w, "rig", "p%u wrote something else than it has sent", cause->process);
	after->overflow = r != NULL && r->overflow;
	check_unique(w, after);
}

static void put_vmi(struct world *w, const struct object *o, struct letter *cause)
{
	struct book *b = find_book(&w->auditor, o->name);
	struct book after;
	bool same;

	read_vmi(o, &after);
	if (b != NULL && strcmp(b->uid, after.uid) != 0)
		b->name[0] = '\0'; /* cannot be: it is removed first */
	same = b != NULL && b->name[0] != '\0' && b->has_cid == after.has_cid && b->cid == after.cid;
	after.writes = b != NULL ? b->writes : 0;
	after.writer = same ? b->writer : cause->process;
	after.overflow = same && b->overflow;
	NOTE(w, "api", "%s %s cid=%u%s%s by p%u", after.name, after.uid, after.has_cid ? after.cid : 0,
	     after.started ? " started" : "", after.deleting ? " deleting" : "", cause->process);
	if (!same && cause->process != 0)
		check_our_write(w, b, &after, cause);
	w->tally.faults[FAULT_REVERTED] += same && cause->process != 0;
	if (after.has_cid)
		note_use(w, after.cid);
	if (b == NULL)
		b = find_book(&w->auditor, "");
	*b = after;
}

/* How far @to is ahead of @from, as serial numbers (RFC 1982). */
static uint32_t ahead(uint32_t to, uint32_t from)
{
	return (to - from) & TERM_MASK;
}

static void check_our_claim(struct world *w, const struct lease_book *before, const struct lease_book *after,
			    const struct letter *cause)
{
	const char *self = writer_of(w, cause->process)->identity;
	uint32_t step = ahead(after->term, before->term);
	bool ours = before->exists && strcmp(before->holder, self) == 0;

	if (after->holder[0] == '\0') {
		if (!ours)
			world_fail(w, "Lease", "p%u frees the Lease of %s", cause->process, before->holder);
	} else if (strcmp(after->holder, self) != 0) {
		world_fail(w, "Lease", "p%u gives the Lease to %s", cause->process, after->holder);
	}
	if (before->exists && before->decorated && !after->decorated)
		world_fail(w, "LE-17", "p%u drops what others have put into the Lease", cause->process);
	/* By chance once in hundreds of millions. */
	if (!before->exists && (after->term < 4 || after->term >= 1u << 30))
		world_fail(w, "Lease", "p%u creates the Lease with term %u", cause->process, after->term);
	if (w->profile.tagged || !before->exists)
		return;
	w->tally.steps += ours && step > 0;
	if (step > MAX_STEP)
		world_fail(w, "Lease", "p%u sets the term from %u to %u", cause->process, before->term,
			   after->term);
	if (!ours && after->holder[0] != '\0' && step == 0)
		world_fail(w, "Lease", "p%u takes the Lease and does not raise the term", cause->process);
}

static void put_lease(struct world *w, const struct object *o, struct letter *cause)
{
	struct lease_book *l = &w->auditor.lease;
	struct lease_book after = {.exists = true};
	const char *holder;
	const struct node *root;
	const struct node *spec;
	struct tree t;
	struct buf text;
	int64_t term = 0;

	tree_init(&t);
	must_buf(&text);
	root = object_parse(o, 0, &t, &text);
	spec = node_get(root, "spec");
	after.decorated = node_get(node_get(root, "metadata"), "annotations") != NULL;
	holder = node_str(&t, node_get(spec, "holderIdentity"), NULL);
	(void)node_to_int(node_get(spec, "leaseTransitions"), &term);
	after.term = (uint32_t)term;
	(void)snprintf(after.holder, sizeof(after.holder), "%s", holder != NULL ? holder : "");
	NOTE(w, "api", "Lease of \"%s\", term %u, by p%u", after.holder, after.term, cause->process);
	if (cause->process != 0) {
		check_our_claim(w, l, &after, cause);
		cause->raised = !l->exists || l->term != after.term;
	}
	*l = after;
	buf_free(&text);
	tree_free(&t);
}

void auditor_put(struct world *w, const struct object *o, struct letter *cause)
{
	if (o->resource->id == RESOURCE_VMI)
		put_vmi(w, o, cause);
	else if (o->resource->id == RESOURCE_LEASE)
		put_lease(w, o, cause);
}

void auditor_removed(struct world *w, const struct object *last, const struct letter *cause)
{
	struct book *b = last->resource->id == RESOURCE_VMI ? find_book(&w->auditor, last->name) : NULL;

	if (cause->process != 0)
		world_fail(w, "rig", "p%u removes %s", cause->process, last->name);
	if (last->resource->id == RESOURCE_LEASE)
		w->auditor.lease = (struct lease_book){0};
	if (b == NULL)
		return;
	NOTE(w, "api", "%s %s is gone", b->name, b->uid);
	if (b->has_cid)
		note_use(w, b->cid);
	*b = (struct book){0};
}

/* ---- tagged runs ---- */

void auditor_tagged_act(struct world *w)
{
	uint32_t room = (w->range.max - w->range.min) / CID_STRIPES;
	double terms = 0;

	for (uint32_t i = 0; i < w->auditor.writer_room; i++)
		terms += w->auditor.writers[i].term_count;
	w->tally.tagged_acts++;
	w->tally.tagged_chance += terms / CID_STRIPES * w->profile.slots / room;
}
