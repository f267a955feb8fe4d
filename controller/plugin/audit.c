/* kubectl vsock audit: is every CID its VM's alone, and what sees to it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/macros.h"
#include "controller/plugin/command.h"
#include "controller/plugin/document.h"
#include "controller/plugin/findings.h"
#include "controller/plugin/installation.h"
#include "controller/plugin/pods.h"
#include "controller/plugin/progress.h"
#include "controller/plugin/table.h"

/* Where what is known of the cluster begins, behind what it is. */
#define FACT_COLUMN 15

#define SUMMARY_MAX (1u << 20)

struct audit {
	const struct flags *flags;
	struct findings findings;
	struct progress progress;
	struct table table;
	json_t *list;    /* findings, with -o json and yaml */
	json_t *shared;  /* those of shared CIDs, to be sorted by CID */
	json_t *writers; /* manager to number of CIDs */
	json_t *facts;   /* of the cluster */
	const char *where;
	bool again; /* the second look */
};

static bool is_table(const struct audit *a)
{
	return a->flags->output == FLAGS_TABLE || a->flags->output == FLAGS_WIDE;
}

/* ---- findings ---- */

static json_t *item_of(enum finding_kind kind, const struct vmi_row *row, const char *where)
{
	const struct vmi *v = &row->vmi;
	json_t *item = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "finding", finding_name(kind), "namespace",
				 v->namespace, "name", v->name, "uid", v->uid, "phase",
				 vmi_phase_name(v->phase), "node", row->node);

	if (v->cid_state == VMI_CID_PRESENT)
		(void)json_object_set_new(item, "cid", json_integer(v->cid));
	if (row->writer[0] != '\0')
		(void)json_object_set_new(item, "writer", json_string(row->writer));
	if (v->unreadable != NULL)
		(void)json_object_set_new(item, "field", json_string(v->unreadable));
	if (where[0] != '\0')
		(void)json_object_set_new(item, "file", json_string(where));
	return item;
}

static const char *text_of(const json_t *item, const char *key)
{
	const char *text = json_string_value(json_object_get(item, key));

	return text != NULL && text[0] != '\0' ? text : "<none>";
}

static int add_row(struct audit *a, const json_t *item)
{
	const json_t *number = json_object_get(item, "cid");
	char cid[24] = "<none>";
	const char *cells[TABLE_MAX_COLUMNS];
	size_t n = 0;

	if (number != NULL)
		(void)snprintf(cid, sizeof(cid), "%lld", (long long)json_integer_value(number));
	cells[n++] = text_of(item, "finding");
	cells[n++] = cid;
	if (a->flags->file_count > 0)
		cells[n++] = text_of(item, "file");
	cells[n++] = text_of(item, "namespace");
	cells[n++] = text_of(item, "name");
	cells[n++] = text_of(item, "phase");
	cells[n++] = text_of(item, "node");
	if (a->flags->output == FLAGS_WIDE) {
		cells[n++] = text_of(item, "uid");
		cells[n++] = text_of(item, "writer");
	}
	progress_end(&a->progress);
	return table_row(&a->table, cells);
}

static int show(struct audit *a, json_t *item)
{
	int rc = is_table(a) ? add_row(a, item) : json_array_append(a->list, item);

	json_decref(item);
	return rc == 0 ? 0 : -ENOMEM;
}

static int on_found(void *data, enum finding_kind kind, const struct vmi_row *row, const char *where)
{
	struct audit *a = data;
	json_t *item = item_of(kind, row, where);

	if (item == NULL)
		return -ENOMEM;
	if (kind != FINDING_DUPLICATE)
		return show(a, item);
	return json_array_append_new(a->shared, item) == 0 ? 0 : -ENOMEM;
}

static json_int_t cid_of(const json_t *item)
{
	return json_integer_value(json_object_get(item, "cid"));
}

static int by_cid(const void *a, const void *b)
{
	json_int_t x = cid_of(*(json_t *const *)a);
	json_int_t y = cid_of(*(json_t *const *)b);

	return (x > y) - (x < y);
}

static int show_shared(struct audit *a)
{
	size_t n = json_array_size(a->shared);
	AUTO_FREE json_t **items = calloc(n + 1, sizeof(json_t *));
	int rc = items != NULL ? 0 : -ENOMEM;

	for (size_t i = 0; rc == 0 && i < n; i++)
		items[i] = json_incref(json_array_get(a->shared, i));
	if (rc == 0)
		qsort(items, n, sizeof(json_t *), by_cid);
	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = show(a, items[i]);
	return rc;
}

