/* kubectl vsock whois: which VMIs have these CIDs. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "controller/plugin/age.h"
#include "controller/plugin/cluster.h"
#include "controller/plugin/command.h"
#include "controller/plugin/document.h"
#include "controller/plugin/table.h"
#include "controller/plugin/vmi_list.h"

#define MAX_CIDS  (1u << 20)
#define LINE_SIZE 64

struct asked {
	uint32_t cid;
	bool found;
};

struct whois {
	const struct flags *flags;
	struct asked *asked; /* by CID, each once */
	size_t count, room;
	struct table table;
	json_t *items;
};

/* ---- what is asked ---- */

static int add_cid(struct whois *w, const char *text, struct error *err)
{
	unsigned long cid;
	char *end;

	errno = 0;
	cid = strtoul(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || cid > UINT32_MAX)
		return error_set(err, -EINVAL, "'%.40s' is no CID: a number from 0 to 4294967295", text);
	if (w->count == w->room) {
		size_t room = w->room * 2 + 16;
		struct asked *more = room <= MAX_CIDS ? reallocarray(w->asked, room, sizeof(*more)) : NULL;

		if (more == NULL)
			return error_set(err, -ENOMEM, "too many CIDs at once");
		w->asked = more;
		w->room = room;
	}
	w->asked[w->count++] = (struct asked){.cid = (uint32_t)cid};
	return 0;
}

/* Words, one or many to a line. */
static int read_stdin(struct whois *w, struct error *err)
{
	char word[LINE_SIZE];
	int rc = 0;

	while (rc == 0 && scanf("%63s", word) == 1)
		rc = add_cid(w, word, err);
	if (rc == 0 && ferror(stdin))
		rc = error_set(err, -EIO, "standard input cannot be read");
	return rc;
}

static int by_cid(const void *a, const void *b)
{
	const struct asked *x = a;
	const struct asked *y = b;

	return (x->cid > y->cid) - (x->cid < y->cid);
}

static int read_words(struct whois *w, struct error *err)
{
	bool from_stdin = w->flags->word_count == 0 ||
			  (w->flags->word_count == 1 && strcmp(w->flags->words[0], "-") == 0);
	size_t kept = 0;
	int rc = from_stdin ? read_stdin(w, err) : 0;

	for (int i = 0; rc == 0 && !from_stdin && i < w->flags->word_count; i++)
		rc = add_cid(w, w->flags->words[i], err);
	if (rc != 0)
		return rc;
	if (w->count == 0)
		return error_set(err, -EINVAL, "no CID was given");
	qsort(w->asked, w->count, sizeof(*w->asked), by_cid);
	for (size_t i = 0; i < w->count; i++)
		if (kept == 0 || w->asked[kept - 1].cid != w->asked[i].cid)
			w->asked[kept++] = w->asked[i];
	w->count = kept;
	return 0;
}

/* ---- what is found ---- */

static int add_item(struct whois *w, const struct vmi_row *row, const char *since)
{
	return json_array_append_new(w->items,
				     json_pack("{s:I, s:s, s:s, s:s, s:s, s:s, s:s}", "cid",
					       (json_int_t)row->vmi.cid, "namespace", row->vmi.namespace,
					       "name", row->vmi.name, "uid", row->vmi.uid, "phase",
					       vmi_phase_name(row->vmi.phase), "node", row->node, "since",
					       since)) == 0
		       ? 0
		       : -ENOMEM;
}

static int add_row(struct whois *w, const struct vmi_row *row, const char *since)
{
	const char *cells[TABLE_MAX_COLUMNS];
	char cid[16];
	size_t n = 0;

	(void)snprintf(cid, sizeof(cid), "%u", row->vmi.cid);
	cells[n++] = cid;
	cells[n++] = row->vmi.namespace;
	cells[n++] = row->vmi.name;
	cells[n++] = row->node[0] != '\0' ? row->node : "<none>";
	cells[n++] = since;
	if (w->flags->output == FLAGS_WIDE)
		cells[n++] = row->vmi.uid;
	return table_row(&w->table, cells);
}

static int look(void *data, const struct vmi_row *row)
{
	struct whois *w = data;
	const struct asked key = {.cid = row->vmi.cid};
	struct asked *asked;
	char since[AGE_SIZE];

	if (row->vmi.cid_state != VMI_CID_PRESENT)
		return 0;
	asked = bsearch(&key, w->asked, w->count, sizeof(*w->asked), by_cid);
	if (asked == NULL)
		return 0;
	asked->found = true;
	/* Our controller writes a VMI once; of others only the last write is known. */
	if (strcmp(row->writer, CLUSTER_COMPONENT) == 0 && row->written[0] != '\0')
		(void)snprintf(since, sizeof(since), "%s", row->written);
	else
		(void)age_time(row->vmi.created_s, since);
	if (w->flags->output == FLAGS_NAME) {
		printf("virtualmachineinstance.kubevirt.io/%s\n", row->vmi.name);
		return 0;
	}
	if (flags_want_document(w->flags))
		return add_item(w, row, since);
	return add_row(w, row, since);
}

static int answer(struct whois *w, struct error *err)
{
	static const char *const narrow[] = {"CID", "NAMESPACE", "NAME", "NODE", "SINCE", NULL};
	static const char *const wide[] = {"CID", "NAMESPACE", "NAME", "NODE", "SINCE", "UID", NULL};
	const struct vmi_list_options options = {.visit = look, .data = w};
	struct session session;
	json_t *document;
	int rc = session_open(&session, w->flags, err);

	if (rc != 0)
		return rc;
	w->items = json_array();
	if (w->flags->output != FLAGS_NAME)
		table_begin(&w->table, stdout, w->flags->output == FLAGS_WIDE ? wide : narrow,
			    !w->flags->no_headers);
	rc = vmi_list_server(&session, &options, err);
	if (w->flags->output != FLAGS_NAME)
		(void)table_end(&w->table);
	if (rc == 0 && (flags_want_document(w->flags))) {
		document = json_pack("{s:s, s:O}", "kind", "VSOCKOwnerList", "items", w->items);
		rc = document_print(stdout, document, w->flags->output);
		json_decref(document);
		if (rc != 0)
			(void)error_errno(err, rc, "standard output");
	}
	json_decref(w->items);
	session_close(&session);
	return rc;
}

static enum command_status run(const struct flags *flags)
{
	struct whois w = {.flags = flags};
	enum command_status status = COMMAND_OK;
	struct error err = {0};
	int rc = read_words(&w, &err);

	if (rc == 0)
		rc = answer(&w, &err);
	for (size_t i = 0; rc == 0 && i < w.count; i++) {
		if (w.asked[i].found)
			continue;
		(void)fprintf(stderr, "No VMI has CID %u.\n", w.asked[i].cid);
		status = COMMAND_FOUND;
	}
	free(w.asked);
	return rc == 0 ? status : command_fail(&err);
}

const struct command command_whois = {
	.name = "whois",
	.words = "CID...",
	.summary = "Tell which VMIs have these CIDs",
	.help = "Looks in all namespaces. Without a CID they are read from standard input. Exit\n"
		"status 1 where a CID is nobody's.\n"
		"\n"
		"Examples:\n"
		"  kubectl vsock whois 123456\n"
		"  ss --vsock -Hn | awk '{print $6}' | cut -d: -f1 | kubectl vsock whois\n",
	.allowed = FLAGS_ALLOW_ALL | FLAGS_ALLOW_OUTPUT | FLAGS_ALLOW_NAMES | FLAGS_ALLOW_WORDS,
	.run = run,
};
