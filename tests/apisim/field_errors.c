#include "apisim/field_errors.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apisim/must.h"

static const struct {
	const char *reason;
	const char *text;
} kinds[] = {
	[FIELD_REQUIRED] = {"FieldValueRequired", "Required value"},
	[FIELD_INVALID] = {"FieldValueInvalid", "Invalid value"},
	[FIELD_TYPE] = {"FieldValueTypeInvalid", "Invalid value"},
	[FIELD_FORBIDDEN] = {"FieldValueForbidden", "Forbidden"},
	[FIELD_UNSUPPORTED] = {"FieldValueNotSupported", "Unsupported value"},
	[FIELD_LONG] = {"FieldValueTooLong", "Too long"},
};

void field_errors_free(struct field_errors *e)
{
	for (size_t i = 0; i < e->count; i++) {
		free(e->items[i].field);
		free(e->items[i].body);
	}
	free(e->items);
	*e = (struct field_errors){.items = NULL};
}

void field_errors_add(struct field_errors *e, enum field_error_kind kind, const char *field, const char *fmt,
		      ...)
{
	char *detail = NULL;
	struct buf body;
	va_list ap;

	must_buf(&body);
	must_text(&body, kinds[kind].text);
	if (fmt != NULL) {
		va_start(ap, fmt);
		if (vasprintf(&detail, fmt, ap) < 0)
			abort();
		va_end(ap);
		must_text(&body, ": ");
		must_text(&body, detail);
		free(detail);
	}
	e->items = must_realloc(e->items, (e->count + 1) * sizeof(*e->items));
	e->items[e->count++] = (struct field_error){
		.kind = kind,
		.field = must_copy(field, strlen(field)),
		.body = buf_steal(&body),
	};
}

void field_errors_bad_text(struct field_errors *e, const char *field, const char *value, const char *why)
{
	struct buf quoted;

	must_buf(&quoted);
	for (const char *c = value; *c != '\0'; c++) {
		if (*c == '"' || *c == '\\')
			must_add(&quoted, "\\", 1);
		must_add(&quoted, c, 1);
	}
	field_errors_add(e, FIELD_INVALID, field, "\"%s\": %s", buf_str(&quoted), why);
	buf_free(&quoted);
}

void field_errors_write_causes(const struct field_errors *e, struct buf *out)
{
	must_text(out, "[");
	for (size_t i = 0; i < e->count; i++) {
		must_printf(out, "%s{\"reason\":\"%s\",\"message\":\"", i > 0 ? "," : "",
			    kinds[e->items[i].kind].reason);
		must_json(out, e->items[i].body, strlen(e->items[i].body));
		must_text(out, "\",\"field\":\"");
		must_json(out, e->items[i].field, strlen(e->items[i].field));
		must_text(out, "\"}");
	}
	must_text(out, "]");
}

static bool seen_before(const struct field_errors *e, size_t at)
{
	for (size_t i = 0; i < at; i++)
		if (strcmp(e->items[i].field, e->items[at].field) == 0 &&
		    strcmp(e->items[i].body, e->items[at].body) == 0)
			return true;
	return false;
}

void field_errors_write_message(const struct field_errors *e, struct buf *out)
{
	size_t different = 0;
	size_t written = 0;

	for (size_t i = 0; i < e->count; i++)
		different += !seen_before(e, i);
	if (different > 1)
		must_text(out, "[");
	for (size_t i = 0; i < e->count; i++) {
		if (seen_before(e, i))
			continue;
		if (written++ > 0)
			must_text(out, ", ");
		must_text(out, e->items[i].field);
		must_text(out, ": ");
		must_text(out, e->items[i].body);
	}
	if (different > 1)
		must_text(out, "]");
}
