/**
 * target: what is to be reached, and whether it was. The list of them is in targets.c.
 */
#ifndef BENCH_TARGET_H
#define BENCH_TARGET_H

#include "bench/figure.h"

/** From here on there is an interval that holds the median with 95 %. */
#define TARGET_ROUNDS 6

enum target_kind { TARGET_AT_MOST, TARGET_AT_LEAST };

struct target {
	const char *name;
	const char *what; /* for people: "p50 at 20/s, to the raw PATCH" */
	struct figure of; /* the controller's */
	struct figure
		to; /* what it is divided by, in the same round; scenario NULL: the figure itself counts */
	enum target_kind kind;
	double limit;
	double scale; /* of a figure that counts itself: to the unit of the limit; 0: as it is */
};

enum target_verdict { TARGET_OK, TARGET_MISSED, TARGET_SKIPPED };

struct target_result {
	enum target_verdict verdict;
	struct stats_interval value;   /* n is 0 where skipped */
	char reason[SAMPLES_TEXT_MAX]; /* why it was skipped */
};

/** Median and interval of the ratio round by round. MISSED only where the whole interval misses; skipped
 * where not one round has both sides, or fewer than TARGET_ROUNDS of a run that has as many. */
void target_judge(const struct target *t, const struct samples *s, struct target_result *out);

/** "ok", "MISSED" or "skipped". */
const char *target_verdict_name(enum target_verdict verdict);

/** Writes the line `bench: NAME value=V target=T ok (LOW to HIGH)` (or MISSED, or `skipped (reason)`),
 * without a line end.
 */
void target_line(const struct target *t, const struct target_result *r, char *out, size_t room);

extern const struct target targets[];
extern const size_t targets_len;

#endif
