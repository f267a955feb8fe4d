#include "support/loop.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

/* Turns that the close callbacks may take; a handle that closes handles needs a turn for each level. */
#define DRAIN_TURNS 1000

/* A timer that does not keep the loop alive, only lets a blocking poll end. */
struct loop_guard {
	uv_timer_t timer;
	const char *what;
	const char *file;
	int line;
	bool expired;
};

static void on_deadline(uv_timer_t *timer)
{
	struct loop_guard *guard = timer->data;

	guard->expired = true;
}

static void on_guard_closed(uv_handle_t *handle)
{
	free(handle->data);
}

struct loop_guard *loop_guard_start(uv_loop_t *loop, const char *what, const char *file, int line)
{
	struct loop_guard *guard = calloc(1, sizeof(*guard));

	ck_assert_ptr_nonnull(guard);
	guard->what = what;
	guard->file = file;
	guard->line = line;
	guard->timer.data = guard;
	ck_assert_int_eq(uv_timer_init(loop, &guard->timer), 0);
	uv_update_time(loop);
	ck_assert_int_eq(uv_timer_start(&guard->timer, on_deadline, LOOP_DEADLINE_MS, 0), 0);
	uv_unref((uv_handle_t *)&guard->timer);
	return guard;
}

void loop_guard_turn(struct loop_guard *guard)
{
	if (guard->expired)
		ck_abort_msg("%s:%d: after %d ms still not: %s", guard->file, guard->line, LOOP_DEADLINE_MS,
			     guard->what);
	if (!uv_loop_alive(guard->timer.loop))
		ck_abort_msg("%s:%d: the loop has nothing left to do, and not: %s", guard->file, guard->line,
			     guard->what);
	(void)uv_run(guard->timer.loop, UV_RUN_ONCE);
}

void loop_guard_stop(struct loop_guard *guard)
{
	uv_close((uv_handle_t *)&guard->timer, on_guard_closed);
}

void loop_run_until(uv_loop_t *loop, bool (*cond)(void *data), void *data)
{
	LOOP_UNTIL(loop, cond(data));
}

void loop_run_turns(uv_loop_t *loop, unsigned turns)
{
	for (unsigned i = 0; i < turns; i++)
		(void)uv_run(loop, UV_RUN_NOWAIT);
}

static void print_handle(uv_handle_t *handle, void *data)
{
	(void)data;
	fprintf(stderr, "left in the loop: %s %p%s%s\n", uv_handle_type_name(handle->type), (void *)handle,
		uv_is_active(handle) ? " active" : "", uv_is_closing(handle) ? " closing" : "");
}

void loop_assert_drained(uv_loop_t *loop)
{
	int rc = UV_EBUSY;

	for (unsigned i = 0; i < DRAIN_TURNS && rc == UV_EBUSY; i++) {
		(void)uv_run(loop, UV_RUN_NOWAIT);
		rc = uv_loop_close(loop);
	}
	if (rc != 0) {
		uv_walk(loop, print_handle, NULL);
		ck_abort_msg("the loop is not drained: %s", uv_strerror(rc));
	}
}
