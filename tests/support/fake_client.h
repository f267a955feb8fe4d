/**
 * fake_client: a kube_client on a fake_server in a loop of their own, for tests of what needs no more.
 */
#ifndef SUPPORT_FAKE_CLIENT_H
#define SUPPORT_FAKE_CLIENT_H

#include <uv.h>

#include "base/log.h"
#include "base/rng.h"
#include "kube/client.h"
#include "support/fake_server.h"

struct fake_client {
	uv_loop_t loop;
	struct logger silent;
	struct rng rng; /* seeded */
	struct fake_server *server;
	struct kube_client *client;
	unsigned int closed; /* parts, the test's own included that use fake_client_on_closed() */
};

/** Requests go to @handler. Asserts. */
void fake_client_open(struct fake_client *f, fake_server_handler handler, void *data);

/** A close callback: @data is the fake_client. */
void fake_client_on_closed(void *data);

/** Waits until @parts of the test's own have called fake_client_on_closed(), then closes the rest; nothing
 * may be left in the loop. Asserts. */
void fake_client_close(struct fake_client *f, unsigned int parts);

#endif
