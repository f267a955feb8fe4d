#include "controller/policy.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "controller/policy_files.h"
#include "controller/vmi.h"
#include "kube/yamldoc.h"

static const struct {
	enum policy_resource resource;
	const char *name;
} objects[POLICY_OBJECTS] = {
	[POLICY_GUARD] = {POLICY_VALIDATING, POLICY_NAME_PREFIX "guard"},
	[POLICY_GUARD_BINDING] = {POLICY_VALIDATING_BINDINGS, POLICY_NAME_PREFIX "guard"},
	[POLICY_HOLD] = {POLICY_VALIDATING, POLICY_NAME_PREFIX "hold"},
	[POLICY_HOLD_BINDING] = {POLICY_VALIDATING_BINDINGS, POLICY_NAME_PREFIX "hold"},
	[POLICY_STICKY] = {POLICY_MUTATING, POLICY_NAME_PREFIX "sticky"},
	[POLICY_STICKY_BINDING] = {POLICY_MUTATING_BINDINGS, POLICY_NAME_PREFIX "sticky"},
};

static const struct {
	const char *plural;
	const char *kind;
} resources[POLICY_RESOURCES] = {
	[POLICY_VALIDATING] = {"validatingadmissionpolicies", "ValidatingAdmissionPolicy"},
	[POLICY_VALIDATING_BINDINGS] = {"validatingadmissionpolicybindings",
					"ValidatingAdmissionPolicyBinding"},
	[POLICY_MUTATING] = {"mutatingadmissionpolicies", "MutatingAdmissionPolicy"},
	[POLICY_MUTATING_BINDINGS] = {"mutatingadmissionpolicybindings", "MutatingAdmissionPolicyBinding"},
};

struct policy_set {
	json_t *built_in[POLICY_OBJECTS]; /* specs */
	json_t *stored[POLICY_OBJECTS];   /* likewise, NULL: absent or not JSON */
	bool there[POLICY_OBJECTS];
	bool as_built[POLICY_OBJECTS]; /* it is as it should be */
	bool listed[POLICY_OBJECTS];   /* by the list that is under way */
	bool known[POLICY_RESOURCES];
	bool unreadable[POLICY_RESOURCES];
	bool unserved[POLICY_RESOURCES]; /* that is why */
	char namespace[VMI_NAMESPACE_MAX + 1];
};

const char *policy_resource_name(enum policy_resource resource)
{
	return resources[resource].plural;
}

enum policy_object policy_find(enum policy_resource resource, const char *name)
{
	int i = 0;

	while (i < POLICY_OBJECTS && (objects[i].resource != resource || strcmp(objects[i].name, name) != 0))
		i++;
	return (enum policy_object)i;
}

/* ---- the built-in ones ---- */

static const char *text_at(const json_t *object, const char *outer, const char *inner)
{
	const json_t *value = json_object_get(outer != NULL ? json_object_get(object, outer) : object, inner);

	return json_is_string(value) ? json_string_value(value) : "";
}

static enum policy_object object_of(const json_t *document)
{
	const char *kind = text_at(document, NULL, "kind");

	for (int i = 0; i < POLICY_RESOURCES; i++)
		if (strcmp(resources[i].kind, kind) == 0)
			return policy_find((enum policy_resource)i, text_at(document, "metadata", "name"));
	return POLICY_OBJECTS;
}

static int take_document(struct policy_set *p, const char *text, size_t n, struct error *err)
{
	json_t *document;
	enum policy_object object;
	int rc = yamldoc_parse(&document, text, n, err);

	if (rc != 0)
		return rc;
	object = object_of(document);
	if (object != POLICY_OBJECTS)
		p->built_in[object] = json_incref(json_object_get(document, "spec"));
	else
		rc = error_set(err, -EINVAL, "a document that is no policy and no binding");
	json_decref(document);
	return rc;
}

/* Documents are separated by lines of three dashes. */
static int take_file(struct policy_set *p, const char *text, struct error *err)
{
	static const char separator[] = "\n---\n";
	int rc = 0;

	while (rc == 0 && text != NULL) {
		const char *end = strstr(text, separator);

		rc = take_document(p, text, end != NULL ? (size_t)(end - text) + 1 : strlen(text), err);
		text = end != NULL ? end + strlen(separator) : NULL;
	}
	return rc;
}

int policy_set_create(struct policy_set **out, struct error *err)
{
	static const char *const files[] = {policy_file_guard, policy_file_hold, policy_file_sticky};
	struct policy_set *p = calloc(1, sizeof(*p));
	int rc = 0;

	if (p == NULL)
		return error_errno(err, -ENOMEM, "policies");
	for (size_t i = 0; i < ARRAY_LEN(files) && rc == 0; i++)
		rc = take_file(p, files[i], err);
	for (size_t i = 0; i < POLICY_OBJECTS && rc == 0; i++)
		if (p->built_in[i] == NULL)
			rc = error_set(err, -EINVAL, "no built-in %s", objects[i].name);
	if (rc != 0) {
		policy_set_free(p);
		return error_wrap(err, rc, "built-in policies");
	}
	*out = p;
	return 0;
}

