#include "support/api.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/api_internal.h"

#define PAGE 500

/* "curl/..." would make the server indent its answers (kubernetes-client.md section 15). */
#define USER_AGENT "vsock-cid-tests"

int api_open(struct api **out, const char *kubeconfig, struct error *err)
{
	struct api *api;
	int rc;

	if (kubeconfig == NULL)
		kubeconfig = getenv("KUBECONFIG");
	if (kubeconfig == NULL)
		return error_set(err, -EINVAL, "KUBECONFIG is not set");
	api = calloc(1, sizeof(*api));
	if (api == NULL)
		return error_set(err, -ENOMEM, "out of memory");
	rc = api_config_load(&api->config, kubeconfig, err);
	if (rc != 0) {
		free(api);
		return rc;
	}
	api->easy = curl_easy_init();
	if (api->easy == NULL) {
		api_close(api);
		return error_set(err, -ENOMEM, "out of memory");
	}
	*out = api;
	return 0;
}

void api_close(struct api *api)
{
	if (api == NULL)
		return;
	curl_easy_cleanup(api->easy);
	api_config_free(&api->config);
	free(api);
}

int api_set_token(struct api *api, const char *token)
{
	char *copy = NULL;

	if (token != NULL) {
		copy = strdup(token);
		if (copy == NULL)
			return -ENOMEM;
	}
	free(api->config.token);
	free(api->config.certificate);
	free(api->config.key);
	api->config.token = copy;
	api->config.certificate = NULL;
	api->config.key = NULL;
	return 0;
}

const char *api_server(const struct api *api)
{
	return api->config.server;
}

static size_t take_bytes(char *bytes, size_t size, size_t n, void *arg)
{
	struct api_transfer *t = arg;

	return buf_add(&t->in, bytes, size * n) == 0 ? size * n : 0;
}

static int add_header(struct api_transfer *t, const char *name, const char *value)
{
	AUTO_FREE char *line = NULL;
	struct curl_slist *longer;

	if (asprintf(&line, "%s: %s", name, value) < 0)
		return -ENOMEM;
	longer = curl_slist_append(t->headers, line);
	if (longer == NULL)
		return -ENOMEM;
	t->headers = longer;
	return 0;
}

static void set_blob(CURL *easy, CURLoption option, char *pem)
{
	struct curl_blob blob = {
		.data = pem, .len = pem != NULL ? strlen(pem) : 0, .flags = CURL_BLOB_NOCOPY};

	if (pem != NULL)
		curl_easy_setopt(easy, option, &blob);
}

static int set_headers(struct api_transfer *t, const struct api *api, const char *content_type)
{
	AUTO_FREE char *bearer = NULL;

	if (add_header(t, "Accept", API_JSON) != 0)
		return -ENOMEM;
	if (content_type != NULL && add_header(t, "Content-Type", content_type) != 0)
		return -ENOMEM;
	if (add_header(t, "Expect", "") != 0) /* no wait for a 100 before a large body */
		return -ENOMEM;
	if (api->config.token == NULL)
		return 0;
	if (asprintf(&bearer, "Bearer %s", api->config.token) < 0)
		return -ENOMEM;
	return add_header(t, "Authorization", bearer);
}

int api_transfer_init(struct api_transfer *t, struct api *api, CURL *easy, const char *method,
		      const char *path, const char *content_type, const char *body)
{
	AUTO_FREE char *url = NULL;
	CURLcode code;

	*t = (struct api_transfer){.easy = easy};
	buf_init(&t->in, API_BODY_MAX);
	if (body != NULL && content_type == NULL)
		content_type = API_JSON;
	if (asprintf(&url, "%s%s", api->config.server, path) < 0 || set_headers(t, api, content_type) != 0)
		return -ENOMEM;
	curl_easy_reset(easy);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, t->error);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
	curl_easy_setopt(easy, CURLOPT_USERAGENT, USER_AGENT);
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)API_TIMEOUT_MS);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_bytes);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, t);
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, t->headers);
	curl_easy_setopt(easy, CURLOPT_SSLCERTTYPE, "PEM");
	set_blob(easy, CURLOPT_CAINFO_BLOB, api->config.ca);
	set_blob(easy, CURLOPT_SSLCERT_BLOB, api->config.certificate);
	set_blob(easy, CURLOPT_SSLKEY_BLOB, api->config.key);
	code = curl_easy_setopt(easy, CURLOPT_URL, url);
	if (code == CURLE_OK && body != NULL) {
		curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(body));
		code = curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, body);
	}
	if (code == CURLE_OK)
		code = curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method);
	return code == CURLE_OK ? 0 : -ENOMEM;
}

