/**
 * patcher: sends the writes that give VMIs their CIDs, a fixed number in flight, in the order in which they
 * come: what the wire and the server cost, and nothing else.
 *
 * The write is the controller's own (controller/vmi_patch.h), or the merge patch of the peers. Nothing is
 * retried. It lives in the caller's curl_multi loop.
 */
#ifndef BENCH_PATCHER_H
#define BENCH_PATCHER_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bench/frame.h"
#include "bench/wire.h"

struct patcher;

/** @multi and @wire are borrowed. On success patcher_close() is due. Returns 0 or -ENOMEM. */
int patcher_open(struct patcher **out, struct wire *wire, CURLM *multi, size_t in_flight, bool merge);

void patcher_close(struct patcher *p); /* NULL is fine */

/** Gives @vmi the CID @cid: queued, and sent by patcher_run(). Where it has one already, that is replaced.
 * Returns 0, -EINVAL (not all that a write needs is in it), -ENOMEM. */
int patcher_add(struct patcher *p, const struct frame_vmi *vmi, uint32_t cid);

/** Starts what is queued as far as there is room. */
void patcher_run(struct patcher *p);

/** A transfer of @multi has ended. True where it was one of these. */
bool patcher_ended(struct patcher *p, CURL *easy, CURLcode code);

/** Queued and in flight. */
size_t patcher_pending(const struct patcher *p);

struct patcher_figures {
	size_t done;   /* answered by 200 */
	size_t failed; /* any other end */
	double p50_ms; /* from sent to answered */
	double p99_ms;
	char problem[128]; /* the first failure */
};

/** What was done since the last call. */
void patcher_take_figures(struct patcher *p, struct patcher_figures *out);

#endif
