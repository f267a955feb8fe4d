/**
 * figure: a quantity that the samples tell, round by round, such as "the CPU time of the controller in the
 * storm".
 */
#ifndef BENCH_FIGURE_H
#define BENCH_FIGURE_H

#include <stdbool.h>

#include "bench/samples.h"
#include "bench/stats.h"

#define FIGURE_MAX_ROUNDS 100

enum figure_join {
	FIGURE_ONLY, /* one subject */
	FIGURE_MAX,  /* the largest; all of them must have been measured */
	FIGURE_SUM,  /* likewise */
};

struct figure {
	const char *scenario; /* NULL: there is no such figure */
	const char *metric;
	const char *subjects; /* one, or some with blanks between them */
	enum figure_join join;
	/** The median of the same metric in this scenario is taken off; NULL: nothing. */
	const char *base;
};

/** The value of one round. Returns 0, or -ENOENT where it was not measured. */
int figure_value(const struct figure *f, const struct samples *s, unsigned int round, double *out);

/** Over all rounds, times @scale. out->n is 0 where it was measured in none. */
void figure_interval(const struct figure *f, const struct samples *s, double scale,
		     struct stats_interval *out);

/** Of @f divided by @of, round by round; rounds in which one of them is missing, or @of is not above 0, do
 * not count. */
void figure_ratio(const struct figure *f, const struct figure *of, const struct samples *s,
		  struct stats_interval *out);

#endif
