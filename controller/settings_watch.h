/**
 * settings_watch: the settings in force: those of the command line, or what ConfigMap vsock-cid-controller in
 * KubeVirt's namespace makes of them.
 *
 * The ConfigMap's keys are the names of the settings (settings.h); one that is not there leaves the command
 * line's value. What it says is taken over whole or not at all: while one key is wrong the settings before
 * stay. At the start there are none: then no CID may be given until it is mended, since the part of the CIDs
 * that is this cluster's may be among what it wants. Also refused is a highest CID that the CRD of VMIs does
 * not take (cid_schema.h), which may have to be read first. Loop's thread only.
 */
#ifndef CONTROLLER_SETTINGS_WATCH_H
#define CONTROLLER_SETTINGS_WATCH_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/error.h"
#include "base/log.h"
#include "base/rng.h"
#include "controller/cid_schema.h"
#include "controller/settings.h"
#include "kube/client.h"
#include "kube/reflector.h"

struct settings_watch;

/** All borrowed until the close callback. */
struct settings_watch_options {
	uv_loop_t *loop;
	struct kube_client *client;
	struct logger *log;
	struct rng *rng;
	const struct settings_values *base; /* the command line's */
	/** A list or a watch of ConfigMaps was started again, for metrics. */
	void (*restarted)(void *data, bool watch, enum reflector_restart reason);
	/** The command line's own highest CID does not fit into the CRD. From the loop, outside of libcurl,
	 * at most once. */
	void (*misfit)(void *data, const char *why);
	void *data;
	/** So long lists may be forbidden before that counts (refusals.h). */
	uint64_t patience_ms;
};

/** The command line's settings are in force. Returns 0, -ENOMEM, -EINVAL. On success give *out to
 * settings_watch_close(). */
int settings_watch_open(struct settings_watch **out, const struct settings_watch_options *options,
			struct error *err);

/** Starts to watch in @namespace, unless it is "" or a watch has started. Outside of libcurl. Returns 0 or a
 * negative errno with err. */
int settings_watch_start(struct settings_watch *w, const char *namespace, struct error *err);

/** Draws the conclusions from what was seen, once in each turn of the loop, outside of libcurl. True: other
 * settings are in force from now on, and the ones before end with the next call. */
bool settings_watch_follow(struct settings_watch *w);

/** Those in force; and whether the CRD takes their CIDs. */
const struct settings *settings_watch_current(const struct settings_watch *w);
const struct cid_schema *settings_watch_schema(const struct settings_watch *w);

/** The ConfigMap has been judged, or cannot be: this process may campaign. Stays true. */
bool settings_watch_known(const struct settings_watch *w);

/** CIDs may be given by the settings in force. Stays true. */
bool settings_watch_good(const struct settings_watch *w);

/** Why the ConfigMap as it is now is not in force, "" where it is, or is not there. Borrowed until the next
 * turn. */
const char *settings_watch_refusal(const struct settings_watch *w);

/** Changes with each refusal, with its end, and with other settings in force; 0 at the start. */
uint64_t settings_watch_verdict(const struct settings_watch *w);

/** The ConfigMap's UID, "" where it is not there. Borrowed. */
const char *settings_watch_uid(const struct settings_watch *w);

/** Cancels what is under way, then @cb from the loop. */
void settings_watch_close(struct settings_watch *w, void (*cb)(void *data), void *data);

#endif
