/**
 * pods: the controller's pods and what each says at /readyz, asked through the API server (pods/proxy).
 */
#ifndef CONTROLLER_PLUGIN_PODS_H
#define CONTROLLER_PLUGIN_PODS_H

#include <jansson.h>

#include "controller/plugin/cluster.h"
#include "controller/plugin/installation.h"

/** An array, to be freed, of {"pod", "state", "message"}. state: "ready" and "unready" say what the pod says;
 * "down": it does not run, and the message says why; "unknown": it could not be asked. What they say of the
 * mode goes to @c->said, in place of an event, which may be of before. NULL with err: -EACCES and others, as
 * session_list(). */
json_t *pods_ask(struct session *s, struct cluster *c, const struct installation *in, struct error *err);

/** The same for those who want to know the mode alone. */
void pods_ask_mode(struct session *s, struct cluster *c, const struct installation *in);

#endif
