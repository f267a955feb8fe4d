/**
 * trace: one line for each thing that happens, to be printed, or kept for the case that the run fails, or
 * only summed up to compare two runs.
 *
 * Costs one test of a flag where it is off.
 */
#ifndef SIM_TRACE_H
#define SIM_TRACE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/macros.h"

enum trace_mode {
	TRACE_OFF,
	TRACE_SUM,  /* trace_sum() only */
	TRACE_TAIL, /* the last lines are kept */
	TRACE_ALL,  /* printed at once */
};

#define TRACE_LINES 60
#define TRACE_WIDTH 240

struct trace {
	enum trace_mode mode;
	uint64_t lines; /* so far */
	uint64_t sum;
	char (*tail)[TRACE_WIDTH]; /* ring of TRACE_LINES */
};

void trace_reset(struct trace *t, enum trace_mode mode);
void trace_free(struct trace *t);

void trace_line(struct trace *t, uint64_t step, uint64_t now_ms, const char *who, const char *fmt, ...)
	PRINTF_FORMAT(5, 6);

/** Prints the kept lines, the oldest first. */
void trace_print_tail(const struct trace *t);

/** @s: struct sim. @who: "api", "p1". */
#define TRACE(s, who, ...)                                                                                   \
	do {                                                                                                 \
		if ((s)->trace.mode != TRACE_OFF)                                                            \
			trace_line(&(s)->trace, (s)->steps, (s)->queue.now_ms, (who), __VA_ARGS__);          \
	} while (0)

#endif
