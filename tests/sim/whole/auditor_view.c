/* What has reached a process: how old its view of the VMIs is, and which terms it has seen. See auditor.h. */
#include <stdlib.h>
#include <string.h>

#include "apisim/must.h"
#include "apisim/tree.h"
#include "sim/whole/auditor_impl.h"

/* ---- what there is to be seen ---- */

void auditor_note_change(struct world *w, uint64_t rv)
{
	struct auditor *a = &w->auditor;

	if (a->change_count == a->change_room) {
		a->change_room = a->change_room * 2 + 256;
		a->changes = world_grow(a->changes, a->change_room, sizeof(*a->changes));
	}
	a->changes[a->change_count++] = (struct change){.rv = rv, .at_us = w->agenda.now_us};
}

void auditor_note_lease(struct world *w, uint64_t rv)
{
	struct auditor *a = &w->auditor;
	struct lease_page *page;

	if (a->lease_page_count == a->lease_page_room) {
		a->lease_page_room = a->lease_page_room * 2 + 256;
		a->lease_pages = world_grow(a->lease_pages, a->lease_page_room, sizeof(*a->lease_pages));
	}
	page = &a->lease_pages[a->lease_page_count++];
	*page = (struct lease_page){.rv = rv, .object = a->lease.object, .term = a->lease.term};
	memcpy(page->holder, a->lease.holder, sizeof(page->holder));
}

/* ---- what a process knows ---- */

/* Changes up to @rv. */
static uint32_t count_changes(const struct auditor *a, uint64_t rv)
{
	uint32_t low = 0;
	uint32_t high = a->change_count;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (a->changes[mid].rv <= rv)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

void auditor_decided(struct process *p, struct known *out)
{
	struct world *w = p->world;
	const struct auditor *a = &w->auditor;
	const struct writer *writer = writer_of(w, p->serial);
	uint32_t seen = count_changes(a, writer->vmis_rv);

	*out = writer->known;
	out->stale_us = 0;
	if (seen < a->change_count)
		out->stale_us = (w->agenda.now_us - a->changes[seen].at_us) * p->loop.rate / VLOOP_RATE;
}

/* The Lease as it was at @rv. A look at the past shows nothing. */
static void show_lease(const struct auditor *a, struct writer *writer, uint64_t rv)
{
	const struct lease_page *page = NULL;
	struct known *known = &writer->known;

	if (rv <= writer->lease_rv)
		return;
	writer->lease_rv = rv;
	for (uint32_t i = a->lease_page_count; i > 0 && page == NULL; i--)
		if (a->lease_pages[i - 1].rv <= rv)
			page = &a->lease_pages[i - 1];
	writer->lease_is_own = page != NULL && strcmp(page->holder, writer->identity) == 0;
	if (page == NULL || page->object == 0)
		return;
	if (page->object != known->lease_object || is_after(page->term, known->highest))
		known->highest = page->term;
	known->lease_object = page->object;
	writer->lease_term = page->term;
}

void auditor_note_raised(struct writer *writer, uint32_t term)
{
	writer->known.highest = is_after(writer->lease_term, term) ? writer->lease_term : term;
}

/* What it was uncertain about is so no longer; @uid NULL: about all VMIs. */
static void show_vmi(struct writer *writer, const char *uid)
{
	for (uint32_t i = 0; i < writer->asked_count; i++)
		if (uid == NULL || strcmp(writer->asked[i].uid, uid) == 0)
			writer->asked[i].unseen = false;
}

/* The bookmark that makes a streaming list whole. */
static bool is_end_mark(struct tree *t, const struct node *frame)
{
	const struct node *meta = node_get(node_get(frame, "object"), "metadata");
	const struct node *notes = node_get(meta, "annotations");
	const char *type = node_str(t, node_get(frame, "type"), NULL);
	const char *mark = node_str(t, node_get(notes, "k8s.io/initial-events-end"), NULL);

	return type != NULL && strcmp(type, "BOOKMARK") == 0 && mark != NULL && strcmp(mark, "true") == 0;
}

void auditor_heard(struct process *p, const struct letter *letter, const char *text, size_t len)
{
	struct writer *writer = writer_of(p->world, p->serial);
	struct tree t;
	const struct node *meta;
	const char *rv_text;
	const char *uid;
	uint64_t rv = 0;

	bool whole = !letter->watches;
	bool within;

	tree_init(&t);
	meta = tree_parse(&t, text, len);
	if (letter->streams)
		whole = is_end_mark(&t, meta);
	meta = node_get(letter->watches ? node_get(meta, "object") : meta, "metadata");
	rv_text = node_str(&t, node_get(meta, "resourceVersion"), NULL);
	uid = node_str(&t, node_get(meta, "uid"), NULL);
	if (rv_text != NULL)
		rv = strtoull(rv_text, NULL, 10);
	if (letter->shows_lease)
		show_lease(&p->world->auditor, writer, rv);
	if (letter->streams && whole)
		auditor_listed(writer, letter);
	/* The objects of a list do not come in the order of their versions. */
	within = letter->streams && writer->listing;
	if (letter->shows_vmis && rv > writer->vmis_rv && !within)
		writer->vmis_rv = rv;
	if ((letter->shows_vmis && whole && rv != 0) || uid != NULL)
		show_vmi(writer, uid);
	tree_free(&t);
}
