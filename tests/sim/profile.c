#include "sim/profile.h"

#include <string.h>

#include "base/macros.h"
#include "cid/pool.h"

const char *const fault_names[FAULT_COUNT] = {
	[FAULT_NO_CONNECTION] = "no connection",
	[FAULT_LOST_REQUEST] = "request lost",
	[FAULT_LOST_ANSWER] = "answer lost",
	[FAULT_LATE] = "applied late",
	[FAULT_REFUSED] = "403",
	[FAULT_THROTTLED] = "429",
	[FAULT_BROKE_BEFORE] = "500 before",
	[FAULT_BROKE_AFTER] = "500 after",
	[FAULT_REVERTED] = "reverted",
	[FAULT_FALSE_404] = "false 404",
	[FAULT_FALSE_422] = "false 422",
	[FAULT_GARBLED] = "answer garbled",
	[FAULT_WATCH_STALLED] = "watch stalled",
	[FAULT_WATCH_CUT] = "watch cut",
	[FAULT_WATCH_EXPIRED] = "watch expired",
	[FAULT_LIST_CUT] = "list cut",
	[FAULT_LIST_STALE] = "list stale",
	[FAULT_CRASHED] = "crash",
	[FAULT_PAUSED] = "pause",
	[FAULT_OVERLAPPED] = "overlap",
	[FAULT_STOPPED] = "stop",
	[FAULT_NOT_RENEWED] = "not renewed",
	[FAULT_TERM_LOST] = "term lost",
	[FAULT_TERM_RAISED] = "term raised",
	[FAULT_TERM_EDITED] = "term edited",
	[FAULT_GATE_MOVED] = "gate moved",
	[FAULT_NO_MEMORY] = "out of memory",
	[FAULT_PRESEEDED] = "preseeded",
	[FAULT_FOREIGN] = "foreign write",
	[FAULT_OVERWRITTEN] = "overwritten",
	[FAULT_CONTESTED] = "contested",
	[FAULT_WIPED] = "status removed",
	[FAULT_FLAWED] = "unreadable",
	[FAULT_COMPACTED] = "compacted",
	[FAULT_SETTINGS] = "settings moved",
};

/* The most that a run may have of each, of 1,000. */
static const uint16_t worst[FAULT_COUNT] = {
	[FAULT_NO_CONNECTION] = 60, [FAULT_LOST_REQUEST] = 60, [FAULT_LOST_ANSWER] = 60,
	[FAULT_LATE] = 60,          [FAULT_REFUSED] = 40,      [FAULT_THROTTLED] = 40,
	[FAULT_BROKE_BEFORE] = 60,  [FAULT_BROKE_AFTER] = 60,  [FAULT_REVERTED] = 60,
	[FAULT_FALSE_404] = 40,     [FAULT_FALSE_422] = 40,    [FAULT_GARBLED] = 40,
	[FAULT_WATCH_STALLED] = 10, [FAULT_WATCH_CUT] = 30,    [FAULT_WATCH_EXPIRED] = 800,
	[FAULT_LIST_CUT] = 200,     [FAULT_LIST_STALE] = 500,  [FAULT_CRASHED] = 15,
	[FAULT_PAUSED] = 15,        [FAULT_OVERLAPPED] = 60,   [FAULT_STOPPED] = 6,
	[FAULT_TERM_LOST] = 10,     [FAULT_TERM_RAISED] = 10,  [FAULT_GATE_MOVED] = 20,
	[FAULT_PRESEEDED] = 300,    [FAULT_FOREIGN] = 60,      [FAULT_OVERWRITTEN] = 300,
	[FAULT_CONTESTED] = 150,    [FAULT_WIPED] = 20,        [FAULT_FLAWED] = 40,
	[FAULT_COMPACTED] = 20,     [FAULT_NO_MEMORY] = 40,    [FAULT_NOT_RENEWED] = 600,
	[FAULT_TERM_EDITED] = 20,   [FAULT_SETTINGS] = 12,
};

static uint32_t below(struct rng *rng, uint32_t n)
{
	return (uint32_t)rng_below(rng, n);
}

static uint32_t between(struct rng *rng, uint32_t low, uint32_t high)
{
	return low + below(rng, high - low + 1);
}

static uint32_t one_of(struct rng *rng, const uint32_t *values, size_t count)
{
	return values[below(rng, (uint32_t)count)];
}

#define ONE_OF(rng, ...)                                                                                     \
	one_of(rng, (const uint32_t[]){__VA_ARGS__}, ARRAY_LEN(((const uint32_t[]){__VA_ARGS__})))

/* All but a small part of the range is excluded: every stripe is more than half used, so that no step of the
 * term helps and those that are used up are left for others. */
static void exclude_nearly_all(struct profile *p, struct rng *rng)
{
	uint32_t keep = CID_STRIPES * ONE_OF(rng, 1, 2, 2, 4);

	if (p->max - p->min >= 2 * keep)
		p->excluded[p->excluded_count++] = (struct cid_span){p->min + keep, p->max};
}

static void draw_exclusions(struct profile *p, struct rng *rng)
{
	uint32_t size = p->max - p->min + 1;

	p->excluded_count = size > 8 ? below(rng, PROFILE_MAX_EXCLUDED) : 0;
	for (uint32_t i = 0; i < p->excluded_count; i++) {
		uint32_t first = p->min + below(rng, size);

		p->excluded[i] = (struct cid_span){first, first + below(rng, size < 100 ? 2 : 100)};
	}
}

