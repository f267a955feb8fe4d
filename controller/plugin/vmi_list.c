#include "controller/plugin/vmi_list.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/macros.h"
#include "base/utf8.h"
#include "controller/identity.h"
#include "controller/plugin/pages.h"
#include "kube/list_reader.h"

#define PAGE     500
#define MAX_TEXT 1024

/* A path with namespace, limit and a continue token. */
#define PATH_MAX_BYTES (16u << 10)

/* Numbers above those of vmi_fields. */
enum row_field {
	FIELD_NODE = 100,
	FIELD_MANAGED,     /* an entry of managedFields begins */
	FIELD_MANAGER,     /* whose it is */
	FIELD_MANAGED_AT,  /* when he wrote last */
	FIELD_MANAGES_CID, /* it owns the CID */
};

#define PATH(...) ((const char *const[]){__VA_ARGS__, NULL})

static const struct json_field own_fields[] = {
	{FIELD_NODE, PATH("status", "nodeName")},
	{FIELD_MANAGED, PATH("metadata", "managedFields", JSON_EACH)},
	{FIELD_MANAGER, PATH("metadata", "managedFields", JSON_EACH, "manager")},
	{FIELD_MANAGED_AT, PATH("metadata", "managedFields", JSON_EACH, "time")},
	{FIELD_MANAGES_CID,
	 PATH("metadata", "managedFields", JSON_EACH, "fieldsV1", "f:status", "f:VSOCKCID")},
};

/* ---- one VMI ---- */

size_t vmi_row_fields(struct json_field out[static VMI_ROW_MAX_FIELDS])
{
	size_t n = 0;

	assert(vmi_field_count + ARRAY_LEN(own_fields) <= VMI_ROW_MAX_FIELDS);
	for (size_t i = 0; i < vmi_field_count; i++)
		out[n++] = vmi_fields[i];
	for (size_t i = 0; i < ARRAY_LEN(own_fields); i++)
		out[n++] = own_fields[i];
	return n;
}

void vmi_row_begin(struct vmi_row *row)
{
	vmi_begin(&row->vmi);
	row->node[0] = '\0';
	row->writer[0] = '\0';
	row->written[0] = '\0';
	row->manager[0] = '\0';
	row->managed_at[0] = '\0';
	row->manages_cid = false;
}

/* Members of an entry come in any order. */
static void note_writer(struct vmi_row *row)
{
	if (!row->manages_cid)
		return;
	memcpy(row->writer, row->manager, sizeof(row->writer));
	memcpy(row->written, row->managed_at, sizeof(row->written));
}

static void read_text(char *out, size_t room, const struct json_value *value)
{
	size_t n =
		value->kind == JSON_VALUE_STRING ? utf8_cut(value->text, strlen(value->text), room - 1) : 0;

	memcpy(out, value->text, n);
	out[n] = '\0';
}

void vmi_row_value(struct vmi_row *row, int field, const struct json_value *value)
{
	switch (field) {
	case FIELD_NODE:
		(void)identity_read(row->node, sizeof(row->node), value);
		break;
	case FIELD_MANAGED:
		row->manager[0] = '\0';
		row->managed_at[0] = '\0';
		row->manages_cid = false;
		break;
	case FIELD_MANAGER:
		read_text(row->manager, sizeof(row->manager), value);
		note_writer(row);
		break;
	case FIELD_MANAGED_AT:
		read_text(row->managed_at, sizeof(row->managed_at), value);
		note_writer(row);
		break;
	case FIELD_MANAGES_CID:
		row->manages_cid = true;
		note_writer(row);
		break;
	default:
		vmi_value(&row->vmi, field, value);
	}
}

void vmi_row_end(struct vmi_row *row)
{
	vmi_end(&row->vmi);
}

/* ---- objects on their way through a list ---- */

struct listing {
	const struct vmi_list_options *options;
	struct vmi_row row;
	struct reflector_object object;
	struct json_field fields[VMI_ROW_MAX_FIELDS];
	struct list_reader *reader;
	struct error *err;
	int visited; /* what the visitor returned */
};

static void on_begin(void *data)
{
	struct listing *l = data;

	vmi_row_begin(&l->row);
}

static void on_value(void *data, int field, const struct json_value *value)
{
	struct listing *l = data;

	vmi_row_value(&l->row, field, value);
}

static void on_object(void *data, enum reflector_event event, const char *rv)
{
	struct listing *l = data;

	(void)event;
	(void)rv;
	vmi_row_end(&l->row);
	l->visited = l->options->visit(l->options->data, &l->row);
	if (l->visited != 0)
		l->object.stopped = true; /* the reader gives up with -ECANCELED */
}

static const struct reflector_handler handler = {.begin = on_begin, .value = on_value, .object = on_object};

static void listing_init(struct listing *l, const struct vmi_list_options *options, struct error *err)
{
	*l = (struct listing){.options = options, .err = err};
	l->object = (struct reflector_object){
		.fields = l->fields,
		.field_count = vmi_row_fields(l->fields),
		.handler = &handler,
		.data = l,
	};
}

/* ---- from the server ---- */

static int on_bytes(void *data, const char *bytes, size_t n)
{
	struct listing *l = data;
	int rc = list_reader_feed(l->reader, bytes, n, l->err);

	return l->visited != 0 ? l->visited : rc;
}

