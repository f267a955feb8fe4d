#include "monitoring/panel.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/chart.h"

#define LETTER     6.2 /* about the width of one, of 11 pixels */
#define LEGEND_ROW 15
#define LANE       18 /* of a timeline */
#define GAP_S      5  /* values that are farther apart have nothing between them */

static void value_text(double value, const char *unit, char out[static PANEL_NAME_SIZE])
{
	char number[CHART_NUMBER_SIZE];
	const char *behind = "";

	if (strcmp(unit, "bytes") == 0) {
		value /= 1 << 20;
		behind = " MiB";
	} else if (strcmp(unit, "percentunit") == 0) {
		value *= 100;
		behind = " %";
	} else if (strcmp(unit, "s") == 0) {
		behind = value > 0 && value < 1 ? " ms" : " s";
		value *= value < 1 ? 1000 : 1;
	} else if (strcmp(unit, "ops") == 0 || strcmp(unit, "reqps") == 0) {
		behind = "/s";
	}
	chart_number(value, number);
	(void)snprintf(out, PANEL_NAME_SIZE, "%s%s", number, behind);
}

static void frame(struct svg *s, const struct box *b, const char *title)
{
	svg_grid(s, b->x, b->y, b->x + b->width, b->y);
	svg_grid(s, b->x, b->y + b->height, b->x + b->width, b->y + b->height);
	svg_grid(s, b->x, b->y, b->x, b->y + b->height);
	svg_grid(s, b->x + b->width, b->y, b->x + b->width, b->y + b->height);
	svg_text(s, b->x + 8, b->y + 16, SVG_HEAD, SVG_LEFT, title);
}

void panel_stat(struct svg *s, const struct panel *p, bool by_name, double seconds)
{
	char text[PANEL_NAME_SIZE] = "none";

	for (size_t i = 0; i < p->n; i++) {
		const struct series *one = &p->series[i];

		if (one->n == 0 || (by_name && one->t[one->n - 1] < seconds - 4))
			continue;
		if (by_name)
			(void)snprintf(text, sizeof(text), "%s", one->name);
		else
			value_text(one->v[one->n - 1], p->unit, text);
	}
	frame(s, &p->box, p->title);
	svg_text(s, p->box.x + 8, p->box.y + p->box.height / 2 + 20, by_name ? SVG_LABEL : SVG_TITLE,
		 SVG_LEFT, text);
}

static double highest(const struct panel *p)
{
	double high = 0;

	for (size_t i = 0; i < p->n; i++)
		for (size_t k = 0; k < p->series[i].n; k++)
			if (isfinite(p->series[i].v[k]))
				high = fmax(high, p->series[i].v[k]);
	return high > 0 ? high : 1;
}

/* The lowest value above 0, rounded down to a power of ten. */
static double lowest_power(const struct panel *p)
{
	double low = INFINITY;

	for (size_t i = 0; i < p->n; i++)
		for (size_t k = 0; k < p->series[i].n; k++)
			if (isfinite(p->series[i].v[k]) && p->series[i].v[k] > 0)
				low = fmin(low, p->series[i].v[k]);
	return isfinite(low) ? pow(10, floor(log10(low))) : 1;
}

struct axes {
	struct box area;
	double seconds;
	bool log;
	double low;
	double high;
	double tick; /* between two lines; a factor where logarithmic */
};

static double place_x(const struct axes *a, double t)
{
	return a->area.x + a->area.width * t / a->seconds;
}

static double place_y(const struct axes *a, double v)
{
	double share = (v - a->low) / (a->high - a->low);

	if (a->log)
		share = v <= a->low ? 0 : log(v / a->low) / log(a->high / a->low);
	return a->area.y + a->area.height * (1 - fmin(fmax(share, 0), 1));
}

/* 1, 2 or 5 times a power of ten, three to six of them. */
static double nice_tick(double high)
{
	double power = pow(10, floor(log10(high / 3)));
	double share = high / 3 / power;

	return power * (share < 2 ? 1 : share < 5 ? 2 : 5);
}

static void scale_axes(struct axes *a, const struct panel *p)
{
	double unit = strcmp(p->unit, "bytes") == 0 ? 1 << 20 : 1;

	a->log = p->log;
	a->high = p->max > 0 ? p->max : highest(p) * 1.05;
	a->low = p->log ? lowest_power(p) : 0;
	if (p->log)
		a->high = fmax(a->high, a->low * 10);
	a->tick = p->log ? 10 : nice_tick(a->high / unit) * unit;
	if (p->whole)
		a->tick = fmax(a->tick, 1);
}

static void draw_minutes(struct svg *s, const struct axes *a)
{
	char text[PANEL_NAME_SIZE];

	for (double t = 0; t <= a->seconds; t += 60) {
		(void)snprintf(text, sizeof(text), "%.0f min", t / 60);
		svg_text(s, place_x(a, t), a->area.y + a->area.height + 14, SVG_NOTE, SVG_MIDDLE, text);
	}
}

