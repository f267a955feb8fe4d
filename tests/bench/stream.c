#include "bench/stream.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/api_vmi_template.h"

/* What differs from one VMI to the next. */
enum hole {
	HOLE_NAME,
	HOLE_NAMESPACE,
	HOLE_UID,
	HOLE_VERSION,
	HOLE_CREATED,
	HOLE_BEAT,
	HOLE_PHASE,
	HOLE_TRANSITIONS,
	HOLE_WANTS,
	HOLE_CID,
	HOLE_COUNT,
};

/* How a hole looks in the text: as a value, or, where it may be absent, as a member with its comma. */
static const char *const marks[HOLE_COUNT] = {
	[HOLE_NAME] = "@name@",
	[HOLE_NAMESPACE] = "@namespace@",
	[HOLE_UID] = "@uid@",
	[HOLE_VERSION] = "@version@",
	[HOLE_CREATED] = "@created@",
	[HOLE_BEAT] = "@beat@",
	[HOLE_PHASE] = "@phase@",
	[HOLE_TRANSITIONS] = "\"@transitions@\"",
	[HOLE_WANTS] = "\"autoattachVSOCK\":true,",
	[HOLE_CID] = "\"VSOCKCID\":0,",
};

#define PIECES_MAX 32

/* Text, and the hole behind it; HOLE_COUNT after the last. */
struct piece {
	const char *text;
	size_t len;
	enum hole hole;
};

struct stream {
	char *text;
	struct piece pieces[PIECES_MAX];
	size_t piece_count;
};

/* ---- the object with its holes ---- */

/* managedFields' way of naming @value's members: {"f:key": {...}}. Lists count as one field, as in most of
 * KubeVirt's CRD. */
static json_t *fields_of(json_t *value)
{
	json_t *fields = json_object();
	const char *key;
	json_t *member;

	json_object_foreach(value, key, member)
	{
		char name[128];
		json_t *inner = json_is_object(member) ? fields_of(member) : json_object();

		if (json_object_size(inner) > 0)
			json_object_set_new(inner, ".", json_object());
		(void)snprintf(name, sizeof(name), "f:%s", key);
		json_object_set_new(fields, name, inner);
	}
	return fields;
}

static json_t *managed_by(const char *manager, const char *const members[2], json_t *vmi)
{
	json_t *fields = json_object();

	for (size_t i = 0; i < 2 && members[i] != NULL; i++) {
		char name[32];

		(void)snprintf(name, sizeof(name), "f:%s", members[i]);
		json_object_set_new(fields, name, fields_of(json_object_get(vmi, members[i])));
	}
	return json_pack("{s:s, s:s, s:o, s:s, s:s, s:s}", "apiVersion", "kubevirt.io/v1", "fieldsType",
			 "FieldsV1", "fieldsV1", fields, "manager", manager, "operation", "Update", "time",
			 "2026-01-05T10:00:00Z");
}

static void add_metadata(json_t *vmi)
{
	json_t *metadata = json_object_get(vmi, "metadata");
	json_t *managers = json_array();
	json_t *owner = json_pack("{s:s, s:b, s:b, s:s, s:s, s:s}", "apiVersion", "kubevirt.io/v1",
				  "blockOwnerDeletion", 1, "controller", 1, "kind", "VirtualMachine", "name",
				  "@name@", "uid", "7e7b1ea4-5c42-4ac6-8d7c-0c5d9b2b8f11");

	json_array_append_new(managers,
			      managed_by("virt-controller", (const char *[]){"metadata", "spec"}, vmi));
	json_array_append_new(managers, managed_by("virt-handler", (const char *[]){"status", NULL}, vmi));
	json_object_set_new(metadata, "managedFields", managers);
	json_object_set_new(metadata, "name", json_string("@name@"));
	json_object_set_new(metadata, "namespace", json_string("@namespace@"));
	json_object_set_new(metadata, "creationTimestamp", json_string("@created@"));
	json_object_set_new(metadata, "finalizers",
			    json_pack("[s]", "kubevirt.io/virtualMachineControllerFinalize"));
	json_object_set_new(metadata, "generation", json_integer(7));
	json_object_set_new(metadata, "ownerReferences", json_pack("[o]", owner));
	json_object_set_new(metadata, "resourceVersion", json_string("@version@"));
	json_object_set_new(metadata, "uid", json_string("@uid@"));
}

