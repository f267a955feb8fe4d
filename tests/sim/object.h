/**
 * object: a VMI as the model API server stores it, and how it looks to a controller (controller/vmi.h).
 *
 * Names and UIDs are numbers here and text there: *slot* makes namespace and name, *serial* makes the UID, in
 * an order that has nothing to do with age. Pure.
 */
#ifndef SIM_OBJECT_H
#define SIM_OBJECT_H

#include <stdbool.h>
#include <stdint.h>

#include "controller/vmi.h"

/** What is wrong with it: a member of a type that the API does not have. What lies below is still stored. */
enum flaw {
	FLAW_NONE,
	FLAW_WANTS,   /* spec.domain.devices.autoattachVSOCK */
	FLAW_CREATED, /* metadata.creationTimestamp */
	FLAW_CID,     /* status.VSOCKCID */
	FLAW_STATUS,  /* status */
	FLAW_PHASE,   /* status.phase */
	FLAW_UID,     /* metadata.uid */
	FLAW_COUNT,
};

struct object {
	uint64_t version; /* resourceVersion */
	uint32_t serial;  /* 0: no object */
	uint32_t cid;     /* with has_cid */
	uint32_t created_s;
	uint32_t source; /* serial of the VMI that it is the migration target of, 0: of none that is known
			    here */
	uint16_t slot;
	uint8_t phase; /* enum vmi_phase */
	uint8_t flaw;  /* enum flaw */
	bool has_cid;
	bool wants;
	bool has_status;
	bool has_phase;
	bool was_scheduled; /* phaseTransitionTimestamps */
	bool may_fall_back;
	bool deleting;
	bool finalizer;
	bool contested; /* somebody undoes each of our writes to it */
};

#define OBJECT_UID_SIZE 9

void object_uid(uint32_t serial, char out[static OBJECT_UID_SIZE]);

/** The serial of a UID, 0 where it is none. */
uint32_t object_serial_of(const char *uid);

/** The slot of a name. */
uint16_t object_slot_of(const char *name);

/** Fills the members of @v by which the allocator goes. */
void object_look(const struct object *o, struct vmi *v);

/** I2: its phase is, or its phaseTransitionTimestamps say that it once was, Scheduled or later. */
bool object_has_started(const struct object *o);

/** "v3/1f00ab27 Pending cid=77 ..." into @out. Returns @out. */
const char *object_describe(const struct object *o, char *out, size_t room);

#endif
