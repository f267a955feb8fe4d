/* Everything that is no object: discovery documents, version, health. */
#include <string.h>

#include "apisim/handlers.h"
#include "apisim/must.h"

#define VERBS_CUSTOM                                                                                         \
	"[\"delete\",\"deletecollection\",\"get\",\"list\",\"patch\",\"create\",\"update\",\"watch\"]"
#define VERBS        "[\"create\",\"delete\",\"deletecollection\",\"get\",\"list\",\"patch\",\"update\",\"watch\"]"
#define VERBS_NO_ALL "[\"create\",\"delete\",\"get\",\"list\",\"patch\",\"update\",\"watch\"]"

static bool present(const struct exchange *x, const struct resource *r)
{
	return x->sim->store.collections[r->id].present;
}

static bool group_present(const struct exchange *x, const char *group)
{
	for (size_t i = 0; i < RESOURCE_COUNT; i++)
		if (strcmp(resource_table[i].group, group) == 0 && present(x, &resource_table[i]))
			return true;
	return false;
}

/* A resource of @group, which all have the same versions; NULL where none is there. */
static const struct resource *any_of(const char *group)
{
	for (size_t i = 0; i < RESOURCE_COUNT; i++)
		if (strcmp(resource_table[i].group, group) == 0)
			return &resource_table[i];
	return NULL;
}

static void write_group(const char *group, struct buf *out)
{
	const struct resource *r = any_of(group);

	must_printf(out, "\"name\":\"%s\",\"versions\":[", group);
	for (int v = 0; v < RESOURCE_MAX_VERSIONS && r->versions[v] != NULL; v++)
		must_printf(out, "%s{\"groupVersion\":\"%s\",\"version\":\"%s\"}", v > 0 ? "," : "",
			    r->api_versions[v], r->versions[v]);
	must_printf(out, "],\"preferredVersion\":{\"groupVersion\":\"%s\",\"version\":\"%s\"}}",
		    r->api_versions[0], r->versions[0]);
}

static void write_groups(const struct exchange *x, struct buf *out)
{
	bool first = true;

	must_text(out, "{\"kind\":\"APIGroupList\",\"apiVersion\":\"v1\",\"groups\":[");
	for (size_t i = 0; i < RESOURCE_COUNT; i++) {
		const char *group = resource_table[i].group;

		if (group[0] == '\0' || any_of(group) != &resource_table[i] || !group_present(x, group))
			continue;
		must_text(out, first ? "{" : ",{");
		write_group(group, out);
		first = false;
	}
	must_text(out, "]}");
}

static void write_resource(const struct resource *r, struct buf *out)
{
	must_printf(out,
		    "{\"name\":\"%s\",\"singularName\":\"%s\",\"namespaced\":%s,\"kind\":\"%s\",\"verbs\":%s",
		    r->plural, r->singular, r->namespaced ? "true" : "false", r->kind,
		    r->custom       ? VERBS_CUSTOM
		    : r->namespaced ? VERBS
				    : VERBS_NO_ALL);
	if (r->short_names != NULL)
		must_printf(out, ",\"shortNames\":%s", r->short_names);
	if (r->custom)
		must_text(out, ",\"categories\":[\"all\"]");
	must_text(out, "}");
	if (r->status)
		must_printf(
			out,
			",{\"name\":\"%s/status\",\"singularName\":\"\",\"namespaced\":true,\"kind\":\"%s\","
			"\"verbs\":[\"get\",\"patch\",\"update\"]}",
			r->plural, r->kind);
}

static void write_resources(const struct exchange *x, struct buf *out)
{
	const struct route *route = &x->route;
	bool first = true;

	must_printf(out,
		    "{\"kind\":\"APIResourceList\",\"apiVersion\":\"v1\",\"groupVersion\":\"%s%s%s\","
		    "\"resources\":[",
		    route->group, route->group[0] != '\0' ? "/" : "", route->version_name);
	for (size_t i = 0; i < RESOURCE_COUNT; i++) {
		if (strcmp(resource_table[i].group, route->group) != 0 || !present(x, &resource_table[i]))
			continue;
		must_text(out, first ? "" : ",");
		write_resource(&resource_table[i], out);
		first = false;
	}
	must_text(out, "]}");
}

static void write_version(struct exchange *x)
{
	if (strcmp(x->request->method, "GET") != 0) {
		status_no_method(&x->response);
		return;
	}
	must_text(&x->response.body, "{\"major\":\"1\",\"minor\":\"36\",\"gitVersion\":\"v1.36.3+apisim\","
				     "\"gitCommit\":\"\",\"gitTreeState\":\"\",\"buildDate\":"
				     "\"1970-01-01T00:00:00Z\",\"goVersion\":\"none\",\"compiler\":\"gcc\","
				     "\"platform\":\"linux/amd64\"}\n");
}

static void write_api(const struct exchange *x, struct buf *out)
{
	must_printf(out,
		    "{\"kind\":\"APIVersions\",\"versions\":[\"v1\"],\"serverAddressByClientCIDRs\":[{"
		    "\"clientCIDR\":\"0.0.0.0/0\",\"serverAddress\":\"127.0.0.1:%d\"}]}\n",
		    x->sim->http.port);
}

static const char *const crd = "{\"kind\":\"CustomResourceDefinition\",\"apiVersion\":\"apiextensions.k8s.io/"
			       "v1\",\"metadata\":{\"name\":"
			       "\"virtualmachineinstances.kubevirt.io\"},\"spec\":{\"group\":\"kubevirt.io\","
			       "\"versions\":[{\"name\":\"v1\","
			       "\"served\":true,\"storage\":true,\"schema\":{\"openAPIV3Schema\":{\"type\":"
			       "\"object\",\"properties\":{\"status\":"
			       "{\"type\":\"object\",\"properties\":{\"VSOCKCID\":{\"type\":\"integer\","
			       "\"format\":\"int64\",\"minimum\":0,"
			       "\"maximum\":4294967295}}}}}}}]}}\n";

/* The documents about groups and resources. */
static void write_document(struct exchange *x)
{
	struct buf *out = &x->response.body;

	switch (x->route.kind) {
	case ROUTE_ROOT:
		must_text(out, "{\"paths\":[\"/api\",\"/api/v1\",\"/apis\",\"/healthz\",\"/livez\","
			       "\"/openapi/v3\",\"/readyz\",\"/version\"]}\n");
		return;
	case ROUTE_API:
		write_api(x, out);
		return;
	case ROUTE_GROUPS:
		write_groups(x, out);
		break;
	case ROUTE_GROUP:
		must_text(out, "{\"kind\":\"APIGroup\",\"apiVersion\":\"v1\",");
		write_group(x->route.group, out);
		break;
	case ROUTE_RESOURCES:
		write_resources(x, out);
		break;
	default:
		response_text(&x->response, 404, "404 page not found\n");
		return;
	}
	must_text(out, "\n");
}

void handle_discovery(struct exchange *x)
{
	if (x->route.group[0] != '\0' && !group_present(x, x->route.group))
		response_text(&x->response, 404, "404 page not found\n");
	else if (x->route.kind == ROUTE_NO_RESOURCE)
		status_no_route(&x->response);
	else if (x->route.kind == ROUTE_HEALTH)
		response_text(&x->response, 200, "ok");
	else if (x->route.kind == ROUTE_VERSION)
		write_version(x);
	else if (x->route.kind == ROUTE_OPENAPI)
		handle_openapi(x);
	else if (x->route.kind == ROUTE_CRD)
		must_text(&x->response.body, crd);
	else
		write_document(x);
}
