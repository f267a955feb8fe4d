/**
 * events_series: the events of a sink, each with how often it happened.
 *
 * An event that happens again within EVENTS_SERIES_WINDOW_MS raises the count of the one that is there. A
 * series waits in the queue while its count is above what the server knows; however often it happens
 * meanwhile, it waits there once. The series used last are remembered, at most EVENTS_SERIES_MAX; what is
 * queued or in flight is never forgotten. Pure: times are handed in.
 */
#ifndef KUBE_EVENTS_SERIES_H
#define KUBE_EVENTS_SERIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "base/rng.h"
#include "kube/events.h"
#include "kube/events_limit.h"

#define EVENTS_SERIES_MAX       1024
#define EVENTS_SERIES_WINDOW_MS (600u * 1000)
#define EVENTS_QUEUE_MAX        1000

/** Largest message and reason, bytes (EVT-5). */
#define EVENTS_MESSAGE_MAX 1024
#define EVENTS_REASON_MAX  128

#define EVENTS_NAME_MAX 253

enum events_state {
	EVENTS_IDLE,   /* the server knows it all */
	EVENTS_QUEUED, /* something to tell */
	EVENTS_FLYING, /* being told */
};

struct events_series {
	struct list age;   /* in series->all, unused for longest first */
	struct list queue; /* in series->queue while EVENTS_QUEUED */
	unsigned char key[EVENTS_KEY_SIZE];
	enum events_state state;
	struct kube_event event; /* strings behind this struct, message cut */
	char name[EVENTS_NAME_MAX + 1];
	uint32_t count;
	uint32_t told; /* count that the server has; 0: it does not have the event */
	uint64_t first_us;
	uint64_t last_us;
	uint64_t last_ms;
};

struct events_table {
	struct list all;
	struct list queue; /* oldest first */
	size_t count;
	size_t queued;
	uint64_t last_number; /* of names, strictly rising */
	struct rng *rng;      /* for names that do not fit */
};

/** @rng has to outlive @t. */
void events_table_init(struct events_table *t, struct rng *rng);
void events_table_free(struct events_table *t);

/** A digest of the object that @event is about. */
void events_object_key(const struct kube_event *event, unsigned char key[static EVENTS_KEY_SIZE]);

/** Counts @event, whose strings are copied, and queues its series. Returns 0, -ENOBUFS (the queue is full),
 * -EINVAL (a namespace that cannot stand in a path), -ENOMEM. */
int events_table_add(struct events_table *t, const struct kube_event *event, uint64_t now_ms,
		     uint64_t wall_us);

/** Takes the first out of the queue; it is EVENTS_FLYING then. NULL: the queue is empty. */
struct events_series *events_table_take(struct events_table *t);

/** The server has @told of them now; queued again where there are more. */
void events_table_told(struct events_table *t, struct events_series *s, uint32_t told);

/** Forgets a series in flight. */
void events_table_forget(struct events_table *t, struct events_series *s);

#endif
