/**
 * process: one controller: all of controller/ but main.c, on a loop of its own, and what the system around it
 * does: starts it, stops it, kills it, starts it again.
 *
 * Each start is a new process with a serial number of its own; who has sent something is known by that
 * number, long after it has ended.
 */
#ifndef SIM_WHOLE_PROCESS_H
#define SIM_WHOLE_PROCESS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/log.h"
#include "controller/controller.h"
#include "kube/config.h"
#include "sim/whole/agenda.h"
#include "sim/whole/vloop.h"

struct http_server;
struct world;

struct process {
	struct world *world;
	uint32_t slot;
	uint32_t serial; /* 0: not running */
	char name[16];   /* for the trace */
	char identity[64];
	struct vloop loop;
	struct options options;
	struct kube_config config;
	struct logger log;
	struct controller *controller;
	struct http_server *probes; /* set by probe.c */
	bool ending;                /* controller_close() was called */
	bool ended;                 /* and has called back */
	bool failing;               /* will exit with an error */
	bool dead;                  /* killed: nothing leaves any more */
	struct arrival sigterm;     /* a signal comes as any other input */
	uint32_t decided;           /* writes that have been begun and have not left yet */
	uint32_t renewing;          /* writes to the Lease that have left and are not answered */
	uint32_t rngs;              /* that were made from secure numbers */
	uint64_t stopped_us;        /* since when it is paused */
	bool suspended;
	struct moment resume;
	struct moment start;
};

void process_init(struct process *p, struct world *w, uint32_t slot);

/** Starts it in so many milliseconds. */
void process_start_in(struct process *p, uint64_t delay_ms);

bool process_runs(const struct process *p);

/** SIGKILL: what it has sent can still land. */
void process_kill(struct process *p);

/** SIGTERM. */
void process_terminate(struct process *p);

/** SIGSTOP and SIGCONT, or its machine is suspended. */
void process_pause(struct process *p, uint64_t duration_us, bool suspended);

/** Goes on, if it was paused. */
void process_resume(struct process *p);

/** GET @path at its probes. Appends the body to @out; returns the status, 0 where nothing listens. */
int process_probe(struct process *p, const char *path, struct buf *out);

#endif
