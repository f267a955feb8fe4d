#include "kube/http_transfer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "kube/http_target.h"

/* libcurl reads once each time the loop tells it that there is something. */
#define BULK_BUFFER_BYTES  131072L
#define SMALL_BUFFER_BYTES 16384L /* libcurl's default */

#define SET(option, value)                                                                                   \
	do {                                                                                                 \
		if (rc == CURLE_OK)                                                                          \
			rc = curl_easy_setopt(t->easy, option, value);                                       \
	} while (0)

uint64_t http_transfer_now_ms(void)
{
	return uv_hrtime() / 1000000;
}

static void hear(struct http_transfer *t)
{
	t->heard_ms = http_transfer_now_ms();
	t->doubted = false;
}

/* T7: the way to end a transfer from one of its own callbacks. */
static size_t stop_with(struct http_transfer *t, int verdict)
{
	t->verdict = verdict;
	return CURL_WRITEFUNC_ERROR;
}

/* libcurl repeats a request by itself when a kept connection turns out to be dead. That is fine for what only
 * reads; a write may have been done already, and whether to try again is the caller's to decide (REQ-2). */
static int on_before_send(void *data, char *remote, char *local, int remote_port, int local_port)
{
	struct http_transfer *t = data;
	bool reads = strcmp(t->req->method, "GET") == 0 || strcmp(t->req->method, "HEAD") == 0;

	(void)remote;
	(void)local;
	(void)remote_port;
	(void)local_port;
	if (!http_engine_may_go_on(t->engine)) {
		t->verdict = -ECANCELED;
		t->why = "the right to send has ended";
		return CURL_PREREQFUNC_ABORT;
	}
	if (t->sent && !reads) {
		t->verdict = -ECONNRESET;
		t->why = "the connection was lost after the request had been sent";
		return CURL_PREREQFUNC_ABORT;
	}
	t->sent = true;
	return CURL_PREREQFUNC_OK;
}

/* REQ-2: an integer, in full; an HTTP-date is ignored. */
static void read_retry_after(struct http_transfer *t, const char *value)
{
	uint64_t seconds = 0;

	if (*value == '\0')
		return;
	for (const char *p = value; *p != '\0'; p++) {
		if (*p < '0' || *p > '9')
			return;
		seconds = seconds * 10 + (uint64_t)(*p - '0');
		if (seconds > UINT32_MAX)
			return;
	}
	t->result.has_retry_after = true;
	t->result.retry_after_s = (uint32_t)seconds;
}

/* One "Name: value" line without its end. */
static void read_header(struct http_transfer *t, const char *line, size_t n)
{
	struct http_request *req = t->req;
	const char *colon = memchr(line, ':', n);
	char *copy;
	char *value;

	if (colon == NULL || (req->on_header == NULL && strncasecmp(line, "Retry-After:", 12) != 0))
		return;
	copy = strndup(line, n);
	if (copy == NULL)
		return;
	value = copy + (colon - line);
	*value++ = '\0';
	value += strspn(value, " \t");
	if (strcasecmp(copy, "Retry-After") == 0)
		read_retry_after(t, value);
	if (req->on_header != NULL)
		req->on_header(req, copy, value);
	free(copy);
}

static size_t on_header(char *line, size_t size, size_t count, void *data)
{
	struct http_transfer *t = data;
	size_t n = size * count;
	size_t len = n;
	long status = 0;
	int rc;

	hear(t);
	if (t->status != 0)
		return n; /* a trailer */
	t->head_len += n;
	if (t->head_len > HTTP_TRANSFER_HEAD_MAX) {
		t->why = "the answer's head is too long";
		return stop_with(t, -EMSGSIZE);
	}
	(void)curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
	if (status < 200)
		return n; /* 100 Continue and its like: the answer is still to come */
	while (len > 0 && strchr("\r\n \t", line[len - 1]) != NULL)
		len--;
	if (len > 0) {
		read_header(t, line, len);
		return n;
	}
	t->status = (int)status;
	rc = t->req->on_head != NULL ? t->req->on_head(t->req, t->status) : 0;
	return rc != 0 ? stop_with(t, rc) : n;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *data)
{
	struct http_transfer *t = data;
	size_t n = size * count;
	int rc;

	hear(t);
	rc = n > 0 && t->req->on_data != NULL ? t->req->on_data(t->req, bytes, n) : 0;
	return rc != 0 ? stop_with(t, rc) : n;
}

