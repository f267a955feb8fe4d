/**
 * ledger: what one process was told and has asked for, kept by the auditor and not by the allocator.
 *
 * It repeats from the contract (controller/allocator.h) what a process must know: which CIDs it has to keep
 * away from others, and until when; which VMIs are in need. What it says is compared with the allocator's own
 * figures, and every wish is held against it.
 *
 * Glossary: an *entry* is an object as this process knows it, by UID; one whose UID cannot be read has an
 * entry by name. A *claim* is an entry's hold on a CID: shown by a look, or asked for by a wish. It *binds*
 * when the CID may not be given to anybody else; it does not where the server surely refused the write, and
 * where the contract allows to forget it (an owner of too many). A *period of need* begins when an entry
 * comes to lack a CID that we may give, and ends when it does not any more; the allocator's work for it lasts
 * as long.
 */
#ifndef SIM_LEDGER_H
#define SIM_LEDGER_H

#include "cid/range.h"
#include "controller/allocator.h"
#include "sim/object.h"

struct claim {
	uint32_t entry; /* index of its owner */
	uint32_t cid;
	uint32_t open;     /* writes that may have been applied, or may yet be */
	uint16_t writes;   /* wishes for it */
	uint16_t assigned; /* times that NOTICE_ASSIGNED was given */
	bool shown;
	bool asked;
	bool kept;  /* a write for it may be applied, or nobody waited for its outcome */
	bool guest; /* shown when the owner started, or its migration source's */
};

struct entry {
	uint64_t version;
	int64_t created_s;
	uint64_t second_ms; /* when the present second, and minute, of wishes began */
	uint64_t minute_ms;
	uint64_t pause_ms; /* no wish before that, as long as this period of need lasts */
	uint32_t wishes_in_second;
	uint32_t wishes_in_minute;
	uint32_t list; /* number of the last list that named it */
	uint32_t need; /* number of the present or last period of need */
	uint32_t serial;
	uint32_t source;  /* serial of the object that it is the migration target of, 0: of none */
	uint32_t guests;  /* claims that the guest has */
	uint32_t visible; /* with has_visible */
	uint16_t slot;
	bool present;
	bool has_visible;
	bool wants;
	bool started;
	bool deleting;
	bool unreadable;
	bool final;
	bool ours; /* the visible CID was asked for by this process */
	bool needy;
	bool crowded; /* has had more claims than the allocator keeps */
	bool patchy;  /* memory was short for a look at it, and no list has shown it since: nothing binds */
	bool vague;   /* may have more CIDs as its guest's than are known here */
	bool refused_falsely;
	bool outside_told; /* that it has started with a CID outside the range, and no range since had that */
	bool owes_outside; /* it is to be told that now */
	bool exhausted;    /* it waits because the range had no free CID */
	bool retry;        /* it did, and the range is another one */
};

struct rest {
	uint64_t since_ms;
	uint32_t cid;
	bool binds; /* it was bound before; else it may rest, and need not */
};

struct ledger {
	const struct cid_range *range;
	uint64_t quarantine_ms;
	uint32_t slots;
	struct entry *entries; /* by slot where the UID cannot be read, then by slots + serial */
	uint32_t len;
	uint32_t room;
	struct claim *claims;
	uint32_t claim_count;
	uint32_t claim_room;
	struct rest *rests;
	uint32_t rest_count;
	uint32_t rest_room;
	uint32_t list;
	uint32_t needs; /* periods so far */
	uint32_t needy; /* entries in need */
	uint32_t owed;  /* entries with owes_outside */
	bool blind;     /* the list under way showed an object without a readable UID */
};

void ledger_reset(struct ledger *l, const struct cid_range *range, uint64_t quarantine_ms, uint32_t slots);
void ledger_free(struct ledger *l);

/* ---- what the process is told ---- */

void ledger_seen(struct ledger *l, const struct object *o, const struct vmi *v, bool listed);
void ledger_gone(struct ledger *l, const struct object *o, uint64_t now_ms);
void ledger_list_started(struct ledger *l);
void ledger_list_done(struct ledger *l, uint64_t version, uint64_t now_ms);

/** Its quarantine has ended for what has rested long enough. */
void ledger_ticked(struct ledger *l, uint64_t now_ms);

/** Other settings. @range is borrowed until the next one. */
void ledger_set_range(struct ledger *l, const struct cid_range *range);
void ledger_set_quarantine(struct ledger *l, uint64_t quarantine_ms, uint64_t now_ms);

/* ---- what it says ---- */

/** A notice about @e. False: it should not have been given. */
bool ledger_noticed(struct ledger *l, struct entry *e, const struct notice *n);

/* ---- what it asks ---- */

/** A WISH_PATCH for @e. */
void ledger_asked(struct ledger *l, struct entry *e, uint32_t cid, uint64_t now_ms);

/** The answer to it: whether the write may have been applied, and whether it was waited for. */
void ledger_settled(struct ledger *l, uint32_t serial, uint32_t cid, bool surely_not, bool waited);

/* ---- questions ---- */

/** NULL where the process knows of no such object. Borrowed until the next call. */
struct entry *ledger_entry(const struct ledger *l, uint32_t serial);

/** That of an object without a readable UID, or NULL. */
struct entry *ledger_blind_entry(const struct ledger *l, uint32_t slot);

/** The claim of @e on @cid, or NULL. */
struct claim *ledger_claim(const struct ledger *l, const struct entry *e, uint32_t cid);

bool ledger_binds(const struct ledger *l, const struct claim *c);

/** An entry other than @e with a binding claim on @cid, or NULL. */
const struct entry *ledger_other_owner(const struct ledger *l, const struct entry *e, uint32_t cid);

/** When @r ends, as the quarantine is now. */
uint64_t ledger_until_ms(const struct ledger *l, const struct rest *r);

/** Whether @cid may not be used yet, because its last owner has gone too recently. */
bool ledger_rests(const struct ledger *l, uint32_t cid, uint64_t now_ms);

/** Whether anybody has a claim on @cid, binding or not, or it rests. */
bool ledger_is_touched(const struct ledger *l, uint32_t cid, uint64_t now_ms);

/** Whether @e shows a CID that could be given, if the range were another one. */
bool ledger_is_outside(const struct ledger *l, const struct entry *e);

/** Whether @e shows a valid CID that it may keep. */
bool ledger_is_content(const struct ledger *l, const struct entry *e);

#endif
