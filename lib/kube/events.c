#include "kube/events.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/macros.h"
#include "kube/events_limit.h"
#include "kube/events_series.h"
#include "kube/events_text.h"

/* Events in flight at the same time; more would only compete with what matters. */
#define SLOTS 2

#define TRIES_MAX        12 /* EVT-4 */
#define DEFAULT_RETRY_MS 10000

/* After a post, so that one may be made where calls may not be started (inside on_data). */
#define START_DELAY_MS 1

enum slot_state {
	SLOT_FREE,
	SLOT_CALLING,
	SLOT_WAITING, /* for the next try */
};

struct slot {
	struct kube_events *sink;
	enum slot_state state;
	struct events_series *series;
	uint32_t telling; /* count that the body has */
	unsigned int tries;
	uint64_t retry_ms; /* loop clock */
	struct kube_call call;
	struct buf path;
	struct buf body;
};

struct kube_events {
	struct kube_events_options options;
	char *component;
	char *instance;
	struct events_table table;
	struct events_limit limit;
	struct rng rng;
	struct slot slots[SLOTS];
	uv_timer_t timer;
	bool timer_closed;
	bool full; /* the queue was full, and that has been said */
	uint64_t dropped;
	void (*flushed)(void *data); /* NULL: nobody waits */
	void *flushed_data;
	uint64_t flush_until_ms; /* loop clock */
	bool closing;
	void (*close_cb)(void *data);
	void *close_data;
};

static void sink_free(struct kube_events *sink)
{
	for (size_t i = 0; i < SLOTS; i++) {
		buf_free(&sink->slots[i].path);
		buf_free(&sink->slots[i].body);
	}
	events_limit_free(&sink->limit);
	events_table_free(&sink->table);
	free(sink->component);
	free(sink->instance);
	free(sink);
}

int kube_events_open(struct kube_events **out, const struct kube_events_options *options, struct error *err)
{
	struct kube_events *sink = calloc(1, sizeof(*sink));

	if (sink == NULL)
		return error_errno(err, -ENOMEM, "events");
	sink->options = *options;
	if (sink->options.retry_ms == 0)
		sink->options.retry_ms = DEFAULT_RETRY_MS;
	rng_init_secure(&sink->rng);
	events_table_init(&sink->table, &sink->rng);
	for (size_t i = 0; i < SLOTS; i++) {
		sink->slots[i].sink = sink;
		buf_init(&sink->slots[i].path, EVENTS_TEXT_MAX);
		buf_init(&sink->slots[i].body, EVENTS_TEXT_MAX);
	}
	sink->component = strdup(options->component);
	sink->instance = strdup(options->instance);
	if (events_limit_init(&sink->limit) != 0 || sink->component == NULL || sink->instance == NULL) {
		sink_free(sink);
		return error_errno(err, -ENOMEM, "events");
	}
	(void)uv_timer_init(options->loop, &sink->timer);
	sink->timer.data = sink;
	*out = sink;
	return 0;
}

uint64_t kube_events_dropped(const struct kube_events *sink)
{
	return sink->dropped;
}

/* --- sending --- */

static void sink_arm(struct kube_events *sink);

static struct log_object object_of(const struct events_series *s)
{
	return (struct log_object){
		.kind = s->event.kind,
		.namespace = s->event.namespace,
		.name = s->event.name,
		.uid = s->event.uid,
	};
}

/* Nothing more to do for this count of the series. What the server does not know at all is forgotten, so
 * that the next one of its kind tries again. */
static void slot_give_up(struct slot *slot, const struct error *why)
{
	struct events_series *s = slot->series;
	struct log_object object = object_of(s);

	log_about(slot->sink->options.log, LOG_LEVEL_WARNING, &object, why, "dropped the event %s",
		  s->event.reason);
	slot->sink->dropped += slot->telling - s->told;
	if (s->told == 0)
		events_table_forget(&slot->sink->table, s);
	else
		events_table_told(&slot->sink->table, s, slot->telling);
	slot->state = SLOT_FREE;
}

