#include "bench/subject.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "bench/meter.h"

#define LOOK_MS    2
#define STOP_MS    30000
#define OUTPUT_MAX ((size_t)4 << 20) /* more of it is not kept */

struct subject_reader {
	const struct subject *subject;
	pthread_t thread;
	int pipe;
	int log;
	char *path; /* of the pipe */
	atomic_bool stop;
	struct buf output;
	size_t scanned;
	unsigned int seen;          /* bit i: ready[i] */
	_Atomic long long ready_us; /* 0: not yet */
	atomic_bool working;
	atomic_size_t counted;
};

static void look_at(struct subject_reader *r, const char *line, size_t len, long long now)
{
	const struct subject *s = r->subject;
	const char *count = s->counted != NULL ? memmem(line, len, s->counted, strlen(s->counted)) : NULL;
	bool all = true;

	if (count != NULL && r->counted == 0)
		r->counted = strtoul(count + strlen(s->counted), NULL, 10);
	for (size_t i = 0; i < SUBJECT_MAX_SIGNS && s->ready[i] != NULL; i++) {
		if (memmem(line, len, s->ready[i], strlen(s->ready[i])) != NULL)
			r->seen |= 1U << i;
		all = all && (r->seen & 1U << i) != 0;
	}
	if (all && r->ready_us == 0)
		r->ready_us = now;
	if (s->working != NULL && memmem(line, len, s->working, strlen(s->working)) != NULL)
		r->working = true;
}

static void take(struct subject_reader *r, const char *bytes, size_t n, long long now)
{
	const char *end;

	if (write(r->log, bytes, n) < 0 || buf_add(&r->output, bytes, n) != 0)
		return;
	while ((end = memchr(r->output.data + r->scanned, '\n', r->output.len - r->scanned)) != NULL) {
		size_t len = (size_t)(end - r->output.data) - r->scanned;

		look_at(r, r->output.data + r->scanned, len, now);
		r->scanned += len + 1;
	}
}

/* Also after the end of the program, until the pipe is empty. */
static void *run_reader(void *arg)
{
	struct subject_reader *r = arg;
	struct pollfd fd = {.fd = r->pipe, .events = POLLIN};
	char bytes[4096];

	for (;;) {
		bool last = r->stop;
		ssize_t n = 0;

		if (poll(&fd, 1, last ? 0 : 100) > 0)
			n = read(r->pipe, bytes, sizeof(bytes));
		if (n > 0)
			take(r, bytes, (size_t)n, meter_now_us());
		else if (last)
			return NULL;
	}
}

static void reader_free(struct subject_reader *r)
{
	if (r->path != NULL)
		(void)unlink(r->path);
	if (r->pipe >= 0)
		close(r->pipe);
	if (r->log >= 0)
		close(r->log);
	buf_free(&r->output);
	free(r->path);
	free(r);
}

/* A named pipe, since process_start() takes a file's name. Open for writing, too: else it would seem to have
 * ended before the program opens it. */
static struct subject_reader *reader_start(const struct subject *subject, const char *log)
{
	struct subject_reader *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	r->subject = subject;
	buf_init(&r->output, OUTPUT_MAX);
	r->pipe = -1;
	r->log = open(log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
	if (asprintf(&r->path, "%s.%d.pipe", log, (int)getpid()) < 0)
		r->path = NULL;
	if (r->path != NULL)
		(void)unlink(r->path); /* of one that was killed and had our number */
	if (r->log >= 0 && r->path != NULL && mkfifo(r->path, 0600) == 0)
		r->pipe = open(r->path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (r->pipe >= 0 && pthread_create(&r->thread, NULL, run_reader, r) == 0)
		return r;
	reader_free(r);
	return NULL;
}

static void reader_stop(struct subject_reader *r)
{
	r->stop = true;
	pthread_join(r->thread, NULL);
}

int subject_start(struct subject_run *run, const struct subject *subject, const char *kubeconfig,
		  const char *log, struct error *err)
{
	const char *argv[SUBJECT_MAX_ARGS + 4] = {subject->path, "--kubeconfig", kubeconfig};
	size_t n = 3;
	int rc;

	*run = (struct subject_run){.subject = subject};
	for (size_t i = 0; i < SUBJECT_MAX_ARGS && subject->args[i] != NULL; i++)
		argv[n++] = subject->args[i];
	run->reader = reader_start(subject, log);
	if (run->reader == NULL)
		return error_errno(err, -EIO, "output of %s to %s", subject->name, log);
	run->started_us = meter_now_us();
	rc = process_start(&run->process, argv, NULL, run->reader->path, err);
	if (rc == 0)
		return 0;
	reader_stop(run->reader);
	subject_release(run);
	return rc;
}

static bool is_ready(const struct subject_reader *r)
{
	return r->ready_us != 0;
}

static bool is_working(const struct subject_reader *r)
{
	return r->ready_us != 0 && (r->working || r->subject->working == NULL);
}

static int await(struct subject_run *run, bool (*good)(const struct subject_reader *r), int timeout_ms,
		 const char *what, struct error *err)
{
	uint64_t end = clock_boot_ms() + (uint64_t)timeout_ms;

	while (!good(run->reader)) {
		if (!process_running(&run->process))
			return error_set(err, -ECHILD, "%s has ended (see its log)", run->subject->name);
		if (clock_boot_ms() >= end)
			return error_set(err, -ETIMEDOUT, "%s is not %s after %d s", run->subject->name, what,
					 timeout_ms / 1000);
		poll(NULL, 0, LOOK_MS);
	}
	return 0;
}

int subject_await_ready(struct subject_run *run, int timeout_ms, long long *ready_us, struct error *err)
{
	int rc = await(run, is_ready, timeout_ms, "ready", err);

	if (rc == 0)
		*ready_us = run->reader->ready_us;
	return rc;
}

size_t subject_counted(const struct subject_run *run)
{
	return run->reader->counted;
}

int subject_await_working(struct subject_run *run, int timeout_ms, struct error *err)
{
	return await(run, is_working, timeout_ms, "at work", err);
}

int subject_stop(struct subject_run *run, struct error *err)
{
	int status = process_stop(&run->process, SIGTERM, STOP_MS);

	reader_stop(run->reader);
	return status == 0 ? 0
			   : error_set(err, -EIO, "%s ended with exit status %d", run->subject->name, status);
}

const char *subject_said(const struct subject_run *run, const char *word, unsigned int nth)
{
	char *text = run->reader->output.data;
	char *line;

	/* Cut into lines by the first call; a second one meets NULs and goes on behind them. */
	for (size_t at = 0; text != NULL && at < run->reader->scanned; at += strlen(line) + 1) {
		line = text + at;
		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, word, strlen(word)) == 0 && line[strlen(word)] == ' ' && nth-- == 0)
			return line + strlen(word) + 1;
	}
	return "";
}

void subject_release(struct subject_run *run)
{
	if (run->reader != NULL)
		reader_free(run->reader);
	run->reader = NULL;
}
