/**
 * vmi_store: the VMIs that want vsock or hold a CID, by UID, and who holds which CID.
 *
 * Keyed by UID: an object of the same name with another UID is another owner (I5). An owner may hold several
 * CIDs: the one its status shows (*visible*), one that we asked for and whose outcome is not known, one that
 * a foreign writer has replaced while the guest still uses it. A CID may have several owners, where somebody
 * else made a duplicate; it becomes free only when the last one lets go. VMIs that neither want vsock nor
 * hold a CID have no record.
 *
 * There may be a million of them, so a record is small: it lives in an arena, its UID is 16 bytes, its
 * namespace is stored once for all, the hold that nearly every record has is a part of it, and what few need
 * is elsewhere (struct vmi_extra). About 100 bytes a VMI in all.
 *
 * Pure bookkeeping: no I/O, no clock, no policy. Not thread-safe.
 */
#ifndef CONTROLLER_VMI_STORE_H
#define CONTROLLER_VMI_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena_table.h"
#include "controller/vmi.h"

/** Most CIDs that one owner holds; a foreign writer who changes a CID for ever cannot make us grow (I9). */
#define VMI_MAX_HOLDS 8

/** Room for a UID, or for what stands for it (vmi_store_find()), with its NUL. */
#define VMI_KEY_SIZE (VMI_NAMESPACE_MAX + VMI_NAME_MAX + 4)

/** A resourceVersion (WCH-12: up to 128 bit), 0 where unknown. Blocks of an arena are aligned to 8. */
typedef unsigned __int128 vmi_version __attribute__((aligned(8)));

struct vmi_record;

struct vmi_hold {
	struct arena_node by_cid;
	uint32_t cid;
	bool used : 1;    /* false: the record's own one is free */
	bool own : 1;     /* it is a part of its owner's record */
	bool visible : 1; /* the owner's status shows it */
	bool asked : 1;   /* a write of ours asked for it */
	/** It was shown, or such a write may have been applied or may yet be: not to be forgotten ... */
	bool kept : 1;
	bool awaited : 1; /* ... and none of the looks since that write has shown it */
	/** The guest has it, whatever the status says: shown when the owner started (I2), or its migration
	 * source's. */
	bool guest : 1;
};

struct vmi_record {
	struct arena_node by_uid;
	arena_handle extra;     /* private, as is all that says so */
	struct vmi_hold hold;   /* of its holds the oldest, where it is used */
	arena_handle namespace; /* private */
	uint64_t version;       /* private */
	uint8_t uuid[16];       /* private */
	uint32_t created_s;     /* since 1970; 0 where unknown */
	uint32_t told;          /* bit per kind of notice already given */
	/** The last bits of the number of the last list that showed it. Should 65,536 lists in a row break
	 * off, it may pass for seen: then it is kept for one list more. */
	uint16_t seen_in_list;
	uint8_t relapses;    /* times that it came to need a CID again */
	uint8_t phase : 4;   /* enum vmi_phase */
	uint8_t counted : 4; /* bits of enum vmi_count that it is counted under */
	bool has_uuid : 1;   /* private */
	bool wants : 1;
	bool deleting : 1;
	bool started : 1; /* once true, always true (I2) */
	bool unreadable : 1;
	bool has_status : 1;
	bool has_phase : 1;
	bool may_fall_back : 1;
	bool incomplete : 1; /* not all of its last look could be remembered: the same version is news */
	bool ours : 1;       /* the visible CID was written by this process */
	bool doubtful : 1;   /* what became of the last write was not looked at when it was given up (I4) */
	char text[];         /* name, NUL, and unless has_uuid the key, NUL */
};

struct vmi_store {
	struct arena arena;
	struct arena_table by_uid;
	struct arena_table by_cid;
	struct arena_table namespaces;
	size_t held_cids;      /* CIDs with at least one owner */
	size_t duplicate_cids; /* CIDs that the statuses of two or more VMIs show */
	size_t sources;        /* records that have a migration's source */
};

