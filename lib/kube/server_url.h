/**
 * server_url: the address of an API server in the one form that the rest of the program builds on.
 */
#ifndef KUBE_SERVER_URL_H
#define KUBE_SERVER_URL_H

#include "base/error.h"

/** Checks @text and writes it as "https://host:port/prefix" (or http) without query, fragment and trailing
 * slash (CFG-10). On success *out is the caller's to free(). Returns 0, -EINVAL (not a URL, another scheme,
 * user or password inside), -ENOMEM. */
int server_url_parse(char **out, const char *text, struct error *err);

/** Checks the URL of a proxy: http, https, socks5 or socks5h (TRN-5). Messages do not repeat it: it may hold
 * a password. Returns 0, -EINVAL or -ENOMEM. */
int server_url_check_proxy(const char *text, struct error *err);

#endif
