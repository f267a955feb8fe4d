/**
 * http_client: outgoing HTTP as libcurl's multi interface on a libuv loop.
 *
 * One client is one pool of connections to one server with one set of TLS settings; parts that must not hold
 * each other up (leader election, watches) take a client of their own (TRN-9, T20). HTTP/1.1 with kept
 * connections: each watch has a connection to itself and no stream can stall another. Traps T1-T20 of
 * c-anchors.md are the rules of the implementation.
 *
 * All calls come from the loop's thread. Callbacks run from the loop, never inside http_client_start() or
 * http_request_cancel(). on_done may start and cancel requests and close the client; on_header, on_head and
 * on_data may not (they run inside libcurl; it asserts).
 *
 * Nothing is retried here, with one exception that libcurl makes: a GET or HEAD on a kept connection that
 * turns out to be dead before the first byte of an answer is sent again on a new one. Redirects are not
 * followed.
 *
 * Effects on the process: libcurl's global state is held by every open client (it counts and locks), and a
 * SIGPIPE that would end the process is ignored from the first http_client_open() on (T18).
 */
#ifndef KUBE_HTTP_CLIENT_H
#define KUBE_HTTP_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "base/error.h"

struct http_client;

/** What all requests of a client share. Strings are copied. A member is NULL where it is not used; of each
 * file/data pair at most one is set. */
struct http_client_options {
	const char *ca_file; /* PEM; read again at most 5 minutes after a change (CFG-12) */
	const char *ca_pem;  /* PEM text; the only trust root when given (TRN-1) */
	const char *cert_file, *key_file;
	const char *cert_pem, *key_pem;
	const char *server_name; /* SNI and verified name, where it differs from the URL's host (TRN-2) */
	const char *proxy_url;   /* NULL: HTTP_PROXY, HTTPS_PROXY and NO_PROXY as they are in the environment
				    now; this machine itself is never behind a proxy (TRN-5) */
	const char *user_agent;
	bool insecure;            /* no verification of the server */
	uint32_t max_connections; /* at once; more requests wait inside libcurl. 0 = no limit */
	/** The fence: asked before a request is started, before it is sent, and each time before libcurl may
	 * send or receive at all, so what was queued while this process stood still does not leave after.
	 * Once it says no, it is not asked again and nothing leaves any more: connections are reset, every
	 * request ends with -ECANCELED, later starts return -ESHUTDOWN. (A request that waits in silence ends
	 * when something next happens to its connection, or with the next start.) May be called inside
	 * libcurl: cheap, and may not call the client. NULL: always. */
	bool (*may_go_on)(void *data);
	void *may_go_on_data;
};

struct http_request;

struct http_result {
	int error;  /* 0: a whole answer came, see status. Else a negative errno: -ECANCELED, -ETIMEDOUT,
		       -ECONNREFUSED, -ECONNRESET, -EPROTO (TLS or HTTP broken), -EHOSTUNREACH (name or route),
		       -EPIPE (answer ended too early), -EMSGSIZE (over 256 KiB of headers), -ENOMEM, -EIO, or
		       what on_head or on_data returned */
	bool sent;  /* some of the request may have reached the server: a write may have taken effect */
	int status; /* HTTP status, 0 where none came */
	bool has_retry_after;
	uint32_t retry_after_s; /* integer form only (REQ-2: an HTTP-date is ignored) */
	const char *message;    /* for people, never NULL, borrowed during on_done */
};

/** A request, owned by the caller, who keeps it and all that it points to until on_done. Zero it, fill in the
 * first part. */
struct http_request {
	const char *method; /* "GET", "PATCH", ... */
	const char *url;
	const char *const *headers; /* "Name: value" lines, NULL-terminated; may be NULL */
	const void *body;           /* NULL: none */
	size_t body_len;
	uint32_t total_timeout_ms; /* from start to last byte; 0 = none (watches) */
	uint32_t idle_timeout_ms;  /* longest silence of the server, from the start on, so the wait for the
				      first  byte counts; 0 = none */
	bool bulk;                 /* the answer may be megabytes: read up to 128 KiB at a time, not 16 */

	/** A header of the final answer, in its order; borrowed during the call. May be NULL. */
	void (*on_header)(struct http_request *req, const char *name, const char *value);
	/** Status and headers are complete. 0 goes on, a negative errno ends the request with it. May be
	 * NULL. */
	int (*on_head)(struct http_request *req, int status);
	/** Bytes of the answer's body, decoded, borrowed during the call. Result as above. May be NULL (body
	 * dropped). */
	int (*on_data)(struct http_request *req, const char *bytes, size_t n);
	/** Exactly once after a successful start. @req may be reused or freed inside. */
	void (*on_done)(struct http_request *req, const struct http_result *result);
	void *data; /* the caller's */

	void *impl; /* private */
};

/** @loop outlives the client. On success *out must be given to http_client_close(). */
int http_client_open(struct http_client **out, uv_loop_t *loop, const struct http_client_options *options,
		     struct error *err);

/** Starts @req. Returns 0, -ENOMEM, -EINVAL (URL or method unusable), -ESHUTDOWN (closing, or behind the
 * fence). */
int http_client_start(struct http_client *c, struct http_request *req, struct error *err);

/** Ends @req soon: on_done comes from the loop with -ECANCELED (or with its result, if that is there
 * already). */
void http_request_cancel(struct http_request *req);

/** Requests started and not yet done. */
size_t http_client_pending(const struct http_client *c);

/** Closes idle connections, so that the next request makes a new one with credentials read anew. Requests
 * under way go on. */
void http_client_drop_idle(struct http_client *c);

/** Cancels every request (their on_done run first), frees everything, then calls @cb from the loop. */
void http_client_close(struct http_client *c, void (*cb)(void *data), void *data);

#endif
