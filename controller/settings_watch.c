#include "controller/settings_watch.h"

#include <assert.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/macros.h"
#include "controller/refusals.h"
#include "controller/vmi.h"

enum field { FIELD_NAME, FIELD_UID, FIELD_DATA, FIELD_BINARY_DATA };

static const struct json_field fields[] = {
	{FIELD_NAME, (const char *const[]){"metadata", "name", NULL}},
	{FIELD_UID, (const char *const[]){"metadata", "uid", NULL}},
	{FIELD_DATA, (const char *const[]){"data", JSON_WHOLE, NULL}},
	{FIELD_BINARY_DATA, (const char *const[]){"binaryData", NULL}},
};

static const char no_memory[] = "out of memory";

/* The ConfigMap as it was read. */
struct sight {
	bool there;
	bool binary;
	const char *flaw; /* why data cannot be read; NULL: it can */
	char *data;       /* JSON; NULL: it has none */
	size_t len;
	char uid[VMI_UID_MAX + 1];
};

/* Settings, and whether the CRD takes them. */
struct proposal {
	struct settings settings;
	struct cid_schema *schema; /* NULL: there is no proposal */
};

struct settings_watch {
	struct settings_watch_options options;
	struct reflector *reflector; /* NULL before the namespace is known */
	char namespace[VMI_NAMESPACE_MAX + 1];
	struct refusals refusals;
	/* Of the object, and of the list, that is being read. */
	struct sight reading;
	bool named;
	bool listed;
	/* What was read last. */
	struct sight sight;
	bool news;      /* it has not been judged yet */
	bool ephemeral; /* it may be judged otherwise another time */
	bool unreadable;
	bool known;
	bool good;
	/* What follows from it. */
	struct proposal current;
	struct proposal before;
	struct proposal next; /* waits for the CRD */
	bool next_told;       /* that it waits */
	char next_refusal[ERROR_MESSAGE_MAX];
	char refusal[ERROR_MESSAGE_MAX];
	bool refused; /* that was the last verdict */
	uint64_t verdict;
	/* The end. */
	unsigned int open_parts; /* schemas and the reflector, with those that are closing */
	bool closing;
	void (*close_cb)(void *data);
	void *close_data;
};

/* ---- what is seen ---- */

static void clear_sight(struct sight *s)
{
	free(s->data);
	*s = (struct sight){0};
}

static void on_begin(void *data)
{
	struct settings_watch *w = data;

	clear_sight(&w->reading);
	w->named = false;
}

static void read_data(struct sight *s, const struct json_value *value)
{
	free(STEAL_POINTER(s->data));
	s->len = 0;
	s->flaw = NULL;
	if (value->kind == JSON_VALUE_NULL)
		return;
	if (value->cut)
		s->flaw = "longer than 256 KiB";
	else if (value->kind != JSON_VALUE_OBJECT)
		s->flaw = "it is no object";
	else if ((s->data = strndup(value->text, value->len)) == NULL)
		s->flaw = no_memory;
	else
		s->len = value->len;
}

static void on_value(void *data, int field, const struct json_value *value)
{
	struct settings_watch *w = data;
	struct sight *s = &w->reading;

	switch ((enum field)field) {
	case FIELD_NAME:
		w->named = value->kind == JSON_VALUE_STRING && strcmp(value->text, SETTINGS_CONFIGMAP) == 0;
		break;
	case FIELD_UID:
		if (value->kind == JSON_VALUE_STRING && value->len < sizeof(s->uid))
			memcpy(s->uid, value->text, value->len);
		break;
	case FIELD_DATA:
		read_data(s, value);
		break;
	case FIELD_BINARY_DATA:
		s->binary = true;
		break;
	}
}

static bool says_the_same(const struct sight *x, const struct sight *y)
{
	if (x->there != y->there || !x->there)
		return x->there == y->there;
	return x->binary == y->binary && x->flaw == y->flaw && x->len == y->len &&
	       (x->len == 0 || memcmp(x->data, y->data, x->len) == 0);
}

/* Who only touches its metadata is not told the same again. */
static void take_sight(struct settings_watch *w, bool there)
{
	w->reading.there = there;
	w->news = w->news || !w->known || w->ephemeral || !says_the_same(&w->sight, &w->reading);
	clear_sight(&w->sight);
	w->sight = w->reading;
	w->reading = (struct sight){0};
}

static void on_object(void *data, enum reflector_event event, const char *rv)
{
	struct settings_watch *w = data;

	(void)rv;
	if (!w->named)
		return;
	w->listed = true;
	take_sight(w, event != REFLECTOR_DELETED);
}

static void on_list_started(void *data)
{
	struct settings_watch *w = data;

	w->listed = false;
}

static void on_list_done(void *data, const char *rv)
{
	struct settings_watch *w = data;

	(void)rv;
	refusals_listed(&w->refusals);
	w->unreadable = false;
	if (w->listed)
		return;
	clear_sight(&w->reading);
	take_sight(w, false);
}

