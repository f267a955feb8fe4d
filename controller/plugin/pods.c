#include "controller/plugin/pods.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define SELECTOR "labelSelector=kubevirt.io%3D" INSTALLATION_NAME

struct asking {
	struct session *session;
	struct cluster *cluster;
	const struct installation *installation;
	json_t *found;
};

static void add(struct asking *a, const char *pod, const char *state, const char *message)
{
	json_t *item = json_pack("{s:s, s:s, s:s}", "pod", pod, "state", state, "message", message);

	if (item != NULL) /* else it is no text */
		(void)json_array_append_new(a->found, item);
}

/* Its phase, and why its container does not run, where the kubelet or the scheduler says so. */
static void add_down(struct asking *a, const json_t *pod)
{
	const json_t *status = json_object_get(pod, "status");
	const json_t *container = json_array_get(json_object_get(status, "containerStatuses"), 0);
	const json_t *waiting = json_object_get(json_object_get(container, "state"), "waiting");
	const char *reason = json_string_value(json_object_get(waiting, "reason"));
	const char *message = json_string_value(json_object_get(waiting, "message"));
	char text[512];

	for (size_t i = 0; reason == NULL; i++) {
		const json_t *condition = json_array_get(json_object_get(status, "conditions"), i);

		if (condition == NULL)
			break;
		if (strcmp(cluster_text(condition, NULL, "status"), "False") != 0)
			continue;
		reason = json_string_value(json_object_get(condition, "reason"));
		message = json_string_value(json_object_get(condition, "message"));
	}
	(void)snprintf(text, sizeof(text), "%s%s%s%s%s", cluster_text(pod, "status", "phase"),
		       reason != NULL ? ", " : "", reason != NULL ? reason : "", message != NULL ? ": " : "",
		       message != NULL ? message : "");
	add(a, cluster_text(pod, "metadata", "name"), "down", text);
}

static void ask(struct asking *a, const char *pod)
{
	AUTO_ANSWER struct session_answer answer = {0};
	const struct options *options = &a->installation->options;
	struct error err = {0};
	char path[512];
	bool leads;

	(void)snprintf(path, sizeof(path), "/api/v1/namespaces/%s/pods/%s:%s:%u/proxy/readyz",
		       cluster_namespace(a->cluster), options->plain_http ? "http" : "https", pod,
		       options->port);
	if (session_ask(a->session, "GET", path, NULL, &answer, &err) != 0) {
		add(a, pod, "unknown", err.message);
		return;
	}
	/* Its own words; else it is the API server that speaks. */
	if (buf_str(&answer.body)[0] != '[') {
		add(a, pod, "unknown",
		    answer.status == 200 ? "it is no " INSTALLATION_NAME : answer.failure.message);
		return;
	}
	(void)said_read_pod(&a->cluster->said, pod, buf_str(&answer.body), answer.status == 200, &leads);
	add(a, pod, answer.status == 200 ? "ready" : "unready", buf_str(&answer.body));
}

static void on_pod(void *data, const json_t *pod)
{
	struct asking *a = data;

	if (cluster_text(pod, "metadata", "deletionTimestamp")[0] != '\0')
		return;
	if (strcmp(cluster_text(pod, "status", "phase"), "Running") == 0)
		ask(a, cluster_text(pod, "metadata", "name"));
	else
		add_down(a, pod);
}

json_t *pods_ask(struct session *s, struct cluster *c, const struct installation *in, struct error *err)
{
	struct asking a = {.session = s, .cluster = c, .installation = in, .found = json_array()};
	char path[256];

	(void)snprintf(path, sizeof(path), "/api/v1/namespaces/%s/pods?%s", cluster_namespace(c), SELECTOR);
	if (session_list(s, path, on_pod, &a, err) == 0)
		return a.found;
	json_decref(a.found);
	return NULL;
}

void pods_ask_mode(struct session *s, struct cluster *c, const struct installation *in)
{
	json_decref(pods_ask(s, c, in, NULL));
}
