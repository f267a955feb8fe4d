/**
 * watch: one watch of all objects of a kind, begun anew from where it was when the server ends it, as a busy
 * server does with readers that it takes for slow.
 *
 * It lives in the caller's curl_multi loop, and sees every frame; what it does with them is a search for one
 * member.
 */
#ifndef BENCH_WATCH_H
#define BENCH_WATCH_H

#include <curl/curl.h>
#include <stdbool.h>

#include "bench/frame.h"
#include "bench/wire.h"

/* The query of a watch that begins with all there is. */
#define WATCH_FROM_START                                                                                     \
	"watch=1&allowWatchBookmarks=true&sendInitialEvents=true"                                            \
	"&resourceVersionMatch=NotOlderThan&resourceVersion=&timeoutSeconds=86400"

/* It gives up after so many. */
#define WATCH_RESTARTS_MAX 50

struct watch {
	const struct wire *wire;
	CURLM *multi;
	CURL *easy;
	const char *path; /* without a query, borrowed */
	struct frame_reader frames;
	void (*on_frame)(void *data, const char *frame, size_t len);
	void *data;
	char version[32]; /* to go on from; "" until all that was there at the start has been seen */
	bool complete;    /* it has been */
	unsigned int restarts;
};

/** Begins at @version, or with all there is where it is NULL. @w stays where it is until watch_close(), which
 * is due whatever comes of this. Returns 0 or -ENOMEM. */
int watch_open(struct watch *w, struct wire *wire, CURLM *multi, const char *path, const char *version,
	       void (*on_frame)(void *data, const char *frame, size_t len), void *data);

void watch_close(struct watch *w);

/** A transfer of the loop has ended. Returns 0 (it was this one, and goes on), -ENOENT (it was another), -EIO
 * (it has been begun anew too often), -ENOMEM. */
int watch_ended(struct watch *w, const CURL *easy);

#endif
