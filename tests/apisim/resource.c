#include "apisim/resource.h"

#include <string.h>

const struct resource resource_table[RESOURCE_COUNT] = {
	[RESOURCE_NAMESPACE] = {.id = RESOURCE_NAMESPACE,
				.group = "",
				.versions = {"v1"},
				.api_versions = {"v1"},
				.plural = "namespaces",
				.singular = "namespace",
				.kind = "Namespace",
				.short_names = "[\"ns\"]",
				.blind_update = true,
				.registry = "namespaces",
				.schema = &schema_namespace,
				.field_labels = "status.phase,name"},
	[RESOURCE_VMI] = {.id = RESOURCE_VMI,
			  .group = "kubevirt.io",
			  .versions = {"v1", "v1alpha3"},
			  .api_versions = {"kubevirt.io/v1", "kubevirt.io/v1alpha3"},
			  .plural = "virtualmachineinstances",
			  .singular = "virtualmachineinstance",
			  .kind = "VirtualMachineInstance",
			  .short_names = "[\"vmi\",\"vmis\"]",
			  .namespaced = true,
			  .custom = true,
			  .registry = "kubevirt.io/virtualmachineinstances",
			  .schema = &schema_vmi},
	[RESOURCE_KUBEVIRT] = {.id = RESOURCE_KUBEVIRT,
			       .group = "kubevirt.io",
			       .versions = {"v1", "v1alpha3"},
			       .api_versions = {"kubevirt.io/v1", "kubevirt.io/v1alpha3"},
			       .plural = "kubevirts",
			       .singular = "kubevirt",
			       .kind = "KubeVirt",
			       .short_names = "[\"kv\",\"kvs\"]",
			       .namespaced = true,
			       .custom = true,
			       .status = true,
			       .registry = "kubevirt.io/kubevirts",
			       .schema = &schema_kubevirt},
	[RESOURCE_LEASE] = {.id = RESOURCE_LEASE,
			    .group = "coordination.k8s.io",
			    .versions = {"v1"},
			    .api_versions = {"coordination.k8s.io/v1"},
			    .plural = "leases",
			    .singular = "lease",
			    .kind = "Lease",
			    .namespaced = true,
			    .put_creates = true,
			    .registry = "leases",
			    .schema = &schema_lease},
	[RESOURCE_EVENT] = {.id = RESOURCE_EVENT,
			    .group = "",
			    .versions = {"v1"},
			    .api_versions = {"v1"},
			    .plural = "events",
			    .singular = "event",
			    .kind = "Event",
			    .short_names = "[\"ev\"]",
			    .namespaced = true,
			    .blind_update = true,
			    .put_creates = true,
			    .registry = "events",
			    .schema = &schema_event,
			    .field_labels =
				    "involvedObject.kind,involvedObject.namespace,involvedObject.name,"
				    "involvedObject.uid,involvedObject.apiVersion,"
				    "involvedObject.resourceVersion,involvedObject.fieldPath,reason,"
				    "reportingComponent,source,type"},
	[RESOURCE_CONFIG_MAP] = {.id = RESOURCE_CONFIG_MAP,
				 .group = "",
				 .versions = {"v1"},
				 .api_versions = {"v1"},
				 .plural = "configmaps",
				 .singular = "configmap",
				 .kind = "ConfigMap",
				 .short_names = "[\"cm\"]",
				 .namespaced = true,
				 .blind_update = true,
				 .registry = "configmaps",
				 .schema = &schema_config_map},
	[RESOURCE_SERVICE_ACCOUNT] = {.id = RESOURCE_SERVICE_ACCOUNT,
				      .group = "",
				      .versions = {"v1"},
				      .api_versions = {"v1"},
				      .plural = "serviceaccounts",
				      .singular = "serviceaccount",
				      .kind = "ServiceAccount",
				      .short_names = "[\"sa\"]",
				      .namespaced = true,
				      .blind_update = true,
				      .returns_deleted = true,
				      .registry = "serviceaccounts",
				      .schema = &schema_service_account},
};

const struct resource *resource_find(const char *group, const char *version, const char *plural,
				     int *version_index)
{
	for (size_t i = 0; i < RESOURCE_COUNT; i++) {
		const struct resource *r = &resource_table[i];

		if (strcmp(r->group, group) != 0 || strcmp(r->plural, plural) != 0)
			continue;
		for (int v = 0; v < RESOURCE_MAX_VERSIONS && r->versions[v] != NULL; v++) {
			if (strcmp(r->versions[v], version) == 0) {
				*version_index = v;
				return r;
			}
		}
	}
	return NULL;
}
