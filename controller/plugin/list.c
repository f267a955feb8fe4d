/* kubectl vsock list: VMIs with their CIDs, and why one has none. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/macros.h"
#include "base/rng.h"
#include "controller/plugin/age.h"
#include "controller/plugin/cluster.h"
#include "controller/plugin/command.h"
#include "controller/plugin/document.h"
#include "controller/plugin/installation.h"
#include "controller/plugin/lack.h"
#include "controller/plugin/pods.h"
#include "controller/plugin/table.h"
#include "controller/plugin/vmi_list.h"
#include "kube/reflector.h"

/* With -w. */
#define REREAD_MS 10000

struct list {
	const struct flags *flags;
	const char *namespace; /* NULL: all */
	struct session session;
	struct cluster cluster;
	struct table table;
	json_t *items; /* with -o json and yaml */
	size_t shown;
	/* With -w. */
	struct vmi_row row;
	struct reflector *reflector;
	struct rng rng;
	uv_signal_t sigint;
	uv_signal_t sigterm;
	uv_timer_t timer;
	uint64_t newest;                /* the highest resourceVersion that was shown */
	uint64_t read_ms;               /* when the cluster was last read */
	enum reflector_restart refused; /* why there was no first list; REFLECTOR_RESTART_COUNT: there was */
	bool listed, closed;
};

static bool is_table(const struct list *l)
{
	return l->flags->output == FLAGS_TABLE || l->flags->output == FLAGS_WIDE;
}

/* ---- one VMI ---- */

static int64_t age_of(const struct vmi *v)
{
	int64_t age = (int64_t)(clock_wall_us() / 1000000) - v->created_s;

	if (v->created_s == 0)
		return -1;
	return age > 0 ? age : 0;
}

static const char *or_none(const char *text)
{
	return text[0] != '\0' ? text : "<none>";
}

static int add_row(struct list *l, const struct vmi_row *row)
{
	const struct vmi *v = &row->vmi;
	enum lack lack = lack_of(v, &l->cluster);
	const char *cells[TABLE_MAX_COLUMNS];
	char age[AGE_SIZE];
	char cid[16] = "<none>";
	size_t n = 0;

	if (v->cid_state == VMI_CID_PRESENT)
		(void)snprintf(cid, sizeof(cid), "%u", v->cid);
	if (l->namespace == NULL)
		cells[n++] = or_none(v->namespace);
	cells[n++] = or_none(v->name);
	cells[n++] = cid;
	cells[n++] = v->deleting ? "Terminating" : or_none(vmi_phase_name(v->phase));
	cells[n++] = or_none(row->node);
	cells[n++] = age_format(age_of(v), age);
	cells[n++] = lack_name(lack);
	if (l->flags->output == FLAGS_WIDE) {
		cells[n++] = or_none(v->uid);
		cells[n++] = or_none(row->writer);
		cells[n++] = lack_text(lack, v, &l->cluster);
	}
	return table_row(&l->table, cells);
}

static int add_item(struct list *l, const struct vmi_row *row)
{
	const struct vmi *v = &row->vmi;
	enum lack lack = lack_of(v, &l->cluster);
	char created[AGE_SIZE];
	json_t *item = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:b}", "namespace", v->namespace, "name",
				 v->name, "uid", v->uid, "phase", vmi_phase_name(v->phase), "node", row->node,
				 "created", age_time(v->created_s, created), "deleting", v->deleting);

	if (v->cid_state == VMI_CID_PRESENT)
		(void)json_object_set_new(item, "cid", json_integer(v->cid));
	if (row->writer[0] != '\0')
		(void)json_object_set_new(item, "writer", json_string(row->writer));
	if (lack != LACK_NOTHING)
		(void)json_object_set_new(item, "lack",
					  json_pack("{s:s, s:s}", "reason", lack_name(lack), "message",
						    lack_text(lack, v, &l->cluster)));
	if (l->flags->watch) {
		int rc;

		if (l->flags->output == FLAGS_YAML && l->shown > 1)
			(void)puts("---");
		rc = item != NULL ? document_print(stdout, item, l->flags->output) : -ENOMEM;
		json_decref(item);
		return rc;
	}
	return json_array_append_new(l->items, item) == 0 ? 0 : -ENOMEM;
}

static int show(void *data, const struct vmi_row *row)
{
	struct list *l = data;

	if (row->vmi.cid_state == VMI_CID_ABSENT && !row->vmi.wants_vsock && row->vmi.unreadable == NULL)
		return 0;
	l->shown++;
	if (is_table(l))
		return add_row(l, row);
	if (l->flags->output != FLAGS_NAME)
		return add_item(l, row);
	return printf("virtualmachineinstance.kubevirt.io/%s\n", row->vmi.name) < 0 ? -EIO : 0;
}

/* ---- once ---- */

