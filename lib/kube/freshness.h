/**
 * freshness: how old the view of a reflector may be, by consistent reads.
 *
 * An event or a bookmark that arrives says where the view is, not how old that is: a stalled connection may
 * deliver the past. So a list with limit=1 and without resourceVersion, which the server answers consistently
 * (I3), is sent every minute: this is a *read*. Its resourceVersion is where the data is, at or after the
 * time of sending. Once the view has come that far, it is as fresh as that time. (An idle cluster may send no
 * bookmark for ten minutes; on servers that answer such lists from their watch cache the list itself brings
 * bookmarks about.)
 *
 * The same reads show a server whose data was restored from a backup: its resourceVersion is below what had
 * been seen before the request was sent, by the view or by an earlier read (WCH-11). Its watches would wait
 * in silence until it has caught up. (Once it has caught up, nothing shows it any more.)
 *
 * A read that fails changes nothing; the next one comes with the next interval. Loop's thread only.
 */
#ifndef KUBE_FRESHNESS_H
#define KUBE_FRESHNESS_H

#include <stdint.h>
#include <uv.h>

#include "base/error.h"
#include "base/log.h"
#include "base/rng.h"
#include "kube/client.h"

struct freshness;

struct freshness_options {
	uv_loop_t *loop;
	struct kube_client *client; /* borrowed; may not begin to close before freshness_close() */
	struct logger *log;
	struct rng *rng; /* borrowed; spreads the reads, so that two replicas do not ask in step */
	/** Path of the collection, "/apis/kubevirt.io/v1/virtualmachineinstances"; NULL while it is not known
	 * or the first list is not complete: nothing is sent then. Borrowed during the call. */
	const char *(*path)(void *data);
	/** Where the view is (reflector_resource_version()), "" before the first list. Borrowed as above. */
	const char *(*position)(void *data);
	/** The server is at @now, although @before had been seen when the question was sent. Borrowed during
	 * the call. From the loop, outside of libcurl; comes again with every read that shows it. */
	void (*rewound)(void *data, const char *before, const char *now);
	/** The view has not come as far as a read that is @behind_ms old: list again. From the loop, outside
	 * of libcurl, when the next read is due. Not again before freshness_listed() and @behind_ms more, so
	 * that a list that takes long is not begun anew again and again. */
	void (*behind)(void *data);
	void *data;
	/* 0 = default. */
	uint32_t interval_ms; /* 60,000; each one a quarter shorter to a quarter longer */
	uint32_t behind_ms;   /* 180,000 */
};

/** Returns 0, -ENOMEM. On success give *out to freshness_close(). */
int freshness_open(struct freshness **out, const struct freshness_options *options, struct error *err);

/** A consistent list whose first page was asked for at @sent_ms (boot clock) or later is complete: the view
 * is as fresh as that. May be called inside libcurl. */
void freshness_listed(struct freshness *f, uint64_t sent_ms);

/** The view has moved: compares it with the reads that wait for it. Cheap; may be called inside libcurl. */
void freshness_moved(struct freshness *f);

/** Sends a read now (when it has ended, if one is in flight), because somebody needs to know. Not from inside
 * libcurl. Where there is no path yet, the first list will tell. */
void freshness_hurry(struct freshness *f);

/** The view is at least as fresh as it was at this time (boot clock); 0: nothing is known. */
uint64_t freshness_ms(const struct freshness *f);

/** Cancels a read that is in flight, then @cb from the loop. No other callback comes after this call. */
void freshness_close(struct freshness *f, void (*cb)(void *data), void *data);

#endif
