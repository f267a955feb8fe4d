/**
 * field_errors: what validation found, as the causes of a 422 answer.
 */
#ifndef APISIM_FIELD_ERRORS_H
#define APISIM_FIELD_ERRORS_H

#include <stddef.h>

#include "base/buf.h"

enum field_error_kind {
	FIELD_REQUIRED,
	FIELD_INVALID,
	FIELD_TYPE,
	FIELD_FORBIDDEN,
	FIELD_UNSUPPORTED,
	FIELD_LONG
};

struct field_error {
	enum field_error_kind kind;
	char *field;
	char *body; /* "Invalid value: -1: must be ..." */
};

struct field_errors {
	struct field_error *items;
	size_t count;
};

void field_errors_free(struct field_errors *e);

/** "Required value" and so on is put before the formatted text; a NULL @fmt adds nothing to it. */
void field_errors_add(struct field_errors *e, enum field_error_kind kind, const char *field, const char *fmt,
		      ...) PRINTF_FORMAT(4, 5);

/** @value is quoted as Go's %q would. */
void field_errors_bad_text(struct field_errors *e, const char *field, const char *value, const char *why);

/** The array of causes. */
void field_errors_write_causes(const struct field_errors *e, struct buf *out);

/** "a: x", or "[a: x, b: y]" of several; equal ones once. Plain text. */
void field_errors_write_message(const struct field_errors *e, struct buf *out);

#endif
