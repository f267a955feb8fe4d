/* sockets: what build/apisim can do, asked by bare sockets, so that it can be seen to be no bottleneck:
 * prebuilt requests, one at a time on each connection; answers are counted and not looked at. Plain HTTP on
 * loopback. */
#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/macros.h"
#include "bench/meter.h"
#include "bench/requests.h"
#include "bench/watch.h"
#include "support/api_config.h"

#define EXIT_USAGE      2
#define ROOM            ((size_t)256 << 10)
#define REQUEST_MAX     2048
#define CONNECTIONS_MAX 256
#define EVENTS          64
#define FIRST_CID       100000
#define VMIS            "/apis/kubevirt.io/v1/virtualmachineinstances"

static const char usage[] =
	"usage: sockets --kubeconfig FILE patch|get N   give each VMI that waits for a CID one, or read each "
	"of them,\n"
	"                                              on N connections\n"
	"       sockets --kubeconfig FILE pages LIMIT   the list of all VMIs\n"
	"       sockets --kubeconfig FILE stream        the same as a stream of events, and what changes "
	"afterwards\n"
	"Says `done COUNT BYTES SECONDS` (of the pages, COUNT is how many they were), and ends on SIGTERM.\n";

static void say_done(size_t count, size_t bytes, long long from_us)
{
	printf("done %zu %zu %.6f\n", count, bytes, (double)(meter_now_us() - from_us) / 1e6);
	fflush(stdout);
}

static int fail(const char *what)
{
	(void)fprintf(stderr, "sockets: %s: %s\n", what, strerror(errno));
	return EXIT_FAILURE;
}

static int dial(int port)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

static bool send_all(int fd, const char *text, size_t len)
{
	ssize_t n = 0;

	for (; len > 0; text += n, len -= (size_t)n) {
		n = send(fd, text, len, MSG_NOSIGNAL);
		if (n < 0)
			return false;
	}
	return true;
}

static bool send_get(int fd, const char *path)
{
	char request[REQUEST_MAX];
	int len = snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: sim\r\n\r\n", path);

	return len < (int)sizeof(request) && send_all(fd, request, (size_t)len);
}

/* ---- streams ---- */

#define TAIL 512 /* more than an end mark or a token has to its end */

static char room[TAIL + ROOM];
static size_t room_len; /* behind the tail of what came before */

/* The next bytes, at room + TAIL. Returns how many; 0 at the end. */
static size_t receive(int fd)
{
	ssize_t n;

	memmove(room, room + room_len, TAIL);
	n = recv(fd, room + TAIL, ROOM, 0);
	room_len = n > 0 ? (size_t)n : 0;
	return room_len;
}

/* Whether @text is among the last bytes that came: the last thing of all is looked for. Behind it; NULL: no.
 */
static const char *behind_last(const char *text)
{
	const char *at = memmem(room + room_len, TAIL, text, strlen(text));

	return at != NULL ? at + strlen(text) : NULL;
}

/* Reads on to the end of the initial events, or for ever. Returns the bytes. */
static size_t drain(int fd, bool to_mark)
{
	size_t bytes = 0;
	size_t n;

	while ((n = receive(fd)) > 0) {
		bytes += n;
		if (to_mark && behind_last("\"k8s.io/initial-events-end\"") != NULL)
			break;
	}
	return bytes;
}

static int run_stream(int port)
{
	long long from = meter_now_us();
	int fd = dial(port);

	if (fd < 0 || !send_get(fd, VMIS "?" WATCH_FROM_START))
		return fail("stream");
	say_done(1, drain(fd, true), from);
	(void)drain(fd, false);
	close(fd);
	return EXIT_SUCCESS;
}

/* ---- one request at a time ---- */

struct line {
	int fd;
	size_t left; /* of the answer, once its head was seen; 0: no answer is under way */
	size_t head; /* bytes of a head that is not complete */
	char text[1024];
};

/* The answer's length, from its head at @text; 0: not complete, -1: not a good answer. */
static ssize_t answer_len(const char *text, size_t len)
{
	static const char length[] = "Content-Length: ";
	const char *end = memmem(text, len, "\r\n\r\n", 4);
	const char *at;

	if (end == NULL)
		return 0;
	at = memmem(text, (size_t)(end - text), length, sizeof(length) - 1);
	if (len < 12 || memcmp(text + 9, "200", 3) != 0 || at == NULL)
		return -1;
	return (end - text) + 4 + strtol(at + sizeof(length) - 1, NULL, 10);
}

/* Takes what has come. Returns 1 where the answer is complete, 0 where not, -1 where it is no good one. */
static int take(struct line *l, size_t *bytes)
{
	size_t n = receive(l->fd);

	*bytes += n;
	if (n > 0 && l->left == 0) {
		size_t part = n < sizeof(l->text) - l->head ? n : sizeof(l->text) - l->head;
		ssize_t len;

		memcpy(l->text + l->head, room + TAIL, part);
		len = answer_len(l->text, l->head + part);
		if (len < 0 || (len == 0 && part < n))
			return -1;
		if (len == 0) {
			l->head += part;
			return 0;
		}
		l->left = (size_t)len - l->head;
		l->head = 0;
	}
	if (n == 0 || n > l->left)
		return -1;
	l->left -= n;
	return l->left == 0;
}

static bool send_request(int fd, const struct request *r, bool get)
{
	char text[REQUEST_MAX];
	int len;

	if (get)
		return send_get(fd, r->url);
	len = snprintf(text, sizeof(text),
		       "PATCH %s HTTP/1.1\r\nHost: sim\r\nContent-Type: application/json-patch+json\r\n"
		       "Content-Length: %zu\r\n\r\n%s",
		       r->url, r->body_len, r->body);
	return len < (int)sizeof(text) && send_all(fd, text, (size_t)len);
}

