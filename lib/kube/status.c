#include "kube/status.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/macros.h"
#include "base/utf8.h"

enum { HTTP_GONE = 410, HTTP_TOO_MANY = 429, HTTP_INTERNAL = 500 };

/* The reasons of a v1 Status; @code is 0 where another reason stands for the code. */
static const struct {
	int code;
	const char *reason;
} reasons[] = {
	{400, "BadRequest"},  {401, "Unauthorized"},          {403, "Forbidden"},
	{404, "NotFound"},    {405, "MethodNotAllowed"},      {406, "NotAcceptable"},
	{409, "Conflict"},    {0, "AlreadyExists"},           {410, "Gone"},
	{0, "Expired"},       {413, "RequestEntityTooLarge"}, {415, "UnsupportedMediaType"},
	{422, "Invalid"},     {429, "TooManyRequests"},       {500, "InternalError"},
	{0, "ServerTimeout"}, {0, "StoreReadError"},          {503, "ServiceUnavailable"},
	{504, "Timeout"},
};

static const char *reason_of_code(int code)
{
	for (size_t i = 0; i < ARRAY_LEN(reasons); i++) {
		if (reasons[i].code != 0 && reasons[i].code == code)
			return reasons[i].reason;
	}
	return code > HTTP_INTERNAL ? "InternalError" : "Unknown";
}

static bool reason_is_known(const char *reason)
{
	for (size_t i = 0; i < ARRAY_LEN(reasons); i++) {
		if (strcmp(reasons[i].reason, reason) == 0)
			return true;
	}
	return false;
}

/* As much of the text as fits into @size bytes, on one line; what is not printable becomes a blank or "?". */
static void copy_printable(char *out, size_t size, const char *text, size_t n)
{
	size_t len = utf8_cut(text, n, size - 1);

	for (size_t i = 0; i < len;) {
		size_t step = utf8_length(text + i, len - i);

		memcpy(out + i, text + i, step > 0 ? step : 1);
		if (step == 0)
			out[i] = '?';
		else if (step == 1 && ((unsigned char)out[i] < 0x20 || out[i] == 0x7f))
			out[i] = ' ';
		i += step > 0 ? step : 1;
	}
	out[len] = '\0';
}

static void copy_string(char *out, size_t size, const json_t *value)
{
	if (json_is_string(value))
		copy_printable(out, size, json_string_value(value), json_string_length(value));
}

/* LST-8. Old servers say it in the message only. */
static bool is_too_large_rv(const char *message, json_t *causes)
{
	size_t i;
	json_t *cause;

	json_array_foreach(causes, i, cause)
	{
		const char *reason = json_string_value(json_object_get(cause, "reason"));

		if (reason != NULL && strcmp(reason, "ResourceVersionTooLarge") == 0)
			return true;
	}
	return strstr(message, "Too large resource version") != NULL;
}

static void read_status(struct kube_status *out, const json_t *status)
{
	const json_t *details = json_object_get(status, "details");
	json_t *causes = json_object_get(details, "causes");
	json_int_t code = json_integer_value(json_object_get(status, "code"));
	json_int_t retry_after = json_integer_value(json_object_get(details, "retryAfterSeconds"));

	if (out->code == 0 && code > 0 && code < 1000)
		out->code = (int)code;
	copy_string(out->reason, sizeof(out->reason), json_object_get(status, "reason"));
	copy_string(out->message, sizeof(out->message), json_object_get(status, "message"));
	out->has_causes = json_array_size(causes) > 0;
	out->too_large_rv = is_too_large_rv(out->message, causes);
	if (retry_after > 0)
		out->retry_after_s = retry_after < UINT32_MAX ? (uint32_t)retry_after : UINT32_MAX;
}

static bool is_status(const json_t *value)
{
	const char *kind = json_string_value(json_object_get(value, "kind"));

	return kind != NULL && strcmp(kind, "Status") == 0;
}

void kube_status_parse(struct kube_status *out, int code, const char *body, size_t len)
{
	json_t *value = len > 0 ? json_loadb(body, len, JSON_ALLOW_NUL, NULL) : NULL;

	*out = (struct kube_status){.code = code};
	if (is_status(value))
		read_status(out, value);
	else if (len > 0)
		copy_printable(out->message, sizeof(out->message), body, len);
	json_decref(value);
	/* REQ-5: this one code counts whatever the reason says. */
	if (out->reason[0] == '\0' || out->code == HTTP_TOO_MANY)
		(void)snprintf(out->reason, sizeof(out->reason), "%s", reason_of_code(out->code));
	if (out->message[0] == '\0')
		(void)snprintf(out->message, sizeof(out->message), "the server answered with HTTP status %d",
			       out->code);
}

bool kube_status_is_expired(const struct kube_status *s)
{
	if (strcmp(s->reason, "Expired") == 0 || strcmp(s->reason, "Gone") == 0)
		return true;
	return s->code == HTTP_GONE && !reason_is_known(s->reason);
}
