/**
 * watch_reader: reads the frames of a watch, {"type": T, "object": {...}}, as they arrive.
 *
 * A frame is a JSON value, however it is cut into lines or chunks (WCH-1), and nothing of it counts before
 * its last byte: `type` may stand after `object`, so an object is read without knowing what has happened to
 * it, and only the frame's end tells.
 *
 * A watch can begin with a list (*streaming list*, LST-9): first come all objects as ADDED, in no order of
 * their resourceVersions, mixed with what changes meanwhile; a bookmark with an annotation is the list's *end
 * mark*, and from there on it is a watch like any other.
 *
 * Private to the reflector; single-threaded; no I/O.
 */
#ifndef KUBE_WATCH_READER_H
#define KUBE_WATCH_READER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "kube/reflector_object.h"
#include "kube/status.h"

struct watch_reader;

/** What watch_reader_feed() returns when the server has sent an ERROR event (WCH-6). */
#define WATCH_READER_ERROR_EVENT (-EREMOTEIO)

struct watch_reader_options {
	struct reflector_object *object; /* borrowed until watch_reader_free() */
	size_t max_text;                 /* longest field value kept whole, bytes */
	uint64_t max_frame;              /* longest frame, bytes (WCH-2) */
	/** An event or a bookmark is complete (the handler has had its object). @rv: where the server is now,
	 * "" where the object has none that can be read. Not within a list: there @rv would say nothing
	 * (LST-11). */
	void (*moved)(void *data, const char *rv);
	/** The end mark: the list is whole, as of @rv. NULL: no watch of this reader begins with a list. */
	void (*listed)(void *data, const char *rv);
	void *data;
};

/** Returns 0, -ENOMEM, or -EINVAL where two of the wanted paths are the same or one is too deep. */
int watch_reader_create(struct watch_reader **out, const struct watch_reader_options *options,
			struct error *err);

/** Ready for a new watch; @listing: for one that begins with a list. Up to its end mark what is ADDED or
 * MODIFIED is reported as REFLECTOR_LISTED; what is DELETED is so, within a list too. */
void watch_reader_reset(struct watch_reader *wr, bool listing);

/** Objects that the list has shown and that were not deleted before its end. */
size_t watch_reader_listed(const struct watch_reader *wr);

/** The list has shown something that was MODIFIED or DELETED: a server sends what there is before what
 * changes, so the end mark is due. */
bool watch_reader_list_changed(const struct watch_reader *wr);

/** The next bytes. Returns 0 or a negative errno with err: WATCH_READER_ERROR_EVENT; -EBADMSG (not JSON, no
 * frame, unknown type); -EMSGSIZE (over max_frame); -ENOMEM; -ECANCELED (the object was stopped). Then only
 * watch_reader_reset() or watch_reader_free() may follow. */
int watch_reader_feed(struct watch_reader *wr, const char *bytes, size_t n, struct error *err);

/** True unless the stream ended within a frame. */
bool watch_reader_at_boundary(const struct watch_reader *wr);

/** The Status of the ERROR event; NULL where its object was something else. Borrowed until the next call. */
const struct kube_status *watch_reader_status(const struct watch_reader *wr);

void watch_reader_free(struct watch_reader *wr); /* NULL is fine */

#endif