/* The settings before stay in force, @why. */
static void refuse(struct settings_watch *w, const char *why)
{
	(void)snprintf(w->refusal, sizeof(w->refusal), "%s", why);
	w->refused = w->known = true;
	w->verdict++;
	log_error(w->options.log, "ConfigMap %s/%s is not in force, %s: %s", w->namespace, SETTINGS_CONFIGMAP,
		  w->good ? "the settings stay as they are" : "and no CID is given before", why);
}

/* What it said last stays in force. */
static void on_restarted(void *data, bool watch, enum reflector_restart reason)
{
	struct settings_watch *w = data;

	w->options.restarted(w->options.data, watch, reason);
	if (!refusals_add(&w->refusals, watch, reason, w->options.patience_ms, clock_boot_ms()) ||
	    w->unreadable)
		return;
	w->unreadable = true;
	w->ephemeral = true;
	/* As before there was such a ConfigMap, unless one was seen: the RBAC rules may be of that time. */
	w->good = w->good || !w->known;
	refuse(w, "it may not be read: a rule of RBAC is missing");
}

static const struct reflector_handler handler = {
	.begin = on_begin,
	.value = on_value,
	.object = on_object,
	.list_started = on_list_started,
	.list_done = on_list_done,
	.restarted = on_restarted,
};

int settings_watch_start(struct settings_watch *w, const char *namespace, struct error *err)
{
	static const char *const versions[] = {"v1", NULL};
	const struct reflector_options options = {
		.loop = w->options.loop,
		.client = w->options.client,
		.log = w->options.log,
		.rng = w->options.rng,
		.group = "",
		.versions = versions,
		.resource = "configmaps",
		.namespace = w->namespace,
		.name = SETTINGS_CONFIGMAP,
		.fields = fields,
		.field_count = ARRAY_LEN(fields),
		.handler = &handler,
		.handler_data = w,
	};
	int rc;

	if (w->reflector != NULL || namespace[0] == '\0' || w->closing)
		return 0;
	(void)snprintf(w->namespace, sizeof(w->namespace), "%s", namespace);
	rc = reflector_open(&w->reflector, &options, err);
	w->open_parts += rc == 0;
	return rc;
}

/* ---- proposals ---- */

static void maybe_closed(struct settings_watch *w)
{
	if (!w->closing || w->open_parts > 0)
		return;
	settings_free(&w->current.settings);
	settings_free(&w->next.settings);
	clear_sight(&w->reading);
	clear_sight(&w->sight);
	w->close_cb(w->close_data);
	free(w);
}

static void on_part_closed(void *data)
{
	struct settings_watch *w = data;

	w->open_parts--;
	maybe_closed(w);
}

static void withdraw(struct settings_watch *w, struct proposal *p)
{
	settings_free(&p->settings);
	if (p->schema != NULL)
		cid_schema_close(STEAL_POINTER(p->schema), on_part_closed, w);
}

static int propose(struct settings_watch *w, struct proposal *p, const struct settings_values *v,
		   void (*refused)(void *data, const char *why), struct error *err)
{
	struct cid_schema_options options = {
		.loop = w->options.loop,
		.client = w->options.client,
		.log = w->options.log,
		.rng = w->options.rng,
		.refused = refused,
		.data = w,
	};
	int rc = settings_resolve(&p->settings, v, err);

	if (rc != 0)
		return rc;
	options.max = p->settings.cids.max;
	rc = cid_schema_open(&p->schema, &options, err);
	if (rc != 0)
		settings_free(&p->settings);
	w->open_parts += rc == 0;
	return rc;
}

static void on_base_refused(void *data, const char *why)
{
	struct settings_watch *w = data;

	if (w->before.schema == NULL) /* else it is on its way out */
		w->options.misfit(w->options.data, why);
}

/* The loop goes on with settings_watch_follow(). */
static void on_next_refused(void *data, const char *why)
{
	struct settings_watch *w = data;

	(void)snprintf(w->next_refusal, sizeof(w->next_refusal), "%s", why);
}

/* ---- judging ---- */

/* What the command line and the ConfigMap say together. */
static int read_values(const struct settings_watch *w, struct settings_values *out, struct error *err)
{
	const struct sight *s = &w->sight;
	json_t *data;
	int rc;

	*out = *w->options.base;
	if (!s->there)
		return 0;
	if (s->binary)
		return error_set(err, -EINVAL, "binaryData: settings are text, and belong under data");
	if (s->flaw != NULL)
		return error_set(err, s->flaw == no_memory ? -ENOMEM : -EINVAL, "data: %s", s->flaw);
	if (s->data == NULL)
		return 0;
	data = json_loadb(s->data, s->len, JSON_REJECT_DUPLICATES, NULL);
	if (data == NULL)
		return error_set(err, -EINVAL, "data: it cannot be read");
	rc = settings_set_all(out, data, err);
	json_decref(data);
	return rc;
}

/* A look at the CRD that is under way serves whatever waits for it: somebody may edit faster than it takes.
 */
