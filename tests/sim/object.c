#include "sim/object.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Serials and UIDs are each other's images under an odd factor modulo 2^32 and its inverse. */
#define UID_FACTOR  0x9e3779b1u
#define UID_INVERSE 0x0e8b2f51u

static const char *const flaw_fields[FLAW_COUNT] = {
	[FLAW_WANTS] = "spec.domain.devices.autoattachVSOCK",
	[FLAW_CREATED] = "metadata.creationTimestamp",
	[FLAW_CID] = "status.VSOCKCID",
	[FLAW_STATUS] = "status",
	[FLAW_PHASE] = "status.phase",
	[FLAW_UID] = "metadata.uid",
};

static void write_hex(uint32_t value, char *out)
{
	for (int shift = 28; shift >= 0; shift -= 4)
		*out++ = "0123456789abcdef"[value >> shift & 15];
	*out = '\0';
}

static char *write_decimal(uint64_t value, char *out)
{
	char digits[20];
	size_t n = 0;

	do {
		digits[n++] = (char)('0' + value % 10);
		value /= 10;
	} while (value != 0);
	while (n > 0)
		*out++ = digits[--n];
	*out = '\0';
	return out;
}

void object_uid(uint32_t serial, char out[static OBJECT_UID_SIZE])
{
	write_hex(serial * UID_FACTOR, out);
}

uint32_t object_serial_of(const char *uid)
{
	char *end;
	unsigned long value = strtoul(uid, &end, 16);

	return end == uid + OBJECT_UID_SIZE - 1 && *end == '\0' ? (uint32_t)value * UID_INVERSE : 0;
}

uint16_t object_slot_of(const char *name)
{
	return (uint16_t)strtoul(name + 1, NULL, 10);
}

bool object_has_started(const struct object *o)
{
	return o->phase >= VMI_PHASE_SCHEDULED || o->was_scheduled;
}

static void look_flawed(const struct object *o, struct vmi *v)
{
	v->unreadable = flaw_fields[o->flaw];
	switch ((enum flaw)o->flaw) {
	case FLAW_WANTS:
		v->wants_vsock = false;
		break;
	case FLAW_CREATED:
		v->created_s = 0;
		break;
	case FLAW_CID:
		v->cid_state = VMI_CID_UNREADABLE;
		break;
	case FLAW_STATUS:
		v->has_status = false;
		v->has_phase = false;
		v->phase = VMI_PHASE_UNSET;
		v->was_scheduled = false;
		v->cid_state = VMI_CID_ABSENT;
		v->source_uid[0] = '\0';
		break;
	case FLAW_PHASE:
		v->has_phase = false;
		v->phase = VMI_PHASE_OTHER;
		break;
	case FLAW_UID:
		v->uid[0] = '\0';
		break;
	case FLAW_NONE:
	case FLAW_COUNT:
		break;
	}
}

void object_look(const struct object *o, struct vmi *v)
{
	v->namespace[0] = 'n';
	(void)write_decimal(o->slot % 3u, v->namespace + 1);
	v->name[0] = 'v';
	(void)write_decimal(o->slot, v->name + 1);
	object_uid(o->serial, v->uid);
	(void)write_decimal(o->version, v->resource_version);
	v->created_s = o->created_s;
	v->phase = (enum vmi_phase)o->phase;
	v->cid_state = o->has_cid ? VMI_CID_PRESENT : VMI_CID_ABSENT;
	v->cid = o->has_cid ? o->cid : 0;
	v->wants_vsock = o->wants;
	v->deleting = o->deleting;
	v->has_status = o->has_status;
	v->has_phase = o->has_phase;
	v->was_scheduled = o->was_scheduled;
	v->may_fall_back = o->may_fall_back;
	v->source_uid[0] = '\0';
	if (o->source != 0)
		object_uid(o->source, v->source_uid);
	v->unreadable = NULL;
	if (o->flaw != FLAW_NONE)
		look_flawed(o, v);
}

const char *object_describe(const struct object *o, char *out, size_t room)
{
	char uid[OBJECT_UID_SIZE];
	char cid[24] = "none";

	object_uid(o->serial, uid);
	if (o->has_cid)
		(void)snprintf(cid, sizeof(cid), "%u", o->cid);
	(void)snprintf(out, room, "v%u/%s rv=%llu %s cid=%s%s%s%s%s%s%s%s", o->slot, uid,
		       (unsigned long long)o->version,
		       o->has_phase ? vmi_phase_name((enum vmi_phase)o->phase) : "-", cid,
		       o->wants ? "" : " no-vsock", o->has_status ? "" : " no-status",
		       o->was_scheduled ? " was-scheduled" : "", o->may_fall_back ? " target" : "",
		       o->deleting ? " deleting" : "", o->flaw != FLAW_NONE ? " unreadable: " : "",
		       o->flaw != FLAW_NONE ? flaw_fields[o->flaw] : "");
	return out;
}
