#include "controller/cid_schema.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/backoff.h"
#include "base/clock.h"
#include "base/macros.h"
#include "json/reader.h"

/* What any CRD of any KubeVirt takes. */
#define ALWAYS_ALLOWED INT32_MAX

#define RETRY_INITIAL_MS 1000
#define RETRY_MAX_MS     60000

#define CRD_PATH "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/virtualmachineinstances.kubevirt.io"

enum field { FIELD_KIND, FIELD_VERSION, FIELD_SERVED, FIELD_FORMAT, FIELD_MAXIMUM };

#define CID_PATH(member)                                                                                     \
	(const char *const[])                                                                                \
	{                                                                                                    \
		"spec", "versions", JSON_EACH, "schema", "openAPIV3Schema", "properties", "status",          \
			"properties", "VSOCKCID", member, NULL                                               \
	}

static const struct json_field fields[] = {
	{FIELD_KIND, (const char *const[]){"kind", NULL}},
	{FIELD_VERSION, (const char *const[]){"spec", "versions", JSON_EACH, NULL}},
	{FIELD_SERVED, (const char *const[]){"spec", "versions", JSON_EACH, "served", NULL}},
	{FIELD_FORMAT, CID_PATH("format")},
	{FIELD_MAXIMUM, CID_PATH("maximum")},
};

struct cid_schema {
	struct cid_schema_options options;
	struct json_filter *filter;
	struct json_reader *reader;
	struct kube_call call;
	bool calling;
	uv_timer_t timer; /* the first look and those after a failure */
	bool timer_closed;
	struct backoff backoff;
	uint64_t failing_ms; /* since when; 0: it is not */
	bool allows;
	/* What is being read. */
	bool is_crd;
	bool served;
	uint64_t version_limit; /* of the version that is being read */
	uint64_t limit;         /* the lowest of those that are served */
	struct error why;
	bool closing;
	void (*close_cb)(void *data);
	void *close_data;
};

/* ---- reading ---- */

/* A schema says more than a 64-bit number can hold only where it says nothing. */
static uint64_t read_maximum(const struct json_value *value)
{
	double maximum = value->kind == JSON_VALUE_NUMBER ? strtod(value->text, NULL) : UINT32_MAX;

	if (maximum < 0)
		return 0;
	return maximum < UINT32_MAX ? (uint64_t)maximum : UINT32_MAX;
}

static void lower(uint64_t *limit, uint64_t to)
{
	if (to < *limit)
		*limit = to;
}

static int on_value(void *data, int field, const struct json_value *value)
{
	struct cid_schema *s = data;

	switch ((enum field)field) {
	case FIELD_KIND:
		s->is_crd = value->kind == JSON_VALUE_STRING &&
			    strcmp(value->text, "CustomResourceDefinition") == 0;
		break;
	case FIELD_VERSION:
		s->served = true;
		s->version_limit = UINT32_MAX;
		break;
	case FIELD_SERVED:
		s->served = value->kind != JSON_VALUE_FALSE;
		break;
	case FIELD_FORMAT:
		if (value->kind == JSON_VALUE_STRING && strcmp(value->text, "int32") == 0)
			lower(&s->version_limit, INT32_MAX);
		break;
	case FIELD_MAXIMUM:
		lower(&s->version_limit, read_maximum(value));
		break;
	}
	return 0;
}

static int on_end(void *data, int field)
{
	struct cid_schema *s = data;

	if (field == FIELD_VERSION && s->served)
		lower(&s->limit, s->version_limit);
	return 0;
}

static const struct json_reader_events events = {.value = on_value, .end = on_end};

/* ---- the request ---- */

static int on_data(struct kube_call *call, const char *bytes, size_t n)
{
	struct cid_schema *s = call->data;

	return json_reader_feed(s->reader, bytes, n, &s->why);
}

static void maybe_closed(struct cid_schema *s)
{
	if (!s->timer_closed || s->calling)
		return;
	json_reader_free(s->reader);
	json_filter_free(s->filter);
	s->close_cb(s->close_data);
	free(s);
}

static void on_timer(uv_timer_t *timer);

