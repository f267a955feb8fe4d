/* kubectl vsock doctor: the advice of KubeVirt's VSOCK documentation, and of ours, as checks. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/macros.h"
#include "base/utf8.h"
#include "controller/plugin/cluster.h"
#include "controller/plugin/command.h"
#include "controller/plugin/document.h"
#include "controller/plugin/installation.h"
#include "controller/plugin/pods.h"
#include "controller/plugin/session.h"
#include "controller/plugin/table.h"
#include "controller/plugin/vmi_list.h"
#include "controller/vmi.h"

#define TEXT_SIZE 512

/* Where messages begin, behind verdict and check. */
#define MESSAGE_COLUMN 22

/* From here on containerd's default seccomp profile does not let pods make AF_VSOCK sockets. */
#define CONTAINERD_MAJOR 1
#define CONTAINERD_MINOR 7

/* A Lease that does not say how long it lasts: the default of --lease-duration. */
#define LEASE_S 15

/* So far the server's clock may be ahead of ours. */
#define CLOCK_SKEW_S 60

/* Hidden is unknown, too: something that safety rests on could not be looked at. */
enum verdict { VERDICT_GOOD, VERDICT_UNKNOWN, VERDICT_HIDDEN, VERDICT_BAD, VERDICT_COUNT };

struct doctor {
	const struct flags *flags;
	struct session session;
	struct cluster cluster;
	struct installation installation;
	json_t *checks;
	size_t count[VERDICT_COUNT];
	json_t *pods; /* pods_ask(); NULL: pods_failure says why */
	struct error pods_failure;
	/* The newest write of the controller, as the API has its time. */
	char written[24];
};

static const char *const verdict_names[VERDICT_COUNT] = {[VERDICT_GOOD] = "ok",
							 [VERDICT_UNKNOWN] = "unknown",
							 [VERDICT_HIDDEN] = "unknown",
							 [VERDICT_BAD] = "bad"};

/* ---- saying ---- */

static void tell(struct doctor *d, enum verdict verdict, const char *what, const char *fmt, ...)
	PRINTF_FORMAT(4, 5);

static void tell(struct doctor *d, enum verdict verdict, const char *what, const char *fmt, ...)
{
	char text[TEXT_SIZE];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	text[utf8_cut(text, strlen(text), sizeof(text) - 1)] = '\0'; /* not within a character */
	d->count[verdict]++;
	(void)json_array_append_new(d->checks, json_pack("{s:s, s:s, s:s}", "check", what, "verdict",
							 verdict_names[verdict], "message", text));
}

/* Colours only on a terminal that has them, and where nobody asked for none (no-color.org). */
static bool has_colours(void)
{
	const char *none = getenv("NO_COLOR");
	const char *term = getenv("TERM");

	return isatty(STDOUT_FILENO) == 1 && (none == NULL || none[0] == '\0') && term != NULL &&
	       term[0] != '\0' && strcmp(term, "dumb") != 0;
}

static void print_checks(const struct doctor *d)
{
	static const char *const colours[VERDICT_COUNT] = {[VERDICT_GOOD] = "\033[32m",
							   [VERDICT_UNKNOWN] = "\033[33m",
							   [VERDICT_HIDDEN] = "\033[33m",
							   [VERDICT_BAD] = "\033[31m"};
	bool coloured = has_colours();

	for (size_t i = 0; i < json_array_size(d->checks); i++) {
		const json_t *check = json_array_get(d->checks, i);
		const char *name = json_string_value(json_object_get(check, "verdict"));
		int verdict = 0;

		while (verdict < VERDICT_COUNT - 1 && strcmp(verdict_names[verdict], name) != 0)
			verdict++;
		printf("%s%-8s%s %-12s ", coloured ? colours[verdict] : "", name, coloured ? "\033[0m" : "",
		       json_string_value(json_object_get(check, "check")));
		table_paragraph(stdout, MESSAGE_COLUMN, json_string_value(json_object_get(check, "message")));
	}
	printf("\n%zu ok, %zu unknown, %zu bad\n", d->count[VERDICT_GOOD],
	       d->count[VERDICT_UNKNOWN] + d->count[VERDICT_HIDDEN], d->count[VERDICT_BAD]);
}

