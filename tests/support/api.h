/**
 * api: a small synchronous client of the Kubernetes API, for tests, the demo and the audit.
 *
 * It shares no code with lib/kube, so that a fault there cannot hide itself from the checks; of our own code
 * it uses lib/base only. HTTP/1.1 by libcurl, no threads, no loop: a call returns when its answer is there.
 * Nothing is retried. Not thread-safe; several clients may live side by side.
 */
#ifndef SUPPORT_API_H
#define SUPPORT_API_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/macros.h"

#define API_JSON        "application/json"
#define API_JSON_PATCH  "application/json-patch+json"
#define API_MERGE_PATCH "application/merge-patch+json"
#define API_APPLY       "application/apply-patch+yaml"

/* A request that takes longer has failed. The server itself gives up after 60 s. */
#define API_TIMEOUT_MS 65000

struct api;

struct api_answer {
	long status;      /* HTTP code, 0 where no whole answer came */
	json_t *body;     /* owned; NULL where it was not JSON */
	long retry_after; /* seconds of a Retry-After header, -1 without one */
};

/** A client for the current context of @kubeconfig (NULL: $KUBECONFIG). On success *out must be given to
 * api_close(). Returns 0, -EINVAL, -ENOENT and its like, -ENOMEM. Does not talk to the server yet. */
int api_open(struct api **out, const char *kubeconfig, struct error *err);

void api_close(struct api *api); /* NULL is fine */

/** From now on this bearer token instead of the kubeconfig's (NULL: none at all, no certificate either).
 * Returns 0 or -ENOMEM. */
int api_set_token(struct api *api, const char *token);

/** "https://127.0.0.1:1234", borrowed. */
const char *api_server(const struct api *api);

/** One request and its answer. @path begins with '/' and may carry a query. @content_type may be NULL (then
 * API_JSON where there is a body); @body may be NULL and stays the caller's. Returns 0 with *out filled
 * whatever the HTTP code is; else -EIO (no whole answer; a write may have happened), -ENOMEM, and *out is
 * empty. api_answer_free() is due after 0 and harmless otherwise. */
int api_request(struct api *api, const char *method, const char *path, const char *content_type,
		const json_t *body, struct api_answer *out, struct error *err);

/** The same with the body as text that is sent as it is: no JSON library between the test and the server. */
int api_request_text(struct api *api, const char *method, const char *path, const char *content_type,
		     const char *body, struct api_answer *out, struct error *err);

void api_answer_free(struct api_answer *answer);

#define AUTO_API_ANSWER __attribute__((cleanup(api_answer_free)))

/** The member at a path such as "metadata.uid" or "items.0.spec"; NULL where there is none. Borrowed. */
json_t *api_member(const json_t *object, const char *path);

/** The string at that path, "" where there is none or it is of another type. Borrowed. */
const char *api_text(const json_t *object, const char *path);

/** All items of a list, page by page (500 a page), as one JSON array that the caller owns, and in
 * *version (if not NULL; free() it) the resourceVersion of the first page, for a watch. @path has no query.
 * Consistent: no resourceVersion is sent. Returns 0, -EIO, -EPROTO (the server refused; its words in err). */
int api_list(struct api *api, const char *path, json_t **items, char **version, struct error *err);

/* --- many at once ------------------------------------------------------------------------------------------
 */

/** One request of a burst. The caller fills the first four (borrowed until the burst is closed), due_ms where
 * it wants, and zeroes the rest; the answer is the caller's to free. */
struct api_call {
	const char *method;
	const char *path;
	const char *content_type;
	const char *body;
	uint64_t due_ms;          /* boot clock: it, and what follows it, does not start before */
	bool keep_body;           /* false: of a 2xx only the code is kept */
	bool done;                /* the outcome is known */
	struct api_answer answer; /* status 0: no whole answer */
	uint64_t started_ms;      /* boot clock, when handed to libcurl */
	uint64_t ended_ms;
};

struct api_burst;

/** Starts the first @in_flight of @n calls; the others follow in order. On success *out must be given to
 * api_burst_close(). Returns 0 or -ENOMEM. */
int api_burst_open(struct api_burst **out, struct api *api, struct api_call *calls, size_t n,
		   size_t in_flight, struct error *err);

/** Goes on for @timeout_ms at most, less when all is done. Returns how many calls are not done. */
size_t api_burst_step(struct api_burst *burst, int timeout_ms);

/** Calls not done are dropped: status 0, done false; the server may still carry them out. NULL is fine. */
void api_burst_close(struct api_burst *burst);

/** Open, step to the end, close. Returns 0 or -ENOMEM; each call has its own outcome. */
int api_parallel(struct api *api, struct api_call *calls, size_t n, size_t in_flight, struct error *err);

#endif
