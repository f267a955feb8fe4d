#include "controller/exporter.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "base/version.h"
#include "metrics/process.h"
#include "metrics/registry.h"

#define LABELS(...) ((const char *const[]){__VA_ARGS__, NULL})

/* One gauge or counter each, in the order in which they are shown. */
enum plain_metric {
	IN_USE,
	AVAILABLE,
	QUARANTINED,
	DUPLICATES,
	TRACKED,
	WAITING,
	INVALID,
	OUTSIDE,
	MISSED,
	UNREADABLE,
	IN_FLIGHT,
	STARVING,
	STRIPE_SIZE,
	STRIPE_USED,
	GATE,
	WANTED,
	POLICIES,
	HOLDING,
	LEADING,
	VIEW_AGE,
	FOREIGN_WRITES,
	UNREADABLE_OBJECTS,
	SETTINGS_REFUSED,
	EVENTS_DROPPED,
	PLAIN_COUNT,
};

static const struct metrics_spec plain_specs[PLAIN_COUNT] = {
	[IN_USE] = {"kubevirt_vsock_cids_in_use", "CIDs that at least one VMI holds.", METRICS_GAUGE, NULL,
		    NULL, 0},
	[AVAILABLE] = {"kubevirt_vsock_cids_available", "CIDs of the whole range that can be given.",
		       METRICS_GAUGE, NULL, NULL, 0},
	[QUARANTINED] = {"kubevirt_vsock_cids_quarantined", "CIDs that rest after their last VMI has gone.",
			 METRICS_GAUGE, NULL, NULL, 0},
	[DUPLICATES] = {"kubevirt_vsock_duplicate_cids", "CIDs that the status of more than one VMI shows.",
			METRICS_GAUGE, NULL, NULL, 0},
	[TRACKED] = {"kubevirt_vsock_vmis", "VMIs that want vsock or hold a CID.", METRICS_GAUGE, NULL, NULL,
		     0},
	[WAITING] = {"kubevirt_vsock_waiting_vmis", "VMIs that are to be given a CID and have none yet.",
		     METRICS_GAUGE, NULL, NULL, 0},
	[INVALID] = {"kubevirt_vsock_invalid_vmis",
		     "VMIs whose CID is reserved: 0, 1, 2 or 4294967295. It works in no VM.", METRICS_GAUGE,
		     NULL, NULL, 0},
	[OUTSIDE] =
		{"kubevirt_vsock_outside_range_vmis",
		 "VMIs whose CID is excluded or outside of the configured range, as others may give them.",
		 METRICS_GAUGE, NULL, NULL, 0},
	[MISSED] =
		{"kubevirt_vsock_missed_vmis",
		 "Live VMIs that started without a CID and so have no vsock device until they are restarted.",
		 METRICS_GAUGE, NULL, NULL, 0},
	[UNREADABLE] = {"kubevirt_vsock_unreadable_vmis",
			"VMIs with a field that is not as the API promises.", METRICS_GAUGE, NULL, NULL, 0},
	[STARVING] = {"kubevirt_vsock_starving_vmis",
		      "VMIs that wait until the Lease's term has been raised, because its stripe is used up.",
		      METRICS_GAUGE, NULL, NULL, 0},
	[STRIPE_SIZE] = {"kubevirt_vsock_stripe_cids",
			 "CIDs of the stripe that this process gives CIDs from; 0 while it does not lead.",
			 METRICS_GAUGE, NULL, NULL, 0},
	[STRIPE_USED] = {"kubevirt_vsock_stripe_used_cids",
			 "And how many of them are in use, resting or excluded.", METRICS_GAUGE, NULL, NULL,
			 0},
	[IN_FLIGHT] = {"kubevirt_vsock_requests_in_flight",
		       "Requests about single VMIs that have no answer yet.", METRICS_GAUGE, NULL, NULL, 0},
	[GATE] = {"kubevirt_vsock_feature_gate_enabled",
		  "1 while CIDs may be given, by the feature gate or its override.", METRICS_GAUGE, NULL,
		  NULL, 0},
	[WANTED] = {"kubevirt_vsock_takeover_wanted_status",
		    "1 where mode takeover is asked for, or one of its policies is installed.", METRICS_GAUGE,
		    NULL, NULL, 0},
	[POLICIES] = {"kubevirt_vsock_policies_in_force",
		      "1 while the three admission policies of mode takeover are all in force.",
		      METRICS_GAUGE, NULL, NULL, 0},
	[HOLDING] = {"kubevirt_vsock_holding_status",
		     "1 while the admission policy keeps VMIs without a CID from starting.", METRICS_GAUGE,
		     NULL, NULL, 0},
	[LEADING] = {"kubevirt_vsock_leading_status", "1 while this process holds the Lease and may write.",
		     METRICS_GAUGE, NULL, NULL, 0},
	[VIEW_AGE] = {"kubevirt_vsock_cache_age_seconds",
		      "Greatest age that the view of the VMIs can have, by consistent reads.", METRICS_GAUGE,
		      NULL, NULL, 0},
	[FOREIGN_WRITES] = {"kubevirt_vsock_foreign_writes_total",
			    "CIDs that were set, changed or removed by somebody else.", METRICS_COUNTER, NULL,
			    NULL, 0},
	[UNREADABLE_OBJECTS] = {"kubevirt_vsock_unreadable_objects_total",
				"Looks at objects with a field that is not as the API promises.",
				METRICS_COUNTER, NULL, NULL, 0},
	[SETTINGS_REFUSED] =
		{"kubevirt_vsock_settings_refused_status",
		 "1 while the settings of the ConfigMap are wrong or cannot be read, and not in force.",
		 METRICS_GAUGE, NULL, NULL, 0},
	[EVENTS_DROPPED] = {"kubevirt_vsock_events_dropped_total",
			    "Events that were given up or were too many.", METRICS_COUNTER, NULL, NULL, 0},
};

