#include "controller/controller_impl.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/macros.h"
#include "base/version.h"

static const char *const versions[] = {"v1", "v1alpha3", NULL};

/* ---- what follows from it ---- */

static void on_notice(void *data, const struct notice *n)
{
	struct controller *c = data;

	exporter_notice(c->exporter, n);
	controller_mode_notice(c, n);
	/* A standby writes nothing, events included; who begins to lead tells what there is to tell. */
	c->announcer.events = controller_is_leading(c) ? c->events : NULL;
	announcer_tell(&c->announcer, n);
	if (n->kind == NOTICE_OUT_OF_MEMORY)
		c->relist = true;
}

void controller_fail(struct controller *c)
{
	c->failed = true;
	c->fenced = true;
	allocator_stop(c->allocator);
}

static void maybe_close_parts(struct controller *c);

static void on_prepare(uv_prepare_t *prepare)
{
	struct controller *c = prepare->data;

	if (!c->failed && !c->closing)
		controller_follow_settings(c);
	if (!c->failed && !c->closing)
		controller_follow_lead(c);
	if (!c->failed && !c->closing)
		controller_follow_mode(c);
	if (c->failed && !c->told) {
		c->told = true;
		c->o.failed(c->o.data, c->misconfigured);
	}
	if (c->closing)
		maybe_close_parts(c);
	if (c->failed || c->closing)
		return;
	if (c->relist) {
		c->relist = false;
		reflector_relist(c->vmis);
	}
}

/* ---- questions that the parts ask ---- */

static const char *api_version(void *data)
{
	struct controller *c = data;

	return reflector_version(c->vmis);
}

static void take_snapshot(void *data, struct exporter_snapshot *out)
{
	struct controller *c = data;
	uint64_t fresh_ms = freshness_ms(c->freshness);

	*out = (struct exporter_snapshot){
		.gate_open = c->verdict.open,
		.gate_reason = c->verdict.reason,
		.mode = mode_of(&c->mode),
		.mode_reason = c->mode_reason,
		.takeover_wanted = mode_wants_takeover(&c->mode, takeover_is_installed(c->takeover)),
		.policies_in_force = mode_policies_work(&c->mode),
		.holding = takeover_is_holding(c->takeover),
		.write_as = c->write_as,
		.leading = controller_is_leading(c),
		.leader = c->elector != NULL ? elector_holder(c->elector) : "",
		.view_age_s = fresh_ms != 0 ? (double)(clock_boot_ms() - fresh_ms) / 1000 : NAN,
		.vmis_synced = reflector_synced(c->vmis),
		.kubevirts_synced = reflector_synced(c->kubevirts),
		.events_dropped = kube_events_dropped(c->events),
		.settings_refused = settings_watch_refusal(c->settings),
		.settings_known = settings_watch_good(c->settings) || c->kubevirt_cr.namespace[0] == '\0',
	};
	allocator_stats(c->allocator, &out->vmis);
}

static void on_request(void *data, const char *method, int code, double seconds)
{
	struct controller *c = data;

	exporter_request(c->exporter, method, code, seconds);
}

/* ---- start ---- */

/* "host:port" of the server's URL. */
static void copy_host(char *out, size_t room, const char *server)
{
	const char *start = strstr(server, "://");
	size_t length;

	start = start != NULL ? start + 3 : server;
	length = strcspn(start, "/");
	(void)snprintf(out, room, "%.*s", (int)length, start);
}

static int open_core(struct controller *c, struct error *err)
{
	const struct options *o = c->o.options;
	const struct allocator_options options = {
		.range = &o->settings.cids,
		.quarantine_ms = o->settings.quarantine_ms,
		.max_in_flight = o->settings.writes_in_flight,
		.rng = &c->rng,
		.notice = on_notice,
		.data = c,
	};
	char host[256];
	int rc;

	copy_host(host, sizeof(host), c->o.config->server);
	rc = exporter_create(&c->exporter, host);
	if (rc != 0)
		return error_errno(err, rc, "metrics");
	rc = allocator_create(&c->allocator, &options);
	if (rc != 0)
		return error_errno(err, rc, "allocator");
	gate_init(&c->gate, o->feature_gate);
	c->verdict = gate_verdict(&c->gate);
	mode_init(&c->mode, o->mode);
	c->announcer.log = c->o.log;
	return 0;
}

