#include "controller/plugin/cluster.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "controller/kubevirt.h"

/* The event of the mode (controller/controller_mode.c). */
#define REASON_MODE "VSOCKCIDMode"
#define MODE_PREFIX "VSOCK CIDs: "

#define ADMISSION "/apis/admissionregistration.k8s.io"

const char *cluster_text(const json_t *object, const char *outer, const char *inner)
{
	const json_t *value = json_object_get(outer != NULL ? json_object_get(object, outer) : object, inner);

	return json_is_string(value) ? json_string_value(value) : "";
}

const char *cluster_namespace(const struct cluster *c)
{
	return c->namespace[0] != '\0' ? c->namespace : "kubevirt";
}

/* A JSON answer. *out NULL with 0: there is no such thing. */
static int get_json(struct session *s, const char *path, json_t **out, struct error *err)
{
	AUTO_ANSWER struct session_answer answer;
	int rc = session_get(s, path, &answer, err);

	*out = NULL;
	if (rc != 0)
		return rc;
	*out = json_loadb(buf_str(&answer.body), answer.body.len, 0, NULL);
	return *out != NULL ? 0 : error_set(err, -EBADMSG, "GET %s: the answer is no JSON", path);
}

/* ---- KubeVirt ---- */

static int on_cr_value(void *data, int field, const struct json_value *value)
{
	kubevirt_value(data, field, value);
	return 0;
}

/* By the reader that the controller has, so that both see the same. */
static int read_cr(struct kubevirt *out, const json_t *object)
{
	static const struct json_reader_events events = {.value = on_cr_value};
	const struct json_reader_limits limits = {.max_text = 1024};
	AUTO_FREE char *text = json_dumps(object, JSON_COMPACT);
	struct json_filter *filter = NULL;
	struct json_reader *reader = NULL;
	int rc = text != NULL ? json_filter_create(&filter) : -ENOMEM;

	kubevirt_begin(out);
	for (size_t i = 0; rc == 0 && i < kubevirt_field_count; i++)
		rc = json_filter_add(filter, NULL, kubevirt_fields[i].path, kubevirt_fields[i].id);
	if (rc == 0)
		rc = json_reader_create(&reader, filter, &limits, &events, out);
	if (rc == 0)
		rc = json_reader_feed(reader, text, strlen(text), NULL);
	json_reader_free(reader);
	json_filter_free(filter);
	return rc;
}

static int read_gate(struct cluster *c, struct session *s, struct error *err)
{
	const json_t *items;
	struct kubevirt cr;
	int rc = get_json(s, "/apis/kubevirt.io/v1/kubevirts", &c->kubevirts, err);

	if (rc == -ENOENT)
		return error_set(err, rc, "KubeVirt is not installed here: the server has no kubevirt.io/v1");
	gate_init(&c->gate, GATE_AUTO);
	c->verdict = gate_verdict(&c->gate);
	if (rc == -EACCES) {
		*err = (struct error){0};
		return 0;
	}
	if (rc != 0)
		return rc;
	c->gate_known = true;
	gate_list_started(&c->gate);
	items = json_object_get(c->kubevirts, "items");
	for (size_t i = 0; i < json_array_size(items); i++) {
		rc = read_cr(&cr, json_array_get(items, i));
		if (rc != 0)
			return error_errno(err, rc, "a KubeVirt CR");
		gate_cr_seen(&c->gate, &cr, true);
	}
	gate_list_done(&c->gate);
	c->verdict = gate_verdict(&c->gate);
	if (c->verdict.cr != NULL)
		(void)snprintf(c->namespace, sizeof(c->namespace), "%s", c->verdict.cr->namespace);
	return 0;
}

/* ---- policies ---- */

static void take_policies(struct cluster *c, enum policy_resource resource, const json_t *list)
{
	const json_t *items = json_object_get(list, "items");

	policy_set_list_started(c->policies, resource);
	for (size_t i = 0; i < json_array_size(items); i++) {
		const json_t *item = json_array_get(items, i);
		enum policy_object object = policy_find(resource, cluster_text(item, "metadata", "name"));
		AUTO_FREE char *spec = NULL;

		if (object == POLICY_OBJECTS)
			continue;
		spec = json_dumps(json_object_get(item, "spec"), JSON_COMPACT);
		policy_set_seen(c->policies, object, spec != NULL ? spec : "",
				spec != NULL ? strlen(spec) : 0);
	}
	policy_set_list_done(c->policies, resource);
}

/* The newest version that is served; as the controller. */
static void read_policies_of(struct cluster *c, struct session *s, enum policy_resource resource)
{
	static const char *const versions[] = {"v1", "v1beta1"};
	bool served = false;

	for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
		json_t *list = NULL;
		char path[256];
		int rc;

		(void)snprintf(path, sizeof(path), ADMISSION "/%s/%s", versions[i],
			       policy_resource_name(resource));
		rc = get_json(s, path, &list, NULL);
		served = served || rc == -EACCES;
		if (rc == 0)
			take_policies(c, resource, list);
		json_decref(list);
		if (rc == 0)
			return;
	}
	policy_set_unreadable(c->policies, resource, served);
}

