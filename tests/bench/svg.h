/**
 * svg: a drawing as text, with the few shapes that a chart needs, on a card that follows the reader's light
 * or dark theme.
 *
 * Coordinates in pixels from the upper left. A failure (no memory, too large) is remembered and told at the
 * end.
 */
#ifndef BENCH_SVG_H
#define BENCH_SVG_H

#include "base/buf.h"

enum svg_anchor { SVG_LEFT, SVG_MIDDLE, SVG_RIGHT };

/* Names of looks; the style sheet is in svg.c. */
#define SVG_TITLE "title"
#define SVG_HEAD  "head" /* of a part */
#define SVG_NOTE  "note"
#define SVG_LABEL "label"
#define SVG_VALUE "value"

/* Series have colours of their own, which both themes show well. */
#define SVG_COLOURS 8

struct svg {
	struct buf *out;
	int rc;
};

/** Begins a drawing; @describe: what it shows, for those who do not see it. */
void svg_begin(struct svg *s, struct buf *out, int width, int height, const char *describe);

/** Ends it. Returns 0, -EMSGSIZE, -ENOMEM. */
int svg_end(struct svg *s);

void svg_text(struct svg *s, double x, double y, const char *look, enum svg_anchor anchor, const char *text);
void svg_grid(struct svg *s, double x1, double y1, double x2, double y2);
void svg_bar(struct svg *s, double x, double y, double width, double height, unsigned int colour);
/** A thin line over bars, from the lowest to the highest value. */
void svg_whisker(struct svg *s, double x1, double y1, double x2, double y2);
void svg_dot(struct svg *s, double x, double y, unsigned int colour);
/** A line through @n points: x[0], y[0], ... */
void svg_path(struct svg *s, const double *x, const double *y, size_t n, unsigned int colour);
void svg_thin_path(struct svg *s, const double *x, const double *y, size_t n, unsigned int colour);

#endif