/* The identity tells the replicas, which share one service account, apart in the server's audit log. */
static int open_client(struct controller *c, struct kube_client **out, struct error *err)
{
	char user_agent[384];
	const struct kube_client_options options = {
		.loop = c->o.loop,
		.config = c->o.config,
		.user_agent = user_agent,
		.log = c->o.log,
		.may_go_on = controller_may_go_on,
		.may_go_on_data = c,
		.observer = on_request,
		.observer_data = c,
	};

	(void)snprintf(user_agent, sizeof(user_agent), CONTROLLER_COMPONENT "/%s (%s)", version_text,
		       c->o.options->identity);
	return kube_client_open(out, &options, err);
}

static int open_reflector(struct controller *c, struct reflector **out, const char *resource,
			  const struct json_field *fields, size_t count,
			  const struct reflector_handler *handler, struct error *err)
{
	const struct reflector_options options = {
		.loop = c->o.loop,
		.client = c->client,
		.log = c->o.log,
		.rng = &c->rng,
		.group = "kubevirt.io",
		.versions = versions,
		.resource = resource,
		.streaming = true,
		.fields = fields,
		.field_count = count,
		.handler = handler,
		.handler_data = c,
	};

	return reflector_open(out, &options, err);
}

static int open_events(struct controller *c, struct error *err)
{
	const struct kube_events_options options = {
		.loop = c->o.loop,
		.client = c->client,
		.log = c->o.log,
		.component = CONTROLLER_COMPONENT,
		.instance = c->o.options->identity,
	};

	return kube_events_open(&c->events, &options, err);
}

static int open_assigner(struct controller *c, struct error *err)
{
	const struct assigner_options options = {
		.loop = c->o.loop,
		.client = c->client,
		.allocator = c->allocator,
		.version = api_version,
		.write_as = controller_write_as,
		.data = c,
	};

	return assigner_open(&c->assigner, &options, err);
}

static int open_server(struct controller *c, struct error *err)
{
	const struct options *o = c->o.options;
	const struct http_server_options options = {
		.loop = c->o.loop,
		.log = c->o.log,
		.listen = o->listen,
		.port = (uint16_t)o->port,
		.plain = o->plain_http,
		.cert_file = o->tls_cert_file,
		.key_file = o->tls_key_file,
		.routes = c->routes,
		.route_count = ENDPOINTS_COUNT,
	};

	c->endpoints = (struct endpoints){
		.exporter = c->exporter,
		.snapshot = take_snapshot,
		.data = c,
	};
	endpoints_routes(&c->endpoints, c->routes);
	return http_server_open(&c->server, &options, err);
}

/* In the order in which the parts need each other; what is open already is closed by controller_close(). */
static int open_parts(struct controller *c, struct error *err)
{
	int rc = open_core(c, err);

	if (rc == 0)
		rc = open_client(c, &c->client, err);
	if (rc == 0) /* TRN-9, T20: nothing that others wait for may hold a renewal up */
		rc = open_client(c, &c->elector_client, err);
	if (rc == 0)
		rc = open_events(c, err);
	if (rc == 0)
		rc = controller_open_settings(c, err);
	if (rc == 0)
		rc = controller_open_lead(c, err);
	if (rc == 0)
		rc = controller_open_mode(c, err);
	if (rc == 0)
		rc = open_reflector(c, &c->kubevirts, "kubevirts", kubevirt_fields, kubevirt_field_count,
				    &controller_kubevirt_handler, err);
	if (rc == 0)
		rc = open_reflector(c, &c->vmis, "virtualmachineinstances", vmi_fields, vmi_field_count,
				    &controller_vmi_handler, err);
	if (rc == 0)
		rc = open_assigner(c, err);
	if (rc == 0)
		rc = open_server(c, err);
	return rc;
}

static void ignore_close(void *data)
{
	(void)data;
}

