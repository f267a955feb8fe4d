/**
 * server: the model of the API server. One revision counter, one write at a time, a history for watches.
 *
 * A patch is evaluated at the moment it arrives, against the object as it is then, exactly as the JSON patch
 * of controller/vmi_patch.h would be (PAT-3, PAT-8). Every change goes through server_put() or
 * server_remove(), which show it to the auditor and wake the watches.
 */
#ifndef SIM_SERVER_H
#define SIM_SERVER_H

#include "controller/allocator.h"
#include "sim/object.h"

struct sim;

enum change_kind { CHANGE_ADDED, CHANGE_MODIFIED, CHANGE_DELETED };

struct change {
	struct object object; /* as of then; of a deletion: its last state with the deletion's version */
	uint32_t before;      /* the object's change before this one, NO_CHANGE for the first */
	uint8_t kind;         /* enum change_kind */
};

#define NO_CHANGE UINT32_MAX

struct server {
	uint64_t first_version;
	uint64_t version;
	uint32_t serials;      /* given so far */
	struct object *slots;  /* what exists, by slot; serial 0: nothing */
	uint32_t *last_change; /* by slot */
	uint32_t slot_count;
	struct change *history;
	uint32_t len;
	uint32_t room;
	uint32_t compacted; /* watches cannot be resumed before this change */
};

/** Who writes: one of our processes, or somebody else (process 0). */
struct author {
	uint32_t process;
	uint32_t setting; /* settings that the process goes by */
	bool overflow; /* the CID is from a stripe that is not the process's own, because that one was full */
};

/** A WISH_PATCH, as it travels. */
struct patch {
	uint64_t version; /* 0: no test */
	uint32_t serial;
	uint32_t cid;
	uint32_t old_cid;
	uint16_t slot;
	uint8_t phase;
	bool has_status;
	bool has_phase;
	bool replaces;
	struct author author;
};

enum verdict { VERDICT_APPLIED, VERDICT_TEST_FAILED, VERDICT_NOT_FOUND };

void server_reset(struct server *server, uint32_t slots, uint64_t version);
void server_free(struct server *server);

/** What exists in @slot, NULL for nothing. Borrowed until the next write. */
const struct object *server_get(const struct server *server, uint32_t slot);

/** Stores @o in its slot: creates it where o->serial is 0, else replaces what is there. */
void server_put(struct sim *s, const struct object *o, struct author author);

/** The object in @slot is gone for good. */
void server_remove(struct sim *s, uint32_t slot);

/** Whether @patch's conditions hold now. */
enum verdict server_test(const struct server *server, const struct patch *patch);

/** Carries @patch out, which server_test() has passed. */
void server_apply(struct sim *s, const struct patch *patch);

/** The objects that existed after the first @upto changes, into @out (room for all slots). *version: the
 * resourceVersion of that moment. Returns their number. */
uint32_t server_snapshot(const struct server *server, uint32_t upto, struct object *out, uint64_t *version);

#endif