static int propose_next(struct settings_watch *w, const struct settings_values *v, struct error *err)
{
	struct cid_schema *schema = w->next.schema;
	int rc;

	settings_free(&w->next.settings);
	if (schema == NULL || w->next_refusal[0] != '\0' || cid_schema_allows(schema)) {
		withdraw(w, &w->next);
		w->next_refusal[0] = '\0';
		return propose(w, &w->next, v, on_next_refused, err);
	}
	rc = settings_resolve(&w->next.settings, v, err);
	if (rc == 0)
		cid_schema_set_max(schema, w->next.settings.cids.max);
	return rc;
}

/* Memory may be there another time: the ConfigMap is listed again. */
static void judge(struct settings_watch *w)
{
	struct settings_values *v = malloc(sizeof(*v)); /* too large for a stack that may be deep */
	struct error err = {0};
	int rc = v != NULL ? read_values(w, v, &err) : error_errno(&err, -ENOMEM, "settings");

	w->news = false;
	w->next_told = false;
	w->ephemeral = false;
	w->refusal[0] = '\0'; /* that was of the one before */
	if (rc == 0)
		rc = propose_next(w, v, &err);
	free(v);
	if (rc == 0)
		return;
	withdraw(w, &w->next);
	w->ephemeral = rc == -ENOMEM;
	refuse(w, err.message);
	if (rc == -ENOMEM)
		reflector_relist(w->reflector);
}

/* The proposal is in force from now on. True: it differs from what was before. */
static bool adopt(struct settings_watch *w)
{
	bool was_refused = w->refused;

	w->refused = false;
	w->known = w->good = true;
	if (settings_equal(&w->current.settings, &w->next.settings)) {
		w->verdict += was_refused;
		withdraw(w, &w->next);
		return false;
	}
	w->before = w->current;
	w->current = w->next;
	w->next = (struct proposal){0};
	w->verdict++;
	return true;
}

/* Nobody waits for ever for what cannot be looked at, and people are to know. */
static void tell_waiting(struct settings_watch *w)
{
	uint64_t since_ms = cid_schema_failing_since(w->next.schema);

	if (w->next_told || since_ms == 0 || clock_boot_ms() - since_ms < w->options.patience_ms)
		return;
	w->next_told = true;
	refuse(w, "cid-max: the CRD of VMIs, which may not take that, cannot be read");
}

static void refuse_next(struct settings_watch *w)
{
	char why[ERROR_MESSAGE_MAX];

	(void)snprintf(why, sizeof(why), "%s", w->next_refusal);
	w->next_refusal[0] = '\0';
	withdraw(w, &w->next);
	w->ephemeral = true; /* KubeVirt may be updated */
	refuse(w, why);
}

bool settings_watch_follow(struct settings_watch *w)
{
	withdraw(w, &w->before);
	if (w->news)
		judge(w);
	if (w->next.schema == NULL)
		return false;
	/* What is in force already needs no look: the CRD was, or is being, looked at for it. */
	if (cid_schema_allows(w->next.schema) || settings_equal(&w->current.settings, &w->next.settings))
		return adopt(w);
	if (w->next_refusal[0] != '\0')
		refuse_next(w);
	else
		tell_waiting(w);
	return false;
}

/* ---- questions ---- */

const struct settings *settings_watch_current(const struct settings_watch *w)
{
	return &w->current.settings;
}

const struct cid_schema *settings_watch_schema(const struct settings_watch *w)
{
	return w->current.schema;
}

bool settings_watch_known(const struct settings_watch *w)
{
	return w->known;
}

bool settings_watch_good(const struct settings_watch *w)
{
	return w->good;
}

const char *settings_watch_refusal(const struct settings_watch *w)
{
	return w->refusal;
}

uint64_t settings_watch_verdict(const struct settings_watch *w)
{
	return w->verdict;
}

const char *settings_watch_uid(const struct settings_watch *w)
{
	return w->sight.there ? w->sight.uid : "";
}

/* ---- life ---- */

int settings_watch_open(struct settings_watch **out, const struct settings_watch_options *options,
			struct error *err)
{
	struct settings_watch *w = calloc(1, sizeof(*w));
	int rc;

	if (w == NULL)
		return error_errno(err, -ENOMEM, "settings");
	w->options = *options;
	rc = propose(w, &w->current, options->base, on_base_refused, err);
	if (rc != 0) {
		free(w);
		return rc;
	}
	*out = w;
	return 0;
}

void settings_watch_close(struct settings_watch *w, void (*cb)(void *data), void *data)
{
	assert(!w->closing);
	w->close_cb = cb;
	w->close_data = data;
	w->open_parts++; /* this function */
	w->closing = true;
	if (w->reflector != NULL)
		reflector_close(w->reflector, on_part_closed, w);
	cid_schema_close(STEAL_POINTER(w->current.schema), on_part_closed, w);
	withdraw(w, &w->next);
	withdraw(w, &w->before);
	on_part_closed(w);
}
