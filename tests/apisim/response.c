#include "apisim/response.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apisim/must.h"

static const struct {
	int code;
	const char *text;
} reasons[] = {
	{200, "OK"},
	{201, "Created"},
	{400, "Bad Request"},
	{401, "Unauthorized"},
	{403, "Forbidden"},
	{404, "Not Found"},
	{405, "Method Not Allowed"},
	{406, "Not Acceptable"},
	{409, "Conflict"},
	{410, "Gone"},
	{413, "Request Entity Too Large"},
	{415, "Unsupported Media Type"},
	{422, "Unprocessable Entity"},
	{429, "Too Many Requests"},
	{431, "Request Header Fields Too Large"},
	{500, "Internal Server Error"},
	{501, "Not Implemented"},
	{503, "Service Unavailable"},
	{504, "Gateway Timeout"},
};

static const char *reason_phrase(int code)
{
	for (size_t i = 0; i < ARRAY_LEN(reasons); i++)
		if (reasons[i].code == code)
			return reasons[i].text;
	return "Status";
}

static PRINTF_FORMAT(1, 0) char *format(const char *fmt, va_list ap)
{
	char *text = NULL;

	if (vasprintf(&text, fmt, ap) < 0)
		abort();
	return text;
}

void response_init(struct response *r)
{
	*r = (struct response){.status = 200, .content_type = "application/json"};
	must_buf(&r->body);
	must_buf(&r->warnings);
}

void response_free(struct response *r)
{
	buf_free(&r->body);
	buf_free(&r->warnings);
}

void response_reset(struct response *r)
{
	struct buf body = r->body;
	struct buf warnings = r->warnings;

	buf_reset(&body);
	buf_reset(&warnings);
	*r = (struct response){
		.status = 200, .content_type = "application/json", .body = body, .warnings = warnings};
}

void response_warn(struct response *r, const char *fmt, ...)
{
	AUTO_FREE char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	text = format(fmt, ap);
	va_end(ap);
	must_text(&r->warnings, "\r\nWarning: 299 - \"");
	for (const char *c = text; *c != '\0'; c++) {
		if (*c == '"' || *c == '\\')
			must_add(&r->warnings, "\\", 1);
		if ((unsigned char)*c >= 0x20)
			must_add(&r->warnings, c, 1);
	}
	must_text(&r->warnings, "\"");
}

void response_write_head(const struct response *r, bool chunked, bool close, struct buf *out)
{
	must_text(out, "HTTP/1.1 ");
	must_number(out, (unsigned)r->status);
	must_text(out, " ");
	must_text(out, reason_phrase(r->status));
	must_text(out, "\r\nCache-Control: no-cache, private\r\nContent-Type: ");
	must_text(out, r->content_type);
	if (r->retry_after > 0)
		must_printf(out, "\r\nRetry-After: %u", r->retry_after);
	must_add(out, buf_str(&r->warnings), r->warnings.len);
	if (close)
		must_text(out, "\r\nConnection: close");
	if (chunked) {
		must_text(out, "\r\nTransfer-Encoding: chunked\r\n\r\n");
		return;
	}
	must_text(out, "\r\nContent-Length: ");
	must_number(out, r->body.len);
	must_text(out, "\r\n\r\n");
}

void response_text(struct response *r, int status, const char *text)
{
	response_reset(r);
	r->status = status;
	r->content_type = "text/plain; charset=utf-8";
	must_text(&r->body, text);
}

static void write_string(struct buf *out, const char *name, const char *value, bool *first)
{
	if (value == NULL)
		return;
	must_printf(out, "%s\"%s\":\"", *first ? "" : ",", name);
	must_json(out, value, strlen(value));
	must_text(out, "\"");
	*first = false;
}

static void write_details(struct buf *out, const struct status_details *d)
{
	bool first = true;

	must_text(out, ",\"details\":{");
	write_string(out, "name", d->name, &first);
	write_string(out, "group", d->group != NULL && d->group[0] != '\0' ? d->group : NULL, &first);
	write_string(out, "kind", d->kind, &first);
	write_string(out, "uid", d->uid, &first);
	if (d->causes != NULL || d->cause_reason != NULL) {
		must_printf(out, "%s\"causes\":", first ? "" : ",");
		if (d->causes != NULL)
			field_errors_write_causes(d->causes, out);
		else
			must_printf(out, "[{\"reason\":\"%s\",\"message\":\"%s\"%s%s%s}]", d->cause_reason,
				    d->cause_message, d->cause_field != NULL ? ",\"field\":\"" : "",
				    d->cause_field != NULL ? d->cause_field : "",
				    d->cause_field != NULL ? "\"" : "");
		first = false;
	}
	if (d->retry_after > 0)
		must_printf(out, "%s\"retryAfterSeconds\":%u", first ? "" : ",", d->retry_after);
	must_text(out, "}");
}

