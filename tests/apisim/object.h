/**
 * object: one revision of one stored object, immutable, shared by reference count.
 *
 * It is kept as the text that goes to clients, once for all versions: everything behind the apiVersion
 * member, closing brace included. Lists, watches and gets only copy it. Objects that were populated share
 * a pattern instead, until they are written to for the first time.
 */
#ifndef APISIM_OBJECT_H
#define APISIM_OBJECT_H

#include <stddef.h>
#include <stdint.h>

#include "apisim/pattern.h"
#include "apisim/resource.h"
#include "apisim/tree.h"
#include "base/buf.h"

struct object {
	unsigned refs;
	uint32_t cid; /* what the pattern's mark for it becomes */
	const struct resource *resource;
	uint64_t rv;
	bool raw;              /* text is a whole document that an admin put there; it is sent as it is */
	const char *key;       /* "namespace/name", or the name where there is no namespace */
	const char *namespace; /* "" where there is none */
	const char *name;
	const char *uid;
	const char *text; /* NULL where there is a pattern */
	size_t len;
	struct pattern *pattern;
};

/** A new object with one reference. Strings and @text are copied. */
struct object *object_new(const struct resource *r, const char *namespace, const char *name, const char *uid,
			  uint64_t rv, const char *text, size_t len);
struct object *object_new_raw(const struct resource *r, const char *namespace, const char *name,
			      const char *uid, uint64_t rv, const char *text, size_t len);
/** One whose text is that of @p, of which it takes a reference. Only for custom resources. */
struct object *object_new_patterned(const struct resource *r, const char *namespace, const char *name,
				    const char *uid, uint64_t rv, struct pattern *p, uint32_t cid);
struct object *object_ref(struct object *o);
void object_unref(struct object *o); /* NULL is fine */

/** The object as clients of @version see it. */
void object_write(const struct object *o, int version, struct buf *out);

/** The same as an item of a list: built-in types leave out kind and apiVersion there. */
void object_write_item(const struct object *o, int version, struct buf *out);

/** Bytes of its own that it keeps: for bounds. */
size_t object_size(const struct object *o);

/** Its text has @what in it. */
bool object_mentions(const struct object *o, const char *what);

/** Both say the same, byte by byte. */
bool object_same(const struct object *a, const struct object *b);

/** Parses it into @t; @text gets the JSON and must live as long as @t. NULL where it is no JSON object (raw).
 */
struct node *object_parse(const struct object *o, int version, struct tree *t, struct buf *text);

/** The same object with another resourceVersion: what a DELETED event carries. A new reference. */
struct object *object_at_rv(const struct object *o, uint64_t rv);

#endif
