/**
 * process: child processes of tests and of the demo, which never outlive the one who started them.
 *
 * The kernel kills the child when the thread that started it ends (PR_SET_PDEATHSIG), however that happens. A
 * child that starts others must see to those itself. Linux only (pidfd).
 */
#ifndef SUPPORT_PROCESS_H
#define SUPPORT_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

struct process {
	pid_t pid;  /* 0: none */
	int pidfd;  /* readable when it has ended */
	bool ended; /* it was waited for */
	int status; /* then: what waitpid() said */
};

/** Starts argv[0] (searched in PATH unless it has a slash). @extra_env: "NAME=value" strings up to a NULL,
 * added to our own environment; NULL for none. stdin is /dev/null; stdout and stderr are appended to the file
 * @output, created if need be, or stay ours where it is NULL. No other descriptor is passed on.
 * On success process_stop() is due. Returns 0 or a negative errno (also of exec). */
int process_start(struct process *p, const char *const *argv, const char *const *extra_env,
		  const char *output, struct error *err);

/** Waits @timeout_ms at most for the end. Returns 0 (ended, p->status is set) or -ETIMEDOUT. */
int process_wait(struct process *p, int timeout_ms);

/** True while it has not ended. */
bool process_running(struct process *p);

/** Sends @signal unless it has ended. */
void process_signal(struct process *p, int signal);

/** Sends @signal, waits @timeout_ms, then kills and waits. Returns the exit code, or 128 + the signal that
 * ended it. Also where it has ended before; may be called again. */
int process_stop(struct process *p, int signal, int timeout_ms);

/** Waits for the file @path to hold a port number and a newline, as long as @p (NULL: nobody to look at)
 * runs,
 * @timeout_ms at most. Returns 0, -ETIMEDOUT, -ECHILD (the process ended first). */
int process_read_port(struct process *p, const char *path, int timeout_ms, uint16_t *port, struct error *err);

/** A TCP port of 127.0.0.1 that nobody listens on right now; 0 when the machine has none. */
uint16_t process_free_port(void);

#endif