/* ---- looking ---- */

static void count_writer(struct audit *a, const struct vmi_row *row)
{
	const char *writer = row->writer[0] != '\0' ? row->writer : "unknown";

	if (row->vmi.cid_state == VMI_CID_PRESENT)
		(void)json_object_set_new(
			a->writers, writer,
			json_integer(json_integer_value(json_object_get(a->writers, writer)) + 1));
}

static int on_vmi(void *data, const struct vmi_row *row)
{
	struct audit *a = data;

	if (a->again)
		return findings_look_again(&a->findings, row, a->where);
	count_writer(a, row);
	return findings_look(&a->findings, row, a->where);
}

static void on_progress(void *data, size_t done, size_t left)
{
	struct audit *a = data;

	progress_step(&a->progress, done, left);
}

static int look_at_all(struct audit *a, struct session *s, struct error *err)
{
	const struct vmi_list_options options = {.visit = on_vmi, .progress = on_progress, .data = a};
	int rc = 0;

	a->where = "";
	progress_begin(&a->progress, "VMIs");
	if (s != NULL)
		rc = vmi_list_server(s, &options, err);
	for (size_t i = 0; rc == 0 && i < a->flags->file_count; i++) {
		a->where = a->flags->files[i];
		rc = vmi_list_file(a->flags->files[i], &options, err);
	}
	progress_end(&a->progress);
	if (rc == -ENOMEM && err->code == 0)
		(void)error_errno(err, rc, "audit");
	return rc;
}

static int look(struct audit *a, struct session *s, struct error *err)
{
	int rc = look_at_all(a, s, err);

	if (rc != 0 || !findings_are_shared(&a->findings))
		return rc;
	a->again = true;
	rc = look_at_all(a, s, err);
	return rc == 0 ? show_shared(a) : rc;
}

/* ---- what sees to it ---- */

static const char *policies_text(const struct cluster *c)
{
	switch (c->in_force) {
	case MODE_POLICIES_IN_FORCE:
		return "in force";
	case MODE_POLICIES_HIDDEN:
		return "not to be read by you";
	default:
		return "not in force";
	}
}

static void add_mode_facts(json_t *facts, const struct said *said, const struct installation *in)
{
	bool known = said->by != SAID_BY_NOBODY;
	json_t *mode =
		json_pack("{s:s, s:s, s:s, s:s, s:s}", "mode", mode_name(known ? said->mode : in->mode),
			  "modeReason", known ? said->reason : in->mode_reason, "modeSource",
			  known ? said_by_name(said->by) : "expected", "expectedMode", mode_name(in->mode),
			  "expectedModeReason", in->mode_reason);

	(void)json_object_update(json_object_get(facts, "controller"), mode);
	json_decref(mode);
}

static void gather_facts(struct audit *a, const struct cluster *c, const struct installation *in)
{
	const struct cid_range *range = &in->options.settings.cids;

	a->facts = json_pack(
		"{s:{s:b, s:s}, s:{s:b, s:s, s:s}, s:{s:b, s:i, s:i, s:s}, s:{s:I, s:I, s:i, s:s}}", "gate",
		"open", c->verdict.open, "message", gate_reason_text(c->verdict.reason), "policies",
		"inForce", c->in_force == MODE_POLICIES_IN_FORCE, "state", policies_text(c), "message",
		c->in_force == MODE_POLICIES_IN_FORCE ? "" : c->lacking, "controller", "found", in->found,
		"replicas", in->replicas, "ready", in->ready, "writesAs", in->write_as, "range", "min",
		(json_int_t)range->min, "max", (json_int_t)range->max, "excludedSpans",
		(int)range->excluded_count, "configMapRefused", in->settings_wrong);
	add_mode_facts(a->facts, &c->said, in);
}

/* "Label:         text", which may need more than a line. */
#define print_fact(label, ...)                                                                               \
	do {                                                                                                 \
		printf("%-*s", FACT_COLUMN, (label));                                                        \
		table_line(stdout, FACT_COLUMN, __VA_ARGS__);                                                \
	} while (0)

