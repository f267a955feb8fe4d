#include "kube/reflector.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "kube/discovery.h"
#include "kube/reflector_impl.h"

/* A server may ask for any patience; more than this makes us blind for too long. */
#define RETRY_AFTER_MAX_MS 300000u

/* Path and query: two names of 253 bytes and a continue token of 4 KiB, percent-encoded. */
#define PATH_MAX_BYTES (16u << 10)

static const char *const state_names[REFLECTOR_STATE_COUNT] = {
	[REFLECTOR_WAITING] = "waiting", [REFLECTOR_DISCOVERING] = "discovering",
	[REFLECTOR_LISTING] = "listing", [REFLECTOR_WATCHING] = "watching",
	[REFLECTOR_CLOSING] = "closing",
};

#define TO(state) (1u << REFLECTOR_##state)
static const uint8_t state_moves[REFLECTOR_STATE_COUNT] = {
	[REFLECTOR_WAITING] = TO(DISCOVERING) | TO(LISTING) | TO(WATCHING) | TO(CLOSING),
	[REFLECTOR_DISCOVERING] = TO(WAITING) | TO(LISTING) | TO(CLOSING),
	/* to itself: another page, or from the first one again */
	[REFLECTOR_LISTING] = TO(WAITING) | TO(LISTING) | TO(WATCHING) | TO(CLOSING),
	[REFLECTOR_WATCHING] = TO(WAITING) | TO(LISTING) | TO(WATCHING) | TO(CLOSING),
	[REFLECTOR_CLOSING] = 0,
};
#undef TO

void reflector_move(struct reflector *r, enum reflector_state to)
{
	if ((state_moves[r->state] & (1u << to)) == 0)
		abort(); /* a bug of this file: no input leads here */
	if (r->state != to)
		log_debug(r->options.log, "%s: %s -> %s", r->view.title, state_names[r->state],
			  state_names[to]);
	r->state = to;
}

const char *reflector_restart_name(enum reflector_restart reason)
{
	static const char *const names[REFLECTOR_RESTART_COUNT] = {
		[REFLECTOR_RESTART_EOF] = "eof",
		[REFLECTOR_RESTART_EXPIRED] = "expired",
		[REFLECTOR_RESTART_THROTTLED] = "throttled",
		[REFLECTOR_RESTART_FORBIDDEN] = "forbidden",
		[REFLECTOR_RESTART_ABSENT] = "absent",
		[REFLECTOR_RESTART_REFUSED] = "refused",
		[REFLECTOR_RESTART_TRANSPORT] = "transport",
		[REFLECTOR_RESTART_STALLED] = "stalled",
		[REFLECTOR_RESTART_DECODE] = "decode",
		[REFLECTOR_RESTART_REQUESTED] = "requested",
	};

	return (unsigned)reason < REFLECTOR_RESTART_COUNT ? names[reason] : "unknown";
}

static void reflector_free(struct reflector *r)
{
	free(r->token);
	buf_free(&r->path);
	watch_reader_free(r->watch_reader);
	list_reader_free(r->list_reader);
	free(r);
}

static void reflector_maybe_closed(struct reflector *r)
{
	void (*cb)(void *) = r->close_cb;
	void *data = r->close_data;

	if (r->in_call || !r->timer_closed)
		return;
	reflector_free(r);
	cb(data);
}

static void on_timer_closed(uv_handle_t *handle)
{
	struct reflector *r = handle->data;

	r->timer_closed = true;
	reflector_maybe_closed(r);
}

/* Ends the request that runs and every callback that comes of it. */
static void reflector_stop_call(struct reflector *r)
{
	r->object.stopped = true;
	if (r->in_call && !r->in_data) /* inside on_data its result ends the request (T6, T7) */
		kube_call_cancel(&r->call);
}

void reflector_not_started(struct reflector *r, enum reflector_step step, const struct error *err)
{
	reflector_view_broken(&r->view, err, clock_boot_ms());
	reflector_schedule(r, step, backoff_next(&r->backoff, r->options.rng));
}

