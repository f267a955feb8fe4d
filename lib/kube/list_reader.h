/**
 * list_reader: reads one page of a list as it arrives and hands its objects on.
 *
 * The list's own metadata may stand before or after the items. What is not whole is no list (REQ-8): a body
 * that is cut, or that has no items or no resourceVersion, as a Table (`rows`) or a Status has none.
 * Shared by reflector and freshness; single-threaded; no I/O.
 */
#ifndef KUBE_LIST_READER_H
#define KUBE_LIST_READER_H

#include "base/error.h"
#include "kube/reflector_object.h"

struct list_reader;

/** @object is borrowed until list_reader_free(). @max_text: longest field value kept whole. Returns 0,
 * -ENOMEM, or -EINVAL where two of the wanted paths are the same or one is too deep. */
int list_reader_create(struct list_reader **out, struct reflector_object *object, size_t max_text,
		       struct error *err);

/** Ready for a new page. */
void list_reader_reset(struct list_reader *lr);

/** The next bytes of the body. Returns 0 or a negative errno with err: -EBADMSG, -ENOMEM, -ECANCELED (the
 * object was stopped). Then only list_reader_reset() or list_reader_free() may follow. */
int list_reader_feed(struct list_reader *lr, const char *bytes, size_t n, struct error *err);

/** The body has ended: was it a whole list? Returns 0 or -EBADMSG with err. */
int list_reader_end(const struct list_reader *lr, struct error *err);

/** Of the page read last, after list_reader_end() said 0; borrowed until the next call on @lr. */
const char *list_reader_rv(const struct list_reader *lr);
const char *list_reader_continue(const struct list_reader *lr); /* "" on the last page (LST-3) */
size_t list_reader_count(const struct list_reader *lr);         /* objects in it */
/** Objects on the pages to come, as far as the server says so (remainingItemCount); else 0. */
size_t list_reader_remaining(const struct list_reader *lr);

void list_reader_free(struct list_reader *lr); /* NULL is fine */

#endif
