/**
 * charts: which charts there are, filled from samples.
 */
#ifndef BENCH_CHARTS_H
#define BENCH_CHARTS_H

#include "bench/chart.h"
#include "bench/samples.h"

struct chart_plan {
	const char *file; /* without ".svg" */
	const char *title;
	const char *unit;
	const char *x_label; /* NULL: bars; else lines over .x of the groups */
	bool log;
	double scale; /* of the values to the unit */
	const struct chart_plan_series {
		const char *subject;
		const char *name; /* as people call it */
		unsigned int colour;
	} *series;
	const struct chart_plan_group {
		const char *label;
		const char *scenario; /* NULL: end of the list */
		const char *metric;
		const char *base; /* see figure.h */
		double x;
	} *groups;
};

extern const struct chart_plan chart_plans[];
extern const size_t chart_plans_len;

/** What a reader wants to know first: a row of the summary, with a column for each subject. */
struct summary_row {
	const char *label;
	const char *unit;
	const char *scenario;
	const char *metric;
	const char *base; /* see figure.h */
	double scale;     /* to the unit */
};

extern const struct summary_row summary_rows[];
extern const size_t summary_rows_len;
extern const struct chart_plan_series *const summary_columns;

/** Fills in all but the subtitle. */
void chart_plan_fill(const struct chart_plan *plan, const struct samples *s, struct chart *out);

#endif
