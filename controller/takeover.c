#include "controller/takeover.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/backoff.h"
#include "base/clock.h"
#include "base/macros.h"
#include "controller/policy.h"
#include "controller/refusals.h"
#include "controller/vmi.h"

#define RETRY_INITIAL_MS 1000
#define RETRY_MAX_MS     60000

/* After so long without a write somebody else may change the hold as if for the first time. */
#define CALM_MS 300000

/* So long a write that was carried out may take to show in the watch, before it is done again. */
#define WATCH_PATIENCE_MS 60000

enum field { FIELD_NAME, FIELD_SPEC, FIELD_HOLD };

static const struct json_field policy_fields[] = {
	{FIELD_NAME, (const char *const[]){"metadata", "name", NULL}},
	{FIELD_SPEC, (const char *const[]){"spec", JSON_WHOLE, NULL}},
};

static const struct json_field parameter_fields[] = {
	{FIELD_NAME, (const char *const[]){"metadata", "name", NULL}},
	{FIELD_HOLD, (const char *const[]){"data", "hold", NULL}},
};

/* One kind of policy objects. */
struct collection {
	struct takeover *owner;
	enum policy_resource resource;
	struct reflector *reflector;
	struct refusals refusals;
	/* Of the object that is being read. */
	enum policy_object object;
	char *spec; /* NULL: none that can be read */
	size_t spec_len;
};

/* The ConfigMap. */
struct parameter {
	struct reflector *reflector; /* NULL before its namespace is known */
	bool known;                  /* listed, or it cannot be read */
	bool unreadable;
	bool there;
	bool closed; /* its hold is "on" */
	struct refusals refusals;
	/* Of the object, and of the list, that is being read. */
	bool named;
	bool says_on;
	bool listed;
};

struct takeover {
	struct takeover_options options;
	struct policy_set *policies;
	struct collection collections[POLICY_RESOURCES];
	struct parameter parameter;
	char namespace[VMI_NAMESPACE_MAX + 1];
	/* The write. */
	struct kube_call call;
	char path[256];
	bool calling;
	bool writes_closed; /* what the last write says */
	bool written;       /* it was carried out */
	bool shown;         /* the watch has shown it since */
	bool failing;
	bool told_fight; /* that somebody else writes it too */
	struct backoff backoff;
	uint64_t wrote_ms; /* 0: never */
	uint64_t retry_ms; /* the same is not written again before */
	uv_timer_t timer;  /* wakes the loop then */
	/* The end. */
	bool closing;
	unsigned int open_parts;
	void (*close_cb)(void *data);
	void *close_data;
};

/* ---- policies ---- */

static void policy_on_begin(void *data)
{
	struct collection *c = data;

	c->object = POLICY_OBJECTS;
	free(STEAL_POINTER(c->spec));
	c->spec_len = 0;
}

static void policy_on_value(void *data, int field, const struct json_value *value)
{
	struct collection *c = data;

	if (field == FIELD_NAME && value->kind == JSON_VALUE_STRING && !value->cut)
		c->object = policy_find(c->resource, value->text);
	if (field != FIELD_SPEC)
		return;
	free(STEAL_POINTER(c->spec));
	c->spec = value->kind == JSON_VALUE_OBJECT && !value->cut ? strndup(value->text, value->len) : NULL;
	c->spec_len = c->spec != NULL ? value->len : 0;
}

static void policy_on_object(void *data, enum reflector_event event, const char *rv)
{
	struct collection *c = data;
	const char *spec = c->spec != NULL ? c->spec : "";

	(void)rv;
	if (c->object != POLICY_OBJECTS)
		policy_set_seen(c->owner->policies, c->object, event == REFLECTOR_DELETED ? NULL : spec,
				c->spec_len);
}

static void policy_on_list_started(void *data)
{
	struct collection *c = data;

	policy_set_list_started(c->owner->policies, c->resource);
}

static void policy_on_list_done(void *data, const char *rv)
{
	struct collection *c = data;

	(void)rv;
	refusals_listed(&c->refusals);
	policy_set_list_done(c->owner->policies, c->resource);
}