struct volley {
	const struct requests *requests;
	bool get;
	size_t next, done;
	size_t bytes;
};

static bool send_next(struct volley *v, struct line *l)
{
	return v->next == v->requests->len || send_request(l->fd, &v->requests->list[v->next++], v->get);
}

static int turn(struct volley *v, int epoll)
{
	struct epoll_event events[EVENTS];
	int n = epoll_wait(epoll, events, EVENTS, -1);

	for (int i = 0; i < n; i++) {
		struct line *l = events[i].data.ptr;
		int rc = take(l, &v->bytes);

		if (rc < 0)
			return fail("answer");
		v->done += rc == 1;
		if (rc == 1 && !send_next(v, l))
			return fail("send");
	}
	return n < 0 && errno != EINTR ? fail("epoll") : 0;
}

static int run_volley(struct volley *v, int port, size_t connections)
{
	static struct line lines[CONNECTIONS_MAX];
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	long long from = meter_now_us();
	int rc = 0;

	for (size_t i = 0; i < connections; i++) {
		struct epoll_event e = {.events = EPOLLIN, .data.ptr = &lines[i]};

		lines[i].fd = dial(port);
		if (lines[i].fd < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, lines[i].fd, &e) != 0 ||
		    !send_next(v, &lines[i]))
			return fail("connect");
	}
	while (rc == 0 && v->done < v->requests->len)
		rc = turn(v, epoll);
	if (rc == 0)
		say_done(v->done, v->bytes, from);
	return rc;
}

struct collector {
	struct requests requests;
	bool complete;
};

static void on_frame(void *data, const char *frame, size_t len)
{
	struct collector *c = data;
	struct frame_vmi vmi;

	c->complete = c->complete || frame_ends_initial_events(frame, len);
	frame_read_vmi(frame, len, &vmi);
	if (frame_type(frame, len) == 'A' && requests_add(&c->requests, &vmi) != 0)
		abort();
}

/* All VMIs that wait, by a stream of their own. Chunk sizes stand between frames and are no frames. */
static int collect(struct collector *c, int port)
{
	struct frame_reader frames;
	int fd = dial(port);
	size_t n = 1;

	requests_init(&c->requests, "", FIRST_CID);
	frame_reader_init(&frames, on_frame, c);
	if (fd < 0 || !send_get(fd, VMIS "?" WATCH_FROM_START))
		return fail("stream");
	while (!c->complete && n > 0) {
		n = receive(fd);
		if (frame_reader_feed(&frames, room + TAIL, n) != 0)
			n = 0;
	}
	frame_reader_free(&frames);
	close(fd);
	return c->complete ? 0 : fail("stream");
}

static int run_requests(int port, bool get, size_t connections)
{
	struct collector c = {.complete = false};
	struct volley v = {.requests = &c.requests, .get = get};
	int rc = collect(&c, port);

	if (rc == 0)
		rc = run_volley(&v, port, connections);
	requests_free(&c.requests);
	return rc;
}

/* ---- pages ---- */

/* Of the page that has just come; "" of the last one. */
static void read_token(char *token, size_t len)
{
	const char *at = behind_last("\"continue\":\"");

	(void)snprintf(token, len, "%.*s", at != NULL ? (int)strcspn(at, "\"") : 0, at != NULL ? at : "");
}

static int run_pages(int port, size_t limit)
{
	char path[REQUEST_MAX];
	char token[TAIL] = "";
	struct line l = {.fd = dial(port)};
	long long from = meter_now_us();
	size_t pages = 0;
	size_t bytes = 0;
	int rc = 1;

	do {
		(void)snprintf(path, sizeof(path), VMIS "?limit=%zu%s%s", limit,
			       token[0] != '\0' ? "&continue=" : "", token);
		if (l.fd < 0 || !send_get(l.fd, path))
			return fail("page");
		do {
			rc = take(&l, &bytes);
		} while (rc == 0);
		pages++;
		read_token(token, sizeof(token));
	} while (rc == 1 && token[0] != '\0');
	if (rc != 1)
		return fail("page");
	say_done(pages, bytes, from);
	close(l.fd);
	return EXIT_SUCCESS;
}

static void on_term(int number)
{
	(void)number;
	_exit(EXIT_SUCCESS);
}

static int run(int port, const char *what, size_t n)
{
	bool get = strcmp(what, "get") == 0;

	if ((get || strcmp(what, "patch") == 0) && n > 0 && n <= CONNECTIONS_MAX)
		return run_requests(port, get, n);
	if (strcmp(what, "pages") == 0)
		return run_pages(port, n);
	if (strcmp(what, "stream") == 0)
		return run_stream(port);
	(void)fputs(usage, stderr);
	return EXIT_USAGE;
}

int main(int argc, char **argv)
{
	struct api_config config;
	struct error err = {0};
	int port = 0;
	int rc;

	if (argc < 4 || argc > 5 || strcmp(argv[1], "--kubeconfig") != 0) {
		(void)fputs(usage, stderr);
		return EXIT_USAGE;
	}
	if (api_config_load(&config, argv[2], &err) != 0) {
		(void)fprintf(stderr, "sockets: %s\n", err.message);
		return EXIT_FAILURE;
	}
	if (sscanf(config.server, "http://127.0.0.1:%d", &port) != 1) {
		(void)fprintf(stderr, "sockets: not an apisim: %s\n", config.server);
		return EXIT_FAILURE;
	}
	api_config_free(&config);
	(void)signal(SIGTERM, on_term);
	rc = run(port, argv[3], argc == 5 ? strtoul(argv[4], NULL, 10) : 0);
	while (rc == EXIT_SUCCESS)
		pause();
	return rc;
}
