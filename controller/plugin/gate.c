/* kubectl vsock gate: what decides whether CIDs are given. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "controller/kubevirt_version.h"
#include "controller/plugin/cluster.h"
#include "controller/plugin/command.h"
#include "controller/plugin/document.h"
#include "controller/plugin/installation.h"
#include "controller/plugin/session.h"
#include "controller/plugin/table.h"

/* Where what a CR says begins, behind what it is about. */
#define VALUE_COLUMN 25

/* The list of gates of a CR, as text: "VSOCK, Snapshot"; "<none>" where there is none. */
static void write_gates(const json_t *cr, const char *member, struct buf *out)
{
	const json_t *gates =
		json_object_get(json_object_get(json_object_get(json_object_get(cr, "spec"), "configuration"),
						"developerConfiguration"),
				member);

	for (size_t i = 0; i < json_array_size(gates); i++) {
		const char *gate = json_string_value(json_array_get(gates, i));

		(void)buf_printf(out, "%s%s", i > 0 ? ", " : "", gate != NULL ? gate : "?");
	}
	if (json_array_size(gates) == 0)
		(void)buf_add_str(out, "<none>");
}

static void print_cr(const json_t *cr)
{
	const json_t *metadata = json_object_get(cr, "metadata");
	const char *namespace = json_string_value(json_object_get(metadata, "namespace"));
	const char *name = json_string_value(json_object_get(metadata, "name"));
	const char *version =
		json_string_value(json_object_get(json_object_get(cr, "status"), "observedKubeVirtVersion"));
	struct buf enabled;
	struct buf disabled;

	buf_init(&enabled, 64u << 10);
	buf_init(&disabled, 64u << 10);
	write_gates(cr, "featureGates", &enabled);
	write_gates(cr, "disabledFeatureGates", &disabled);
	printf("KubeVirt CR:             %s/%s\n", namespace != NULL ? namespace : "?",
	       name != NULL ? name : "?");
	printf("  version:               %s\n", version != NULL ? version : "<not known yet>");
	printf("  featureGates:          ");
	table_paragraph(stdout, VALUE_COLUMN, buf_str(&enabled));
	printf("  disabledFeatureGates:  ");
	table_paragraph(stdout, VALUE_COLUMN, buf_str(&disabled));
	buf_free(&enabled);
	buf_free(&disabled);
}

static int print_document(const struct cluster *c, const struct flags *flags)
{
	json_t *document = json_pack("{s:b, s:s, s:s}", "open", c->verdict.open, "reason",
				     gate_reason_name(c->verdict.reason), "message",
				     gate_reason_text(c->verdict.reason));
	int rc;

	if (c->verdict.cr != NULL)
		(void)json_object_set_new(
			document, "kubevirt",
			json_pack("{s:s, s:s, s:s, s:b, s:b}", "namespace", c->verdict.cr->namespace, "name",
				  c->verdict.cr->name, "version", c->verdict.cr->version, "enabled",
				  c->verdict.cr->gate_enabled, "disabled", c->verdict.cr->gate_disabled));
	rc = document_print(stdout, document, flags->output);
	json_decref(document);
	return rc;
}

static int print(const struct cluster *c, const struct installation *in, const struct flags *flags)
{
	const json_t *items = json_object_get(c->kubevirts, "items");

	if (flags_want_document(flags))
		return print_document(c, flags);
	for (size_t i = 0; i < json_array_size(items); i++)
		print_cr(json_array_get(items, i));
	printf("VSOCK feature gate:      ");
	table_line(stdout, VALUE_COLUMN, "%s, since %s", c->verdict.open ? "on" : "off",
		   gate_reason_text(c->verdict.reason));
	printf("It is switched in the CR (kubectl edit kubevirt%s%s).\n",
	       c->namespace[0] != '\0' ? " -n " : "", c->namespace);
	if (!in->found || in->odd)
		table_paragraph(
			stdout, 0,
			"The controller's flag --feature-gate, which cannot be seen here, overrides it.");
	return 0;
}

static enum command_status run(const struct flags *flags)
{
	struct session session;
	struct installation installation;
	struct cluster cluster;
	struct error err = {0};
	int rc = session_open(&session, flags, &err);

	if (rc != 0)
		return command_fail(&err);
	rc = cluster_read(&cluster, &session, NULL, &err);
	if (rc == 0) {
		rc = installation_read(&installation, &session, &cluster, &err);
		if (rc == 0 && !cluster.gate_known)
			rc = error_set(&err, -EACCES, "you may not read KubeVirt's CRs");
		if (rc == 0 && print(&cluster, &installation, flags) != 0)
			rc = error_set(&err, -EIO, "standard output cannot be written");
		installation_free(&installation);
		cluster_free(&cluster);
	}
	session_close(&session);
	return rc == 0 ? COMMAND_OK : command_fail(&err);
}

const struct command command_gate = {
	.name = "gate",
	.words = "",
	.summary = "Show what decides whether CIDs are given",
	.help = "KubeVirt's VSOCK feature gate: the lists of the KubeVirt CR, the default of the\n"
		"version that runs, and what follows. Switching it stays kubectl edit, as\n"
		"KubeVirt documents it.\n"
		"\n"
		"Examples:\n"
		"  kubectl vsock gate\n"
		"  kubectl vsock gate -o json | jq .open\n",
	.allowed = FLAGS_ALLOW_OUTPUT,
	.run = run,
};
