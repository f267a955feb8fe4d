/**
 * attempt: AF_VSOCK as this process may use it: tried, and judged. The second is pure.
 */
#ifndef CONTROLLER_PLUGIN_ATTEMPT_H
#define CONTROLLER_PLUGIN_ATTEMPT_H

#include <jansson.h>
#include <stdbool.h>

struct attempt {
	int socket_errno; /* 0: made */
	int low_errno;    /* bind to port 80 */
	int high_errno;   /* bind to port 1024 */
	bool has_filter;  /* a seccomp profile is in force */
	bool has_device;  /* /dev/vhost-vsock, which is not needed for any of this */
};

void attempt_make(struct attempt *a);

/** As it is printed, with a word ("result") and a sentence ("message") on what it means. */
json_t *attempt_describe(const struct attempt *a);

#endif