struct http_transfer *http_transfer_new(struct http_client *client, const struct http_settings *settings)
{
	struct http_transfer *t = calloc(1, sizeof(*t));
	CURLcode rc = CURLE_OK;

	if (t == NULL)
		return NULL;
	list_init(&t->link);
	t->client = client;
	t->easy = curl_easy_init();
	if (t->easy == NULL) {
		free(t);
		return NULL;
	}
	SET(CURLOPT_PRIVATE, t); /* T15 */
	SET(CURLOPT_ERRORBUFFER, t->words);
	SET(CURLOPT_HEADERFUNCTION, on_header);
	SET(CURLOPT_HEADERDATA, t);
	SET(CURLOPT_WRITEFUNCTION, on_body);
	SET(CURLOPT_WRITEDATA, t);
	SET(CURLOPT_PREREQFUNCTION, on_before_send);
	SET(CURLOPT_PREREQDATA, t);
	if (rc == CURLE_OK)
		rc = http_settings_apply(settings, t->easy);
	if (rc != CURLE_OK) {
		http_transfer_free(t);
		return NULL;
	}
	return t;
}

void http_transfer_free(struct http_transfer *t)
{
	http_transfer_unload(t);
	curl_easy_cleanup(t->easy);
	free(t);
}

static bool method_is_usable(const char *method)
{
	size_t n = strlen(method);

	return n > 0 && strspn(method, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == n;
}

/* A line break in a header would begin another one. */
static bool header_is_usable(const char *line)
{
	return strchr(line, ':') != NULL && strpbrk(line, "\r\n") == NULL;
}

static int add_line(struct http_transfer *t, const char *line, struct error *err)
{
	struct curl_slist *longer = curl_slist_append(t->headers, line);

	if (longer == NULL)
		return error_errno(err, -ENOMEM, "request headers");
	t->headers = longer;
	return 0;
}

/* The caller's lines, and what keeps libcurl from adding its own. */
static int load_headers(struct http_transfer *t, const struct http_target *target, struct error *err)
{
	struct http_request *req = t->req;
	bool typed = false;
	int rc = add_line(t, "Expect:", err);

	for (size_t i = 0; rc == 0 && req->headers != NULL && req->headers[i] != NULL; i++) {
		if (!header_is_usable(req->headers[i]))
			return error_set(err, -EINVAL, "request header %zu is malformed", i);
		typed = typed || strncasecmp(req->headers[i], "Content-Type:", 13) == 0;
		rc = add_line(t, req->headers[i], err);
	}
	if (rc == 0 && !typed)
		rc = add_line(t, "Content-Type:", err);
	if (rc == 0 && target->host != NULL)
		rc = add_line(t, target->host, err);
	return rc;
}

/* Method and body. The order matters: each of libcurl's own methods undoes the one before. */
static CURLcode load_method(struct http_transfer *t)
{
	struct http_request *req = t->req;
	bool has_body = req->body != NULL;
	CURLcode rc = CURLE_OK;

	if (has_body || strcmp(req->method, "POST") == 0) {
		SET(CURLOPT_POSTFIELDS, has_body ? req->body : ""); /* T17: not copied */
		SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)(has_body ? req->body_len : 0));
	} else if (strcmp(req->method, "HEAD") == 0) {
		SET(CURLOPT_NOBODY, 1L);
	} else {
		SET(CURLOPT_HTTPGET, 1L);
	}
	SET(CURLOPT_CUSTOMREQUEST, req->method);
	return rc;
}

static CURLcode load_options(struct http_transfer *t, const struct http_settings *settings,
			     const struct http_target *target)
{
	struct http_request *req = t->req;
	CURLcode rc = load_method(t);

	SET(CURLOPT_URL, target->url != NULL ? target->url : req->url);
	SET(CURLOPT_HTTPHEADER, t->headers);
	SET(CURLOPT_CONNECT_TO, t->connect_to);
	SET(CURLOPT_PROXY, target->tls ? settings->proxy_https : settings->proxy_http);
	SET(CURLOPT_TIMEOUT_MS, (long)req->total_timeout_ms);
	/* Refused where the handle still has the buffer of an earlier request: then that one serves. */
	(void)curl_easy_setopt(t->easy, CURLOPT_BUFFERSIZE,
			       req->bulk ? BULK_BUFFER_BYTES : SMALL_BUFFER_BYTES);
	return rc;
}

