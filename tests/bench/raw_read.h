/**
 * raw_read: reads the list of all VMIs to nowhere, as fast as it comes: the limit of every cold start.
 */
#ifndef BENCH_RAW_READ_H
#define BENCH_RAW_READ_H

#include "bench/wire.h"

/** @how: "stream" (until all initial events are there), "paged" (pages of 500, without resourceVersion),
 * "gzip" (the same, compressed on the way). Says `ready BYTES`, then waits until @signals is readable.
 * Returns an exit status. */
int raw_read(struct wire *wire, const char *how, int signals);

#endif