static void add_spec(json_t *vmi)
{
	json_t *spec = json_object_get(vmi, "spec");

	json_object_set_new(spec, "hostname", json_string("@name@"));
	json_object_set_new(json_object_get(json_object_get(spec, "domain"), "devices"), "autoattachVSOCK",
			    json_true());
}

static void add_status(json_t *vmi)
{
	json_t *status = json_object_get(vmi, "status");
	json_t *ready = json_array_get(json_object_get(status, "conditions"), 0);

	json_object_set_new(ready, "lastProbeTime", json_string("@beat@"));
	json_object_set_new(status, "VSOCKCID", json_integer(0));
	json_object_set_new(status, "nodeName", json_string("worker-17.shop.example"));
	json_object_set_new(status, "phase", json_string("@phase@"));
	json_object_set_new(status, "phaseTransitionTimestamps", json_string("@transitions@"));
}

/* ---- its pieces ---- */

/* The first hole in @text; NULL where there is none. */
static const char *next_hole(const char *text, enum hole *hole)
{
	const char *first = NULL;

	for (int i = 0; i < HOLE_COUNT; i++) {
		const char *at = strstr(text, marks[i]);

		if (at != NULL && (first == NULL || at < first)) {
			first = at;
			*hole = (enum hole)i;
		}
	}
	return first;
}

static void cut(struct stream *s)
{
	const char *text = s->text;

	for (;;) {
		struct piece *piece = &s->pieces[s->piece_count++];
		const char *at;

		if (s->piece_count == PIECES_MAX)
			abort();
		piece->text = text;
		piece->hole = HOLE_COUNT;
		at = next_hole(text, &piece->hole);
		piece->len = at != NULL ? (size_t)(at - text) : strlen(text);
		if (at == NULL)
			return;
		text = at + strlen(marks[piece->hole]);
	}
}

static json_t *load_template(void)
{
	char *text = strdup(api_vmi_template);
	json_t *vmi;

	if (text == NULL)
		return NULL;
	for (char *quote = text; (quote = strchr(quote, '\'')) != NULL;)
		*quote = '"';
	vmi = json_loads(text, 0, NULL);
	free(text);
	return vmi;
}

int stream_create(struct stream **out)
{
	struct stream *s = calloc(1, sizeof(*s));
	json_t *vmi;

	json_object_seed(1); /* else its random one decides where the heap's holes are */
	vmi = load_template();
	if (s == NULL || vmi == NULL) {
		json_decref(vmi);
		free(s);
		return -ENOMEM;
	}
	add_spec(vmi);
	add_status(vmi);
	add_metadata(vmi);
	s->text = json_dumps(vmi, JSON_COMPACT | JSON_SORT_KEYS);
	json_decref(vmi);
	if (s->text == NULL) {
		free(s);
		return -ENOMEM;
	}
	cut(s);
	*out = s;
	return 0;
}

void stream_free(struct stream *s)
{
	if (s == NULL)
		return;
	free(s->text);
	free(s);
}

/* ---- one VMI ---- */

static int fill_time(struct buf *out, uint32_t seconds)
{
	return buf_printf(out, "2026-01-%02uT%02u:%02u:%02uZ", 1 + seconds / 86400 % 28, seconds / 3600 % 24,
			  seconds / 60 % 60, seconds % 60);
}

static int fill_transitions(struct buf *out, const struct stream_vmi *v)
{
	static const char *const phases[] = {"Pending", "Scheduling", "Scheduled", "Running"};
	size_t count = v->is_running ? 4 : 2;
	int rc = buf_add_str(out, "[");

	for (size_t i = 0; i < count && rc == 0; i++)
		rc = buf_printf(
			out, "%s{\"phase\":\"%s\",\"phaseTransitionTimestamp\":\"2026-01-05T10:00:%02zuZ\"}",
			i > 0 ? "," : "", phases[i], i);
	return rc != 0 ? rc : buf_add_str(out, "]");
}

