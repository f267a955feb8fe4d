/* http/server.h without sockets: who wants to know asks the routes directly. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "http/server.h"
#include "sim/whole/world.h"

struct http_server {
	struct process *process;
	const struct http_server_route *routes;
	size_t route_count;
	uv_idle_t end; /* closes in the next turn, as the real one */
	void (*close_cb)(void *data);
	void *close_data;
};

int http_server_open(struct http_server **out, const struct http_server_options *options, struct error *err)
{
	struct http_server *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return error_errno(err, -ENOMEM, "probes");
	s->process = vloop_of(options->loop)->owner;
	s->routes = options->routes;
	s->route_count = options->route_count;
	s->process->probes = s;
	(void)uv_idle_init(options->loop, &s->end);
	s->end.data = s;
	*out = s;
	return 0;
}

uint16_t http_server_port(const struct http_server *s)
{
	(void)s;
	return 8443;
}

static void on_closed(uv_handle_t *handle)
{
	struct http_server *s = handle->data;
	void (*cb)(void *data) = s->close_cb;
	void *data = s->close_data;

	free(s);
	if (cb != NULL)
		cb(data);
}

void http_server_close(struct http_server *s, void (*cb)(void *data), void *data)
{
	s->process->probes = NULL;
	s->close_cb = cb;
	s->close_data = data;
	uv_close((uv_handle_t *)&s->end, on_closed);
}

int process_probe(struct process *p, const char *path, struct buf *out)
{
	const char *content_type = "";
	struct vloop *before;
	int status = 404;

	if (p->probes == NULL)
		return 0;
	before = vloop_enter(&p->loop);
	for (size_t i = 0; i < p->probes->route_count; i++) {
		const struct http_server_route *r = &p->probes->routes[i];

		if (strcmp(r->path, path) == 0)
			status = r->handler(r->data, path, out, &content_type);
	}
	vloop_leave(before);
	return status;
}
