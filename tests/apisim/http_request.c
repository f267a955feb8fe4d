#include "apisim/http_request.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "apisim/must.h"

#define MAX_LINE 8192 /* of chunk sizes and trailers */

void http_request_init(struct http_request *r)
{
	*r = (struct http_request){.method = "",
				   .target = "",
				   .content_type = "",
				   .user_agent = "",
				   .authorization = "",
				   .accept = ""};
	must_buf(&r->head);
	must_buf(&r->body);
	must_buf(&r->line);
}

void http_request_free(struct http_request *r)
{
	buf_free(&r->head);
	buf_free(&r->body);
	buf_free(&r->line);
	free(r->path);
	query_free(&r->query);
}

void http_request_reset(struct http_request *r)
{
	struct http_request old = *r;

	free(r->path);
	query_free(&r->query);
	http_request_init(r);
	buf_reset(&old.head);
	r->head = old.head;
	r->line = old.line;
	buf_reset(&r->line);
	if (old.body.room > (64u << 10)) {
		buf_free(&old.body);
	} else {
		buf_reset(&old.body);
		r->body = old.body;
	}
}

static bool has_token(const char *value, const char *token)
{
	return strcasestr(value, token) != NULL;
}

/* One "Name: value" line, NUL-terminated. Returns 0 or an HTTP status. */
static int take_header(struct http_request *r, char *line, bool *chunked)
{
	char *colon = strchr(line, ':');
	char *value;
	char *end;

	if (colon == NULL || colon == line)
		return 400;
	*colon = '\0';
	value = colon + 1 + strspn(colon + 1, " \t");
	for (end = value + strlen(value); end > value && (end[-1] == ' ' || end[-1] == '\t'); end--)
		end[-1] = '\0';
	if (strcasecmp(line, "content-length") == 0) {
		unsigned long long n = strtoull(value, &end, 10);

		if (*value < '0' || *value > '9' || *end != '\0' || n > (1ull << 40))
			return 400;
		r->left = (size_t)n;
	} else if (strcasecmp(line, "transfer-encoding") == 0) {
		if (strcasecmp(value, "chunked") != 0)
			return 501;
		*chunked = true;
	} else if (strcasecmp(line, "content-type") == 0) {
		r->content_type = value;
	} else if (strcasecmp(line, "user-agent") == 0) {
		r->user_agent = value;
	} else if (strcasecmp(line, "authorization") == 0) {
		r->authorization = value;
	} else if (strcasecmp(line, "accept") == 0) {
		r->accept = value;
	} else if (strcasecmp(line, "expect") == 0) {
		r->expects_continue = has_token(value, "100-continue");
	} else if (strcasecmp(line, "connection") == 0) {
		r->keep_alive =
			has_token(value, "keep-alive") || (r->keep_alive && !has_token(value, "close"));
	}
	return 0;
}

static int take_target(struct http_request *r, char *target)
{
	char *question;
	long len;

	if (strncmp(target, "http://", 7) == 0) { /* absolute form */
		target = strchr(target + 7, '/');
		if (target == NULL)
			return 400;
	}
	if (target[0] != '/')
		return 400;
	r->target = target;
	question = strchr(target, '?');
	len = (long)(question != NULL ? (size_t)(question - target) : strlen(target));
	r->path = must_copy(target, (size_t)len);
	len = query_decode(r->path, (size_t)len, false);
	if (len < 0 || memchr(r->path, '\0', (size_t)len) != NULL)
		return 400;
	r->path[len] = '\0';
	if (question != NULL)
		query_parse(&r->query, question + 1, strlen(question + 1));
	return 0;
}

/* "GET /path HTTP/1.1" */
static int take_request_line(struct http_request *r, char *line)
{
	char *target = strchr(line, ' ');
	char *version;

	if (target == NULL || target == line)
		return 400;
	*target++ = '\0';
	version = strchr(target, ' ');
	if (version == NULL)
		return 400;
	*version++ = '\0';
	if (strncmp(version, "HTTP/1.", 7) != 0 || (version[7] != '0' && version[7] != '1') ||
	    version[8] != '\0')
		return 400;
	r->method = line;
	r->keep_alive = version[7] == '1';
	return take_target(r, target);
}

static int parse_head(struct http_request *r)
{
	char *line = r->head.data;
	bool first = true;
	bool chunked = false;

	while (*line != '\0') {
		char *end = strstr(line, "\r\n");
		int rc;

		if (end == NULL)
			return 400;
		*end = '\0';
		if (end == line)
			break;
		rc = first ? take_request_line(r, line) : take_header(r, line, &chunked);
		if (rc != 0)
			return rc;
		first = false;
		line = end + 2;
	}
	if (first)
		return 400;
	r->state = chunked ? HTTP_CHUNK_SIZE : r->left > 0 ? HTTP_BODY : HTTP_DONE;
	return 0;
}

