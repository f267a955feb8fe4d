/**
 * exporter: the program's metrics by name, and their text for Prometheus.
 *
 * Names follow KubeVirt's rules (kubevirt.md section 4): kubevirt_vsock_* and kubevirt_rest_client_*,
 * counters end with _total, base units. No name of a VMI and no CID is ever a label: anyone in the cluster
 * may scrape. Not thread-safe.
 */
#ifndef CONTROLLER_EXPORTER_H
#define CONTROLLER_EXPORTER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "controller/allocator.h"
#include "controller/gate.h"
#include "controller/mode.h"

struct exporter;

/** What is true at the moment of a scrape. */
struct exporter_snapshot {
	struct allocator_stats vmis;
	bool gate_open;
	enum gate_reason gate_reason;
	enum mode mode;
	const char *mode_reason; /* borrowed */
	bool takeover_wanted;
	bool policies_in_force;
	bool holding;         /* VMIs do not start before they have a CID */
	const char *write_as; /* the user to act as, "" for nobody else; borrowed */
	bool leading;
	const char *leader; /* who holds the Lease, "" where nobody or not known; borrowed */
	double view_age_s;  /* the view of VMIs is at most this old; NaN where nothing is known */
	bool vmis_synced;
	bool kubevirts_synced;
	bool settings_known;          /* some are in force, and CIDs may be given by them */
	const char *settings_refused; /* why the ConfigMap's are not in force, "": they are; borrowed */
	uint64_t events_dropped;      /* since the start */
};

/** @host: the API server's, for kubevirt_rest_client_requests_total; copied. Returns 0 or -ENOMEM. */
int exporter_create(struct exporter **out, const char *host);

/** Something happened to a VMI. */
void exporter_notice(struct exporter *e, const struct notice *n);

/** A request has ended after so many @seconds (NaN: they say nothing); @code 0: without an answer. */
void exporter_request(struct exporter *e, const char *method, int code, double seconds);

/** A list (or discovery) or a watch of @resource has to be started again. @reason: a static string. */
void exporter_restart(struct exporter *e, const char *resource, bool watch, const char *reason);

/** Brings the gauges up to date and appends the text form of all metrics. Returns 0, -EMSGSIZE, -ENOMEM. */
int exporter_write(struct exporter *e, const struct exporter_snapshot *now, struct buf *out);

void exporter_free(struct exporter *e); /* NULL is fine */

#endif
