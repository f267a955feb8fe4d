/**
 * handlers: what does the work, by verb. Each fills x->response, or sets x->later and answers on its own.
 */
#ifndef APISIM_HANDLERS_H
#define APISIM_HANDLERS_H

#include "apisim/exchange.h"

/* read.c */
void handle_get(struct exchange *x);
void handle_list(struct exchange *x);
/** The list of @objects as the resource's List kind; @more: token of the next page, NULL for none. */
void handle_write_list(struct exchange *x, struct object *const *objects, size_t count, uint64_t rv,
		       const char *more, int64_t remaining);

/* watch.c */
void handle_watch(struct exchange *x);

/* write.c */
void handle_create(struct exchange *x);
void handle_update(struct exchange *x);
void handle_patch(struct exchange *x);

/* remove.c */
void handle_delete(struct exchange *x);
void handle_delete_collection(struct exchange *x);

/* discovery.c: everything but objects */
void handle_discovery(struct exchange *x);

/* openapi.c */
void handle_openapi(struct exchange *x);

/* admin.c */
void handle_admin(struct exchange *x);
/** The number that the query has under @key; @otherwise where there is none. */
uint64_t handle_admin_number(const struct exchange *x, const char *key, uint64_t otherwise);
/** The resource that ?resource= names; NULL and an answer where there is none. */
const struct resource *handle_admin_resource(struct exchange *x);
/** Ends the watches of @r. */
void handle_admin_end_watches(struct exchange *x, const struct resource *r);

/* populate.c */
void handle_populate(struct exchange *x);

#endif
