/* kubectl vsock probe: can a pod of this cluster use AF_VSOCK? It really tries. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/macros.h"
#include "base/rng.h"
#include "controller/plugin/attempt.h"
#include "controller/plugin/cluster.h"
#include "controller/plugin/command.h"
#include "controller/plugin/document.h"
#include "controller/plugin/installation.h"
#include "controller/plugin/session.h"
#include "controller/plugin/table.h"

/* Where a container leaves its last words for whoever reads the pod's status. */
#define LAST_WORDS "/dev/termination-log"

/* Where results begin, behind what was tried. */
#define MESSAGE_COLUMN 21

#define POLL_NS   500000000
#define PATIENCE  240 /* polls: two minutes, for an image that has to be pulled */
#define NAME_SIZE 64

/* The pod ends by itself where nobody takes it away. */
#define DEADLINE_S 180

/* ---- in a pod ---- */

/* As any pod of a tenant: the runtime's own seccomp profile, no capability, no privilege. */
static json_t *make_pod(const char *name, const char *namespace, const char *image, const char *node)
{
	json_t *security = json_pack("{s:b, s:b, s:b, s:{s:[s]}, s:{s:s}}", "allowPrivilegeEscalation", 0,
				     "readOnlyRootFilesystem", 1, "runAsNonRoot", 1, "capabilities", "drop",
				     "ALL", "seccompProfile", "type", "RuntimeDefault");
	json_t *container =
		json_pack("{s:s, s:s, s:[s, s, s, s, s], s:o, s:s}", "name", "probe", "image", image,
			  "command", "/usr/bin/kubectl-vsock", "probe", "--here", "-o", "json",
			  "securityContext", security, "terminationMessagePath", LAST_WORDS);

	return json_pack("{s:s, s:s, s:{s:s, s:s, s:{s:s}}, s:{s:s, s:i, s:b, s:[o], s:s*}}", "apiVersion",
			 "v1", "kind", "Pod", "metadata", "name", name, "namespace", namespace, "labels",
			 "app.kubernetes.io/name", "vsock-probe", "spec", "restartPolicy", "Never",
			 "activeDeadlineSeconds", DEADLINE_S, "automountServiceAccountToken", 0, "containers",
			 container, "nodeName", node);
}

static json_t *state_of(const json_t *pod)
{
	const json_t *status = json_object_get(pod, "status");

	return json_object_get(json_array_get(json_object_get(status, "containerStatuses"), 0), "state");
}

/* Why it does not start, if it says so; "" else. */
static const char *waiting_reason(const json_t *pod)
{
	const char *reason =
		json_string_value(json_object_get(json_object_get(state_of(pod), "waiting"), "reason"));

	return reason != NULL ? reason : "";
}

static bool cannot_start(const char *reason)
{
	static const char *const hopeless[] = {"ErrImagePull", "ImagePullBackOff", "InvalidImageName",
					       "CreateContainerConfigError", "CreateContainerError"};

	for (size_t i = 0; i < ARRAY_LEN(hopeless); i++)
		if (strcmp(reason, hopeless[i]) == 0)
			return true;
	return false;
}

/* Waits a moment. A signal does not end the program before the pod is gone. */
static bool is_interrupted(void)
{
	const struct timespec moment = {.tv_nsec = POLL_NS};
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	(void)sigprocmask(SIG_BLOCK, &signals, NULL);
	return sigtimedwait(&signals, NULL, &moment) > 0;
}

/* The last words of the pod, once it has ended. */
static int await_words(struct session *s, const char *path, json_t **out, struct error *err)
{
	char reason[64] = "";

	for (int i = 0; i < PATIENCE; i++) {
		AUTO_ANSWER struct session_answer answer;
		int rc = session_get(s, path, &answer, err);
		json_t *pod;
		const json_t *ended;
		const char *words;

		if (rc != 0)
			return rc;
		pod = json_loadb(buf_str(&answer.body), answer.body.len, 0, NULL);
		(void)snprintf(reason, sizeof(reason), "%s", waiting_reason(pod));
		ended = json_object_get(state_of(pod), "terminated");
		words = json_string_value(json_object_get(ended, "message"));
		*out = words != NULL ? json_loads(words, 0, NULL) : NULL;
		rc = ended != NULL ? 1 : 0;
		json_decref(pod);
		if (rc != 0)
			return *out != NULL
				       ? 0
				       : error_set(err, -EPROTO, "the pod has ended without saying anything");
		if (cannot_start(reason))
			return error_set(err, -EIO, "the pod does not start: %s", reason);
		if (is_interrupted())
			return error_set(err, -EINTR, "interrupted");
	}
	return error_set(err, -ETIMEDOUT, "the pod has not ended within two minutes%s%s",
			 reason[0] != '\0' ? ": " : "", reason);
}

static int run_pod(struct session *s, const struct flags *flags, const char *image, json_t **out,
		   struct error *err)
{
	const char *namespace = session_namespace(s, flags);
	AUTO_ANSWER struct session_answer answer = {0};
	AUTO_ANSWER struct session_answer gone = {0};
	AUTO_FREE char *body = NULL;
	char name[NAME_SIZE];
	char path[512];
	struct rng rng;
	json_t *pod;
	int rc;

