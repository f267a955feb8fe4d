#include "kube/lease_watch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "kube/lease.h"
#include "kube/reflector.h"

enum field { FIELD_NAME, FIELD_UID, FIELD_HOLDER, FIELD_RENEWED, FIELD_DURATION, FIELD_TERM };

static const struct json_field fields[] = {
	{FIELD_NAME, (const char *const[]){"metadata", "name", NULL}},
	{FIELD_UID, (const char *const[]){"metadata", "uid", NULL}},
	{FIELD_HOLDER, (const char *const[]){"spec", "holderIdentity", NULL}},
	{FIELD_RENEWED, (const char *const[]){"spec", "renewTime", NULL}},
	{FIELD_DURATION, (const char *const[]){"spec", "leaseDurationSeconds", NULL}},
	{FIELD_TERM, (const char *const[]){"spec", "leaseTransitions", NULL}},
};

struct lease_watch {
	struct lease_watch_options options;
	struct reflector *reflector;
	/* Of the object that is being read. */
	bool named; /* it is the one */
	bool broken;
	char uid[ELECTION_UID_MAX + 2];       /* one more than is kept, so that a longer one shows */
	char holder[ELECTION_HOLDER_MAX + 2]; /* likewise */
	char renewed[ELECTION_RENEWED_SIZE];
	uint32_t duration_s;
	uint32_t term;

	bool listed; /* the list under way has shown it */
	void (*close_cb)(void *data);
	void *close_data;
};

static void on_begin(void *data)
{
	struct lease_watch *w = data;

	w->named = w->broken = false;
	w->uid[0] = w->holder[0] = w->renewed[0] = '\0';
	w->duration_s = w->term = 0;
}

/* A longer text is cut, and so is longer than anything that it is compared with. */
static void take_text(char *out, size_t room, const struct json_value *value, bool *broken)
{
	size_t n = value->len < room ? value->len : room - 1;

	*broken |= value->kind != JSON_VALUE_STRING && value->kind != JSON_VALUE_NULL;
	memcpy(out, value->text, n);
	out[n] = '\0';
}

static void take_number(uint32_t *out, const struct json_value *value, bool *broken)
{
	char *end;
	unsigned long long n;

	if (value->kind == JSON_VALUE_NULL)
		return;
	/* The text is a JSON number: no spaces, and no sign but "-". */
	n = strtoull(value->text, &end, 10);
	if (value->kind != JSON_VALUE_NUMBER || *end != '\0' || value->text[0] == '-' ||
	    n > KUBE_LEASE_MAX_TERM)
		*broken = true;
	else
		*out = (uint32_t)n;
}

static void on_value(void *data, int field, const struct json_value *value)
{
	struct lease_watch *w = data;

	switch ((enum field)field) {
	case FIELD_NAME:
		w->named = value->kind == JSON_VALUE_STRING && strcmp(value->text, w->options.name) == 0;
		break;
	case FIELD_UID:
		take_text(w->uid, sizeof(w->uid), value, &w->broken);
		break;
	case FIELD_HOLDER:
		take_text(w->holder, sizeof(w->holder), value, &w->broken);
		break;
	case FIELD_RENEWED:
		take_text(w->renewed, sizeof(w->renewed), value, &w->broken);
		break;
	case FIELD_DURATION:
		take_number(&w->duration_s, value, &w->broken);
		break;
	case FIELD_TERM:
		take_number(&w->term, value, &w->broken);
		break;
	}
}

static void on_object(void *data, enum reflector_event event, const char *rv)
{
	struct lease_watch *w = data;
	const struct election_lease lease = {
		.uid = w->uid,
		.rv = rv,
		.holder = w->holder,
		.renewed = w->renewed,
		.duration_s = w->duration_s,
		.term = w->term,
	};

	if (!w->named)
		return;
	if (event == REFLECTOR_LISTED)
		w->listed = true;
	if (event == REFLECTOR_DELETED)
		w->options.absent(w->options.data, rv);
	else if (!w->broken && w->uid[0] != '\0')
		w->options.seen(w->options.data, &lease);
}

static void on_list_started(void *data)
{
	struct lease_watch *w = data;

	w->listed = false;
}

static void on_list_done(void *data, const char *rv)
{
	struct lease_watch *w = data;

	if (!w->listed)
		w->options.absent(w->options.data, rv);
}

static const struct reflector_handler handler = {
	.begin = on_begin,
	.value = on_value,
	.object = on_object,
	.list_started = on_list_started,
	.list_done = on_list_done,
};

int lease_watch_open(struct lease_watch **out, const struct lease_watch_options *options, struct error *err)
{
	static const char *const versions[] = {"v1", NULL};
	struct lease_watch *w = calloc(1, sizeof(*w));
	int rc;

	if (w == NULL)
		return error_errno(err, -ENOMEM, "watch of the Lease");
	w->options = *options;
	rc = reflector_open(&w->reflector,
			    &(struct reflector_options){
				    .loop = options->loop,
				    .client = options->client,
				    .log = options->log,
				    .rng = options->rng,
				    .group = "coordination.k8s.io",
				    .versions = versions,
				    .resource = "leases",
				    .namespace = options->namespace,
				    .name = options->name,
				    .fields = fields,
				    .field_count = ARRAY_LEN(fields),
				    .handler = &handler,
				    .handler_data = w,
			    },
			    err);
	if (rc != 0) {
		free(w);
		return error_wrap(err, rc, "watch of the Lease");
	}
	*out = w;
	return 0;
}

static void on_closed(void *data)
{
	struct lease_watch *w = data;

	w->close_cb(w->close_data);
	free(w);
}

void lease_watch_close(struct lease_watch *w, void (*cb)(void *data), void *data)
{
	w->close_cb = cb;
	w->close_data = data;
	reflector_close(w->reflector, on_closed, w);
}