static void policy_on_restarted(void *data, bool watch, enum reflector_restart reason)
{
	struct collection *c = data;
	const struct takeover_options *o = &c->owner->options;

	if (refusals_add(&c->refusals, watch, reason, o->patience_ms, clock_boot_ms()))
		policy_set_unreadable(c->owner->policies, c->resource, reason == REFLECTOR_RESTART_FORBIDDEN);
	o->restarted(o->data, policy_resource_name(c->resource), watch, reason);
}

static const struct reflector_handler policy_handler = {
	.begin = policy_on_begin,
	.value = policy_on_value,
	.object = policy_on_object,
	.list_started = policy_on_list_started,
	.list_done = policy_on_list_done,
	.restarted = policy_on_restarted,
};

/* ---- the parameter ---- */

static void parameter_on_begin(void *data)
{
	struct takeover *t = data;

	t->parameter.named = t->parameter.says_on = false;
}

static void parameter_on_value(void *data, int field, const struct json_value *value)
{
	struct takeover *t = data;
	bool text = value->kind == JSON_VALUE_STRING;

	if (field == FIELD_NAME)
		t->parameter.named = text && strcmp(value->text, POLICY_PARAMETER) == 0;
	if (field == FIELD_HOLD)
		t->parameter.says_on = text && strcmp(value->text, "on") == 0;
}

static void parameter_on_object(void *data, enum reflector_event event, const char *rv)
{
	struct takeover *t = data;
	struct parameter *p = &t->parameter;

	(void)rv;
	if (!p->named)
		return;
	p->listed = true;
	p->there = event != REFLECTOR_DELETED;
	p->closed = p->there && p->says_on;
	t->shown = t->shown || p->closed == t->writes_closed;
}

static void parameter_on_list_started(void *data)
{
	struct takeover *t = data;

	t->parameter.listed = false;
}

static void parameter_on_list_done(void *data, const char *rv)
{
	struct parameter *p = &((struct takeover *)data)->parameter;

	(void)rv;
	p->known = true;
	p->unreadable = false;
	refusals_listed(&p->refusals);
	p->there = p->there && p->listed;
	p->closed = p->there && p->closed;
}

static void parameter_on_restarted(void *data, bool watch, enum reflector_restart reason)
{
	struct takeover *t = data;

	/* What it said last may still be so: a hold that is closed has to be opened before it is forgotten.
	 */
	if (refusals_add(&t->parameter.refusals, watch, reason, t->options.patience_ms, clock_boot_ms()))
		t->parameter.known = t->parameter.unreadable = true;
	t->options.restarted(t->options.data, "configmaps", watch, reason);
}

static const struct reflector_handler parameter_handler = {
	.begin = parameter_on_begin,
	.value = parameter_on_value,
	.object = parameter_on_object,
	.list_started = parameter_on_list_started,
	.list_done = parameter_on_list_done,
	.restarted = parameter_on_restarted,
};

void takeover_set_namespace(struct takeover *t, const char *namespace, struct error *err)
{
	static const char *const versions[] = {"v1", NULL};

	if (t->parameter.reflector != NULL || namespace[0] == '\0' || t->closing)
		return;
	(void)snprintf(t->namespace, sizeof(t->namespace), "%s", namespace);
	policy_set_namespace(t->policies, namespace);
	(void)reflector_open(&t->parameter.reflector,
			     &(struct reflector_options){
				     .loop = t->options.loop,
				     .client = t->options.client,
				     .log = t->options.log,
				     .rng = t->options.rng,
				     .group = "",
				     .versions = versions,
				     .resource = "configmaps",
				     .namespace = t->namespace,
				     .name = POLICY_PARAMETER,
				     .fields = parameter_fields,
				     .field_count = ARRAY_LEN(parameter_fields),
				     .handler = &parameter_handler,
				     .handler_data = t,
			     },
			     err);
}

/* ---- what is known ---- */