static int read_page(struct listing *l, struct session *s, const char *token)
{
	AUTO_BUF struct buf path;
	const char *namespace = l->options->namespace;
	int rc;

	buf_init(&path, PATH_MAX_BYTES);
	rc = buf_printf(&path, VMI_LIST_GROUP "%s%s/virtualmachineinstances?limit=%d",
			namespace != NULL ? "/namespaces/" : "", namespace != NULL ? namespace : "", PAGE);
	if (rc == 0 && token[0] != '\0')
		rc = buf_add_str(&path, "&continue=");
	if (rc == 0)
		rc = session_add_escaped(&path, token);
	if (rc != 0)
		return error_errno(l->err, rc, "the list of VMIs");
	list_reader_reset(l->reader);
	rc = session_stream(s, buf_str(&path), on_bytes, l, l->err);
	return rc == 0 ? list_reader_end(l->reader, l->err) : rc;
}

static int read_pages(struct listing *l, struct session *s)
{
	char token[REFLECTOR_OBJECT_MIN_TEXT + 1] = "";
	struct pages pages = {0};
	size_t done = 0;
	int rc;

	do {
		rc = read_page(l, s, token);
		if (rc != 0)
			return rc;
		done += list_reader_count(l->reader);
		(void)snprintf(token, sizeof(token), "%s", list_reader_continue(l->reader));
		if (l->options->progress != NULL)
			l->options->progress(l->options->data, done, list_reader_remaining(l->reader));
		if (token[0] != '\0')
			rc = pages_go_on(&pages, token, l->err);
	} while (rc == 0 && token[0] != '\0');
	return rc;
}

int vmi_list_server(struct session *s, const struct vmi_list_options *options, struct error *err)
{
	struct listing *l = malloc(sizeof(*l));
	int rc;

	if (l == NULL)
		return error_errno(err, -ENOMEM, "the list of VMIs");
	listing_init(l, options, err);
	rc = list_reader_create(&l->reader, &l->object, MAX_TEXT, err);
	if (rc == 0) {
		rc = read_pages(l, s);
		list_reader_free(l->reader);
	}
	if (rc == -ENOENT && l->visited == 0)
		(void)error_set(err, rc, "KubeVirt is not installed here: the server has no kubevirt.io/v1");
	free(l);
	return rc;
}

/* ---- from a file ---- */

enum file_field { FILE_ITEMS, FILE_ITEM, FILE_ITEM_KIND, FILE_KIND };

struct reading {
	struct listing list;
	struct json_filter *filter;
	struct json_reader *json;
	bool has_items;
	bool is_other; /* the item is no VMI */
};

static int file_value(void *data, int field, const struct json_value *value)
{
	struct reading *r = data;

	if (field >= REFLECTOR_OBJECT_FIRST) {
		reflector_object_value(&r->list.object, field, value);
	} else if (field == FILE_ITEMS) {
		r->has_items = value->kind == JSON_VALUE_ARRAY;
	} else if (field == FILE_ITEM) {
		r->is_other = false;
		reflector_object_begin(&r->list.object);
	} else if (field == FILE_ITEM_KIND) {
		r->is_other = strcmp(value->text, "VirtualMachineInstance") != 0;
	}
	return 0;
}

static int file_end(void *data, int field)
{
	struct reading *r = data;

	if (field == FILE_ITEM && !r->is_other)
		reflector_object_end(&r->list.object, REFLECTOR_LISTED);
	return r->list.visited;
}

static int reading_open(struct reading *r, struct error *err)
{
	static const struct json_reader_events events = {.value = file_value, .end = file_end};
	const struct json_reader_limits limits = {.max_text = MAX_TEXT, .max_whole = 1};
	const char *const *item = PATH("items", JSON_EACH);
	int rc = json_filter_create(&r->filter);

	if (rc == 0)
		rc = json_filter_add(r->filter, NULL, PATH("items"), FILE_ITEMS);
	if (rc == 0)
		rc = json_filter_add(r->filter, NULL, item, FILE_ITEM);
	if (rc == 0)
		rc = json_filter_add(r->filter, item, PATH("kind"), FILE_ITEM_KIND);
	if (rc == 0)
		rc = reflector_object_want(&r->list.object, r->filter, item);
	if (rc == 0)
		rc = json_reader_create(&r->json, r->filter, &limits, &events, r);
	return rc == 0 ? 0 : error_errno(err, rc, "reading JSON");
}

static int feed_file(struct reading *r, int fd, struct error *err)
{
	char bytes[64 << 10];
	ssize_t n;
	int rc = 0;

	while (rc == 0 && (n = read(fd, bytes, sizeof(bytes))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_errno(err, -errno, "reading");
		rc = json_reader_feed(r->json, bytes, (size_t)n, err);
	}
	if (rc == 0 && !json_reader_at_boundary(r->json))
		rc = error_set(err, -EBADMSG, "it is cut off");
	if (rc == 0 && !r->has_items)
		rc = error_set(err, -EBADMSG, "it is no list (kubectl get vmi -A -o json makes one)");
	return rc;
}

int vmi_list_file(const char *path, const struct vmi_list_options *options, struct error *err)
{
	bool is_stdin = strcmp(path, "-") == 0;
	int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	struct reading *r;
	int rc;

	if (fd < 0)
		return error_errno(err, -errno, "%s", path);
	if (is_stdin)
		(void)lseek(fd, 0, SEEK_SET); /* it may be read a second time, where it is a file */
	r = calloc(1, sizeof(*r));
	if (r == NULL) {
		rc = error_errno(err, -ENOMEM, "%s", path);
	} else {
		listing_init(&r->list, options, err);
		rc = reading_open(r, err);
		if (rc == 0)
			rc = feed_file(r, fd, err);
		if (rc != 0 && r->list.visited == 0)
			(void)error_wrap(err, rc, "%s", path);
		json_reader_free(r->json);
		json_filter_free(r->filter);
		free(r);
	}
	if (!is_stdin)
		(void)close(fd);
	return rc;
}
