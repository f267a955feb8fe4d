/**
 * screen: text that scrolls by, and below it a table that is redrawn in place.
 *
 * On a terminal the table stays at the bottom and lines above it scroll; it never takes more than the
 * terminal's width (80 columns at most) and height. Anywhere else (a pipe, a dumb terminal) lines are printed
 * as they come, and a table only by screen_print(). Colours only on a terminal, and not where NO_COLOR
 * is set (no-color.org). Not thread-safe.
 */
#ifndef DEMO_SCREEN_H
#define DEMO_SCREEN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/macros.h"

#define SCREEN_MAX_COLUMNS 80

enum screen_style { SCREEN_PLAIN, SCREEN_BOLD, SCREEN_DIM, SCREEN_GOOD, SCREEN_WAIT };

struct screen {
	bool live; /* redraws in place */
	bool color;
	size_t drawn; /* lines of the table that stand at the bottom now */
	struct buf frame;
};

void screen_init(struct screen *s);
void screen_close(struct screen *s);

/** A line above the table, broken between words where it is longer than the terminal is wide. */
void screen_say(struct screen *s, enum screen_style style, const char *fmt, ...) PRINTF_FORMAT(3, 4);

/** How many lines of a table are shown. */
size_t screen_rows(const struct screen *s);

/** A table is made anew: begin, rows, end. Each row is cut to the width. Nothing is shown before the end. */
void screen_begin(struct screen *s);
void screen_row(struct screen *s, enum screen_style style, const char *fmt, ...) PRINTF_FORMAT(3, 4);
void screen_end(struct screen *s);

/** A step is over: prints the table where nothing is redrawn in place. */
void screen_print(struct screen *s);

/** The table stays as it is; what is said from now on stands below it. */
void screen_leave(struct screen *s);

#endif
