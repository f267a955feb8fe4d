#include "controller/controller.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/version.h"
#include "controller/allocator.h"
#include "controller/announcer.h"
#include "controller/assigner.h"
#include "controller/endpoints.h"
#include "controller/exporter.h"
#include "controller/gate.h"
#include "controller/kubevirt.h"
#include "controller/term.h"
#include "http/server.h"
#include "kube/events.h"
#include "kube/reflector.h"

#define COMPONENT "vsock-cid-controller"

static const char *const versions[] = {"v1", "v1alpha3", NULL};

struct controller {
	struct controller_options o;
	struct rng rng;
	/* in: what is seen */
	struct reflector *vmis;
	struct vmi vmi; /* the one that is being read */
	struct reflector *kubevirts;
	struct kubevirt kubevirt;
	struct gate gate;
	struct term *term;
	/* the core */
	struct allocator *allocator;
	/* out: what is done and told */
	struct kube_client *client;
	struct assigner *assigner;
	struct kube_events *events;
	struct announcer announcer;
	struct exporter *exporter;
	struct endpoints endpoints;
	struct http_server_route routes[ENDPOINTS_COUNT];
	struct http_server *server;
	/* Once in each turn of the loop, outside of libcurl's callbacks: what the turn's facts call for. */
	uv_prepare_t prepare;
	struct gate_verdict verdict; /* as acted upon last; its namespace is the copy below */
	char namespace[VMI_NAMESPACE_MAX + 1];
	bool has_term;
	bool relist;   /* something could not be remembered */
	bool restored; /* the server has gone back in time */
	bool failed;
	/* the end */
	bool closing;
	bool parts_closing;
	unsigned int open_parts;
	void (*close_cb)(void *data);
	void *close_data;
};

/* ---- VMIs seen ---- */

static void vmi_on_begin(void *data)
{
	struct controller *c = data;

	vmi_begin(&c->vmi);
}

static void vmi_on_value(void *data, int field, const struct json_value *value)
{
	struct controller *c = data;

	vmi_value(&c->vmi, field, value);
}

static void vmi_on_object(void *data, enum reflector_event event, const char *rv)
{
	struct controller *c = data;
	uint64_t now_ms = clock_boot_ms();

	if (strlen(rv) < sizeof(c->vmi.resource_version))
		memcpy(c->vmi.resource_version, rv, strlen(rv) + 1);
	vmi_end(&c->vmi);
	if (event == REFLECTOR_DELETED)
		allocator_vmi_gone(c->allocator, &c->vmi, now_ms);
	else
		allocator_vmi_seen(c->allocator, &c->vmi, event == REFLECTOR_LISTED, now_ms);
}

static void vmi_on_list_started(void *data)
{
	struct controller *c = data;

	allocator_list_started(c->allocator);
}

static void vmi_on_list_done(void *data, const char *rv)
{
	struct controller *c = data;

	allocator_list_done(c->allocator, rv, clock_boot_ms());
}

static void vmi_on_restarted(void *data, bool watch, enum reflector_restart reason)
{
	struct controller *c = data;

	exporter_restart(c->exporter, "virtualmachineinstances", watch, reflector_restart_name(reason));
}

static void on_rewound(void *data, const char *before, const char *now)
{
	struct controller *c = data;

	log_error(c->o.log,
		  "the API server has gone back from resourceVersion %s to %s, as after a restore from a "
		  "backup",
		  before, now);
	allocator_stop(c->allocator);
	c->restored = true;
}

static const struct reflector_handler vmi_handler = {
	.begin = vmi_on_begin,
	.value = vmi_on_value,
	.object = vmi_on_object,
	.list_started = vmi_on_list_started,
	.list_done = vmi_on_list_done,
	.rewound = on_rewound,
	.restarted = vmi_on_restarted,
};

/* ---- KubeVirt CRs seen ---- */

/* What the CRs mean now. Only what needs no request, for this runs inside libcurl; the rest follows in
 * on_prepare(). */
