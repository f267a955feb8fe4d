/**
 * vmi_store: the VMIs that want vsock or hold a CID, by UID, and who holds which CID.
 *
 * Keyed by UID: an object of the same name with another UID is another owner (I5). An owner may hold several
 * CIDs: the one its status shows (*visible*), one that we asked for and whose outcome is not known, one that
 * a foreign writer has replaced while the guest still uses it. A CID may have several owners, where somebody
 * else made a duplicate; it becomes free only when the last one lets go. VMIs that neither want vsock nor
 * hold a CID have no record.
 *
 * Pure bookkeeping: no I/O, no clock, no policy. Not thread-safe.
 */
#ifndef CONTROLLER_VMI_STORE_H
#define CONTROLLER_VMI_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/table.h"
#include "controller/vmi.h"

/** Most CIDs that one owner holds; a foreign writer who changes a CID for ever cannot make us grow (I9). */
#define VMI_MAX_HOLDS 8

struct assignment; /* what is to be done for a VMI, see allocator.c */
struct vmi_record;

struct vmi_hold {
	struct table_node by_cid;
	struct vmi_record *owner;
	struct vmi_hold *more; /* the owner's next one */
	uint32_t cid;
	bool visible; /* the owner's status shows it */
	bool asked;   /* a write of ours asked for it */
	bool kept; /* it was shown, or such a write may have been applied or may yet be: not to be forgotten
		    */
	bool awaited; /* and none of the looks since that write has shown it */
	/** The guest has it, whatever the status says: shown when the owner started (I2), or its migration
	 * source's. */
	bool guest;
};

struct vmi_record {
	struct table_node by_uid;
	struct vmi_hold *holds;  /* youngest first */
	struct assignment *work; /* NULL: nothing to do */
	char *source_uid;        /* of a migration target: its source, whose CID the guest keeps; else NULL */
	unsigned __int128 version; /* resourceVersion of the last look, 0 where unknown */
	int64_t created_s;
	uint32_t seen_in_list; /* number of the last list that showed it */
	uint32_t told;         /* bit per kind of notice already given */
	uint32_t guest_cid;    /* with source_uid: what the guest has; 0: not known here */
	uint8_t relapses;      /* times that it came to need a CID again */
	uint8_t phase;         /* enum vmi_phase */
	uint8_t counted;       /* bits of enum vmi_count that it is counted under */
	bool wants : 1;
	bool deleting : 1;
	bool started : 1; /* once true, always true (I2) */
	bool unreadable : 1;
	bool has_status : 1;
	bool has_phase : 1;
	bool may_fall_back : 1;
	bool incomplete : 1;   /* not all of its last look could be remembered: the same version is news */
	bool ours : 1;         /* the visible CID was written by this process */
	uint16_t namespace_at; /* offsets in text */
	uint16_t name_at;
	char text[]; /* uid, NUL, namespace, NUL, name, NUL */
};

static inline const char *vmi_record_uid(const struct vmi_record *r)
{
	return r->text;
}

static inline const char *vmi_record_namespace(const struct vmi_record *r)
{
	return r->text + r->namespace_at;
}

static inline const char *vmi_record_name(const struct vmi_record *r)
{
	return r->text + r->name_at;
}

struct vmi_store {
	struct table by_uid;
	struct table by_cid;
	size_t held_cids;      /* CIDs with at least one owner */
	size_t duplicate_cids; /* CIDs that the statuses of two or more VMIs show */
};

/** @seed: for the hash tables. Returns 0 or -ENOMEM. */
int vmi_store_init(struct vmi_store *s, uint64_t seed);

/** Frees all records and holds; record->work must be NULL everywhere. */
void vmi_store_close(struct vmi_store *s);

/** The record of @uid, or NULL. */
struct vmi_record *vmi_store_find(const struct vmi_store *s, const char *uid);

/** A new record for @uid with the names of @v. NULL: out of memory. */
struct vmi_record *vmi_store_add(struct vmi_store *s, const char *uid, const struct vmi *v);

/** Frees @r, which holds nothing any more and has no work. */
void vmi_store_remove(struct vmi_store *s, struct vmi_record *r);

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
