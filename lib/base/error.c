#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int(error_set)(struct error *err, int code, const char *fmt, ...)
{
	va_list ap;

	if (err == NULL)
		return code;
	err->code = code;
	va_start(ap, fmt);
	(void)vsnprintf(err->message, sizeof(err->message), fmt, ap);
	va_end(ap);
	return code;
}

/* Adds as much of @text as fits; returns the new length. */
static size_t error_append(struct error *err, size_t used, const char *text)
{
	size_t room = sizeof(err->message) - 1 - used;
	size_t length = strnlen(text, room);

	memcpy(err->message + used, text, length);
	err->message[used + length] = '\0';
	return used + length;
}

/* err->message = "@head: @tail", cut to what fits. Neither may lie in err. */
static void error_join(struct error *err, const char *head, const char *tail)
{
	size_t used = error_append(err, 0, head);

	used = error_append(err, used, ": ");
	(void)error_append(err, used, tail);
}

int(error_errno)(struct error *err, int code, const char *fmt, ...)
{
	char head[ERROR_MESSAGE_MAX];
	va_list ap;

	if (err == NULL)
		return code;
	err->code = code;
	va_start(ap, fmt);
	(void)vsnprintf(head, sizeof(head), fmt, ap);
	va_end(ap);
	error_join(err, head, strerror(-code));
	return code;
}

int(error_wrap)(struct error *err, int code, const char *fmt, ...)
{
	char head[ERROR_MESSAGE_MAX];
	char tail[ERROR_MESSAGE_MAX];
	va_list ap;

	if (err == NULL)
		return code;
	if (err->message[0] == '\0')
		(void)error_set(err, code, "%s", strerror(-code));
	memcpy(tail, err->message, sizeof(tail));
	err->code = code;
	va_start(ap, fmt);
	(void)vsnprintf(head, sizeof(head), fmt, ap);
	va_end(ap);
	error_join(err, head, tail);
	return code;
}
