/**
 * apisim_embedded: an apisim with the default options in a test's own loop, behind a header that shares no
 * names with lib/ (apisim.h does: it is an HTTP server, too).
 */
#ifndef APISIM_EMBEDDED_H
#define APISIM_EMBEDDED_H

#include <uv.h>

struct apisim_embedded;

/** Serves on 127.0.0.1. A failure ends the test. */
struct apisim_embedded *apisim_embedded_open(uv_loop_t *loop);

/** "http://127.0.0.1:PORT". Lives as long as the server. */
const char *apisim_embedded_url(const struct apisim_embedded *s);

/** Ends all connections, frees everything, then calls @cb from the loop. */
void apisim_embedded_close(struct apisim_embedded *s, void (*cb)(void *data), void *data);

#endif