/* Label values of kubevirt_vsock_allocations_total; notices without one are no outcome of a try. */
static const char *const result_names[NOTICE_COUNT] = {
	[NOTICE_ASSIGNED] = "assigned",   [NOTICE_REVERTED] = "reverted",   [NOTICE_REFUSED] = "refused",
	[NOTICE_OVERTAKEN] = "overtaken", [NOTICE_UNKNOWN] = "unknown",     [NOTICE_THROTTLED] = "throttled",
	[NOTICE_VANISHED] = "vanished",   [NOTICE_EXHAUSTED] = "exhausted",
};

static const double duration_buckets[] = {0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5,
					  1,     2.5,  5,     10,   30,  60,   300};

/* Requests end after 30 s at the latest. */
static const double latency_buckets[] = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
					 0.25,  0.5,    1,     2.5,  5,     10,   30};

struct exporter {
	struct metrics_registry *registry;
	struct process_metrics process;
	struct metrics_series *plain[PLAIN_COUNT];
	struct metrics_family *allocations;
	struct metrics_series *duration;
	struct metrics_family *list_restarts;
	struct metrics_family *watch_restarts;
	struct metrics_family *synced;
	struct metrics_family *modes;
	struct metrics_family *gate_reasons;
	struct metrics_family *requests;
	struct metrics_family *latency;
	char *host;
};

static struct metrics_family *declare(struct exporter *e, const char *name, const char *help,
				      enum metrics_type type, const char *const *labels)
{
	const struct metrics_spec spec = {.name = name, .help = help, .type = type, .labels = labels};

	return metrics_declare(e->registry, &spec);
}

static bool declare_all(struct exporter *e)
{
	static const struct metrics_spec duration = {
		.name = "kubevirt_vsock_assignment_duration_seconds",
		.help = "Time from the first sight of a VMI that needs a CID to its verified assignment.",
		.type = METRICS_HISTOGRAM,
		.buckets = duration_buckets,
		.bucket_count = ARRAY_LEN(duration_buckets),
	};
	static const char *const method[] = {"method", NULL};
	static const struct metrics_spec latency = {
		.name = "kubevirt_rest_client_request_latency_seconds",
		.help = "Time of requests to the API server; lists and watches, which are streamed, are left "
			"out.",
		.type = METRICS_HISTOGRAM,
		.labels = method,
		.buckets = latency_buckets,
		.bucket_count = ARRAY_LEN(latency_buckets),
	};
	static const char *const result[] = {"result", NULL};
	static const char *const restart[] = {"resource", "reason", NULL};
	static const char *const resource[] = {"resource", NULL};
	static const char *const request[] = {"code", "method", "host", NULL};
	static const char *const version[] = {"version", NULL};
	static const char *const mode[] = {"mode", NULL};
	static const char *const reason[] = {"reason", NULL};
	struct metrics_family *build = declare(e, "kubevirt_vsock_build_info",
					       "The version that runs; always 1.", METRICS_GAUGE, version);
	struct metrics_family *histogram = metrics_declare(e->registry, &duration);

	for (int i = 0; i < PLAIN_COUNT; i++) {
		struct metrics_family *f = metrics_declare(e->registry, &plain_specs[i]);

		if (f == NULL)
			return false;
		e->plain[i] = metrics_series(f, NULL);
	}
	e->allocations = declare(e, "kubevirt_vsock_allocations_total",
				 "Tries to give a VMI a CID, by outcome.", METRICS_COUNTER, result);
	e->list_restarts = declare(e, "kubevirt_vsock_list_restarts_total",
				   "Lists that had to be started again.", METRICS_COUNTER, restart);
	e->watch_restarts = declare(e, "kubevirt_vsock_watch_restarts_total",
				    "Watches that had to be started again.", METRICS_COUNTER, restart);
	e->synced = declare(e, "kubevirt_vsock_cache_synced",
			    "1 once the first list of a resource was complete.", METRICS_GAUGE, resource);
	e->modes = declare(e, "kubevirt_vsock_mode", "1 for the mode in force, 0 for the others.",
			   METRICS_GAUGE, mode);
	e->gate_reasons = declare(e, "kubevirt_vsock_feature_gate_reason",
				  "1 for why CIDs may be given or not, 0 for the other reasons.",
				  METRICS_GAUGE, reason);
	e->requests =
		declare(e, "kubevirt_rest_client_requests_total",
			"Requests to the API server, by status code and method.", METRICS_COUNTER, request);
	e->latency = metrics_declare(e->registry, &latency);
	if (build == NULL || histogram == NULL || e->latency == NULL || e->allocations == NULL ||
	    e->list_restarts == NULL || e->watch_restarts == NULL || e->synced == NULL ||
	    e->requests == NULL || e->modes == NULL || e->gate_reasons == NULL)
		return false;
	metrics_set(metrics_series(build, LABELS(version_text)), 1);
	e->duration = metrics_series(histogram, NULL);
	for (int i = 0; i < NOTICE_COUNT; i++)
		if (result_names[i] != NULL)
			(void)metrics_series(e->allocations, LABELS(result_names[i]));
	return process_metrics_init(&e->process, e->registry) == 0;
}

