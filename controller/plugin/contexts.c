#include "controller/plugin/contexts.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/macros.h"
#include "kube/yamldoc.h"

#define MAX_BYTES (4u << 20)

static int read_file(const char *path, struct buf *out)
{
	FILE *file = fopen(path, "re");
	char part[4096];
	size_t n;
	int rc = 0;

	if (file == NULL)
		return -1;
	while (rc == 0 && (n = fread(part, 1, sizeof(part), file)) > 0)
		rc = buf_add(out, part, n);
	(void)fclose(file);
	return rc;
}

static void visit_file(const char *path, void (*visit)(void *data, const char *name), void *data)
{
	AUTO_BUF struct buf text = {.max = MAX_BYTES};
	json_t *root = NULL;
	const json_t *context;
	size_t i;

	if (read_file(path, &text) != 0 || yamldoc_parse(&root, buf_str(&text), text.len, NULL) != 0)
		return;
	json_array_foreach(json_object_get(root, "contexts"), i, context)
	{
		const char *name = json_string_value(json_object_get(context, "name"));

		if (name != NULL)
			visit(data, name);
	}
	json_decref(root);
}

void contexts_visit(const char *kubeconfig, void (*visit)(void *data, const char *name), void *data)
{
	const char *from_env = getenv("KUBECONFIG");
	const char *home = getenv("HOME");
	AUTO_FREE char *paths = NULL;
	char *rest;
	char *path;
	int rc;

	if (kubeconfig != NULL || (from_env != NULL && from_env[0] != '\0'))
		rc = asprintf(&paths, "%s", kubeconfig != NULL ? kubeconfig : from_env);
	else
		rc = asprintf(&paths, "%s/.kube/config", home != NULL ? home : "");
	if (rc < 0) {
		paths = NULL;
		return;
	}
	if (kubeconfig != NULL) {
		visit_file(paths, visit, data);
		return;
	}
	rest = paths;
	while ((path = strsep(&rest, ":")) != NULL)
		if (path[0] != '\0')
			visit_file(path, visit, data);
}
