/**
 * stats: medians with intervals that assume nothing about how the values are spread. Pure.
 */
#ifndef BENCH_STATS_H
#define BENCH_STATS_H

#include <stddef.h>

#define STATS_CONFIDENCE 0.95

struct stats_interval {
	size_t n; /* values; 0: there is no interval */
	double median;
	double low; /* both ends are values themselves */
	double high;
	double confidence; /* that the true median lies between the ends */
};

/** Median of @n values and the narrowest interval between order statistics (the k-th from below and from
 * above) that holds the true median with STATS_CONFIDENCE: 1 - 2 * P(at most k - 1 of n coins show heads).
 * Six values give the lowest and the highest, 96.9 %; fewer give these two, too, and less confidence. @values
 * are sorted. */
void stats_interval(double *values, size_t n, struct stats_interval *out);

#endif
