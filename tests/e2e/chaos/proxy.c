/* proxy: the network between one replica and the API server, on loopback, which can be made to fail.
 *
 * What it is to do stands on its standard input, a word a line:
 *   pass   everything goes through
 *   hold   what the replica sends is kept, and goes on with the next pass, even if the
 *          replica has ended since
 *   mute   what the server sends is kept
 *   stall  both
 *   cut    all connections are reset, new ones too
 *
 * Its standard output is evidence. Times are nanoseconds since 1970, connections are numbered:
 *   port PORT                            it listens there
 *   mode TIME MODE                       from here on
 *   open TIME CONNECTION
 *   up TIME TIME CONNECTION BYTES        sent by the replica, by the kernel's stamp, and passed on then
 *   drop TIME CONNECTION BYTES           sent by the replica and never passed on
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/list.h"

#define CHUNK_MAX (64 * 1024)
/* What is kept in one direction of a connection; then its sender has to wait. */
#define KEPT_MAX (8 * 1024 * 1024)
/* A server that sees the end of a connection drops what it has not done yet. Of a replica that ended while
 * its requests were being kept, the server sees the end so much later, and TLS's own notice of it, which is
 * shorter than any request, never. */
#define LINGER_MS       5000
#define NOTICE_MAX      63
#define MAX_CONNECTIONS 128

#define NS_PER_S  INT64_C(1000000000)
#define NS_PER_MS INT64_C(1000000)

enum mode { PASS, HOLD, MUTE, STALL, CUT };
static const char *const mode_names[] = {"pass", "hold", "mute", "stall", "cut"};

struct chunk {
	struct list link;
	int64_t sent; /* by the kernel's stamp */
	size_t len;
	size_t done; /* so many were passed on */
	char bytes[];
};

/* One direction. */
struct flow {
	int from;
	int to;
	struct list chunks;
	size_t kept;
	bool ended; /* nothing more comes from there */
};

struct connection {
	struct list link;
	unsigned number;
	struct flow up;
	struct flow down;
	bool was_kept; /* something of the replica's had to wait */
	int64_t linger_until;
};

struct proxy {
	int listener;
	uint16_t server_port;
	enum mode mode;
	struct list connections;
	size_t count;
	unsigned opened;
	char command[64];
	size_t command_len;
};

static int64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

static void die(const char *what)
{
	(void)fprintf(stderr, "proxy: %s: %s\n", what, strerror(errno));
	exit(1);
}

static struct sockaddr_in loopback(uint16_t port)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static void set_option(int fd, int level, int option)
{
	int on = 1;

	if (setsockopt(fd, level, option, &on, sizeof(on)) != 0)
		die("setsockopt");
}

/* ---- connections ---- */

static void flow_init(struct flow *f, int from, int to)
{
	*f = (struct flow){.from = from, .to = to};
	list_init(&f->chunks);
}

static void flow_drop(struct flow *f)
{
	list_for_each_safe (it, &f->chunks)
		free(container_of(it, struct chunk, link));
}

static void reset_on_close(int fd)
{
	struct linger hard = {.l_onoff = 1, .l_linger = 0};

	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
}

static void connection_close(struct proxy *p, struct connection *c)
{
	if (c->up.kept > 0)
		printf("drop %lld %u %zu\n", (long long)now_ns(), c->number, c->up.kept);
	list_remove(&c->link);
	p->count--;
	(void)close(c->up.from);
	(void)close(c->up.to);
	flow_drop(&c->up);
	flow_drop(&c->down);
	free(c);
}

static int connect_to_server(const struct proxy *p)
{
	struct sockaddr_in to = loopback(p->server_port);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		die("socket");
	/* On loopback the answer is there at once. */
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0) {
		(void)close(fd);
		return -1;
	}
	if (fcntl(fd, F_SETFL, O_NONBLOCK) != 0)
		die("fcntl");
	set_option(fd, IPPROTO_TCP, TCP_NODELAY);
	return fd;
}