/* Starts @step in this turn of the loop. */
static void reflector_go(struct reflector *r, enum reflector_step step)
{
	static const enum reflector_state states[] = {
		[REFLECTOR_DISCOVER] = REFLECTOR_DISCOVERING,
		[REFLECTOR_LIST] = REFLECTOR_LISTING,
		[REFLECTOR_WATCH] = REFLECTOR_WATCHING,
	};
	struct error err = {0};

	if (r->relist && step == REFLECTOR_WATCH)
		step = REFLECTOR_LIST;
	/* The core group is always there, in one version. */
	if (step == REFLECTOR_DISCOVER && r->options.group[0] == '\0') {
		r->version = 0;
		step = REFLECTOR_LIST;
	}
	reflector_move(r, states[step]);
	if (reflector_step_start(r, step, &err) == 0 || reflector_is_closing(r))
		return;
	reflector_not_started(r, step, &err);
}

static void on_timer(uv_timer_t *timer)
{
	struct reflector *r = timer->data;

	reflector_go(r, r->next);
}

/* How long until a watch may start: no two within min_watch_ms, whatever the server does (WCH-8). */
static uint64_t reflector_watch_rest(const struct reflector *r)
{
	uint64_t since = clock_boot_ms() - r->watch_started_ms;

	if (r->watch_started_ms == 0 || since >= r->options.min_watch_ms)
		return 0;
	return r->options.min_watch_ms - since;
}

void reflector_schedule(struct reflector *r, enum reflector_step step, uint64_t delay_ms)
{
	uint64_t rest = step == REFLECTOR_WATCH ? reflector_watch_rest(r) : 0;

	if (delay_ms < rest)
		delay_ms = rest;
	if (delay_ms == 0) {
		reflector_go(r, step);
		return;
	}
	r->next = step;
	reflector_move(r, REFLECTOR_WAITING);
	uv_update_time(r->options.loop); /* a stale clock would shorten the wait (T3) */
	(void)uv_timer_start(&r->timer, on_timer, delay_ms, 0);
}

static uint64_t reflector_delay(struct reflector *r, const struct reflector_verdict *verdict)
{
	uint64_t asked = (uint64_t)verdict->retry_after_s * 1000;
	uint64_t spread = rng_below(r->options.rng, r->options.min_watch_ms);
	uint64_t delay;

	if (verdict->pace == REFLECTOR_NOW)
		return 0;
	if (verdict->pace == REFLECTOR_SPREAD)
		return spread;
	delay = backoff_next(&r->backoff, r->options.rng);
	if (asked <= delay)
		return delay;
	return (asked < RETRY_AFTER_MAX_MS ? asked : RETRY_AFTER_MAX_MS) + spread;
}

void reflector_again(struct reflector *r, const struct reflector_verdict *verdict, bool watch,
		     const struct error *why)
{
	uint64_t delay = reflector_delay(r, verdict);

	if (verdict->absent)
		reflector_view_absent(&r->view, why, clock_boot_ms());
	else if (verdict->pace == REFLECTOR_BACKOFF)
		reflector_view_broken(&r->view, why, clock_boot_ms());
	else
		log_failure(r->options.log, LOG_LEVEL_DEBUG, why, "%s: the %s starts again", r->view.title,
			    watch ? "watch" : "list");
	if (r->options.handler->restarted != NULL)
		r->options.handler->restarted(r->options.handler_data, watch, verdict->reason);
	if (!reflector_is_closing(r))
		reflector_schedule(r, verdict->step, delay);
}

/* reflector_relist() has ended the request. */
static void reflector_relist_now(struct reflector *r)
{
	bool aborted = r->state == REFLECTOR_LISTING;
	/* I9: who wants another list while one is under way, because memory is short, may want it again. */
	struct reflector_verdict requested = {REFLECTOR_RESTART_REQUESTED,
					      REFLECTOR_LIST,
					      aborted ? REFLECTOR_BACKOFF : REFLECTOR_NOW,
					      0,
					      false,
					      false};

	reflector_again(r, &requested, r->state != REFLECTOR_LISTING, NULL);
}

void reflector_on_done(struct kube_call *call, const struct kube_answer *answer)
{
	struct reflector *r = call->data;

	r->in_call = false;
	if (reflector_is_closing(r)) {
		reflector_maybe_closed(r);
		return;
	}
	(void)uv_timer_stop(&r->timer); /* a streaming list's guard */
	if (r->relist && r->state != REFLECTOR_DISCOVERING)
		reflector_relist_now(r);
	else
		reflector_step_done(r, answer);
}

