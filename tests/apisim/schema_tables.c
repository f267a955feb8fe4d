/* The tables of schema.h. KubeVirt's own schemas are 500 KB; these name what a VSOCK controller reads or
 * writes and keep the rest as it comes. */
#include "apisim/schema.h"

#define OBJECT(...)                                                                                          \
	{                                                                                                    \
		.type = SCHEMA_OBJECT, __VA_ARGS__                                                           \
	}
#define FIELDS(table) .fields = table, .field_count = sizeof(table) / sizeof((table)[0])

static const struct schema any = {.type = SCHEMA_ANY, .nullable = true};
static const struct schema string = {.type = SCHEMA_STRING, .go_type = "string"};
static const struct schema boolean = {.type = SCHEMA_BOOLEAN, .go_type = "bool"};
static const struct schema int32 = {.type = SCHEMA_INTEGER, .go_type = "int32"};
static const struct schema int64 = {.type = SCHEMA_INTEGER, .go_type = "int64"};
static const struct schema time_type = {.type = SCHEMA_TIME, .go_type = "v1.Time"};
static const struct schema null_time = {.type = SCHEMA_TIME, .go_type = "v1.Time", .nullable = true};
static const struct schema micro_time = {.type = SCHEMA_MICRO_TIME, .go_type = "v1.MicroTime"};
static const struct schema strings = {.type = SCHEMA_ARRAY, .go_type = "[]string", .items = &string};
static const struct schema string_map = {.type = SCHEMA_MAP, .go_type = "map[string]string"};
static const struct schema open_object = {.type = SCHEMA_OBJECT, .keep_unknown = true};

static const struct schema_field owner_fields[] = {
	{"apiVersion", &string, false},  {"kind", &string, false},
	{"name", &string, false},        {"uid", &string, false},
	{"controller", &boolean, false}, {"blockOwnerDeletion", &boolean, false},
};
static const struct schema owner =
	OBJECT(FIELDS(owner_fields), .go_name = "OwnerReference", .go_type = "v1.OwnerReference");
static const struct schema owners = {.type = SCHEMA_ARRAY, .go_type = "[]v1.OwnerReference", .items = &owner};

static const struct schema_field meta_fields[] = {
	{"managedFields", &any, false},
	{"name", &string, false},
	{"generateName", &string, false},
	{"namespace", &string, false},
	{"selfLink", &string, false},
	{"uid", &string, false},
	{"resourceVersion", &string, false},
	{"generation", &int64, false},
	{"creationTimestamp", &time_type, false},
	{"deletionTimestamp", &time_type, false},
	{"deletionGracePeriodSeconds", &int64, false},
	{"labels", &string_map, false},
	{"annotations", &string_map, false},
	{"finalizers", &strings, false},
	{"ownerReferences", &owners, false},
};
const struct schema schema_object_meta =
	OBJECT(FIELDS(meta_fields), .go_name = "ObjectMeta", .go_type = "v1.ObjectMeta");

/* --- VirtualMachineInstance --- */

static const struct schema_field devices_fields[] = {{"autoattachVSOCK", &boolean, false}};
static const struct schema devices = OBJECT(FIELDS(devices_fields), .keep_unknown = true);
static const struct schema_field domain_fields[] = {{"devices", &devices, true}};
static const struct schema domain = OBJECT(FIELDS(domain_fields), .keep_unknown = true);
static const struct schema_field vmi_spec_fields[] = {{"domain", &domain, true}};
static const struct schema vmi_spec = OBJECT(FIELDS(vmi_spec_fields), .keep_unknown = true);

static const struct schema_field transition_fields[] = {
	{"phase", &string, false},
	{"phaseTransitionTimestamp", &time_type, false},
};
static const struct schema transition = OBJECT(FIELDS(transition_fields));
static const struct schema transitions = {.type = SCHEMA_ARRAY, .items = &transition};
static const struct schema_field condition_fields[] = {
	{"type", &string, true},
	{"status", &string, true},
	{"reason", &string, false},
	{"message", &string, false},
	{"lastProbeTime", &null_time, false},
	{"lastTransitionTime", &null_time, false},
};
static const struct schema condition = OBJECT(FIELDS(condition_fields));
static const struct schema conditions = {.type = SCHEMA_ARRAY, .items = &condition};
static const struct schema cid = {.type = SCHEMA_INTEGER, .min = 0, .max = 4294967295};
static const struct schema_field vmi_status_fields[] = {
	{"VSOCKCID", &cid, false},
	{"phase", &string, false},
	{"nodeName", &string, false},
	{"reason", &string, false},
	{"phaseTransitionTimestamps", &transitions, false},
	{"conditions", &conditions, false},
	{"migrationState", &open_object, false},
};
static const struct schema vmi_status = OBJECT(FIELDS(vmi_status_fields), .keep_unknown = true);
static const struct schema_field vmi_fields[] = {
	{"apiVersion", &string, false}, {"kind", &string, false},       {"metadata", &any, false},
	{"spec", &vmi_spec, true},      {"status", &vmi_status, false},
};
const struct schema schema_vmi = OBJECT(FIELDS(vmi_fields));

/* --- KubeVirt --- */

