/**
 * settings: range, quarantine and window, which change while processes run. They come from a ConfigMap that
 * each process watches for itself, so that each learns of a change at its own time, a paused one or one
 * that is cut off much later; until then it goes by what it was told before, and is judged by that.
 *
 * All ranges lie within that of the profile; what it excludes they may include.
 */
#ifndef SIM_SETTINGS_H
#define SIM_SETTINGS_H

#include "cid/range.h"

struct event;
struct process;
struct sim;

#define SETTINGS_MAX 32 /* in one run */

struct setting {
	struct cid_range range;
	uint32_t quarantine_ms;
	uint32_t window;
};

/** All that there have been, the first one by the profile. */
struct settings {
	struct setting all[SETTINGS_MAX];
	uint32_t count;
};

void settings_start(struct sim *s);
void settings_end(struct sim *s);

/** The present one. */
const struct setting *settings_now(const struct sim *s);

/** Somebody changes it: who runs will hear of it. */
void settings_move(struct sim *s);

/** @p begins, with the present one or with the one before. Fills in p->setting and what belongs to it. */
void settings_give_first(struct process *p);

/** @p is to hear of changes at @at_ms, or earlier where it is to do so already. */
void settings_tell(struct process *p, uint64_t at_ms);

/** @p hears of nothing any more. */
void settings_forget(struct process *p);

/** The event of struct process that settings_tell() sets off. */
void settings_on_told(struct sim *s, struct event *e);

#endif
