/**
 * panel: one panel of a dashboard, drawn as Grafana would: a value, lines over time, or lanes.
 */
#ifndef MONITORING_PANEL_H
#define MONITORING_PANEL_H

#include <stdbool.h>
#include <stddef.h>

#include "bench/svg.h"

#define PANEL_MAX_SERIES 32
#define PANEL_NAME_SIZE  80

struct series {
	char name[PANEL_NAME_SIZE];
	bool critical; /* of an alert */
	size_t n;
	double *t; /* seconds since the start of the picture */
	double *v; /* NaN: nothing there */
};

struct box {
	double x, y, width, height;
};

struct panel {
	const char *title;
	const char *unit; /* as Grafana calls it */
	bool steps;
	bool log;
	bool whole; /* values are whole numbers */
	double max; /* of the axis; 0: by the values */
	struct box box;
	size_t n;
	struct series series[PANEL_MAX_SERIES];
};

/** The last value, or @by_name the name of the series that has one at the end, @seconds. */
void panel_stat(struct svg *s, const struct panel *p, bool by_name, double seconds);

/** Lines from 0 to @seconds. */
void panel_graph(struct svg *s, const struct panel *p, double seconds);

/** A lane for each series, in the order in which they begin, with a bar wherever there is a value. Sets the
 * height of the panel to what it needs. */
void panel_timeline(struct svg *s, struct panel *p, double seconds);

#endif
