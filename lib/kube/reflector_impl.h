/**
 * reflector_impl: the reflector's inside, shared by reflector.c (life, states, timer), reflector_steps.c
 * (the requests and what their ends mean) and reflector_stream.c (streaming lists). Private.
 */
#ifndef KUBE_REFLECTOR_IMPL_H
#define KUBE_REFLECTOR_IMPL_H

#include "base/backoff.h"
#include "kube/list_reader.h"
#include "kube/reflector.h"
#include "kube/reflector_object.h"
#include "kube/reflector_policy.h"
#include "kube/reflector_view.h"
#include "kube/watch_reader.h"

enum reflector_state {
	REFLECTOR_WAITING, /* the timer runs, then comes `next` */
	REFLECTOR_DISCOVERING,
	REFLECTOR_LISTING,
	REFLECTOR_WATCHING,
	REFLECTOR_CLOSING,
	REFLECTOR_STATE_COUNT,
};

struct reflector {
	struct reflector_options options;
	enum reflector_state state;
	enum reflector_step next; /* of WAITING */
	bool relist;              /* asked for: what would be a watch is a list */
	struct backoff backoff;
	struct reflector_view view;

	uv_timer_t timer;
	bool timer_closed;
	struct kube_call call; /* one at a time */
	bool in_call;          /* started and not done */
	bool in_data;          /* inside its on_data */
	int data_rc;           /* why on_data ended it, 0 where it did not */
	struct error why;      /* in words */
	struct buf path;

	struct reflector_object object;
	struct list_reader *list_reader;
	struct watch_reader *watch_reader;

	uint32_t served; /* bit i: options.versions[i], by the last discovery */
	int version;     /* index, -1 before the first discovery */

	char rv[RV_SIZE]; /* where the view is; "" before the first list */
	bool synced;

	/* Of the list under way. */
	bool streams; /* it is a streaming one; with state LISTING */
	bool stalled; /* and was given up because it does not come to its end */
	bool paged;   /* the next one is not a streaming one (LST-12) */
	bool unpaged; /* the next one is in one piece (LST-5) */
	size_t listed;
	char list_rv[RV_SIZE]; /* of its first page */
	char *token;           /* for its next page, NULL for the first */

	/* Of the streaming list under way. */
	uint64_t stream_heard_ms;   /* boot clock */
	uint64_t stream_changed_ms; /* the first change was heard, so all that was there had been; 0: none yet
				     */
	uint32_t streams_failed;    /* in a row, since the last whole list */

	/* Of the watch under way. */
	uint64_t watch_started_ms; /* boot clock; of the last one, 0 before the first */
	uint32_t watch_life_s;
	bool heard;
	bool unproven;          /* no watch has been healthy since the last list */
	uint32_t short_watches; /* in a row */

	void (*close_cb)(void *data);
	void *close_data;
};

/** Moves to @to; the table of allowed moves is in reflector.c. */
void reflector_move(struct reflector *r, enum reflector_state to);

/** Does @step after @delay_ms, or at once for 0. */
void reflector_schedule(struct reflector *r, enum reflector_step step, uint64_t delay_ms);

/** Tells the handler why something is done again, and schedules it. @why for the log. */
void reflector_again(struct reflector *r, const struct reflector_verdict *verdict, bool watch,
		     const struct error *why);

/** The request of @step could not be started: tries again later. */
void reflector_not_started(struct reflector *r, enum reflector_step step, const struct error *err);

static inline bool reflector_is_closing(const struct reflector *r)
{
	return r->state == REFLECTOR_CLOSING;
}

/** on_done of every request. */
void reflector_on_done(struct kube_call *call, const struct kube_answer *answer);

/* reflector_steps.c */

/** Starts @step. Returns 0, or a negative errno with err where its request could not be started. Handler
 * callbacks may have closed the reflector when it returns. */
int reflector_step_start(struct reflector *r, enum reflector_step step, struct error *err);

/** The request of the present state has ended, and neither close nor relist wants something else. */
void reflector_step_done(struct reflector *r, const struct kube_answer *answer);

/** r->path becomes that of a watch, with bookmarks; what it begins with is to be added. */
int reflector_watch_begin(struct reflector *r, struct error *err);

/** Adds NAME=VALUE to the query. */
int reflector_path_add(struct reflector *r, const char *name, const char *value, struct error *err);

/** Draws how long a watch is to live and starts it; the rest of its query is in r->path. */
int reflector_watch_open(struct reflector *r, struct error *err);

/** A list has ended without being whole. */
void reflector_list_again(struct reflector *r, struct reflector_verdict verdict, const struct error *why);

/** The list under way, which is one of r->list_rv, is whole: tells it. The handler may have closed the
 * reflector when it returns. */
void reflector_list_complete(struct reflector *r);

/** watch_reader_options.moved */
void reflector_on_moved(void *data, const char *rv);

/* reflector_stream.c */

/** Asks for a streaming list. As reflector_step_start(). */
int reflector_stream_start(struct reflector *r, struct error *err);

/** Bytes of it have arrived. */
void reflector_stream_heard(struct reflector *r);

/** It has ended before its end mark. */
void reflector_stream_done(struct reflector *r, const struct kube_answer *answer);

/** watch_reader_options.listed */
void reflector_on_listed(void *data, const char *rv);

#endif
