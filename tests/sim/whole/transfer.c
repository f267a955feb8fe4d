/* kube/http_transfer.h and http_settings.h on the wire. */
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "apisim/must.h"
#include "apisim/tree.h"
#include "sim/whole/easy.h"
#include "sim/whole/world.h"

#undef curl_easy_getinfo

int http_settings_init(struct http_settings *out, const struct http_client_options *options,
		       struct error *err)
{
	*out = (struct http_settings){.max_connections = options->max_connections};
	out->user_agent = strdup(options->user_agent);
	return out->user_agent != NULL ? 0 : error_errno(err, -ENOMEM, "settings");
}

void http_settings_free(struct http_settings *settings)
{
	free(settings->user_agent);
}

CURLcode curl_global_init(long flags)
{
	(void)flags;
	return CURLE_OK;
}

void curl_global_cleanup(void)
{
}

/* All but what RFC 3986 calls unreserved. */
char *curl_easy_escape(CURL *curl, const char *text, int length)
{
	struct buf out;

	(void)curl;
	(void)length;
	must_buf(&out);
	for (; *text != '\0'; text++) {
		if (isalnum((unsigned char)*text) || strchr("-._~", *text) != NULL)
			must_add(&out, text, 1);
		else
			must_printf(&out, "%%%02X", (unsigned int)(unsigned char)*text);
	}
	return out.data != NULL ? buf_steal(&out) : must_copy("", 0);
}

void curl_free(void *p)
{
	free(p);
}

/* The one thing that the client asks: whose easy handle this is. */
CURLcode curl_easy_getinfo(CURL *curl, CURLINFO info, ...)
{
	struct easy *x = curl;
	struct http_transfer **out;
	va_list args;

	if (info != CURLINFO_PRIVATE)
		abort();
	va_start(args, info);
	out = va_arg(args, struct http_transfer **);
	va_end(args);
	*out = x->transfer;
	return CURLE_OK;
}

uint64_t http_transfer_now_ms(void)
{
	return uv_hrtime() / 1000000;
}

static void hear(struct http_transfer *t)
{
	t->heard_ms = http_transfer_now_ms();
	t->doubted = false;
}

struct http_transfer *http_transfer_new(struct http_client *client, const struct http_settings *settings)
{
	struct http_transfer *t = must_alloc(sizeof(*t));
	struct easy *x = must_alloc(sizeof(*x));

	list_init(&t->link);
	t->client = client;
	t->easy = x;
	list_init(&x->link);
	must_buf(&x->ear);
	x->transfer = t;
	x->user_agent = settings->user_agent;
	return t;
}

void http_transfer_free(struct http_transfer *t)
{
	buf_free(&((struct easy *)t->easy)->ear);
	free(t->easy);
	free(t);
}

int http_transfer_load(struct http_transfer *t, const struct http_settings *settings,
		       struct http_request *req, struct error *err)
{
	struct easy *x = t->easy;

	(void)settings;
	(void)err;
	t->req = req;
	x->total_ms = req->total_timeout_ms;
	x->retries = 0;
	x->asked = x->posted = x->heard = x->finished = false;
	x->error = 0;
	x->status = 0;
	buf_reset(&x->ear);
	hear(t);
	return 0;
}

void http_transfer_unload(struct http_transfer *t)
{
	t->req = NULL;
	t->engine = NULL;
	t->result = (struct http_result){0};
	t->verdict = 0;
	t->why = NULL;
	t->status = 0;
	t->sent = false;
}

void http_transfer_conclude(struct http_transfer *t, CURLcode code)
{
	const struct easy *x = t->easy;

	if (t->verdict != 0)
		http_transfer_abort(t, t->verdict, t->why != NULL ? t->why : strerror(-t->verdict));
	else if (code == CURLE_OK)
		http_transfer_abort(t, 0, "");
	else
		http_transfer_abort(t, x->error, strerror(-x->error));
}

void http_transfer_abort(struct http_transfer *t, int error, const char *words)
{
	t->result.error = error;
	t->result.sent = t->sent;
	t->result.status = t->status;
	t->result.message = words;
}

