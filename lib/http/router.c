#include "http/router.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

#define PLAIN_TEXT "text/plain; charset=utf-8"

/* Takes the content of @body. */
static enum MHD_Result answer(struct MHD_Connection *mhd, int status, struct buf *body,
			      const char *content_type, bool last)
{
	size_t length = body->len;
	char *text = buf_steal(body);
	struct MHD_Response *response;
	enum MHD_Result result;

	if (text != NULL)
		response = MHD_create_response_from_buffer(length, text, MHD_RESPMEM_MUST_FREE);
	else
		response = MHD_create_response_from_buffer(0, (void *)(uintptr_t) "", MHD_RESPMEM_PERSISTENT);
	if (response == NULL) {
		free(text);
		return MHD_NO;
	}
	result = MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, content_type);
	if (result == MHD_YES && status == MHD_HTTP_METHOD_NOT_ALLOWED)
		result = MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
	if (result == MHD_YES && last)
		result = MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
	if (result == MHD_YES)
		result = MHD_queue_response(mhd, (unsigned int)status, response);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result refuse(struct MHD_Connection *mhd, int status, const char *text, bool last)
{
	AUTO_BUF struct buf body;

	buf_init(&body, strlen(text));
	if (buf_add_str(&body, text) != 0)
		return MHD_NO;
	return answer(mhd, status, &body, PLAIN_TEXT, last);
}

bool router_has_body(struct MHD_Connection *mhd)
{
	const char *length =
		MHD_lookup_connection_value(mhd, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH);

	if (MHD_lookup_connection_value(mhd, MHD_HEADER_KIND, MHD_HTTP_HEADER_TRANSFER_ENCODING) != NULL)
		return true;
	return length != NULL && strspn(length, "0") != strlen(length);
}

enum MHD_Result router_refuse_body(struct MHD_Connection *mhd)
{
	return refuse(mhd, MHD_HTTP_CONTENT_TOO_LARGE, "413 no body is accepted\n", true);
}

static const struct http_server_route *find_route(const struct router *r, const char *path)
{
	for (size_t i = 0; i < r->route_count; i++)
		if (strcmp(r->routes[i].path, path) == 0)
			return &r->routes[i];
	return NULL;
}

enum MHD_Result router_answer(const struct router *r, struct MHD_Connection *mhd, const char *path,
			      const char *method, bool last)
{
	const struct http_server_route *route = find_route(r, path);
	const char *content_type = PLAIN_TEXT;
	AUTO_BUF struct buf body;
	int status;

	buf_init(&body, HTTP_SERVER_MAX_BODY);
	if (route == NULL)
		return refuse(mhd, MHD_HTTP_NOT_FOUND, "404 not found\n", last);
	if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
		return refuse(mhd, MHD_HTTP_METHOD_NOT_ALLOWED, "405 method not allowed\n", last);
	status = route->handler(route->data, route->path, &body, &content_type);
	assert(status >= 200 && status <= 599);
	return answer(mhd, status, &body, content_type, last);
}
