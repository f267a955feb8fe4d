/**
 * samples: the measurements of a run, as lines of tab-separated text:
 *
 *   date scenario subject round metric value
 *
 * The driver appends, the report reads. Lines of the scenario "meta" say under what conditions it was
 * measured: their metric is a key and their value any text.
 */
#ifndef BENCH_SAMPLES_H
#define BENCH_SAMPLES_H

#include <stddef.h>

#include "base/error.h"

#define SAMPLES_META     "meta"
#define SAMPLES_NAME_MAX 48
#define SAMPLES_TEXT_MAX 256

struct sample {
	char scenario[SAMPLES_NAME_MAX];
	char subject[SAMPLES_NAME_MAX];
	char metric[SAMPLES_NAME_MAX];
	unsigned int round; /* from 0 */
	double value;
	char text[SAMPLES_TEXT_MAX]; /* the value as it is written */
};

struct samples {
	struct sample *list; /* in the order of the file */
	size_t len;
	size_t room;
	char date[32]; /* of the last line read, or of those that are added */
	int fd;        /* where samples_add() writes to; -1: nowhere */
};

/** Ready to append to @path, which is made if need be; what is in it already is read. The date of lines that
 * are added is now. samples_close() is due, also after a failure. Errors as samples_load(). */
int samples_create(struct samples *s, const char *path, struct error *err);

/** Reads all of @path (without being able to append). samples_close() is due, also after a failure. Returns
 * 0, -EINVAL (a line that is none: its number is in err), -ENOMEM, or the errno of open() or read(). */
int samples_load(struct samples *s, const char *path, struct error *err);

void samples_close(struct samples *s);

/** Appends a line to the file at once. A value that is not finite is left out. Returns 0 or a negative errno.
 */
int samples_add(struct samples *s, const char *scenario, const char *subject, unsigned int round,
		const char *metric, double value);

/** Appends a condition. Tabs and line ends in @text become blanks. */
int samples_add_meta(struct samples *s, const char *key, const char *text);

/** A condition by its key; the last one where there are several, "" where there is none. Borrowed. */
const char *samples_meta(const struct samples *s, const char *key);

/** One measurement. Returns 0 with *out set, or -ENOENT. The last one counts where there are several. */
int samples_get(const struct samples *s, const char *scenario, const char *subject, unsigned int round,
		const char *metric, double *out);

/** One more than the highest round of a scenario; 0 where it has none. @scenario NULL: of all. */
unsigned int samples_rounds(const struct samples *s, const char *scenario);

#endif