void api_transfer_answer(struct api_transfer *t, bool want_body, struct api_answer *out)
{
	struct curl_header *header;

	*out = (struct api_answer){.retry_after = -1};
	curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &out->status);
	if (curl_easy_header(t->easy, "Retry-After", 0, CURLH_HEADER, -1, &header) == CURLHE_OK)
		out->retry_after = strtol(header->value, NULL, 10);
	if ((want_body || out->status >= 300) && t->in.len > 0)
		out->body = json_loadb(t->in.data, t->in.len, JSON_ALLOW_NUL, NULL);
}

void api_transfer_free(struct api_transfer *t)
{
	curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, NULL);
	curl_easy_setopt(t->easy, CURLOPT_ERRORBUFFER, NULL);
	curl_slist_free_all(t->headers);
	t->headers = NULL;
	buf_free(&t->in);
}

int api_request_text(struct api *api, const char *method, const char *path, const char *content_type,
		     const char *body, struct api_answer *out, struct error *err)
{
	struct api_transfer t;
	CURLcode code = CURLE_OUT_OF_MEMORY;
	int rc;

	*out = (struct api_answer){.retry_after = -1};
	rc = api_transfer_init(&t, api, api->easy, method, path, content_type, body);
	if (rc == 0)
		code = curl_easy_perform(api->easy);
	if (code == CURLE_OK)
		api_transfer_answer(&t, true, out);
	else
		rc = error_set(err, rc != 0 ? rc : -EIO, "%s %s: %s", method, path,
			       t.error[0] != '\0' ? t.error : curl_easy_strerror(code));
	api_transfer_free(&t);
	return rc;
}

int api_request(struct api *api, const char *method, const char *path, const char *content_type,
		const json_t *body, struct api_answer *out, struct error *err)
{
	AUTO_FREE char *text = NULL;

	*out = (struct api_answer){.retry_after = -1};
	if (body != NULL) {
		text = json_dumps(body, JSON_COMPACT | JSON_ENCODE_ANY);
		if (text == NULL)
			return error_set(err, -ENOMEM, "out of memory");
	}
	return api_request_text(api, method, path, content_type, text, out, err);
}

void api_answer_free(struct api_answer *answer)
{
	json_decref(answer->body);
	answer->body = NULL;
}

json_t *api_member(const json_t *object, const char *path)
{
	json_t *at = (json_t *)(uintptr_t)object; /* jansson's getters differ in constness */

	while (at != NULL && *path != '\0') {
		size_t len = strcspn(path, ".");

		if (json_is_array(at))
			at = json_array_get(at, strtoul(path, NULL, 10));
		else
			at = json_object_getn(at, path, len);
		path += len + (path[len] == '.');
	}
	return at;
}

const char *api_text(const json_t *object, const char *path)
{
	const char *text = json_string_value(api_member(object, path));

	return text != NULL ? text : "";
}

/* Adds one page to @items and puts the token of the next into *next (NULL on the last). */
static int list_page(struct api *api, const char *path, json_t *items, char **version, char **next,
		     struct error *err)
{
	AUTO_API_ANSWER struct api_answer answer;
	AUTO_FREE char *target = NULL;
	AUTO_FREE char *escaped = *next != NULL ? curl_easy_escape(api->easy, *next, 0) : NULL;
	int rc;

	if (asprintf(&target, "%s?limit=%d%s%s", path, PAGE, escaped != NULL ? "&continue=" : "",
		     escaped != NULL ? escaped : "") < 0)
		return error_set(err, -ENOMEM, "out of memory");
	rc = api_request(api, "GET", target, NULL, NULL, &answer, err);
	if (rc != 0)
		return rc;
	if (answer.status != 200 || !json_is_array(json_object_get(answer.body, "items")))
		return error_set(err, -EPROTO, "GET %s: %ld %s", target, answer.status,
				 api_text(answer.body, "message"));
	json_array_extend(items, json_object_get(answer.body, "items"));
	if (*next == NULL && version != NULL)
		*version = strdup(api_text(answer.body, "metadata.resourceVersion"));
	free(*next);
	*next = *api_text(answer.body, "metadata.continue") != '\0'
			? strdup(api_text(answer.body, "metadata.continue"))
			: NULL;
	return 0;
}

int api_list(struct api *api, const char *path, json_t **items, char **version, struct error *err)
{
	AUTO_FREE char *next = NULL;
	json_t *all = json_array();
	int rc;

	if (version != NULL)
		*version = NULL;
	do {
		rc = list_page(api, path, all, version, &next, err);
	} while (rc == 0 && next != NULL);
	if (rc != 0) {
		json_decref(all);
		if (version != NULL)
			free(STEAL_POINTER(*version));
		return rc;
	}
	*items = all;
	return 0;
}
