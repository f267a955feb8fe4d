#include "kube/http_target.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"

static void free_curl_text(char **text)
{
	curl_free(*text);
}

static void free_curl_url(CURLU **url)
{
	curl_url_cleanup(*url);
}

#define AUTO_CURL_TEXT __attribute__((cleanup(free_curl_text)))
#define AUTO_CURL_URL  __attribute__((cleanup(free_curl_url)))

/* TRN-2: libcurl takes name and SNI from the URL only, so the URL gets the name, and the address and the Host
 * header that were in it are given beside it. (NO_PROXY is then matched against the name.) */
static int target_rename(struct http_target *t, CURLU *u, const char *server_name)
{
	AUTO_CURL_TEXT char *host = NULL;
	AUTO_CURL_TEXT char *port = NULL;
	AUTO_CURL_TEXT char *given_port = NULL;
	AUTO_CURL_TEXT char *url = NULL;
	int n;

	if (curl_url_get(u, CURLUPART_HOST, &host, 0) != CURLUE_OK ||
	    curl_url_get(u, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) != CURLUE_OK)
		return -EINVAL;
	(void)curl_url_get(u, CURLUPART_PORT, &given_port, CURLU_NO_DEFAULT_PORT);
	if (curl_url_set(u, CURLUPART_HOST, server_name, 0) != CURLUE_OK ||
	    curl_url_get(u, CURLUPART_URL, &url, 0) != CURLUE_OK)
		return -EINVAL;
	n = given_port != NULL ? asprintf(&t->host, "Host: %s:%s", host, given_port)
			       : asprintf(&t->host, "Host: %s", host);
	if (n < 0) {
		t->host = NULL;
		return -ENOMEM;
	}
	if (asprintf(&t->connect_to, "::%s:%s", host, port) < 0) {
		t->connect_to = NULL;
		return -ENOMEM;
	}
	t->url = strdup(url);
	return t->url != NULL ? 0 : -ENOMEM;
}

int http_target_init(struct http_target *out, const char *url, const char *server_name, struct error *err)
{
	struct http_target t = {0};
	AUTO_CURL_URL CURLU *u = curl_url();
	AUTO_CURL_TEXT char *scheme = NULL;
	CURLUcode uc;
	int rc = 0;

	if (u == NULL)
		return error_errno(err, -ENOMEM, "URL");
	uc = curl_url_set(u, CURLUPART_URL, url, CURLU_PATH_AS_IS | CURLU_DISALLOW_USER);
	if (uc == CURLUE_OK)
		uc = curl_url_get(u, CURLUPART_SCHEME, &scheme, 0);
	if (uc == CURLUE_OUT_OF_MEMORY)
		return error_errno(err, -ENOMEM, "URL");
	if (uc != CURLUE_OK)
		return error_set(err, -EINVAL, "URL %s: %s", url, curl_url_strerror(uc));
	t.tls = strcmp(scheme, "https") == 0;
	if (!t.tls && strcmp(scheme, "http") != 0)
		return error_set(err, -EINVAL, "URL %s: neither http nor https", url);
	if (t.tls && server_name != NULL)
		rc = target_rename(&t, u, server_name);
	if (rc != 0) {
		http_target_free(&t);
		return error_errno(err, rc, "URL %s with the server name %s", url, server_name);
	}
	*out = t;
	return 0;
}

void http_target_free(struct http_target *t)
{
	free(t->url);
	free(t->connect_to);
	free(t->host);
	*t = (struct http_target){0};
}