enum mode_policies takeover_policies(const struct takeover *t, char *lacking, size_t room)
{
	lacking[0] = '\0';
	if (!policy_set_known(t->policies) || !t->parameter.known)
		return MODE_POLICIES_UNKNOWN;
	if (!policy_set_in_force(t->policies, lacking, room)) {
		if (policy_set_is_in_vain(t->policies))
			return MODE_POLICIES_IN_VAIN;
		return policy_set_is_hidden(t->policies) ? MODE_POLICIES_HIDDEN : MODE_POLICIES_LACKING;
	}
	if (t->parameter.there && !t->parameter.unreadable)
		return MODE_POLICIES_IN_FORCE;
	(void)snprintf(lacking, room, "ConfigMap %s/%s is not there, or cannot be read", t->namespace,
		       POLICY_PARAMETER);
	return MODE_POLICIES_LACKING;
}

bool takeover_is_holding(const struct takeover *t)
{
	return t->parameter.there && t->parameter.closed && policy_set_holds(t->policies);
}

bool takeover_is_installed(const struct takeover *t)
{
	return policy_set_is_installed(t->policies);
}

/* ---- opening and closing the hold ---- */

static void maybe_closed(struct takeover *t);

static void failed(struct takeover *t, const struct error *err)
{
	log_failure(t->options.log, t->failing ? LOG_LEVEL_DEBUG : LOG_LEVEL_WARNING, err,
		    "cannot write ConfigMap %s/%s", t->namespace, POLICY_PARAMETER);
	t->failing = true;
}

static void on_done(struct kube_call *call, const struct kube_answer *answer)
{
	struct takeover *t = call->data;
	struct error err = {0};

	t->calling = false;
	if (t->closing) {
		maybe_closed(t);
		return;
	}
	if (answer->error == 0 && answer->status >= 200 && answer->status < 300) {
		/* What it is now the watch says, or what somebody else has made of it since; where there is
		 * none, this. */
		t->failing = false;
		t->written = true;
		if (t->parameter.unreadable)
			t->parameter.closed = t->writes_closed;
		log_info(t->options.log, "the hold is set to %s", t->writes_closed ? "on" : "off");
		return;
	}
	if (answer->error != 0)
		(void)error_set(&err, answer->error, "%s", answer->message);
	else
		(void)error_set(&err, -EIO, "%d %s", answer->status, answer->failure.message);
	failed(t, &err);
}

/* I8, no fight: the same again and again comes after growing pauses, and is told once. */
static void count_write(struct takeover *t, bool closed, uint64_t now_ms)
{
	if (t->wrote_ms == 0 || closed != t->writes_closed || now_ms - t->wrote_ms > CALM_MS) {
		backoff_reset(&t->backoff);
		t->told_fight = false;
	} else if (t->written && t->shown && !t->told_fight) {
		t->told_fight = true;
		log_warning(t->options.log,
			    "somebody else changes ConfigMap %s/%s; to open the hold for good, delete it",
			    t->namespace, POLICY_PARAMETER);
	}
	t->wrote_ms = now_ms;
	t->retry_ms = now_ms + backoff_next(&t->backoff, t->options.rng);
	t->writes_closed = closed;
	t->written = t->shown = false;
}

static void write_hold(struct takeover *t, bool closed)
{
	static const char on[] = "{\"data\":{\"hold\":\"on\"}}";
	static const char off[] = "{\"data\":{\"hold\":\"off\"}}";
	struct error err = {0};

	(void)snprintf(t->path, sizeof(t->path), "/api/v1/namespaces/%s/configmaps/%s", t->namespace,
		       POLICY_PARAMETER);
	t->call = (struct kube_call){
		.method = "PATCH",
		.path = t->path,
		.content_type = "application/merge-patch+json",
		.body = closed ? on : off,
		.body_len = strlen(closed ? on : off),
		.on_done = on_done,
		.data = t,
	};
	t->calling = kube_client_start(t->options.client, &t->call, &err) == 0;
	if (!t->calling)
		failed(t, &err);
}

