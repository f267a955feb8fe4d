#include "kube/client.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/macros.h"
#include "kube/token_file.h"

enum { HTTP_UNAUTHORIZED = 401 };

/* Most of a failure's body that is kept; a Status is some hundred bytes, a proxy's page may be anything. */
#define MAX_FAILURE (256u << 10)

#define WARNING_SIZE 256

struct kube_client {
	struct http_client *http;
	char *server;
	char *token;                   /* fixed; NULL: none, or token_file */
	struct token_file *token_file; /* NULL: none */
	struct logger *log;
	kube_client_observer observer;
	void *observer_data;
	char warning[WARNING_SIZE]; /* the last one that was logged */
	bool closing;
	void (*close_cb)(void *data);
	void *close_data;
};

/* A call under way: one HTTP request, or two where the first was answered by 401. */
struct attempt {
	struct http_request http;
	struct kube_client *client;
	struct kube_call *call;
	char *url;
	char *authorization; /* header line; NULL: no credentials, or a client certificate */
	char *content_type;  /* header line; NULL: no body */
	char *impersonate;   /* header line; NULL: as ourselves */
	const char *headers[5];
	struct buf body;      /* of an ordinary call's answer, or of a failure */
	uint64_t deadline_ms; /* boot clock; 0 = none */
	uint64_t sent_ns;
	bool streaming;
	bool retried;
	bool canceled;
	bool success; /* the answer's status is 2xx */
	bool cut;     /* more of a failure's body came than is kept */
};

static bool is_success(int status)
{
	return status >= 200 && status <= 299;
}

static void attempt_free(struct attempt *a)
{
	if (a == NULL)
		return;
	free(a->url);
	free(a->authorization);
	free(a->content_type);
	free(a->impersonate);
	buf_free(&a->body);
	free(a);
}

/* The bearer token of this moment, NULL where there is none. Borrowed until the next call. */
static const char *client_token(struct kube_client *c)
{
	struct error err = {0};
	const char *token;

	if (c->token_file == NULL)
		return c->token;
	token = token_file_get(c->token_file, clock_boot_ms(), NULL, &err);
	if (err.code != 0)
		log_failure(c->log, LOG_LEVEL_WARNING, &err, "the last good token stays in use");
	return token;
}

/* Sets the Authorization line from the token of this moment. *changed: it is another one than before. */
static int attempt_authorize(struct attempt *a, bool *changed)
{
	const char *token = client_token(a->client);
	char *line = NULL;

	*changed = false;
	if (token == NULL)
		return 0;
	if (asprintf(&line, "Authorization: Bearer %s", token) < 0)
		return -ENOMEM;
	*changed = a->authorization == NULL || strcmp(line, a->authorization) != 0;
	free(a->authorization);
	a->authorization = line;
	return 0;
}

static void attempt_collect_headers(struct attempt *a)
{
	size_t n = 0;

	a->headers[n++] = "Accept: application/json"; /* REQ-1 */
	if (a->authorization != NULL)
		a->headers[n++] = a->authorization;
	if (a->content_type != NULL)
		a->headers[n++] = a->content_type;
	if (a->impersonate != NULL)
		a->headers[n++] = a->impersonate;
	a->headers[n] = NULL;
}

/* What is left of the call's time, at least 1 ms; 0 = it has no end. */
static uint32_t attempt_time_left(const struct attempt *a)
{
	uint64_t now_ms = clock_boot_ms();

	if (a->deadline_ms == 0)
		return 0;
	return a->deadline_ms > now_ms ? (uint32_t)(a->deadline_ms - now_ms) : 1;
}

static int attempt_send(struct attempt *a, struct error *err)
{
	int rc;

	attempt_collect_headers(a);
	a->http.total_timeout_ms = attempt_time_left(a);
	a->sent_ns = uv_hrtime();
	rc = http_client_start(a->client->http, &a->http, err);
	if (rc == 0) {
		a->cut = false;
		buf_reset(&a->body);
	}
	return rc;
}

