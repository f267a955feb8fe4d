/**
 * http_server: a small HTTPS (or plain HTTP) server for GET requests with short answers: metrics and probes.
 *
 * libmicrohttpd without threads, its epoll descriptor in the libuv loop. Bounded in every direction (I9):
 * connections in all and in TLS handshake, seconds that a connection may live, bytes of a request (16 KiB, no
 * body). Over a limit the oldest connection goes, so that nobody can lock others out by saying nothing.
 * Certificates are read again when the files change (HLT-8: polled, inotify misses symlink swaps); a pair
 * that does not parse keeps the old one. Without files a self-signed certificate (ECDSA P-256, one year) is
 * made at start. TLS 1.2 and newer; HTTP/1.1 only. Loop's thread only.
 */
#ifndef HTTP_SERVER_H
#define HTTP_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/log.h"

struct http_server;

/** Largest answer; a handler whose answer does not fit says 500. */
#define HTTP_SERVER_MAX_BODY ((size_t)8 << 20)

/** Answers GET (HEAD is served too, without the body) of one path. Fills @body, which is empty and holds at
 * most HTTP_SERVER_MAX_BODY bytes, may set *content_type (default "text/plain; charset=utf-8"; a string that
 * outlives the call); returns the HTTP status. Called from the loop; may not wait; may close the server. */
typedef int (*http_server_handler)(void *data, const char *path, struct buf *body, const char **content_type);

struct http_server_route {
	const char *path; /* exact match */
	http_server_handler handler;
	void *data;
};

struct http_server_options {
	uv_loop_t *loop;
	struct logger *log;
	const char *listen;    /* "0.0.0.0", "::" (both IPv6 and IPv4), "127.0.0.1", ... */
	uint16_t port;         /* 0: the system chooses, see http_server_port() */
	bool plain;            /* HTTP without TLS */
	const char *cert_file; /* PEM chain; NULL: self-signed */
	const char *key_file;
	const struct http_server_route *routes; /* borrowed until the close callback */
	size_t route_count;
	/* 0 = default. Tests make them small. */
	uint32_t max_connections; /* 64 */
	uint32_t max_handshakes;  /* 16 connections that have not yet sent a whole request */
	uint32_t connection_ms;   /* longest life of a connection, 30,000 */
	uint32_t request_ms;      /* from accept to a whole request, TLS handshake included, 10,000 */
	uint32_t cert_poll_ms;    /* 10,000 */
	uint32_t self_signed_s;   /* life of a certificate made here, one year; renewed in its last third */
};

/** Listens at once. Strings are copied. Returns 0, -EADDRINUSE, -EACCES, -EADDRNOTAVAIL, -EINVAL (address, or
 * certificate: does not parse, key of another one), -ENOENT (certificate file), -ENOMEM, ... with err. On
 * success *out must be given to http_server_close(). */
int http_server_open(struct http_server **out, const struct http_server_options *options, struct error *err);

uint16_t http_server_port(const struct http_server *s);

/** Ends all connections, frees everything, then calls @cb (may be NULL) from the loop. Once only. */
void http_server_close(struct http_server *s, void (*cb)(void *data), void *data);

#endif
