#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"

#define LOG_LINE_MAX    16384
#define LOG_MESSAGE_MAX 2048

static const char *const level_names[] = {
	[LOG_LEVEL_DEBUG] = "debug",
	[LOG_LEVEL_INFO] = "info",
	[LOG_LEVEL_WARNING] = "warning",
	[LOG_LEVEL_ERROR] = "error",
};

void log_init(struct logger *log, int fd, enum log_level level, const char *component)
{
	*log = (struct logger){
		.fd = fd,
		.level = level,
		.component = component,
		.tokens_milli = LOG_BURST * 1000,
		.refilled_ms = clock_boot_ms(),
	};
}

int log_level_parse(const char *text, enum log_level *out)
{
	for (size_t i = 0; i < ARRAY_LEN(level_names); i++) {
		if (strcmp(text, level_names[i]) == 0) {
			*out = (enum log_level)i;
			return 0;
		}
	}
	return -EINVAL;
}

/* Takes one line's worth out of the bucket; false: this line is over the rate. */
static bool log_admit(struct logger *log)
{
	uint64_t now_ms = clock_boot_ms();
	uint64_t most = (uint64_t)LOG_BURST * 1000;
	uint64_t gained = (now_ms - log->refilled_ms) * LOG_PER_SECOND;

	log->refilled_ms = now_ms;
	log->tokens_milli = gained > most - log->tokens_milli ? most : log->tokens_milli + gained;
	if (log->tokens_milli < 1000) {
		log->dropped++;
		return false;
	}
	log->tokens_milli -= 1000;
	return true;
}

/* Adds `"key":"value",`, nothing where the value is NULL. */
static void add_member(struct buf *line, const char *key, const char *value)
{
	if (value == NULL)
		return;
	(void)buf_printf(line, "\"%s\":\"", key);
	(void)buf_add_json(line, value, strlen(value));
	(void)buf_add_str(line, "\",");
}

static void log_emit(struct logger *log, enum log_level level, const char *pos,
		     const struct log_object *object, const char *reason, const char *message)
{
	static const struct log_object nothing = {0};
	const struct log_object *about = object != NULL ? object : &nothing;
	char timestamp[CLOCK_TEXT_SIZE];
	AUTO_BUF struct buf line;

	buf_init(&line, LOG_LINE_MAX);
	clock_format_us(clock_wall_us(), timestamp);
	(void)buf_add_str(&line, "{");
	add_member(&line, "component", log->component);
	add_member(&line, "kind", about->kind);
	add_member(&line, "level", level_names[level]);
	add_member(&line, "msg", message);
	add_member(&line, "name", about->name);
	add_member(&line, "namespace", about->namespace);
	add_member(&line, "pos", pos);
	add_member(&line, "reason", reason);
	add_member(&line, "timestamp", timestamp);
	add_member(&line, "uid", about->uid);
	line.data[line.len - 1] = '}';
	(void)buf_add_str(&line, "\n");
	(void)!write(log->fd, line.data, line.len);
}

void log_write(struct logger *log, enum log_level level, const char *file, int line,
	       const struct log_object *object, const struct error *err, const char *fmt, ...)
{
	const char *base = strrchr(file, '/');
	char message[LOG_MESSAGE_MAX];
	char pos[128];
	va_list ap;

	if (log->fd < 0 || level < log->level || !log_admit(log))
		return;
	(void)snprintf(pos, sizeof(pos), "%s:%d", base != NULL ? base + 1 : file, line);
	if (log->dropped > 0) {
		(void)snprintf(message, sizeof(message), "%" PRIu64 " lines dropped, too many at once",
			       log->dropped);
		log->dropped = 0;
		log_emit(log, LOG_LEVEL_WARNING, pos, NULL, NULL, message);
	}
	va_start(ap, fmt);
	(void)vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	log_emit(log, level, pos, object, err != NULL ? err->message : NULL, message);
}
