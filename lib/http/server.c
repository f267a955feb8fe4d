#include "http/server.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <gnutls/abstract.h>
#include <microhttpd.h>

#include "base/macros.h"
#include "http/certificate_source.h"
#include "http/connections.h"
#include "http/listener.h"
#include "http/router.h"

#define DEFAULT_MAX_CONNECTIONS 64
#define DEFAULT_MAX_HANDSHAKES  16
#define DEFAULT_CONNECTION_MS   30000
#define DEFAULT_REQUEST_MS      10000
#define DEFAULT_CERT_POLL_MS    10000
#define DEFAULT_SELF_SIGNED_S   (365u * 24 * 3600)

/* Request line and headers, and the headers of the answer, live in it. */
#define REQUEST_MEMORY ((size_t)16 << 10)

/* Accepted in one turn of the loop; connections.c counts on libmicrohttpd running after so many. */
#define ACCEPTS_PER_TURN 16

/* libmicrohttpd says "call me at once" as long as it has bytes to send, but also for ever while a TLS
 * handshake waits for its peer. A timer of 0 ms would starve the loop (T4), so: a few calls in the same turn
 * while an answer is under way, then after a pause, which is longer where nobody waits for an answer. Bytes
 * that arrive end the pause, since they make the epoll descriptor readable. */
#define RUNS_PER_TURN      8
#define PAUSE_ANSWERING_MS 2
#define PAUSE_MS           20

/* How long to leave the listening socket alone when the system has no descriptor left. */
#define ACCEPT_PAUSE_MS 200

#define TLS_PRIORITIES                                                                                       \
	"NONE:+VERS-TLS1.3:+VERS-TLS1.2:+ECDHE-ECDSA:+ECDHE-RSA:+AES-128-GCM:+AES-256-GCM:"                  \
	"+CHACHA20-POLY1305:+AEAD:+GROUP-X25519:+GROUP-SECP256R1:+GROUP-SECP384R1:+SIGN-ALL:-SIGN-RSA-SHA1:" \
	"-SIGN-ECDSA-SHA1:-SIGN-DSA-SHA1:+COMP-NULL:+CTYPE-X509:%SERVER_PRECEDENCE"

struct http_server {
	uv_loop_t *loop;
	struct logger *log;
	struct router router;
	bool plain;
	int listen_fd;
	uint64_t accept_again_ms; /* 0: accepting */
	struct connections connections;
	struct certificate_source certificates; /* unused where plain */
	uint32_t cert_poll_ms;
	struct MHD_Daemon *daemon;
	uv_poll_t listening;
	uv_poll_t working; /* libmicrohttpd's epoll descriptor */
	uv_timer_t timer;
	uv_timer_t cert_timer;
	unsigned int open_handles; /* of the four above */
	bool closing;
	void (*close_cb)(void *data);
	void *close_data;
};

/* --- answers --- */

static struct connection *connection_of(struct MHD_Connection *mhd)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return info != NULL ? info->socket_context : NULL;
}

/* A client that keeps its connection is asked to leave in good time before it is thrown out. */
static bool is_old(const struct http_server *s, const struct connection *c)
{
	return uv_now(s->loop) - c->accepted_ms >= s->connections.options.connection_ms / 2;
}

/* libmicrohttpd calls it when the headers are there, and again when the request is whole. An answer that is
 * given in the first call ends the connection, which is right for requests with a body and wrong for others.
 */
static enum MHD_Result on_request(void *cls, struct MHD_Connection *mhd, const char *url, const char *method,
				  const char *version, const char *upload_data, size_t *upload_data_size,
				  void **request)
{
	struct http_server *s = cls;
	struct connection *c = connection_of(mhd);

	(void)version;
	(void)upload_data;
	if (c == NULL || *upload_data_size != 0)
		return MHD_NO;
	if (*request != NULL)
		return router_answer(&s->router, mhd, url, method, is_old(s, c));
	*request = s;
	connections_move(&s->connections, c, CONNECTION_ANSWERING);
	return router_has_body(mhd) ? router_refuse_body(mhd) : MHD_YES;
}

static void on_completed(void *cls, struct MHD_Connection *mhd, void **request,
			 enum MHD_RequestTerminationCode why)
{
	struct http_server *s = cls;
	struct connection *c = connection_of(mhd);

