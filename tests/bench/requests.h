/**
 * requests: the writes that give VMIs their CIDs, as text that is ready to be sent: made before the clock
 * starts, so that what is measured is the wire and the server.
 */
#ifndef BENCH_REQUESTS_H
#define BENCH_REQUESTS_H

#include <stddef.h>
#include <stdint.h>

#include "bench/frame.h"

struct request {
	char *url;
	char *body; /* the JSON patch of controller/vmi_patch.h */
	size_t body_len;
};

struct requests {
	struct request *list;
	size_t len;
	size_t room;
	const char *server;
	uint32_t next_cid;
};

/** @server, borrowed, is what URLs begin with; it may be "". The first CID that is given is @first_cid, the
 * next one that and one, and so on. requests_free() is due.
 */
void requests_init(struct requests *r, const char *server, uint32_t first_cid);
void requests_free(struct requests *r);

/** Adds the write for @vmi where it waits for a CID. Returns 0 or -ENOMEM. */
int requests_add(struct requests *r, const struct frame_vmi *vmi);

#endif
