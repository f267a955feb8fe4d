#include "bench/wire.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/macros.h"

/* "curl/..." would make the server indent its answers. */
#define USER_AGENT "vsock-cid-bench"

static const char *const content_types[WIRE_KINDS] = {
	[WIRE_JSON_PATCH] = "Content-Type: application/json-patch+json",
	[WIRE_MERGE_PATCH] = "Content-Type: application/merge-patch+json",
};

static int add_header(struct curl_slist **list, const char *line)
{
	struct curl_slist *longer = curl_slist_append(*list, line);

	if (longer == NULL)
		return -ENOMEM;
	*list = longer;
	return 0;
}

static int make_headers(struct wire *w, enum wire_kind kind)
{
	struct curl_slist **list = &w->headers[kind];
	AUTO_FREE char *bearer = NULL;

	if (w->config.token != NULL && asprintf(&bearer, "Authorization: Bearer %s", w->config.token) < 0)
		return -ENOMEM;
	if (add_header(list, "Accept: application/json") != 0 || add_header(list, "Expect:") != 0 ||
	    (bearer != NULL && add_header(list, bearer) != 0) ||
	    (content_types[kind] != NULL && add_header(list, content_types[kind]) != 0))
		return -ENOMEM;
	return 0;
}

int wire_open(struct wire *w, const char *kubeconfig, bool http2, struct error *err)
{
	int rc;

	*w = (struct wire){.http2 = http2};
	rc = api_config_load(&w->config, kubeconfig, err);
	if (rc != 0)
		return rc;
	for (int kind = 0; rc == 0 && kind < WIRE_KINDS; kind++)
		rc = make_headers(w, (enum wire_kind)kind);
	if (rc == 0)
		return 0;
	wire_close(w);
	return error_set(err, rc, "out of memory");
}

void wire_close(struct wire *w)
{
	for (int kind = 0; kind < WIRE_KINDS; kind++) {
		curl_slist_free_all(w->headers[kind]);
		w->headers[kind] = NULL;
	}
	api_config_free(&w->config);
}

static size_t drop_bytes(char *bytes, size_t size, size_t n, void *arg)
{
	(void)bytes;
	(void)arg;
	return size * n;
}

static void set_blob(CURL *easy, CURLoption option, char *pem)
{
	struct curl_blob blob = {
		.data = pem, .len = pem != NULL ? strlen(pem) : 0, .flags = CURL_BLOB_NOCOPY};

	if (pem != NULL)
		curl_easy_setopt(easy, option, &blob);
}

CURL *wire_handle(struct wire *w, enum wire_kind kind)
{
	bool tls = strncmp(w->config.server, "https:", 6) == 0;
	CURL *easy = curl_easy_init();

	if (easy == NULL)
		return NULL;
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
	curl_easy_setopt(easy, CURLOPT_USERAGENT, USER_AGENT);
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION,
			 (long)(w->http2 && tls ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1));
	curl_easy_setopt(easy, CURLOPT_PIPEWAIT, w->http2 && tls ? 1L : 0L);
	curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, 128L << 10);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, drop_bytes);
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, w->headers[kind]);
	curl_easy_setopt(easy, CURLOPT_SSLCERTTYPE, "PEM");
	set_blob(easy, CURLOPT_CAINFO_BLOB, w->config.ca);
	set_blob(easy, CURLOPT_SSLCERT_BLOB, w->config.certificate);
	set_blob(easy, CURLOPT_SSLKEY_BLOB, w->config.key);
	if (kind == WIRE_GET_GZIP)
		curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "gzip");
	if (content_types[kind] != NULL)
		curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, "PATCH");
	return easy;
}

int wire_set_path(const struct wire *w, CURL *easy, const char *path)
{
	AUTO_FREE char *url = NULL;

	if (asprintf(&url, "%s%s", w->config.server, path) < 0) {
		url = NULL;
		return -ENOMEM;
	}
	return curl_easy_setopt(easy, CURLOPT_URL, url) == CURLE_OK ? 0 : -ENOMEM;
}
