/**
 * session: one API server, asked one thing after the other, as a command does.
 *
 * Where the server is and how to log in is read as kubectl reads it; a loop of its own turns until each call
 * is done. Failures come as one line for people. Not thread-safe.
 */
#ifndef CONTROLLER_PLUGIN_SESSION_H
#define CONTROLLER_PLUGIN_SESSION_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

#include "base/buf.h"
#include "base/log.h"
#include "controller/plugin/flags.h"
#include "kube/client.h"
#include "kube/config.h"

struct session {
	uv_loop_t loop;
	struct logger log; /* warnings and errors, to standard error */
	struct kube_config config;
	struct kube_client *client;
};

/** On success session_close() is due. Returns 0 or a negative errno with err. @s may not move. */
int session_open(struct session *s, const struct flags *flags, struct error *err);
void session_close(struct session *s);

/** The namespace that @flags ask for; NULL: all. */
const char *session_namespace(const struct session *s, const struct flags *flags);

struct session_answer {
	int status;                 /* HTTP; 0: none came */
	struct kube_status failure; /* where it is not 2xx */
	struct buf body;
};

static inline void session_answer_free(struct session_answer *a)
{
	buf_free(&a->body);
}
#define AUTO_ANSWER __attribute__((cleanup(session_answer_free)))

/** One request with its whole answer. @body NULL: none. Returns 0 where the server answered, whatever it
 * said, or a negative errno with err. @out is to be freed in any case. */
int session_ask(struct session *s, const char *method, const char *path, const char *body,
		struct session_answer *out, struct error *err);

/** GET; an answer that is not 2xx is a failure, too: -ENOENT (404), -EACCES (401, 403), -EIO. */
int session_get(struct session *s, const char *path, struct session_answer *out, struct error *err);

/** Appends @text, percent-encoded, to a path: a continue token is base64 of the URL kind, but nobody promises
 * that. Returns 0, -EMSGSIZE, -ENOMEM. */
int session_add_escaped(struct buf *path, const char *text);

/** GETs a list in pages and hands each object of it to @visit. Returns 0, -EBADMSG, -EPROTO (it does not
 * end), or as session_get(); then some may have been visited. */
int session_list(struct session *s, const char *path, void (*visit)(void *data, const json_t *object),
		 void *data, struct error *err);

/** GET whose answer goes to @on_data as it comes; a negative errno of it ends the call and is returned.
 * Errors as session_get(). */
int session_stream(struct session *s, const char *path,
		   int (*on_data)(void *data, const char *bytes, size_t n), void *data, struct error *err);

#endif
