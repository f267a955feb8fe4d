/**
 * http_target: where a request goes: its URL checked and, for a server that is verified under another name,
 * rewritten. Private to http_client.
 */
#ifndef KUBE_HTTP_TARGET_H
#define KUBE_HTTP_TARGET_H

#include <stdbool.h>

#include "base/error.h"

struct http_target {
	bool tls;
	/* Owned; all NULL where the URL can be used as it is. */
	char *url;        /* with the host replaced */
	char *connect_to; /* "::HOST:PORT", the real ones */
	char *host;       /* "Host: HOST[:PORT]", the real ones */
};

/** Reads @url. @server_name: SNI and verified name, or NULL; ignored without TLS. On success @out must be
 * given to http_target_free(). Returns 0, -ENOMEM, -EINVAL (no URL, not http or https, with a user name, or a
 * server name that cannot be a host). */
int http_target_init(struct http_target *out, const char *url, const char *server_name, struct error *err);

void http_target_free(struct http_target *target);

#endif
