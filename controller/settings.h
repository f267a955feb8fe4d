/**
 * settings: what may change while the program runs: which CIDs may be given, how long they rest, how many
 * writes are under way.
 *
 * Each setting is a command line option (option_rule.h, live) and may be overridden by a key of the same name
 * in a ConfigMap (settings_watch.h). Over many clusters CIDs stay unique by *parts*: cluster-count splits
 * cid-min..cid-max into contiguous parts, nearly equal in size, and cluster-index says which one is given
 * here. Pure.
 */
#ifndef CONTROLLER_SETTINGS_H
#define CONTROLLER_SETTINGS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "cid/range.h"

/** Fewest CIDs that may be given by one controller, before exclusions (DESIGN "Term stripes"): 32 a stripe.
 */
#define SETTINGS_MIN_CIDS (1u << 20)

/** The ConfigMap's name, in KubeVirt's namespace. */
#define SETTINGS_CONFIGMAP "vsock-cid-controller"

/** As written; each by itself is good. */
struct settings_values {
	uint32_t cid_min;
	uint32_t cid_max;
	struct cid_exclusions excluded;
	uint32_t cluster_count;  /* 1: no other cluster is known */
	uint32_t cluster_number; /* cluster-index + 1; 0: it is not given */
	uint32_t quarantine_ms;
	uint32_t writes_in_flight; /* 1 .. ALLOCATOR_MAX_IN_FLIGHT */
};

/** What they mean. The range belongs to the struct. */
struct settings {
	struct cid_range cids; /* of this cluster's part, without what is excluded */
	uint32_t quarantine_ms;
	uint32_t writes_in_flight;
};

/** What @v means; on success give @out to settings_free(). Returns 0, -EINVAL (err names the settings that do
 * not go together), -ENOMEM. */
int settings_resolve(struct settings *out, const struct settings_values *v, struct error *err);
void settings_free(struct settings *s); /* a zeroed one is fine */

/** Takes over the value @text of setting @key. White space around it does not count; in a list it separates
 * like a comma, and an empty list is one. Returns 0, -EINVAL (err begins with the key), -ENOMEM. */
int settings_set(struct settings_values *v, const char *key, const char *text, struct error *err);

/** The same with all members of @data, the object of a ConfigMap. A failure leaves some of them set. */
int settings_set_all(struct settings_values *v, const json_t *data, struct error *err);

bool settings_equal(const struct settings *x, const struct settings *y);

/** Appends what people want to know: "CIDs 3-2147483647, quarantine ...". Returns 0, -EMSGSIZE, -ENOMEM. */
int settings_describe(const struct settings *s, struct buf *out);

#endif