static void print_mode(const struct said *said, const struct installation *in)
{
	char source[SAID_SOURCE_SIZE];

	if (said->by != SAID_BY_NOBODY)
		print_fact("Mode:", "%s: %s%s", mode_name(said->mode), said->reason,
			   said_source(said, source));
	else
		print_fact("Expected mode:",
			   "%s: %s (the mode in force is not known: no pod of it can be asked, and there is "
			   "no event)",
			   mode_name(in->mode), in->mode_reason);
}

static void print_range(const struct installation *in)
{
	const struct cid_range *range = &in->options.settings.cids;

	print_fact("Range:", "%u to %u, %zu spans excluded%s", range->min, range->max, range->excluded_count,
		   in->settings == SETTINGS_OF_CONFIGMAP ? " (ConfigMap " SETTINGS_CONFIGMAP ")" : "");
	if (in->settings == SETTINGS_REFUSED)
		print_fact("", "but the ConfigMap " SETTINGS_CONFIGMAP " is refused: %s", in->settings_wrong);
	if (in->settings == SETTINGS_HIDDEN)
		print_fact("",
			   "unless ConfigMap " SETTINGS_CONFIGMAP ", which you may not read, says otherwise");
}

static void print_facts(const struct cluster *c, const struct installation *in)
{
	bool in_force = c->in_force == MODE_POLICIES_IN_FORCE;

	if (c->gate_known)
		print_fact("Feature gate:", "%s, since %s", c->verdict.open ? "on" : "off",
			   gate_reason_text(c->verdict.reason));
	else
		print_fact("Feature gate:", "not known, since you may not read KubeVirt's CRs");
	print_fact("Policies:", "%s%s%s", policies_text(c), in_force ? "" : ": ", in_force ? "" : c->lacking);
	if (c->hold_known)
		print_fact("Hold:", "VMs without a CID %s",
			   c->holding ? "wait for one" : "are not kept from starting");
	if (in->found)
		print_fact("Controller:", "%d of %d replicas ready", in->ready, in->replicas);
	else
		print_fact("Controller:",
			   "no Deployment " INSTALLATION_NAME " that you may read; its defaults are assumed");
	print_mode(&c->said, in);
	print_fact("Writes as:", "%s", in->write_as[0] != '\0' ? in->write_as : "itself");
	print_range(in);
	printf("\n");
	(void)fflush(stdout);
}

/* ---- the end ---- */

static size_t total(const struct audit *a)
{
	size_t n = 0;

	for (int i = 0; i < FINDING_KINDS; i++)
		n += a->findings.count[i];
	return n;
}

static void print_summary(const struct audit *a)
{
	const struct findings *f = &a->findings;
	AUTO_BUF struct buf writers = {.max = SUMMARY_MAX};
	const char *name;
	json_t *number;

	json_object_foreach(a->writers, name, number)
	{
		(void)buf_printf(&writers, "%s%s %lld", writers.len == 0 ? "; CIDs written by: " : ", ", name,
				 (long long)json_integer_value(number));
	}
	if (total(a) > 0)
		printf("\n");
	table_line(stdout, 0, "%zu VMIs, %zu with a CID, %zu waiting for one%s", f->vmis, f->with_cid,
		   f->waiting, buf_str(&writers));
	for (int i = 0; i < FINDING_KINDS; i++)
		if (f->count[i] > 0)
			printf("%zu %s\n", f->count[i], finding_name((enum finding_kind)i));
	if (total(a) == 0)
		printf("No findings: every CID is its VM's alone.\n");
}

static int print_document(const struct audit *a)
{
	const struct findings *f = &a->findings;
	json_t *document = json_pack("{s:s, s:O*, s:{s:I, s:I, s:I, s:I}, s:O, s:O}", "kind", "VSOCKAudit",
				     "cluster", a->facts, "counts", "vmis", (json_int_t)f->vmis, "withCID",
				     (json_int_t)f->with_cid, "waiting", (json_int_t)f->waiting, "findings",
				     (json_int_t)total(a), "writers", a->writers, "findings", a->list);
	int rc = document_print(stdout, document, a->flags->output);

	json_decref(document);
	return rc;
}

