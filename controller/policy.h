/**
 * policy: the three admission policies of mode takeover, as this program was built with, and whether those of
 * a cluster are the same.
 *
 * The built-in ones are the very files of manifests/components/takeover. They name every default of the
 * server, so that a spec that was stored is equal to its own manifest, and to nothing weaker: another member
 * or another expression makes another policy. Of a binding's validationActions only Deny has to be among
 * them. Where the parameter of *hold* lives differs from cluster to cluster; it has to be our own namespace.
 *
 * Pure; not thread-safe.
 */
#ifndef CONTROLLER_POLICY_H
#define CONTROLLER_POLICY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

enum policy_object {
	POLICY_GUARD,
	POLICY_GUARD_BINDING,
	POLICY_HOLD,
	POLICY_HOLD_BINDING,
	POLICY_STICKY,
	POLICY_STICKY_BINDING,
	POLICY_OBJECTS,
};

/** Name of the policies and their bindings, and of the ConfigMap that hold goes by. */
#define POLICY_NAME_PREFIX "vsock-cid-controller-"
#define POLICY_PARAMETER   "vsock-cid-controller-hold"

/** The kinds of objects, by the plural in paths. */
enum policy_resource {
	POLICY_VALIDATING,
	POLICY_VALIDATING_BINDINGS,
	POLICY_MUTATING,
	POLICY_MUTATING_BINDINGS,
	POLICY_RESOURCES,
};
const char *policy_resource_name(enum policy_resource resource);

/** The object of that resource and name that is one of ours; POLICY_OBJECTS: none is. */
enum policy_object policy_find(enum policy_resource resource, const char *name);

struct policy_set;

/** Returns 0, -ENOMEM, -EINVAL (the built-in files are broken: a bug). On success give *out to
 * policy_set_free(). */
int policy_set_create(struct policy_set **out, struct error *err);
void policy_set_free(struct policy_set *p); /* NULL is fine */

/** Where the parameter has to be; copied. "" at the start. */
void policy_set_namespace(struct policy_set *p, const char *namespace);

/** The spec of an object as it is stored, JSON text; NULL: there is no such object. */
void policy_set_seen(struct policy_set *p, enum policy_object object, const char *spec, size_t len);

/** A list of the resource is complete: what it did not show is not there. */
void policy_set_list_started(struct policy_set *p, enum policy_resource resource);
void policy_set_list_done(struct policy_set *p, enum policy_resource resource);

/** The resource cannot be read: the server does not have it (@served: it does, but we may not). Until its
 * next list. */
void policy_set_unreadable(struct policy_set *p, enum policy_resource resource, bool served);

/** Whether of every resource is known what is there, or that it cannot be read. */
bool policy_set_known(const struct policy_set *p);

/** Whether hold and its binding are there and as they should be. */
bool policy_set_holds(const struct policy_set *p);

/** Whether there is one of ours, be it as it should be or not: somebody wants them to be in force. */
bool policy_set_is_installed(const struct policy_set *p);

/** That, on a server that does not have mutating policies: they never can be. */
bool policy_set_is_in_vain(const struct policy_set *p);

/** Whether a resource may not be read, although the server has it. */
bool policy_set_is_hidden(const struct policy_set *p);

/** Whether all six are there and as they should be. Else why not, in words, into @why. */
bool policy_set_in_force(const struct policy_set *p, char *why, size_t room);

#endif
