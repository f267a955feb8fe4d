/**
 * findings: what is wrong with the CIDs of many VMIs, in memory that does not grow with what is right.
 *
 * A first look at every VMI counts, and finds all but who shares a CID: of that it keeps the CIDs (some bytes
 * each). Where some are shared, a second look at every VMI finds whose they are. Pure.
 */
#ifndef CONTROLLER_PLUGIN_FINDINGS_H
#define CONTROLLER_PLUGIN_FINDINGS_H

#include <stdbool.h>
#include <stddef.h>

#include "cid/cid_set.h"
#include "cid/range.h"
#include "controller/plugin/vmi_list.h"

enum finding_kind {
	FINDING_DUPLICATE, /* shown by two VMIs or more */
	FINDING_RESERVED,  /* works in no VM */
	FINDING_OUTSIDE,   /* excluded, or not of the range: it works, and was not given by this controller */
	FINDING_MISSING,   /* it runs, asked for one, and has none */
	FINDING_UNREADABLE, /* not as the API promises */
	FINDING_KINDS,
};

/** "duplicate", ... */
const char *finding_name(enum finding_kind kind);

struct findings {
	const struct cid_range *range; /* borrowed; NULL: any CID is fine */
	/** Told of each finding; of duplicates in the second look. Borrowed. Returns 0 or a negative errno.
	 */
	int (*found)(void *data, enum finding_kind kind, const struct vmi_row *row, const char *where);
	void *data;
	struct cid_set seen;
	struct cid_set shared;
	size_t vmis, with_cid, waiting;
	size_t count[FINDING_KINDS]; /* VMIs; of duplicates after the second look */
};

/** On success findings_close() is due. Returns 0 or -ENOMEM. */
int findings_init(struct findings *f, const struct cid_range *range,
		  int (*found)(void *data, enum finding_kind kind, const struct vmi_row *row,
			       const char *where),
		  void *data);
void findings_close(struct findings *f);

/** The first look. @where: a word that comes along, such as a cluster's. Returns 0 or a negative errno. */
int findings_look(struct findings *f, const struct vmi_row *row, const char *where);

/** Whether there has to be a second look. */
bool findings_are_shared(const struct findings *f);

/** The second look. */
int findings_look_again(struct findings *f, const struct vmi_row *row, const char *where);

#endif
