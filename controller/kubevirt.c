#include "controller/kubevirt.h"

#include <string.h>

#include "base/macros.h"
#include "base/utf8.h"
#include "controller/identity.h"

enum kubevirt_field_id {
	FIELD_NAMESPACE,
	FIELD_NAME,
	FIELD_UID,
	FIELD_DELETED,
	FIELD_PHASE,
	FIELD_VERSION,
	FIELD_ENABLED_GATES,
	FIELD_ENABLED_GATE,
	FIELD_DISABLED_GATES,
	FIELD_DISABLED_GATE,
};

#define PATH(...)           ((const char *const[]){__VA_ARGS__, NULL})
#define DEVELOPER_PATH(...) PATH("spec", "configuration", "developerConfiguration", __VA_ARGS__)

const struct json_field kubevirt_fields[] = {
	{FIELD_NAMESPACE, PATH("metadata", "namespace")},
	{FIELD_NAME, PATH("metadata", "name")},
	{FIELD_UID, PATH("metadata", "uid")},
	{FIELD_DELETED, PATH("metadata", "deletionTimestamp")},
	{FIELD_PHASE, PATH("status", "phase")},
	{FIELD_VERSION, PATH("status", "observedKubeVirtVersion")},
	{FIELD_ENABLED_GATES, DEVELOPER_PATH("featureGates")},
	{FIELD_ENABLED_GATE, DEVELOPER_PATH("featureGates", JSON_EACH)},
	{FIELD_DISABLED_GATES, DEVELOPER_PATH("disabledFeatureGates")},
	{FIELD_DISABLED_GATE, DEVELOPER_PATH("disabledFeatureGates", JSON_EACH)},
};
const size_t kubevirt_field_count = ARRAY_LEN(kubevirt_fields);

void kubevirt_begin(struct kubevirt *k)
{
	memset(k, 0, sizeof(*k));
}

static void mark_unreadable(struct kubevirt *k, const char *field)
{
	if (k->unreadable == NULL)
		k->unreadable = field;
}

static void read_name(struct kubevirt *k, char *out, size_t room, const struct json_value *value,
		      const char *field)
{
	if (!identity_read(out, room, value))
		mark_unreadable(k, field);
}

static void read_version(struct kubevirt *k, const struct json_value *value)
{
	size_t n = value->kind == JSON_VALUE_STRING ? utf8_cut(value->text, value->len, KUBEVIRT_VERSION_MAX)
						    : 0;

	memcpy(k->version, value->text, n);
	k->version[n] = '\0';
}

static bool names_gate(const struct json_value *value)
{
	return value->kind == JSON_VALUE_STRING && !value->cut && value->len == strlen(KUBEVIRT_GATE) &&
	       memcmp(value->text, KUBEVIRT_GATE, value->len) == 0;
}

/* A list of gates must be an array; a new one (a duplicate key) replaces the old. */
static void read_list(struct kubevirt *k, bool *named, const struct json_value *value, const char *field)
{
	*named = false;
	if (value->kind != JSON_VALUE_ARRAY && value->kind != JSON_VALUE_NULL)
		mark_unreadable(k, field);
}

void kubevirt_value(struct kubevirt *k, int field, const struct json_value *value)
{
	switch ((enum kubevirt_field_id)field) {
	case FIELD_NAMESPACE:
		read_name(k, k->namespace, sizeof(k->namespace), value, "metadata.namespace");
		break;
	case FIELD_NAME:
		read_name(k, k->name, sizeof(k->name), value, "metadata.name");
		break;
	case FIELD_UID:
		read_name(k, k->uid, sizeof(k->uid), value, "metadata.uid");
		break;
	case FIELD_PHASE:
		k->deployed = value->kind == JSON_VALUE_STRING && value->len > 0;
		break;
	case FIELD_VERSION:
		read_version(k, value);
		break;
	case FIELD_DELETED:
		k->deleting = value->kind != JSON_VALUE_NULL;
		break;
	case FIELD_ENABLED_GATES:
		read_list(k, &k->gate_enabled, value, "featureGates");
		break;
	case FIELD_ENABLED_GATE:
		k->gate_enabled |= names_gate(value);
		break;
	case FIELD_DISABLED_GATES:
		read_list(k, &k->gate_disabled, value, "disabledFeatureGates");
		break;
	case FIELD_DISABLED_GATE:
		k->gate_disabled |= names_gate(value);
		break;
	}
}
