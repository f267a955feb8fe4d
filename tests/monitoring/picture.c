/* picture: a Grafana dashboard as an SVG, from what a Prometheus has answered to its queries.
 *
 *   picture DASHBOARD ANSWERS SUBTITLE >FILE
 *
 * ANSWERS has PANEL-QUERY.json for each query, by the panel's id and the query's place: the .data of a
 * query_range. Panels stand as in the dashboard. Left out are series that are 0 all the time, where others of
 * the panel are not.
 */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/macros.h"
#include "bench/chart.h"
#include "bench/svg.h"

#define WIDTH      1000
#define MARGIN     16
#define TOP        64
#define UNIT       26 /* the height of one of Grafana's rows */
#define GRID       24 /* its columns */
#define GAP        6
#define LETTER     6.2 /* about the width of one, of 11 pixels */
#define LEGEND_ROW 15
#define LANE       18 /* of a timeline */

#define MAX_SERIES 32
#define NAME_SIZE  80
#define SVG_MAX    ((size_t)4 << 20)

struct series {
	char name[NAME_SIZE];
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
	const char *unit;
	bool steps;
	bool stacked;
	double max; /* of the axis; 0: by the values */
	struct box box;
	size_t n;
	struct series series[MAX_SERIES];
};

struct span {
	double from, to; /* Unix time of all answers */
};

static void die(const char *what, const char *why)
{
	(void)fprintf(stderr, "picture: %s: %s\n", what, why);
	exit(1);
}

/* ---- reading ---- */

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text != NULL ? text : "";
}

static json_t *load(const char *path)
{
	json_error_t err;
	json_t *json = json_load_file(path, 0, &err);

	if (json == NULL)
		die(path, err.text);
	return json;
}

static json_t *load_answer(const char *folder, json_int_t panel, size_t query)
{
	char path[4096];

	(void)snprintf(path, sizeof(path), "%s/%" JSON_INTEGER_FORMAT "-%zu.json", folder, panel, query);
	return load(path);
}

/* @format with {{label}} as the metric has it. */
static void name_series(char out[static NAME_SIZE], const char *format, const json_t *metric)
{
	size_t n = 0;

	while (*format != '\0' && n < NAME_SIZE - 1) {
		char label[NAME_SIZE];
		const char *end = strncmp(format, "{{", 2) == 0 ? strstr(format, "}}") : NULL;

		if (end == NULL) {
			out[n++] = *format++;
			continue;
		}
		(void)snprintf(label, sizeof(label), "%.*s", (int)(end - format - 2), format + 2);
		n += (size_t)snprintf(out + n, NAME_SIZE - n, "%s", text_of(metric, label));
		n = n < NAME_SIZE - 1 ? n : NAME_SIZE - 1;
		format = end + 2;
	}
	out[n] = '\0';
}

static void read_values(struct series *s, const json_t *values, double from)
{
	size_t i;
	json_t *pair;

	s->n = json_array_size(values);
	s->t = calloc(s->n + 1, sizeof(*s->t));
	s->v = calloc(s->n + 1, sizeof(*s->v));
	if (s->t == NULL || s->v == NULL)
		die(s->name, "out of memory");
	json_array_foreach(values, i, pair)
	{
		s->t[i] = json_number_value(json_array_get(pair, 0)) - from;
		s->v[i] = strtod(json_string_value(json_array_get(pair, 1)), NULL);
	}
}

static bool is_zero(const struct series *s)
{
	for (size_t i = 0; i < s->n; i++)
		if (isfinite(s->v[i]) && s->v[i] > 0)
			return false;
	return true;
}

/* Moves those to the front that show something; the rest is forgotten. */
static void drop_zeros(struct panel *p)
{
	size_t kept = 0;

	for (size_t i = 0; i < p->n; i++) {
		if (is_zero(&p->series[i])) {
			free(p->series[i].t);
			free(p->series[i].v);
			continue;
		}
		p->series[kept++] = p->series[i];
	}
	p->n = kept;
}

static bool all_zero(const struct panel *p)
{
	for (size_t i = 0; i < p->n; i++)
		if (!is_zero(&p->series[i]))
			return false;
	return true;
}

static void read_series(struct panel *p, const json_t *json, const char *folder, const struct span *span)
{
	size_t q, i;
	json_t *target, *result;

	json_array_foreach(json_object_get(json, "targets"), q, target)
	{
		json_t *answer = load_answer(folder, json_integer_value(json_object_get(json, "id")), q);

		json_array_foreach(json_object_get(answer, "result"), i, result)
		{
			const json_t *metric = json_object_get(result, "metric");
			struct series *s = &p->series[p->n];

			if (p->n == MAX_SERIES)
				die(p->title, "too many series");
			name_series(s->name, text_of(target, "legendFormat"), metric);
			s->critical = strcmp(text_of(metric, "severity"), "critical") == 0;
			read_values(s, json_object_get(result, "values"), span->from);
			p->n++;
		}
		json_decref(answer);
	}
	if (!all_zero(p))
		drop_zeros(p);
}

