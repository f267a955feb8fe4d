/**
 * witness: remembers every CID that was ever seen, to tell when one is changed or given a second time.
 *
 * What a single look at the API cannot show: a CID that moved from one VMI to another between two looks. The
 * demo's quarantine outlasts the demo, so no CID may ever be seen with two UIDs. Not thread-safe.
 */
#ifndef DEMO_WITNESS_H
#define DEMO_WITNESS_H

#include <jansson.h>
#include <stddef.h>

struct witness {
	json_t *cid_of; /* UID -> CID */
	json_t *uid_of; /* CID -> UID */
	size_t changed; /* CIDs that a VMI lost or had replaced */
	size_t reused;  /* CIDs that another VMI had before */
};

void witness_init(struct witness *w);
void witness_close(struct witness *w);

/** Looks at all VMIs there are (borrowed). */
void witness_look(struct witness *w, const json_t *items);

#endif
