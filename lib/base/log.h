/**
 * log: one JSON object a line, in the form that KubeVirt's components use (kubevirt.md section 4): keys
 * component, level, msg, pos, timestamp and, about an object, kind, name, namespace, uid, and reason for the
 * text of an error.
 *
 * A logger is a value that is handed down, so that two programs (or two simulated replicas) can live in one
 * process. Lines a second are bounded (I9): over LOG_BURST at once and LOG_PER_SECOND steadily, lines are
 * dropped and counted, and the next line that gets through is preceded by one that says how many are missing.
 * Each line is one write(). Not thread-safe.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdint.h>

#include "base/error.h"

#define LOG_BURST      500
#define LOG_PER_SECOND 50

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARNING, LOG_LEVEL_ERROR };

struct logger {
	int fd;                /* -1: silent */
	enum log_level level;  /* lines below it are not written */
	const char *component; /* borrowed for the logger's life */
	uint64_t tokens_milli; /* lines that may be written now, in thousandths */
	uint64_t refilled_ms;  /* boot clock */
	uint64_t dropped;      /* lines since the last one that got through */
};

/** What a line is about; NULL members are left out. All borrowed during the call. */
struct log_object {
	const char *kind;
	const char *namespace;
	const char *name;
	const char *uid;
};

/** @fd is borrowed; -1 makes a logger that is silent. */
void log_init(struct logger *log, int fd, enum log_level level, const char *component);

/** Parses "debug", "info", "warning" or "error". Returns 0 or -EINVAL (then *out is untouched). */
int log_level_parse(const char *text, enum log_level *out);

/** Used through the macros below. @object and @err may be NULL. */
void log_write(struct logger *log, enum log_level level, const char *file, int line,
	       const struct log_object *object, const struct error *err, const char *fmt, ...)
	PRINTF_FORMAT(7, 8);

#define log_debug(log, ...)   log_write((log), LOG_LEVEL_DEBUG, __FILE__, __LINE__, NULL, NULL, __VA_ARGS__)
#define log_info(log, ...)    log_write((log), LOG_LEVEL_INFO, __FILE__, __LINE__, NULL, NULL, __VA_ARGS__)
#define log_warning(log, ...) log_write((log), LOG_LEVEL_WARNING, __FILE__, __LINE__, NULL, NULL, __VA_ARGS__)
#define log_error(log, ...)   log_write((log), LOG_LEVEL_ERROR, __FILE__, __LINE__, NULL, NULL, __VA_ARGS__)

/** With the text of an error under the key reason. */
#define log_failure(log, level, err, ...)                                                                    \
	log_write((log), (level), __FILE__, __LINE__, NULL, (err), __VA_ARGS__)

/** About an object; @err may be NULL. */
#define log_about(log, level, object, err, ...)                                                              \
	log_write((log), (level), __FILE__, __LINE__, (object), (err), __VA_ARGS__)

#endif