/* ---- gate, policies, controller ---- */

static void check_gate(struct doctor *d)
{
	const struct gate_verdict *v = &d->cluster.verdict;

	if (!d->cluster.gate_known) {
		tell(d, VERDICT_HIDDEN, "gate", "you may not read KubeVirt's CRs");
		return;
	}
	tell(d, v->open ? VERDICT_GOOD : VERDICT_BAD, "gate", "%s, since %s", v->open ? "on" : "off",
	     gate_reason_text(v->reason));
}

/* By its arguments, or since what it wrote did not last. */
static bool observes(const struct doctor *d)
{
	const struct said *said = &d->cluster.said;

	return said->by != SAID_BY_NOBODY && said->mode == MODE_OBSERVE;
}

static bool is_told_to_observe(const struct doctor *d)
{
	return d->installation.options.mode == MODE_CHOOSE_OBSERVE;
}

/* The controller does not find them at work: the server stores them, and does not run them. */
static bool are_in_vain(const struct doctor *d)
{
	const struct said *said = &d->cluster.said;
	enum mode_choice choice = d->installation.options.mode;

	return said->by != SAID_BY_NOBODY && said->mode == MODE_COEXIST &&
	       (choice == MODE_AUTO || choice == MODE_CHOOSE_TAKEOVER);
}

static void check_policies(struct doctor *d)
{
	const struct cluster *c = &d->cluster;

	if (c->holding && observes(d))
		tell(d, VERDICT_BAD, "policies",
		     "VMs without a CID wait for one, and the controller only observes: delete "
		     "ConfigMap " POLICY_PARAMETER);
	else if (c->in_force == MODE_POLICIES_IN_FORCE && are_in_vain(d))
		tell(d, VERDICT_BAD, "policies", "stored, but not relied on: %s", c->said.reason);
	else if (c->in_force == MODE_POLICIES_IN_FORCE)
		tell(d, VERDICT_GOOD, "policies", "in force; VMs without a CID %s",
		     c->holding ? "wait for one" : "are not kept from starting");
	else if (c->in_force == MODE_POLICIES_HIDDEN)
		tell(d, VERDICT_HIDDEN, "policies", "you may not read them all: %s", c->lacking);
	else if (is_told_to_observe(d))
		tell(d, VERDICT_GOOD, "policies", "not in force, nor wanted with --mode=observe");
	else
		tell(d, VERDICT_BAD, "policies", "not in force: %s", c->lacking);
}

static void check_mode(struct doctor *d)
{
	const struct said *said = &d->cluster.said;
	const struct installation *in = &d->installation;
	char source[SAID_SOURCE_SIZE];

	if (said->by == SAID_BY_NOBODY)
		tell(d, VERDICT_UNKNOWN, "mode",
		     "%s is expected (%s); no pod could be asked, and there is no event", mode_name(in->mode),
		     in->mode_reason);
	else
		tell(d, observes(d) && !is_told_to_observe(d) ? VERDICT_BAD : VERDICT_GOOD, "mode",
		     "%s: %s%s", mode_name(said->mode), said->reason, said_source(said, source));
}

static void check_replicas(struct doctor *d)
{
	const struct installation *in = &d->installation;

	if (!in->found)
		tell(d, VERDICT_HIDDEN, "replicas",
		     "no Deployment " INSTALLATION_NAME " in namespace %s that you may read",
		     cluster_namespace(&d->cluster));
	else if (in->ready == 0)
		tell(d, VERDICT_BAD, "replicas", "none of %d is ready: nobody gives CIDs", in->replicas);
	else if (in->ready < 2)
		tell(d, VERDICT_BAD, "replicas", "%d of %d ready: nobody takes over at once when it fails",
		     in->ready, in->replicas);
	else
		tell(d, VERDICT_GOOD, "replicas", "%d of %d ready", in->ready, in->replicas);
}

/* ---- its pods ---- */

