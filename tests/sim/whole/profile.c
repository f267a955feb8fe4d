#include "sim/whole/profile.h"

#include <string.h>

#include "base/macros.h"
#include "cid/pool.h"

const char *const fault_names[FAULT_COUNT] = {
	[FAULT_REFUSED] = "connection refused",
	[FAULT_NO_CONNECTION] = "no connection",
	[FAULT_SILENT] = "connection silent",
	[FAULT_LOST_REQUEST] = "request lost",
	[FAULT_LATE_REQUEST] = "request late",
	[FAULT_LOST_ANSWER] = "answer lost",
	[FAULT_LATE_ANSWER] = "answer late",
	[FAULT_CUT_ANSWER] = "answer cut",
	[FAULT_GATEWAY] = "504 after",
	[FAULT_GARBLED] = "answer garbled",
	[FAULT_TWICE] = "sent twice",
	[FAULT_429] = "429",
	[FAULT_500] = "500 before",
	[FAULT_403] = "403",
	[FAULT_404] = "false 404",
	[FAULT_LIST_CUT] = "list cut",
	[FAULT_WATCH_SILENT] = "watch silent",
	[FAULT_WATCH_CUT] = "watch cut",
	[FAULT_WATCH_LATE] = "watch late",
	[FAULT_SLOW] = "slow",
	[FAULT_HALTED] = "halted",
	[FAULT_KILLED] = "killed",
	[FAULT_TERMINATED] = "terminated",
	[FAULT_PAUSED] = "paused",
	[FAULT_SUSPENDED] = "suspended",
	[FAULT_CUT_OFF] = "cut off",
	[FAULT_STRUCK] = "struck",
	[FAULT_RESTARTED] = "server restarted",
	[FAULT_STALLED] = "server stalled",
	[FAULT_COMPACTED] = "compacted",
	[FAULT_WATCHES_ENDED] = "watches ended",
	[FAULT_FORGOTTEN] = "past forgotten",
	[FAULT_NOT_SERVED] = "CRDs not served",
	[FAULT_HOLDER_EDITED] = "holder edited",
	[FAULT_HOLDER_REMOVED] = "holder removed",
	[FAULT_TERM_RAISED] = "term raised by hand",
	[FAULT_LEASE_DECORATED] = "Lease decorated",
	[FAULT_LEASE_DELETED] = "Lease deleted",
	[FAULT_TERM_LOWERED] = "term lowered",
	[FAULT_SET_BACK] = "set back",
	[FAULT_BURST] = "burst",
	[FAULT_PRESEEDED] = "preseeded",
	[FAULT_FOREIGN] = "foreign write",
	[FAULT_OVERWRITTEN] = "overwritten",
	[FAULT_REVERTED] = "reverted",
	[FAULT_GATE_MOVED] = "gate moved",
	[FAULT_SETTINGS_MOVED] = "settings moved",
};