/** @seed: for the hash tables. @s may not move. Returns 0 or -ENOMEM. */
int vmi_store_init(struct vmi_store *s, uint64_t seed);

/** Frees everything. */
void vmi_store_close(struct vmi_store *s);

/** The record of @key, a UID or a text that no UID can be equal to; NULL where there is none. */
struct vmi_record *vmi_store_find(const struct vmi_store *s, const char *key);

/** A new record for @key with the names of @v. NULL: out of memory. */
struct vmi_record *vmi_store_add(struct vmi_store *s, const char *key, const struct vmi *v);

/** Frees @r, which holds nothing any more and has no work. */
void vmi_store_remove(struct vmi_store *s, struct vmi_record *r);

/** Calls @visit for every record, in no order; it may remove the one that it was given. */
void vmi_store_visit(const struct vmi_store *s, void (*visit)(void *data, struct vmi_record *r), void *data);

/* ---- a record ---- */

static inline const char *vmi_record_name(const struct vmi_record *r)
{
	return r->text;
}

/** Borrowed until the record is removed. */
const char *vmi_record_namespace(const struct vmi_record *r);

/** Its key. Returns @out. */
const char *vmi_record_uid(const struct vmi_record *r, char out[static VMI_KEY_SIZE]);

/** resourceVersion of the last look, 0 where unknown. One of more than 64 bits needs memory, and is unknown
 * where there is none. */
vmi_version vmi_record_version(const struct vmi_record *r);
void vmi_store_set_version(struct vmi_store *s, struct vmi_record *r, vmi_version version);

/** What is to be done for it, see allocator_impl.h; ARENA_NONE: nothing. */
arena_handle vmi_record_work(const struct vmi_record *r);

/** False: out of memory, which cannot be where @work is ARENA_NONE. */
bool vmi_store_set_work(struct vmi_store *s, struct vmi_record *r, arena_handle work);

/** It has at most one hold, no work and no migration's source. */
static inline bool vmi_record_is_plain(const struct vmi_record *r)
{
	return r->extra == ARENA_NONE;
}

/** Of a migration target: the UID of its source, whose CID the guest keeps; else NULL. */
const char *vmi_record_source(const struct vmi_record *r);

/** False: out of memory, and it has none. Another source than before is one whose guest's CID is not known.
 */
bool vmi_store_set_source(struct vmi_store *s, struct vmi_record *r, const char *uid);

/** With a source: the CID that the guest has; 0: not known here. */
uint32_t vmi_record_guest_cid(const struct vmi_record *r);
void vmi_record_set_guest_cid(struct vmi_record *r, uint32_t cid);

/* ---- holds ---- */

/** Walks the holds of @r, the youngest first; NULL at the end. The next is to be asked for before @h is let
 * go. */
struct vmi_hold *vmi_hold_first(const struct vmi_record *r);
struct vmi_hold *vmi_hold_next(const struct vmi_hold *h);

struct vmi_record *vmi_hold_owner(const struct vmi_hold *h);

/** The hold of @r on @cid, or NULL. */
struct vmi_hold *vmi_store_hold_of(const struct vmi_record *r, uint32_t cid);

/** The visible hold of @r, or NULL. */
struct vmi_hold *vmi_store_visible(const struct vmi_record *r);

/** Makes @r an owner of @cid, if it is not yet. NULL: out of memory. *first tells whether the CID had no
 * owner before. */
struct vmi_hold *vmi_store_hold(struct vmi_store *s, struct vmi_record *r, uint32_t cid, bool *first);

/** Ends a hold. True: it was the CID's last. */
bool vmi_store_let_go(struct vmi_store *s, struct vmi_hold *h);

/** Makes @h the one that its owner's status shows, NULL: none of @r's. */
void vmi_store_show(struct vmi_store *s, struct vmi_record *r, struct vmi_hold *h);

/** Walks the owners of @cid: the first one after @after (NULL: from the start), NULL at the end. */
struct vmi_hold *vmi_store_owner(const struct vmi_store *s, uint32_t cid, const struct vmi_hold *after);

#endif
