#include "controller/plugin/table.h"

#include <assert.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "base/utf8.h"

#define PAGE_ROWS 500
#define MAX_BYTES (16u << 20)
#define GAP       3 /* blanks between columns, as kubectl has them */

void table_begin(struct table *t, FILE *out, const char *const *columns, bool headers)
{
	*t = (struct table){.out = out, .columns = columns, .headers = headers};
	buf_init(&t->cells, MAX_BYTES);
	for (; columns[t->column_count] != NULL; t->column_count++) {
		assert(t->column_count < TABLE_MAX_COLUMNS);
		if (headers)
			t->width[t->column_count] = strlen(columns[t->column_count]);
	}
}

/* Characters of a cell whose bytes are UTF-8. */
static size_t columns_of_bytes(const char *text, size_t bytes)
{
	size_t n = 0;

	for (size_t i = 0; i < bytes; i++)
		n += ((unsigned char)text[i] & 0xc0) != 0x80;
	return n;
}

static size_t columns_of(const char *text)
{
	return columns_of_bytes(text, strlen(text));
}

/* Nothing that a terminal would obey. */
static int add_cell(struct buf *b, const char *text)
{
	size_t left = strlen(text);
	int rc = 0;

	while (rc == 0 && left > 0) {
		size_t n = utf8_length(text, left);
		unsigned char first = (unsigned char)*text;
		bool control = n == 0 || first < 0x20 || first == 0x7f ||
			       (n == 2 && first == 0xc2 && (unsigned char)text[1] < 0xa0);

		rc = control ? buf_add(b, "?", 1) : buf_add(b, text, n);
		n = n == 0 ? 1 : n;
		text += n;
		left -= n;
	}
	return rc == 0 ? buf_add(b, "", 1) : rc;
}

void table_text(FILE *out, const char *text)
{
	AUTO_BUF struct buf clean;

	buf_init(&clean, MAX_BYTES);
	if (add_cell(&clean, text) == 0)
		(void)fputs(buf_str(&clean), out);
}

/* The bytes of the next piece of @text: a word, and of one that is wider than @room up to a slash or colon.
 */
static size_t piece_of(const char *text, size_t room)
{
	size_t bytes = strcspn(text, " ");
	size_t cut = bytes > room ? room : 0;

	while (cut > 0 && strchr("/:", text[cut - 1]) == NULL)
		cut--;
	return cut > 0 ? cut : bytes;
}

void table_paragraph(FILE *out, size_t indent, const char *text)
{
	AUTO_BUF struct buf clean;
	size_t column = indent;
	size_t blanks = 0; /* before the piece */
	size_t bytes;

	buf_init(&clean, MAX_BYTES);
	if (add_cell(&clean, text) != 0)
		return;
	for (const char *piece = buf_str(&clean); *piece != '\0'; piece += bytes + blanks) {
		size_t width;

		bytes = piece_of(piece, TABLE_WIDTH - indent);
		width = columns_of_bytes(piece, bytes);
		if (column > indent && column + blanks + width > TABLE_WIDTH) {
			(void)fprintf(out, "\n%*s", (int)indent, "");
			column = indent;
			blanks = 0;
		}
		(void)fprintf(out, "%*s%.*s", (int)blanks, "", (int)bytes, piece);
		column += blanks + width;
		blanks = strspn(piece + bytes, " ");
	}
	(void)fputc('\n', out);
}

void table_line(FILE *out, size_t indent, const char *fmt, ...)
{
	AUTO_FREE char *text = NULL;
	va_list args;

	va_start(args, fmt);
	if (vasprintf(&text, fmt, args) < 0)
		text = NULL;
	va_end(args);
	table_paragraph(out, indent, text != NULL ? text : "");
}

int table_row(struct table *t, const char *const *cells)
{
	for (size_t i = 0; i < t->column_count; i++) {
		size_t at = t->cells.len;
		int rc = add_cell(&t->cells, cells[i] != NULL ? cells[i] : "");
		size_t width;

		if (rc != 0)
			return rc;
		width = columns_of(t->cells.data + at);
		if (width > t->width[i])
			t->width[i] = width;
	}
	if (++t->rows == PAGE_ROWS)
		table_flush(t);
	return 0;
}

static void print_cell(struct table *t, size_t column, const char *text)
{
	(void)fputs(text, t->out);
	if (column + 1 < t->column_count)
		(void)fprintf(t->out, "%*s", (int)(t->width[column] - columns_of(text) + GAP), "");
	else
		(void)fputc('\n', t->out);
}

void table_flush(struct table *t)
{
	const char *cell = buf_str(&t->cells);

	if (t->rows == 0)
		return;
	for (size_t i = 0; t->headers && i < t->column_count; i++)
		print_cell(t, i, t->columns[i]);
	t->headers = false;
	for (size_t row = 0; row < t->rows; row++) {
		for (size_t i = 0; i < t->column_count; i++) {
			print_cell(t, i, cell);
			cell += strlen(cell) + 1;
		}
	}
	buf_reset(&t->cells);
	t->rows = 0;
	(void)fflush(t->out);
}

bool table_end(struct table *t)
{
	bool any = t->rows > 0 || !t->headers;

	table_flush(t);
	buf_free(&t->cells);
	return any;
}
