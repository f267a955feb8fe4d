/**
 * chart: bars in groups, or lines, as an SVG. Values are medians with the ends of their intervals.
 */
#ifndef BENCH_CHART_H
#define BENCH_CHART_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "bench/stats.h"

#define CHART_MAX_SERIES 6
#define CHART_MAX_POINTS 16

struct chart_series {
	const char *name;
	unsigned int colour; /* svg.h */
};

/** One group of bars, or all that is at one place of the x axis. */
struct chart_group {
	const char *label;
	double x;                                       /* lines only */
	struct stats_interval values[CHART_MAX_SERIES]; /* n 0: not there */
};

struct chart {
	const char *title;
	const char *subtitle; /* date, machine and so on */
	const char *unit;     /* behind the values: "ms" */
	const char *x_label;  /* lines only */
	bool log;             /* logarithmic values; for lines of both axes */
	size_t series_len;
	struct chart_series series[CHART_MAX_SERIES];
	size_t groups_len;
	struct chart_group groups[CHART_MAX_POINTS];
};

/** True where there is anything to draw. */
bool chart_has_values(const struct chart *c);

/** Appends the drawing to @out. Returns 0, -EMSGSIZE, -ENOMEM. */
int chart_bars(const struct chart *c, struct buf *out);
int chart_lines(const struct chart *c, struct buf *out);

/** "1,234", "12.3" or "0.0123": three digits or more. */
#define CHART_NUMBER_SIZE 32
void chart_number(double value, char out[static CHART_NUMBER_SIZE]);

#endif
