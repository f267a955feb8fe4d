#include "bench/chart.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/macros.h"
#include "bench/svg.h"

#define WIDTH      840
#define LEFT       170 /* of the bars; labels stand before it */
#define RIGHT      110 /* room for values behind the longest bar */
#define TOP        92
#define BAR        14
#define BAR_GAP    3
#define GROUP_GAP  16
#define BOTTOM     44
#define LINES_LEFT 76
#define LINES_TOP  106
#define LINES_HIGH 300

/* Where values are on one axis. */
struct scale {
	bool log;
	double low;
	double high;
	double from; /* pixels */
	double to;
};

void chart_number(double value, char out[static CHART_NUMBER_SIZE])
{
	char digits[CHART_NUMBER_SIZE];
	double size = fabs(value);
	size_t len;
	size_t n = 0;

	if (size < 100 || size >= 1e15) {
		(void)snprintf(out, CHART_NUMBER_SIZE, "%.3g", value);
		return;
	}
	(void)snprintf(digits, sizeof(digits), "%.0f", value);
	len = strlen(digits);
	for (size_t i = 0; i < len; i++) {
		if (i > 0 && (len - i) % 3 == 0 && digits[i - 1] != '-')
			out[n++] = ',';
		out[n++] = digits[i];
	}
	out[n] = '\0';
}

static bool has_series(const struct chart *c, size_t i)
{
	for (size_t g = 0; g < c->groups_len; g++)
		if (c->groups[g].values[i].n > 0)
			return true;
	return false;
}

bool chart_has_values(const struct chart *c)
{
	for (size_t i = 0; i < c->series_len; i++)
		if (has_series(c, i))
			return true;
	return false;
}

static double place(const struct scale *s, double value)
{
	double share;

	if (s->log)
		share = value <= s->low ? 0 : log(value / s->low) / log(s->high / s->low);
	else
		share = (value - s->low) / (s->high - s->low);
	return s->from + share * (s->to - s->from);
}

/* From below the lowest to above the highest value, or from 0 where not logarithmic. */
static struct scale values_scale(const struct chart *c, double from, double to)
{
	struct scale s = {.log = c->log, .from = from, .to = to};
	double low = INFINITY;
	double high = 0;

	for (size_t g = 0; g < c->groups_len; g++) {
		for (size_t i = 0; i < c->series_len; i++) {
			const struct stats_interval *v = &c->groups[g].values[i];

			if (v->n == 0)
				continue;
			if (v->high > high)
				high = v->high;
			if (v->low > 0 && v->low < low)
				low = v->low;
		}
	}
	if (high <= 0 || !isfinite(low))
		low = high = 1;
	s.low = c->log ? low / 2 : 0;
	s.high = c->log ? high * 1.15 : high * 1.05;
	return s;
}

static double next_tick(const struct scale *s, double tick)
{
	if (s->log)
		return tick * 10;
	return tick +
	       pow(10, floor(log10(s->high))) * (s->high / pow(10, floor(log10(s->high))) < 3 ? 0.5 : 1);
}

static double first_tick(const struct scale *s)
{
	return s->log ? pow(10, ceil(log10(s->low))) : 0;
}

static void draw_head(struct svg *s, const struct chart *c)
{
	double x = 24;

	svg_text(s, 24, 32, SVG_TITLE, SVG_LEFT, c->title);
	svg_text(s, 24, 50, SVG_NOTE, SVG_LEFT, c->subtitle);
	for (size_t i = 0; i < c->series_len; i++) {
		if (!has_series(c, i))
			continue;
		svg_bar(s, x, 63, 11, 11, c->series[i].colour);
		svg_text(s, x + 16, 73, SVG_LABEL, SVG_LEFT, c->series[i].name);
		x += 40 + 7.0 * (double)strlen(c->series[i].name);
	}
}

/* ---- bars ---- */

static size_t bars_in(const struct chart *c, const struct chart_group *group)
{
	size_t n = 0;

	for (size_t i = 0; i < c->series_len; i++)
		n += group->values[i].n > 0;
	return n;
}

static double draw_group(struct svg *s, const struct chart *c, const struct chart_group *group,
			 const struct scale *x, double y)
{
	double height = (double)bars_in(c, group) * (BAR + BAR_GAP) - BAR_GAP;

	svg_text(s, LEFT - 12, y + height / 2 + 4, SVG_LABEL, SVG_RIGHT, group->label);
	for (size_t i = 0; i < c->series_len; i++) {
		const struct stats_interval *v = &group->values[i];
		char number[CHART_NUMBER_SIZE];
		char text[CHART_NUMBER_SIZE + 32];
		double end;

		if (v->n == 0)
			continue;
		end = place(x, v->high) > place(x, v->median) ? place(x, v->high) : place(x, v->median);
		svg_bar(s, LEFT, y, fmax(place(x, v->median) - LEFT, 1), BAR, c->series[i].colour);
		svg_whisker(s, fmax(place(x, v->low), LEFT), y + BAR / 2.0, place(x, v->high), y + BAR / 2.0);
		chart_number(v->median, number);
		(void)snprintf(text, sizeof(text), "%s %s", number, c->unit);
		svg_text(s, end + 6, y + 11, SVG_VALUE, SVG_LEFT, text);
		y += BAR + BAR_GAP;
	}
	return y - BAR_GAP;
}