static void read_hold(struct cluster *c, struct session *s)
{
	AUTO_ANSWER struct session_answer answer;
	char path[256];
	json_t *map;

	(void)snprintf(path, sizeof(path), "/api/v1/namespaces/%s/configmaps/" POLICY_PARAMETER,
		       c->namespace);
	if (session_ask(s, "GET", path, NULL, &answer, NULL) != 0 ||
	    (answer.status != 200 && answer.status != 404))
		return;
	c->hold_known = true;
	map = answer.status == 200 ? json_loadb(buf_str(&answer.body), answer.body.len, 0, NULL) : NULL;
	c->holding = policy_set_holds(c->policies) && strcmp(cluster_text(map, "data", "hold"), "on") == 0;
	json_decref(map);
}

static int read_policies(struct cluster *c, struct session *s, struct error *err)
{
	int rc = policy_set_create(&c->policies, err);

	if (rc != 0)
		return rc;
	policy_set_namespace(c->policies, c->namespace);
	for (int i = 0; i < POLICY_RESOURCES; i++)
		read_policies_of(c, s, (enum policy_resource)i);
	if (policy_set_in_force(c->policies, c->lacking, sizeof(c->lacking)))
		c->in_force = MODE_POLICIES_IN_FORCE;
	else if (policy_set_is_hidden(c->policies))
		c->in_force = MODE_POLICIES_HIDDEN;
	else
		c->in_force =
			policy_set_is_in_vain(c->policies) ? MODE_POLICIES_IN_VAIN : MODE_POLICIES_LACKING;
	if (c->namespace[0] != '\0')
		read_hold(c, s);
	return 0;
}

/* ---- events ---- */

/* "2026-11-27T10:00:00Z" compares as text. */
static const char *time_of(const json_t *event)
{
	const char *last = cluster_text(event, NULL, "lastTimestamp");

	return last[0] != '\0' ? last : cluster_text(event, "metadata", "creationTimestamp");
}

/* "VSOCK CIDs: mode observe: ...", on the KubeVirt CR. */
static void take_mode_event(void *data, const json_t *event)
{
	struct cluster *c = data;
	const char *uid = cluster_text(event, "involvedObject", "uid");
	const char *message = cluster_text(event, NULL, "message");

	if (strcmp(cluster_text(event, NULL, "reason"), REASON_MODE) != 0 ||
	    strcmp(cluster_text(event, "source", "component"), CLUSTER_COMPONENT) != 0 ||
	    strncmp(message, MODE_PREFIX, strlen(MODE_PREFIX)) != 0 ||
	    (c->verdict.cr != NULL && strcmp(c->verdict.cr->uid, uid) != 0) ||
	    strcmp(c->said.source, time_of(event)) > 0)
		return;
	(void)said_read(&c->said, SAID_BY_EVENT, time_of(event), message + strlen(MODE_PREFIX));
}

static void take_event(void *data, const json_t *event)
{
	struct cluster *c = data;
	const char *uid = cluster_text(event, "involvedObject", "uid");
	const json_t *before = json_object_get(c->told, uid);

	if (strcmp(cluster_text(event, "source", "component"), CLUSTER_COMPONENT) != 0 || uid[0] == '\0' ||
	    (before != NULL && strcmp(cluster_text(before, NULL, "time"), time_of(event)) > 0))
		return;
	take_mode_event(c, event);
	(void)json_object_set_new(c->told, uid,
				  json_pack("{s:s, s:s, s:s}", "time", time_of(event), "reason",
					    cluster_text(event, NULL, "reason"), "message",
					    cluster_text(event, NULL, "message")));
}

static int read_events(struct cluster *c, struct session *s, const char *namespace)
{
	char path[256];

	c->told = json_object();
	(void)snprintf(path, sizeof(path), "/api/v1%s%s/events?fieldSelector=source=" CLUSTER_COMPONENT,
		       namespace != NULL ? "/namespaces/" : "", namespace != NULL ? namespace : "");
	c->told_known = session_list(s, path, take_event, c, NULL) == 0;
	if (namespace != NULL && c->namespace[0] != '\0' && strcmp(namespace, c->namespace) != 0) {
		(void)snprintf(path, sizeof(path),
			       "/api/v1/namespaces/%s/events?fieldSelector=reason=" REASON_MODE
			       ",source=" CLUSTER_COMPONENT,
			       c->namespace);
		(void)session_list(s, path, take_mode_event, c, NULL);
	}
	return c->told != NULL ? 0 : -ENOMEM;
}

const char *cluster_told(const struct cluster *c, const char *uid, const char **message)
{
	const json_t *event = json_object_get(c->told, uid);

	if (event == NULL)
		return NULL;
	if (message != NULL)
		*message = cluster_text(event, NULL, "message");
	return cluster_text(event, NULL, "reason");
}

int cluster_read(struct cluster *c, struct session *s, const char *namespace, struct error *err)
{
	int rc;

	*c = (struct cluster){0};
	rc = read_gate(c, s, err);
	if (rc == 0)
		rc = read_policies(c, s, err);
	if (rc == 0 && read_events(c, s, namespace) != 0)
		rc = error_errno(err, -ENOMEM, "events");
	if (rc != 0)
		cluster_free(c);
	return rc;
}

void cluster_free(struct cluster *c)
{
	json_decref(c->kubevirts);
	json_decref(c->told);
	policy_set_free(c->policies);
	*c = (struct cluster){0};
}
