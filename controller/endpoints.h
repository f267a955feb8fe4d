/**
 * endpoints: the answers of the HTTP server, made from a snapshot that the controller provides.
 *
 * - /metrics: Prometheus text.
 * - /healthz: 200 while the loop turns, of which the answer is the proof. It does not depend on the API
 * server, or an outage of that would restart every replica (HLT-3).
 * - /readyz: 200 once both caches are complete, on a standby too, else 503; the body says what is missing.
 * - /leader: always 200, as KubeVirt's components answer: {"apiserver":{"leader":"true"}}.
 */
#ifndef CONTROLLER_ENDPOINTS_H
#define CONTROLLER_ENDPOINTS_H

#include <stddef.h>

#include "controller/exporter.h"
#include "http/server.h"

struct endpoints {
	struct exporter *exporter;
	void (*snapshot)(void *data, struct exporter_snapshot *out);
	void *data;
};

#define ENDPOINTS_COUNT 4

/** Fills @routes with handlers on @e, which must outlive the server. */
void endpoints_routes(struct endpoints *e, struct http_server_route routes[static ENDPOINTS_COUNT]);

#endif