static void read_panel(struct panel *p, const json_t *json, double top)
{
	const json_t *defaults = json_object_get(json_object_get(json, "fieldConfig"), "defaults");
	const json_t *custom = json_object_get(defaults, "custom");
	const json_t *grid = json_object_get(json, "gridPos");
	double column = (WIDTH - 2.0 * MARGIN) / GRID;

	*p = (struct panel){
		.title = text_of(json, "title"),
		.unit = text_of(defaults, "unit"),
		.steps = strcmp(text_of(custom, "lineInterpolation"), "stepAfter") == 0,
		.stacked = strcmp(text_of(json_object_get(custom, "stacking"), "mode"), "normal") == 0,
		.max = json_number_value(json_object_get(defaults, "max")),
		.box = {MARGIN + column * json_number_value(json_object_get(grid, "x")) + GAP / 2.0,
			top + UNIT * json_number_value(json_object_get(grid, "y")),
			column * json_number_value(json_object_get(grid, "w")) - GAP,
			UNIT * json_number_value(json_object_get(grid, "h")) - GAP},
	};
}

static void free_panel(struct panel *p)
{
	for (size_t i = 0; i < p->n; i++) {
		free(p->series[i].t);
		free(p->series[i].v);
	}
}

/* The time that all answers lie in. */
static void widen(struct span *span, const json_t *panel, const char *folder)
{
	size_t q, i, k;
	json_t *target, *result, *pair;

	json_array_foreach(json_object_get(panel, "targets"), q, target)
	{
		json_t *answer = load_answer(folder, json_integer_value(json_object_get(panel, "id")), q);

		json_array_foreach(json_object_get(answer, "result"), i, result)
		{
			json_array_foreach(json_object_get(result, "values"), k, pair)
			{
				double t = json_number_value(json_array_get(pair, 0));

				span->from = fmin(span->from, t);
				span->to = fmax(span->to, t);
			}
		}
		json_decref(answer);
	}
}

/* ---- drawing ---- */

static void value_text(double value, const char *unit, char out[static NAME_SIZE])
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
	(void)snprintf(out, NAME_SIZE, "%s%s", number, behind);
}

static void frame(struct svg *s, const struct box *b, const char *title)
{
	svg_grid(s, b->x, b->y, b->x + b->width, b->y);
	svg_grid(s, b->x, b->y + b->height, b->x + b->width, b->y + b->height);
	svg_grid(s, b->x, b->y, b->x, b->y + b->height);
	svg_grid(s, b->x + b->width, b->y, b->x + b->width, b->y + b->height);
	svg_text(s, b->x + 8, b->y + 16, SVG_HEAD, SVG_LEFT, title);
}

