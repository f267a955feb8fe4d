/**
 * http_settings: what all requests of an http_client share, put into libcurl's words. Private to http_client.
 */
#ifndef KUBE_HTTP_SETTINGS_H
#define KUBE_HTTP_SETTINGS_H

#include <curl/curl.h>

#include "kube/http_client.h"

/** A copy of http_client_options; strings are owned, NULL where absent. */
struct http_settings {
	char *ca_file, *ca_pem;
	char *cert_file, *cert_pem;
	char *key_file, *key_pem;
	char *server_name;
	char *user_agent;
	char *proxy_http, *proxy_https; /* "" = none; never NULL */
	char *no_proxy;                 /* never NULL */
	bool insecure;
	uint32_t max_connections;
};

/** On success @out must be given to http_settings_free(); on failure it is untouched. Returns 0, -ENOMEM,
 * -EINVAL (contradictory options). */
int http_settings_init(struct http_settings *out, const struct http_client_options *options,
		       struct error *err);

void http_settings_free(struct http_settings *settings);

/** Sets everything on @easy that no request changes. @easy borrows the settings. */
CURLcode http_settings_apply(const struct http_settings *settings, CURL *easy);

#endif
