/**
 * auditor_impl: the books of the auditor, shared by auditor.c (processes, what leaves, answers),
 * auditor_commits.c (what the server stores), auditor_view.c (what reaches a process) and auditor_rest.c (the
 * end of a run). Private.
 */
#ifndef SIM_WHOLE_AUDITOR_IMPL_H
#define SIM_WHOLE_AUDITOR_IMPL_H

#include "sim/whole/world.h"

static inline struct writer *writer_of(struct world *w, uint32_t serial)
{
	return &w->auditor.writers[serial];
}

/* Its boot clock. */
static inline uint64_t now_of(const struct process *p)
{
	return vloop_boot_us(&p->loop);
}

/* The VMI called @name; "": an unused book. NULL: none. */
struct book *auditor_find(struct auditor *a, const char *name);

/* What it has asked for; NULL: not that. */
struct request *auditor_request(struct writer *writer, const char *uid, uint32_t cid);

/* Somebody has @cid, or is to have it: it may count as used for a while after. */
void auditor_note_use(struct world *w, uint32_t cid);

/* With revision @rv a VMI has changed, or the Lease, to what its book says now. */
void auditor_note_change(struct world *w, uint64_t rv);
void auditor_note_lease(struct world *w, uint64_t rv);

/* What @letter has asked for is whole: all VMIs, or all CRs. */
void auditor_listed(struct writer *writer, const struct letter *letter);

/* The answer to its raising to @term counts. */
void auditor_note_raised(struct writer *writer, uint32_t term);

/* How far @to is ahead of @from, as serial numbers (RFC 1982). */
static inline uint32_t ahead(uint32_t to, uint32_t from)
{
	return (to - from) & 0x7fffffffu;
}

static inline bool is_after(uint32_t term, uint32_t other)
{
	return term != other && ahead(term, other) < 1u << 30;
}

#endif