static int audit_all(struct audit *a, struct session *s, const struct cid_range *range, struct error *err)
{
	static const char *const narrow[] = {"FINDING", "CID", "NAMESPACE", "NAME", "PHASE", "NODE", NULL};
	static const char *const wide[] = {"FINDING", "CID", "NAMESPACE", "NAME", "PHASE",
					   "NODE",    "UID", "WRITER",    NULL};
	static const char *const narrow_files[] = {"FINDING", "CID",   "FILE", "NAMESPACE",
						   "NAME",    "PHASE", "NODE", NULL};
	static const char *const wide_files[] = {"FINDING", "CID",  "FILE", "NAMESPACE", "NAME",
						 "PHASE",   "NODE", "UID",  "WRITER",    NULL};
	bool is_wide = a->flags->output == FLAGS_WIDE;
	int rc = findings_init(&a->findings, range, on_found, a);

	if (rc != 0)
		return error_errno(err, rc, "audit");
	if (a->flags->file_count > 0)
		table_begin(&a->table, stdout, is_wide ? wide_files : narrow_files, !a->flags->no_headers);
	else
		table_begin(&a->table, stdout, is_wide ? wide : narrow, !a->flags->no_headers);
	rc = look(a, s, err);
	(void)table_end(&a->table);
	if (rc == 0 && is_table(a))
		print_summary(a);
	else if (rc == 0 && print_document(a) != 0)
		rc = error_set(err, -EIO, "standard output cannot be written");
	findings_close(&a->findings);
	return rc;
}

static int audit_cluster(struct audit *a, struct error *err)
{
	struct installation installation;
	struct session session;
	struct cluster cluster;
	int rc = session_open(&session, a->flags, err);

	if (rc != 0)
		return rc;
	rc = cluster_read(&cluster, &session, NULL, err);
	if (rc == 0) {
		rc = installation_read(&installation, &session, &cluster, err);
		if (rc == 0) {
			pods_ask_mode(&session, &cluster, &installation);
			gather_facts(a, &cluster, &installation);
			if (is_table(a))
				print_facts(&cluster, &installation);
			rc = audit_all(a, &session, &installation.options.settings.cids, err);
			installation_free(&installation);
		}
		cluster_free(&cluster);
	}
	session_close(&session);
	return rc;
}

/* A pipe cannot be looked at twice. One that cannot be opened is told when it is read. */
static int check_files(const struct flags *flags, struct error *err)
{
	for (size_t i = 0; i < flags->file_count; i++) {
		const char *path = flags->files[i];
		struct stat st;
		int rc = strcmp(path, "-") == 0 ? fstat(STDIN_FILENO, &st) : stat(path, &st);

		if (rc == 0 && !S_ISREG(st.st_mode))
			return error_set(err, -EINVAL,
					 "-f %s: it has to be a file, since it may be read twice", path);
	}
	return 0;
}

static enum command_status run(const struct flags *flags)
{
	struct audit a = {.flags = flags};
	struct error err = {0};
	int rc;

	a.list = json_array();
	a.shared = json_array();
	a.writers = json_object();
	rc = check_files(flags, &err);
	if (rc == 0)
		rc = flags->file_count > 0 ? audit_all(&a, NULL, NULL, &err) : audit_cluster(&a, &err);
	json_decref(a.list);
	json_decref(a.shared);
	json_decref(a.writers);
	json_decref(a.facts);
	if (rc != 0)
		return command_fail(&err);
	return total(&a) > 0 ? COMMAND_FOUND : COMMAND_OK;
}

const struct command command_audit = {
	.name = "audit",
	.words = "",
	.summary = "Look for CIDs that are shared, missing or of no use",
	.help = "Looks at all VMIs of the cluster, in memory that hardly grows with their\n"
		"number; or, with -f, at what `kubectl get vmi -A -o json` has written, of one\n"
		"cluster or several: VMs that share a CID must not meet on one node.\n"
		"\n"
		"Findings: duplicate (with all its owners), reserved (0, 1, 2, 4294967295),\n"
		"outside (excluded, or not of the controller's range; it works), missing (it\n"
		"runs without), unreadable. Exit status 0: nothing was found; 1: findings; 2: it\n"
		"could not be looked at.\n"
		"\n"
		"Examples:\n"
		"  kubectl vsock audit\n"
		"  kubectl vsock audit -o json | jq .findings\n"
		"  kubectl get vmi -A -o json --context=a > a.json\n"
		"  kubectl get vmi -A -o json --context=b > b.json\n"
		"  kubectl vsock audit -f a.json -f b.json\n",
	.allowed = FLAGS_ALLOW_ALL | FLAGS_ALLOW_OUTPUT | FLAGS_ALLOW_FILES,
	.run = run,
};
