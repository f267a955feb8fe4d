#include "apisim/route.h"

#include <stdlib.h>
#include <string.h>

#include "apisim/must.h"

#define MAX_PARTS 16

struct parts {
	char *at[MAX_PARTS];
	size_t count;
};

/* Cuts at slashes; one slash at the end does not count. */
static void split(char *text, struct parts *p)
{
	p->count = 0;
	for (char *s = text + 1;;) {
		char *slash = strchr(s, '/');

		if (slash != NULL)
			*slash = '\0';
		if (p->count < MAX_PARTS && (slash != NULL || *s != '\0'))
			p->at[p->count++] = s;
		if (slash == NULL)
			return;
		s = slash + 1;
	}
}

static bool known_version(const char *group, const char *version)
{
	for (size_t i = 0; i < RESOURCE_COUNT; i++)
		for (int v = 0; v < RESOURCE_MAX_VERSIONS && resource_table[i].versions[v] != NULL; v++)
			if (strcmp(resource_table[i].group, group) == 0 &&
			    strcmp(resource_table[i].versions[v], version) == 0)
				return true;
	return false;
}

static bool known_group(const char *group)
{
	for (size_t i = 0; i < RESOURCE_COUNT; i++)
		if (strcmp(resource_table[i].group, group) == 0)
			return true;
	return false;
}

static bool group_is_custom(const char *group)
{
	for (size_t i = 0; i < RESOURCE_COUNT; i++)
		if (strcmp(resource_table[i].group, group) == 0)
			return resource_table[i].custom;
	return false;
}

/* What is behind the version: [watch/] [namespaces/NS/] PLURAL [/NAME [/SUBRESOURCE]] */
static void parse_objects(struct route *r, char **part, size_t count)
{
	r->kind = group_is_custom(r->group) ? ROUTE_NONE : ROUTE_NO_RESOURCE;
	if (count > 0 && strcmp(part[0], "watch") == 0) {
		r->watch = true;
		part++;
		count--;
	}
	if (count > 2 && strcmp(part[0], "namespaces") == 0) {
		r->has_namespace = true;
		r->namespace = part[1];
		part += 2;
		count -= 2;
	}
	if (count == 0)
		return;
	r->resource = resource_find(r->group, r->version_name, part[0], &r->version);
	if (r->resource == NULL)
		return;
	if (count > 1) {
		r->has_name = true;
		r->name = part[1];
	}
	if (count > 2) {
		r->has_subresource = true;
		r->subresource = part[2];
	}
	if (r->has_namespace && !r->resource->namespaced)
		return;
	if (r->resource->namespaced && r->has_name && !r->has_namespace)
		return;
	if (!r->resource->custom && (count > 3 || r->has_subresource))
		return;
	r->kind = ROUTE_OBJECTS;
}

static void parse_api(struct route *r, struct parts *p, size_t group_parts)
{
	if (p->count == group_parts) {
		r->kind = group_parts == 1 ? ROUTE_API : ROUTE_GROUP;
		return;
	}
	r->version_name = p->at[group_parts];
	if (!known_version(r->group, r->version_name)) {
		r->kind = group_parts == 1 ? ROUTE_NO_RESOURCE : ROUTE_NONE;
		return;
	}
	if (p->count == group_parts + 1)
		r->kind = ROUTE_RESOURCES;
	else
		parse_objects(r, p->at + group_parts + 1, p->count - group_parts - 1);
}

static bool is_health(const struct parts *p)
{
	static const char *const names[] = {"healthz", "readyz", "livez"};

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (strcmp(p->at[0], names[i]) == 0)
			return p->count == 1 || (p->count == 2 && strcmp(p->at[1], "ping") == 0);
	return false;
}

#define CRD_PATH "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/virtualmachineinstances.kubevirt.io"

void route_parse(struct route *r, const char *path)
{
	struct parts p;

	*r = (struct route){.kind = ROUTE_NONE,
			    .group = "",
			    .version_name = "",
			    .namespace = "",
			    .name = "",
			    .subresource = ""};
	r->text = must_copy(path, strlen(path));
	split(r->text, &p);
	if (p.count == 0) {
		r->kind = ROUTE_ROOT;
	} else if (is_health(&p)) {
		r->kind = ROUTE_HEALTH;
	} else if (p.count == 1 && strcmp(p.at[0], "version") == 0) {
		r->kind = ROUTE_VERSION;
	} else if (p.count > 1 && strcmp(p.at[0], "openapi") == 0 && strcmp(p.at[1], "v3") == 0) {
		r->kind = ROUTE_OPENAPI;
	} else if (strcmp(path, CRD_PATH) == 0) {
		r->kind = ROUTE_CRD;
	} else if (strcmp(p.at[0], "apisim") == 0) {
		r->kind = ROUTE_ADMIN;
		r->admin = path + strlen("/apisim");
		r->admin += *r->admin == '/';
	} else if (strcmp(p.at[0], "api") == 0) {
		parse_api(r, &p, 1);
	} else if (strcmp(p.at[0], "apis") == 0) {
		if (p.count == 1) {
			r->kind = ROUTE_GROUPS;
		} else {
			r->group = p.at[1];
			if (r->group[0] != '\0' && known_group(r->group))
				parse_api(r, &p, 2);
		}
	}
}

void route_free(struct route *r)
{
	free(r->text);
	r->text = NULL;
}