int controller_open(struct controller **out, const struct controller_options *o, struct error *err)
{
	struct controller *c = calloc(1, sizeof(*c));
	int rc;

	if (c == NULL)
		return error_errno(err, -ENOMEM, "controller");
	c->o = *o;
	rng_init_secure(&c->rng);
	(void)uv_prepare_init(o->loop, &c->prepare);
	c->prepare.data = c;
	(void)uv_timer_init(o->loop, &c->mode_timer);
	c->mode_timer.data = c;
	rc = open_parts(c, err);
	if (rc != 0) {
		/* It is closed like any other; the loop has to run until that is done. */
		controller_close(c, ignore_close, NULL);
		return rc;
	}
	(void)uv_prepare_start(&c->prepare, on_prepare);
	*out = c;
	return 0;
}

uint16_t controller_port(const struct controller *c)
{
	return http_server_port(c->server);
}

/* ---- end ---- */

static void on_all_closed(struct controller *c)
{
	void (*cb)(void *data) = c->close_cb;
	void *data = c->close_data;

	allocator_free(c->allocator);
	exporter_free(c->exporter);
	free(c);
	cb(data);
}

static void on_prepare_closed(uv_handle_t *handle)
{
	on_all_closed(handle->data);
}

static void on_timer_closed(uv_handle_t *handle)
{
	struct controller *c = handle->data;

	uv_close((uv_handle_t *)&c->prepare, on_prepare_closed);
}

static void on_clients_closed(void *data)
{
	struct controller *c = data;

	if (--c->open_parts == 0)
		uv_close((uv_handle_t *)&c->mode_timer, on_timer_closed);
}

/* The clients last: closing the others cancels their requests. */
static void close_clients(void *data)
{
	struct controller *c = data;

	c->open_parts = 1; /* this function */
	if (c->client != NULL && ++c->open_parts)
		kube_client_close(c->client, on_clients_closed, c);
	if (c->elector_client != NULL && ++c->open_parts)
		kube_client_close(c->elector_client, on_clients_closed, c);
	on_clients_closed(c);
}

/* Then the settings, of which the allocator borrows: what closes before still answers to it. */
static void on_part_closed(void *data)
{
	struct controller *c = data;

	if (--c->open_parts > 0)
		return;
	if (c->settings != NULL)
		settings_watch_close(c->settings, close_clients, c);
	else
		close_clients(c);
}

static void close_parts(struct controller *c)
{
	c->open_parts = 1; /* this function */
	if (c->server != NULL && ++c->open_parts)
		http_server_close(c->server, on_part_closed, c);
	if (c->assigner != NULL && ++c->open_parts)
		assigner_close(c->assigner, on_part_closed, c);
	/* What the others still ask or tell while they close must not meet an elector that is gone. */
	if (c->elector != NULL && ++c->open_parts)
		elector_close(STEAL_POINTER(c->elector), on_part_closed, c);
	if (c->freshness != NULL && ++c->open_parts)
		freshness_close(c->freshness, on_part_closed, c);
	if (c->takeover != NULL && ++c->open_parts)
		takeover_close(c->takeover, on_part_closed, c);
	if (c->vmis != NULL && ++c->open_parts)
		reflector_close(c->vmis, on_part_closed, c);
	if (c->kubevirts != NULL && ++c->open_parts)
		reflector_close(c->kubevirts, on_part_closed, c);
	if (c->events != NULL && ++c->open_parts)
		kube_events_close(c->events, on_part_closed, c);
	on_part_closed(c);
}

static void on_given_up(void *data)
{
	struct controller *c = data;

	if (c->parts_closing)
		return;
	c->parts_closing = true;
	close_parts(c);
}

/* SHD-5, LE-11: writes in flight get their answers first; then the Lease goes; a controller that failed waits
 * for nothing. */
static void maybe_close_parts(struct controller *c)
{
	if (c->parts_closing)
		return;
	if (c->failed) {
		c->parts_closing = true;
		close_parts(c);
	} else if (!c->giving_up && (c->assigner == NULL || assigner_in_flight(c->assigner) == 0)) {
		c->giving_up = true;
		controller_give_up(c, on_given_up);
	}
}

void controller_close(struct controller *c, void (*cb)(void *data), void *data)
{
	assert(!c->closing);
	c->closing = true;
	c->close_cb = cb;
	c->close_data = data;
	if (c->allocator != NULL)
		allocator_stop(c->allocator);
	maybe_close_parts(c);
}