static void follow_gate(struct controller *c)
{
	struct gate_verdict verdict = gate_verdict(&c->gate);

	if (verdict.open != c->verdict.open || verdict.reason != c->verdict.reason)
		log_info(c->o.log, "the gate is %s: %s", verdict.open ? "open" : "closed", verdict.reason);
	allocator_set_gate(c->allocator, verdict.open);
	c->verdict.open = verdict.open;
	c->verdict.reason = verdict.reason;
	if (strcmp(verdict.namespace, c->namespace) == 0)
		return;
	/* The Lease lives where the KubeVirt CR does; the term of another namespace's counts for nothing
	 * there. */
	(void)snprintf(c->namespace, sizeof(c->namespace), "%s", verdict.namespace);
	c->has_term = false;
	allocator_clear_term(c->allocator);
}

static void kubevirt_on_begin(void *data)
{
	struct controller *c = data;

	kubevirt_begin(&c->kubevirt);
}

static void kubevirt_on_value(void *data, int field, const struct json_value *value)
{
	struct controller *c = data;

	kubevirt_value(&c->kubevirt, field, value);
}

static void kubevirt_on_object(void *data, enum reflector_event event, const char *rv)
{
	struct controller *c = data;

	(void)rv;
	if (c->kubevirt.unreadable != NULL)
		log_about(c->o.log, LOG_LEVEL_WARNING,
			  (&(struct log_object){.kind = "KubeVirt",
						.namespace = c->kubevirt.namespace,
						.name = c->kubevirt.name}),
			  NULL, "%s is not as the API promises and counts as empty", c->kubevirt.unreadable);
	if (c->kubevirt.namespace[0] == '\0' || c->kubevirt.name[0] == '\0')
		return;
	if (event == REFLECTOR_DELETED)
		gate_cr_gone(&c->gate, &c->kubevirt);
	else
		gate_cr_seen(&c->gate, &c->kubevirt, event == REFLECTOR_LISTED);
	follow_gate(c);
}

static void kubevirt_on_list_started(void *data)
{
	struct controller *c = data;

	gate_list_started(&c->gate);
}

static void kubevirt_on_list_done(void *data, const char *rv)
{
	struct controller *c = data;

	(void)rv;
	gate_list_done(&c->gate);
	follow_gate(c);
}

static void kubevirt_on_restarted(void *data, bool watch, enum reflector_restart reason)
{
	struct controller *c = data;

	exporter_restart(c->exporter, "kubevirts", watch, reflector_restart_name(reason));
}

static const struct reflector_handler kubevirt_handler = {
	.begin = kubevirt_on_begin,
	.value = kubevirt_on_value,
	.object = kubevirt_on_object,
	.list_started = kubevirt_on_list_started,
	.list_done = kubevirt_on_list_done,
	.rewound = on_rewound,
	.restarted = kubevirt_on_restarted,
};

/* ---- what follows from it ---- */

static void on_notice(void *data, const struct notice *n)
{
	struct controller *c = data;

	exporter_notice(c->exporter, n);
	announcer_tell(&c->announcer, n);
	if (n->kind == NOTICE_OUT_OF_MEMORY)
		c->relist = true;
}

static void on_raised(void *data, uint32_t value)
{
	struct controller *c = data;

	c->has_term = true;
	allocator_set_term(c->allocator, value);
	allocator_set_right(c->allocator, UINT64_MAX);
}

static void maybe_close_parts(struct controller *c);

static void on_prepare(uv_prepare_t *prepare)
{
	struct controller *c = prepare->data;

	if (c->closing) {
		maybe_close_parts(c);
		return;
	}
	if (c->restored && !c->failed) {
		c->failed = true;
		c->o.failed(c->o.data);
		return;
	}
	/* I3: a term is raised only with complete caches. */
	if (reflector_synced(c->vmis))
		term_want(c->term, c->namespace);
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

	*out = (struct exporter_snapshot){
		.gate_open = c->verdict.open,
		.has_term = c->has_term,
		.vmis_synced = reflector_synced(c->vmis),
		.kubevirts_synced = reflector_synced(c->kubevirts),
		.events_dropped = kube_events_dropped(c->events),
	};
	allocator_stats(c->allocator, &out->vmis);
}

