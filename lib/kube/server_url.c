#include "kube/server_url.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"

static void url_cleanup(CURLU **url)
{
	curl_url_cleanup(*url);
}

#define AUTO_URL __attribute__((cleanup(url_cleanup)))

static int url_code(CURLUcode code)
{
	return code == CURLUE_OUT_OF_MEMORY ? -ENOMEM : -EINVAL;
}

static bool scheme_in(const char *scheme, const char *const *known, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(scheme, known[i]) == 0)
			return true;
	return false;
}

/* Parses @text and checks that its scheme is one of @known. */
static int url_parse(CURLU *url, const char *text, const char *const *known, size_t count, struct error *err)
{
	CURLUcode code = curl_url_set(url, CURLUPART_URL, text, CURLU_NON_SUPPORT_SCHEME);
	char *scheme = NULL;
	bool good;

	if (code == CURLUE_BAD_SCHEME || strstr(text, "://") == NULL)
		return error_set(err, -EINVAL, "must begin with %s://", known[0]);
	if (code != CURLUE_OK)
		return error_set(err, url_code(code), "is not a URL (%s)", curl_url_strerror(code));
	code = curl_url_get(url, CURLUPART_SCHEME, &scheme, 0);
	if (code != CURLUE_OK)
		return error_set(err, url_code(code), "%s", curl_url_strerror(code));
	good = scheme_in(scheme, known, count);
	curl_free(scheme);
	return good ? 0 : error_set(err, -EINVAL, "must begin with %s://", known[0]);
}

static bool url_has(CURLU *url, CURLUPart part)
{
	char *text = NULL;
	bool has = curl_url_get(url, part, &text, 0) == CURLUE_OK;

	curl_free(text);
	return has;
}

int server_url_parse(char **out, const char *text, struct error *err)
{
	static const char *const known[] = {"https", "http"};
	AUTO_URL CURLU *url = curl_url();
	char *clean = NULL;
	CURLUcode code;
	size_t n;
	int rc;

	if (url == NULL)
		return error_errno(err, -ENOMEM, "URL");
	rc = url_parse(url, text, known, ARRAY_LEN(known), err);
	if (rc != 0)
		return rc;
	if (url_has(url, CURLUPART_USER)) /* "" where there is only a password */
		return error_set(err, -EINVAL, "a user or password in the URL is not supported");
	(void)curl_url_set(url, CURLUPART_QUERY, NULL, 0);
	(void)curl_url_set(url, CURLUPART_FRAGMENT, NULL, 0);
	code = curl_url_get(url, CURLUPART_URL, &clean, 0);
	if (code != CURLUE_OK)
		return error_set(err, url_code(code), "%s", curl_url_strerror(code));
	n = strlen(clean);
	while (n > 0 && clean[n - 1] == '/')
		n--;
	*out = strndup(clean, n);
	curl_free(clean);
	return *out != NULL ? 0 : error_errno(err, -ENOMEM, "URL");
}

int server_url_check_proxy(const char *text, struct error *err)
{
	static const char *const known[] = {"http", "https", "socks5", "socks5h"};
	AUTO_URL CURLU *url = curl_url();

	if (url == NULL)
		return error_errno(err, -ENOMEM, "URL");
	return url_parse(url, text, known, ARRAY_LEN(known), err);
}
