/**
 * gate: may CIDs be given? What the VSOCK feature gate of the KubeVirt CR says, and what a flag overrides.
 *
 * Exactly one CR that is not being deleted counts; it also names the namespace in which KubeVirt, and so our
 * Lease, lives. In it featureGates wins over disabledFeatureGates, and in neither list the gate is off
 * (KubeVirt up to 1.9: Alpha). Pure; not thread-safe.
 */
#ifndef CONTROLLER_GATE_H
#define CONTROLLER_GATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "controller/kubevirt.h"

enum gate_override { GATE_AUTO, GATE_ON, GATE_OFF };

/** Most CRs that are told apart. KubeVirt allows one; with more, none of them counts. */
#define GATE_MAX_CRS 16

struct gate_cr {
	struct kubevirt cr;
	bool in_list; /* shown by the list that is under way */
};

struct gate {
	enum gate_override override;
	struct gate_cr crs[GATE_MAX_CRS];
	size_t count;
	bool overflow; /* more than GATE_MAX_CRS, until a list shows fewer */
	bool informed; /* a list was complete (I3) */
};

struct gate_verdict {
	bool open;
	const char *reason;    /* why, for logs and metrics; a static string */
	const char *namespace; /* of the CR that counts; "" where none does. Borrowed until the next change */
};

void gate_init(struct gate *g, enum gate_override override);

/** A CR as an event or a page of a list (@listed) shows it. */
void gate_cr_seen(struct gate *g, const struct kubevirt *cr, bool listed);

/** A DELETED event. */
void gate_cr_gone(struct gate *g, const struct kubevirt *cr);

void gate_list_started(struct gate *g);

/** What the list did not show is gone. */
void gate_list_done(struct gate *g);

struct gate_verdict gate_verdict(const struct gate *g);

#endif