	(void)request;
	(void)why;
	if (c != NULL)
		connections_move(&s->connections, c, CONNECTION_IDLE);
}

/* --- connections --- */

static void on_connection(void *cls, struct MHD_Connection *mhd, void **socket_context,
			  enum MHD_ConnectionNotificationCode what)
{
	struct http_server *s = cls;
	const union MHD_ConnectionInfo *info;
	struct connection *c;

	if (what == MHD_CONNECTION_NOTIFY_CLOSED) {
		/* After the TLS session's end, so that its certificate is free now. */
		if (*socket_context != NULL)
			connections_remove(&s->connections, *socket_context);
		*socket_context = NULL;
		return;
	}
	info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
	c = connections_add(&s->connections, info->connect_fd, uv_now(s->loop));
	if (c != NULL)
		c->data = s;
	else
		(void)shutdown(info->connect_fd, SHUT_RDWR);
	*socket_context = c;
}

/* Lends the current pair to a session that begins. There is no other way to the server than through the
 * session's own pointer, which libmicrohttpd sets to the connection. */
static int on_certificate(gnutls_session_t session, const gnutls_datum_t *ca_names, int ca_count,
			  const gnutls_pk_algorithm_t *algorithms, int algorithm_count,
			  gnutls_pcert_st **chain, unsigned int *length, gnutls_privkey_t *key)
{
	struct MHD_Connection *mhd = gnutls_session_get_ptr(session);
	struct connection *c = connection_of(mhd);

	(void)ca_names;
	(void)ca_count;
	(void)algorithms;
	(void)algorithm_count;
	if (c == NULL)
		return -1;
	if (c->certificate == NULL)
		c->certificate = certificate_ref(((struct http_server *)c->data)->certificates.current);
	certificate_lend(c->certificate, chain, length, key);
	return 0;
}

/* Paths are compared as they were sent: "%00" would end a string. */
static size_t on_unescape(void *cls, struct MHD_Connection *mhd, char *text)
{
	(void)cls;
	(void)mhd;
	return strlen(text);
}

static void on_mhd_log(void *cls, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));

/* Mostly what clients did wrong, and anybody can be a client. */
static void on_mhd_log(void *cls, const char *fmt, va_list ap)
{
	struct http_server *s = cls;
	char text[256];

	(void)vsnprintf(text, sizeof(text), fmt, ap);
	text[strcspn(text, "\n")] = '\0';
	log_debug(s->log, "libmicrohttpd: %s", text);
}

/* --- the loop --- */

static void server_arm(struct http_server *s, bool busy);

static bool server_is_answering(const struct http_server *s)
{
	return s->connections.count[CONNECTION_ANSWERING] > 0;
}

static void server_run(struct http_server *s)
{
	MHD_UNSIGNED_LONG_LONG wait_ms = 0;
	bool busy = true;

	/* A handler may close the server. */
	for (int i = 0; i < RUNS_PER_TURN && busy && !s->closing && (i == 0 || server_is_answering(s)); i++) {
		(void)MHD_run(s->daemon);
		busy = MHD_get_timeout(s->daemon, &wait_ms) == MHD_YES && wait_ms == 0;
	}
	if (!s->closing)
		server_arm(s, busy);
}

static void on_timer(uv_timer_t *timer);

/* The next thing that happens without a byte arriving. */
static void server_arm(struct http_server *s, bool busy)
{
	uint64_t next_ms = connections_next_ms(&s->connections);
	uint64_t now_ms;

	uv_update_time(s->loop); /* TLS takes its time (T3) */
	now_ms = uv_now(s->loop);
	if (s->accept_again_ms != 0 && s->accept_again_ms < next_ms)
		next_ms = s->accept_again_ms;
	if (busy) {
		uint64_t pause_ms = server_is_answering(s) ? PAUSE_ANSWERING_MS : PAUSE_MS;

		if (now_ms + pause_ms < next_ms)
			next_ms = now_ms + pause_ms;
	}
	if (next_ms == UINT64_MAX)
		(void)uv_timer_stop(&s->timer);
	else
		(void)uv_timer_start(&s->timer, on_timer, next_ms > now_ms ? next_ms - now_ms : 1, 0);
}