/* Small stripes make clashes likely, and the product's own range has to be there too. */
static void draw_range(struct profile *p, struct rng *rng)
{
	if (!p->wide) {
		p->min = ONE_OF(rng, 3, 3, 100, 32760, 65536);
		p->max = p->min + between(rng, 3, 40);
	} else if (below(rng, 40) == 0) {
		p->min = 3;
		p->max = ONE_OF(rng, 2147483647, 4294967294);
	} else {
		p->min = ONE_OF(rng, 3, 5000, 32768, 1u << 20, 4000000000);
		p->max = p->min + (CID_STRIPES << ONE_OF(rng, 1, 4, 5, 6, 6, 6)) - 1;
	}
	draw_exclusions(p, rng);
	if (p->wide && below(rng, 8) == 0)
		exclude_nearly_all(p, rng);
}

static void draw_cluster(struct profile *p, struct rng *rng)
{
	p->slots = ONE_OF(rng, 1, 3, 8, 8, 16, 24, 40);
	p->actions = between(rng, 40, 800);
	p->pace_ms = ONE_OF(rng, 1, 5, 20, 100, 1000);
	p->window = ONE_OF(rng, 1, 2, 4, 16, 256);
	p->quarantine_ms = ONE_OF(rng, 0, 1000, 10000, 60000);
	p->delay_ms = ONE_OF(rng, 1, 5, 20, 100, 500);
	p->timeout_ms = ONE_OF(rng, 1000, 5000, 30000);
	p->right_ms = p->pace_ms * ONE_OF(rng, 4, 20, 100);
	p->right_ms = p->right_ms < 50 ? 50 : p->right_ms > 15000 ? 15000 : p->right_ms;
	p->first_term = ONE_OF(rng, 0, 3, 32765, 1u << 20, 2147483640, below(rng, 1u << 30));
	if (!p->wide && below(rng, 2) == 0)
		p->first_term = p->min + below(rng, p->max - p->min);
	p->first_version = 1 + (rng_u64(rng) >> ONE_OF(rng, 4, 30, 50, 60));
}

static void draw_group(struct profile *p, struct rng *rng, enum fault first, enum fault last)
{
	for (unsigned int i = first; i <= last; i++)
		if (below(rng, 2) == 0)
			p->chance[i] = (uint16_t)between(rng, 1, worst[i]);
}

/* One kind of answer to nearly everything, so that whatever is tried again at once is tried again for ever.
 */
static void draw_storm(struct profile *p, struct rng *rng)
{
	unsigned int fault = below(rng, FAULT_LAST_OF_REQUEST + 1);

	memset(p->chance, 0, sizeof(*p->chance) * (FAULT_LAST_OF_REQUEST + 1));
	p->chance[fault] = below(rng, 2) == 0 ? 1000 : (uint16_t)between(rng, 300, 1000);
}

/* Everything that goes wrong does so more often. */
static void make_harsh(struct profile *p)
{
	for (unsigned int i = 0; i < FAULT_COUNT; i++)
		p->chance[i] = (uint16_t)(p->chance[i] * 4 < 900 ? p->chance[i] * 4 : 900);
}

static void draw_faults(struct profile *p, struct rng *rng)
{
	if (below(rng, 4) != 0)
		draw_group(p, rng, FAULT_NO_CONNECTION, FAULT_LAST_OF_REQUEST);
	if (below(rng, 10) == 0)
		draw_storm(p, rng);
	if (below(rng, 2) == 0)
		draw_group(p, rng, FAULT_WATCH_STALLED, FAULT_LIST_STALE);
	if (below(rng, 2) == 0)
		draw_group(p, rng, FAULT_CRASHED, FAULT_GATE_MOVED);
	if (below(rng, 2) == 0)
		draw_group(p, rng, FAULT_PRESEEDED, FAULT_OVERWRITTEN);
	if (below(rng, 8) == 0)
		draw_group(p, rng, FAULT_CONTESTED, FAULT_CONTESTED);
	if (below(rng, 6) == 0)
		draw_group(p, rng, FAULT_WIPED, FAULT_WIPED);
	if (below(rng, 4) == 0)
		draw_group(p, rng, FAULT_FLAWED, FAULT_FLAWED);
	if (below(rng, 4) == 0)
		draw_group(p, rng, FAULT_COMPACTED, FAULT_COMPACTED);
	if (below(rng, 12) == 0)
		draw_group(p, rng, FAULT_NO_MEMORY, FAULT_NO_MEMORY);
	draw_group(p, rng, FAULT_SETTINGS, FAULT_SETTINGS);
	if (below(rng, 8) == 0)
		make_harsh(p);
	if (p->processes == 1)
		p->chance[FAULT_OVERLAPPED] = 0;
	else if (below(rng, 2) == 0)
		p->chance[FAULT_OVERLAPPED] = (uint16_t)between(rng, 50, 500);
}

void profile_draw(struct profile *p, struct rng *rng)
{
	memset(p, 0, sizeof(*p));
	p->wide = below(rng, 6) != 0;
	p->calm = below(rng, 8) == 0;
	p->same_seed = below(rng, 2) == 0;
	p->eager = below(rng, 2) == 0;
	p->processes = p->wide ? between(rng, 1, 3) : 1;
	draw_range(p, rng);
	draw_cluster(p, rng);
	if (!p->calm)
		draw_faults(p, rng);
}