/* The lines of /readyz, of one that is not ready all that is to be said. */
static void tell_pod(struct doctor *d, const char *pod, const char *state, const char *says)
{
	AUTO_BUF struct buf text = {.max = TEXT_SIZE};
	bool ready = strcmp(state, "ready") == 0;

	if (ready)
		(void)buf_add_str(&text,
				  said_line(says, "leading") != NULL ? "ready, leads" : "ready, stands by");
	else
		(void)buf_printf(&text, "%s", strcmp(state, "unready") == 0 ? "not ready; " : "");
	for (const char *line = says; !ready && *line != '\0';) {
		size_t n = strcspn(line, "\n");

		(void)buf_printf(&text, "%s%.*s", line != says ? "; " : "", (int)n, line);
		line += n;
		line += strspn(line, "\n");
	}
	if (strcmp(state, "unknown") == 0)
		tell(d, VERDICT_UNKNOWN, "pod", "%s cannot be asked: %s", pod, buf_str(&text));
	else
		tell(d, ready ? VERDICT_GOOD : VERDICT_BAD, "pod", "%s: %s", pod, buf_str(&text));
}

static void check_pods(struct doctor *d)
{
	if (d->pods == NULL)
		tell(d, VERDICT_UNKNOWN, "pods", "%s", d->pods_failure.message);
	for (size_t i = 0; i < json_array_size(d->pods); i++) {
		const char *pod;
		const char *state;
		const char *message;

		if (json_unpack(json_array_get(d->pods, i), "{s:s, s:s, s:s}", "pod", &pod, "state", &state,
				"message", &message) == 0)
			tell_pod(d, pod, state, message);
	}
}

static void check_settings(struct doctor *d)
{
	const struct installation *in = &d->installation;
	AUTO_BUF struct buf text = {.max = TEXT_SIZE};

	if (in->settings == SETTINGS_REFUSED) {
		tell(d, VERDICT_BAD, "settings",
		     "ConfigMap " SETTINGS_CONFIGMAP
		     " is refused; who has older ones keeps them, who starts now gives no CID: %s",
		     in->settings_wrong);
		return;
	}
	if (in->settings == SETTINGS_HIDDEN) {
		tell(d, VERDICT_HIDDEN, "settings", "you may not read ConfigMap " SETTINGS_CONFIGMAP);
		return;
	}
	(void)settings_describe(&in->options.settings, &text);
	tell(d, VERDICT_GOOD, "settings", "%s%s", buf_str(&text),
	     in->settings == SETTINGS_OF_CONFIGMAP ? ", by ConfigMap " SETTINGS_CONFIGMAP : "");
}

/* Seconds since a time as the API has it, with or without fractions; -1 where it is none. */
static int64_t seconds_since(const char *text)
{
	struct tm utc = {0};

	if (text == NULL || strptime(text, "%Y-%m-%dT%H:%M:%S", &utc) == NULL)
		return -1;
	return (int64_t)(clock_wall_us() / 1000000) - (int64_t)timegm(&utc);
}

/* What the Lease at @spec says. */
static void judge_lease(struct doctor *d, const json_t *spec)
{
	const char *holder = json_string_value(json_object_get(spec, "holderIdentity"));
	json_int_t duration = json_integer_value(json_object_get(spec, "leaseDurationSeconds"));
	int64_t age = seconds_since(json_string_value(json_object_get(spec, "renewTime")));

	if (age < 0 && age > -CLOCK_SKEW_S)
		age = 0;
	if (duration <= 0)
		duration = LEASE_S;
	if (holder == NULL || holder[0] == '\0' || age < 0)
		tell(d, VERDICT_BAD, "leader", "nobody leads");
	else if (age > duration)
		tell(d, VERDICT_BAD, "leader", "%s led, and has not renewed its Lease for %lld s", holder,
		     (long long)age);
	else
		tell(d, VERDICT_GOOD, "leader", "%s, renewed %lld s ago, term %lld", holder, (long long)age,
		     (long long)json_integer_value(json_object_get(spec, "leaseTransitions")));
}

static void check_leader(struct doctor *d)
{
	AUTO_ANSWER struct session_answer answer = {0};
	struct error err = {0};
	char path[256];
	json_t *lease;

	if (is_told_to_observe(d)) {
		tell(d, VERDICT_GOOD, "leader", "nobody leads, nor has to with --mode=observe");
		return;
	}
	(void)snprintf(path, sizeof(path), "/apis/coordination.k8s.io/v1/namespaces/%s/leases/%s",
		       cluster_namespace(&d->cluster), d->installation.options.lease_name);
	if (session_get(&d->session, path, &answer, &err) != 0) {
		tell(d, err.code == -ENOENT ? VERDICT_BAD : VERDICT_HIDDEN, "leader", "%s",
		     err.code == -ENOENT ? "there is no Lease: no replica has ever led" : err.message);
		return;
	}
	lease = json_loadb(buf_str(&answer.body), answer.body.len, 0, NULL);
	judge_lease(d, json_object_get(lease, "spec"));
	json_decref(lease);
}

