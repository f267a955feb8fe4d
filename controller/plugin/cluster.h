/**
 * cluster: what the commands want to know of a cluster besides its VMIs, read once: the feature gate, the
 * admission policies, the hold, and what the controller has told about VMIs.
 *
 * What may not be read is not known, and is said so; it is no failure of the command.
 */
#ifndef CONTROLLER_PLUGIN_CLUSTER_H
#define CONTROLLER_PLUGIN_CLUSTER_H

#include <jansson.h>
#include <stdbool.h>

#include "controller/gate.h"
#include "controller/mode.h"
#include "controller/plugin/said.h"
#include "controller/plugin/session.h"
#include "controller/policy.h"

/** The component of the controller's events. */
#define CLUSTER_COMPONENT "vsock-cid-controller"

struct cluster {
	bool gate_known; /* else KubeVirt's CRs may not be read: then verdict says so */
	struct gate gate;
	struct gate_verdict verdict;
	json_t *kubevirts;                     /* the list, as the server has it */
	char namespace[VMI_NAMESPACE_MAX + 1]; /* KubeVirt's; "" where there is not exactly one */
	struct policy_set *policies;
	enum mode_policies in_force;
	char lacking[MODE_TEXT_SIZE]; /* with LACKING, HIDDEN or IN_VAIN: which, and why */
	bool hold_known, holding;     /* the ConfigMap of *hold* says "on", and hold is in force */
	json_t *told;                 /* UID to {"reason", "message"}: the last event of the controller */
	bool told_known;
	struct said said; /* of the mode, by its newest event; pods_ask() knows better */
};

/** Reads KubeVirt's CRs, and what else can be read. @namespace:
 * of the events, NULL: all. On success cluster_free() is due. Returns 0 or a negative errno with err: -ENOENT
 * (no KubeVirt). */
int cluster_read(struct cluster *c, struct session *s, const char *namespace, struct error *err);
void cluster_free(struct cluster *c);

/** KubeVirt's namespace, or where it usually is. */
const char *cluster_namespace(const struct cluster *c);

/** The text @inner of @object, or of its member @outer; "" where it is none. Borrowed. */
const char *cluster_text(const json_t *object, const char *outer, const char *inner);

/** What the controller has told last about the VMI: reason and message of an event, NULL where there is none.
 * Borrowed. */
const char *cluster_told(const struct cluster *c, const char *uid, const char **message);

#endif
