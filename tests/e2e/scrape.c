#include "e2e/scrape.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TIMEOUT_MS 5000L

static size_t take_bytes(char *bytes, size_t size, size_t n, void *arg)
{
	return buf_add(arg, bytes, size * n) == 0 ? size * n : 0;
}

int scrape_get(uint16_t port, const char *path, struct buf *body, struct error *err)
{
	CURL *easy = curl_easy_init();
	CURLcode code = CURLE_OUT_OF_MEMORY;
	char url[256];
	long status = 0;

	buf_reset(body);
	(void)snprintf(url, sizeof(url), "https://127.0.0.1:%u%s", (unsigned int)port, path);
	if (easy != NULL) {
		curl_easy_setopt(easy, CURLOPT_URL, url);
		curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
		curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
		curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, TIMEOUT_MS);
		curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
		curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
		curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_bytes);
		curl_easy_setopt(easy, CURLOPT_WRITEDATA, body);
		code = curl_easy_perform(easy);
		curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
		curl_easy_cleanup(easy);
	}
	if (code != CURLE_OK)
		return error_set(err, -EIO, "GET %s: %s", url, curl_easy_strerror(code));
	return (int)status;
}

/* The value behind @sample at the start of a line. */
static int find_sample(const char *text, const char *sample, double *value)
{
	size_t len = strlen(sample);

	for (const char *line = text; line != NULL && *line != '\0';) {
		if (strncmp(line, sample, len) == 0 && line[len] == ' ') {
			*value = strtod(line + len + 1, NULL);
			return 0;
		}
		line = strchr(line, '\n');
		if (line != NULL)
			line++;
	}
	return -ENOENT;
}

int scrape_metric(uint16_t port, const char *sample, double *value, struct error *err)
{
	AUTO_BUF struct buf text;
	int status;

	buf_init(&text, SCRAPE_MAX);
	status = scrape_get(port, "/metrics", &text, err);
	if (status < 0)
		return status;
	if (status != 200)
		return error_set(err, -EIO, "/metrics: %d", status);
	if (find_sample(buf_str(&text), sample, value) != 0)
		return error_set(err, -ENOENT, "/metrics has no %s", sample);
	return 0;
}
