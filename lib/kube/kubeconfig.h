/**
 * kubeconfig: the content of one or more kubeconfig files, and what a context in them says.
 *
 * Of several files the first that has an entry (cluster, user or context of a name) wins with the whole
 * entry; relative paths are relative to the folder of the file that names them (CFG-8). Fields as CFG-7;
 * those this program cannot honour are refused where the chosen context leads to them (CFG-9), unknown ones
 * and disable-compression are ignored. No I/O: the caller reads the files.
 */
#ifndef KUBE_KUBECONFIG_H
#define KUBE_KUBECONFIG_H

#include <jansson.h>
#include <stddef.h>

#include "base/error.h"
#include "kube/config.h"

#define KUBECONFIG_MAX_BYTES (4u << 20)
#define KUBECONFIG_MAX_FILES 32

struct kubeconfig_file {
	char *path;
	json_t *root; /* an object, its form checked */
};

/** Zero it to begin with. */
struct kubeconfig {
	struct kubeconfig_file files[KUBECONFIG_MAX_FILES];
	size_t count;
};

/** Adds a file that comes after those already added. @path is copied; it is for messages and relative paths.
 * Returns 0, -EINVAL (not YAML, or not of a kubeconfig's form; err names the path), -ENOMEM. */
int kubeconfig_add(struct kubeconfig *kc, const char *path, const char *text, size_t n, struct error *err);

/** Fills @out with what context @name (NULL: current-context) says; on failure it is untouched. Does not look
 * at the files that it names. User credentials are left out where the server is not https (CFG-10). Returns
 * 0, -EINVAL (err names file, entry and field), -ENOMEM. */
int kubeconfig_resolve(const struct kubeconfig *kc, const char *name, struct kube_config *out,
		       struct error *err);

void kubeconfig_free(struct kubeconfig *kc);

#endif