static int on_vmi(void *data, const struct vmi_row *row)
{
	struct doctor *d = data;

	/* Times of the API compare as texts. */
	if (strcmp(row->writer, CLUSTER_COMPONENT) == 0 && strcmp(row->written, d->written) > 0)
		memcpy(d->written, row->written, sizeof(d->written));
	return 0;
}

static void check_last_write(struct doctor *d)
{
	const struct vmi_list_options options = {.visit = on_vmi, .data = d};
	struct error err = {0};

	if (vmi_list_server(&d->session, &options, &err) != 0)
		tell(d, VERDICT_HIDDEN, "last write", "%s", err.message);
	else if (d->written[0] == '\0')
		tell(d, VERDICT_UNKNOWN, "last write", "no VMI has a CID that this controller wrote last");
	else
		tell(d, VERDICT_GOOD, "last write", "%s, of the VMIs that are there", d->written);
}

/* ---- nodes ---- */

/* "containerd://1.7.2": the two numbers; false where it is another runtime. */
static bool is_containerd(const char *runtime, unsigned int *major, unsigned int *minor)
{
	return sscanf(runtime, "containerd://%u.%u", major, minor) == 2 ||
	       sscanf(runtime, "containerd://v%u.%u", major, minor) == 2;
}

static void check_node(void *data, const json_t *node)
{
	struct doctor *d = data;
	const char *name = json_string_value(json_object_get(json_object_get(node, "metadata"), "name"));
	const char *runtime = json_string_value(json_object_get(
		json_object_get(json_object_get(node, "status"), "nodeInfo"), "containerRuntimeVersion"));
	unsigned int major;
	unsigned int minor;

	if (name == NULL || runtime == NULL)
		tell(d, VERDICT_UNKNOWN, "node", "%s: its container runtime is not known",
		     name != NULL ? name : "?");
	else if (!is_containerd(runtime, &major, &minor))
		tell(d, VERDICT_UNKNOWN, "node",
		     "%s: %s; whether its default seccomp profile blocks AF_VSOCK shows "
		     "\"kubectl vsock probe --node %s\"",
		     name, runtime, name);
	else if (major < CONTAINERD_MAJOR || (major == CONTAINERD_MAJOR && minor < CONTAINERD_MINOR))
		tell(d, VERDICT_BAD, "node",
		     "%s: %s; before 1.7 its default seccomp profile lets every pod connect to "
		     "VMs by AF_VSOCK",
		     name, runtime);
	else
		tell(d, VERDICT_GOOD, "node", "%s: %s", name, runtime);
}

static void check_nodes(struct doctor *d)
{
	struct error err = {0};

	if (session_list(&d->session, "/api/v1/nodes", check_node, d, &err) != 0)
		tell(d, VERDICT_HIDDEN, "nodes", "%s", err.message);
}

/* ---- what the caller may do ---- */

static const struct {
	const char *verb, *group, *resource, *for_what;
} rights[] = {
	{"list", "kubevirt.io", "virtualmachineinstances", "list, whois, audit"},
	{"list", "kubevirt.io", "kubevirts", "gate, and why a VMI has no CID"},
	{"list", "admissionregistration.k8s.io", "validatingadmissionpolicies", "policies"},
	{"list", "admissionregistration.k8s.io", "mutatingadmissionpolicies", "policies"},
	{"list", "", "events", "why a VMI has no CID"},
	{"create", "", "pods", "probe"},
};