static void on_working(uv_poll_t *poll, int status, int events)
{
	(void)status;
	(void)events;
	server_run(poll->data);
}

static void on_listening(uv_poll_t *poll, int status, int events);

static void on_timer(uv_timer_t *timer)
{
	struct http_server *s = timer->data;
	uint64_t now_ms = uv_now(s->loop);

	connections_expire(&s->connections, now_ms);
	if (s->accept_again_ms != 0 && s->accept_again_ms <= now_ms) {
		s->accept_again_ms = 0;
		(void)uv_poll_start(&s->listening, UV_READABLE, on_listening);
	}
	server_run(s);
}

static void on_cert_timer(uv_timer_t *timer)
{
	struct http_server *s = timer->data;

	certificate_source_refresh(&s->certificates);
}

/* No descriptor or memory: make room, and come back when that has had time to work. The socket would be
 * readable all the time. */
static void pause_accepting(struct http_server *s)
{
	connections_drop_one(&s->connections);
	s->accept_again_ms = uv_now(s->loop) + ACCEPT_PAUSE_MS;
	(void)uv_poll_stop(&s->listening);
}

static void on_listening(uv_poll_t *poll, int status, int events)
{
	struct http_server *s = poll->data;
	struct sockaddr_storage peer;

	(void)status;
	(void)events;
	for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
		socklen_t size = sizeof(peer);
		int fd = accept4(s->listen_fd, (struct sockaddr *)&peer, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM))
			pause_accepting(s);
		if (fd < 0)
			break;
		/* Takes the descriptor, also where it fails. */
		(void)MHD_add_connection(s->daemon, fd, (struct sockaddr *)&peer, size);
	}
	server_run(s);
}

/* --- open and close --- */

static int server_start_mhd(struct http_server *s, struct error *err)
{
	const struct MHD_OptionItem tls[] = {
		{MHD_OPTION_HTTPS_CERT_CALLBACK, 0, (void *)(uintptr_t)on_certificate},
		{MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t)TLS_PRIORITIES},
		{MHD_OPTION_END, 0, NULL},
	};
	const struct MHD_OptionItem none[] = {{MHD_OPTION_END, 0, NULL}};
	unsigned int flags = MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_USE_ERROR_LOG;

	if (!s->plain)
		flags |= MHD_USE_TLS;
	s->daemon = MHD_start_daemon(
		flags, 0, NULL, NULL, on_request, s, MHD_OPTION_EXTERNAL_LOGGER, on_mhd_log, s,
		MHD_OPTION_UNESCAPE_CALLBACK, on_unescape, NULL, MHD_OPTION_ARRAY, s->plain ? none : tls,
		MHD_OPTION_NOTIFY_CONNECTION, on_connection, s, MHD_OPTION_NOTIFY_COMPLETED, on_completed, s,
		MHD_OPTION_CONNECTION_LIMIT, (unsigned int)connections_capacity(&s->connections.options),
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, REQUEST_MEMORY, MHD_OPTION_END);
	if (s->daemon == NULL)
		return error_set(err, -EIO, "libmicrohttpd does not start");
	return 0;
}

static void server_free(struct http_server *s)
{
	connections_free(&s->connections);
	if (!s->plain)
		certificate_source_close(&s->certificates);
	(void)close(s->listen_fd);
	free(s);
}

/* libmicrohttpd goes last: it closes the descriptor that `working` looked at (T11). */
static void on_handle_closed(uv_handle_t *handle)
{
	struct http_server *s = handle->data;
	void (*cb)(void *data) = s->close_cb;
	void *data = s->close_data;

	if (--s->open_handles > 0)
		return;
	MHD_stop_daemon(s->daemon);
	server_free(s);
	if (cb != NULL)
		cb(data);
}

static void server_close_handle(struct http_server *s, uv_handle_t *handle)
{
	handle->data = s;
	uv_close(handle, on_handle_closed);
}

