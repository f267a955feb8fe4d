/**
 * reflector: keeps a view of all objects of one resource in step with the API server: discovery, list, watch,
 * and again.
 *
 * kubernetes-client.md sections 4-6 are its rules. It stores no objects itself: it reads each one with the
 * caller's field table (json/reader.h) and tells the caller, in order, what it saw. The caller decides what
 * to keep and by what key; a list ends with list_done, after which what the list did not name and what is not
 * newer than the list is gone.
 *
 * Glossary: *discovery* finds which version of the group is served; *list* is a consistent snapshot (first
 * list of a process: resourceVersion unset, I3), in pages or, *streaming list*, as the beginning of the watch
 * (LST-9); *watch* streams the changes after it; a *bookmark* carries progress without an object; *410
 * Gone/Expired* means that the past is compacted and a new list is needed.
 *
 * Loop's thread only. Callbacks run from the loop, most of them while a body is being read (inside libcurl):
 * they must not start or cancel requests of the same client, nor relist or close another reflector on it;
 * note what to do and do it later. This reflector itself may be told to relist or to close in any of its
 * callbacks.
 */
#ifndef KUBE_REFLECTOR_H
#define KUBE_REFLECTOR_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/log.h"
#include "base/rng.h"
#include "kube/client.h"
#include "json/reader.h"

enum reflector_event {
	REFLECTOR_LISTED, /* part of a list that is under way */
	REFLECTOR_ADDED,
	REFLECTOR_MODIFIED,
	REFLECTOR_DELETED, /* last state, with the resourceVersion of the deletion (WCH-3) */
};

/** Why a list or a watch had to be started again; labels of metrics. */
enum reflector_restart {
	REFLECTOR_RESTART_EOF,       /* the server ended the watch (timeout, shutdown) */
	REFLECTOR_RESTART_EXPIRED,   /* 410 in any of its three forms */
	REFLECTOR_RESTART_THROTTLED, /* 429 */
	REFLECTOR_RESTART_FORBIDDEN, /* 403 */
	REFLECTOR_RESTART_ABSENT,    /* 404 */
	REFLECTOR_RESTART_REFUSED,   /* other answers that are not 2xx */
	REFLECTOR_RESTART_TRANSPORT, /* connection lost, refused, timed out */
	REFLECTOR_RESTART_STALLED,   /* our own deadline on a silent connection (WCH-9) */
	REFLECTOR_RESTART_DECODE,    /* not JSON, too long, unknown event type */
	REFLECTOR_RESTART_REQUESTED, /* reflector_relist() */
	REFLECTOR_RESTART_COUNT,
};

/** "eof", "expired", ... */
const char *reflector_restart_name(enum reflector_restart reason);

struct reflector_handler {
	/** A new object begins: forget the fields of the one before. Always comes before value() and
	 * object(), but not every begin() has an object(): what is being read may turn out to be a bookmark
	 * or an error, or may be cut off. */
	void (*begin)(void *data);
	/** One wanted field of it. Nothing that is wrong with an object may end the stream, hence no result.
	 */
	void (*value)(void *data, int field, const struct json_value *value);
	/** The object is complete (and the watch's frame around it). @rv: its resourceVersion, "" where it is
	 * missing, no string or unusable. What stands in an object's place without being a JSON object comes
	 * here too, without values. */
	void (*object)(void *data, enum reflector_event event, const char *rv);
	/** A list begins (again): what an earlier one that did not end has shown is void as a list. */
	void (*list_started)(void *data);
	/** A list is whole; @rv is its resourceVersion (of pages that of the first one, LST-4). */
	void (*list_done)(void *data, const char *rv);
	/** A list is complete whose resourceVersion is older than what this reflector had
	 * seen before: the server's data was restored from a backup. Comes before list_done. Between lists it
	 * may go unnoticed (WCH-11): kube/freshness.h asks. May be NULL. */
	void (*rewound)(void *data, const char *before, const char *now);
	/** For metrics and logs; @watch: it was a watch that ended, else a list or the discovery. May be
	 * NULL. */
	void (*restarted)(void *data, bool watch, enum reflector_restart reason);
};

struct reflector_options {
	uv_loop_t *loop;
	struct kube_client *client; /* borrowed; may not begin to close before reflector_close() */
	struct logger *log;
	struct rng *rng;             /* borrowed */
	const char *group;           /* "kubevirt.io"; "": the core group, with one version */
	const char *const *versions; /* by preference, NULL-terminated: {"v1", "v1alpha3", NULL} */
	const char *resource;        /* plural: "virtualmachineinstances" */
	/** Not all objects, but those of a namespace; or, with a name, one object of it, which need not
	 * exist. The latter is asked for as a list of its namespace with fieldSelector=metadata.name=NAME,
	 * which RBAC allows by resourceNames. NULL: all. */
	const char *namespace;
	const char *name;
	/** Lists are asked for as streaming ones: the server neither builds nor we wait for pages, and no
	 * second request follows. While such a list is under way objects may be DELETED, too. A server that
	 * does not give it is asked for pages instead (LST-12). For what there may be much of. */
	bool streaming;
	/** Wanted members, paths relative to the object, no path twice; whole ones up to 256 KiB. The
	 * reflector reads some members itself and they cannot be named here: the object as such,
	 * metadata.resourceVersion (handed to object()), and what a watch's ERROR event holds in the object's
	 * place: kind, code, reason, message, details.retryAfterSeconds. */
	const struct json_field *fields;
	size_t field_count;
	const struct reflector_handler *handler;
	void *handler_data;
	/* 0 = default. Tests make them short. */
	uint32_t page_size;          /* 500 */
	uint32_t watch_timeout_s;    /* timeoutSeconds uniform in [t, 2t), t = 300 */
	uint32_t watch_grace_ms;     /* own deadline = timeoutSeconds + this, 30,000 (WCH-9) */
	uint32_t list_idle_ms;       /* longest silence within a list, 60,000 (LST-13) */
	uint32_t backoff_initial_ms; /* 800 */
	uint32_t backoff_max_ms;     /* 30,000 */
	uint32_t min_watch_ms;       /* least time between two watch starts, 1,000 (WCH-8) */
	uint32_t max_text;           /* field values are kept whole at least up to this, 1,024 bytes */
	uint64_t max_object;         /* longest watch frame, 16 MiB (WCH-2) */
};

struct reflector;

/** Starts at once. Strings and tables are borrowed until the close callback. Returns 0, -ENOMEM, -EINVAL
 * (more than 8 versions, a field that cannot be wanted, a name without namespace or the other way round). On
 * success give *out to reflector_close(). */
int reflector_open(struct reflector **out, const struct reflector_options *options, struct error *err);

/** True from the first list_done on, whatever happens later (CAC-6: an old view stays readable). */
bool reflector_synced(const struct reflector *r);

/** "v1" once discovery has found it, NULL before; the last one while the resource is not served. Borrowed for
 * the reflector's life. */
const char *reflector_version(const struct reflector *r);

/** Where the view is: the resourceVersion of the last complete list, event or bookmark, "" before the first
 * list. Borrowed until the next callback. How old that is, it does not say: see kube/freshness.h. */
const char *reflector_resource_version(const struct reflector *r);

/** Throws the watch, or the list that is under way, away and lists consistently (resourceVersion unset): at
 * once; after a growing pause where it was a list; or when the present wait is over, which is there because
 * the server needs it. */
void reflector_relist(struct reflector *r);

/** Ends everything; then @cb from the loop. No handler callback runs after this call. */
void reflector_close(struct reflector *r, void (*cb)(void *data), void *data);

#endif
