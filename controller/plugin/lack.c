#include "controller/plugin/lack.h"

#include <string.h>

/* Reasons of the controller's events about VMIs without a CID, and words of the message of one that was put
 * back (controller/announcer.c). */
#define REASON_WRITE    "FailedSetVSOCKCID"
#define REASON_ALLOCATE "FailedAllocateVSOCKCID"
#define PUT_BACK        "put the old status back"

static enum lack told_lack(const struct vmi *v, const struct cluster *c)
{
	const char *message = "";
	const char *reason = cluster_told(c, v->uid, &message);

	if (reason == NULL)
		return LACK_WAITING;
	if (strcmp(reason, REASON_WRITE) == 0)
		return strstr(message, PUT_BACK) != NULL ? LACK_REVERTED : LACK_REFUSED;
	return strcmp(reason, REASON_ALLOCATE) == 0 ? LACK_REFUSED : LACK_WAITING;
}

enum lack lack_of(const struct vmi *v, const struct cluster *c)
{
	enum lack told;

	if (v->cid_state == VMI_CID_PRESENT)
		return LACK_NOTHING;
	if (v->unreadable != NULL)
		return LACK_UNREADABLE;
	if (!v->wants_vsock)
		return LACK_UNWANTED;
	if (v->phase == VMI_PHASE_SUCCEEDED || v->phase == VMI_PHASE_FAILED)
		return LACK_ENDED;
	if (vmi_has_started(v))
		return LACK_TOO_LATE;
	if (c->gate_known && !c->verdict.open)
		return LACK_GATE_OFF;
	told = told_lack(v, c);
	if (told != LACK_WAITING)
		return told;
	if (c->said.by != SAID_BY_NOBODY && c->said.mode == MODE_OBSERVE)
		return LACK_OBSERVED;
	return c->holding && v->phase == VMI_PHASE_SCHEDULING ? LACK_HELD : LACK_WAITING;
}

const char *lack_name(enum lack lack)
{
	static const char *const names[LACK_COUNT] = {
		[LACK_NOTHING] = "",          [LACK_UNWANTED] = "unwanted", [LACK_UNREADABLE] = "unreadable",
		[LACK_ENDED] = "ended",       [LACK_TOO_LATE] = "too-late", [LACK_GATE_OFF] = "gate-off",
		[LACK_REVERTED] = "reverted", [LACK_REFUSED] = "refused",   [LACK_HELD] = "held",
		[LACK_WAITING] = "waiting",   [LACK_OBSERVED] = "observe",
	};

	return names[lack];
}

const char *lack_text(enum lack lack, const struct vmi *v, const struct cluster *c)
{
	static const char *const texts[LACK_COUNT] = {
		[LACK_NOTHING] = "",
		[LACK_UNWANTED] = "it does not ask for one (spec.domain.devices.autoattachVSOCK)",
		[LACK_ENDED] = "its guest has ended",
		[LACK_TOO_LATE] = "it has started without one, and gets one only when it is restarted",
		[LACK_HELD] = "the admission policy lets it start once it has one",
		[LACK_WAITING] = "it waits for the controller's write",
	};
	const char *message = "";

	switch (lack) {
	case LACK_UNREADABLE:
		return v->unreadable;
	case LACK_OBSERVED:
		return c->said.text;
	case LACK_GATE_OFF:
		return gate_reason_text(c->verdict.reason);
	case LACK_REVERTED:
	case LACK_REFUSED:
		(void)cluster_told(c, v->uid, &message);
		return message;
	default:
		return texts[lack];
	}
}
