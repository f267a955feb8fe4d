#include "kube/http_settings.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/macros.h"

/* TCP and TLS together (section 0: 30 s and 10 s in other clients; a server that needs longer is no use). */
#define CONNECT_TIMEOUT_MS 10000L

/* TRN-4: a dead peer is found within 45 s, whether we wait for it or it for us. */
#define KEEPALIVE_IDLE_S     30
#define KEEPALIVE_INTERVAL_S 5
#define KEEPALIVE_COUNT      3
#define USER_TIMEOUT_MS      45000U

/* Below the 90 s after which the API server closes idle connections (TRN-6): a request sent into a closing
 * connection is lost. */
#define IDLE_CONNECTION_S 80L

/* CFG-12: certificates are read again at least this often. */
#define REREAD_S 300L

/* As other Kubernetes clients: what runs on this machine is never behind a proxy. */
#define NO_PROXY_ALWAYS "localhost,127.0.0.0/8,::1"

/* *out = a copy of @text, or NULL. Keeps an error that is there. */
static void copy_text(int *rc, char **out, const char *text)
{
	if (*rc != 0 || text == NULL)
		return;
	*out = strdup(text);
	if (*out == NULL)
		*rc = -ENOMEM;
}

/* The first of two variables that is there and not empty, else "". */
static const char *env_either(const char *upper, const char *lower)
{
	const char *value = getenv(upper);

	if (value == NULL || *value == '\0')
		value = getenv(lower);
	return value != NULL ? value : "";
}

/* TRN-5: names are resolved at a SOCKS proxy, which libcurl does for socks5h only. */
static void copy_proxy(int *rc, char **out, const char *url)
{
	static const char socks[] = "socks5://";

	if (*rc != 0)
		return;
	if (strncmp(url, socks, sizeof(socks) - 1) != 0)
		copy_text(rc, out, url);
	else if (asprintf(out, "socks5h://%s", url + sizeof(socks) - 1) < 0)
		*rc = -ENOMEM;
}

/* TRN-5: a proxy that was named beats the environment and has no exceptions. The environment is read here and
 * not by libcurl, which knows ALL_PROXY besides. */
static void copy_proxies(int *rc, struct http_settings *s, const char *proxy_url)
{
	const char *exceptions = env_either("NO_PROXY", "no_proxy");

	if (proxy_url != NULL) {
		copy_proxy(rc, &s->proxy_http, proxy_url);
		copy_proxy(rc, &s->proxy_https, proxy_url);
		copy_text(rc, &s->no_proxy, "");
		return;
	}
	copy_proxy(rc, &s->proxy_http, env_either("HTTP_PROXY", "http_proxy"));
	copy_proxy(rc, &s->proxy_https, env_either("HTTPS_PROXY", "https_proxy"));
	if (*rc == 0 && strcmp(exceptions, "*") == 0)
		copy_text(rc, &s->no_proxy, exceptions);
	else if (*rc == 0 && asprintf(&s->no_proxy, "%s%s%s", exceptions, *exceptions != '\0' ? "," : "",
				      NO_PROXY_ALWAYS) < 0)
		*rc = -ENOMEM;
}

static int options_check(const struct http_client_options *o, struct error *err)
{
	bool cert = o->cert_file != NULL || o->cert_pem != NULL;
	bool key = o->key_file != NULL || o->key_pem != NULL;

	if ((o->ca_file != NULL && o->ca_pem != NULL) || (o->cert_file != NULL && o->cert_pem != NULL) ||
	    (o->key_file != NULL && o->key_pem != NULL))
		return error_set(err, -EINVAL, "both a file and PEM text given for the same thing");
	if (cert != key)
		return error_set(err, -EINVAL, "a client certificate needs its key and the other way round");
	return 0;
}

int http_settings_init(struct http_settings *out, const struct http_client_options *o, struct error *err)
{
	struct http_settings s = {.insecure = o->insecure, .max_connections = o->max_connections};
	int rc = options_check(o, err);

	if (rc != 0)
		return rc;
	copy_text(&rc, &s.ca_file, o->ca_file);
	copy_text(&rc, &s.ca_pem, o->ca_pem);
	copy_text(&rc, &s.cert_file, o->cert_file);
	copy_text(&rc, &s.cert_pem, o->cert_pem);
	copy_text(&rc, &s.key_file, o->key_file);
	copy_text(&rc, &s.key_pem, o->key_pem);
	copy_text(&rc, &s.server_name, o->server_name);
	copy_text(&rc, &s.user_agent, o->user_agent);
	copy_proxies(&rc, &s, o->proxy_url);
	if (rc != 0) {
		http_settings_free(&s);
		return error_errno(err, rc, "settings of the HTTP client");
	}
	*out = s;
	return 0;
}

void http_settings_free(struct http_settings *s)
{
	free(s->ca_file);
	free(s->ca_pem);
	free(s->cert_file);
	free(s->cert_pem);
	free(s->key_file);
	free(s->key_pem);
	free(s->server_name);
	free(s->user_agent);
	free(s->proxy_http);
	free(s->proxy_https);
	free(s->no_proxy);
	*s = (struct http_settings){0};
}

