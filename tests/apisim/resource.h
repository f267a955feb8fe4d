/**
 * resource: the kinds of objects that the server knows, as one constant table.
 */
#ifndef APISIM_RESOURCE_H
#define APISIM_RESOURCE_H

#include <stdbool.h>
#include <stddef.h>

#include "apisim/schema.h"

#define RESOURCE_MAX_VERSIONS 2

enum resource_id {
	RESOURCE_NAMESPACE,
	RESOURCE_VMI,
	RESOURCE_KUBEVIRT,
	RESOURCE_LEASE,
	RESOURCE_EVENT,
	RESOURCE_CONFIG_MAP,
	RESOURCE_SERVICE_ACCOUNT,
	RESOURCE_COUNT,
};

struct resource {
	enum resource_id id;
	const char *group;                               /* "" for core */
	const char *versions[RESOURCE_MAX_VERSIONS];     /* the first is the preferred one */
	const char *api_versions[RESOURCE_MAX_VERSIONS]; /* with the group: "kubevirt.io/v1" */
	const char *plural, *singular, *kind;
	const char *short_names; /* JSON array, NULL: none */
	bool namespaced;
	bool custom;          /* from a CRD: can be absent, is pruned and validated, keeps generation */
	bool status;          /* has the status subresource */
	bool blind_update;    /* PUT without resourceVersion is allowed */
	bool put_creates;     /* PUT of a missing object creates it */
	bool returns_deleted; /* DELETE answers with the object instead of a Status */
	const char *registry; /* its place in etcd, for one message */
	const struct schema *schema;
	const char *field_labels; /* further field selectors: "reason,type" */
};

extern const struct resource resource_table[RESOURCE_COUNT];

/** NULL where there is none such. @version gets the index into versions. */
const struct resource *resource_find(const char *group, const char *version, const char *plural,
				     int *version_index);

#endif