static void set_default(uint32_t *value, uint32_t fallback)
{
	if (*value == 0)
		*value = fallback;
}

static void reflector_set_defaults(struct reflector_options *o)
{
	set_default(&o->page_size, 500);
	set_default(&o->watch_timeout_s, 300);
	set_default(&o->watch_grace_ms, 30000);
	set_default(&o->list_idle_ms, 60000);
	set_default(&o->backoff_initial_ms, 800);
	set_default(&o->backoff_max_ms, 30000);
	set_default(&o->min_watch_ms, 1000);
	set_default(&o->max_text, 1024);
	if (o->max_object == 0)
		o->max_object = UINT64_C(16) << 20;
}

static int reflector_check_options(const struct reflector_options *o, struct error *err)
{
	size_t versions = 0;

	while (versions <= DISCOVERY_MAX_VERSIONS && o->versions[versions] != NULL)
		versions++;
	if (versions == 0 || versions > DISCOVERY_MAX_VERSIONS)
		return error_set(err, -EINVAL, "reflector of %s: 1 to %d versions", o->resource,
				 DISCOVERY_MAX_VERSIONS);
	if (o->name != NULL && o->namespace == NULL)
		return error_set(err, -EINVAL, "reflector of %s: a name needs its namespace", o->resource);
	if (o->watch_timeout_s > 86400)
		return error_set(err, -EINVAL, "reflector of %s: watch_timeout_s over a day", o->resource);
	return 0;
}

static int reflector_create_readers(struct reflector *r, struct error *err)
{
	const struct reflector_options *o = &r->options;
	const struct watch_reader_options watch = {
		.object = &r->object,
		.max_text = o->max_text,
		.max_frame = o->max_object,
		.moved = reflector_on_moved,
		.listed = o->streaming ? reflector_on_listed : NULL,
		.data = r,
	};
	int rc;

	r->object = (struct reflector_object){
		.fields = o->fields,
		.field_count = o->field_count,
		.handler = o->handler,
		.data = o->handler_data,
	};
	rc = list_reader_create(&r->list_reader, &r->object, o->max_text, err);
	if (rc == 0)
		rc = watch_reader_create(&r->watch_reader, &watch, err);
	return rc;
}

int reflector_open(struct reflector **out, const struct reflector_options *options, struct error *err)
{
	struct reflector *r = calloc(1, sizeof(*r));
	int rc;

	if (r == NULL)
		return error_set(err, -ENOMEM, "reflector: no memory");
	r->options = *options;
	reflector_set_defaults(&r->options);
	r->version = -1;
	reflector_view_init(&r->view, options->log, options->resource, options->group, options->name);
	buf_init(&r->path, PATH_MAX_BYTES);
	backoff_init(&r->backoff, r->options.backoff_initial_ms, r->options.backoff_max_ms);
	rc = reflector_check_options(&r->options, err);
	if (rc == 0)
		rc = reflector_create_readers(r, err);
	if (rc != 0) {
		reflector_free(r);
		return error_wrap(err, rc, "reflector of %s", options->resource);
	}
	(void)uv_timer_init(options->loop, &r->timer); /* cannot fail */
	r->timer.data = r;
	*out = r;
	reflector_go(r, REFLECTOR_DISCOVER);
	return 0;
}

bool reflector_synced(const struct reflector *r)
{
	return r->synced;
}

const char *reflector_version(const struct reflector *r)
{
	return r->version < 0 ? NULL : r->options.versions[r->version];
}

const char *reflector_resource_version(const struct reflector *r)
{
	return r->rv;
}

void reflector_relist(struct reflector *r)
{
	if (reflector_is_closing(r))
		return;
	r->relist = true;
	/* A list that already runs may be older than the wish. A discovery and a wait lead to a list by
	 * themselves; a wait is there because the server needs it. */
	if (r->state != REFLECTOR_DISCOVERING)
		reflector_stop_call(r);
}

void reflector_close(struct reflector *r, void (*cb)(void *data), void *data)
{
	if (reflector_is_closing(r))
		abort(); /* closed twice */
	r->close_cb = cb;
	r->close_data = data;
	reflector_move(r, REFLECTOR_CLOSING);
	reflector_stop_call(r);
	uv_close((uv_handle_t *)&r->timer, on_timer_closed);
}