void policy_set_free(struct policy_set *p)
{
	if (p == NULL)
		return;
	for (int i = 0; i < POLICY_OBJECTS; i++) {
		json_decref(p->built_in[i]);
		json_decref(p->stored[i]);
	}
	free(p);
}

/* ---- those of the cluster ---- */

static bool denies(const json_t *spec)
{
	const json_t *actions = json_object_get(spec, "validationActions");
	const json_t *action;
	size_t i;

	json_array_foreach(actions, i, action) if (json_is_string(action) && strcmp(json_string_value(action),
										    "Deny") == 0) return true;
	return false;
}

/* @stored and @built_in without the members that may differ. */
static bool same_binding(const struct policy_set *p, const json_t *stored, const json_t *built_in)
{
	json_t *ours = json_deep_copy(built_in);
	json_t *theirs = json_deep_copy(stored);
	json_t *parameter = json_object_get(ours, "paramRef");
	bool same;

	(void)json_object_del(ours, "validationActions");
	(void)json_object_del(theirs, "validationActions");
	if (parameter != NULL)
		(void)json_object_set_new(parameter, "namespace", json_string(p->namespace));
	same = ours != NULL && theirs != NULL && json_equal(ours, theirs);
	json_decref(ours);
	json_decref(theirs);
	return same;
}

static bool compare(const struct policy_set *p, enum policy_object object)
{
	const json_t *stored = p->stored[object];
	const json_t *built_in = p->built_in[object];

	if (stored == NULL)
		return false;
	if (objects[object].resource == POLICY_VALIDATING_BINDINGS)
		return denies(stored) && same_binding(p, stored, built_in);
	return json_equal(stored, built_in);
}

void policy_set_namespace(struct policy_set *p, const char *namespace)
{
	if (strcmp(p->namespace, namespace) == 0)
		return;
	(void)snprintf(p->namespace, sizeof(p->namespace), "%s", namespace);
	for (int i = 0; i < POLICY_OBJECTS; i++)
		p->as_built[i] = compare(p, (enum policy_object)i);
}

void policy_set_seen(struct policy_set *p, enum policy_object object, const char *spec, size_t len)
{
	json_decref(p->stored[object]);
	p->stored[object] = spec != NULL ? json_loadb(spec, len, 0, NULL) : NULL;
	p->there[object] = spec != NULL;
	p->listed[object] = true;
	p->as_built[object] = compare(p, object);
}

void policy_set_list_started(struct policy_set *p, enum policy_resource resource)
{
	for (int i = 0; i < POLICY_OBJECTS; i++)
		if (objects[i].resource == resource)
			p->listed[i] = false;
}

void policy_set_list_done(struct policy_set *p, enum policy_resource resource)
{
	for (int i = 0; i < POLICY_OBJECTS; i++)
		if (objects[i].resource == resource && !p->listed[i])
			policy_set_seen(p, (enum policy_object)i, NULL, 0);
	p->known[resource] = true;
	p->unreadable[resource] = p->unserved[resource] = false;
}

void policy_set_unreadable(struct policy_set *p, enum policy_resource resource, bool served)
{
	p->unreadable[resource] = true;
	p->unserved[resource] = !served;
	for (int i = 0; i < POLICY_OBJECTS && !served; i++)
		if (objects[i].resource == resource)
			policy_set_seen(p, (enum policy_object)i, NULL, 0);
}

bool policy_set_known(const struct policy_set *p)
{
	for (int i = 0; i < POLICY_RESOURCES; i++)
		if (!p->known[i] && !p->unreadable[i])
			return false;
	return true;
}

bool policy_set_holds(const struct policy_set *p)
{
	return p->as_built[POLICY_HOLD] && p->as_built[POLICY_HOLD_BINDING];
}

bool policy_set_is_installed(const struct policy_set *p)
{
	for (int i = 0; i < POLICY_OBJECTS; i++)
		if (p->there[i])
			return true;
	return false;
}

bool policy_set_is_in_vain(const struct policy_set *p)
{
	return policy_set_is_installed(p) && p->unserved[POLICY_MUTATING];
}

bool policy_set_is_hidden(const struct policy_set *p)
{
	for (int i = 0; i < POLICY_RESOURCES; i++)
		if (p->unreadable[i] && !p->unserved[i])
			return true;
	return false;
}

bool policy_set_in_force(const struct policy_set *p, char *why, size_t room)
{
	why[0] = '\0';
	for (int i = 0; i < POLICY_OBJECTS; i++) {
		enum policy_resource resource = objects[i].resource;

		if (p->unserved[resource])
			(void)snprintf(why, room, "this API server has no %s%s", resources[resource].plural,
				       resource == POLICY_MUTATING || resource == POLICY_MUTATING_BINDINGS
					       ? " (Kubernetes 1.36 and later have; 1.34 and 1.35 where they "
						 "were switched on)"
					       : "");
		else if (p->unreadable[resource] || !p->known[resource])
			(void)snprintf(why, room, "%s may not be read", resources[resource].plural);
		else if (!p->there[i])
			(void)snprintf(why, room, "%s %s is not installed", resources[resource].kind,
				       objects[i].name);
		else if (!p->as_built[i])
			(void)snprintf(why, room, "%s %s is not the one of this version",
				       resources[resource].kind, objects[i].name);
		if (why[0] != '\0')
			return false;
	}
	return true;
}
