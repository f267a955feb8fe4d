/**
 * kube_status: what an API server says about a failure (v1 Status), classified (REQ-4, REQ-5).
 */
#ifndef KUBE_STATUS_H
#define KUBE_STATUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct kube_status {
	int code;          /* HTTP status, or the Status's own code in a watch's ERROR event */
	char reason[64];   /* "Conflict", "Expired", ...; made from the code where the body has none */
	char message[512]; /* cut to what fits; printable */
	bool has_causes; /* details.causes is not empty: a 422 of validation, not of a failed test (PAT-2) */
	bool too_large_rv;      /* cause ResourceVersionTooLarge, or the old text of it (LST-8) */
	uint32_t retry_after_s; /* details.retryAfterSeconds, 0 where absent */
};

/** Reads @body (not necessarily JSON, may be empty) of an answer with HTTP status @code into *out. Never
 * fails: a body that is no Status gives reason and message by code (REQ-4). @code 0: there was no HTTP
 * status, the Status's own code counts. */
void kube_status_parse(struct kube_status *out, int code, const char *body, size_t len);

/** Reason "Expired" or "Gone", or code 410 where the reason is unknown. */
bool kube_status_is_expired(const struct kube_status *s);

#endif
