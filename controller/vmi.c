#include "controller/vmi.h"

#include <errno.h>
#include <string.h>

#include "base/macros.h"
#include "controller/identity.h"

enum vmi_field_id {
	FIELD_NAMESPACE,
	FIELD_NAME,
	FIELD_UID,
	FIELD_CREATED,
	FIELD_DELETED,
	FIELD_MIGRATION_TARGET,
	FIELD_WANTS,
	FIELD_STATUS,
	FIELD_PHASE,
	FIELD_CID,
	FIELD_PASSED_PHASE,
	FIELD_SOURCE_UID,
	FIELD_RESOURCE_VERSION, /* vmi_parse() only: the reflector reads it itself */
};

#define PATH(...) ((const char *const[]){__VA_ARGS__, NULL})

const struct json_field vmi_fields[] = {
	{FIELD_NAMESPACE, PATH("metadata", "namespace")},
	{FIELD_NAME, PATH("metadata", "name")},
	{FIELD_UID, PATH("metadata", "uid")},
	{FIELD_CREATED, PATH("metadata", "creationTimestamp")},
	{FIELD_DELETED, PATH("metadata", "deletionTimestamp")},
	{FIELD_MIGRATION_TARGET, PATH("metadata", "annotations", "kubevirt.io/create-migration-target")},
	{FIELD_WANTS, PATH("spec", "domain", "devices", "autoattachVSOCK")},
	{FIELD_STATUS, PATH("status")},
	{FIELD_PHASE, PATH("status", "phase")},
	{FIELD_CID, PATH("status", "VSOCKCID")},
	{FIELD_PASSED_PHASE, PATH("status", "phaseTransitionTimestamps", JSON_EACH, "phase")},
	{FIELD_SOURCE_UID, PATH("status", "migrationState", "sourceState", "virtualMachineInstanceUID")},
};
const size_t vmi_field_count = ARRAY_LEN(vmi_fields);

#define PHASE(name)                                                                                          \
	{                                                                                                    \
		name, sizeof(name) - 1                                                                       \
	}

static const struct {
	const char *name;
	size_t len;
} phases[] = {
	[VMI_PHASE_UNSET] = PHASE(""),
	[VMI_PHASE_PENDING] = PHASE("Pending"),
	[VMI_PHASE_SCHEDULING] = PHASE("Scheduling"),
	[VMI_PHASE_WAITING_FOR_SYNC] = PHASE("WaitingForSync"),
	[VMI_PHASE_SCHEDULED] = PHASE("Scheduled"),
	[VMI_PHASE_RUNNING] = PHASE("Running"),
	[VMI_PHASE_SUCCEEDED] = PHASE("Succeeded"),
	[VMI_PHASE_FAILED] = PHASE("Failed"),
	[VMI_PHASE_OTHER] = PHASE("Unknown"),
};

const char *vmi_phase_name(enum vmi_phase phase)
{
	return phases[phase].name;
}

bool vmi_has_started(const struct vmi *v)
{
	return v->phase >= VMI_PHASE_SCHEDULED || v->was_scheduled;
}

void vmi_begin(struct vmi *v)
{
	memset(v, 0, sizeof(*v));
}

static void mark_unreadable(struct vmi *v, const char *field)
{
	if (v->unreadable == NULL)
		v->unreadable = field;
}

static bool is_null(const struct json_value *value)
{
	return value->kind == JSON_VALUE_NULL;
}

static void read_identity(struct vmi *v, char *out, size_t room, const struct json_value *value,
			  const char *field)
{
	if (!identity_read(out, room, value))
		mark_unreadable(v, field);
}

/* @n decimal digits; -1 where one of them is none. */
static int64_t read_digits(const char *text, size_t n)
{
	int64_t number = 0;

	for (size_t i = 0; i < n; i++) {
		if (text[i] < '0' || text[i] > '9')
			return -1;
		number = number * 10 + (text[i] - '0');
	}
	return number;
}

/* Days from 1970-01-01 in the Gregorian calendar. A year begins in March here, so that the day which not
 * every year has is its last. */
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
	int64_t y = year - (month <= 2) + 400; /* never negative */
	int64_t since_march = (month + 9) % 12;

	return y * 365 + y / 4 - y / 100 + y / 400 + (since_march * 153 + 2) / 5 + day - 719469 - 146097;
}

