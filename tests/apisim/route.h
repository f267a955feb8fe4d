/**
 * route: what a path means.
 */
#ifndef APISIM_ROUTE_H
#define APISIM_ROUTE_H

#include <stdbool.h>

#include "apisim/resource.h"

enum route_kind {
	ROUTE_NONE,        /* 404 in plain text */
	ROUTE_NO_RESOURCE, /* 404 as a Status */
	ROUTE_ROOT,
	ROUTE_HEALTH,
	ROUTE_VERSION,
	ROUTE_API,       /* /api */
	ROUTE_GROUPS,    /* /apis */
	ROUTE_GROUP,     /* /apis/GROUP */
	ROUTE_RESOURCES, /* /api/v1, /apis/GROUP/VERSION */
	ROUTE_OBJECTS,   /* a resource: list or one */
	ROUTE_OPENAPI,
	ROUTE_CRD,   /* that of VMIs, as far as it is about CIDs */
	ROUTE_ADMIN, /* /apisim/... */
};

struct route {
	enum route_kind kind;
	char *text; /* the others point into it */
	const char *group, *version_name;
	const char *admin; /* behind /apisim/ */
	const struct resource *resource;
	int version;
	bool has_namespace, has_name, has_subresource;
	const char *namespace, *name, *subresource; /* "" where absent */
	bool watch;                                 /* the old /watch/ form of the path */
};

/** Reads a decoded path. Free with route_free(). */
void route_parse(struct route *r, const char *path);
void route_free(struct route *r);

#endif
