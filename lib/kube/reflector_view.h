/**
 * reflector_view: tells the log how a reflector's view of the world fares.
 *
 * One line when the view begins, when it is interrupted and when it is restored; everything else is for
 * debugging. An interruption within REFLECTOR_VIEW_QUIET_MS of the last one that was told stays a debug line
 * unless it lasts longer than that, so a connection that flaps writes two lines a minute.
 */
#ifndef KUBE_REFLECTOR_VIEW_H
#define KUBE_REFLECTOR_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/log.h"

#define REFLECTOR_VIEW_QUIET_MS 60000

enum reflector_view_state { VIEW_NEW, VIEW_ABSENT, VIEW_BROKEN, VIEW_LIVE };

struct reflector_view {
	struct logger *log;
	char title[128]; /* "configmaps NAME", "virtualmachineinstances.kubevirt.io"; cut to what fits */
	enum reflector_view_state state;
	bool synced; /* was live once */
	bool told;   /* the state it is in has been logged */
	bool ever_told;
	uint64_t told_ms; /* when an interruption was last logged */
};

/** @group "": the core group; @name NULL: not one object alone. */
void reflector_view_init(struct reflector_view *v, struct logger *log, const char *resource,
			 const char *group, const char *name);

/** The resource is not served. @now_ms: boot clock, here and below. */
void reflector_view_absent(struct reflector_view *v, const struct error *why, uint64_t now_ms);

/** It cannot be listed or watched at the moment. */
void reflector_view_broken(struct reflector_view *v, const struct error *why, uint64_t now_ms);

/** A list is complete. */
void reflector_view_listed(struct reflector_view *v, const char *version, size_t count, const char *rv);

/** The watch goes on from @rv; called for each event. */
void reflector_view_watching(struct reflector_view *v, const char *rv);

#endif
