#include "sim/trace.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void trace_reset(struct trace *t, enum trace_mode mode)
{
	t->mode = mode;
	t->lines = 0;
	t->sum = 0xcbf29ce484222325u;
	if (mode == TRACE_TAIL && t->tail == NULL)
		t->tail = malloc(TRACE_LINES * sizeof(*t->tail));
	if (mode == TRACE_TAIL && t->tail == NULL)
		abort();
}

void trace_free(struct trace *t)
{
	free(t->tail);
}

/* FNV-1a. */
static void add_to_sum(struct trace *t, const char *line)
{
	for (; *line != '\0'; line++)
		t->sum = (t->sum ^ (unsigned char)*line) * 0x100000001b3u;
}

void trace_line(struct trace *t, uint64_t step, uint64_t now_ms, const char *who, const char *fmt, ...)
{
	char line[TRACE_WIDTH];
	int n = snprintf(line, sizeof(line), "%6llu %9llu ms  %-4s ", (unsigned long long)step,
			 (unsigned long long)now_ms, who);
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(line + n, sizeof(line) - (size_t)n, fmt, args);
	va_end(args);
	add_to_sum(t, line);
	if (t->mode == TRACE_ALL)
		(void)puts(line);
	else if (t->mode == TRACE_TAIL)
		memcpy(t->tail[t->lines % TRACE_LINES], line, sizeof(line));
	t->lines++;
}

void trace_print_tail(const struct trace *t)
{
	uint64_t first = t->lines > TRACE_LINES ? t->lines - TRACE_LINES : 0;

	for (uint64_t i = first; i < t->lines; i++)
		(void)puts(t->tail[i % TRACE_LINES]);
}