static void draw_axes(struct svg *s, const struct axes *a, const char *unit)
{
	char text[PANEL_NAME_SIZE];

	for (double v = a->low; v <= a->high * 1.001; v = a->log ? v * a->tick : v + a->tick) {
		value_text(v, unit, text);
		svg_grid(s, a->area.x, place_y(a, v), a->area.x + a->area.width, place_y(a, v));
		svg_text(s, a->area.x - 5, place_y(a, v) + 4, SVG_NOTE, SVG_RIGHT, text);
	}
	draw_minutes(s, a);
}

/* The points from @i on that belong together. Those between two equal ones are left out. Returns where the
 * next line begins. */
static size_t draw_run(struct svg *s, const struct axes *a, const struct series *one, size_t i, bool steps,
		       unsigned int colour)
{
	double *x = calloc(2 * one->n + 2, sizeof(*x));
	double *y = calloc(2 * one->n + 2, sizeof(*y));
	size_t n = 0;

	if (x == NULL || y == NULL)
		abort();
	for (size_t first = i; i < one->n && isfinite(one->v[i]); i++) {
		if (i > first && one->t[i] - one->t[i - 1] > GAP_S)
			break;
		if (i > first && i + 1 < one->n && one->v[i - 1] == one->v[i] && one->v[i] == one->v[i + 1] &&
		    one->t[i + 1] - one->t[i] <= GAP_S)
			continue;
		x[n] = place_x(a, one->t[i]);
		y[n] = place_y(a, one->v[i]);
		if (steps && n > 0 && y[n] != y[n - 1]) {
			x[n + 1] = x[n];
			y[n + 1] = y[n];
			y[n] = y[n - 1];
			n++;
		}
		n++;
	}
	if (n == 1) { /* a point */
		x[1] = x[0] + 1.5;
		y[1] = y[0];
		n = 2;
	}
	svg_thin_path(s, x, y, n, colour);
	free(x);
	free(y);
	return i;
}

static void draw_series(struct svg *s, const struct axes *a, const struct series *one, bool steps,
			unsigned int colour)
{
	for (size_t i = 0; i < one->n;) {
		if (isfinite(one->v[i]))
			i = draw_run(s, a, one, i, steps, colour);
		else
			i++;
	}
}

static double legend_width(const struct series *one)
{
	return 26 + LETTER * (double)strlen(one->name);
}

/* How many lines it takes; draws it where @s is set. */
static int legend(struct svg *s, const struct panel *p, double y)
{
	double left = p->box.x + 10;
	double x = left;
	int rows = 1;

	for (size_t i = 0; i < p->n; i++) {
		if (x > left && x + legend_width(&p->series[i]) > p->box.x + p->box.width) {
			x = left;
			rows++;
		}
		if (s != NULL) {
			svg_bar(s, x, y + (rows - 1) * LEGEND_ROW - 8, 9, 9, (unsigned int)i);
			svg_text(s, x + 13, y + (rows - 1) * LEGEND_ROW, SVG_NOTE, SVG_LEFT,
				 p->series[i].name);
		}
		x += legend_width(&p->series[i]);
	}
	return rows;
}

void panel_graph(struct svg *s, const struct panel *p, double seconds)
{
	int rows = legend(NULL, p, 0);
	double below = 24 + rows * LEGEND_ROW;
	struct axes a = {
		.area = {p->box.x + 58, p->box.y + 28, p->box.width - 74, p->box.height - 28 - below},
		.seconds = seconds,
	};

	scale_axes(&a, p);
	frame(s, &p->box, p->title);
	draw_axes(s, &a, p->unit);
	for (size_t i = 0; i < p->n; i++)
		draw_series(s, &a, &p->series[i], p->steps, (unsigned int)i);
	(void)legend(s, p, p->box.y + p->box.height - below + 32);
}

static int by_start(const void *a, const void *b)
{
	const struct series *x = a;
	const struct series *y = b;

	return (x->t[0] > y->t[0]) - (x->t[0] < y->t[0]);
}

static void draw_lane(struct svg *s, const struct axes *a, const struct series *one, double y)
{
	svg_text(s, a->area.x - 10, y + 12, SVG_LABEL, SVG_RIGHT, one->name);
	for (size_t k = 0; k < one->n;) {
		size_t end = k + 1;

		while (end < one->n && one->t[end] - one->t[end - 1] <= GAP_S)
			end++;
		svg_bar(s, place_x(a, one->t[k]), y + 2,
			fmax(place_x(a, one->t[end - 1]) - place_x(a, one->t[k]), 3), LANE - 5,
			one->critical ? 5 : 1);
		k = end;
	}
}

void panel_timeline(struct svg *s, struct panel *p, double seconds)
{
	struct axes a = {
		.area = {p->box.x + 250, p->box.y + 26, p->box.width - 266, LANE * (double)p->n + 4},
		.seconds = seconds,
	};

	qsort(p->series, p->n, sizeof(p->series[0]), by_start);
	p->box.height = a.area.height + 48;
	frame(s, &p->box, p->title);
	for (double t = 0; t <= seconds; t += 60)
		svg_grid(s, place_x(&a, t), a.area.y, place_x(&a, t), a.area.y + a.area.height);
	draw_minutes(s, &a);
	for (size_t i = 0; i < p->n; i++)
		draw_lane(s, &a, &p->series[i], a.area.y + 2 + LANE * (double)i);
}
