/**
 * tally: what a list of VMIs says about their CIDs, counted without any code of the controller's.
 *
 * It is the judge of the demo and of the end-to-end tests: it looks at nothing but the objects as the API
 * gives them. Not thread-safe, no I/O.
 */
#ifndef E2E_TALLY_H
#define E2E_TALLY_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** The CIDs that were to be given, both ends included. */
struct tally_range {
	uint32_t min;
	uint32_t max;
};

#define TALLY_DEFAULT_RANGE ((struct tally_range){3, 2147483647})

struct tally {
	size_t vmis;
	size_t wants;      /* ask for vsock */
	size_t have;       /* ask for vsock and show a valid CID */
	size_t missing;    /* ask, have not started, show none: somebody has to give them one still */
	size_t missed;     /* ask, have started without one: too late */
	size_t cids;       /* different CIDs shown */
	size_t duplicates; /* CIDs that two or more VMIs show */
	size_t invalid;    /* VMIs whose CID is no number, or is 0, 1, 2 or 4294967295 */
	size_t outside;    /* VMIs whose CID is another one that is not in the range */
	json_t *findings;  /* [{"finding": "duplicate", "namespace": ..., "name": ..., "cid": ...}], owned */
};

/** Counts @items (an array of VMIs, borrowed). tally_free() is due afterwards. Returns 0 or -ENOMEM. */
int tally_count(struct tally *t, const json_t *items, struct tally_range range);

void tally_free(struct tally *t);

/** Nobody lacks a CID that is still due, and none is shared, invalid or outside the range. */
bool tally_is_clean(const struct tally *t);

/** The phase is Scheduled or later, or was so once: the launcher may have built the domain. */
bool tally_has_started(const json_t *vmi);

#endif