void status_write(struct buf *out, int code, const char *reason, const char *message,
		  const struct status_details *details)
{
	must_text(out, "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"");
	must_text(out, code < 400 ? "Success\"" : "Failure\"");
	if (message != NULL) {
		must_text(out, ",\"message\":\"");
		must_json(out, message, strlen(message));
		must_text(out, "\"");
	}
	if (reason != NULL)
		must_printf(out, ",\"reason\":\"%s\"", reason);
	if (details != NULL)
		write_details(out, details);
	if (code >= 400)
		must_printf(out, ",\"code\":%d", code);
	must_text(out, "}");
}

void status_answer(struct response *r, int code, const char *reason, const char *message,
		   const struct status_details *details)
{
	buf_reset(&r->body);
	r->content_type = "application/json";
	r->status = code;
	r->retry_after = details != NULL ? details->retry_after : 0;
	status_write(&r->body, code, reason, message, details);
	must_text(&r->body, "\n");
}

static const char *dot(const char *group)
{
	return group[0] != '\0' ? "." : "";
}

void status_not_found(struct response *r, const struct resource *res, const char *name)
{
	struct status_details d = {
		.name = name[0] != '\0' ? name : NULL, .group = res->group, .kind = res->plural};
	struct buf message;

	must_buf(&message);
	must_printf(&message, "%s%s%s \"%s\" not found", res->plural, dot(res->group), res->group, name);
	status_answer(r, 404, "NotFound", buf_str(&message), &d);
	buf_free(&message);
}

void status_bad_request(struct response *r, const char *fmt, ...)
{
	AUTO_FREE char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	text = format(fmt, ap);
	va_end(ap);
	status_answer(r, 400, "BadRequest", text, NULL);
}

void status_internal(struct response *r, const char *fmt, ...)
{
	AUTO_FREE char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	text = format(fmt, ap);
	va_end(ap);
	status_answer(r, 500, NULL, text, NULL);
}

void status_conflict(struct response *r, const struct resource *res, const char *name, const char *why)
{
	struct status_details d = {.name = name, .group = res->group, .kind = res->plural};
	struct buf message;

	must_buf(&message);
	must_printf(&message, "Operation cannot be fulfilled on %s%s%s \"%s\": %s", res->plural,
		    dot(res->group), res->group, name, why);
	status_answer(r, 409, "Conflict", buf_str(&message), &d);
	buf_free(&message);
}

void status_no_route(struct response *r)
{
	struct status_details d = {.name = NULL};

	status_answer(r, 404, "NotFound", "the server could not find the requested resource", &d);
}

void status_no_method(struct response *r)
{
	struct status_details d = {.name = NULL};

	status_answer(r, 405, "MethodNotAllowed",
		      "the server does not allow this method on the requested resource", &d);
}

void status_too_large_rv(struct response *r, const char *wanted, unsigned long long current)
{
	struct status_details d = {.cause_reason = "ResourceVersionTooLarge",
				   .cause_message = "Too large resource version",
				   .retry_after = 1};
	char message[128];

	(void)snprintf(message, sizeof(message), "Timeout: Too large resource version: %.40s, current: %llu",
		       wanted, current);
	status_answer(r, 504, "Timeout", message, &d);
}

void status_invalid(struct response *r, const char *group, const char *kind, const char *name,
		    const struct field_errors *errors)
{
	struct status_details d = {.name = name[0] != '\0' ? name : NULL,
				   .group = group,
				   .kind = kind[0] != '\0' ? kind : NULL,
				   .causes = errors};
	struct buf message;

	must_buf(&message);
	must_printf(&message, "%s%s%s \"%s\" is invalid: ", kind, dot(group), group, name);
	field_errors_write_message(errors, &message);
	status_answer(r, 422, "Invalid", buf_str(&message), &d);
	buf_free(&message);
}
