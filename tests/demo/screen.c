#include "demo/screen.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define FRAME_MAX      ((size_t)1 << 20)
#define PLAIN_ROWS     1000
#define DEFAULT_HEIGHT 24
#define LINE_SIZE      512

static const char *const codes[] = {
	[SCREEN_PLAIN] = "",        [SCREEN_BOLD] = "\033[1m",  [SCREEN_DIM] = "\033[2m",
	[SCREEN_GOOD] = "\033[32m", [SCREEN_WAIT] = "\033[33m",
};

static bool is_set(const char *variable)
{
	const char *value = getenv(variable);

	return value != NULL && value[0] != '\0';
}

void screen_init(struct screen *s)
{
	const char *terminal = getenv("TERM");

	*s = (struct screen){0};
	s->live = isatty(STDOUT_FILENO) && terminal != NULL && strcmp(terminal, "dumb") != 0;
	s->color = s->live && !is_set("NO_COLOR");
	buf_init(&s->frame, FRAME_MAX);
}

void screen_close(struct screen *s)
{
	buf_free(&s->frame);
}

/* Of the terminal as it is now: it may have been resized. */
static void measure(size_t *columns, size_t *rows)
{
	struct winsize size = {0};

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0)
		size = (struct winsize){0};
	*columns = size.ws_col > 0 && size.ws_col < SCREEN_MAX_COLUMNS ? size.ws_col : SCREEN_MAX_COLUMNS;
	*rows = size.ws_row > 0 ? size.ws_row : DEFAULT_HEIGHT;
}

size_t screen_rows(const struct screen *s)
{
	size_t columns;
	size_t rows;

	if (!s->live)
		return PLAIN_ROWS;
	measure(&columns, &rows);
	return rows > 4 ? rows - 3 : 1; /* the step's line above it, the cursor's line below */
}

static void put(const struct screen *s, enum screen_style style, const char *text, size_t len)
{
	const char *on = s->color ? codes[style] : "";

	printf("%s%.*s%s\n", on, (int)len, text, on[0] != '\0' ? "\033[0m" : "");
}

/* Takes the table away; where it stood new lines can come. */
static void erase(struct screen *s)
{
	if (s->drawn > 0)
		printf("\033[%zuA\r\033[J", s->drawn);
	s->drawn = 0;
}

static void draw(struct screen *s)
{
	const char *text = buf_str(&s->frame);
	const char *end;

	for (; (end = strchr(text, '\n')) != NULL; text = end + 1) {
		put(s, (enum screen_style)(text[0] - '0'), text + 1, (size_t)(end - text - 1));
		s->drawn++;
	}
}

/* How much of @text fits into a line: all, or up to the last blank that does. */
static size_t fitting(const char *text, size_t columns)
{
	size_t len = strlen(text);

	if (len <= columns)
		return len;
	for (size_t i = columns; i > 0; i--)
		if (text[i] == ' ')
			return i;
	return columns;
}

void screen_say(struct screen *s, enum screen_style style, const char *fmt, ...)
{
	char line[LINE_SIZE];
	const char *text = line;
	size_t columns;
	size_t rows;
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	measure(&columns, &rows);
	erase(s);
	do {
		size_t len = s->live ? fitting(text, columns) : strlen(text);

		put(s, style, text, len);
		text += len;
		text += strspn(text, " ");
	} while (*text != '\0');
	if (s->live)
		draw(s);
	fflush(stdout);
}

void screen_begin(struct screen *s)
{
	buf_reset(&s->frame);
}

void screen_row(struct screen *s, enum screen_style style, const char *fmt, ...)
{
	char line[LINE_SIZE];
	size_t columns;
	size_t rows;
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	measure(&columns, &rows);
	(void)buf_printf(&s->frame, "%d%.*s\n", (int)style, (int)columns, line);
}

void screen_end(struct screen *s)
{
	if (!s->live)
		return;
	erase(s);
	draw(s);
	fflush(stdout);
}

void screen_print(struct screen *s)
{
	if (!s->live)
		draw(s);
	s->drawn = s->live ? s->drawn : 0;
	fflush(stdout);
}

void screen_leave(struct screen *s)
{
	s->drawn = 0;
	buf_reset(&s->frame);
}
