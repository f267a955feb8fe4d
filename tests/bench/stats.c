#include "bench/stats.h"

#include <math.h>
#include <stdlib.h>

static int compare(const void *x, const void *y)
{
	const double *a = x;
	const double *b = y;

	return (*a > *b) - (*a < *b);
}

/* The largest rank from the ends that is still good enough, and what it is worth. */
static size_t find_rank(size_t n, double *confidence)
{
	double term = pow(0.5, (double)n); /* P(i of n heads), from i = 0 on */
	double tail = term;
	size_t rank = 1;

	*confidence = 1 - 2 * tail;
	for (size_t i = 1; i < n / 2; i++) {
		term *= (double)(n - i + 1) / (double)i;
		tail += term;
		if (1 - 2 * tail < STATS_CONFIDENCE)
			break;
		*confidence = 1 - 2 * tail;
		rank = i + 1;
	}
	return rank;
}

void stats_interval(double *values, size_t n, struct stats_interval *out)
{
	size_t rank;

	*out = (struct stats_interval){.n = n};
	if (n == 0)
		return;
	qsort(values, n, sizeof(*values), compare);
	rank = find_rank(n, &out->confidence);
	out->median = n % 2 == 1 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
	out->low = values[rank - 1];
	out->high = values[n - rank];
}