static const char *const *columns_of(const struct list *l)
{
	static const char *const narrow[] = {"NAME", "CID", "PHASE", "NODE", "AGE", "WHY", NULL};
	static const char *const narrow_all[] = {"NAMESPACE", "NAME", "CID", "PHASE",
						 "NODE",      "AGE",  "WHY", NULL};
	static const char *const wide[] = {"NAME", "CID", "PHASE",  "NODE",   "AGE",
					   "WHY",  "UID", "WRITER", "REASON", NULL};
	static const char *const wide_all[] = {"NAMESPACE", "NAME", "CID",    "PHASE",  "NODE", "AGE",
					       "WHY",       "UID",  "WRITER", "REASON", NULL};

	if (l->flags->output == FLAGS_WIDE)
		return l->namespace == NULL ? wide_all : wide;
	return l->namespace == NULL ? narrow_all : narrow;
}

static int finish(struct list *l, struct error *err)
{
	AUTO_FREE char *where = NULL;
	json_t *document;
	int rc;

	(void)table_end(&l->table);
	if (l->shown == 0 && is_table(l)) {
		if (l->namespace != NULL && asprintf(&where, " in namespace %s", l->namespace) < 0)
			where = NULL;
		(void)fprintf(stderr, "No VMIs with a VSOCK CID, or that ask for one, found%s.\n",
			      where != NULL ? where : "");
	}
	if (is_table(l) || l->flags->output == FLAGS_NAME)
		return fflush(stdout) == 0 ? 0 : error_errno(err, -EIO, "standard output");
	document = json_pack("{s:s, s:O}", "kind", "VSOCKList", "items", l->items);
	rc = document_print(stdout, document, l->flags->output);
	json_decref(document);
	return rc == 0 ? 0 : error_errno(err, rc, "standard output");
}

static int list_once(struct list *l, struct error *err)
{
	const struct vmi_list_options options = {.namespace = l->namespace, .visit = show, .data = l};
	int rc = vmi_list_server(&l->session, &options, err);

	if (rc != 0) {
		(void)table_end(&l->table); /* what was read is true all the same */
		return rc;
	}
	return finish(l, err);
}

/* ---- with every change ---- */

static void on_begin(void *data)
{
	struct list *l = data;

	vmi_row_begin(&l->row);
}

static void on_value(void *data, int field, const struct json_value *value)
{
	struct list *l = data;

	vmi_row_value(&l->row, field, value);
}

/* Whoever follows sees each change at once, on a pipe too. */
static void flush(struct list *l)
{
	table_flush(&l->table);
	(void)fflush(stdout);
}

static void on_object(void *data, enum reflector_event event, const char *rv)
{
	struct list *l = data;

	uint64_t version = strtoull(rv, NULL, 10);

	vmi_row_end(&l->row);
	/* Of a list that is read again only what is new. */
	if (event == REFLECTOR_DELETED || (event == REFLECTOR_LISTED && l->listed && version <= l->newest))
		return;
	if (event != REFLECTOR_LISTED && version > l->newest)
		l->newest = version;
	(void)show(l, &l->row);
	if (l->listed)
		flush(l);
}

static void on_list_started(void *data)
{
	(void)data;
}

static void on_list_done(void *data, const char *rv)
{
	struct list *l = data;

	l->newest = strtoull(rv, NULL, 10);
	l->listed = true;
	flush(l);
}

/* Before anything was shown, what a list without -w would end with. */
static void on_restarted(void *data, bool watch, enum reflector_restart reason)
{
	struct list *l = data;

	if (!watch && !l->listed &&
	    (reason == REFLECTOR_RESTART_FORBIDDEN || reason == REFLECTOR_RESTART_ABSENT))
		l->refused = reason;
}

static void on_closed(void *data)
{
	struct list *l = data;

	l->closed = true;
	uv_close((uv_handle_t *)&l->timer, NULL);
	uv_close((uv_handle_t *)&l->sigint, NULL);
	uv_close((uv_handle_t *)&l->sigterm, NULL);
}

static void stop(struct list *l)
{
	if (l->reflector != NULL)
		reflector_close(STEAL_POINTER(l->reflector), on_closed, l);
}

static void on_signal(uv_signal_t *handle, int signum)
{
	(void)signum;
	stop(handle->data);
}

static int read_cluster(struct list *l, struct error *err)
{
	struct installation installation;
	struct cluster fresh;
	int rc = cluster_read(&fresh, &l->session, l->namespace, err);

	if (rc != 0)
		return rc;
	rc = installation_read(&installation, &l->session, &fresh, err);
	if (rc != 0) {
		cluster_free(&fresh);
		return rc;
	}
	/* Without an event that is an hour old at most the pods know; to ask them may take a while. */
	if (fresh.said.by == SAID_BY_NOBODY && l->read_ms == 0)
		pods_ask_mode(&l->session, &fresh, &installation);
	else if (fresh.said.by == SAID_BY_NOBODY)
		fresh.said = l->cluster.said;
	installation_free(&installation);
	cluster_free(&l->cluster);
	l->cluster = fresh;
	l->cluster.verdict = gate_verdict(&l->cluster.gate); /* it points into what was copied */
	l->read_ms = clock_boot_ms();
	return 0;
}

