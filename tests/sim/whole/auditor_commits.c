/* What the server commits: judges it, and keeps what is stored. See auditor.h. */
#include <stdio.h>
#include <string.h>

#include "apisim/must.h"
#include "apisim/tree.h"
#include "sim/whole/auditor_impl.h"

/* One raising is of so many at most (DESIGN "Term stripes"). */
#define MAX_STEP 64

/* After the gate was closed, what was under way may still come, a piece of a watch 5 minutes late; at rest
 * nobody needs a minute more to notice. */
#define GATE_US 360000000u

/* ---- VMIs ---- */

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
	if (w->profile.tagged && (writer_of(w, x->writer)->unknowing || writer_of(w, y->writer)->unknowing))
		w->tally.unknowable++;
	else if (w->profile.tagged)
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
	const struct request *r = auditor_request(writer, after->uid, after->cid);

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
	struct book *b = auditor_find(&w->auditor, o->name);
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
		auditor_note_use(w, after.cid);
	if (b == NULL)
		b = auditor_find(&w->auditor, "");
	*b = after;
	auditor_note_change(w, o->rv);
}

/* ---- the Lease ---- */

/* Who has seen a higher term on this Lease than stands there now does not count on: those to come were in use
 * a moment ago. Nobody can know what he has not seen. */
static void check_setback(struct world *w, const struct lease_book *before, const struct lease_book *after,
			  const struct letter *cause)
{
	const struct known *known = &cause->known;

	if (ahead(after->term, before->term) > MAX_STEP)
		return;
	if (before->object == known->lease_object && is_after(known->highest, before->term))
		world_fail(w, "setback", "p%u counts on from %u to %u, but has seen %u", cause->process,
			   before->term, after->term, known->highest);
	else if (is_after(before->highest, before->term))
		writer_of(w, cause->process)->unknowing = true;
}

static uint32_t highest_of(const struct lease_book *before, const struct lease_book *after,
			   const struct letter *cause)
{
	bool random = cause->process != 0 && ahead(after->term, before->term) > MAX_STEP;

	return before->exists && !random && is_after(before->highest, after->term) ? before->highest
										   : after->term;
}

/* A claim that does not raise the term is a renewal of what the process has raised itself, and knows of. */
static void check_renewal(struct world *w, const struct lease_book *after, const struct letter *cause)
{
	const struct writer *writer = writer_of(w, cause->process);

	if (writer->term_count == 0 || after->term != writer->terms[(writer->term_count - 1) % AUDITOR_TERMS])
		world_fail(w, "term", "p%u renews with the term %u, which it has not raised", cause->process,
			   after->term);
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
	if (before->exists && after->holder[0] != '\0') {
		check_setback(w, before, after, cause);
		if (step == 0)
			check_renewal(w, after, cause);
	}
	if (w->profile.tagged || !before->exists)
		return;
	w->tally.steps += ours && step > 0;
	if (step > MAX_STEP)
		world_fail(w, "Lease", "p%u sets the term from %u to %u", cause->process, before->term,
			   after->term);
}

static void put_lease(struct world *w, const struct object *o, struct letter *cause)
{
	struct lease_book *l = &w->auditor.lease;
	struct lease_book after = {.exists = true, .object = l->object};
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
		cause->lease_rv = o->rv;
	}
	after.highest = highest_of(l, &after, cause);
	if (!l->exists)
		after.object = ++w->auditor.lease_objects;
	*l = after;
	auditor_note_lease(w, o->rv);
	buf_free(&text);
	tree_free(&t);
}

/* ---- all ---- */

void auditor_put(struct world *w, const struct object *o, struct letter *cause)
{
	if (o->resource->id == RESOURCE_VMI)
		put_vmi(w, o, cause);
	else if (o->resource->id == RESOURCE_LEASE)
		put_lease(w, o, cause);
}

void auditor_removed(struct world *w, const struct object *last, const struct letter *cause)
{
	struct book *b = last->resource->id == RESOURCE_VMI ? auditor_find(&w->auditor, last->name) : NULL;

	if (cause->process != 0)
		world_fail(w, "rig", "p%u removes %s", cause->process, last->name);
	if (last->resource->id == RESOURCE_LEASE) {
		w->auditor.lease = (struct lease_book){0};
		auditor_note_lease(w, last->rv);
	}
	if (b == NULL)
		return;
	auditor_note_change(w, last->rv);
	NOTE(w, "api", "%s %s is gone", b->name, b->uid);
	if (b->has_cid)
		auditor_note_use(w, b->cid);
	*b = (struct book){0};
}
