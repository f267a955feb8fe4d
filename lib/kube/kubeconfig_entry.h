/**
 * kubeconfig_entry: one cluster, user or context of a kubeconfig file, and its fields by type.
 *
 * Every function that fails fills err with "FILE: KIND NAME: FIELD: why" and returns -EINVAL or -ENOMEM. A
 * field that is absent, null or empty leaves the result NULL (or as it was) and is no failure. No I/O.
 */
#ifndef KUBE_KUBECONFIG_ENTRY_H
#define KUBE_KUBECONFIG_ENTRY_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "kube/pem.h"

/** All borrowed from the file's document. */
struct kubeconfig_entry {
	const char *path; /* of the file */
	const char *word; /* "cluster", "user" or "context" */
	const char *name;
	const json_t *fields; /* NULL: an entry without content */
};

/** Puts file, entry and field before what err says. Returns @rc. */
int kubeconfig_entry_wrap(const struct kubeconfig_entry *e, const char *field, int rc, struct error *err);

/** Fills err with @why. Returns -EINVAL. */
int kubeconfig_entry_reject(const struct kubeconfig_entry *e, const char *field, const char *why,
			    struct error *err);

/** Whether a value counts as not given: absent, null, "" or []. */
bool kubeconfig_value_absent(const json_t *value);

/** Whether a string has no control characters, so that it can stand in a message, a path or a header. */
bool kubeconfig_value_clean(const json_t *text);

/** *out is borrowed. */
int kubeconfig_entry_string(const struct kubeconfig_entry *e, const char *field, const char **out,
			    struct error *err);

/** In the functions below what *out is set to is the caller's to free, also where they fail. */
int kubeconfig_entry_copy(const struct kubeconfig_entry *e, const char *field, char **out, struct error *err);

/** A path; a relative one is made relative to the folder of the file that names it (CFG-8). */
int kubeconfig_entry_path(const struct kubeconfig_entry *e, const char *field, char **out, struct error *err);

/** The pair @field (a path) and @field-data (base64 of PEM), of which one at most may be given (CFG-9). */
int kubeconfig_entry_pem(const struct kubeconfig_entry *e, const char *field, enum pem_kind kind, char **file,
			 char **pem, struct error *err);

int kubeconfig_entry_bool(const struct kubeconfig_entry *e, const char *field, bool *out, struct error *err);

#endif
