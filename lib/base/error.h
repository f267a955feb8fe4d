/**
 * error: a failure with its context, for boundaries where a person will read it.
 *
 * Inside a module a failure is a negative errno. Where it crosses to another one the callee fills a struct
 * error and each caller may put its own words before it: "kubeconfig /etc/k: user admin: client-key:
 * permission denied". All functions take err == NULL (the caller does not want to know) and return @code, so
 * `return error_set(...)` reads well. No allocation; text that does not fit is cut.
 */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include "base/macros.h"

#define ERROR_MESSAGE_MAX 512

struct error {
	int code; /* negative errno, 0 where nothing failed */
	char message[ERROR_MESSAGE_MAX];
};

/** Sets code and message, replacing what was there. Returns @code. */
int error_set(struct error *err, int code, const char *fmt, ...) PRINTF_FORMAT(3, 4);

/** Like error_set() with the text of -@code behind it: "open /etc/k: No such file or directory". */
int error_errno(struct error *err, int code, const char *fmt, ...) PRINTF_FORMAT(3, 4);

/** Puts "text: " before the message that is there (the text of -@code where there is none). Returns @code. */
int error_wrap(struct error *err, int code, const char *fmt, ...) PRINTF_FORMAT(3, 4);

/* The static analyzer looks at one file at a time; this tells it what the functions return. */
#ifdef __clang_analyzer__
#define error_set(err, code, ...)   ((void)(error_set)((err), (code), __VA_ARGS__), (code))
#define error_errno(err, code, ...) ((void)(error_errno)((err), (code), __VA_ARGS__), (code))
#define error_wrap(err, code, ...)  ((void)(error_wrap)((err), (code), __VA_ARGS__), (code))
#endif

#endif