static void take_connection(struct proxy *p)
{
	int fd = accept4(p->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	int server = fd < 0 || p->mode == CUT || p->count == MAX_CONNECTIONS ? -1 : connect_to_server(p);
	struct connection *c;

	if (fd < 0)
		return;
	if (server < 0) {
		reset_on_close(fd);
		(void)close(fd);
		return;
	}
	c = calloc(1, sizeof(*c));
	if (c == NULL)
		die("calloc");
	set_option(fd, IPPROTO_TCP, TCP_NODELAY);
	c->number = ++p->opened;
	flow_init(&c->up, fd, server);
	flow_init(&c->down, server, fd);
	list_push_back(&p->connections, &c->link);
	p->count++;
	printf("open %lld %u\n", (long long)now_ns(), c->number);
}

/* ---- bytes ---- */

/* The kernel's stamp of the last byte; where there is none, now. */
static int64_t stamp_of(struct msghdr *message)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c != NULL; c = CMSG_NXTHDR(message, c))
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPNS) {
			struct timespec ts;

			memcpy(&ts, CMSG_DATA(c), sizeof(ts));
			return ts.tv_sec * NS_PER_S + ts.tv_nsec;
		}
	return now_ns();
}

/* False: the sender is gone. */
static bool flow_read(struct flow *f)
{
	static char bytes[CHUNK_MAX];
	char control[CMSG_SPACE(sizeof(struct timespec))];
	struct iovec into = {.iov_base = bytes, .iov_len = sizeof(bytes)};
	struct msghdr message = {
		.msg_iov = &into, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
	ssize_t n = recvmsg(f->from, &message, 0);
	struct chunk *c;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	if (n <= 0)
		return false;
	c = malloc(sizeof(*c) + (size_t)n);
	if (c == NULL)
		die("malloc");
	*c = (struct chunk){.sent = stamp_of(&message), .len = (size_t)n};
	memcpy(c->bytes, bytes, (size_t)n);
	list_push_back(&f->chunks, &c->link);
	f->kept += (size_t)n;
	return true;
}

/* False: the receiver is gone. */
static bool flow_write(struct flow *f, unsigned number, bool is_up)
{
	while (!list_empty(&f->chunks)) {
		struct chunk *c = container_of(list_first(&f->chunks), struct chunk, link);
		int64_t passed = now_ns(); /* before it can arrive */
		ssize_t n = send(f->to, c->bytes + c->done, c->len - c->done, MSG_NOSIGNAL);

		if (n < 0)
			return errno == EAGAIN || errno == EINTR;
		c->done += (size_t)n;
		f->kept -= (size_t)n;
		if (is_up)
			printf("up %lld %lld %u %zd\n", (long long)c->sent, (long long)passed, number, n);
		if (c->done < c->len)
			continue;
		list_remove(&c->link);
		free(c);
	}
	return true;
}

static bool passes_up(const struct proxy *p)
{
	return p->mode == PASS || p->mode == MUTE;
}

static bool passes_down(const struct proxy *p)
{
	return p->mode == PASS || p->mode == HOLD;
}

/* The events to wait for at the end of @in that can be read and written. */
static short events_of(const struct flow *in, const struct flow *out, bool passes_out)
{
	short events = 0;

	if (!in->ended && in->kept < KEPT_MAX)
		events |= POLLIN;
	if (passes_out && !list_empty(&out->chunks))
		events |= POLLOUT;
	return events;
}

/* The replica is gone: what it had sent is still delivered, and the server sees the end afterwards. */
static bool is_over(struct proxy *p, struct connection *c)
{
	if (c->down.ended)
		return c->down.kept == 0;
	if (!c->up.ended || c->up.kept > 0 || !passes_up(p))
		return false;
	if (c->linger_until == 0)
		c->linger_until = now_ns() + (c->was_kept ? LINGER_MS * NS_PER_MS : 0);
	return now_ns() >= c->linger_until;
}

/* The replica has ended while @c was kept. */
static void lose_notice(struct connection *c)
{
	while (!list_empty(&c->up.chunks)) {
		struct chunk *last = container_of(c->up.chunks.prev, struct chunk, link);

		if (last->len > NOTICE_MAX || last->done > 0)
			return;
		printf("drop %lld %u %zu\n", (long long)now_ns(), c->number, last->len);
		c->up.kept -= last->len;
		list_remove(&last->link);
		free(last);
	}
}

static void serve(struct proxy *p, struct connection *c, short replica, short server)
{
	if ((replica & (POLLIN | POLLHUP | POLLERR)) != 0 && !c->up.ended && c->up.kept < KEPT_MAX)
		c->up.ended = !flow_read(&c->up);
	if (c->up.ended && !passes_up(p))
		lose_notice(c);
	if ((server & (POLLIN | POLLHUP | POLLERR)) != 0 && !c->down.ended && c->down.kept < KEPT_MAX)
		c->down.ended = !flow_read(&c->down);
	if (c->up.kept > 0 && !passes_up(p))
		c->was_kept = true;
	if (passes_up(p) && !flow_write(&c->up, c->number, true))
		c->down.ended = true;
	if (c->up.ended || (passes_down(p) && !flow_write(&c->down, c->number, false))) {
		flow_drop(&c->down);
		list_init(&c->down.chunks);
		c->down.kept = 0;
		c->up.ended = true;
	}
	if (is_over(p, c))
		connection_close(p, c);
}

/* ---- commands ---- */

static void set_mode(struct proxy *p, const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(mode_names); i++) {
		if (strcmp(name, mode_names[i]) != 0)
			continue;
		p->mode = (enum mode)i;
		printf("mode %lld %s\n", (long long)now_ns(), name);
		if (p->mode == CUT)
			list_for_each_safe (it, &p->connections) {
				struct connection *c = container_of(it, struct connection, link);

				reset_on_close(c->up.from);
				reset_on_close(c->up.to);
				connection_close(p, c);
			}
		return;
	}
	(void)fprintf(stderr, "proxy: no such mode: %s\n", name);
}