bool easy_may_send(struct easy *x)
{
	struct http_transfer *t = x->transfer;
	bool reads = strcmp(t->req->method, "GET") == 0 || strcmp(t->req->method, "HEAD") == 0;

	if (!http_engine_may_go_on(t->engine)) {
		t->verdict = -ECANCELED;
		t->why = "the right to send has ended";
	} else if (t->sent && !reads) {
		t->verdict = -ECONNRESET;
		t->why = "the connection was lost after the request had been sent";
	}
	t->sent = t->sent || t->verdict == 0;
	return t->verdict == 0;
}

const char *easy_path(const struct easy *x)
{
	const char *host = strstr(x->transfer->req->url, "://");
	const char *path = host != NULL ? strchr(host + 3, '/') : NULL;

	return path != NULL ? path : "/";
}

void easy_write(const struct easy *x, struct buf *text)
{
	const struct http_request *req = x->transfer->req;

	must_text(text, req->method);
	must_add(text, " ", 1);
	must_text(text, easy_path(x));
	must_text(text, " HTTP/1.1\r\nUser-Agent: ");
	must_text(text, x->user_agent);
	for (size_t i = 0; req->headers != NULL && req->headers[i] != NULL; i++) {
		must_text(text, "\r\n");
		must_text(text, req->headers[i]);
	}
	must_text(text, "\r\nContent-Length: ");
	must_number(text, req->body_len);
	must_text(text, "\r\n\r\n");
	must_add(text, req->body, req->body_len);
}

/* Each line begins with its CRLF. */
static void take_warnings(struct http_request *req, const struct buf *lines)
{
	const char *at = buf_str(lines);

	while (req->on_header != NULL && (at = strstr(at, "\r\nWarning: ")) != NULL) {
		const char *value = at + strlen("\r\nWarning: ");
		char *copy = strndup(value, strcspn(value, "\r"));

		if (copy == NULL)
			abort();
		req->on_header(req, "Warning", copy);
		free(copy);
		at = value;
	}
}

static bool take_head(struct http_transfer *t, const struct parcel *p)
{
	struct http_request *req = t->req;

	t->result.has_retry_after = p->retry_after_s != 0;
	t->result.retry_after_s = p->retry_after_s;
	take_warnings(req, &p->warnings);
	t->status = p->status;
	if (req->on_head != NULL)
		t->verdict = req->on_head(req, p->status);
	return t->verdict == 0;
}

/* True for a frame whose line end has not come, and may never come: who reads by value (WCH-1) has it all. */
static bool is_frame(const char *text, size_t len)
{
	struct tree t;
	bool whole;

	if (len == 0 || text[len - 1] != '}')
		return false;
	tree_init(&t);
	whole = tree_parse(&t, text, len) != NULL;
	tree_free(&t);
	return whole;
}

/* Each line is an event. */
static void overhear_lines(struct easy *x, struct process *p)
{
	const char *text = x->ear.data;
	const char *end;
	size_t at = 0;

	while ((end = memchr(text + at, '\n', x->ear.len - at)) != NULL) {
		if (end > text + at)
			auditor_heard(p, &x->letter, text + at, (size_t)(end - text) - at);
		at = (size_t)(end - text) + 1;
	}
	if (is_frame(text + at, x->ear.len - at)) {
		auditor_heard(p, &x->letter, text + at, x->ear.len - at);
		at = x->ear.len;
	}
	x->ear.len -= at;
	memmove(x->ear.data, text + at, x->ear.len + 1); /* with its NUL */
}

void easy_overhear(struct easy *x, struct process *p, const struct parcel *piece)
{
	const struct letter *letter = &x->letter;

	if (p->dead || piece->bytes.len == 0 ||
	    !(letter->shows_vmis || letter->shows_vmi || letter->shows_lease || letter->streams))
		return;
	must_add(&x->ear, piece->bytes.data, piece->bytes.len);
	if (x->letter.watches)
		overhear_lines(x, p);
	else if (piece->last)
		auditor_heard(p, &x->letter, x->ear.data, x->ear.len);
}

bool easy_take(struct easy *x, const struct parcel *p)
{
	struct http_transfer *t = x->transfer;
	struct http_request *req = t->req;

	x->heard = true;
	hear(t);
	if (p->first && !take_head(t, p))
		return false;
	if (p->bytes.len > 0 && req->on_data != NULL)
		t->verdict = req->on_data(req, p->bytes.data, p->bytes.len);
	return t->verdict == 0;
}