static void try_again(struct cid_schema *s)
{
	log_failure(s->options.log, s->failing_ms != 0 ? LOG_LEVEL_DEBUG : LOG_LEVEL_WARNING, &s->why,
		    "cannot read the CRD of VMIs, without which no CID is given in this range yet");
	if (s->failing_ms == 0)
		s->failing_ms = clock_boot_ms();
	uv_update_time(s->options.loop); /* T3 */
	(void)uv_timer_start(&s->timer, on_timer, backoff_next(&s->backoff, s->options.rng), 0);
}

static void on_done(struct kube_call *call, const struct kube_answer *answer)
{
	struct cid_schema *s = call->data;
	bool whole = json_reader_at_boundary(s->reader) && s->is_crd;

	s->calling = false;
	if (s->closing) {
		maybe_closed(s);
		return;
	}
	if (s->allows)
		return; /* by now: see cid_schema_set_max() */
	if (answer->error == 0 && answer->status == 200 && whole) {
		s->allows = s->options.max <= s->limit;
		if (s->allows)
			return;
		(void)error_set(&s->why, -EINVAL,
				"cid-max: CIDs up to %" PRIu32
				" are more than the CRD of VMIs allows, %" PRIu64 ": KubeVirt before 1.8.4",
				s->options.max, s->limit);
		s->options.refused(s->options.data, s->why.message);
		return;
	}
	if (answer->error != 0 && s->why.code == 0)
		(void)error_set(&s->why, answer->error, "%s", answer->message);
	else if (s->why.code == 0)
		(void)error_set(&s->why, -EIO, "%d %s", answer->status, answer->failure.message);
	try_again(s);
}

static void on_timer(uv_timer_t *timer)
{
	struct cid_schema *s = timer->data;

	json_reader_reset(s->reader);
	s->is_crd = false;
	s->limit = UINT32_MAX;
	s->why = (struct error){0};
	s->call = (struct kube_call){
		.method = "GET",
		.path = CRD_PATH,
		.idle_timeout_ms = KUBE_CLIENT_TIMEOUT_MS,
		.on_data = on_data,
		.on_done = on_done,
		.data = s,
	};
	s->calling = kube_client_start(s->options.client, &s->call, &s->why) == 0;
	if (!s->calling)
		try_again(s);
}

/* ---- life ---- */

static int create_reader(struct cid_schema *s)
{
	static const struct json_reader_limits limits = {.max_text = 64, .max_document = 16u << 20};
	int rc = json_filter_create(&s->filter);

	for (size_t i = 0; i < ARRAY_LEN(fields) && rc == 0; i++)
		rc = json_filter_add(s->filter, NULL, fields[i].path, fields[i].id);
	return rc == 0 ? json_reader_create(&s->reader, s->filter, &limits, &events, s) : rc;
}

int cid_schema_open(struct cid_schema **out, const struct cid_schema_options *options, struct error *err)
{
	struct cid_schema *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return error_errno(err, -ENOMEM, "schema of VMIs");
	s->options = *options;
	if (create_reader(s) != 0) {
		json_reader_free(s->reader);
		json_filter_free(s->filter);
		free(s);
		return error_errno(err, -ENOMEM, "schema of VMIs");
	}
	backoff_init(&s->backoff, RETRY_INITIAL_MS, RETRY_MAX_MS);
	(void)uv_timer_init(options->loop, &s->timer);
	s->timer.data = s;
	s->allows = options->max <= ALWAYS_ALLOWED;
	if (!s->allows)
		(void)uv_timer_start(&s->timer, on_timer, 1, 0);
	*out = s;
	return 0;
}

void cid_schema_set_max(struct cid_schema *s, uint32_t max)
{
	s->options.max = max;
	s->allows = max <= ALWAYS_ALLOWED;
}

bool cid_schema_allows(const struct cid_schema *s)
{
	return s->allows;
}

uint64_t cid_schema_failing_since(const struct cid_schema *s)
{
	return s->allows ? 0 : s->failing_ms;
}

static void on_timer_closed(uv_handle_t *handle)
{
	struct cid_schema *s = handle->data;

	s->timer_closed = true;
	maybe_closed(s);
}

void cid_schema_close(struct cid_schema *s, void (*cb)(void *data), void *data)
{
	assert(!s->closing);
	s->closing = true;
	s->close_cb = cb;
	s->close_data = data;
	uv_close((uv_handle_t *)&s->timer, on_timer_closed);
	if (s->calling)
		kube_call_cancel(&s->call);
}