static void check_rights(struct doctor *d)
{
	for (size_t i = 0; i < ARRAY_LEN(rights); i++) {
		AUTO_ANSWER struct session_answer answer = {0};
		AUTO_FREE char *body = NULL;
		json_t *review = json_pack("{s:s, s:s, s:{s:{s:s, s:s, s:s}}}", "apiVersion",
					   "authorization.k8s.io/v1", "kind", "SelfSubjectAccessReview",
					   "spec", "resourceAttributes", "verb", rights[i].verb, "group",
					   rights[i].group, "resource", rights[i].resource);
		struct error err = {0};
		bool allowed;
		int rc;

		body = json_dumps(review, JSON_COMPACT);
		json_decref(review);
		rc = session_ask(&d->session, "POST",
				 "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", body, &answer,
				 &err);
		if (rc != 0 || answer.status != 201) {
			tell(d, VERDICT_UNKNOWN, "your rights", "%s %s: %s", rights[i].verb,
			     rights[i].resource, rc != 0 ? err.message : answer.failure.message);
			continue;
		}
		review = json_loadb(buf_str(&answer.body), answer.body.len, 0, NULL);
		allowed = json_is_true(json_object_get(json_object_get(review, "status"), "allowed"));
		json_decref(review);
		tell(d, allowed ? VERDICT_GOOD : VERDICT_UNKNOWN, "your rights", "you may%s %s %s (for %s)",
		     allowed ? "" : " not", rights[i].verb, rights[i].resource, rights[i].for_what);
	}
}

/* ---- the command ---- */

static int print(const struct doctor *d)
{
	json_t *document;
	int rc;

	if (!flags_want_document(d->flags)) {
		print_checks(d);
		return 0;
	}
	document = json_pack("{s:s, s:O}", "kind", "VSOCKDoctor", "checks", d->checks);
	rc = document_print(stdout, document, d->flags->output);
	json_decref(document);
	return rc;
}

static int look(struct doctor *d, struct error *err)
{
	int rc = cluster_read(&d->cluster, &d->session, NULL, err);

	if (rc != 0)
		return rc;
	rc = installation_read(&d->installation, &d->session, &d->cluster, err);
	if (rc == 0) {
		d->pods = pods_ask(&d->session, &d->cluster, &d->installation, &d->pods_failure);
		check_gate(d);
		check_policies(d);
		check_mode(d);
		check_replicas(d);
		check_pods(d);
		check_settings(d);
		check_leader(d);
		check_last_write(d);
		check_nodes(d);
		check_rights(d);
		rc = print(d);
		if (rc != 0)
			(void)error_errno(err, rc, "standard output");
		installation_free(&d->installation);
	}
	cluster_free(&d->cluster);
	return rc;
}

static enum command_status run(const struct flags *flags)
{
	struct doctor *d = calloc(1, sizeof(*d));
	enum command_status status;
	struct error err = {0};
	int rc;

	if (d == NULL)
		return COMMAND_FAILED;
	d->flags = flags;
	d->checks = json_array();
	rc = session_open(&d->session, flags, &err);
	if (rc == 0) {
		rc = look(d, &err);
		session_close(&d->session);
	}
	status = d->count[VERDICT_BAD] > 0 ? COMMAND_FOUND : COMMAND_OK;
	if (rc == 0 && status == COMMAND_OK && d->count[VERDICT_HIDDEN] > 0) {
		(void)fprintf(stderr, "error: %zu things that safety rests on could not be looked at\n",
			      d->count[VERDICT_HIDDEN]);
		status = COMMAND_FAILED;
	}
	json_decref(d->checks);
	json_decref(d->pods);
	free(d);
	return rc == 0 ? status : command_fail(&err);
}

const struct command command_doctor = {
	.name = "doctor",
	.words = "",
	.summary = "Check what VSOCK's safety rests on in this cluster",
	.help = "The gate; the admission policies; the mode in force; replicas, what each pod of\n"
		"the controller says of itself, leader and last write; the container runtime of\n"
		"every node (containerd before 1.7 does not keep pods from AF_VSOCK); and what\n"
		"you may do here. What you may not see is unknown. Exit status 1 where something\n"
		"is bad, else 2 where something that safety rests on could not be looked at.\n"
		"\n"
		"Examples:\n"
		"  kubectl vsock doctor\n"
		"  kubectl vsock doctor -o json |\n"
		"      jq '.checks[] | select(.verdict == \"bad\")'\n",
	.allowed = FLAGS_ALLOW_OUTPUT,
	.run = run,
};
