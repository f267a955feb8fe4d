/**
 * mode: how this program lives with KubeVirt's own allocator, and why. A state machine without I/O.
 *
 * - *takeover*: the three admission policies are in force, so that every CID is ours: they may be relied on.
 * - *coexist*: no policies, or not all; CIDs are written, and nobody is expected to write others.
 * - *observe*: nothing is written; what is found is shown.
 *
 * By itself (MODE_AUTO) it is takeover where the policies are in force, else coexist. No fight (I8): three
 * VMIs in a row whose CID was put back, or overwritten, and it *falls back* to observe, until the policies
 * change or a single VMI, tried every ten minutes, shows that writes last. "In a row": without a write in
 * between that lasted. A write that is put back shows it at once; one that is overwritten when the VMI starts
 * only then, so where those are the trouble only a VMI that has started with our CID counts as lasting.
 *
 * Times are milliseconds of one clock that never goes back. Not thread-safe; nothing is called back.
 */
#ifndef CONTROLLER_MODE_H
#define CONTROLLER_MODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "controller/vmi.h"

enum mode { MODE_TAKEOVER, MODE_COEXIST, MODE_OBSERVE, MODE_COUNT };

/** "takeover", "coexist", "observe". */
const char *mode_name(enum mode mode);

/** --mode. */
enum mode_choice { MODE_AUTO, MODE_CHOOSE_TAKEOVER, MODE_CHOOSE_COEXIST, MODE_CHOOSE_OBSERVE };

enum mode_policies {
	MODE_POLICIES_UNKNOWN, /* not read yet */
	MODE_POLICIES_LACKING, /* not all as they should be; a text says which */
	MODE_POLICIES_IN_FORCE,
};

/** So many VMIs in a row, and nothing more is written. */
#define MODE_PATIENCE 3

/** Between two tries while fallen back. */
#define MODE_RETRY_MS 600000

#define MODE_TEXT_SIZE 256

struct mode_core {
	enum mode_choice choice;
	enum mode_policies policies;
	char lacking[MODE_TEXT_SIZE];
	/* VMIs in a row whose CID did not last. */
	char row[MODE_PATIENCE][VMI_UID_MAX + 1];
	bool row_overwritten[MODE_PATIENCE];
	size_t row_len;
	bool fallen;
	bool fallen_overwritten; /* after the VMI had shown our CID; else at once */
	uint64_t retry_ms;       /* with fallen: the next try */
};

void mode_init(struct mode_core *m, enum mode_choice choice);

/* ---- facts ---- */

/** @lacking: for MODE_POLICIES_LACKING, which and why; copied. A change ends a fall. */
void mode_set_policies(struct mode_core *m, enum mode_policies policies, const char *lacking);

/** The write for the VMI @uid was answered well, and the CID is not there. */
void mode_reverted(struct mode_core *m, const char *uid, uint64_t now_ms);

/** A CID of ours that was there was changed or removed. */
void mode_overwritten(struct mode_core *m, const char *uid, uint64_t now_ms);

/** The CID is there. */
void mode_assigned(struct mode_core *m);

/** The VMI has started with our CID. */
void mode_lasted(struct mode_core *m);

/* ---- what follows ---- */

enum mode mode_of(const struct mode_core *m);

/** Whether this process takes part in the election at all: not where it was told to observe. */
bool mode_campaigns(const struct mode_core *m);

/** Why, in words, into @out. Returns @out. */
const char *mode_reason(const struct mode_core *m, char out[static MODE_TEXT_SIZE]);

/** When mode_try() will be true, UINT64_MAX: not by itself. */
uint64_t mode_deadline(const struct mode_core *m);

/** While fallen back: true where a single VMI may be tried now; then the next try is MODE_RETRY_MS later. */
bool mode_try(struct mode_core *m, uint64_t now_ms);

#endif
