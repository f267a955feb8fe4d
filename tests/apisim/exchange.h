/**
 * exchange: one request on its way through the server: faults before, the handler, faults after, the answer.
 */
#ifndef APISIM_EXCHANGE_H
#define APISIM_EXCHANGE_H

#include "apisim/apisim.h"
#include "apisim/route.h"

struct watch;

struct exchange {
	struct http_conn *conn;
	struct apisim *sim;
	struct http_request *request;
	struct response response;
	struct route route;
	struct fault_effect effect;
	struct watch *watch;
	bool later;  /* the handler answers on its own */
	bool waited; /* has waited for a revision from the future */
};

extern const struct http_conn_ops exchange_ops;

/** Handlers call this when an answer that came later is in x->response. */
void exchange_finish(struct exchange *x);

/** Runs the handler again in @ms (a revision may have come by then). */
void exchange_retry(struct exchange *x, uint64_t ms);

#endif
