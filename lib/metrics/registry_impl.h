/**
 * registry_impl: what registry.c and text.c share; private to this folder.
 */
#ifndef METRICS_REGISTRY_IMPL_H
#define METRICS_REGISTRY_IMPL_H

#include <stdbool.h>

#include "metrics/registry.h"

#define METRICS_OTHER "other"

struct metrics_series {
	const struct metrics_family *family;
	struct metrics_series *next;
	bool shown;
	double value;       /* histograms: sum of the observations */
	uint64_t count;     /* histograms: number of observations */
	char *values;       /* label values one after the other, each with its NUL; behind buckets[] */
	uint64_t buckets[]; /* observations in each bucket alone, without +Inf */
};

struct metrics_family {
	struct metrics_spec spec;
	struct metrics_family *next;
	size_t label_count;
	struct metrics_series *first;
	struct metrics_series **last;
	size_t series_count;          /* without other */
	struct metrics_series *other; /* of a family without labels: its only series */
};

struct metrics_registry {
	struct metrics_family *first;
	struct metrics_family **last;
};

#endif
