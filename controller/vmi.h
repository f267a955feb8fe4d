/**
 * vmi: what the controller needs to know of a VirtualMachineInstance, read from the stream of its JSON.
 *
 * About ten fields of an object of 6 KB and more. An object that is not as the API promises (a CID as string,
 * a number as name) is still read as far as it goes: what can be read counts, what cannot is marked, and
 * nothing ends the stream (I9). Pure; the field table plugs into kube/reflector.h, or into a json_reader of
 * one's own for a single object.
 */
#ifndef CONTROLLER_VMI_H
#define CONTROLLER_VMI_H

#include <stdbool.h>
#include <stdint.h>

#include "json/reader.h"

#define VMI_NAMESPACE_MAX 63  /* bytes, DNS label */
#define VMI_NAME_MAX      253 /* bytes, DNS subdomain */
#define VMI_UID_MAX       63  /* bytes; the API's are 36 */

/** status.phase (kubevirt.md section 1). The first four come before Scheduled; everything else counts as
 * started (I2). */
enum vmi_phase {
	VMI_PHASE_UNSET, /* absent, null or "" */
	VMI_PHASE_PENDING,
	VMI_PHASE_SCHEDULING,
	VMI_PHASE_WAITING_FOR_SYNC,
	VMI_PHASE_SCHEDULED,
	VMI_PHASE_RUNNING,
	VMI_PHASE_SUCCEEDED,
	VMI_PHASE_FAILED,
	VMI_PHASE_OTHER, /* "Unknown", one that a later KubeVirt invented, or one that cannot be read */
};

/** The phase as the API spells it; "" for VMI_PHASE_UNSET, "Unknown" for VMI_PHASE_OTHER. */
const char *vmi_phase_name(enum vmi_phase phase);

/** What status.VSOCKCID looks like. */
enum vmi_cid {
	VMI_CID_ABSENT,     /* or null */
	VMI_CID_PRESENT,    /* an integer of 32 bits; whether it is a valid CID is another question */
	VMI_CID_UNREADABLE, /* a string, negative, too big, a fraction */
};

struct vmi {
	char namespace[VMI_NAMESPACE_MAX + 1];
	char name[VMI_NAME_MAX + 1];
	char uid[VMI_UID_MAX + 1];
	char resource_version[48]; /* decimal, up to 128 bit; "" where unknown */
	int64_t created_s;         /* metadata.creationTimestamp, seconds since 1970; 0 where unknown */
	enum vmi_phase phase;
	enum vmi_cid cid_state;
	uint32_t cid;     /* with VMI_CID_PRESENT */
	bool wants_vsock; /* spec.domain.devices.autoattachVSOCK is true */
	bool deleting;    /* has a deletionTimestamp */
	bool has_status;  /* status is an object */
	bool has_phase;   /* status.phase is a string, maybe "" */
	/** phaseTransitionTimestamps name Scheduled: it has started, whatever the phase says now. */
	bool was_scheduled;
	/** Target of a decentralised migration: its phase can come back to an earlier value. */
	bool may_fall_back;
	/** UID of the VMI that the last migration came from; "" where none is named, its own where it came
	 * from itself. */
	char source_uid[VMI_UID_MAX + 1];
	/** NULL, or the first field that has a wrong type or length (a static string). */
	const char *unreadable;
};

/** True once the launcher may have built the domain: from then on the CID is fixed (I2). */
bool vmi_has_started(const struct vmi *v);

/** The wanted fields, paths relative to the object. */
extern const struct json_field vmi_fields[];
extern const size_t vmi_field_count;

/** A new object: everything absent. */
void vmi_begin(struct vmi *v);

/** One wanted field of the object. */
void vmi_value(struct vmi *v, int field, const struct json_value *value);

/** Call when the object is complete: judges what only the whole shows (identity missing, status of a wrong
 * type). */
void vmi_end(struct vmi *v);

/** Reads single objects, as answers to GET and PATCH have them; made once, used often. */
struct vmi_parser;

/** Returns 0 or -ENOMEM. On success give *out to vmi_parser_free(). */
int vmi_parser_create(struct vmi_parser **out);

/** Fills @v, resource_version included, from the JSON text of one object. Returns 0, -EBADMSG (not a JSON
 * object, or cut off) or -ENOMEM; then @v is void. */
int vmi_parser_read(struct vmi_parser *p, struct vmi *v, const char *text, size_t len, struct error *err);

void vmi_parser_free(struct vmi_parser *p); /* NULL is fine */

#endif
