#include "kube/events_text.h"

#include <inttypes.h>
#include <string.h>

#include "base/clock.h"

/* metav1.Time has whole seconds: "2006-01-02T15:04:05Z". */
#define SECONDS_LENGTH 19

static int add_string(struct buf *out, const char *before, const char *text)
{
	int rc = buf_add_str(out, before);

	if (rc == 0)
		rc = buf_add_json(out, text, strlen(text));
	return rc == 0 ? buf_add_str(out, "\"") : rc;
}

static int add_time(struct buf *out, const char *before, uint64_t wall_us)
{
	char text[CLOCK_TEXT_SIZE];

	clock_format_us(wall_us, text);
	return buf_printf(out, "%s%.*sZ\"", before, SECONDS_LENGTH, text);
}

/* An event about an object without a namespace lives in "default" (EVT-5). */
static const char *namespace_of(const struct events_series *s)
{
	return s->event.namespace[0] != '\0' ? s->event.namespace : "default";
}

static int add_object(struct buf *out, const struct kube_event *e)
{
	int rc = add_string(out, ",\"involvedObject\":{\"kind\":\"", e->kind);

	if (rc == 0 && e->namespace[0] != '\0')
		rc = add_string(out, ",\"namespace\":\"", e->namespace);
	if (rc == 0)
		rc = add_string(out, ",\"name\":\"", e->name);
	if (rc == 0)
		rc = add_string(out, ",\"uid\":\"", e->uid);
	if (rc == 0)
		rc = add_string(out, ",\"apiVersion\":\"", e->api_version);
	return rc == 0 ? buf_add_str(out, "}") : rc;
}

static int add_source(struct buf *out, const char *component, const char *instance)
{
	int rc = add_string(out, ",\"source\":{\"component\":\"", component);

	if (rc == 0)
		rc = add_string(out, "},\"reportingComponent\":\"", component);
	if (rc == 0)
		rc = add_string(out, ",\"reportingInstance\":\"", instance);
	return rc;
}

int events_text_create(struct buf *out, const struct events_series *s, const char *component,
		       const char *instance)
{
	const struct kube_event *e = &s->event;
	int rc = add_string(out, "{\"apiVersion\":\"v1\",\"kind\":\"Event\",\"metadata\":{\"name\":\"",
			    s->name);

	if (rc == 0)
		rc = add_string(out, ",\"namespace\":\"", namespace_of(s));
	if (rc == 0)
		rc = buf_add_str(out, "}");
	if (rc == 0)
		rc = add_object(out, e);
	if (rc == 0)
		rc = add_string(out, ",\"reason\":\"", e->reason);
	if (rc == 0)
		rc = add_string(out, ",\"message\":\"", e->message);
	if (rc == 0)
		rc = add_source(out, component, instance);
	if (rc == 0)
		rc = add_time(out, ",\"firstTimestamp\":\"", s->first_us);
	if (rc == 0)
		rc = add_time(out, ",\"lastTimestamp\":\"", s->last_us);
	if (rc == 0)
		rc = buf_printf(out, ",\"count\":%" PRIu32 ",\"type\":\"%s\"}", s->count,
				e->warning ? "Warning" : "Normal");
	return rc;
}

int events_text_patch(struct buf *out, const struct events_series *s)
{
	int rc = buf_printf(out, "{\"count\":%" PRIu32, s->count);

	if (rc == 0)
		rc = add_time(out, ",\"lastTimestamp\":\"", s->last_us);
	return rc == 0 ? buf_add_str(out, "}") : rc;
}

int events_text_path(struct buf *out, const struct events_series *s, bool itself)
{
	return buf_printf(out, "/api/v1/namespaces/%s/events%s%s", namespace_of(s), itself ? "/" : "",
			  itself ? s->name : "");
}