/* "2006-01-02T15:04:05Z", as all of Kubernetes' times without fractions are. Without libc's parser and its
 * time zones, which cost more than all the rest of a VMI's fields. */
static bool read_time(int64_t *seconds, const char *text, size_t len)
{
	int64_t year, month, day, hour, minute, second;

	if (len != 20 || text[4] != '-' || text[7] != '-' || text[10] != 'T' || text[13] != ':' ||
	    text[16] != ':' || text[19] != 'Z')
		return false;
	year = read_digits(text, 4);
	month = read_digits(text + 5, 2);
	day = read_digits(text + 8, 2);
	hour = read_digits(text + 11, 2);
	minute = read_digits(text + 14, 2);
	second = read_digits(text + 17, 2);
	if (year < 0 || month < 1 || month > 12 || day < 1 || day > 31 || hour < 0 || hour > 23 ||
	    minute < 0 || minute > 59 || second < 0 || second > 60)
		return false;
	*seconds = ((days_of(year, month, day) * 24 + hour) * 60 + minute) * 60 + second;
	return true;
}

static void read_created(struct vmi *v, const struct json_value *value)
{
	v->created_s = 0;
	if (is_null(value))
		return;
	if (value->kind != JSON_VALUE_STRING || !read_time(&v->created_s, value->text, value->len))
		mark_unreadable(v, "metadata.creationTimestamp");
}

static enum vmi_phase phase_of(const struct json_value *value)
{
	if (value->kind != JSON_VALUE_STRING || value->cut)
		return VMI_PHASE_OTHER;
	for (size_t i = 0; i < ARRAY_LEN(phases); i++)
		if (value->len == phases[i].len && memcmp(value->text, phases[i].name, value->len) == 0)
			return (enum vmi_phase)i;
	return VMI_PHASE_OTHER;
}

static void read_phase(struct vmi *v, const struct json_value *value)
{
	v->has_phase = value->kind == JSON_VALUE_STRING;
	if (is_null(value)) {
		v->phase = VMI_PHASE_UNSET;
		return;
	}
	v->phase = phase_of(value);
	if (!v->has_phase)
		mark_unreadable(v, "status.phase");
}

/* Of two members of the same name the later counts, as a whole: what the earlier one held is forgotten. */
static void read_status(struct vmi *v, const struct json_value *value)
{
	v->has_status = value->kind == JSON_VALUE_OBJECT;
	v->has_phase = false;
	v->phase = VMI_PHASE_UNSET;
	v->was_scheduled = false;
	v->cid_state = VMI_CID_ABSENT;
	v->source_uid[0] = '\0';
	if (v->has_status || is_null(value))
		return;
	v->cid_state = VMI_CID_UNREADABLE; /* I9: who knows what was in it */
	mark_unreadable(v, "status");
}

static void read_wants(struct vmi *v, const struct json_value *value)
{
	v->wants_vsock = value->kind == JSON_VALUE_TRUE;
	if (!v->wants_vsock && value->kind != JSON_VALUE_FALSE && !is_null(value))
		mark_unreadable(v, "spec.domain.devices.autoattachVSOCK");
}

static void read_cid(struct vmi *v, const struct json_value *value)
{
	uint64_t number = 0;

	v->cid_state = VMI_CID_ABSENT;
	if (is_null(value))
		return;
	v->cid_state = VMI_CID_UNREADABLE;
	if (value->kind != JSON_VALUE_NUMBER || value->len > 10) {
		mark_unreadable(v, "status.VSOCKCID");
		return;
	}
	for (size_t i = 0; i < value->len; i++) {
		if (value->text[i] < '0' || value->text[i] > '9') {
			mark_unreadable(v, "status.VSOCKCID");
			return;
		}
		number = number * 10 + (uint64_t)(value->text[i] - '0');
	}
	if (number > UINT32_MAX) {
		mark_unreadable(v, "status.VSOCKCID");
		return;
	}
	v->cid_state = VMI_CID_PRESENT;
	v->cid = (uint32_t)number;
}

