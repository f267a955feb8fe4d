#include "apisim/exchange.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apisim/handlers.h"
#include "apisim/must.h"
#include "apisim/watch.h"

struct verb {
	enum stats_verb id;
	const char *name;
	void (*handle)(struct exchange *x); /* NULL: 404 or 405, see refuse() */
};

static const struct verb verb_other = {STATS_OTHER, "other", NULL};

static bool is(const struct exchange *x, const char *method)
{
	return strcmp(x->request->method, method) == 0;
}

static const struct verb *object_verb(struct exchange *x)
{
	static const struct verb get = {STATS_GET, "get", handle_get};
	static const struct verb update = {STATS_UPDATE, "update", handle_update};
	static const struct verb patch = {STATS_PATCH, "patch", handle_patch};
	static const struct verb remove = {STATS_DELETE, "delete", handle_delete};
	static const struct verb create = {STATS_CREATE, "create", handle_create};

	if (is(x, "GET") || (is(x, "HEAD") && x->route.resource->custom))
		return &get;
	if (is(x, "PUT"))
		return &update;
	if (is(x, "PATCH"))
		return &patch;
	if (is(x, "DELETE") && !x->route.has_subresource)
		return &remove;
	/* A custom resource's handler does not look at the name in the path. */
	if (is(x, "POST") && x->route.resource->custom && !x->route.has_subresource)
		return &create;
	return &verb_other;
}

static const struct verb *collection_verb(struct exchange *x)
{
	static const struct verb list = {STATS_LIST, "list", handle_list};
	static const struct verb watch = {STATS_WATCH, "watch", handle_watch};
	static const struct verb create = {STATS_CREATE, "create", handle_create};
	static const struct verb all = {STATS_DELETE_COLLECTION, "deletecollection",
					handle_delete_collection};
	static const struct verb update = {STATS_UPDATE, "update", handle_update};
	static const struct verb patch = {STATS_PATCH, "patch", handle_patch};
	const struct resource *r = x->route.resource;

	if (is(x, "GET") || (is(x, "HEAD") && r->custom))
		return query_true(&x->request->query, "watch") || x->route.watch ? &watch : &list;
	if (r->namespaced && !x->route.has_namespace)
		return &verb_other;
	if (is(x, "POST"))
		return &create;
	if (is(x, "DELETE") && r->namespaced)
		return &all;
	if (r->custom && is(x, "PUT"))
		return &update;
	if (r->custom && is(x, "PATCH"))
		return &patch;
	return &verb_other;
}

static const struct verb *find_verb(struct exchange *x)
{
	const struct route *r = &x->route;

	if (r->kind != ROUTE_OBJECTS)
		return &verb_other;
	if (r->watch && !is(x, "GET"))
		return &verb_other;
	return r->has_name && !r->watch ? object_verb(x) : collection_verb(x);
}

/* An object path with a method that it does not have. */
static void refuse(struct exchange *x)
{
	const struct resource *r = x->route.resource;
	struct status_details d = {.group = r->group, .kind = r->plural};
	const char *verb = is(x, "DELETE") ? "delete" : is(x, "POST") ? "create" : "";
	char message[160];

	if (!r->custom) {
		status_no_method(&x->response);
	} else if (r->namespaced && !x->route.has_namespace) {
		response_text(&x->response, 404, "404 page not found\n");
	} else {
		(void)snprintf(message, sizeof(message), "%s is not supported on resources of kind \"%s.%s\"",
			       verb, r->plural, r->group);
		status_answer(&x->response, 405, "MethodNotAllowed", message, &d);
	}
}

static bool subresource_missing(const struct exchange *x)
{
	const struct route *r = &x->route;

	return r->has_subresource && !(r->resource->status && strcmp(r->subresource, "status") == 0);
}

static bool authorized(const struct exchange *x)
{
	const char *given = x->request->authorization;

	if (x->sim->token == NULL)
		return true;
	return strncmp(given, "Bearer ", 7) == 0 && strcmp(given + 7, x->sim->token) == 0;
}

/* We speak JSON only. */
static bool acceptable(struct exchange *x)
{
	static const char *const known[] = {"application/json", "*/*", "application/*"};
	struct status_details d = {.name = NULL};
	const char *accept = x->request->accept;

	if (accept[0] == '\0')
		return true;
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (strstr(accept, known[i]) != NULL)
			return true;
	if (x->route.resource->custom)
		status_answer(
			&x->response, 406, "NotAcceptable",
			"only the following media types are accepted: application/json, application/yaml, "
			"application/vnd.kubernetes.protobuf",
			NULL);
	else
		status_answer(&x->response, 406, "NotAcceptable", "406: Not Acceptable", &d);
	return false;
}

static void dispatch(struct exchange *x, const struct verb *verb)
{
	struct response *r = &x->response;
	const struct resource *res = x->route.resource;

	if (x->request->too_large) {
		status_answer(r, 413, "RequestEntityTooLarge", "Request entity too large: limit is 3145728",
			      NULL);
		return;
	}
	if (x->route.kind == ROUTE_ADMIN) {
		handle_admin(x);
		return;
	}
	if (!authorized(x)) {
		status_answer(r, 401, "Unauthorized", "Unauthorized", NULL);
		return;
	}
	if (x->route.kind != ROUTE_OBJECTS) {
		handle_discovery(x);
		return;
	}
	if (!acceptable(x))
		return;
	if (!store_collection(&x->sim->store, res)->present) {
		response_text(r, 404, "404 page not found\n");
		return;
	}
	if (res->custom && x->route.version > 0)
		response_warn(r, "%s %s is deprecated; use %s %s", res->api_versions[x->route.version],
			      res->kind, res->api_versions[0], res->kind);
	if (subresource_missing(x))
		status_not_found(r, res, x->route.name);
	else if (verb->handle == NULL)
		refuse(x);
	else
		verb->handle(x);
}

