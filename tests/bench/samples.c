#include "bench/samples.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"

#define FILE_BYTES_MAX ((size_t)64 << 20)
#define FIELDS         6
#define ROUNDS_MAX     1000

static int keep(struct samples *s, const struct sample *sample)
{
	if (s->len == s->room) {
		size_t room = s->room == 0 ? 256 : s->room * 2;
		struct sample *list = reallocarray(s->list, room, sizeof(*list));

		if (list == NULL)
			return -ENOMEM;
		s->list = list;
		s->room = room;
	}
	s->list[s->len++] = *sample;
	return 0;
}

static bool copy_name(char *out, size_t room, const char *text)
{
	size_t len = strlen(text);

	if (len == 0 || len >= room)
		return false;
	memcpy(out, text, len + 1);
	return true;
}

/* @line is cut up. */
static bool parse(struct samples *s, char *line, struct sample *out)
{
	char *field[FIELDS];
	char *end;
	size_t n = 0;

	while (n < FIELDS && line != NULL)
		field[n++] = strsep(&line, "\t");
	if (n != FIELDS || line != NULL)
		return false;
	*out = (struct sample){.round = (unsigned int)strtoul(field[3], NULL, 10)};
	if (out->round >= ROUNDS_MAX)
		return false;
	if (!copy_name(s->date, sizeof(s->date), field[0]) ||
	    !copy_name(out->scenario, sizeof(out->scenario), field[1]) ||
	    !copy_name(out->subject, sizeof(out->subject), field[2]) ||
	    !copy_name(out->metric, sizeof(out->metric), field[4]) ||
	    !copy_name(out->text, sizeof(out->text), field[5]))
		return false;
	out->value = strtod(field[5], &end);
	return *end == '\0' || strcmp(out->scenario, SAMPLES_META) == 0;
}

int samples_load(struct samples *s, const char *path, struct error *err)
{
	AUTO_BUF struct buf text;
	unsigned int number = 0;
	char *next;
	int rc;

	*s = (struct samples){.fd = -1};
	buf_init(&text, FILE_BYTES_MAX);
	rc = file_read(&text, path, FILE_REGULAR, err);
	next = text.data;
	while (rc == 0 && next != NULL && *next != '\0') {
		char *line = strsep(&next, "\n");
		struct sample sample;

		number++;
		if (!parse(s, line, &sample))
			rc = error_set(err, -EINVAL, "%s: line %u is no sample", path, number);
		else
			rc = keep(s, &sample);
	}
	return rc;
}

int samples_create(struct samples *s, const char *path, struct error *err)
{
	time_t now = time(NULL);
	struct tm utc;
	int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
	int rc;

	*s = (struct samples){.fd = -1};
	if (fd < 0)
		return error_errno(err, -errno, "%s", path);
	rc = samples_load(s, path, err);
	s->fd = fd;
	gmtime_r(&now, &utc);
	(void)strftime(s->date, sizeof(s->date), "%Y-%m-%dT%H:%M:%SZ", &utc);
	return rc;
}

void samples_close(struct samples *s)
{
	if (s->fd >= 0)
		close(s->fd);
	free(s->list);
	*s = (struct samples){.fd = -1};
}

static int append(struct samples *s, const struct sample *sample)
{
	AUTO_BUF struct buf line;

	buf_init(&line, 1024);
	if (buf_printf(&line, "%s\t%s\t%s\t%u\t%s\t%s\n", s->date, sample->scenario, sample->subject,
		       sample->round, sample->metric, sample->text) != 0)
		return -ENOMEM;
	if (s->fd >= 0 && write(s->fd, line.data, line.len) != (ssize_t)line.len)
		return -EIO;
	return keep(s, sample);
}

int samples_add(struct samples *s, const char *scenario, const char *subject, unsigned int round,
		const char *metric, double value)
{
	struct sample sample = {.round = round, .value = value};

	if (!isfinite(value))
		return 0;
	if (!copy_name(sample.scenario, sizeof(sample.scenario), scenario) ||
	    !copy_name(sample.subject, sizeof(sample.subject), subject) ||
	    !copy_name(sample.metric, sizeof(sample.metric), metric))
		return -EINVAL;
	(void)snprintf(sample.text, sizeof(sample.text), "%.10g", value);
	return append(s, &sample);
}

int samples_add_meta(struct samples *s, const char *key, const char *text)
{
	struct sample sample = {.scenario = SAMPLES_META, .subject = "-"};

	if (!copy_name(sample.metric, sizeof(sample.metric), key))
		return -EINVAL;
	(void)snprintf(sample.text, sizeof(sample.text), "%s", text[0] != '\0' ? text : "-");
	for (char *c = sample.text; *c != '\0'; c++)
		if (*c == '\t' || *c == '\n')
			*c = ' ';
	return append(s, &sample);
}

const char *samples_meta(const struct samples *s, const char *key)
{
	for (size_t i = s->len; i-- > 0;)
		if (strcmp(s->list[i].scenario, SAMPLES_META) == 0 && strcmp(s->list[i].metric, key) == 0)
			return s->list[i].text;
	return "";
}

int samples_get(const struct samples *s, const char *scenario, const char *subject, unsigned int round,
		const char *metric, double *out)
{
	for (size_t i = s->len; i-- > 0;) {
		const struct sample *at = &s->list[i];

		if (at->round == round && strcmp(at->metric, metric) == 0 &&
		    strcmp(at->subject, subject) == 0 && strcmp(at->scenario, scenario) == 0) {
			*out = at->value;
			return 0;
		}
	}
	return -ENOENT;
}

unsigned int samples_rounds(const struct samples *s, const char *scenario)
{
	unsigned int rounds = 0;

	for (size_t i = 0; i < s->len; i++) {
		const struct sample *at = &s->list[i];

		if (strcmp(at->scenario, SAMPLES_META) == 0 ||
		    (scenario != NULL && strcmp(at->scenario, scenario) != 0))
			continue;
		if (at->round >= rounds)
			rounds = at->round + 1;
	}
	return rounds;
}