	rng_init_secure(&rng);
	(void)snprintf(name, sizeof(name), "vsock-probe-%08x", (unsigned int)rng_below(&rng, UINT32_MAX));
	pod = make_pod(name, namespace, image, flags->node);
	body = json_dumps(pod, JSON_COMPACT);
	json_decref(pod);
	(void)snprintf(path, sizeof(path), "/api/v1/namespaces/%s/pods", namespace);
	rc = session_ask(s, "POST", path, body, &answer, err);
	if (rc == 0 && answer.status != 201)
		rc = error_set(err, -EACCES, "the pod cannot be made: %s", answer.failure.message);
	if (rc != 0)
		return rc;
	(void)snprintf(path, sizeof(path), "/api/v1/namespaces/%s/pods/%s", namespace, name);
	rc = await_words(s, path, out, err);
	/* Whatever came of it, it goes. */
	if (session_ask(s, "DELETE", path, NULL, &gone, NULL) != 0 || gone.status > 299)
		(void)fprintf(stderr, "warning: pod %s/%s could not be deleted\n", namespace, name);
	return rc;
}

static int probe_in_pod(const struct flags *flags, json_t **out, struct error *err)
{
	struct installation installation;
	struct session session;
	struct cluster cluster;
	const char *image = flags->image;
	int rc;

	rc = session_open(&session, flags, err);
	if (rc != 0)
		return rc;
	if (image != NULL) {
		rc = run_pod(&session, flags, image, out, err);
		session_close(&session);
		return rc;
	}
	rc = cluster_read(&cluster, &session, NULL, err);
	if (rc == 0) {
		rc = installation_read(&installation, &session, &cluster, err);
		if (rc == 0 && !installation.found)
			rc = error_set(err, -ENOENT,
				       "no Deployment " INSTALLATION_NAME " that you may read, whose image "
				       "could be used: name one with --image");
		if (rc == 0)
			rc = run_pod(&session, flags, installation.image, out, err);
		installation_free(&installation);
		cluster_free(&cluster);
	}
	session_close(&session);
	return rc;
}

/* ---- the command ---- */

static const char *text_of(const json_t *said, const char *key)
{
	const char *text = json_string_value(json_object_get(said, key));

	return text != NULL ? text : "?";
}

static int print(const json_t *said, const struct flags *flags)
{
	if (flags_want_document(flags))
		return document_print(stdout, said, flags->output);
	printf("AF_VSOCK %-11s ", flags->here ? "here:" : "in a pod:");
	table_paragraph(stdout, MESSAGE_COLUMN, text_of(said, "message"));
	printf("  socket():          %s\n", text_of(said, "socket"));
	printf("  bind, port 80:     %s\n", text_of(said, "bind80"));
	printf("  bind, port 1024:   %s\n", text_of(said, "bind1024"));
	printf("  /dev/vhost-vsock:  %s, and not needed for any of these\n",
	       json_is_true(json_object_get(said, "vhostDevice")) ? "there" : "not there");
	return 0;
}

/* The kubelet hands them to whoever reads the pod. It has made the file; elsewhere there is none, and none is
 * left. */
static void leave_words(const json_t *said)
{
	int fd = open(LAST_WORDS, O_WRONLY | O_TRUNC | O_CLOEXEC);
	FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;

	if (file == NULL) {
		if (fd >= 0)
			(void)close(fd);
		return;
	}
	(void)json_dumpf(said, file, JSON_COMPACT);
	(void)fclose(file);
}

static enum command_status run(const struct flags *flags)
{
	struct error err = {0};
	struct attempt attempt;
	json_t *said = NULL;
	int rc = 0;

	if (flags->here) {
		attempt_make(&attempt);
		said = attempt_describe(&attempt);
		leave_words(said);
	} else {
		rc = probe_in_pod(flags, &said, &err);
	}
	if (rc == 0 && print(said, flags) != 0)
		rc = error_set(&err, -EIO, "standard output cannot be written");
	json_decref(said);
	return rc == 0 ? COMMAND_OK : command_fail(&err);
}

const struct command command_probe = {
	.name = "probe",
	.words = "",
	.summary = "Try whether a pod can use AF_VSOCK",
	.help = "Runs a short pod from the controller's image, under the runtime's default\n"
		"seccomp profile and without capabilities, that makes an AF_VSOCK socket and\n"
		"binds it to ports 80 and 1024; or does so itself (--here). The answer is one\n"
		"of: blocked, privileged-port-refused, unsupported, open, unknown. Which node it\n"
		"is depends on the scheduler, where none is named.\n"
		"\n"
		"Examples:\n"
		"  kubectl vsock probe -n tenant-1\n"
		"  kubectl vsock probe --node worker-1\n"
		"  kubectl vsock probe --here -o json\n",
	.allowed = FLAGS_ALLOW_NAMESPACE | FLAGS_ALLOW_OUTPUT | FLAGS_ALLOW_PROBE,
	.run = run,
};