static void read_commands(struct proxy *p)
{
	ssize_t n = read(STDIN_FILENO, p->command + p->command_len, sizeof(p->command) - 1 - p->command_len);
	char *end;

	if (n <= 0)
		exit(0);
	p->command_len += (size_t)n;
	p->command[p->command_len] = '\0';
	while ((end = strchr(p->command, '\n')) != NULL) {
		*end = '\0';
		set_mode(p, p->command);
		p->command_len -= (size_t)(end + 1 - p->command);
		memmove(p->command, end + 1, p->command_len + 1);
	}
	if (p->command_len == sizeof(p->command) - 1)
		p->command_len = 0;
}

/* ---- the loop ---- */

static void turn(struct proxy *p)
{
	struct pollfd fds[2 + 2 * MAX_CONNECTIONS];
	struct pollfd *next = fds + 2;
	int timeout = -1;

	fds[0] = (struct pollfd){.fd = STDIN_FILENO, .events = POLLIN};
	fds[1] = (struct pollfd){.fd = p->listener, .events = POLLIN};
	list_for_each (it, &p->connections) {
		struct connection *c = container_of(it, struct connection, link);
		short up = events_of(&c->up, &c->down, passes_down(p));

		/* Who has ended would be ready for ever. */
		*next++ = (struct pollfd){.fd = c->up.ended ? -1 : c->up.from, .events = up};
		*next++ = (struct pollfd){.fd = c->down.ended ? -1 : c->up.to,
					  .events = events_of(&c->down, &c->up, passes_up(p))};
		if (c->up.ended || c->down.ended)
			timeout = 100;
	}
	if (poll(fds, (nfds_t)(next - fds), timeout) < 0 && errno != EINTR)
		die("poll");
	next = fds + 2;
	list_for_each_safe (it, &p->connections) {
		struct connection *c = container_of(it, struct connection, link);

		serve(p, c, next[0].revents, next[1].revents);
		next += 2;
	}
	if ((fds[1].revents & POLLIN) != 0)
		take_connection(p);
	if (fds[0].revents != 0)
		read_commands(p);
}

static void listen_on_loopback(struct proxy *p)
{
	struct sockaddr_in own = loopback(0);
	socklen_t len = sizeof(own);

	p->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (p->listener < 0 || bind(p->listener, (struct sockaddr *)&own, sizeof(own)) != 0 ||
	    listen(p->listener, SOMAXCONN) != 0 ||
	    getsockname(p->listener, (struct sockaddr *)&own, &len) != 0)
		die("listen");
	set_option(p->listener, SOL_SOCKET, SO_TIMESTAMPNS); /* its connections inherit it */
	printf("port %u\n", ntohs(own.sin_port));
}

int main(int argc, char **argv)
{
	struct proxy p = {.mode = PASS};
	unsigned long port = argc == 2 ? strtoul(argv[1], NULL, 10) : 0;

	if (port == 0 || port > UINT16_MAX) {
		(void)fputs("usage: proxy SERVER-PORT <COMMANDS >EVIDENCE\n", stderr);
		return 2;
	}
	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	(void)signal(SIGPIPE, SIG_IGN);
	p.server_port = (uint16_t)port;
	list_init(&p.connections);
	listen_on_loopback(&p);
	for (;;)
		turn(&p);
}