static void on_timer(uv_timer_t *timer)
{
	(void)timer; /* it only wakes the loop */
}

void takeover_follow(struct takeover *t, enum takeover_hold wanted, uint64_t now_ms)
{
	const struct parameter *p = &t->parameter;
	bool closed = wanted == TAKEOVER_CLOSED;
	bool again = t->wrote_ms != 0 && closed == t->writes_closed;
	uint64_t at_ms = t->written && !t->shown ? t->wrote_ms + WATCH_PATIENCE_MS : t->retry_ms;

	if (t->closing || t->calling || wanted == TAKEOVER_LEAVE || !p->there || p->closed == closed) {
		(void)uv_timer_stop(&t->timer);
		return;
	}
	if (!again || now_ms >= at_ms) {
		count_write(t, closed, now_ms);
		write_hold(t, closed);
		at_ms = t->retry_ms;
	}
	if (!t->calling) {
		uv_update_time(t->options.loop);                              /* T3 */
		(void)uv_timer_start(&t->timer, on_timer, at_ms - now_ms, 0); /* never 0: T4 */
	}
}

/* ---- life ---- */

static int open_collection(struct takeover *t, enum policy_resource resource, struct error *err)
{
	static const char *const versions[] = {"v1", "v1beta1", NULL};
	struct collection *c = &t->collections[resource];

	c->owner = t;
	c->resource = resource;
	return reflector_open(&c->reflector,
			      &(struct reflector_options){
				      .loop = t->options.loop,
				      .client = t->options.client,
				      .log = t->options.log,
				      .rng = t->options.rng,
				      .group = "admissionregistration.k8s.io",
				      .versions = versions,
				      .resource = policy_resource_name(resource),
				      .fields = policy_fields,
				      .field_count = ARRAY_LEN(policy_fields),
				      .handler = &policy_handler,
				      .handler_data = c,
			      },
			      err);
}

static void ignore_close(void *data)
{
	(void)data;
}

int takeover_open(struct takeover **out, const struct takeover_options *options, struct error *err)
{
	struct takeover *t = calloc(1, sizeof(*t));
	int rc;

	if (t == NULL)
		return error_errno(err, -ENOMEM, "takeover");
	t->options = *options;
	rc = policy_set_create(&t->policies, err);
	if (rc != 0) {
		free(t);
		return rc;
	}
	backoff_init(&t->backoff, RETRY_INITIAL_MS, RETRY_MAX_MS);
	(void)uv_timer_init(options->loop, &t->timer);
	t->timer.data = t;
	for (int i = 0; i < POLICY_RESOURCES && rc == 0; i++)
		rc = open_collection(t, (enum policy_resource)i, err);
	if (rc != 0) {
		takeover_close(t, ignore_close, NULL);
		return rc;
	}
	*out = t;
	return 0;
}

static void maybe_closed(struct takeover *t)
{
	if (t->open_parts > 0 || t->calling)
		return;
	for (int i = 0; i < POLICY_RESOURCES; i++)
		free(t->collections[i].spec);
	policy_set_free(t->policies);
	t->close_cb(t->close_data);
	free(t);
}

static void on_part_closed(void *data)
{
	struct takeover *t = data;

	t->open_parts--;
	maybe_closed(t);
}

static void on_timer_closed(uv_handle_t *handle)
{
	on_part_closed(handle->data);
}

void takeover_close(struct takeover *t, void (*cb)(void *data), void *data)
{
	assert(!t->closing);
	t->closing = true;
	t->close_cb = cb;
	t->close_data = data;
	t->open_parts = 1;
	uv_close((uv_handle_t *)&t->timer, on_timer_closed);
	for (int i = 0; i < POLICY_RESOURCES; i++)
		if (t->collections[i].reflector != NULL && ++t->open_parts)
			reflector_close(t->collections[i].reflector, on_part_closed, t);
	if (t->parameter.reflector != NULL && ++t->open_parts)
		reflector_close(t->parameter.reflector, on_part_closed, t);
	if (t->calling)
		kube_call_cancel(&t->call);
}