static const char *gate_reason(void *data)
{
	struct controller *c = data;

	return c->verdict.reason;
}

static void on_request(void *data, const char *method, int code, double seconds)
{
	struct controller *c = data;

	(void)seconds;
	exporter_request(c->exporter, method, code);
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
		.range = &o->cids,
		.quarantine_ms = o->quarantine_ms,
		.max_in_flight = o->writes_in_flight,
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
	c->announcer.log = c->o.log;
	return 0;
}

static int open_client(struct controller *c, struct error *err)
{
	char user_agent[128];
	const struct kube_client_options options = {
		.loop = c->o.loop,
		.config = c->o.config,
		.user_agent = user_agent,
		.log = c->o.log,
		.observer = on_request,
		.observer_data = c,
	};

	(void)snprintf(user_agent, sizeof(user_agent), COMPONENT "/%s", version_text);
	return kube_client_open(&c->client, &options, err);
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
		.fields = fields,
		.field_count = count,
		.handler = handler,
		.handler_data = c,
	};

	return reflector_open(out, &options, err);
}

static int open_term(struct controller *c, struct error *err)
{
	const struct term_options options = {
		.loop = c->o.loop,
		.client = c->client,
		.log = c->o.log,
		.rng = &c->rng,
		.lease_name = c->o.options->lease_name,
		.identity = c->o.options->identity,
		.raised = on_raised,
		.data = c,
	};

	return term_open(&c->term, &options, err);
}

static int open_events(struct controller *c, struct error *err)
{
	const struct kube_events_options options = {
		.loop = c->o.loop,
		.client = c->client,
		.log = c->o.log,
		.component = COMPONENT,
		.instance = c->o.options->identity,
	};
	int rc = kube_events_open(&c->events, &options, err);

	c->announcer.events = c->events;
	return rc;
}

static int open_assigner(struct controller *c, struct error *err)
{
	const struct assigner_options options = {
		.loop = c->o.loop,
		.client = c->client,
		.allocator = c->allocator,
		.max_in_flight = c->o.options->writes_in_flight,
		.version = api_version,
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
		.gate_reason = gate_reason,
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
		rc = open_client(c, err);
	if (rc == 0)
		rc = open_events(c, err);
	if (rc == 0)
		rc = open_reflector(c, &c->kubevirts, "kubevirts", kubevirt_fields, kubevirt_field_count,
				    &kubevirt_handler, err);
	if (rc == 0)
		rc = open_reflector(c, &c->vmis, "virtualmachineinstances", vmi_fields, vmi_field_count,
				    &vmi_handler, err);
	if (rc == 0)
		rc = open_term(c, err);
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

static void on_client_closed(void *data)
{
	struct controller *c = data;

	uv_close((uv_handle_t *)&c->prepare, on_prepare_closed);
}

/* The client last: closing the others cancels their requests. */
static void on_part_closed(void *data)
{
	struct controller *c = data;

	if (--c->open_parts > 0)
		return;
	if (c->client != NULL)
		kube_client_close(c->client, on_client_closed, c);
	else
		on_client_closed(c);
}

static void close_parts(struct controller *c)
{
	c->open_parts = 1; /* this function */
	if (c->server != NULL && ++c->open_parts)
		http_server_close(c->server, on_part_closed, c);
	if (c->assigner != NULL && ++c->open_parts)
		assigner_close(c->assigner, on_part_closed, c);
	if (c->term != NULL && ++c->open_parts)
		term_close(c->term, on_part_closed, c);
	if (c->vmis != NULL && ++c->open_parts)
		reflector_close(c->vmis, on_part_closed, c);
	if (c->kubevirts != NULL && ++c->open_parts)
		reflector_close(c->kubevirts, on_part_closed, c);
	if (c->events != NULL && ++c->open_parts)
		kube_events_close(c->events, on_part_closed, c);
	on_part_closed(c);
}

/* SHD-5: writes in flight get their answers first. */
static void maybe_close_parts(struct controller *c)
{
	if (c->parts_closing || (c->assigner != NULL && assigner_in_flight(c->assigner) > 0))
		return;
	c->parts_closing = true;
	close_parts(c);
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