/* REQ-7: `299 agent "text"`. One text is not said again until another one came. */
static void on_header(struct http_request *http, const char *name, const char *value)
{
	struct attempt *a = http->data;
	struct kube_client *c = a->client;
	char text[WARNING_SIZE];
	const char *p;
	size_t n = 0;

	if (strcasecmp(name, "Warning") != 0 || strncmp(value, "299 ", 4) != 0)
		return;
	p = strchr(value, '"');
	if (p == NULL)
		return;
	for (p++; *p != '\0' && *p != '"' && n < sizeof(text) - 1; p++) {
		if (*p == '\\' && p[1] != '\0')
			p++;
		text[n++] = *p;
	}
	text[n] = '\0';
	if (n == 0 || strcmp(text, c->warning) == 0)
		return;
	memcpy(c->warning, text, n + 1);
	log_warning(c->log, "the API server warns: %s", text);
}

static int on_head(struct http_request *http, int status)
{
	struct attempt *a = http->data;

	a->success = is_success(status);
	a->body.max = a->success ? KUBE_CLIENT_MAX_ANSWER : MAX_FAILURE;
	return 0;
}

static int on_data(struct http_request *http, const char *bytes, size_t n)
{
	struct attempt *a = http->data;
	int rc;

	if (a->success && a->call->on_data != NULL)
		return a->call->on_data(a->call, bytes, n);
	rc = buf_add(&a->body, bytes, n);
	a->cut = rc == -EMSGSIZE && !a->success;
	return rc;
}

/* The end of a call: the caller may reuse or free it inside on_done. */
static void attempt_finish(struct attempt *a, const struct http_result *result)
{
	struct kube_call *call = a->call;
	struct kube_answer answer = {
		.error = a->cut ? 0 : result->error,
		.sent = result->sent,
		.status = result->status,
		.retry_after = result->has_retry_after,
		.retry_after_s = result->retry_after_s,
		.message = result->message,
		.body = buf_str(&a->body),
		.body_len = a->body.len,
	};

	if (answer.status != 0 && !is_success(answer.status))
		kube_status_parse(&answer.failure, answer.status, answer.body, answer.body_len);
	call->impl = NULL;
	call->on_done(call, &answer);
	attempt_free(a);
}

/* CFG-5: once more after a 401, if the token file holds another token than the one that was refused; with the
 * same one it would be refused again. Returns whether the request is under way. */
static bool attempt_retry(struct attempt *a)
{
	bool changed = false;

	if (a->retried || a->canceled || a->client->token_file == NULL)
		return false;
	a->retried = true;
	token_file_expire(a->client->token_file);
	return attempt_authorize(a, &changed) == 0 && changed && attempt_send(a, NULL) == 0;
}

static void on_done(struct http_request *http, const struct http_result *result)
{
	struct attempt *a = http->data;
	struct kube_client *c = a->client;

	if (c->observer != NULL)
		c->observer(c->observer_data, http->method, result->status,
			    a->streaming ? NAN : (double)(uv_hrtime() - a->sent_ns) / 1e9);
	if (result->status == HTTP_UNAUTHORIZED && result->error == 0 && attempt_retry(a))
		return;
	attempt_finish(a, result);
}

static struct attempt *attempt_new(struct kube_client *c, struct kube_call *call)
{
	const char *type = call->content_type != NULL ? call->content_type : "application/json";
	uint32_t timeout_ms = call->timeout_ms;
	struct attempt *a = calloc(1, sizeof(*a));
	bool changed;

	if (a == NULL)
		return NULL;
	a->client = c;
	a->call = call;
	a->streaming = call->on_data != NULL;
	buf_init(&a->body, MAX_FAILURE);
	if (asprintf(&a->url, "%s%s", c->server, call->path) < 0)
		a->url = NULL;
	if (call->body != NULL && asprintf(&a->content_type, "Content-Type: %s", type) < 0)
		a->content_type = NULL;
	if (call->impersonate != NULL &&
	    asprintf(&a->impersonate, "Impersonate-User: %s", call->impersonate) < 0)
		a->impersonate = NULL;
	if (a->url == NULL || (call->body != NULL && a->content_type == NULL) ||
	    (call->impersonate != NULL && a->impersonate == NULL) || attempt_authorize(a, &changed) != 0) {
		attempt_free(a);
		return NULL;
	}
	if (timeout_ms == 0 && call->on_data == NULL)
		timeout_ms = KUBE_CLIENT_TIMEOUT_MS;
	if (timeout_ms != 0)
		a->deadline_ms = clock_boot_ms() + timeout_ms;
	a->http = (struct http_request){
		.method = call->method,
		.url = a->url,
		.headers = a->headers,
		.body = call->body,
		.body_len = call->body_len,
		.idle_timeout_ms = call->idle_timeout_ms,
		.bulk = call->bulk,
		.on_header = on_header,
		.on_head = on_head,
		.on_data = on_data,
		.on_done = on_done,
		.data = a,
	};
	return a;
}

