#include "support/raw_client.h"

#include <check.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/loop.h"

static void on_readable(uv_poll_t *poll, int status, int events)
{
	struct raw_client *r = poll->data;
	char bytes[16384];
	ssize_t n = recv(r->fd, bytes, r->slow ? 1 : sizeof(bytes), MSG_DONTWAIT);
	size_t room = sizeof(r->text) - 1;

	(void)events;
	if (status != 0 || n == 0 || (n < 0 && errno != EAGAIN)) {
		r->ended = true;
		(void)uv_poll_stop(poll);
		return;
	}
	if (n < 0)
		return;
	if (r->received < room)
		memcpy(r->text + r->received, bytes,
		       (size_t)n < room - r->received ? (size_t)n : room - r->received);
	r->received += (size_t)n;
}

void raw_client_connect(uv_loop_t *loop, struct raw_client *r, uint16_t port)
{
	struct sockaddr_in peer = {.sin_family = AF_INET, .sin_port = htons(port)};

	memset(r, 0, sizeof(*r));
	peer.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	r->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_ge(r->fd, 0);
	ck_assert_int_eq(connect(r->fd, (struct sockaddr *)&peer, sizeof(peer)), 0);
	r->poll.data = r;
	ck_assert_int_eq(uv_poll_init(loop, &r->poll, r->fd), 0);
	ck_assert_int_eq(uv_poll_start(&r->poll, UV_READABLE, on_readable), 0);
}

void raw_client_send(struct raw_client *r, const char *bytes, size_t n)
{
	(void)!send(r->fd, bytes, n, MSG_NOSIGNAL);
}

void raw_client_say(struct raw_client *r, const char *text)
{
	raw_client_send(r, text, strlen(text));
}

static void on_closed(uv_handle_t *handle)
{
	struct raw_client *r = handle->data;

	(void)close(r->fd);
	r->fd = -1;
}

void raw_client_close(struct raw_client *r)
{
	uv_loop_t *loop = r->poll.loop;

	uv_close((uv_handle_t *)&r->poll, on_closed);
	LOOP_UNTIL(loop, r->fd == -1);
}
