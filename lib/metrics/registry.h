/**
 * metrics_registry: counters, gauges and histograms, and their text form for Prometheus (text/plain;
 * version=0.0.4).
 *
 * Families are declared once with all their label values known or added on first use up to a cap (I9: a label
 * value that comes from outside cannot make the registry grow without bound; over the cap it is counted under
 * "other"). Values are doubles. Not thread-safe, no I/O.
 */
#ifndef METRICS_REGISTRY_H
#define METRICS_REGISTRY_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

enum metrics_type { METRICS_COUNTER, METRICS_GAUGE, METRICS_HISTOGRAM };

/** Most series of one family; the one called "other" comes on top. */
#define METRICS_MAX_SERIES 256

/** Most bytes of a label value; a longer one, or one that is not UTF-8, is counted under "other" too. */
#define METRICS_MAX_VALUE 128

struct metrics_registry;
struct metrics_family;
struct metrics_series;

/** What a family is; all strings and arrays are borrowed for the registry's life. */
struct metrics_spec {
	const char *name;
	const char *help;
	enum metrics_type type;
	const char *const *labels; /* label names, NULL-terminated; NULL: none */
	const double *buckets;     /* upper bounds, ascending, histograms only; +Inf is added */
	size_t bucket_count;
};

int metrics_registry_create(struct metrics_registry **out);

/** Declares a family; it is shown in the order of declaration. NULL when memory is short or the spec is wrong
 * (bad name, name twice, buckets not ascending). A family without labels has its one series at 0 from the
 * start. */
struct metrics_family *metrics_declare(struct metrics_registry *m, const struct metrics_spec *spec);

/** The series with these label values (as many as label names, in their order; NULL for none), made at 0 on
 * first use. Never NULL for a family that is not NULL: over METRICS_MAX_SERIES, or without memory, the
 * family's "other" series. It lives as long as the registry. */
struct metrics_series *metrics_series(struct metrics_family *f, const char *const *values);

/* These do nothing where @s is NULL or of another type, where a counter would fall, or where an amount or an
 * observation is not a number (it would stay in the sum for ever): figures never end a process. */
void metrics_add(struct metrics_series *s, double amount); /* counters (amount >= 0) and gauges */
void metrics_set(struct metrics_series *s,
		 double value); /* gauges; a counter only from a source that never falls */
void metrics_observe(struct metrics_series *s, double value); /* histograms */
double metrics_value(const struct metrics_series *s);         /* histograms: number of observations */

/** Appends the text form of all families that have a series. Returns 0, or -EMSGSIZE or -ENOMEM (then @out is
 * as it was). */
int metrics_write(const struct metrics_registry *m, struct buf *out);

void metrics_registry_free(struct metrics_registry *m); /* NULL is fine */

#endif
