/* A list that is the beginning of its watch (LST-9 to LST-13). See reflector_impl.h. */
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "kube/reflector_impl.h"

/* ---- silence (LST-13): a server that ignores what it does not know would be waited for without end ---- */

static void on_guard(uv_timer_t *timer);

static void guard_in(struct reflector *r, uint64_t delay_ms)
{
	uv_update_time(r->options.loop); /* a stale clock would shorten the wait (T3) */
	(void)uv_timer_start(&r->timer, on_guard, delay_ms, 0);
}

/* When the list is given up: after a silence, or where all there was has been shown and yet no end mark
 * comes, however much else does. */
static uint64_t give_up_ms(const struct reflector *r)
{
	uint64_t since_ms = r->stream_changed_ms != 0 ? r->stream_changed_ms : r->stream_heard_ms;

	return since_ms + r->options.list_idle_ms;
}

static void on_guard(uv_timer_t *timer)
{
	struct reflector *r = timer->data;
	uint64_t now_ms = clock_boot_ms();

	if (now_ms < give_up_ms(r)) {
		guard_in(r, give_up_ms(r) - now_ms);
		return;
	}
	r->stalled = true;
	kube_call_cancel(&r->call);
}

void reflector_stream_heard(struct reflector *r)
{
	r->stream_heard_ms = clock_boot_ms();
	if (r->stream_changed_ms == 0 && watch_reader_list_changed(r->watch_reader))
		r->stream_changed_ms = r->stream_heard_ms;
}

/* ---- the list ---- */

int reflector_stream_start(struct reflector *r, struct error *err)
{
	int rc = reflector_watch_begin(r, err);

	/* As for pages, no resourceVersion: the list is consistent (I3), and whatever its end mark says is
	 * true. */
	if (rc == 0)
		rc = reflector_path_add(r, "sendInitialEvents", "true", err);
	if (rc == 0)
		rc = reflector_path_add(r, "resourceVersionMatch", "NotOlderThan", err);
	watch_reader_reset(r->watch_reader, true);
	if (rc == 0)
		rc = reflector_watch_open(r, err);
	if (rc != 0)
		return rc;
	r->stalled = false;
	r->stream_heard_ms = r->watch_started_ms;
	r->stream_changed_ms = 0;
	guard_in(r, r->options.list_idle_ms);
	return 0;
}

void reflector_on_listed(void *data, const char *rv)
{
	struct reflector *r = data;
	uint64_t now_ms = clock_boot_ms();
	uint64_t took_s = (now_ms - r->watch_started_ms) / 1000;

	(void)uv_timer_stop(&r->timer);
	memcpy(r->list_rv, rv, strlen(rv) + 1);
	r->listed = watch_reader_listed(r->watch_reader);
	/* From here on it is a watch that has begun now, and has yet to show that it works. */
	r->streams = false;
	r->watch_started_ms = now_ms;
	r->watch_life_s -= took_s < r->watch_life_s ? (uint32_t)took_s : r->watch_life_s;
	reflector_move(r, REFLECTOR_WATCHING);
	reflector_list_complete(r);
}

void reflector_stream_done(struct reflector *r, const struct kube_answer *answer)
{
	const struct reflector_stream_end end = {
		.answer = answer,
		.broken = r->data_rc != 0,
		.error_event = r->data_rc == WATCH_READER_ERROR_EVENT,
		.event = watch_reader_status(r->watch_reader),
		.stalled = r->stalled,
		.in_a_row = ++r->streams_failed,
	};
	struct reflector_verdict verdict = reflector_after_stream(&end);
	struct error why = r->why;

	if (end.stalled)
		(void)error_set(&why, -ETIMEDOUT, "the server does not come to the end of a list");
	else if (verdict.reason == REFLECTOR_RESTART_EOF)
		(void)error_set(&why, -EPIPE, "the server ended a list before its end mark");
	else if (!end.broken)
		(void)reflector_explain(answer, &why);
	r->paged = verdict.paged;
	r->watch_started_ms = 0; /* it was none: the one after the pages need not wait */
	reflector_list_again(r, verdict, &why);
}
