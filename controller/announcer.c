#include "controller/announcer.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/buf.h"
#include "kube/events.h"

#define MESSAGE_MAX 1024

struct style {
	enum log_level level;
	const char *event; /* reason of the event; NULL: a log line is enough */
};

static const struct style styles[NOTICE_COUNT] = {
	[NOTICE_ASSIGNED] = {LOG_LEVEL_INFO, NULL},
	[NOTICE_REVERTED] = {LOG_LEVEL_WARNING, "FailedSetVSOCKCID"},
	[NOTICE_REFUSED] = {LOG_LEVEL_WARNING, "FailedSetVSOCKCID"},
	[NOTICE_OVERTAKEN] = {LOG_LEVEL_DEBUG, NULL},
	[NOTICE_UNKNOWN] = {LOG_LEVEL_WARNING, "FailedSetVSOCKCID"},
	[NOTICE_THROTTLED] = {LOG_LEVEL_WARNING, NULL},
	[NOTICE_VANISHED] = {LOG_LEVEL_DEBUG, NULL},
	[NOTICE_EXHAUSTED] = {LOG_LEVEL_ERROR, "FailedAllocateVSOCKCID"},
	[NOTICE_FOREIGN] = {LOG_LEVEL_WARNING, "ForeignVSOCKCID"},
	[NOTICE_LASTED] = {LOG_LEVEL_DEBUG, NULL},
	[NOTICE_DUPLICATE] = {LOG_LEVEL_ERROR, "DuplicateVSOCKCID"},
	[NOTICE_INVALID] = {LOG_LEVEL_WARNING, "InvalidVSOCKCID"},
	[NOTICE_OUTSIDE] = {LOG_LEVEL_INFO, NULL},
	[NOTICE_MISSED] = {LOG_LEVEL_WARNING, "MissedVSOCKCID"},
	[NOTICE_SOURCE] = {LOG_LEVEL_WARNING, "MigrationVSOCKCID"},
	[NOTICE_HELD] = {LOG_LEVEL_WARNING, "FailedAllocateVSOCKCID"},
	[NOTICE_UNREADABLE] = {LOG_LEVEL_WARNING, "FailedAllocateVSOCKCID"},
	[NOTICE_OUT_OF_MEMORY] = {LOG_LEVEL_ERROR, NULL},
};

static int write_foreign(struct buf *out, const struct notice *n)
{
	if (n->cid == 0)
		return buf_printf(out, "VSOCK CID %" PRIu32 " was removed by another component", n->old_cid);
	if (n->old_cid == 0)
		return buf_printf(out, "VSOCK CID %" PRIu32 " was set by another component", n->cid);
	return buf_printf(out, "VSOCK CID was changed from %" PRIu32 " to %" PRIu32 " by another component",
			  n->old_cid, n->cid);
}

static int write_source(struct buf *out, const struct notice *n)
{
	if (n->old_cid == 0)
		return buf_printf(
			out,
			"the guest of this migration target has the VSOCK CID of its source, which is "
			"not known in this cluster; the %" PRIu32 " of its status is not used",
			n->cid);
	return buf_printf(out,
			  "the guest of this migration target has VSOCK CID %" PRIu32
			  ", that of its source%s%s%s%s; "
			  "the %" PRIu32 " of its status is not used. Both stay reserved",
			  n->old_cid, n->other_name[0] != '\0' ? " " : "", n->other_namespace,
			  n->other_name[0] != '\0' ? "/" : "", n->other_name, n->cid);
}

/* Messages that are always the same. */
static const char *const fixed_texts[NOTICE_COUNT] = {
	[NOTICE_OVERTAKEN] = "the VMI has changed meanwhile, it is read again",
	[NOTICE_VANISHED] = "the VMI is gone",
	[NOTICE_EXHAUSTED] = "no VSOCK CID is free in the whole range; delete VMIs or widen the range",
	[NOTICE_MISSED] =
		"the VMI has started without a VSOCK CID and has no vsock device until it is restarted",
	[NOTICE_OUT_OF_MEMORY] = "out of memory; nothing is written until all VMIs have been listed again",
};

static int write_message(struct buf *out, const struct notice *n)
{
	if (fixed_texts[n->kind] != NULL)
		return buf_add_str(out, fixed_texts[n->kind]);
	switch (n->kind) {
	case NOTICE_ASSIGNED:
		return buf_printf(out, "assigned VSOCK CID %" PRIu32 " after %" PRIu64 " ms", n->cid,
				  n->waited_ms);
	case NOTICE_REVERTED:
		return buf_printf(out,
				  "VSOCK CID %" PRIu32
				  " was written, but another component put the old status back; "
				  "see manifests/kubevirt.md of vsock-cid-controller",
				  n->cid);
	case NOTICE_REFUSED:
		return buf_printf(out, "the API server refuses the VSOCK CID: %s", n->text);
	case NOTICE_UNKNOWN:
		return buf_printf(
			out, "the outcome of writing VSOCK CID %" PRIu32 " is not known, it is read back: %s",
			n->cid, n->text);
	case NOTICE_THROTTLED:
		return buf_printf(out, "the API server cannot be asked now, all writes wait: %s", n->text);
	case NOTICE_FOREIGN:
		return write_foreign(out, n);
	case NOTICE_LASTED:
		return buf_printf(out, "started with VSOCK CID %" PRIu32, n->cid);
	case NOTICE_SOURCE:
		return write_source(out, n);
	case NOTICE_HELD:
		return buf_printf(out, "the VMI waits for a VSOCK CID and is not given one: %s", n->text);
	case NOTICE_DUPLICATE:
		return buf_printf(out,
				  "VSOCK CID %" PRIu32
				  " is also shown by VMI %s/%s; a VMI that runs with it must be "
				  "stopped and started again to get one of its own",
				  n->cid, n->other_namespace, n->other_name);
	case NOTICE_INVALID:
		return buf_printf(out, "VSOCK CID %" PRIu32 " is reserved, and works in no VM", n->cid);
	case NOTICE_OUTSIDE:
		return buf_printf(out,
				  "started with VSOCK CID %" PRIu32
				  ", which is excluded or outside of the configured range; it stays",
				  n->cid);
	case NOTICE_UNREADABLE:
		return buf_printf(out, "%s is not as the API promises; the VMI is not served", n->text);
	default:
		return -1;
	}
}

void announcer_tell(struct announcer *a, const struct notice *n)
{
	const struct style *style = &styles[n->kind];
	const struct log_object object = {
		.kind = "VirtualMachineInstance",
		.namespace = n->namespace,
		.name = n->name,
		.uid = n->uid,
	};
	AUTO_BUF struct buf message;

	buf_init(&message, MESSAGE_MAX);
	(void)write_message(&message, n);
	log_about(a->log, style->level, &object, NULL, "%s", buf_str(&message));
	if (!n->first || style->event == NULL || a->events == NULL)
		return;
	kube_events_post(a->events, &(struct kube_event){
					    .namespace = n->namespace,
					    .kind = "VirtualMachineInstance",
					    .api_version = "kubevirt.io/v1",
					    .name = n->name,
					    .uid = n->uid,
					    .reason = style->event,
					    .message = buf_str(&message),
					    .warning = true,
				    });
}
