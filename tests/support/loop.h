/**
 * loop: running a libuv loop in a test without sleeping and without hanging.
 *
 * Nothing here measures time: the deadline only turns a hang into a failure that says what was waited for.
 * All of it asserts, i.e. ends the test that calls it.
 */
#ifndef SUPPORT_LOOP_H
#define SUPPORT_LOOP_H

#include <stdbool.h>
#include <uv.h>

/** Long enough for valgrind on a busy machine. */
#define LOOP_DEADLINE_MS 30000

/** Turns @loop until @cond(@data) holds. Fails the test when the deadline passes, or when nothing is left in
 * the loop that could still happen. */
void loop_run_until(uv_loop_t *loop, bool (*cond)(void *data), void *data);

/** The same with an expression: LOOP_UNTIL(loop, t->done == 1); */
#define LOOP_UNTIL(loop, expr)                                                                               \
	do {                                                                                                 \
		struct loop_guard *guard_ = loop_guard_start((loop), #expr, __FILE__, __LINE__);             \
		while (!(expr))                                                                              \
			loop_guard_turn(guard_);                                                             \
		loop_guard_stop(guard_);                                                                     \
	} while (0)

/** @turns turns that do not block: for "and then nothing more happens". */
void loop_run_turns(uv_loop_t *loop, unsigned turns);

/** Ends a test: every handle must be closed or closing; runs their close callbacks, then uv_loop_close().
 * Prints the handles that are left and fails otherwise. */
void loop_assert_drained(uv_loop_t *loop);

/* Behind LOOP_UNTIL. */
struct loop_guard;
struct loop_guard *loop_guard_start(uv_loop_t *loop, const char *what, const char *file, int line);
void loop_guard_turn(struct loop_guard *guard);
void loop_guard_stop(struct loop_guard *guard);

#endif
