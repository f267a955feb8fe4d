/**
 * progress: a bar on a terminal for what takes a while; nothing where standard error is no terminal.
 */
#ifndef CONTROLLER_PLUGIN_PROGRESS_H
#define CONTROLLER_PLUGIN_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>

struct progress {
	bool on;
	bool shown;
	const char *what; /* "VMIs" */
};

void progress_begin(struct progress *p, const char *what);
void progress_step(struct progress *p, size_t done, size_t left);

/** Takes the bar away. */
void progress_end(struct progress *p);

#endif