int http_transfer_load(struct http_transfer *t, const struct http_settings *settings,
		       struct http_request *req, struct error *err)
{
	struct http_target target;
	int rc;

	if (!method_is_usable(req->method))
		return error_set(err, -EINVAL, "method \"%s\"", req->method);
	rc = http_target_init(&target, req->url, settings->server_name, err);
	if (rc != 0)
		return rc;
	t->req = req;
	hear(t);
	rc = load_headers(t, &target, err);
	if (rc == 0 && target.connect_to != NULL) {
		t->connect_to = curl_slist_append(NULL, target.connect_to);
		rc = t->connect_to != NULL ? 0 : error_errno(err, -ENOMEM, "request");
	}
	if (rc == 0 && load_options(t, settings, &target) != CURLE_OK)
		rc = error_errno(err, -ENOMEM, "request");
	http_target_free(&target);
	if (rc != 0)
		http_transfer_unload(t);
	return rc;
}

void http_transfer_unload(struct http_transfer *t)
{
	/* T17: the easy handle lives on and must not keep what it borrowed. */
	(void)curl_easy_setopt(t->easy, CURLOPT_HTTPGET, 1L);
	(void)curl_easy_setopt(t->easy, CURLOPT_POSTFIELDS, NULL);
	(void)curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, NULL);
	(void)curl_easy_setopt(t->easy, CURLOPT_CONNECT_TO, NULL);
	curl_slist_free_all(t->headers);
	curl_slist_free_all(t->connect_to);
	t->headers = NULL;
	t->connect_to = NULL;
	t->req = NULL;
	t->engine = NULL;
	t->result = (struct http_result){0};
	t->words[0] = '\0';
	t->head_len = 0;
	t->verdict = 0;
	t->why = NULL;
	t->status = 0;
	t->sent = false;
}

/* The system's view of a connection that could not be made or that broke. */
static int errno_of_system(CURL *easy, int otherwise)
{
	static const int known[] = {ECONNREFUSED, ECONNRESET, ETIMEDOUT};
	long number = 0;

	(void)curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &number);
	if (number == ENETUNREACH || number == EHOSTUNREACH)
		return -EHOSTUNREACH;
	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		if (number == known[i])
			return -known[i];
	}
	return otherwise;
}

static int errno_of(CURLcode code, CURL *easy)
{
	switch (code) {
	case CURLE_OPERATION_TIMEDOUT:
		return -ETIMEDOUT;
	case CURLE_COULDNT_CONNECT:
		return errno_of_system(easy, -ECONNREFUSED);
	case CURLE_SEND_ERROR:
	case CURLE_RECV_ERROR:
		return errno_of_system(easy, -ECONNRESET);
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_RESOLVE_PROXY:
		return -EHOSTUNREACH;
	case CURLE_PARTIAL_FILE:
	case CURLE_GOT_NOTHING:
		return -EPIPE;
	case CURLE_OUT_OF_MEMORY:
		return -ENOMEM;
	case CURLE_UNSUPPORTED_PROTOCOL: /* an answer that is not HTTP/1 */
	case CURLE_WEIRD_SERVER_REPLY:
	case CURLE_BAD_CONTENT_ENCODING:
	case CURLE_WRITE_ERROR: /* not ours, so a broken body (TRN-8) */
	case CURLE_PROXY:
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CIPHER:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_ISSUER_ERROR:
	case CURLE_SSL_INVALIDCERTSTATUS:
	case CURLE_SSL_CLIENTCERT:
	case CURLE_PEER_FAILED_VERIFICATION:
		return -EPROTO;
	default:
		return -EIO;
	}
}

void http_transfer_conclude(struct http_transfer *t, CURLcode code)
{
	if (t->verdict != 0)
		http_transfer_abort(t, t->verdict, t->why != NULL ? t->why : strerror(-t->verdict));
	else if (code == CURLE_OK)
		http_transfer_abort(t, 0, "");
	else
		http_transfer_abort(t, errno_of(code, t->easy),
				    t->words[0] != '\0' ? t->words : curl_easy_strerror(code));
}

void http_transfer_abort(struct http_transfer *t, int error, const char *words)
{
	t->result.error = error;
	t->result.sent = t->sent;
	t->result.status = t->status;
	t->result.message = words;
}