/* As random as real ones, but always the same. */
static int fill_uid(struct buf *out, uint32_t number)
{
	uint64_t high = (number + 1) * UINT64_C(0x9e3779b97f4a7c15);
	uint64_t low = (high ^ high >> 29) * UINT64_C(0xbf58476d1ce4e5b9);

	return buf_printf(out, "%08" PRIx64 "-%04" PRIx64 "-4%03" PRIx64 "-a%03" PRIx64 "-%012" PRIx64,
			  high >> 32, high >> 16 & 0xffff, high & 0xfff, low >> 52, low & 0xffffffffffff);
}

static int fill(struct buf *out, enum hole hole, const struct stream_vmi *v)
{
	switch (hole) {
	case HOLE_NAME:
		return buf_printf(out, "orders-db-%07" PRIu32, v->number);
	case HOLE_NAMESPACE:
		return buf_printf(out, "shop-%03" PRIu32, v->number % 500);
	case HOLE_UID:
		return fill_uid(out, v->number);
	case HOLE_VERSION:
		return buf_printf(out, "%" PRIu64, v->version);
	case HOLE_CREATED:
		return fill_time(out, v->number);
	case HOLE_BEAT:
		return fill_time(out, v->beat);
	case HOLE_PHASE:
		return buf_add_str(out, v->is_running ? "Running" : "Scheduling");
	case HOLE_TRANSITIONS:
		return fill_transitions(out, v);
	case HOLE_WANTS:
		return buf_add_str(out, v->wants_vsock ? marks[HOLE_WANTS] : "");
	case HOLE_CID:
		return v->cid == 0 ? 0 : buf_printf(out, "\"VSOCKCID\":%" PRIu32 ",", v->cid);
	default:
		return 0;
	}
}

int stream_add_object(const struct stream *s, struct buf *out, const struct stream_vmi *v)
{
	int rc = 0;

	for (size_t i = 0; i < s->piece_count && rc == 0; i++) {
		rc = buf_add(out, s->pieces[i].text, s->pieces[i].len);
		if (rc == 0)
			rc = fill(out, s->pieces[i].hole, v);
	}
	return rc;
}

int stream_add_frame(const struct stream *s, struct buf *out, const char *type, const struct stream_vmi *v)
{
	int rc = buf_printf(out, "{\"type\":\"%s\",\"object\":", type);

	if (rc == 0)
		rc = stream_add_object(s, out, v);
	return rc != 0 ? rc : buf_add_str(out, "}\n");
}

int stream_begin_list(struct buf *out)
{
	return buf_add_str(out, "{\"apiVersion\":\"kubevirt.io/v1\",\"items\":[");
}

int stream_end_list(struct buf *out, uint64_t version)
{
	return buf_printf(out,
			  "],\"kind\":\"VirtualMachineInstanceList\",\"metadata\":{\"continue\":\"\","
			  "\"resourceVersion\":\"%" PRIu64 "\"}}\n",
			  version);
}

int stream_add_end_mark(struct buf *out, uint64_t version)
{
	return buf_printf(out,
			  "{\"type\":\"BOOKMARK\",\"object\":{\"apiVersion\":\"kubevirt.io/v1\","
			  "\"kind\":\"VirtualMachineInstance\",\"metadata\":{\"annotations\":{"
			  "\"k8s.io/initial-events-end\":\"true\"},\"creationTimestamp\":null,"
			  "\"resourceVersion\":\"%" PRIu64 "\"}}}\n",
			  version);
}

uint32_t stream_number_of(const char *name)
{
	const char *dash = strrchr(name, '-');

	return dash == NULL ? 0 : (uint32_t)strtoul(dash + 1, NULL, 10);
}
