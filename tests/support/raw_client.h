/**
 * raw_client: a TCP connection to a server in the test's own loop that says what the test likes, when it
 * likes. Failures of its own end the test.
 */
#ifndef SUPPORT_RAW_CLIENT_H
#define SUPPORT_RAW_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

struct raw_client {
	int fd;
	uv_poll_t poll;
	bool slow;       /* set by the test: read one byte in each turn of the loop */
	bool ended;      /* the server has ended the connection */
	size_t received; /* bytes */
	char text[4096]; /* the beginning of what came, NUL-terminated */
};

/** Connects to 127.0.0.1. The kernel accepts: the server need not have seen it when this returns. @r stays
 * where it is until raw_client_close() returns. */
void raw_client_connect(uv_loop_t *loop, struct raw_client *r, uint16_t port);

/** What the peer does not take any more is dropped. */
void raw_client_send(struct raw_client *r, const char *bytes, size_t n);
void raw_client_say(struct raw_client *r, const char *text);

/** Turns the loop until its handle is closed. */
void raw_client_close(struct raw_client *r);

#endif
