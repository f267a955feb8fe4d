#include "controller/plugin/installation.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define MAX_ARGS 64

static const json_t *container_of_deployment(const json_t *deployment)
{
	const json_t *pod = json_object_get(json_object_get(deployment, "spec"), "template");

	return json_array_get(json_object_get(json_object_get(pod, "spec"), "containers"), 0);
}

static int read_options(struct installation *in, const json_t *container, struct error *err)
{
	const json_t *args = json_object_get(container, "args");
	char *argv[MAX_ARGS + 1] = {(char *)INSTALLATION_NAME};
	int argc = 1;

	for (size_t i = 0; i < json_array_size(args) && argc < MAX_ARGS; i++) {
		const char *arg = json_string_value(json_array_get(args, i));

		if (arg != NULL)
			argv[argc++] = (char *)arg;
	}
	if (options_parse(&in->options, argc, argv, NULL) == OPTIONS_RUN)
		return 0;
	in->odd = true; /* of another version, maybe */
	return options_parse(&in->options, 1, argv, err) == OPTIONS_RUN ? 0 : -ENOMEM;
}

static void read_deployment(struct installation *in, const json_t *deployment)
{
	const json_t *status = json_object_get(deployment, "status");
	const char *image = json_string_value(json_object_get(container_of_deployment(deployment), "image"));

	in->found = true;
	in->replicas =
		(int)json_integer_value(json_object_get(json_object_get(deployment, "spec"), "replicas"));
	in->ready = (int)json_integer_value(json_object_get(status, "readyReplicas"));
	(void)snprintf(in->image, sizeof(in->image), "%s", image != NULL ? image : "");
}

static void judge(struct installation *in, struct cluster *c)
{
	struct mode_core mode;

	c->gate.override = in->options.feature_gate;
	c->verdict = gate_verdict(&c->gate);

	mode_init(&mode, in->options.mode);
	mode_set_policies(&mode, c->in_force, c->lacking, 1);
	in->mode = mode_of(&mode);
	(void)mode_reason(&mode, in->mode_reason);
	if (in->options.mode == MODE_CHOOSE_OBSERVE)
		(void)said_read(&c->said, SAID_BY_ARGUMENTS, "", "mode observe: --mode=observe");
	if (c->verdict.cr != NULL)
		(void)write_identity(in->write_as, in->options.write_as, c->verdict.cr);
}

/* Where @configmap is right, its settings take the place of those of the arguments. */
static int take_settings(struct installation *in, const json_t *configmap, struct error *err)
{
	const json_t *data = json_object_get(configmap, "data");
	struct settings_values values = in->options.values;
	struct settings settings;
	struct error why = {0};

	if (json_object_size(data) == 0 && json_object_size(json_object_get(configmap, "binaryData")) == 0)
		return 0;
	in->settings = SETTINGS_OF_CONFIGMAP;
	if (json_object_size(json_object_get(configmap, "binaryData")) > 0)
		(void)error_set(&why, -EINVAL, "binaryData: settings are text, and belong under data");
	else if (settings_set_all(&values, data, &why) == 0 &&
		 settings_resolve(&settings, &values, &why) == 0) {
		settings_free(&in->options.settings);
		in->options.settings = settings;
		return 0;
	}
	if (why.code == -ENOMEM)
		return error_errno(err, -ENOMEM, "settings");
	in->settings = SETTINGS_REFUSED;
	(void)snprintf(in->settings_wrong, sizeof(in->settings_wrong), "%s", why.message);
	return 0;
}

static int read_settings(struct installation *in, struct session *s, const struct cluster *c,
			 struct error *err)
{
	AUTO_ANSWER struct session_answer answer;
	char path[256];
	json_t *configmap = NULL;
	int rc;

	(void)snprintf(path, sizeof(path), "/api/v1/namespaces/%s/configmaps/" SETTINGS_CONFIGMAP,
		       cluster_namespace(c));
	if (session_ask(s, "GET", path, NULL, &answer, NULL) == 0 && answer.status == 200)
		configmap = json_loadb(buf_str(&answer.body), answer.body.len, 0, NULL);
	if (configmap == NULL && answer.status != 404)
		in->settings = SETTINGS_HIDDEN;
	rc = take_settings(in, configmap, err);
	json_decref(configmap);
	return rc;
}

int installation_read(struct installation *in, struct session *s, struct cluster *c, struct error *err)
{
	AUTO_ANSWER struct session_answer answer;
	json_t *deployment = NULL;
	char path[256];
	int rc;

	*in = (struct installation){0};
	(void)snprintf(path, sizeof(path), "/apis/apps/v1/namespaces/%s/deployments/" INSTALLATION_NAME,
		       cluster_namespace(c));
	if (session_ask(s, "GET", path, NULL, &answer, NULL) == 0 && answer.status == 200)
		deployment = json_loadb(buf_str(&answer.body), answer.body.len, 0, NULL);
	if (deployment != NULL)
		read_deployment(in, deployment);
	rc = read_options(in, container_of_deployment(deployment), err);
	if (rc == 0)
		rc = read_settings(in, s, c, err);
	if (rc == 0)
		judge(in, c);
	json_decref(deployment);
	return rc;
}

void installation_free(struct installation *in)
{
	options_free(&in->options);
}
