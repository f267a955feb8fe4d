/**
 * table: rows in aligned columns, as kubectl prints them.
 *
 * Rows are kept up to a page and then printed with the widths that are known by then; a column never becomes
 * narrower, so a long table is aligned page by page and needs no more memory than one page. What is not
 * printable in a cell becomes '?'.
 */
#ifndef CONTROLLER_PLUGIN_TABLE_H
#define CONTROLLER_PLUGIN_TABLE_H

#include <stdbool.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/macros.h"

#define TABLE_MAX_COLUMNS 12

struct table {
	FILE *out;
	const char *const *columns; /* borrowed; NULL-terminated headings */
	size_t column_count;
	size_t width[TABLE_MAX_COLUMNS];
	struct buf cells; /* each with its NUL, row after row */
	size_t rows;
	bool headers; /* still to be printed */
};

/** @columns: headings in capitals, NULL-terminated. table_end() is due. */
void table_begin(struct table *t, FILE *out, const char *const *columns, bool headers);

/** A row of as many cells as there are columns; "" and NULL are shown as "<none>" where kubectl does so: pass
 * that. Returns 0 or -ENOMEM. */
int table_row(struct table *t, const char *const *cells);

/** Prints a text as in a cell: what is not printable becomes '?'. */
void table_text(FILE *out, const char *text);

/** Columns of a terminal for whose sake texts are broken. */
#define TABLE_WIDTH 80

/** Prints @text as in a cell, and a line end. The line has @indent columns already, and those that follow
 * begin there; they end at blanks, so that none is wider than TABLE_WIDTH. A word that is stays whole, to be
 * copied. */
void table_paragraph(FILE *out, size_t indent, const char *text);

/** The same with formatted text. */
void table_line(FILE *out, size_t indent, const char *fmt, ...) PRINTF_FORMAT(3, 4);

/** Prints what is kept. */
void table_flush(struct table *t);

/** The same, and frees. Returns true where a row was ever printed. */
bool table_end(struct table *t);

#endif