static double bars_height(const struct chart *c)
{
	double height = 0;

	for (size_t g = 0; g < c->groups_len; g++) {
		size_t n = bars_in(c, &c->groups[g]);

		if (n > 0)
			height += (double)n * (BAR + BAR_GAP) - BAR_GAP + GROUP_GAP;
	}
	return height;
}

int chart_bars(const struct chart *c, struct buf *out)
{
	struct scale x = values_scale(c, LEFT, WIDTH - RIGHT);
	double height = bars_height(c);
	double y = TOP + GROUP_GAP / 2.0;
	struct svg s;

	svg_begin(&s, out, WIDTH, (int)(TOP + height + BOTTOM), c->title);
	draw_head(&s, c);
	for (double tick = first_tick(&x); tick <= x.high; tick = next_tick(&x, tick)) {
		char text[CHART_NUMBER_SIZE];

		chart_number(tick, text);
		svg_grid(&s, place(&x, tick), TOP, place(&x, tick), TOP + height);
		svg_text(&s, place(&x, tick), TOP + height + 16, SVG_NOTE, SVG_MIDDLE, text);
	}
	svg_text(&s, WIDTH - RIGHT, TOP + height + 32, SVG_NOTE, SVG_RIGHT, c->log ? "logarithmic" : "");
	for (size_t g = 0; g < c->groups_len; g++)
		if (bars_in(c, &c->groups[g]) > 0)
			y = draw_group(&s, c, &c->groups[g], &x, y) + GROUP_GAP;
	return svg_end(&s);
}

/* ---- lines ---- */

static void draw_series(struct svg *s, const struct chart *c, size_t i, const struct scale *x,
			const struct scale *y)
{
	double xs[CHART_MAX_POINTS];
	double ys[CHART_MAX_POINTS];
	size_t n = 0;

	for (size_t g = 0; g < c->groups_len; g++) {
		const struct stats_interval *v = &c->groups[g].values[i];

		if (v->n == 0)
			continue;
		xs[n] = place(x, c->groups[g].x);
		ys[n] = place(y, v->median);
		svg_whisker(s, xs[n], place(y, v->low), xs[n], place(y, v->high));
		n++;
	}
	if (n > 0)
		svg_path(s, xs, ys, n, c->series[i].colour);
	for (size_t p = 0; p < n; p++)
		svg_dot(s, xs[p], ys[p], c->series[i].colour);
}

int chart_lines(const struct chart *c, struct buf *out)
{
	struct scale y = values_scale(c, LINES_TOP + LINES_HIGH, LINES_TOP);
	struct scale x = {.log = true, .from = LINES_LEFT + 14, .to = WIDTH - 34};
	struct svg s;

	x.low = c->groups_len > 0 ? c->groups[0].x : 1;
	x.high = c->groups_len > 1 ? c->groups[c->groups_len - 1].x : x.low * 2;
	svg_begin(&s, out, WIDTH, LINES_TOP + LINES_HIGH + BOTTOM + 10, c->title);
	draw_head(&s, c);
	for (double tick = first_tick(&y); tick <= y.high; tick = next_tick(&y, tick)) {
		char text[CHART_NUMBER_SIZE];

		chart_number(tick, text);
		svg_grid(&s, LINES_LEFT, place(&y, tick), WIDTH - 24, place(&y, tick));
		svg_text(&s, LINES_LEFT - 8, place(&y, tick) + 4, SVG_NOTE, SVG_RIGHT, text);
	}
	for (size_t g = 0; g < c->groups_len; g++)
		svg_text(&s, place(&x, c->groups[g].x), LINES_TOP + LINES_HIGH + 18, SVG_NOTE, SVG_MIDDLE,
			 c->groups[g].label);
	svg_text(&s, (LINES_LEFT + WIDTH) / 2.0, LINES_TOP + LINES_HIGH + 38, SVG_NOTE, SVG_MIDDLE,
		 c->x_label);
	svg_text(&s, 24, LINES_TOP - 6, SVG_NOTE, SVG_LEFT, c->unit);
	for (size_t i = 0; i < c->series_len; i++)
		draw_series(&s, c, i, &x, &y);
	return svg_end(&s);
}