int exporter_create(struct exporter **out, const char *host)
{
	struct exporter *e = calloc(1, sizeof(*e));

	if (e == NULL)
		return -ENOMEM;
	e->host = strdup(host);
	if (e->host == NULL || metrics_registry_create(&e->registry) != 0 || !declare_all(e)) {
		exporter_free(e);
		return -ENOMEM;
	}
	*out = e;
	return 0;
}

void exporter_free(struct exporter *e)
{
	if (e == NULL)
		return;
	metrics_registry_free(e->registry);
	free(e->host);
	free(e);
}

void exporter_notice(struct exporter *e, const struct notice *n)
{
	if (result_names[n->kind] != NULL)
		metrics_add(metrics_series(e->allocations, LABELS(result_names[n->kind])), 1);
	if (n->kind == NOTICE_ASSIGNED)
		metrics_observe(e->duration, (double)n->waited_ms / 1000);
	if (n->kind == NOTICE_FOREIGN)
		metrics_add(e->plain[FOREIGN_WRITES], 1);
	if (n->kind == NOTICE_UNREADABLE)
		metrics_add(e->plain[UNREADABLE_OBJECTS], 1);
}

void exporter_request(struct exporter *e, const char *method, int code, double seconds)
{
	char text[16] = "<error>";

	if (code != 0)
		(void)snprintf(text, sizeof(text), "%d", code);
	metrics_add(metrics_series(e->requests, LABELS(text, method, e->host)), 1);
	if (!isnan(seconds))
		metrics_observe(metrics_series(e->latency, LABELS(method)), seconds);
}

void exporter_restart(struct exporter *e, const char *resource, bool watch, const char *reason)
{
	metrics_add(metrics_series(watch ? e->watch_restarts : e->list_restarts, LABELS(resource, reason)),
		    1);
}

static void write_states(struct exporter *e, const struct exporter_snapshot *now)
{
	for (int i = 0; i < MODE_COUNT; i++)
		metrics_set(metrics_series(e->modes, LABELS(mode_name((enum mode)i))), (int)now->mode == i);
	for (int i = 0; i < GATE_REASONS; i++)
		metrics_set(metrics_series(e->gate_reasons, LABELS(gate_reason_name((enum gate_reason)i))),
			    (int)now->gate_reason == i);
}

int exporter_write(struct exporter *e, const struct exporter_snapshot *now, struct buf *out)
{
	const struct allocator_stats *vmis = &now->vmis;
	const double values[PLAIN_COUNT] = {
		[IN_USE] = (double)vmis->in_use,
		[AVAILABLE] = (double)vmis->available,
		[QUARANTINED] = (double)vmis->quarantined,
		[DUPLICATES] = (double)vmis->duplicates,
		[TRACKED] = (double)vmis->tracked,
		[WAITING] = (double)vmis->waiting,
		[INVALID] = (double)vmis->invalid,
		[OUTSIDE] = (double)vmis->outside,
		[MISSED] = (double)vmis->missed,
		[UNREADABLE] = (double)vmis->unreadable,
		[IN_FLIGHT] = (double)vmis->in_flight,
		[STARVING] = (double)vmis->starving,
		[STRIPE_SIZE] = (double)vmis->stripe_size,
		[STRIPE_USED] = (double)vmis->stripe_used,
		[GATE] = now->gate_open,
		[WANTED] = now->takeover_wanted,
		[POLICIES] = now->policies_in_force,
		[HOLDING] = now->holding,
		[LEADING] = now->leading,
		[VIEW_AGE] = now->view_age_s,
		[SETTINGS_REFUSED] = (double)(now->settings_refused[0] != '\0'),
		[EVENTS_DROPPED] = (double)now->events_dropped,
	};

	for (int i = 0; i < PLAIN_COUNT; i++)
		if (i != FOREIGN_WRITES && i != UNREADABLE_OBJECTS)
			metrics_set(e->plain[i], values[i]);
	metrics_set(metrics_series(e->synced, LABELS("virtualmachineinstances")), now->vmis_synced);
	metrics_set(metrics_series(e->synced, LABELS("kubevirts")), now->kubevirts_synced);
	write_states(e, now);
	process_metrics_refresh(&e->process);
	return metrics_write(e->registry, out);
}