/* The most that a run may have of each. */
static const uint16_t worst[FAULT_COUNT] = {
	[FAULT_REFUSED] = 500,       [FAULT_NO_CONNECTION] = 500,
	[FAULT_SILENT] = 100,        [FAULT_LOST_REQUEST] = 400,
	[FAULT_LATE_REQUEST] = 400,  [FAULT_LOST_ANSWER] = 400,
	[FAULT_LATE_ANSWER] = 300,   [FAULT_CUT_ANSWER] = 300,
	[FAULT_GATEWAY] = 400,       [FAULT_GARBLED] = 200,
	[FAULT_TWICE] = 500,         [FAULT_429] = 300,
	[FAULT_500] = 400,           [FAULT_403] = 200,
	[FAULT_404] = 200,           [FAULT_LIST_CUT] = 2500,
	[FAULT_FORGOTTEN] = 200,     [FAULT_WATCH_SILENT] = 60,
	[FAULT_WATCH_CUT] = 200,     [FAULT_WATCH_LATE] = 150,
	[FAULT_SLOW] = 200,          [FAULT_HALTED] = 500,
	[FAULT_KILLED] = 150,        [FAULT_TERMINATED] = 100,
	[FAULT_PAUSED] = 200,        [FAULT_SUSPENDED] = 150,
	[FAULT_CUT_OFF] = 200,       [FAULT_RESTARTED] = 100,
	[FAULT_STALLED] = 100,       [FAULT_COMPACTED] = 100,
	[FAULT_WATCHES_ENDED] = 100, [FAULT_NOT_SERVED] = 100,
	[FAULT_HOLDER_EDITED] = 80,  [FAULT_HOLDER_REMOVED] = 80,
	[FAULT_TERM_RAISED] = 100,   [FAULT_LEASE_DECORATED] = 100,
	[FAULT_LEASE_DELETED] = 50,  [FAULT_TERM_LOWERED] = 50,
	[FAULT_PRESEEDED] = 2000,    [FAULT_FOREIGN] = 400,
	[FAULT_OVERWRITTEN] = 2000,  [FAULT_REVERTED] = 500,
	[FAULT_GATE_MOVED] = 200,    [FAULT_SETTINGS_MOVED] = 300,
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

/* The smallest range that the product takes has 32 CIDs a stripe, which makes clashes likely. */
static void draw_range(struct profile *p, struct rng *rng)
{
	p->min = ONE_OF(rng, 3, 3, 5000, 1u << 20, 4000000000);
	p->max = p->min + (CID_STRIPES << ONE_OF(rng, 5, 5, 5, 5, 6, 8)) - 1;
	if (below(rng, 40) == 0) {
		p->min = 3;
		p->max = ONE_OF(rng, 2147483647, 4294967294);
	}
	p->excluded_count = below(rng, 3) == 0;
	p->excluded.first = p->min + below(rng, p->max - p->min);
	p->excluded.last = p->excluded.first + below(rng, p->max - p->excluded.first);
	if (p->excluded.last - p->excluded.first > 100000)
		p->excluded.last = p->excluded.first + 100000;
	/* At most eight CIDs of each stripe. */
	p->forbidden.first = p->min + below(rng, p->max - p->min - 8 * CID_STRIPES);
	p->forbidden.last = p->forbidden.first + below(rng, 8 * CID_STRIPES);
}

static void draw_times(struct profile *p, struct rng *rng)
{
	switch (below(rng, 6)) {
	case 0: /* as the tests of failover have it */
		p->lease_ms = 3000;
		p->deadline_ms = 2000;
		p->retry_ms = 400;
		break;
	case 1:
		p->lease_ms = 60000;
		p->deadline_ms = 40000;
		p->retry_ms = 10000;
		break;
	case 2:
		p->lease_ms = 15000;
		p->deadline_ms = between(rng, 3000, 14500);
		p->retry_ms = between(rng, 200, p->deadline_ms / 2);
		break;
	default:
		p->lease_ms = 15000;
		p->deadline_ms = 10000;
		p->retry_ms = 2000;
		break;
	}
}

static void draw_cluster(struct profile *p, struct rng *rng)
{
	p->slots = ONE_OF(rng, 1, 3, 6, 10, 16, 30);
	p->actions = between(rng, 20, below(rng, 4) == 0 ? 600 : 160);
	p->pace_ms = ONE_OF(rng, 1, 20, 100, 400, 1000, 2000);
	p->window = ONE_OF(rng, 1, 2, 16, 16);
	p->quarantine_ms = ONE_OF(rng, 0, 1000, 60000, 60000);
	p->first_install = below(rng, 5) == 0;
	p->first_term = ONE_OF(rng, 0, 3, 32765, 1u << 20, 2147483640, below(rng, 1u << 30));
	p->delay_us = ONE_OF(rng, 200, 2000, 10000, 50000, 400000);
	/* With a new connection a renewal is four messages and has half the deadline; longer ways are what
	 * faults are for. */
	if (p->delay_us > p->deadline_ms * 50)
		p->delay_us = p->deadline_ms * 50;
	p->cpu_us = ONE_OF(rng, 1, 1, 100, 2000, 40000);
	p->splits = ONE_OF(rng, 0, 0, 1, 4);
	p->skew = ONE_OF(rng, 0, 0, 5, 100);
}

static void draw_group(struct profile *p, struct rng *rng, enum fault first, enum fault last)
{
	for (unsigned int i = first; i <= last; i++)
		if (below(rng, 2) == 0)
			p->chance[i] = (uint16_t)between(rng, 1, worst[i]);
}

/* Everything that goes wrong does so more often. */
static void make_harsh(struct profile *p)
{
	for (unsigned int i = 0; i < FAULT_COUNT; i++)
		if (p->chance[i] < CHANCES / 4)
			p->chance[i] =
				(uint16_t)(p->chance[i] * 3 < CHANCES / 4 ? p->chance[i] * 3 : CHANCES / 4);
}

/* For minutes nobody sees what happens, while the term is raised by hand and the Lease is taken away. */
static void make_blind(struct profile *p, struct rng *rng)
{
	p->pace_ms = ONE_OF(rng, 2000, 5000);
	p->actions = between(rng, 60, 160);
	p->lag_us = ONE_OF(rng, 60000000, 240000000);
	p->lags = ONE_OF(rng, 1, 4, 8);
	p->chance[FAULT_WATCH_SILENT] = (uint16_t)between(rng, 0, 400);
	p->chance[FAULT_WATCH_LATE] = (uint16_t)between(rng, 0, 1000);
	p->chance[FAULT_HOLDER_REMOVED] = (uint16_t)between(rng, 0, 400);
	p->chance[FAULT_TERM_RAISED] = (uint16_t)between(rng, 200, 2000);
}

/* Terms are set back to those of a moment ago while many CIDs are given, and whoever follows sees late what
 * the one before has written: so that terms used twice would show. In half of these runs nothing else goes
 * wrong that could end a leader before he has written much. */
static void make_tagged(struct profile *p, struct rng *rng)
{
	if (below(rng, 2) == 0)
		memset(p->chance, 0, sizeof(p->chance));
	p->processes = ONE_OF(rng, 2, 3, 3);
	p->slots = ONE_OF(rng, 16, 30);
	p->actions = between(rng, 200, 1000);
	p->pace_ms = ONE_OF(rng, 400, 1000);
	p->window = ONE_OF(rng, 4, 16);
	p->lag_us = ONE_OF(rng, 2000000, 5000000);
	p->lags = ONE_OF(rng, 4, 6);
	draw_group(p, rng, FAULT_LEASE_DELETED, FAULT_TERM_LOWERED);
	p->chance[FAULT_BURST] = (uint16_t)between(rng, 300, 800);
	p->chance[FAULT_STRUCK] = (uint16_t)between(rng, 5000, 9000);
	p->chance[FAULT_SET_BACK] = (uint16_t)between(rng, 5000, 9500);
}

static void draw_faults(struct profile *p, struct rng *rng)
{
	if (below(rng, 4) != 0)
		draw_group(p, rng, FAULT_REFUSED, FAULT_LAST_OF_REQUEST);
	if (below(rng, 2) == 0)
		draw_group(p, rng, FAULT_LIST_CUT, FAULT_LIST_CUT);
	if (below(rng, 3) != 0)
		draw_group(p, rng, FAULT_WATCH_SILENT, FAULT_SLOW);
	if (below(rng, 3) == 0)
		p->chance[FAULT_HALTED] = (uint16_t)between(rng, 1, worst[FAULT_HALTED]);
	if (below(rng, 4) != 0)
		draw_group(p, rng, FAULT_KILLED, FAULT_CUT_OFF);
	if (below(rng, 2) == 0)
		draw_group(p, rng, FAULT_RESTARTED, FAULT_NOT_SERVED);
	if (below(rng, 3) == 0)
		draw_group(p, rng, FAULT_HOLDER_EDITED, FAULT_LEASE_DECORATED);
	if (below(rng, 3) == 0)
		draw_group(p, rng, FAULT_PRESEEDED, FAULT_REVERTED);
	if (below(rng, 4) == 0)
		draw_group(p, rng, FAULT_GATE_MOVED, FAULT_GATE_MOVED);
	if (below(rng, 4) == 0)
		draw_group(p, rng, FAULT_SETTINGS_MOVED, FAULT_SETTINGS_MOVED);
	if (below(rng, 2) == 0) {
		p->chance[FAULT_BURST] = (uint16_t)between(rng, 100, 1000);
		p->chance[FAULT_STRUCK] = (uint16_t)between(rng, 2000, 9000);
	}
	p->lag_us = ONE_OF(rng, 8 * p->delay_us, 40 * p->delay_us, 2000000, 20000000);
	p->lags = ONE_OF(rng, 0, 0, 1, 4);
	if (below(rng, 10) == 0)
		make_harsh(p);
	p->blind = below(rng, 10) == 0;
	if (p->blind)
		make_blind(p, rng);
	if (p->tagged)
		make_tagged(p, rng);
}

void profile_draw(struct profile *p, struct rng *rng)
{
	memset(p, 0, sizeof(*p));
	p->calm = below(rng, 10) == 0;
	p->tagged = !p->calm && below(rng, 10) == 0;
	/* The chance that is stated for tagged runs is one of different numbers. */
	p->same_seed = !p->tagged && below(rng, 2) == 0;
	p->processes = ONE_OF(rng, 1, 2, 2, 2, 2, 3, 3);
	draw_range(p, rng);
	draw_times(p, rng);
	draw_cluster(p, rng);
	if (p->calm) {
		p->processes = ONE_OF(rng, 2, 2, 3);
		p->chance[FAULT_KILLED] = (uint16_t)ONE_OF(rng, 0, 50, 200, 400);
		p->chance[FAULT_TERMINATED] = (uint16_t)ONE_OF(rng, 0, 50, 200, 400);
		draw_group(p, rng, FAULT_GATE_MOVED, FAULT_GATE_MOVED);
	} else {
		draw_faults(p, rng);
	}
	p->old_server = below(rng, 3) == 0;
}
