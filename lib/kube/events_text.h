/**
 * events_text: the bodies and paths of requests about core/v1 Events. Pure.
 */
#ifndef KUBE_EVENTS_TEXT_H
#define KUBE_EVENTS_TEXT_H

#include "base/buf.h"
#include "kube/events_series.h"

/** Largest body: every byte of a message may become six. */
#define EVENTS_TEXT_MAX 32768

/** Appends the Event as it is created. All functions return 0, -EMSGSIZE or -ENOMEM. */
int events_text_create(struct buf *out, const struct events_series *s, const char *component,
		       const char *instance);

/** Appends a merge patch with the new count and time. */
int events_text_patch(struct buf *out, const struct events_series *s);

/** Appends the path of the collection, or of the event itself. */
int events_text_path(struct buf *out, const struct events_series *s, bool itself);

#endif
