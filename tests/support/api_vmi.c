#include "support/api_vmi.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/api_vmi_template.h"

static void want_vsock(json_t *vmi, bool wants)
{
	json_t *devices = api_member(vmi, "spec.domain.devices");

	if (wants)
		json_object_set_new(devices, "autoattachVSOCK", json_true());
}

json_t *api_vmi_new(const char *ns, const char *name, bool wants_vsock)
{
	json_t *vmi = json_pack("{s:s, s:s, s:{s:s, s:s}, s:{s:{s:{}, s:{s:{s:s}}}}}", "apiVersion",
				"kubevirt.io/v1", "kind", "VirtualMachineInstance", "metadata", "namespace",
				ns, "name", name, "spec", "domain", "devices", "resources", "requests",
				"memory", "64Mi");

	want_vsock(vmi, wants_vsock);
	return vmi;
}

json_t *api_vmi_new_large(const char *ns, const char *name, bool wants_vsock)
{
	AUTO_FREE char *text = strdup(api_vmi_template);
	json_t *metadata;
	json_t *vmi;

	for (char *quote = text; (quote = strchr(quote, '\'')) != NULL;)
		*quote = '"';
	vmi = json_loads(text, 0, NULL);
	metadata = json_object_get(vmi, "metadata");
	json_object_set_new(metadata, "namespace", json_string(ns));
	json_object_set_new(metadata, "name", json_string(name));
	json_object_set_new(json_object_get(vmi, "spec"), "hostname", json_string(name));
	want_vsock(vmi, wants_vsock);
	return vmi;
}

char *api_vmi_path(const char *ns, const char *name)
{
	char *path;

	if (asprintf(&path, "/apis/kubevirt.io/v1/namespaces/%s/virtualmachineinstances%s%s", ns,
		     name != NULL ? "/" : "", name != NULL ? name : "") < 0)
		return NULL;
	return path;
}

/* Sends; a code other than 2xx becomes a failure: -EEXIST for a 409 to a POST, -ENOENT for a 404. */
static int send(struct api *api, const char *method, const char *path, const char *content_type,
		const json_t *body, json_t **out, struct error *err)
{
	AUTO_API_ANSWER struct api_answer answer;
	int code = -EPROTO;
	int rc = api_request(api, method, path, content_type, body, &answer, err);

	if (rc != 0)
		return rc;
	if (answer.status >= 200 && answer.status < 300) {
		if (out != NULL)
			*out = STEAL_POINTER(answer.body);
		return 0;
	}
	if (answer.status == 404)
		code = -ENOENT;
	if (answer.status == 409 && strcmp(method, "POST") == 0)
		code = -EEXIST;
	return error_set(err, code, "%s %s: %ld %s", method, path, answer.status,
			 api_text(answer.body, "message"));
}

int api_namespace_ensure(struct api *api, const char *ns, struct error *err)
{
	json_t *body = json_pack("{s:s, s:s, s:{s:s}}", "apiVersion", "v1", "kind", "Namespace", "metadata",
				 "name", ns);
	int rc = send(api, "POST", "/api/v1/namespaces", NULL, body, NULL, err);

	json_decref(body);
	return rc == -EEXIST ? 0 : rc;
}

int api_vmi_create(struct api *api, const json_t *vmi, struct error *err)
{
	AUTO_FREE char *path = api_vmi_path(api_text(vmi, "metadata.namespace"), NULL);

	return send(api, "POST", path, NULL, vmi, NULL, err);
}

int api_vmi_get(struct api *api, const char *ns, const char *name, json_t **vmi, struct error *err)
{
	AUTO_FREE char *path = api_vmi_path(ns, name);

	return send(api, "GET", path, NULL, NULL, vmi, err);
}

int api_vmi_delete(struct api *api, const char *ns, const char *name, struct error *err)
{
	AUTO_FREE char *path = api_vmi_path(ns, name);

	return send(api, "DELETE", path, NULL, NULL, NULL, err);
}

int api_vmi_set_phase(struct api *api, const char *ns, const char *name, const char *phase, struct error *err)
{
	AUTO_FREE char *path = api_vmi_path(ns, name);
	json_t *body = json_pack("{s:{s:s}}", "status", "phase", phase);
	int rc = send(api, "PATCH", path, API_MERGE_PATCH, body, NULL, err);

	json_decref(body);
	return rc;
}

int api_vmi_list(struct api *api, json_t **items, struct error *err)
{
	return api_list(api, API_VMIS, items, NULL, err);
}

bool api_vmi_wants_vsock(const json_t *vmi)
{
	return json_is_true(api_member(vmi, "spec.domain.devices.autoattachVSOCK"));
}

long long api_vmi_cid(const json_t *vmi)
{
	const json_t *cid = api_member(vmi, "status.VSOCKCID");

	return json_is_integer(cid) ? json_integer_value(cid) : -1;
}

/* As virt-operator leaves it: without a phase it counts for nothing. */
static int deploy(struct api *api, const char *path, const char *name, struct error *err)
{
	AUTO_FREE char *status = NULL;
	json_t *body = json_pack("{s:{s:s, s:s}}", "status", "phase", "Deployed", "observedKubeVirtVersion",
				 "v1.9.0");
	int rc;

	if (asprintf(&status, "%s/%s/status", path, name) < 0)
		status = NULL;
	rc = send(api, "PATCH", status, API_MERGE_PATCH, body, NULL, err);
	json_decref(body);
	return rc;
}

int api_kubevirt_set_gates(struct api *api, const char *ns, const char *name, const char *const *gates,
			   struct error *err)
{
	AUTO_FREE char *path = NULL;
	json_t *list = json_array();
	json_t *body;
	int rc;

	for (; *gates != NULL; gates++)
		json_array_append_new(list, json_string(*gates));
	body = json_pack("{s:s, s:s, s:{s:s, s:s}, s:{s:{s:{s:o}}}}", "apiVersion", "kubevirt.io/v1", "kind",
			 "KubeVirt", "metadata", "namespace", ns, "name", name, "spec", "configuration",
			 "developerConfiguration", "featureGates", list);
	if (asprintf(&path, "/apis/kubevirt.io/v1/namespaces/%s/kubevirts", ns) < 0)
		path = NULL;
	rc = send(api, "POST", path, NULL, body, NULL, err);
	if (rc == 0)
		rc = deploy(api, path, name, err);
	if (rc == -EEXIST) {
		AUTO_FREE char *named = NULL;

		if (asprintf(&named, "%s/%s", path, name) < 0)
			named = NULL;
		rc = send(api, "PATCH", named, API_MERGE_PATCH, body, NULL, err);
	}
	json_decref(body);
	return rc;
}
