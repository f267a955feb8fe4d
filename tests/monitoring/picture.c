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
#include "bench/svg.h"
#include "monitoring/panel.h"

#define WIDTH  1000
#define MARGIN 16
#define TOP    64
#define UNIT   26 /* the height of one of Grafana's rows */
#define GRID   24 /* its columns */
#define GAP    6

#define SVG_MAX ((size_t)4 << 20)

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
static void name_series(char out[static PANEL_NAME_SIZE], const char *format, const json_t *metric)
{
	size_t n = 0;

	while (*format != '\0' && n < PANEL_NAME_SIZE - 1) {
		char label[PANEL_NAME_SIZE];
		const char *end = strncmp(format, "{{", 2) == 0 ? strstr(format, "}}") : NULL;

		if (end == NULL) {
			out[n++] = *format++;
			continue;
		}
		(void)snprintf(label, sizeof(label), "%.*s", (int)(end - format - 2), format + 2);
		n += (size_t)snprintf(out + n, PANEL_NAME_SIZE - n, "%s", text_of(metric, label));
		n = n < PANEL_NAME_SIZE - 1 ? n : PANEL_NAME_SIZE - 1;
		format = end + 2;
	}
	out[n] = '\0';
}

static void read_values(struct series *s, const json_t *values, double from)
{
	s->n = json_array_size(values);
	s->t = calloc(s->n + 1, sizeof(*s->t));
	s->v = calloc(s->n + 1, sizeof(*s->v));
	if (s->t == NULL || s->v == NULL)
		die(s->name, "out of memory");
	for (size_t i = 0; i < s->n; i++) {
		const json_t *pair = json_array_get(values, i);

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

static void read_one(struct panel *p, const json_t *target, const json_t *result, const struct span *span)
{
	const json_t *metric = json_object_get(result, "metric");
	struct series *s = &p->series[p->n];

	if (p->n == PANEL_MAX_SERIES)
		die(p->title, "too many series");
	name_series(s->name, text_of(target, "legendFormat"), metric);
	s->critical = strcmp(text_of(metric, "severity"), "critical") == 0;
	read_values(s, json_object_get(result, "values"), span->from);
	p->n++;
}

static void read_series(struct panel *p, const json_t *json, const char *folder, const struct span *span)
{
	const json_t *targets = json_object_get(json, "targets");

	for (size_t q = 0; q < json_array_size(targets); q++) {
		json_t *answer = load_answer(folder, json_integer_value(json_object_get(json, "id")), q);
		const json_t *results = json_object_get(answer, "result");

		for (size_t i = 0; i < json_array_size(results); i++)
			read_one(p, json_array_get(targets, q), json_array_get(results, i), span);
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
		.log = strcmp(text_of(json_object_get(custom, "scaleDistribution"), "type"), "log") == 0,
		.whole = json_object_get(defaults, "decimals") != NULL,
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

/* A series is in order: its ends are enough. */
static void widen_by(struct span *span, const json_t *values)
{
	size_t n = json_array_size(values);

	if (n == 0)
		return;
	span->from = fmin(span->from, json_number_value(json_array_get(json_array_get(values, 0), 0)));
	span->to = fmax(span->to, json_number_value(json_array_get(json_array_get(values, n - 1), 0)));
}

/* The time that all answers lie in. */
static void widen(struct span *span, const json_t *panel, const char *folder)
{
	for (size_t q = 0; q < json_array_size(json_object_get(panel, "targets")); q++) {
		json_t *answer = load_answer(folder, json_integer_value(json_object_get(panel, "id")), q);
		const json_t *results = json_object_get(answer, "result");

		for (size_t i = 0; i < json_array_size(results); i++)
			widen_by(span, json_object_get(json_array_get(results, i), "values"));
		json_decref(answer);
	}
}

/* ---- drawing ---- */

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
		panel_stat(s, &p, shows_names(json), span->to - span->from);
	else if (strcmp(type, "state-timeline") == 0)
		panel_timeline(s, &p, span->to - span->from);
	else
		panel_graph(s, &p, span->to - span->from);
	free_panel(&p);
	return p.box.y + p.box.height;
}

/* A timeline is as high as it has to be: it stands last. */
static double bottom_of(const json_t *panels, const char *folder, const struct span *span)
{
	struct buf scratch;
	struct svg s;
	double bottom = 0;

	buf_init(&scratch, SVG_MAX);
	svg_begin(&s, &scratch, WIDTH, WIDTH, "");
	for (size_t i = 0; i < json_array_size(panels); i++)
		bottom = fmax(bottom, draw_panel(&s, json_array_get(panels, i), folder, span));
	buf_free(&scratch);
	return bottom;
}

int main(int argc, char **argv)
{
	struct span span = {INFINITY, 0};
	struct buf out;
	struct svg s;
	json_t *dashboard;
	const json_t *panels;

	if (argc != 4)
		die("usage", "picture DASHBOARD ANSWERS SUBTITLE");
	dashboard = load(argv[1]);
	panels = json_object_get(dashboard, "panels");
	for (size_t i = 0; i < json_array_size(panels); i++)
		widen(&span, json_array_get(panels, i), argv[2]);
	if (!(span.to > span.from))
		die(argv[2], "no answers");
	buf_init(&out, SVG_MAX);
	svg_begin(&s, &out, WIDTH, (int)bottom_of(panels, argv[2], &span) + MARGIN,
		  text_of(dashboard, "title"));
	svg_text(&s, MARGIN + GAP / 2.0, 32, SVG_TITLE, SVG_LEFT, text_of(dashboard, "title"));
	svg_text(&s, MARGIN + GAP / 2.0, 50, SVG_NOTE, SVG_LEFT, argv[3]);
	for (size_t i = 0; i < json_array_size(panels); i++)
		(void)draw_panel(&s, json_array_get(panels, i), argv[2], &span);
	if (svg_end(&s) != 0)
		die("the drawing", "too large");
	if (fwrite(out.data, 1, out.len, stdout) != out.len || fflush(stdout) != 0)
		die("standard output", "cannot be written");
	buf_free(&out);
	json_decref(dashboard);
	return 0;
}
