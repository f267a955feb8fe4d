/**
 * announcer: tells people what happened to a VMI: a log line, and the first time also an event on the VMI.
 *
 * Events go where users look (kubectl describe vmi), so they say what it means and what to do; success makes
 * none (I8). Which notice is told how is one table. Not thread-safe.
 */
#ifndef CONTROLLER_ANNOUNCER_H
#define CONTROLLER_ANNOUNCER_H

#include "base/log.h"
#include "controller/allocator.h"

struct kube_events;

struct announcer {
	struct logger *log;
	struct kube_events *events; /* NULL: no events are sent */
};

void announcer_tell(struct announcer *a, const struct notice *n);

#endif
