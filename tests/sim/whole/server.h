/**
 * server: the API server: tests/apisim on a loop of its own, reached through the wire, or directly by what
 * else lives in the cluster.
 *
 * All of apisim runs but its sockets: conn.c stands where http_conn.c and http_server.c are. What is
 * committed passes through server.c on its way into the store, where the auditor sees it with the letter that
 * caused it.
 */
#ifndef SIM_WHOLE_SERVER_H
#define SIM_WHOLE_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "sim/whole/letter.h"
#include "sim/whole/vloop.h"
#include "sim/whole/wire.h"

struct server {
	struct world *world;
	struct vloop loop;
	struct apisim *sim;
	struct side *own; /* for server_call() */
	struct letter nobody;
	struct letter *cause; /* of what is being committed */
	struct buf text;
	uint32_t epoch; /* each restart is one */
	uint64_t commits;
	uint64_t bare_until_us; /* custom resources are not served until then */
	bool closed;
};

void server_open(struct server *s, struct world *w);
void server_close(struct server *s);

/** After the last run. */
void server_free(struct server *s);

bool server_is_up(const struct server *s);

/** A parcel has come up @l. */
void server_receive(struct server *s, struct line *l, struct parcel *p);

/** A request of something inside the cluster, carried out at once. @content_type: of the body; NULL: JSON.
 * @body NULL: none. Returns the HTTP status, 0 where there is no answer. */
int server_call(struct server *s, const char *method, const char *target, const char *content_type,
		const char *body);

#endif
