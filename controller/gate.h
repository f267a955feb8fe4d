/**
 * gate: may CIDs be given? What KubeVirt decides about its VSOCK feature gate, and what a flag overrides.
 *
 * Exactly one CR that is deployed counts, which KubeVirt sees to; also while it is being deleted, until it is
 * gone or there is another one (KubeVirt's components then go by what they have read last). Of several that
 * are not being deleted none does. It also names the namespace in which KubeVirt, and so our Lease, lives.
 * Its feature gates are read as KubeVirt reads them (kubevirt.md section 3, Precedence): a gate that is GA is
 * on; else featureGates wins over disabledFeatureGates; in neither list, Beta is on and Alpha is off. How far
 * VSOCK is depends on the version that runs, which is not in the CR's lists but in one table of gate.c. Pure;
 * not thread-safe.
 */
#ifndef CONTROLLER_GATE_H
#define CONTROLLER_GATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "controller/kubevirt.h"

enum gate_override { GATE_AUTO, GATE_ON, GATE_OFF };

/** Why the gate is open or closed. */
enum gate_reason {
	GATE_NOT_READ,
	GATE_NO_CR,
	GATE_MANY_CRS,
	GATE_NOT_DEPLOYED,
	GATE_FLAG_ON,
	GATE_FLAG_OFF,
	GATE_GENERAL,         /* GA: always on */
	GATE_ENABLED,         /* named by featureGates */
	GATE_DISABLED,        /* named by disabledFeatureGates */
	GATE_DEFAULT_ON,      /* Beta, in neither list */
	GATE_DEFAULT_OFF,     /* Alpha, in neither list */
	GATE_UNKNOWN_VERSION, /* in neither list, and not known how far VSOCK is: as if Alpha */
	GATE_REASONS,
};

/** In one word, for a metric's label. */
const char *gate_reason_name(enum gate_reason reason);

/** In words, for people. */
const char *gate_reason_text(enum gate_reason reason);

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
	enum gate_reason reason;
	const struct kubevirt
		*cr; /* the one that counts, NULL where none does. Borrowed until the next change */
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
