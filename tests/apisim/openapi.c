/* As much of /openapi/v3 as kubectl needs before it writes: which parameters a PATCH takes. */
#include <string.h>

#include "apisim/handlers.h"
#include "apisim/must.h"

/* "apis/kubevirt.io/v1" or "api/v1" */
static void write_group_version(const struct resource *r, int version, struct buf *out)
{
	must_printf(out, "%s/%s", r->group[0] != '\0' ? "apis" : "api", r->api_versions[version]);
}

/* The first resource of its group stands for all of them. */
static bool first_of_group(size_t i)
{
	for (size_t before = 0; before < i; before++)
		if (strcmp(resource_table[before].group, resource_table[i].group) == 0)
			return false;
	return true;
}

static void write_index(struct buf *out)
{
	bool first = true;

	must_text(out, "{\"paths\":{");
	for (size_t i = 0; i < RESOURCE_COUNT; i++) {
		const struct resource *r = &resource_table[i];

		for (int v = 0; first_of_group(i) && v < RESOURCE_MAX_VERSIONS && r->versions[v] != NULL;
		     v++) {
			must_text(out, first ? "\"" : ",\"");
			write_group_version(r, v, out);
			must_text(out, "\":{\"serverRelativeURL\":\"/openapi/v3/");
			write_group_version(r, v, out);
			must_text(out, "\"}");
			first = false;
		}
	}
	must_text(out, "}}\n");
}

static void write_path(const struct resource *r, int version, struct buf *out)
{
	static const char *const parameters[] = {"dryRun", "fieldManager", "fieldValidation"};

	must_text(out, "\"/");
	write_group_version(r, version, out);
	must_printf(out, "%s/%s/{name}\":{\"patch\":{\"responses\":{},\"parameters\":[",
		    r->namespaced ? "/namespaces/{namespace}" : "", r->plural);
	for (size_t i = 0; i < ARRAY_LEN(parameters); i++)
		must_printf(out, "%s{\"name\":\"%s\",\"in\":\"query\",\"schema\":{\"type\":\"string\"}}",
			    i > 0 ? "," : "", parameters[i]);
	must_printf(out,
		    "],\"x-kubernetes-group-version-kind\":{\"group\":\"%s\",\"version\":\"%s\","
		    "\"kind\":\"%s\"}}}",
		    r->group, r->versions[version], r->kind);
}

/* False where nothing has that group and version. */
static bool write_document(const char *wanted, struct buf *out)
{
	bool any = false;
	struct buf name;

	must_buf(&name);
	must_text(out,
		  "{\"openapi\":\"3.0.0\",\"info\":{\"title\":\"apisim\",\"version\":\"v1\"},\"paths\":{");
	for (size_t i = 0; i < RESOURCE_COUNT; i++) {
		const struct resource *r = &resource_table[i];

		for (int v = 0; v < RESOURCE_MAX_VERSIONS && r->versions[v] != NULL; v++) {
			buf_reset(&name);
			write_group_version(r, v, &name);
			if (strcmp(name.data, wanted) != 0)
				continue;
			must_text(out, any ? "," : "");
			write_path(r, v, out);
			any = true;
		}
	}
	must_text(out, "}}\n");
	buf_free(&name);
	return any;
}

void handle_openapi(struct exchange *x)
{
	const char *path = x->request->path + strlen("/openapi/v3");

	if (path[0] == '\0' || strcmp(path, "/") == 0)
		write_index(&x->response.body);
	else if (!write_document(path + 1, &x->response.body))
		response_text(&x->response, 404, "404 page not found\n");
}
