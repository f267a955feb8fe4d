#include "controller/endpoints.h"

#define METRICS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

static int serve_metrics(void *data, const char *path, struct buf *body, const char **content_type)
{
	struct endpoints *e = data;
	struct exporter_snapshot now;

	(void)path;
	e->snapshot(e->data, &now);
	*content_type = METRICS_CONTENT_TYPE;
	return exporter_write(e->exporter, &now, body) == 0 ? 200 : 500;
}

static int serve_healthz(void *data, const char *path, struct buf *body, const char **content_type)
{
	(void)data;
	(void)path;
	(void)content_type;
	return buf_add_str(body, "ok\n") == 0 ? 200 : 500;
}

static int add_check(struct buf *body, const char *name, bool good)
{
	return buf_printf(body, good ? "[+]%s ok\n" : "[-]%s not complete\n", name);
}

static int serve_readyz(void *data, const char *path, struct buf *body, const char **content_type)
{
	struct endpoints *e = data;
	struct exporter_snapshot now;

	(void)path;
	(void)content_type;
	e->snapshot(e->data, &now);
	if (add_check(body, "list of virtualmachineinstances", now.vmis_synced) != 0 ||
	    add_check(body, "list of kubevirts", now.kubevirts_synced) != 0 ||
	    add_check(body, "settings", now.settings_known) != 0 ||
	    (now.settings_refused[0] != '\0' &&
	     buf_printf(body, "settings refused: %s\n", now.settings_refused) != 0) ||
	    buf_printf(body, "gate %s: %s\n", now.gate_open ? "open" : "closed",
		       gate_reason_text(now.gate_reason)) != 0 ||
	    buf_printf(body, "mode %s: %s\n", mode_name(now.mode), now.mode_reason) != 0 ||
	    buf_printf(body, "writes as %s\n", now.write_as[0] != '\0' ? now.write_as : "itself") != 0 ||
	    buf_printf(body, now.leading ? "leading\n" : "standby, %s leads\n",
		       now.leader[0] != '\0' ? now.leader : "nobody") != 0)
		return 500;
	return now.vmis_synced && now.kubevirts_synced && now.settings_known ? 200 : 503;
}

static int serve_leader(void *data, const char *path, struct buf *body, const char **content_type)
{
	struct endpoints *e = data;
	struct exporter_snapshot now;

	(void)path;
	e->snapshot(e->data, &now);
	*content_type = "application/json";
	return buf_printf(body, "{\"apiserver\":{\"leader\":\"%s\"}}\n", now.leading ? "true" : "false") == 0
		       ? 200
		       : 500;
}

void endpoints_routes(struct endpoints *e, struct http_server_route routes[static ENDPOINTS_COUNT])
{
	routes[0] = (struct http_server_route){"/metrics", serve_metrics, e};
	routes[1] = (struct http_server_route){"/healthz", serve_healthz, e};
	routes[2] = (struct http_server_route){"/readyz", serve_readyz, e};
	routes[3] = (struct http_server_route){"/leader", serve_leader, e};
}
