/**
 * response: an answer while it is being built.
 */
#ifndef APISIM_RESPONSE_H
#define APISIM_RESPONSE_H

#include <stdbool.h>

#include "apisim/field_errors.h"
#include "apisim/resource.h"
#include "base/buf.h"

struct response {
	int status;
	const char *content_type;
	bool no_body;         /* HEAD */
	bool drop;            /* no answer at all: the connection ends */
	unsigned retry_after; /* seconds, 0: no header */
	struct buf warnings;  /* header lines */
	struct buf body;
};

void response_init(struct response *r);
void response_free(struct response *r);

/** Back to an empty 200. */
void response_reset(struct response *r);

/** A Warning: 299 header (REQ-7). The text goes between quotes. */
void response_warn(struct response *r, const char *fmt, ...) PRINTF_FORMAT(2, 3);

/** Status line and headers. @chunked instead of a length. */
void response_write_head(const struct response *r, bool chunked, bool close, struct buf *out);

/** "404 page not found" and the like: plain text. */
void response_text(struct response *r, int status, const char *text);

/** --- Status objects (metav1.Status) --- */

/** What the details member says; NULL members are left out. */
struct status_details {
	const char *name, *group, *kind, *uid;
	const struct field_errors *causes;
	const char *cause_reason, *cause_message, *cause_field; /* one cause; the field may be NULL */
	unsigned retry_after;
};

/** Writes a Status alone: for watches that report an error. @reason NULL: left out. @details NULL: left out.
 */
void status_write(struct buf *out, int code, const char *reason, const char *message,
		  const struct status_details *details);

/** Makes the answer a failure. */
void status_answer(struct response *r, int code, const char *reason, const char *message,
		   const struct status_details *details);

/** The frequent ones, in the API server's words. */
void status_not_found(struct response *r, const struct resource *res, const char *name);
void status_bad_request(struct response *r, const char *fmt, ...) PRINTF_FORMAT(2, 3);
void status_internal(struct response *r, const char *fmt, ...) PRINTF_FORMAT(2, 3);
void status_conflict(struct response *r, const struct resource *res, const char *name, const char *why);
void status_no_route(struct response *r);
void status_no_method(struct response *r);
void status_too_large_rv(struct response *r, const char *wanted, unsigned long long current);

/** 422 with causes: "@kind.@group "@name" is invalid: ...". */
void status_invalid(struct response *r, const char *group, const char *kind, const char *name,
		    const struct field_errors *errors);

#endif