static void send_answer(struct http_conn *c)
{
	struct exchange *x = c->data;
	struct response *r = &x->response;

	if (x->effect.drop_after || r->drop) {
		http_conn_close(c);
		return;
	}
	if (r->status < (int)ARRAY_LEN(x->sim->stats.codes))
		x->sim->stats.codes[r->status]++;
	if (r->status == 409)
		x->sim->stats.conflicts++;
	route_free(&x->route);
	http_conn_respond(c, r, &x->effect.shape);
}

void exchange_finish(struct exchange *x)
{
	if (x->conn->closing)
		return;
	if (x->effect.delay_after_ms > 0)
		http_conn_after(x->conn, x->effect.delay_after_ms, send_answer);
	else
		send_answer(x->conn);
}

static void answer_fault(struct exchange *x)
{
	static const struct {
		int code;
		const char *reason, *message;
	} known[] = {
		{400, "BadRequest", "the server rejected our request for an unknown reason"},
		{401, "Unauthorized", "Unauthorized"},
		{403, "Forbidden", "forbidden"},
		{404, "NotFound", "the server could not find the requested resource"},
		{409, "Conflict",
		 "the object has been modified; please apply your changes to the latest version and try "
		 "again"},
		{410, "Expired", "The resourceVersion for the provided list is too old."},
		{422, "Invalid", "the server rejected our request due to an error in our request"},
		{429, "TooManyRequests", "Too many requests, please try again later."},
		{500, "InternalError", "Internal error occurred"},
		{503, "ServiceUnavailable", "the server is currently unable to handle the request"},
		{504, "Timeout", "Timeout: request did not complete within the allotted timeout"},
	};
	const struct fault_effect *e = &x->effect;
	struct status_details d = {.retry_after = e->retry_after_s};
	const char *reason = e->reason;
	const char *message = e->message;

	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		if (known[i].code == e->status) {
			reason = reason != NULL ? reason : known[i].reason;
			message = message != NULL ? message : known[i].message;
		}
	}
	status_answer(&x->response, e->status, reason, message != NULL ? message : "injected",
		      e->retry_after_s > 0 ? &d : NULL);
}

static void run(struct http_conn *c)
{
	struct exchange *x = c->data;

	if (x->effect.drop_before) {
		http_conn_close(c);
		return;
	}
	if (x->effect.stall)
		return;
	response_reset(&x->response);
	x->response.no_body = is(x, "HEAD");
	x->later = false;
	if (x->effect.status != 0)
		answer_fault(x);
	else
		dispatch(x, find_verb(x));
	if (!x->later)
		exchange_finish(x);
}

void exchange_retry(struct exchange *x, uint64_t ms)
{
	x->later = true;
	http_conn_after(x->conn, ms, run);
}

static struct exchange *exchange_of(struct http_conn *c)
{
	struct exchange *x = c->data;

	if (x == NULL) {
		x = must_alloc(sizeof(*x));
		x->conn = c;
		x->sim = c->server->data;
		x->request = &c->request;
		response_init(&x->response);
		fault_effect_none(&x->effect);
		c->data = x;
	}
	return x;
}

static void on_request(struct http_conn *c)
{
	struct exchange *x = exchange_of(c);
	const struct verb *verb;
	const struct fault_effect *effect = NULL;

	route_free(&x->route);
	route_parse(&x->route, c->request.path);
	fault_effect_free(&x->effect);
	x->waited = false;
	verb = find_verb(x);
	if (x->route.kind != ROUTE_ADMIN) {
		struct fault_facts facts = {.method = c->request.method,
					    .verb = verb->name,
					    .path = c->request.path,
					    .user_agent = c->request.user_agent};

		x->sim->stats.requests[verb->id]++;
		if (!list_empty(&x->sim->faults.rules))
			effect = faults_match(&x->sim->faults, &facts);
	}
	if (effect != NULL)
		fault_effect_copy(&x->effect, effect);
	if (x->effect.delay_before_ms > 0)
		http_conn_after(c, x->effect.delay_before_ms, run);
	else
		run(c);
}

static void on_drained(struct http_conn *c)
{
	struct exchange *x = c->data;

	if (x != NULL && x->watch != NULL)
		watch_pump(x->watch);
}

static void on_close(struct http_conn *c)
{
	struct exchange *x = c->data;

	if (x != NULL && x->watch != NULL)
		watch_stop(x->watch);
}

static void on_free(struct http_conn *c)
{
	struct exchange *x = c->data;

	if (x == NULL)
		return;
	watch_free(x->watch);
	response_free(&x->response);
	route_free(&x->route);
	fault_effect_free(&x->effect);
	free(x);
}

const struct http_conn_ops exchange_ops = {
	.on_request = on_request,
	.on_drained = on_drained,
	.on_close = on_close,
	.on_free = on_free,
};
