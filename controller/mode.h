/**
 * mode: how this program lives with KubeVirt's own allocator, and why. A state machine without I/O.
 *
 * - *takeover*: the three admission policies are in force, so that every CID is ours: they may be relied on.
 * - *coexist*: no policies, or not all; CIDs are written, and nobody is expected to write others.
 * - *observe*: nothing is written; what is found is shown.
 *
 * By itself (MODE_AUTO) it is takeover where the policies are in force, observe where they were installed on
 * a server that cannot have all of them, else coexist. No fight (I8): three
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
	MODE_POLICIES_IN_VAIN, /* likewise, and the server cannot have all of them */
	MODE_POLICIES_HIDDEN,  /* not all may be read */
	MODE_POLICIES_IN_FORCE,
};

/** So many VMIs in a row, and nothing more is written. */
#define MODE_PATIENCE 3

/** So long after the policies were found to be in force, writes that were under way before may still be
 * overwritten, and VMIs start without us: a server takes a few seconds to follow its policies. */
#define MODE_GRACE_MS 30000

/** Between two tries while fallen back, and until a breach is forgotten. */
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
	bool suspected;       /* in force, as it seems, and yet a VMI has started without our CID */
	bool breached;        /* and soon another one */
	uint64_t breach_ms;   /* when the last one did */
	uint64_t in_force_ms; /* since when they are */
	bool fallen;
	bool fallen_overwritten; /* after the VMI had shown our CID; else at once */
	uint64_t retry_ms;       /* with fallen: the next try */
};

void mode_init(struct mode_core *m, enum mode_choice choice);

/* ---- facts ---- */

/** @lacking: for MODE_POLICIES_LACKING, _HIDDEN and _IN_VAIN, which and why; copied. A change ends a fall,
 * and a breach; time ends a breach, too, so this is to be said again and again. */
void mode_set_policies(struct mode_core *m, enum mode_policies policies, const char *lacking,
		       uint64_t now_ms);

/** A VMI has started with a CID of somebody else's, or with none, although the policies are in force. The
 * second one within MODE_RETRY_MS shows that those that are stored do not work: a single one may have started
 * in the moment in which somebody opened the hold. (kube-apiserver has not run a mutating policy whose
 * feature gate is off, and does not look at the parameter of a policy that was removed and installed again,
 * until it is restarted.) */
void mode_breach(struct mode_core *m, uint64_t now_ms);

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

/** It has fallen back to observe by itself. */
bool mode_has_fallen(const struct mode_core *m);

/** They are in force, as far as is known. */
bool mode_policies_work(const struct mode_core *m);

/** Somebody wants mode takeover: by --mode, or, where that leaves it open, by a policy that is @installed. */
bool mode_wants_takeover(const struct mode_core *m, bool installed);

/** Whether this process takes part in the election at all: not where it was told to observe. */
bool mode_campaigns(const struct mode_core *m);

/** Why, in words, into @out. Returns @out. */
const char *mode_reason(const struct mode_core *m, char out[static MODE_TEXT_SIZE]);

/** When mode_try() will be true or a breach ends, UINT64_MAX: not by itself. */
uint64_t mode_deadline(const struct mode_core *m);

/** While fallen back: true where a single VMI may be tried now; then the next try is MODE_RETRY_MS later. */
bool mode_try(struct mode_core *m, uint64_t now_ms);

#endif
