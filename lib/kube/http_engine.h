/**
 * http_engine: one libcurl multi handle, driven by one libuv loop. Private to http_client.
 *
 * Everything that is easily done wrong between the two libraries is done here and nowhere else; the comments
 * name the traps T1-T18 by which both libraries' own examples fail:
 *  T1  finished transfers are asked for after every call into libcurl, or the last one to time out is lost
 *  T2  only libcurl stops its timer                      T3  the loop's clock is stale: update, then arm
 *  T4  a timer of 0 ms starves I/O on libuv < 1.48       T5  libcurl calls back inside add and remove
 *  T6  libcurl must not be re-entered                    T8  the socket callback never returns -1
 *  T9  a failed socket_action ends the multi handle      T10 POLLERR stops a uv_poll: start it again
 *  T11 a poll handle is closed at once, never reused     T12 its memory lives until the close callback
 *  T14 easy handles, then the multi, then libuv handles  T15 a socket is not a transfer
 *  T16 a CURLMsg dies when its easy handle is removed    T17 libcurl borrows what an easy handle points to
 *
 * The engine also keeps the fence: it asks its owner before it lets libcurl at a socket or at its timer, and
 * before each request. Once the owner says no, the engine breaks and nothing of what is queued leaves.
 *
 * Loop's thread only.
 */
#ifndef KUBE_HTTP_ENGINE_H
#define KUBE_HTTP_ENGINE_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct http_engine;

/** Whom the engine tells. done() and broken() come from the loop and outside libcurl. */
struct http_engine_owner {
	/** @easy is finished and has left the engine. May not call the engine. */
	void (*done)(void *data, CURL *easy, CURLcode result);
	/** May anything leave? Asked often, inside libcurl too; must stay false once it was. */
	bool (*may_go_on)(void *data);
	/** The multi handle is unusable (T8, T9), or nothing may leave any more. At most once. Must remove
	 * every easy handle and close the engine before it returns. */
	void (*broken)(void *data, struct http_engine *e);
	void *data;
};

/** @max_connections at once, 0 = no limit. Returns 0 or -ENOMEM or another errno; on success *out must be
 * given to http_engine_close(). */
int http_engine_open(struct http_engine **out, uv_loop_t *loop, const struct http_engine_owner *owner,
		     uint32_t max_connections);

/** Starts @easy, which stays the caller's. Returns 0, -ENOMEM, -EIO. */
int http_engine_add(struct http_engine *e, CURL *easy);

/** Takes an unfinished @easy out. done() will not come for it. Not from inside libcurl. */
void http_engine_remove(struct http_engine *e, CURL *easy);

/** True inside a libcurl callback (T6: nothing may be added, removed or closed there). */
bool http_engine_in_curl(const struct http_engine *e);

/** Asks may_go_on(). False: the engine breaks when libcurl has returned, in this turn of the loop. For what
 * runs inside libcurl. */
bool http_engine_may_go_on(struct http_engine *e);

/** Resets every connection that carries a request: what the system still holds of it is dropped and libcurl
 * cannot send on it, not even TLS's goodbye. Then the easy handles must be removed. */
void http_engine_cut(struct http_engine *e);

/** Takes no more easy handles; those inside go on. After the last one has left, frees everything and calls
 * @cb from the loop. */
void http_engine_close(struct http_engine *e, void (*cb)(void *data), void *data);

#endif