/* The name of what is so, or the last value. */
static void draw_stat(struct svg *s, const struct panel *p, bool by_name, double to)
{
	char text[NAME_SIZE] = "none";

	for (size_t i = 0; i < p->n; i++) {
		const struct series *one = &p->series[i];

		if (one->n == 0 || (by_name && one->t[one->n - 1] < to - 4))
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

/* 1, 2 or 5 times a power of ten, so that there are three to six of them. */
static double tick_for(double high)
{
	double power = pow(10, floor(log10(high)));
	double share = high / power;

	return share < 1.5 ? power / 2 : share < 3 ? power : share < 6 ? power * 2 : power * 2.5;
}

/* Each on what is below it. Answers to one query have the same times, but not all begin and end together. */
static void stack(struct panel *p)
{
	for (size_t i = 1; i < p->n; i++) {
		struct series *upper = &p->series[i];
		const struct series *lower = &p->series[i - 1];
		size_t k = 0;

		for (size_t j = 0; j < upper->n; j++) {
			while (k + 1 < lower->n && lower->t[k] < upper->t[j])
				k++;
			if (lower->n > 0 && isfinite(lower->v[k]))
				upper->v[j] += lower->v[k];
		}
	}
}

struct axes {
	struct box area;
	double seconds;
	double high;
};

static void draw_axes(struct svg *s, const struct axes *a, const char *unit)
{
	char text[NAME_SIZE];
	double tick = tick_for(a->high);

	for (double v = 0; v <= a->high * 1.001; v += tick) {
		double y = a->area.y + a->area.height * (1 - v / a->high);

		value_text(v, unit, text);
		svg_grid(s, a->area.x, y, a->area.x + a->area.width, y);
		svg_text(s, a->area.x - 5, y + 4, SVG_NOTE, SVG_RIGHT, text);
	}
	for (double t = 0; t <= a->seconds; t += 60) {
		double x = a->area.x + a->area.width * t / a->seconds;

		(void)snprintf(text, sizeof(text), "%.0f min", t / 60);
		svg_text(s, x, a->area.y + a->area.height + 14, SVG_NOTE, SVG_MIDDLE, text);
	}
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
		die(one->name, "out of memory");
	for (size_t first = i; i < one->n && isfinite(one->v[i]); i++) {
		if (i > first && one->t[i] - one->t[i - 1] > 5)
			break;
		if (i > first && i + 1 < one->n && one->v[i - 1] == one->v[i] && one->v[i] == one->v[i + 1] &&
		    one->t[i + 1] - one->t[i] <= 5)
			continue;
		x[n] = a->area.x + a->area.width * one->t[i] / a->seconds;
		y[n] = a->area.y + a->area.height * (1 - fmin(one->v[i], a->high) / a->high);
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

static void draw_graph(struct svg *s, struct panel *p, double seconds)
{
	int rows = legend(NULL, p, 0);
	double below = 24 + rows * LEGEND_ROW;
	struct axes a = {
		.area = {p->box.x + 58, p->box.y + 28, p->box.width - 74, p->box.height - 28 - below},
		.seconds = seconds,
	};

	if (p->stacked)
		stack(p);
	a.high = p->max > 0 ? p->max : highest(p) * 1.05;
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

/* A lane for each series, with a bar wherever there is a value. As high as it has to be. */
static void draw_timeline(struct svg *s, struct panel *p, double seconds)
{
	double left = p->box.x + 250;
	double width = p->box.width - 266;
	char text[NAME_SIZE];

	qsort(p->series, p->n, sizeof(p->series[0]), by_start);
	p->box.height = 52 + LANE * (double)p->n;
	frame(s, &p->box, p->title);
	for (double t = 0; t <= seconds; t += 60) {
		(void)snprintf(text, sizeof(text), "%.0f min", t / 60);
		svg_grid(s, left + width * t / seconds, p->box.y + 26, left + width * t / seconds,
			 p->box.y + p->box.height - 22);
		svg_text(s, left + width * t / seconds, p->box.y + p->box.height - 8, SVG_NOTE, SVG_MIDDLE,
			 text);
	}
	for (size_t i = 0; i < p->n; i++) {
		const struct series *one = &p->series[i];
		double y = p->box.y + 28 + LANE * (double)i;

		svg_text(s, left - 10, y + 12, SVG_LABEL, SVG_RIGHT, one->name);
		for (size_t k = 0; k < one->n;) {
			size_t end = k + 1;

			while (end < one->n && one->t[end] - one->t[end - 1] <= 5)
				end++;
			svg_bar(s, left + width * one->t[k] / seconds, y + 2,
				fmax(width * (one->t[end - 1] - one->t[k]) / seconds, 3), LANE - 5,
				one->critical ? 5 : 1);
			k = end;
		}
	}
}

static bool shows_names(const json_t *panel)
{
	return strcmp(text_of(json_object_get(panel, "options"), "textMode"), "name") == 0;
}

/* Returns where the panel ends. */
static double draw_panel(struct svg *s, const json_t *json, const char *folder, const struct span *span)
{
	const char *type = text_of(json, "type");
	struct panel p;

	read_panel(&p, json, TOP);
	if (strcmp(type, "row") == 0) {
		svg_text(s, MARGIN + GAP / 2.0, p.box.y + 15, SVG_NOTE, SVG_LEFT, p.title);
		return p.box.y + UNIT;
	}
	read_series(&p, json, folder, span);
	if (strcmp(type, "stat") == 0)
		draw_stat(s, &p, shows_names(json), span->to - span->from);
	else if (strcmp(type, "state-timeline") == 0)
		draw_timeline(s, &p, span->to - span->from);
	else
		draw_graph(s, &p, span->to - span->from);
	free_panel(&p);
	return p.box.y + p.box.height;
}

/* A timeline is as high as it has to be: it stands last. */
static double bottom_of(const json_t *panels, const char *folder, const struct span *span)
{
	struct buf scratch;
	struct svg s;
	double bottom = 0;
	size_t i;
	json_t *panel;

	buf_init(&scratch, SVG_MAX);
	svg_begin(&s, &scratch, WIDTH, WIDTH, "");
	json_array_foreach(panels, i, panel) bottom = fmax(bottom, draw_panel(&s, panel, folder, span));
	buf_free(&scratch);
	return bottom;
}

int main(int argc, char **argv)
{
	struct span span = {INFINITY, 0};
	struct buf out;
	struct svg s;
	json_t *dashboard, *panels, *panel;
	size_t i;

	if (argc != 4)
		die("usage", "picture DASHBOARD ANSWERS SUBTITLE");
	dashboard = load(argv[1]);
	panels = json_object_get(dashboard, "panels");
	json_array_foreach(panels, i, panel) widen(&span, panel, argv[2]);
	if (!(span.to > span.from))
		die(argv[2], "no answers");
	buf_init(&out, SVG_MAX);
	svg_begin(&s, &out, WIDTH, (int)bottom_of(panels, argv[2], &span) + MARGIN,
		  text_of(dashboard, "title"));
	svg_text(&s, MARGIN + GAP / 2.0, 32, SVG_TITLE, SVG_LEFT, text_of(dashboard, "title"));
	svg_text(&s, MARGIN + GAP / 2.0, 50, SVG_NOTE, SVG_LEFT, argv[3]);
	json_array_foreach(panels, i, panel)(void) draw_panel(&s, panel, argv[2], &span);
	if (svg_end(&s) != 0)
		die("the drawing", "too large");
	if (fwrite(out.data, 1, out.len, stdout) != out.len || fflush(stdout) != 0)
		die("standard output", "cannot be written");
	buf_free(&out);
	json_decref(dashboard);
	return 0;
}