int kube_client_start(struct kube_client *c, struct kube_call *call, struct error *err)
{
	struct attempt *a;
	int rc;

	if (c->closing)
		return error_set(err, -ESHUTDOWN, "the API client is closing");
	if (call->path[0] != '/')
		return error_set(err, -EINVAL, "path \"%s\" does not begin with /", call->path);
	a = attempt_new(c, call);
	if (a == NULL)
		return error_errno(err, -ENOMEM, "%s %s", call->method, call->path);
	rc = attempt_send(a, err);
	if (rc != 0) {
		attempt_free(a);
		return rc;
	}
	call->impl = a;
	return 0;
}

void kube_call_cancel(struct kube_call *call)
{
	struct attempt *a = call->impl;

	if (a == NULL)
		return; /* not started, or done */
	a->canceled = true;
	http_request_cancel(&a->http);
}

static void client_free(struct kube_client *c)
{
	free(c->server);
	free(c->token);
	token_file_close(c->token_file);
	free(c);
}

static int client_open_credentials(struct kube_client *c, const struct kube_config *config, struct error *err)
{
	if (config->token_file != NULL) {
		int rc = token_file_open(&c->token_file, config->token_file, TOKEN_FILE_MAX_AGE_MS,
					 clock_boot_ms(), err);

		return rc != 0 ? error_wrap(err, rc, "token") : 0;
	}
	if (config->token == NULL)
		return 0;
	c->token = strdup(config->token);
	return c->token != NULL ? 0 : error_errno(err, -ENOMEM, "token");
}

static int client_open_http(struct kube_client *c, const struct kube_client_options *options,
			    struct error *err)
{
	const struct kube_config *config = options->config;
	const struct http_client_options http = {
		.ca_file = config->ca_file,
		.ca_pem = config->ca_pem,
		.cert_file = config->cert_file,
		.cert_pem = config->cert_pem,
		.key_file = config->key_file,
		.key_pem = config->key_pem,
		.insecure = config->insecure,
		.server_name = config->server_name,
		.proxy_url = config->proxy_url,
		.user_agent = options->user_agent,
		.max_connections = options->max_connections,
		.may_go_on = options->may_go_on,
		.may_go_on_data = options->may_go_on_data,
	};

	return http_client_open(&c->http, options->loop, &http, err);
}

int kube_client_open(struct kube_client **out, const struct kube_client_options *options, struct error *err)
{
	struct kube_client *c;
	int rc;

	/* To clients of other tools the server prints its answers for people, at twice the bytes. */
	if (options->user_agent == NULL || options->user_agent[0] == '\0')
		return error_set(err, -EINVAL, "the API client has no User-Agent");
	c = calloc(1, sizeof(*c));
	if (c == NULL)
		return error_errno(err, -ENOMEM, "API client");
	c->log = options->log;
	c->observer = options->observer;
	c->observer_data = options->observer_data;
	c->server = strdup(options->config->server);
	rc = c->server != NULL ? 0 : error_errno(err, -ENOMEM, "API client");
	if (rc == 0)
		rc = client_open_credentials(c, options->config, err);
	if (rc == 0)
		rc = client_open_http(c, options, err);
	if (rc != 0) {
		client_free(c);
		return rc;
	}
	*out = c;
	return 0;
}

static void on_http_closed(void *data)
{
	struct kube_client *c = data;
	void (*cb)(void *data) = c->close_cb;
	void *cb_data = c->close_data;

	client_free(c);
	cb(cb_data);
}

void kube_client_close(struct kube_client *c, void (*cb)(void *data), void *data)
{
	assert(!c->closing);
	c->closing = true;
	c->close_cb = cb;
	c->close_data = data;
	http_client_close(c->http, on_http_closed, c);
}
