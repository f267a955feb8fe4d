/**
 * kube_client: requests to one Kubernetes API server: base URL, credentials, errors.
 *
 * Adds Authorization (token file re-read at least every 50 s; after a 401 read anew and, if it holds another
 * token than the one refused, tried once more, CFG-5), Accept, Content-Type and User-Agent, collects the
 * answer of ordinary calls up to a cap (-EMSGSIZE), passes the bytes of streaming ones on, classifies
 * failures and logs the server's warnings (REQ-7). It retries nothing else: whether and when to try again is
 * the caller's policy. Loop's thread only; the callback law of http_client.h holds here too.
 */
#ifndef KUBE_CLIENT_H
#define KUBE_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/log.h"
#include "kube/config.h"
#include "kube/http_client.h"
#include "kube/status.h"

/** Largest answer of an ordinary (not streaming) call; a VMI is at most some 3 MiB (the server's limit on a
 * request). */
#define KUBE_CLIENT_MAX_ANSWER (16u << 20)

struct kube_client;
struct kube_call;

struct kube_answer {
	int error;        /* as http_result.error; 0: the server answered, see status */
	bool sent;        /* with error != 0: the request may have taken effect */
	int status;       /* HTTP status, 0 where none came */
	bool retry_after; /* the server asked to wait retry_after_s (header; integer form only) */
	uint32_t retry_after_s;
	const char *message;        /* transport's words where error != 0, never NULL */
	struct kube_status failure; /* where the status is not 2xx; for streaming calls too */
	const char *body; /* of an ordinary call, NUL-terminated, borrowed during on_done, never NULL */
	size_t body_len;
};

/** Caller-owned; keep it, and what it points to, until on_done. Zero it, then fill in the first part. */
struct kube_call {
	const char *method; /* "GET", "POST", "PUT", "PATCH", "DELETE" */
	const char
		*path; /* "/apis/..." with query, already percent-encoded; follows the server's path prefix */
	const char *content_type; /* of the body; NULL: application/json */
	const char *body;
	size_t body_len;
	const char *impersonate;  /* the user to act as (Impersonate-User); NULL: nobody else */
	uint32_t timeout_ms;      /* whole call; 0: KUBE_CLIENT_TIMEOUT_MS, or none for a streaming call */
	uint32_t idle_timeout_ms; /* streaming calls: longest silence; 0 = none */
	bool bulk;                /* as in http_request */

	/** Set: the call is streaming. Bytes of a 2xx answer only (another body is collected into failure). 0
	 * goes on, a negative errno ends the call with it. May not start or cancel calls. */
	int (*on_data)(struct kube_call *call, const char *bytes, size_t n);
	/** Exactly once after a successful start; may start and cancel calls, reuse or free @call. */
	void (*on_done)(struct kube_call *call, const struct kube_answer *answer);
	void *data; /* the caller's */

	void *impl; /* private */
};

#define KUBE_CLIENT_TIMEOUT_MS 30000

/** Told of every finished HTTP request (two for a call that was tried again), before on_done, for metrics.
 * @code: HTTP status, 0 where none came. @seconds: NaN for a streaming call, which takes as long as its
 * reader. May not call the client. */
typedef void (*kube_client_observer)(void *data, const char *method, int code, double seconds);

struct kube_client_options {
	uv_loop_t *loop;
	const struct kube_config *config; /* copied */
	const char *user_agent;           /* "vsock-cid-controller/VERSION"; needed */
	uint32_t max_connections;         /* 0 = no limit */
	struct logger *log;
	kube_client_observer observer; /* may be NULL */
	void *observer_data;
	/** As in http_client_options; may be NULL. */
	bool (*may_go_on)(void *data);
	void *may_go_on_data;
};

/** On success *out must be given to kube_client_close(). Returns 0 or a negative errno with err. */
int kube_client_open(struct kube_client **out, const struct kube_client_options *options, struct error *err);

/** Returns 0, -ENOMEM, -EINVAL, -ESHUTDOWN. */
int kube_client_start(struct kube_client *c, struct kube_call *call, struct error *err);

/** on_done comes from the loop with -ECANCELED, or with the result if that is there already. */
void kube_call_cancel(struct kube_call *call);

/** Cancels every call (their on_done run first), then calls @cb from the loop. */
void kube_client_close(struct kube_client *c, void (*cb)(void *data), void *data);

#endif