static int feed_head(struct http_request *r, const char *data, size_t len, size_t *used)
{
	size_t before = r->head.len;
	size_t from = before > 3 ? before - 3 : 0;
	const char *end;

	if (before == 0) { /* empty lines before a request are ignored (RFC 9112 2.2) */
		while (*used < len && (data[*used] == '\r' || data[*used] == '\n'))
			(*used)++;
		if (*used == len)
			return 0;
		data += *used;
		len -= *used;
	}
	must_add(&r->head, data, len);
	if (memchr(r->head.data + before, '\0', len) != NULL) {
		const char *stop = memmem(r->head.data + from, r->head.len - from, "\r\n\r\n", 4);

		if (stop == NULL || (size_t)(stop - r->head.data) > strlen(r->head.data))
			return 400;
	}
	end = memmem(r->head.data + from, r->head.len - from, "\r\n\r\n", 4);
	if (end == NULL) {
		*used += len;
		return r->head.len > HTTP_MAX_HEAD ? 431 : 0;
	}
	*used += (size_t)(end + 4 - r->head.data) - before;
	r->head.len = (size_t)(end + 4 - r->head.data);
	r->head.data[r->head.len] = '\0';
	return parse_head(r);
}

/* Body bytes up to r->left. */
static void feed_body(struct http_request *r, const char *data, size_t len, size_t *used)
{
	size_t limit = strncmp(r->path, "/apisim/", 8) == 0 ? HTTP_MAX_ADMIN : HTTP_MAX_BODY;
	size_t n = len < r->left ? len : r->left;

	if (r->body.len + n > limit)
		r->too_large = true;
	else
		must_add(&r->body, data, n);
	r->left -= n;
	*used += n;
}

/* Collects a line of the chunked encoding. True when it is complete (without its end). */
static bool feed_line(struct http_request *r, const char *data, size_t len, size_t *used)
{
	const char *end = memchr(data, '\n', len);
	size_t n = end != NULL ? (size_t)(end - data) + 1 : len;

	must_add(&r->line, data, n);
	*used += n;
	if (end == NULL)
		return false;
	while (r->line.len > 0 &&
	       (r->line.data[r->line.len - 1] == '\n' || r->line.data[r->line.len - 1] == '\r'))
		r->line.data[--r->line.len] = '\0';
	return true;
}

static int take_chunk_size(struct http_request *r)
{
	char *end;
	unsigned long long n = strtoull(buf_str(&r->line), &end, 16);

	if (end == r->line.data || strchr("; \t", *end) == NULL || n > (1ull << 40))
		return 400;
	r->left = (size_t)n;
	r->state = n > 0 ? HTTP_CHUNK : HTTP_TRAILER;
	return 0;
}

static int feed_chunked(struct http_request *r, const char *data, size_t len, size_t *used)
{
	int rc = 0;

	if (r->state == HTTP_CHUNK) {
		feed_body(r, data, len, used);
		if (r->left == 0)
			r->state = HTTP_CHUNK_END;
		return 0;
	}
	if (!feed_line(r, data, len, used))
		return r->line.len > MAX_LINE ? 400 : 0;
	if (r->state == HTTP_CHUNK_SIZE)
		rc = take_chunk_size(r);
	else if (r->state == HTTP_CHUNK_END)
		r->state = HTTP_CHUNK_SIZE;
	else if (r->line.len == 0)
		r->state = HTTP_DONE;
	buf_reset(&r->line);
	return rc;
}

int http_request_feed(struct http_request *r, const char *data, size_t len, size_t *used)
{
	int rc = 0;

	*used = 0;
	while (rc == 0 && *used < len && r->state != HTTP_DONE) {
		if (r->state == HTTP_HEAD) {
			size_t n = 0;

			rc = feed_head(r, data + *used, len - *used, &n);
			*used += n;
		} else if (r->state == HTTP_BODY) {
			feed_body(r, data + *used, len - *used, used);
			if (r->left == 0)
				r->state = HTTP_DONE;
		} else {
			size_t n = 0;

			rc = feed_chunked(r, data + *used, len - *used, &n);
			*used += n;
		}
		if (r->state != HTTP_HEAD && r->expects_continue)
			break; /* the caller sends 100 Continue first */
	}
	return rc;
}