/* TRN-4. libcurl 7.88 has options for the first three only. A kernel that refuses one is no reason to fail.
 */
static int on_socket(void *data, curl_socket_t fd, curlsocktype purpose)
{
	static const struct {
		int level, name, value;
	} options[] = {
		{SOL_SOCKET, SO_KEEPALIVE, 1},
		{IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE_S},
		{IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_INTERVAL_S},
		{IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_COUNT},
	};
	unsigned user_timeout_ms = USER_TIMEOUT_MS;

	(void)data;
	if (purpose != CURLSOCKTYPE_IPCXN)
		return CURL_SOCKOPT_OK;
	for (size_t i = 0; i < ARRAY_LEN(options); i++)
		(void)setsockopt(fd, options[i].level, options[i].name, &options[i].value,
				 sizeof(options[i].value));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &user_timeout_ms, sizeof(user_timeout_ms));
	return CURL_SOCKOPT_OK;
}

/* Sets one option unless an earlier one has failed. */
#define SET(option, value)                                                                                   \
	do {                                                                                                 \
		if (rc == CURLE_OK)                                                                          \
			rc = curl_easy_setopt(easy, option, value);                                          \
	} while (0)

static CURLcode set_pem(CURL *easy, CURLoption option, char *pem)
{
	struct curl_blob blob = {.data = pem, .len = strlen(pem), .flags = CURL_BLOB_NOCOPY};

	return curl_easy_setopt(easy, option, &blob);
}

static CURLcode apply_trust(const struct http_settings *s, CURL *easy)
{
	CURLcode rc = CURLE_OK;

	SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2); /* at least (TRN-1) */
	SET(CURLOPT_SSL_VERIFYPEER, s->insecure ? 0L : 1L);
	SET(CURLOPT_SSL_VERIFYHOST, s->insecure ? 0L : 2L);
	SET(CURLOPT_CA_CACHE_TIMEOUT, REREAD_S); /* CFG-12; libcurl's own is a day */
	/* TRN-1: the CA given is the only one. libcurl would add the system's folder. */
	if (s->ca_file != NULL || s->ca_pem != NULL)
		SET(CURLOPT_CAPATH, NULL);
	if (s->ca_file != NULL)
		SET(CURLOPT_CAINFO, s->ca_file);
	if (s->ca_pem != NULL && rc == CURLE_OK)
		rc = set_pem(easy, CURLOPT_CAINFO_BLOB, s->ca_pem);
	return rc;
}

static CURLcode apply_identity(const struct http_settings *s, CURL *easy)
{
	CURLcode rc = CURLE_OK;

	/* Else OpenSSL would ask the terminal for the passphrase of an encrypted key, and the loop would
	 * stand. */
	SET(CURLOPT_KEYPASSWD, "");
	if (s->cert_file != NULL) {
		SET(CURLOPT_SSLCERT, s->cert_file);
		/* CFG-12: the file is read at each handshake; so that a new one is noticed, connections do
		 * not live long and no session carries the old identity on. */
		SET(CURLOPT_MAXLIFETIME_CONN, REREAD_S);
		SET(CURLOPT_SSL_SESSIONID_CACHE, 0L);
	}
	if (s->key_file != NULL)
		SET(CURLOPT_SSLKEY, s->key_file);
	if (s->cert_pem != NULL && rc == CURLE_OK)
		rc = set_pem(easy, CURLOPT_SSLCERT_BLOB, s->cert_pem);
	if (s->key_pem != NULL && rc == CURLE_OK)
		rc = set_pem(easy, CURLOPT_SSLKEY_BLOB, s->key_pem);
	return rc;
}

CURLcode http_settings_apply(const struct http_settings *s, CURL *easy)
{
	CURLcode rc = CURLE_OK;

	SET(CURLOPT_NOSIGNAL, 1L); /* T18 */
	/* T20: with a resolver that hangs, giving up must not wait for it; its thread ends by itself. */
	SET(CURLOPT_QUICK_EXIT, 1L);
	SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	SET(CURLOPT_PROTOCOLS_STR, "http,https");
	SET(CURLOPT_FOLLOWLOCATION, 0L);
	SET(CURLOPT_PATH_AS_IS, 1L);
	SET(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L); /* of a proxy */
	SET(CURLOPT_CONNECTTIMEOUT_MS, CONNECT_TIMEOUT_MS);
	SET(CURLOPT_MAXAGE_CONN, IDLE_CONNECTION_S);
	SET(CURLOPT_SOCKOPTFUNCTION, on_socket);
	SET(CURLOPT_NOPROXY, s->no_proxy);
	if (s->user_agent != NULL)
		SET(CURLOPT_USERAGENT, s->user_agent);
	if (rc == CURLE_OK)
		rc = apply_trust(s, easy);
	if (rc == CURLE_OK)
		rc = apply_identity(s, easy);
	return rc;
}
