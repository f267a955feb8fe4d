/**
 * api_watch: one watch request, read frame by frame. See api.h for what this client is.
 *
 * Bytes are only read inside api_watch_next() and api_watch_open(): who does not call leaves the server
 * waiting, which ends the watches of slow readers (WCH-10).
 */
#ifndef SUPPORT_API_WATCH_H
#define SUPPORT_API_WATCH_H

#include "support/api.h"

struct api_watch;

/** Sends GET @path (with its query, watch=1 included) and waits for the answer's header. A code other than
 * 200 is no failure here: api_watch_status() tells it and api_watch_next() gives the Status. On success *out
 * must be given to api_watch_close(), before api_close(). Returns 0, -EIO (no header), -ENOMEM. */
int api_watch_open(struct api_watch **out, struct api *api, const char *path, struct error *err);

/** The HTTP code of the answer. */
long api_watch_status(const struct api_watch *watch);

/** The next frame, waiting @timeout_ms for it at most. Returns 0 with *frame (the caller's to json_decref()),
 * -ETIMEDOUT (nothing came; call again), -ENODATA (the server ended the stream in order), -EIO (the
 * connection broke), -EPROTO (not JSON, or it ended inside a frame). */
int api_watch_next(struct api_watch *watch, int timeout_ms, json_t **frame, struct error *err);

void api_watch_close(struct api_watch *watch); /* NULL is fine */

#endif
