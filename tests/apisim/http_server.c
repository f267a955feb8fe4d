#include "apisim/http_server.h"

#include <assert.h>
#include <string.h>

#define BACKLOG  1024
#define RETRY_MS 20 /* when the port is not free again yet */

static void maybe_closed(struct http_server *s)
{
	if (s->closing && s->open_handles == 0 && s->open_conns == 0)
		s->on_closed(s);
}

void http_server_conn_closed(struct http_server *s)
{
	s->open_conns--;
	maybe_closed(s);
}

static void on_connection(uv_stream_t *listener, int status)
{
	if (status == 0)
		http_conn_accept(listener->data);
}

static int listen_on(struct http_server *s, int port)
{
	struct sockaddr_in address;
	int rc;

	(void)uv_ip4_addr("127.0.0.1", port, &address);
	rc = uv_tcp_init(s->loop, &s->listener);
	if (rc != 0)
		return rc;
	s->listener.data = s;
	s->listening = true;
	s->open_handles++;
	rc = uv_tcp_bind(&s->listener, (const struct sockaddr *)&address, 0);
	if (rc == 0)
		rc = uv_listen((uv_stream_t *)&s->listener, BACKLOG, on_connection);
	return rc;
}

static void on_listener_closed(uv_handle_t *handle)
{
	struct http_server *s = handle->data;

	s->listening = false;
	s->open_handles--;
	maybe_closed(s);
}

static void stop_listening(struct http_server *s)
{
	if (s->listening && !uv_is_closing((uv_handle_t *)&s->listener))
		uv_close((uv_handle_t *)&s->listener, on_listener_closed);
}

static void on_timer_closed(uv_handle_t *handle)
{
	struct http_server *s = handle->data;

	s->open_handles--;
	maybe_closed(s);
}

int http_server_init(struct http_server *s, uv_loop_t *loop, int port, const struct http_conn_ops *ops,
		     struct error *err)
{
	struct sockaddr_in address;
	int len = sizeof(address);
	int rc;

	memset(s, 0, sizeof(*s));
	s->loop = loop;
	s->ops = ops;
	list_init(&s->conns);
	rc = listen_on(s, port);
	if (rc != 0) {
		stop_listening(s);
		return error_set(err, rc, "listen on 127.0.0.1:%d: %s", port, uv_strerror(rc));
	}
	(void)uv_tcp_getsockname(&s->listener, (struct sockaddr *)&address, &len);
	s->port = ntohs(address.sin_port);
	(void)uv_timer_init(loop, &s->resume);
	s->resume.data = s;
	s->open_handles++;
	return 0;
}

void http_server_drop_all(struct http_server *s)
{
	list_for_each_safe (it, &s->conns)
		http_conn_close(container_of(it, struct http_conn, link));
}

static void on_resume(uv_timer_t *timer)
{
	struct http_server *s = timer->data;

	if (s->closing)
		return;
	if (!s->listening && listen_on(s, s->port) == 0)
		return;
	stop_listening(s);
	(void)uv_timer_start(&s->resume, on_resume, RETRY_MS, 0);
}

void http_server_pause(struct http_server *s, uint64_t ms)
{
	stop_listening(s);
	http_server_drop_all(s);
	uv_update_time(s->loop);
	(void)uv_timer_start(&s->resume, on_resume, ms > 0 ? ms : 1, 0);
}

void http_server_end(struct http_server *s, void (*cb)(struct http_server *s))
{
	assert(!s->closing);
	s->closing = true;
	s->on_closed = cb;
	stop_listening(s);
	http_server_drop_all(s);
	uv_close((uv_handle_t *)&s->resume, on_timer_closed);
}