static void slot_retry(struct slot *slot, const struct error *why)
{
	struct kube_events *sink = slot->sink;
	uint64_t pause_ms = sink->options.retry_ms;

	if (slot->tries >= TRIES_MAX) {
		slot_give_up(slot, why);
		return;
	}
	/* The first pause is random: many sinks may have lost the server at the same moment. */
	if (slot->tries == 1)
		pause_ms = rng_below(&sink->rng, pause_ms) + 1;
	uv_update_time(sink->options.loop);
	slot->retry_ms = uv_now(sink->options.loop) + pause_ms;
	slot->state = SLOT_WAITING;
}

static void on_done(struct kube_call *call, const struct kube_answer *answer);

/* Creates the event, or raises the count of the one that is there. */
static void slot_send(struct slot *slot)
{
	struct kube_events *sink = slot->sink;
	const struct events_series *s = slot->series;
	bool patch = s->told > 0;
	struct error err = {0};
	int rc;

	buf_reset(&slot->path);
	buf_reset(&slot->body);
	rc = events_text_path(&slot->path, s, patch);
	if (rc == 0 && patch)
		rc = events_text_patch(&slot->body, s);
	else if (rc == 0)
		rc = events_text_create(&slot->body, s, sink->component, sink->instance);
	slot->telling = s->count;
	slot->tries++;
	slot->call = (struct kube_call){
		.method = patch ? "PATCH" : "POST",
		.path = buf_str(&slot->path),
		.content_type = patch ? "application/merge-patch+json" : NULL,
		.body = buf_str(&slot->body),
		.body_len = slot->body.len,
		.on_done = on_done,
		.data = slot,
	};
	if (rc != 0)
		(void)error_errno(&err, rc, "event");
	else
		rc = kube_client_start(sink->options.client, &slot->call, &err);
	if (rc == 0)
		slot->state = SLOT_CALLING;
	else
		slot_give_up(slot, &err);
}

static void slot_answered(struct slot *slot, const struct kube_answer *answer)
{
	struct events_series *s = slot->series;
	struct error err = {0};

	if (answer->error != 0) {
		(void)error_set(&err, answer->error, "%s", answer->message);
		slot_retry(slot, &err);
	} else if (answer->status >= 200 && answer->status < 300) {
		events_table_told(&slot->sink->table, s, slot->telling);
		slot->state = SLOT_FREE;
	} else if (answer->status == 409 && s->told == 0) {
		/* An earlier try of ours had arrived: its answer was lost, not it. */
		events_table_told(&slot->sink->table, s, slot->telling);
		slot->state = SLOT_FREE;
	} else if (answer->status == 404 && s->told > 0) {
		/* It is an hour old and gone, or somebody deleted it. */
		s->told = 0;
		slot_send(slot);
	} else {
		(void)error_set(&err, -EIO, "%d %s", answer->status, answer->failure.message);
		slot_give_up(slot, &err);
	}
}

static void maybe_closed(struct kube_events *sink)
{
	void (*cb)(void *data) = sink->close_cb;
	void *data = sink->close_data;

	if (!sink->timer_closed)
		return;
	for (size_t i = 0; i < SLOTS; i++)
		if (sink->slots[i].state == SLOT_CALLING)
			return;
	sink_free(sink);
	if (cb != NULL)
		cb(data);
}

static void on_done(struct kube_call *call, const struct kube_answer *answer)
{
	struct slot *slot = call->data;
	struct kube_events *sink = slot->sink;

	if (sink->closing) {
		slot->state = SLOT_FREE;
		maybe_closed(sink);
		return;
	}
	slot_answered(slot, answer);
	sink_arm(sink);
}

static bool sink_is_idle(const struct kube_events *sink)
{
	for (size_t i = 0; i < SLOTS; i++)
		if (sink->slots[i].state != SLOT_FREE)
			return false;
	return sink->table.queued == 0;
}

/* Who waits may close the sink. */
static void maybe_flushed(struct kube_events *sink, uint64_t now_ms)
{
	void (*cb)(void *data);

	if (sink->flushed == NULL || (!sink_is_idle(sink) && now_ms < sink->flush_until_ms))
		return;
	cb = STEAL_POINTER(sink->flushed);
	cb(sink->flushed_data);
}

