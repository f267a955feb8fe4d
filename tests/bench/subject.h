/**
 * subject: a program that is measured, as a child process: the controller, a peer, or the raw generator.
 *
 * All of them take --kubeconfig, tell on their output when they have read everything, and end on SIGTERM. The
 * output comes through a pipe that is read at once, so that the moment of each line is known, and goes on
 * into a log file.
 */
#ifndef BENCH_SUBJECT_H
#define BENCH_SUBJECT_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/error.h"
#include "support/process.h"

#define SUBJECT_MAX_ARGS 24

/** What to look for in the output. All texts must have been seen, each in a line of its own. */
#define SUBJECT_MAX_SIGNS 2
struct subject {
	const char *name;                     /* as in samples: "controller" */
	const char *path;                     /* of the program */
	const char *args[SUBJECT_MAX_ARGS];   /* behind --kubeconfig FILE, up to a NULL */
	const char *ready[SUBJECT_MAX_SIGNS]; /* it has read all there is; NULL: one is enough */
	const char *working;                  /* it will write from now on; NULL: as soon as it is ready */
	const char *counted; /* behind this stands how many VMIs it has read; NULL: it does not say */
};

/** One that runs. */
struct subject_run {
	const struct subject *subject;
	struct process process;
	long long started_us; /* before fork() */
	struct subject_reader *reader;
};

/** Starts it. @log: its output is appended there. On success subject_stop() is due. Returns 0 or a negative
 * errno. */
int subject_start(struct subject_run *run, const struct subject *subject, const char *kubeconfig,
		  const char *log, struct error *err);

/** Waits until it is ready; *ready_us is then when it said so (meter_now_us()). Returns 0, -ETIMEDOUT,
 * -ECHILD (it has ended). */
int subject_await_ready(struct subject_run *run, int timeout_ms, long long *ready_us, struct error *err);

/** How many VMIs it has read, by itself; 0 before it has said so. Once it is ready. */
size_t subject_counted(const struct subject_run *run);

/** Waits until it will write. Errors as above. */
int subject_await_working(struct subject_run *run, int timeout_ms, struct error *err);

/** The @nth line (from 0) that begins with @word and a blank, without these; "" where there is none. Borrowed
 * until subject_release(). Only after subject_stop(). */
const char *subject_said(const struct subject_run *run, const char *word, unsigned int nth);

/** SIGTERM, and SIGKILL after 30 s. Returns 0, or -EIO where it did not end with exit status 0. */
int subject_stop(struct subject_run *run, struct error *err);

/** Frees what is left after subject_stop(). Harmless on a zeroed run. */
void subject_release(struct subject_run *run);

#endif
