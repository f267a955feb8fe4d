/**
 * reflector_object: how one object on its way through a json_reader reaches the reflector's handler.
 *
 * Lists and watches hold the same objects at different places. This is what their readers share: the caller's
 * fields below the place of the object, its resourceVersion, and the stop that makes it safe to close or
 * relist from a callback. Shared by the reflector and, for a list without a handler, freshness;
 * single-threaded.
 */
#ifndef KUBE_REFLECTOR_OBJECT_H
#define KUBE_REFLECTOR_OBJECT_H

#include "kube/reflector.h"
#include "kube/rv.h"
#include "json/filter.h"
#include "json/reader.h"

/** Field numbers of a filter below this are the reader's own. */
#define REFLECTOR_OBJECT_FIRST 16

/** Longest wanted string that a reader must keep whole for its own sake: a continue token holds the last
 * object's key (316 bytes) in base64, a Status message is cut anyway. */
#define REFLECTOR_OBJECT_MIN_TEXT 4096

/** Longest wanted object or array that is kept as a whole (JSON_WHOLE). */
#define REFLECTOR_OBJECT_MAX_WHOLE (256u << 10)

struct reflector_object {
	const struct json_field *fields; /* borrowed */
	size_t field_count;
	const struct reflector_handler *handler; /* borrowed */
	void *data;                              /* the handler's */
	bool muted;                              /* objects pass unseen; no handler is needed */
	bool stopped;                            /* no callback any more; readers give up with -ECANCELED */
	char rv[RV_SIZE];                        /* of the object being read, "" until it is known */
};

/** Wants the object at @place (NULL-terminated), its fields and its resourceVersion. Returns 0 or as
 * json_filter_add(). */
int reflector_object_want(const struct reflector_object *o, struct json_filter *f, const char *const *place);

/** The object begins: handler->begin(). */
void reflector_object_begin(struct reflector_object *o);

/** A value with a number from REFLECTOR_OBJECT_FIRST on. */
void reflector_object_value(struct reflector_object *o, int field, const struct json_value *value);

/** The object is complete: handler->object(). */
void reflector_object_end(struct reflector_object *o, enum reflector_event event);

/** rv_read() of a JSON value; "" where it is no whole string. */
void reflector_object_read_rv(char out[static RV_SIZE], const struct json_value *value);

#endif
