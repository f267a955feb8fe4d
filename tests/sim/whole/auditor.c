#include "sim/whole/auditor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cid/pool.h"
#include "controller/vmi_store.h"
#include "sim/whole/auditor_impl.h"

/* A process may take a CID for used so long after its last owner has gone, the quarantine apart: its cache is
 * stale, or it has not heard of the end of a write. */
#define MEMORY_US 900000000u

/* DESIGN "Term stripes": the oldest view to raise the term with; the product counts in milliseconds. */
#define STALEST_US 180002000u

/* A process that has started so long ago has had time for all that a standby does, where nothing is wrong. */
#define READY_US 30000000u

/* ---- books ---- */

void auditor_reset(struct world *w)
{
	struct auditor *a = &w->auditor;

	for (uint32_t i = 0; i < a->writer_room; i++)
		free(a->writers[i].asked);
	free(a->writers);
	free(a->used);
	free(a->changes);
	free(a->lease_pages);
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

struct book *auditor_find(struct auditor *a, const char *name)
{
	for (int i = 0; i < AUDITOR_BOOKS; i++)
		if (strcmp(a->books[i].name, name) == 0)
			return &a->books[i];
	return NULL;
}

const struct book *auditor_book(const struct world *w, const char *name)
{
	return auditor_find((struct auditor *)&w->auditor, name);
}

void auditor_note_use(struct world *w, uint32_t cid)
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

/* CIDs of @stripe that nobody can take for used, or for excluded. */
static uint32_t free_in(const struct world *w, uint32_t stripe)
{
	const struct auditor *a = &w->auditor;
	const struct cid_range *range = w->profile.chance[FAULT_SETTINGS_MOVED] > 0 ? &w->narrow : &w->range;
	uint64_t cid = (uint64_t)(range->min - cid_stripe_of(range->min)) + stripe;
	uint32_t count = 0;

	for (; cid <= range->max; cid += CID_STRIPES)
		count += cid >= range->min && cid_range_contains(range, (uint32_t)cid);
	for (uint32_t i = 0; i < a->used_count; i++)
		count -= a->used[i].until_us > w->agenda.now_us && cid_stripe_of(a->used[i].cid) == stripe &&
			 cid_range_contains(range, a->used[i].cid);
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

struct request *auditor_request(struct writer *writer, const char *uid, uint32_t cid)
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
	*r = (struct request){.cid = letter->cid, .overflow = overflow, .unseen = true};
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

/* Has @uid still, with not more in doubt than a process keeps in mind (I9)? */
static bool is_in_mind(struct world *w, const struct writer *writer, const char *uid)
{
	uint32_t doubts = 0;
	bool exists = false;

	for (int i = 0; i < AUDITOR_BOOKS; i++)
		exists = exists || strcmp(w->auditor.books[i].uid, uid) == 0;
	for (uint32_t i = 0; i < writer->asked_count; i++)
		doubts += strcmp(writer->asked[i].uid, uid) == 0;
	return exists && doubts <= VMI_MAX_HOLDS;
}

/* A write whose outcome is not known may still land, as long as there is the VMI. */
static void check_doubts(struct process *p, const struct letter *letter)
{
	struct world *w = p->world;
	struct writer *writer = writer_of(w, p->serial);

	for (uint32_t i = 0; i < writer->asked_count; i++) {
		const struct request *r = &writer->asked[i];

		if (r->doubtful && r->unseen && strcmp(r->uid, letter->uid) == 0)
			world_fail(w, "I4", "%s writes to %s again, but has not looked what became of %u",
				   p->name, r->uid, r->cid);
		if (r->cid == letter->cid && r->doubtful && strcmp(r->uid, letter->uid) != 0 &&
		    is_in_mind(w, writer, r->uid))
			world_fail(w, "doubt", "%s asks for %u for %s, but it may still be given to %s",
				   p->name, letter->cid, letter->uid, r->uid);
	}
}

/* The CID of a write that leaves: of an own stripe, or asked for before; or there was none left. */
static void check_cid(struct process *p, const struct letter *letter)
{
	struct world *w = p->world;
	struct writer *writer = writer_of(w, p->serial);
	struct request *r;
	uint32_t last;
	bool overflow;

	if (!cid_range_contains(&w->range, letter->cid))
		world_fail(w, "I6", "%s asks for %u, which may not be given", p->name, letter->cid);
	check_doubts(p, letter);
	r = auditor_request(writer, letter->uid, letter->cid);
	if (r != NULL) {
		r->unseen = true;
		return;
	}
	overflow = writer->term_count > 0 && !raised_term_of(writer, cid_stripe_of(letter->cid));
	last = overflow ? writer->terms[(writer->term_count - 1) % AUDITOR_TERMS] : 0;
	if (overflow && free_in(w, cid_stripe_of(last)) > 0)
		world_fail(w, "stripe", "%s asks for %u, but its term is %u and has %u free ones", p->name,
			   letter->cid, last, free_in(w, cid_stripe_of(last)));
	w->tally.overflows += overflow;
	note_request(writer, letter, overflow);
	auditor_note_use(w, letter->cid);
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
		.process = p->serial,
		.sent_us = now_of(p),
		.left_us = p->world->agenda.now_us,
		.known = r->known,
	};
	letter_read(letter, r, p->identity);
	p->world->tally.requests++;
	NOTE(p->world, p->name, "> %s %s %.*s", r->method, r->path, (int)r->body_len,
	     r->body != NULL ? r->body : "");
	writer->acts = writer->acts || is_act(writer, letter);
	if (letter->about_lease)
		check_lease_rate(p, writer, letter);
	check_right(p, r, letter);
	if (letter->kind == LETTER_VMI && (!letter->guarded || strcmp(r->method, "PATCH") != 0))
		world_fail(p->world, "patch", "%s does not test uid, phase and CID: %s %.*s", p->name,
			   r->path, (int)r->body_len, r->body);
	if (letter->kind == LETTER_VMI)
		check_cid(p, letter);
	if (letter->shows_vmis && letter->watches && !letter->streams && writer->listing)
		world_fail(p->world, "I3", "%s watches after a list that was not whole", p->name);
	if (letter->shows_vmis)
		writer->listing = !letter->watches || letter->streams;
	writer->unanswered += letter->kind == LETTER_VMI;
	/* LE-11 */
	if (letter->kind == LETTER_LEASE && letter->frees && writer->unanswered > 0)
		world_fail(p->world, "release", "%s frees the Lease with %u writes in flight", p->name,
			   writer->unanswered);
}

/* ---- answers ---- */

void auditor_listed(struct writer *writer, const struct letter *letter)
{
	writer->listed_vmis = writer->listed_vmis || letter->lists_vmis;
	writer->listed_crs = writer->listed_crs || letter->lists_crs;
	if (letter->shows_vmis)
		writer->listing = false;
}

/* I3: whoever raises the term, be it for the first time or again, knows all VMIs and the CR, as they were
 * three minutes before he decided to, or later. */
static void check_view(struct process *p, const struct writer *writer, const struct letter *letter)
{
	struct world *w = p->world;

	if (!writer->listed_vmis || !writer->listed_crs)
		world_fail(w, "I3", "%s leads before it has listed all", p->name);
	else if (letter->known.stale_us > STALEST_US)
		world_fail(w, "I3", "%s has raised the term to %u with a view that is %llu s old", p->name,
			   letter->term, (unsigned long long)letter->known.stale_us / 1000000);
}

static void lease_answered(struct process *p, const struct letter *letter)
{
	struct world *w = p->world;
	struct writer *writer = writer_of(w, p->serial);
	uint64_t until_us = letter->sent_us + (uint64_t)w->profile.deadline_ms * 1000;
	uint64_t now_us = now_of(p);

	/* Since then it has been shown that it is somebody else's. */
	if (writer->lease_rv > letter->lease_rv && !writer->lease_is_own)
		return;
	/* What comes after the end gives nothing back. */
	if (now_us > until_us || (writer->acts && now_us > writer->right_us))
		return;
	if (letter->raised) {
		check_view(p, writer, letter);
		if (!writer->led)
			note_fail_over(w);
		auditor_note_raised(writer, letter->term);
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

static void note_outcome(struct request *r, int status)
{
	bool unknown = status == 0 || status >= 500;

	r->doubtful = r->doubtful || unknown;
	r->unseen = r->unseen && unknown;
}

void auditor_answered(struct process *p, const struct letter *letter, int status)
{
	struct writer *writer = writer_of(p->world, p->serial);

	NOTE(p->world, p->name, "< %d", status);
	writer->unanswered -= letter->kind == LETTER_VMI;
	if (letter->kind == LETTER_VMI)
		note_outcome(auditor_request(writer, letter->uid, letter->cid), status);
	if (status < 200 || status > 299)
		return;
	if (letter->kind == LETTER_READ && !letter->watches)
		auditor_listed(writer, letter);
	else if (letter->kind == LETTER_LEASE && letter->claims)
		lease_answered(p, letter);
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
