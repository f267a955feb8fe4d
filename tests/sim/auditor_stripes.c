/* The part of the auditor that is about stripes and terms (DESIGN "Term stripes"). See auditor.h. */
#include "sim/auditor.h"

#include "cid/pool.h"
#include "sim/sim.h"

/* Most terms that a raising for room skips. */
#define MAX_STEP 64

/* What a process knows of a stripe. Its ledger cannot tell exactly what the allocator has to keep taken. */
struct use {
	uint32_t size;  /* CIDs of the range */
	uint32_t least; /* of them not to be given: excluded, held, resting */
	uint32_t most;
};

/* CIDs of @stripe in first..last. */
static uint32_t count_between(uint32_t stripe, uint32_t first, uint32_t last)
{
	uint32_t start = first + cid_stripe_of(stripe - first);

	return start >= first && start <= last ? (last - start) / CID_STRIPES + 1 : 0;
}

static struct use use_of(struct process *p, uint32_t stripe)
{
	const struct cid_range *range = p->range;
	struct use use = {.size = count_between(stripe, range->min, range->max)};
	uint32_t excluded = 0;

	for (size_t i = 0; i < range->excluded_count; i++)
		excluded += count_between(stripe, range->excluded[i].first, range->excluded[i].last);
	use.least = excluded + auditor_unavailable(p, stripe, true);
	use.most = excluded + auditor_unavailable(p, stripe, false);
	return use;
}

bool auditor_overflows(struct process *p, uint32_t cid)
{
	struct use use;

	if (cid_stripe_of(cid) == cid_stripe_of(p->term))
		return false;
	p->sim->tally.overflows++;
	/* What there was no memory to let rest stays taken for good, and may have used it up. */
	if (p->was_short)
		return true;
	use = use_of(p, cid_stripe_of(p->term));
	if (use.most < use.size)
		sim_fail(p->sim, "I1", "%u is not of the stripe of term %u, which has free ones", cid,
			 p->term);
	for (uint32_t step = 1; step <= MAX_STEP; step++) {
		use = use_of(p, cid_stripe_of(p->base + step));
		if (use.most * 2 < use.size)
			sim_fail(p->sim, "I1",
				 "%u is not of the stripe of term %u, which could be raised by %u", cid,
				 p->term, step);
	}
	return true;
}

void auditor_raises(struct process *p, uint32_t step)
{
	struct use use = use_of(p, cid_stripe_of(p->term));
	uint32_t passed = step != 0 ? step : MAX_STEP + 1;

	if (p->was_short || p->lossy)
		return;
	if (use.most * 2 <= use.size && use.size != 0)
		sim_fail(p->sim, "I1", "term %u has room enough", p->term);
	for (uint32_t i = 1; i < passed; i++) {
		use = use_of(p, cid_stripe_of(p->base + i));
		if (use.most * 2 < use.size)
			sim_fail(p->sim, "I1", "a step of %u from term %u would do instead of %u", i, p->base,
				 step);
	}
	use = use_of(p, cid_stripe_of(p->base + step));
	if (step > MAX_STEP || (step != 0 && use.least * 2 >= use.size))
		sim_fail(p->sim, "I1", "a step of %u from term %u is no good", step, p->base);
}

/* Nobody waits for the term to be raised where the own stripe has a free CID, or no raising would help. */
static void check_starving(struct process *p)
{
	struct use use = use_of(p, cid_stripe_of(p->term));

	if (use.most < use.size)
		sim_fail(p->sim, "liveness", "%s waits for another term, though %u has free CIDs", p->name,
			 p->term);
	for (uint32_t step = 1; step <= MAX_STEP; step++) {
		use = use_of(p, cid_stripe_of(p->base + step));
		if (use.least * 2 < use.size)
			return;
	}
	sim_fail(p->sim, "liveness", "%s waits for another term, though no step from %u helps", p->name,
		 p->base);
}

void auditor_check_stripe(struct process *p, bool turned)
{
	struct use use = use_of(p, cid_stripe_of(p->term));
	struct allocator_stats stats;

	allocator_stats(p->core, &stats);
	if (stats.stripe_pressed != allocator_is_pressed(p->core) || (stats.stripe_pressed && !p->has_term))
		sim_fail(p->sim, "gauge", "%s knows not whether its stripe is pressed", p->name);
	if (!p->has_term)
		return;
	if (stats.starving > 0 && turned)
		check_starving(p);
	if (stats.stripe_size != use.size || stats.stripe_used < use.least || stats.stripe_used > use.most)
		sim_fail(p->sim, "gauge", "the stripe of %s has %u to %u of %u CIDs used, not %u of %u",
			 p->name, use.least, use.most, use.size, (unsigned int)stats.stripe_used,
			 (unsigned int)stats.stripe_size);
	if (use.size != 0 && (stats.stripe_pressed ? use.most * 2 <= use.size : use.least * 2 > use.size))
		sim_fail(p->sim, "gauge", "%s is wrong about whether its stripe is pressed", p->name);
}