static void on_timer(uv_timer_t *timer)
{
	(void)timer; /* it only wakes the loop */
}

/* Between two turns of the loop. */
static void look_after(struct list *l)
{
	if (ferror(stdout) != 0 || l->refused != REFLECTOR_RESTART_COUNT)
		stop(l);
	/* Gate, hold and events change, too. */
	if (l->reflector != NULL && clock_boot_ms() - l->read_ms >= REREAD_MS)
		(void)read_cluster(l, NULL);
}

static int list_and_watch(struct list *l, struct error *err)
{
	static const struct reflector_handler handler = {
		.begin = on_begin,
		.value = on_value,
		.object = on_object,
		.list_started = on_list_started,
		.list_done = on_list_done,
		.restarted = on_restarted,
	};
	static const char *const versions[] = {"v1", NULL};
	struct json_field fields[VMI_ROW_MAX_FIELDS];
	const struct reflector_options options = {
		.loop = &l->session.loop,
		.client = l->session.client,
		.log = &l->session.log,
		.rng = &l->rng,
		.group = "kubevirt.io",
		.versions = versions,
		.resource = "virtualmachineinstances",
		.namespace = l->namespace,
		.fields = fields,
		.field_count = vmi_row_fields(fields),
		.handler = &handler,
		.handler_data = l,
	};
	int rc;

	rng_init_secure(&l->rng);
	l->refused = REFLECTOR_RESTART_COUNT;
	rc = reflector_open(&l->reflector, &options, err);
	if (rc != 0)
		return rc;
	(void)uv_timer_init(&l->session.loop, &l->timer);
	(void)uv_timer_start(&l->timer, on_timer, REREAD_MS, REREAD_MS);
	(void)uv_signal_init(&l->session.loop, &l->sigint);
	(void)uv_signal_init(&l->session.loop, &l->sigterm);
	l->sigint.data = l->sigterm.data = l;
	(void)uv_signal_start(&l->sigint, on_signal, SIGINT);
	(void)uv_signal_start(&l->sigterm, on_signal, SIGTERM);
	/* Not until the loop has nothing to do: the client has, where the server does not answer. */
	while (!l->closed) {
		(void)uv_run(&l->session.loop, UV_RUN_ONCE);
		look_after(l);
	}
	(void)table_end(&l->table);
	if (l->refused == REFLECTOR_RESTART_COUNT)
		return 0;
	return error_set(err, -EACCES, "the VMIs cannot be listed: %s",
			 l->refused == REFLECTOR_RESTART_FORBIDDEN ? "you may not" : "the server has none");
}

static enum command_status run(const struct flags *flags)
{
	struct list *l = calloc(1, sizeof(*l));
	struct error err = {0};
	int rc;

	if (l == NULL)
		return COMMAND_FAILED;
	l->flags = flags;
	rc = session_open(&l->session, flags, &err);
	if (rc == 0) {
		l->namespace = session_namespace(&l->session, flags);
		l->items = json_array();
		rc = read_cluster(l, &err);
		if (rc == 0) {
			if (!l->cluster.told_known)
				(void)fputs("warning: the controller's events cannot be read, so WHY knows "
					    "neither "
					    "reverted nor refused\n",
					    stderr);
			table_begin(&l->table, stdout, columns_of(l), !flags->no_headers);
			rc = flags->watch ? list_and_watch(l, &err) : list_once(l, &err);
			cluster_free(&l->cluster);
		}
		json_decref(l->items);
		session_close(&l->session);
	}
	free(l);
	return rc == 0 ? COMMAND_OK : command_fail(&err);
}

const struct command command_list = {
	.name = "list",
	.words = "",
	.summary = "List VMIs with their CIDs, and why one has none",
	.help = "Shows the VMIs that have a CID or ask for one. WHY says what one without a CID\n"
		"lacks: gate-off, waiting, held (by the admission policy, until it has one),\n"
		"observe (the controller writes none; -o wide says why), reverted (written, and\n"
		"put back by KubeVirt), refused, too-late (it runs without), ended, unreadable.\n"
		"\n"
		"Examples:\n"
		"  kubectl vsock list -A\n"
		"  kubectl vsock list -n tenant-1 -w\n"
		"  kubectl vsock list -A -o json | jq '.items[] | select(.lack)'\n",
	.allowed = FLAGS_ALLOW_NAMESPACE | FLAGS_ALLOW_ALL | FLAGS_ALLOW_OUTPUT | FLAGS_ALLOW_NAMES |
		   FLAGS_ALLOW_WATCH,
	.run = run,
};
