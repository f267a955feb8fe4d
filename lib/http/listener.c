#include "http/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 128

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

/* Fills @out; returns its size, 0 where @text is no address. */
static socklen_t parse(const char *text, uint16_t port, union address *out)
{
	memset(out, 0, sizeof(*out));
	if (inet_pton(AF_INET, text, &out->v4.sin_addr) == 1) {
		out->v4.sin_family = AF_INET;
		out->v4.sin_port = htons(port);
		return sizeof(out->v4);
	}
	if (inet_pton(AF_INET6, text, &out->v6.sin6_addr) == 1) {
		out->v6.sin6_family = AF_INET6;
		out->v6.sin6_port = htons(port);
		return sizeof(out->v6);
	}
	return 0;
}

int listener_open(const char *address, uint16_t port, struct error *err)
{
	const int on = 1;
	const int off = 0;
	union address bound;
	socklen_t size = parse(address, port, &bound);
	int fd;
	int rc;

	if (size == 0)
		return error_set(err, -EINVAL, "listen on %s: not an IP address", address);
	fd = socket(bound.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return error_errno(err, -errno, "listen on %s port %u", address, port);
	/* A restart must not wait for the connections of the process before it. */
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bound.any.sa_family == AF_INET6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	if (bind(fd, &bound.any, size) != 0 || listen(fd, BACKLOG) != 0) {
		rc = error_errno(err, -errno, "listen on %s port %u", address, port);
		(void)close(fd);
		return rc;
	}
	return fd;
}

uint16_t listener_port(int fd)
{
	union address bound = {.any.sa_family = AF_UNSPEC};
	socklen_t size = sizeof(bound);

	if (getsockname(fd, &bound.any, &size) != 0)
		return 0;
	if (bound.any.sa_family == AF_INET)
		return ntohs(bound.v4.sin_port);
	return bound.any.sa_family == AF_INET6 ? ntohs(bound.v6.sin6_port) : 0;
}
