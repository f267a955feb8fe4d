/**
 * kubevirt: what the controller needs to know of a KubeVirt CR, read from the stream of its JSON. Pure.
 */
#ifndef CONTROLLER_KUBEVIRT_H
#define CONTROLLER_KUBEVIRT_H

#include <stdbool.h>
#include <stddef.h>

#include "controller/vmi.h"
#include "json/reader.h"

/** The feature gate that this program serves; compared exactly (kubevirt.md section 3). */
#define KUBEVIRT_GATE "VSOCK"

/** Longer versions are cut: they are for people, and none that is known is as long. */
#define KUBEVIRT_VERSION_MAX 63

struct kubevirt {
	char namespace[VMI_NAMESPACE_MAX + 1];
	char name[VMI_NAME_MAX + 1];
	char uid[VMI_UID_MAX + 1];
	char version[KUBEVIRT_VERSION_MAX +
		     1]; /* status.observedKubeVirtVersion: what runs; "" before that is known */
	bool deleting;
	bool deployed; /* status.phase is set: virt-operator has taken it up, and KubeVirt's components go by
			  it */
	bool gate_enabled;      /* featureGates names the gate */
	bool gate_disabled;     /* disabledFeatureGates names it (KubeVirt >= 1.8) */
	const char *unreadable; /* NULL, or the first field of a wrong type (a static string) */
};

/** The wanted fields; see vmi.h. */
extern const struct json_field kubevirt_fields[];
extern const size_t kubevirt_field_count;

void kubevirt_begin(struct kubevirt *k);
void kubevirt_value(struct kubevirt *k, int field, const struct json_value *value);

#endif
