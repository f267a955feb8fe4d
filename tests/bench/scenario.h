/**
 * scenario: what a cluster does to the controller, as bytes, of any size, and always the same.
 *
 * The VMIs' bytes are made in pieces that stay in the cache, as those that libcurl hands out do; what makes
 * them is not to be measured, hence the meter. Single-threaded.
 */
#ifndef BENCH_SCENARIO_H
#define BENCH_SCENARIO_H

#include <stdbool.h>
#include <stdint.h>

#include "bench/pipeline.h"

/** Called around all that belongs to the controller, many times in a scenario. */
struct meter {
	void (*start)(void *data);
	void (*stop)(void *data);
	void *data;
};

struct scenario {
	const char *name;
	const char *unit; /* what it does once for each VMI */
	void (*run)(struct pipeline *p, uint32_t n, const struct meter *m, uint64_t *bytes);
	/** What must have come of it, and did. */
	bool (*is_done)(const struct pipeline *p, uint32_t n);
};

extern const struct scenario scenarios[];
extern const uint32_t scenario_count;

const struct scenario *scenario_find(const char *name);

/** Runs @s for @n VMIs on a new pipeline, after what must come before it. *bytes: those that were read while
 * the meter ran. Returns the pipeline, for figures; give it to pipeline_free(). Ends the program where
 * something else came of it than must. */
struct pipeline *scenario_run(const struct scenario *s, uint32_t n, const struct meter *m, uint64_t *bytes);

#endif