static void on_timer(uv_timer_t *timer)
{
	struct kube_events *sink = timer->data;
	uint64_t now_ms = uv_now(sink->options.loop);

	for (size_t i = 0; i < SLOTS; i++) {
		struct slot *slot = &sink->slots[i];

		if (slot->state == SLOT_WAITING && slot->retry_ms <= now_ms) {
			slot_send(slot);
		} else if (slot->state == SLOT_FREE) {
			slot->series = events_table_take(&sink->table);
			slot->tries = 0;
			if (slot->series != NULL)
				slot_send(slot);
		}
	}
	if (sink->table.queued <= EVENTS_QUEUE_MAX / 2)
		sink->full = false;
	sink_arm(sink);
	maybe_flushed(sink, now_ms);
}

/* The timer goes to whatever comes first: a free slot for what is queued, a next try, or who waits. */
static void sink_arm(struct kube_events *sink)
{
	uint64_t next_ms = UINT64_MAX;
	uint64_t now_ms;

	uv_update_time(sink->options.loop);
	now_ms = uv_now(sink->options.loop);
	if (sink->flushed != NULL)
		next_ms = sink_is_idle(sink) ? now_ms + START_DELAY_MS : sink->flush_until_ms;
	for (size_t i = 0; i < SLOTS; i++) {
		const struct slot *slot = &sink->slots[i];
		uint64_t due_ms = UINT64_MAX;

		if (slot->state == SLOT_FREE && sink->table.queued > 0)
			due_ms = now_ms + START_DELAY_MS;
		else if (slot->state == SLOT_WAITING)
			due_ms = slot->retry_ms;
		if (due_ms < next_ms)
			next_ms = due_ms;
	}
	if (next_ms == UINT64_MAX)
		(void)uv_timer_stop(&sink->timer);
	else
		(void)uv_timer_start(&sink->timer, on_timer, next_ms > now_ms ? next_ms - now_ms : 1, 0);
}

/* --- posting --- */

static const char *or_empty(const char *text)
{
	return text != NULL ? text : "";
}

static void count_dropped(struct kube_events *sink, int rc)
{
	sink->dropped++;
	if (rc == -ENOBUFS && !sink->full) {
		sink->full = true;
		log_warning(sink->options.log, "dropping events: %d wait for the server already",
			    EVENTS_QUEUE_MAX);
	}
}

void kube_events_post(struct kube_events *sink, const struct kube_event *event)
{
	unsigned char key[EVENTS_KEY_SIZE];
	uint64_t now_ms = clock_boot_ms();
	struct kube_event whole = {
		.namespace = or_empty(event->namespace),
		.kind = or_empty(event->kind),
		.api_version = or_empty(event->api_version),
		.name = or_empty(event->name),
		.uid = or_empty(event->uid),
		.reason = or_empty(event->reason),
		.message = or_empty(event->message),
		.warning = event->warning,
	};
	int rc = -ESHUTDOWN;

	events_object_key(&whole, key);
	if (!sink->closing && events_limit_admit(&sink->limit, key, now_ms))
		rc = events_table_add(&sink->table, &whole, now_ms, clock_wall_us());
	if (rc != 0)
		count_dropped(sink, rc);
	else
		sink_arm(sink);
}

/* --- the end --- */

void kube_events_flush(struct kube_events *sink, uint32_t timeout_ms, void (*cb)(void *data), void *data)
{
	assert(!sink->closing && sink->flushed == NULL);
	uv_update_time(sink->options.loop);
	sink->flushed = cb;
	sink->flushed_data = data;
	sink->flush_until_ms = uv_now(sink->options.loop) + timeout_ms;
	sink_arm(sink);
}

static void on_timer_closed(uv_handle_t *handle)
{
	struct kube_events *sink = handle->data;

	sink->timer_closed = true;
	maybe_closed(sink);
}

void kube_events_close(struct kube_events *sink, void (*cb)(void *data), void *data)
{
	assert(!sink->closing);
	sink->closing = true;
	sink->close_cb = cb;
	sink->close_data = data;
	uv_close((uv_handle_t *)&sink->timer, on_timer_closed);
	for (size_t i = 0; i < SLOTS; i++)
		if (sink->slots[i].state == SLOT_CALLING)
			kube_call_cancel(&sink->slots[i].call);
}