static const struct schema_field developer_fields[] = {
	{"featureGates", &strings, false},
	{"disabledFeatureGates", &strings, false},
};
static const struct schema developer = OBJECT(FIELDS(developer_fields), .keep_unknown = true);
static const struct schema_field configuration_fields[] = {{"developerConfiguration", &developer, false}};
static const struct schema configuration = OBJECT(FIELDS(configuration_fields), .keep_unknown = true);
static const struct schema_field kubevirt_spec_fields[] = {{"configuration", &configuration, false}};
static const struct schema kubevirt_spec = OBJECT(FIELDS(kubevirt_spec_fields), .keep_unknown = true);
static const struct schema_field kubevirt_status_fields[] = {{"phase", &string, false}};
static const struct schema kubevirt_status = OBJECT(FIELDS(kubevirt_status_fields), .keep_unknown = true);
static const struct schema_field kubevirt_fields[] = {
	{"apiVersion", &string, false},      {"kind", &string, false},
	{"metadata", &any, false},           {"spec", &kubevirt_spec, true},
	{"status", &kubevirt_status, false},
};
const struct schema schema_kubevirt = OBJECT(FIELDS(kubevirt_fields));

/* --- Lease --- */

static const struct schema_field lease_spec_fields[] = {
	{"holderIdentity", &string, false},  {"leaseDurationSeconds", &int32, false},
	{"acquireTime", &micro_time, false}, {"renewTime", &micro_time, false},
	{"leaseTransitions", &int32, false}, {"strategy", &string, false},
	{"preferredHolder", &string, false},
};
static const struct schema lease_spec =
	OBJECT(FIELDS(lease_spec_fields), .go_name = "LeaseSpec", .go_type = "v1.LeaseSpec");
static const struct schema_field lease_fields[] = {
	{"apiVersion", &string, false},
	{"kind", &string, false},
	{"metadata", &schema_object_meta, false},
	{"spec", &lease_spec, false},
};
const struct schema schema_lease = OBJECT(FIELDS(lease_fields), .go_name = "Lease", .go_type = "v1.Lease");

/* --- Event --- */

static const struct schema_field reference_fields[] = {
	{"kind", &string, false},      {"namespace", &string, false},  {"name", &string, false},
	{"uid", &string, false},       {"apiVersion", &string, false}, {"resourceVersion", &string, false},
	{"fieldPath", &string, false},
};
static const struct schema reference =
	OBJECT(FIELDS(reference_fields), .go_name = "ObjectReference", .go_type = "v1.ObjectReference");
static const struct schema_field source_fields[] = {{"component", &string, false}, {"host", &string, false}};
static const struct schema source =
	OBJECT(FIELDS(source_fields), .go_name = "EventSource", .go_type = "v1.EventSource");
static const struct schema_field series_fields[] = {
	{"count", &int32, false},
	{"lastObservedTime", &micro_time, false},
};
static const struct schema series =
	OBJECT(FIELDS(series_fields), .go_name = "EventSeries", .go_type = "v1.EventSeries");
static const struct schema_field event_fields[] = {
	{"apiVersion", &string, false},
	{"kind", &string, false},
	{"metadata", &schema_object_meta, false},
	{"involvedObject", &reference, false},
	{"related", &reference, false},
	{"reason", &string, false},
	{"message", &string, false},
	{"source", &source, false},
	{"firstTimestamp", &time_type, false},
	{"lastTimestamp", &time_type, false},
	{"count", &int32, false},
	{"type", &string, false},
	{"eventTime", &micro_time, false},
	{"series", &series, false},
	{"action", &string, false},
	{"reportingComponent", &string, false},
	{"reportingInstance", &string, false},
};
const struct schema schema_event = OBJECT(FIELDS(event_fields), .go_name = "Event", .go_type = "v1.Event");

/* --- Namespace, ConfigMap, ServiceAccount --- */

static const struct schema_field namespace_spec_fields[] = {{"finalizers", &strings, false}};
static const struct schema namespace_spec =
	OBJECT(FIELDS(namespace_spec_fields), .go_name = "NamespaceSpec", .go_type = "v1.NamespaceSpec");
static const struct schema_field namespace_status_fields[] = {{"phase", &string, false}};
static const struct schema namespace_status = OBJECT(
	FIELDS(namespace_status_fields), .go_name = "NamespaceStatus", .go_type = "v1.NamespaceStatus");
static const struct schema_field namespace_fields[] = {
	{"apiVersion", &string, false},           {"kind", &string, false},
	{"metadata", &schema_object_meta, false}, {"spec", &namespace_spec, false},
	{"status", &namespace_status, false},
};
const struct schema schema_namespace =
	OBJECT(FIELDS(namespace_fields), .go_name = "Namespace", .go_type = "v1.Namespace");

static const struct schema_field config_map_fields[] = {
	{"apiVersion", &string, false},           {"kind", &string, false},
	{"metadata", &schema_object_meta, false}, {"data", &string_map, false},
	{"binaryData", &string_map, false},       {"immutable", &boolean, false},
};
const struct schema schema_config_map =
	OBJECT(FIELDS(config_map_fields), .go_name = "ConfigMap", .go_type = "v1.ConfigMap");

static const struct schema_field service_account_fields[] = {
	{"apiVersion", &string, false},           {"kind", &string, false},
	{"metadata", &schema_object_meta, false}, {"secrets", &any, false},
	{"imagePullSecrets", &any, false},        {"automountServiceAccountToken", &boolean, false},
};
const struct schema schema_service_account =
	OBJECT(FIELDS(service_account_fields), .go_name = "ServiceAccount", .go_type = "v1.ServiceAccount");