static void read_resource_version(struct vmi *v, const struct json_value *value)
{
	if (value->kind == JSON_VALUE_STRING && !value->cut && value->len < sizeof(v->resource_version))
		memcpy(v->resource_version, value->text, value->len + 1);
}

void vmi_value(struct vmi *v, int field, const struct json_value *value)
{
	switch ((enum vmi_field_id)field) {
	case FIELD_NAMESPACE:
		read_identity(v, v->namespace, sizeof(v->namespace), value, "metadata.namespace");
		break;
	case FIELD_NAME:
		read_identity(v, v->name, sizeof(v->name), value, "metadata.name");
		break;
	case FIELD_UID:
		read_identity(v, v->uid, sizeof(v->uid), value, "metadata.uid");
		break;
	case FIELD_CREATED:
		read_created(v, value);
		break;
	case FIELD_DELETED:
		v->deleting = !is_null(value);
		break;
	case FIELD_MIGRATION_TARGET:
		v->may_fall_back = !is_null(value);
		break;
	case FIELD_WANTS:
		read_wants(v, value);
		break;
	case FIELD_STATUS:
		read_status(v, value);
		break;
	case FIELD_PHASE:
		read_phase(v, value);
		break;
	case FIELD_CID:
		read_cid(v, value);
		break;
	case FIELD_PASSED_PHASE:
		if (phase_of(value) == VMI_PHASE_SCHEDULED)
			v->was_scheduled = true;
		break;
	case FIELD_SOURCE_UID:
		v->source_uid[0] = '\0';
		if (!is_null(value) && (value->kind != JSON_VALUE_STRING || value->len > 0))
			read_identity(v, v->source_uid, sizeof(v->source_uid), value,
				      "status.migrationState.sourceState");
		break;
	case FIELD_RESOURCE_VERSION:
		read_resource_version(v, value);
		break;
	}
}

void vmi_end(struct vmi *v)
{
	if (v->namespace[0] == '\0')
		mark_unreadable(v, "metadata.namespace");
	if (v->name[0] == '\0')
		mark_unreadable(v, "metadata.name");
	if (v->uid[0] == '\0')
		mark_unreadable(v, "metadata.uid");
}

struct vmi_parser {
	struct json_filter *filter;
	struct json_reader *reader;
	struct vmi *into; /* during vmi_parser_read() */
};

static int parse_value(void *data, int field, const struct json_value *value)
{
	struct vmi_parser *p = data;

	vmi_value(p->into, field, value);
	return 0;
}

/* The table, and the resourceVersion that the reflector would have read. */
static int add_fields(struct json_filter *filter)
{
	int rc = json_filter_add(filter, NULL, PATH("metadata", "resourceVersion"), FIELD_RESOURCE_VERSION);

	for (size_t i = 0; i < vmi_field_count && rc == 0; i++)
		rc = json_filter_add(filter, NULL, vmi_fields[i].path, vmi_fields[i].id);
	return rc;
}

int vmi_parser_create(struct vmi_parser **out)
{
	static const struct json_reader_events events = {.value = parse_value};
	const struct json_reader_limits limits = {.max_text = 1024};
	struct vmi_parser *p = calloc(1, sizeof(*p));
	int rc;

	if (p == NULL)
		return -ENOMEM;
	rc = json_filter_create(&p->filter);
	if (rc == 0)
		rc = add_fields(p->filter);
	if (rc == 0)
		rc = json_reader_create(&p->reader, p->filter, &limits, &events, p);
	if (rc != 0) {
		vmi_parser_free(p);
		return rc;
	}
	*out = p;
	return 0;
}

int vmi_parser_read(struct vmi_parser *p, struct vmi *v, const char *text, size_t len, struct error *err)
{
	int rc;

	p->into = v;
	vmi_begin(v);
	json_reader_reset(p->reader);
	rc = json_reader_feed(p->reader, text, len, err);
	if (rc == 0 && (len == 0 || !json_reader_at_boundary(p->reader)))
		rc = error_set(err, -EBADMSG, "the object ends too early");
	if (rc == 0)
		vmi_end(v);
	return rc;
}

void vmi_parser_free(struct vmi_parser *p)
{
	if (p == NULL)
		return;
	json_reader_free(p->reader);
	json_filter_free(p->filter);
	free(p);
}