/* Handles are opened last, since an opened one must be closed through the loop. */
static int server_open_handles(struct http_server *s, struct error *err)
{
	const union MHD_DaemonInfo *info = MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	int rc = uv_poll_init(s->loop, &s->working, info->epoll_fd);

	if (rc != 0)
		return error_errno(err, rc, "poll");
	s->open_handles = 1;
	rc = uv_poll_init(s->loop, &s->listening, s->listen_fd);
	if (rc != 0)
		return error_errno(err, rc, "poll");
	(void)uv_timer_init(s->loop, &s->timer);
	(void)uv_timer_init(s->loop, &s->cert_timer);
	s->open_handles = 4;
	s->working.data = s->listening.data = s->timer.data = s->cert_timer.data = s;
	rc = uv_poll_start(&s->working, UV_READABLE, on_working);
	if (rc == 0)
		rc = uv_poll_start(&s->listening, UV_READABLE, on_listening);
	if (rc == 0 && !s->plain)
		rc = uv_timer_start(&s->cert_timer, on_cert_timer, s->cert_poll_ms, s->cert_poll_ms);
	return rc != 0 ? error_errno(err, rc, "poll") : 0;
}

static void close_handles(struct http_server *s)
{
	unsigned int open = s->open_handles;

	server_close_handle(s, (uv_handle_t *)&s->working);
	if (open == 1)
		return;
	server_close_handle(s, (uv_handle_t *)&s->listening);
	server_close_handle(s, (uv_handle_t *)&s->timer);
	server_close_handle(s, (uv_handle_t *)&s->cert_timer);
}

static uint32_t or_default(uint32_t value, uint32_t fallback)
{
	return value != 0 ? value : fallback;
}

static struct http_server *server_create(const struct http_server_options *options)
{
	const struct connections_options limits = {
		.max = or_default(options->max_connections, DEFAULT_MAX_CONNECTIONS),
		.max_waiting = or_default(options->max_handshakes, DEFAULT_MAX_HANDSHAKES),
		.request_ms = or_default(options->request_ms, DEFAULT_REQUEST_MS),
		.connection_ms = or_default(options->connection_ms, DEFAULT_CONNECTION_MS),
	};
	struct http_server *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->loop = options->loop;
	s->log = options->log;
	s->router = (struct router){options->routes, options->route_count};
	s->plain = options->plain;
	s->cert_poll_ms = or_default(options->cert_poll_ms, DEFAULT_CERT_POLL_MS);
	if (connections_init(&s->connections, &limits) != 0) {
		free(s);
		return NULL;
	}
	return s;
}

int http_server_open(struct http_server **out, const struct http_server_options *options, struct error *err)
{
	struct http_server *s;
	int rc;

	if (options->plain && (options->cert_file != NULL || options->key_file != NULL))
		return error_set(err, -EINVAL, "plain HTTP needs no certificate");
	s = server_create(options);
	if (s == NULL)
		return error_errno(err, -ENOMEM, "HTTP server");
	s->listen_fd = listener_open(options->listen, options->port, err);
	rc = s->listen_fd;
	if (rc < 0)
		goto err_after_create;
	rc = s->plain ? 0
		      : certificate_source_open(
				&s->certificates, s->log, options->cert_file, options->key_file,
				or_default(options->self_signed_s, DEFAULT_SELF_SIGNED_S), err);
	if (rc != 0)
		goto err_after_listen;
	rc = server_start_mhd(s, err);
	if (rc != 0)
		goto err_after_certificates;
	rc = server_open_handles(s, err);
	if (rc != 0) {
		/* UNTESTED: the loop has no memory. What is open ends through the loop, unseen. */
		if (s->open_handles > 0)
			close_handles(s);
		else
			goto err_after_mhd;
		return rc;
	}
	*out = s;
	return 0;
err_after_mhd:
	MHD_stop_daemon(s->daemon);
err_after_certificates:
	if (!s->plain)
		certificate_source_close(&s->certificates);
err_after_listen:
	(void)close(s->listen_fd);
err_after_create:
	connections_free(&s->connections);
	free(s);
	return rc;
}

uint16_t http_server_port(const struct http_server *s)
{
	return listener_port(s->listen_fd);
}

void http_server_close(struct http_server *s, void (*cb)(void *data), void *data)
{
	assert(!s->closing);
	s->closing = true;
	s->close_cb = cb;
	s->close_data = data;
	close_handles(s);
}
