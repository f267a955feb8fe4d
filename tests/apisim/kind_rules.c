#include "apisim/kind_rules.h"

#include <string.h>

#include "apisim/metadata.h"

/* The members that a Go struct without omitempty always writes. */
static void prepare_event(struct tree *t, struct node *root)
{
	static const char *const objects[] = {"involvedObject", "source"};
	static const char *const texts[] = {"reportingComponent", "reportingInstance"};
	static const char *const times[] = {"eventTime", "firstTimestamp", "lastTimestamp"};

	for (size_t i = 0; i < ARRAY_LEN(objects); i++)
		if (node_get(root, objects[i]) == NULL)
			node_set(t, root, objects[i], node_object(t));
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		if (node_get(root, texts[i]) == NULL)
			metadata_set(t, root, texts[i], "");
	for (size_t i = 0; i < ARRAY_LEN(times); i++)
		if (node_get(root, times[i]) == NULL)
			node_set(t, root, times[i], node_null(t));
}

static void prepare_namespace(struct tree *t, struct node *root, struct node *meta)
{
	struct node *labels = node_get(meta, "labels");
	struct node *spec = node_object(t);
	struct node *status = node_object(t);
	struct node *finalizers = node_array(t);

	if (labels == NULL) {
		labels = node_object(t);
		node_set(t, meta, "labels", labels);
	}
	metadata_set(t, labels, "kubernetes.io/metadata.name", metadata_text(t, meta, "name"));
	node_insert(t, finalizers, 0, node_text(t, "kubernetes", strlen("kubernetes")));
	node_set(t, spec, "finalizers", finalizers);
	node_set(t, root, "spec", spec);
	metadata_set(t, status, "phase", "Active");
	node_set(t, root, "status", status);
}

/* The fields of coordinated leader election are dropped where its gate is off, as it is by default (LE-17).
 */
static void prepare_lease(struct tree *t, struct node *root)
{
	struct node *spec = node_get(root, "spec");

	if (spec == NULL)
		node_set(t, root, "spec", node_object(t));
	(void)node_drop(spec, "strategy", strlen("strategy"));
	(void)node_drop(spec, "preferredHolder", strlen("preferredHolder"));
}

void kind_rules_prepare(struct tree *t, const struct resource *r, struct node *root, struct node *meta)
{
	if (r->status)
		(void)node_drop(root, "status", strlen("status"));
	if (r->id == RESOURCE_EVENT)
		prepare_event(t, root);
	if (r->id == RESOURCE_NAMESPACE)
		prepare_namespace(t, root, meta);
	if (r->id == RESOURCE_LEASE)
		prepare_lease(t, root);
}

static void validate_lease(struct tree *t, const struct node *root, struct field_errors *errors)
{
	const struct node *spec = node_get(root, "spec");
	int64_t value;

	(void)t;
	if (node_to_int(node_get(spec, "leaseDurationSeconds"), &value) && value <= 0)
		field_errors_add(errors, FIELD_INVALID, "spec.leaseDurationSeconds",
				 "%lld: must be greater than 0", (long long)value);
	if (node_to_int(node_get(spec, "leaseTransitions"), &value) && value < 0)
		field_errors_add(errors, FIELD_INVALID, "spec.leaseTransitions",
				 "%lld: must be greater than or equal to 0", (long long)value);
}

static void require_text(struct tree *t, const struct node *root, const char *key,
			 struct field_errors *errors)
{
	if (metadata_text(t, root, key)[0] == '\0')
		field_errors_add(errors, FIELD_REQUIRED, key, NULL);
}

/* EVT-5: the old form (no eventTime) is checked for its namespace only. */
static void validate_event(struct tree *t, const struct node *root, const struct node *meta,
			   struct field_errors *errors)
{
	const char *namespace = metadata_text(t, meta, "namespace");
	const char *involved = metadata_text(t, node_get(root, "involvedObject"), "namespace");
	const struct node *time = node_get(root, "eventTime");

	if (involved[0] == '\0' ? strcmp(namespace, "default") != 0 : strcmp(namespace, involved) != 0)
		field_errors_bad_text(errors, "involvedObject.namespace", involved,
				      "does not match event.namespace");
	if (time == NULL || time->kind == NODE_NULL)
		return;
	require_text(t, root, "reportingComponent", errors);
	require_text(t, root, "reportingInstance", errors);
	require_text(t, root, "action", errors);
	require_text(t, root, "reason", errors);
}

void kind_rules_validate(struct tree *t, const struct resource *r, const struct node *root,
			 const struct node *meta, struct field_errors *errors)
{
	if (r->id == RESOURCE_LEASE)
		validate_lease(t, root, errors);
	if (r->id == RESOURCE_EVENT)
		validate_event(t, root, meta, errors);
}
