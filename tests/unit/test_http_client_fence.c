/* The fence of the HTTP client: nothing leaves once its owner says no, whatever was queued before. */
#include <arpa/inet.h>
#include <errno.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "support/suite.h"
#include "test_http_client_probe.h"

static struct rig rig;

/* Falls by itself after so many questions, or when it is told to. */
struct fence {
	unsigned open_for;
	unsigned asked;
	unsigned refused;
};

static bool may_go_on(void *data)
{
	struct fence *f = data;
	bool yes = f->asked < f->open_for;

	f->asked++;
	f->refused += yes ? 0 : 1;
	return yes;
}

static void fall(struct fence *f)
{
	f->open_for = 0;
}

static void rig_open_fenced(struct fence *f, unsigned open_for, uint32_t max_connections,
			    fake_server_handler handler, void *data)
{
	const struct http_client_options options = {
		.max_connections = max_connections, .may_go_on = may_go_on, .may_go_on_data = f};

	*f = (struct fence){.open_for = open_for};
	rig_open_with(&rig, handler, data, &options);
}

static void assert_refused(struct probe *p)
{
	struct error err = {0};
	int before = p->done;

	ck_assert_int_eq(http_client_start(rig.client, &p->req, &err), -ESHUTDOWN);
	ck_assert_str_ne(err.message, "");
	ck_assert_int_eq(p->done, before);
}

static void answer_hello(void *data, struct fake_conn *c, const struct fake_request *r)
{
	(void)data;
	(void)r;
	fake_conn_answer(c, 200, NULL, "hello");
}

static void keep(void *data, struct fake_conn *c, const struct fake_request *r)
{
	struct fake_conn **kept = data;

	(void)r;
	*kept = c;
}

static void answer_endlessly(void *data, struct fake_conn *c, const struct fake_request *r)
{
	keep(data, c, r);
	fake_conn_begin(c, 200, NULL);
	fake_conn_chunk(c, "some");
}

START_TEST(no_request_can_be_started_behind_it)
{
	struct fence f;
	struct probe p;

	rig_open_fenced(&f, 0, 0, answer_hello, NULL);
	probe_init(&p, &rig, "/");
	assert_refused(&p);
	f.open_for = UINT32_MAX; /* a no is for ever */
	assert_refused(&p);
	loop_run_turns(&rig.loop, 50);
	ck_assert_uint_eq(f.asked, 1);
	ck_assert_int_eq(p.done, 0);
	ck_assert_uint_eq(fake_server_connections(rig.server), 0);
	probe_free(&p);
	rig_close(&rig);
}
END_TEST

START_TEST(what_was_queued_before_is_never_sent)
{
	struct probe p[3];
	struct fence f;

	rig_open_fenced(&f, UINT32_MAX, 0, answer_hello, NULL);
	for (int i = 0; i < 3; i++) {
		probe_init(&p[i], &rig, "/");
		probe_start(&p[i]);
	}
	fall(&f);
	LOOP_UNTIL(&rig.loop, http_client_pending(rig.client) == 0);
	loop_run_turns(&rig.loop, 50);
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(p[i].done, 1);
		ck_assert_int_eq(p[i].result.error, -ECANCELED);
		ck_assert(!p[i].result.sent);
		probe_free(&p[i]);
	}
	ck_assert_uint_eq(f.refused, 1);
	ck_assert_uint_eq(fake_server_connections(rig.server), 0);
	rig_close(&rig);
}
END_TEST

START_TEST(a_request_that_waits_for_a_connection_is_never_sent)
{
	struct fake_conn *kept = NULL;
	struct probe p[2];
	struct fence f;

	rig_open_fenced(&f, UINT32_MAX, 1, keep, (void *)&kept);
	for (int i = 0; i < 2; i++) {
		probe_init(&p[i], &rig, "/");
		probe_start(&p[i]);
	}
	LOOP_UNTIL(&rig.loop, fake_server_requests(rig.server) == 1);
	loop_run_turns(&rig.loop, 50);
	fall(&f);
	fake_conn_answer(kept, 200, NULL, "hello");
	LOOP_UNTIL(&rig.loop, http_client_pending(rig.client) == 0);
	LOOP_UNTIL(&rig.loop, fake_server_open_connections(rig.server) == 0);
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(p[i].done, 1);
		ck_assert_int_eq(p[i].result.error, -ECANCELED);
		ck_assert(p[i].result.sent == (i == 0));
		ck_assert_uint_eq(p[i].body.len, 0);
		probe_free(&p[i]);
	}
	ck_assert_uint_eq(fake_server_requests(rig.server), 1);
	rig_close(&rig);
}
END_TEST

static struct fence *falls_when_connected;

/* libc's, which libcurl calls when it finds itself connected; the linker prefers this one. */
int getpeername(int fd, __SOCKADDR_ARG addr, socklen_t *len)
{
	if (falls_when_connected != NULL)
		fall(falls_when_connected);
	return (int)syscall(SYS_getpeername, fd, addr.__sockaddr__, len);
}

/* As if the process stood still between the engine's question and the sending. */
START_TEST(it_may_fall_while_libcurl_works)
{
	struct fence f;
	struct probe p;

	rig_open_fenced(&f, UINT32_MAX, 0, answer_hello, NULL);
	probe_init(&p, &rig, "/");
	probe_start(&p);
	falls_when_connected = &f;
	LOOP_UNTIL(&rig.loop, p.done == 1);
	loop_run_turns(&rig.loop, 50);
	ck_assert_int_eq(p.result.error, -ECANCELED);
	ck_assert(!p.result.sent);
	ck_assert_uint_eq(f.refused, 1);
	ck_assert_uint_eq(fake_server_connections(rig.server), 1);
	ck_assert_uint_eq(fake_server_requests(rig.server), 0);
	falls_when_connected = NULL;
	probe_free(&p);
	rig_close(&rig);
}
END_TEST

START_TEST(a_watch_ends_with_what_comes_next)
{
	struct fake_conn *kept = NULL;
	struct fence f;
	struct probe p;

	rig_open_fenced(&f, UINT32_MAX, 0, answer_endlessly, (void *)&kept);
	probe_init(&p, &rig, "/");
	probe_start(&p);
	LOOP_UNTIL(&rig.loop, p.body.len == 4);
	fall(&f);
	fake_conn_chunk(kept, "more");
	LOOP_UNTIL(&rig.loop, p.done == 1);
	ck_assert_int_eq(p.result.error, -ECANCELED);
	ck_assert_str_eq(buf_str(&p.body), "some");
	LOOP_UNTIL(&rig.loop, fake_server_open_connections(rig.server) == 0);
	probe_free(&p);
	rig_close(&rig);
}
END_TEST

/* Of requests in the present engine and in one that only finishes what it has. */
START_TEST(a_refused_start_ends_what_waits_in_silence)
{
	struct fake_conn *kept = NULL;
	struct probe p[3];
	struct probe late;
	struct fence f;

	rig_open_fenced(&f, UINT32_MAX, 0, answer_endlessly, (void *)&kept);
	for (int i = 0; i < 3; i++) {
		probe_init(&p[i], &rig, "/");
		probe_start(&p[i]);
		LOOP_UNTIL(&rig.loop, p[i].body.len == 4);
		if (i == 1)
			http_client_drop_idle(rig.client);
	}
	fall(&f);
	probe_init(&late, &rig, "/");
	assert_refused(&late);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(p[i].done, 0);
	loop_run_turns(&rig.loop, 2);
	ck_assert_uint_eq(http_client_pending(rig.client), 0);
	LOOP_UNTIL(&rig.loop, fake_server_open_connections(rig.server) == 0);
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(p[i].done, 1);
		ck_assert_int_eq(p[i].result.error, -ECANCELED);
		probe_free(&p[i]);
	}
	ck_assert_int_eq(late.done, 0);
	probe_free(&late);
	rig_close(&rig);
}
END_TEST

static void start_another(struct probe *p)
{
	assert_refused(p);
}

START_TEST(on_done_cannot_start_another_one)
{
	struct fence f;
	struct probe p;

	rig_open_fenced(&f, UINT32_MAX, 0, answer_hello, NULL);
	probe_init(&p, &rig, "/");
	probe_run(&p);
	p.then = start_another;
	probe_start(&p);
	fall(&f);
	LOOP_UNTIL(&rig.loop, p.done == 2);
	ck_assert_int_eq(p.result.error, -ECANCELED);
	ck_assert_uint_eq(fake_server_requests(rig.server), 1);
	probe_free(&p);
	rig_close(&rig);
}
END_TEST

/* Whichever question is the first to be answered with no: what counts as not sent was not. */
START_TEST(it_may_fall_at_any_moment)
{
	unsigned fell = 0;
	unsigned unsent = 0;

	for (unsigned open_for = 0;; open_for++) {
		struct probe p[2];
		struct fence f;

		rig_open_fenced(&f, open_for, 0, answer_hello, NULL);
		for (int i = 0; i < 2; i++) {
			struct error err;

			probe_init(&p[i], &rig, "/");
			p[i].done = http_client_start(rig.client, &p[i].req, &err) == 0 ? 0 : 1;
			p[i].result.error = p[i].done == 0 ? 0 : -ECANCELED;
		}
		LOOP_UNTIL(&rig.loop, p[0].done == 1 && p[1].done == 1);
		loop_run_turns(&rig.loop, 50);
		ck_assert_uint_le(f.refused, 1);
		fell = f.refused;
		unsent = 0;
		for (int i = 0; i < 2; i++) {
			ck_assert(p[i].result.error == 0 || (fell == 1 && p[i].result.error == -ECANCELED));
			unsent += p[i].result.sent ? 0 : 1;
			probe_free(&p[i]);
		}
		ck_assert_uint_le(fake_server_requests(rig.server), 2 - unsent);
		rig_close(&rig);
		if (fell == 0)
			break;
		ck_assert_uint_lt(open_for, 100);
	}
	ck_assert_uint_eq(unsent, 0);
}
END_TEST

/* A server that accepts and does not read; its kernel takes little before it is read. */
static int deaf_server(char url[static 64])
{
	struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(addr);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int little = 4096;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &little, sizeof(little)), 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	ck_assert_int_eq(listen(fd, 1), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&addr, &len), 0);
	(void)snprintf(url, 64, "http://127.0.0.1:%u/", ntohs(addr.sin_port));
	return fd;
}

/* Turns the loop until the client can send no more. */
static int arrived(int fd)
{
	int before = -1;
	int now = 0;

	while (now != before) {
		before = now;
		loop_run_turns(&rig.loop, 200);
		ck_assert_int_eq(ioctl(fd, FIONREAD, &now), 0);
	}
	return now;
}

/* What the system holds for a server that does not read does not leave either: it would take effect whenever
 * the server, or the network, wakes up. */
START_TEST(what_the_system_has_not_sent_is_dropped)
{
	enum { BODY = 32 << 20 };
	static char bytes[65536];
	struct probe late;
	struct probe p;
	struct fence f;
	char url[64];
	int listener = deaf_server(url);
	int fd;
	int there;
	ssize_t n;
	ssize_t total = 0;

	rig_open_fenced(&f, UINT32_MAX, 0, NULL, NULL);
	probe_init(&p, &rig, "/");
	p.req.method = "POST";
	p.req.url = url;
	p.req.body = calloc(1, BODY);
	p.req.body_len = BODY;
	probe_start(&p);
	loop_run_turns(&rig.loop, 50);
	fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	ck_assert_int_ge(fd, 0);
	there = arrived(fd);
	ck_assert_int_gt(there, 0);
	fall(&f);
	probe_init(&late, &rig, "/");
	assert_refused(&late);
	LOOP_UNTIL(&rig.loop, p.done == 1);
	ck_assert_int_eq(p.result.error, -ECANCELED);
	ck_assert(p.result.sent);
	for (unsigned i = 0; i < 1000; i++) {
		n = read(fd, bytes, sizeof(bytes));
		total += n > 0 ? n : 0;
		ck_assert(n != -1 || errno == EAGAIN || errno == ECONNRESET);
		loop_run_turns(&rig.loop, 1);
	}
	ck_assert_int_le(total, there);
	free((void *)p.req.body);
	(void)close(fd);
	(void)close(listener);
	probe_free(&late);
	probe_free(&p);
	rig_close(&rig);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		no_request_can_be_started_behind_it,
		what_was_queued_before_is_never_sent,
		a_request_that_waits_for_a_connection_is_never_sent,
		it_may_fall_while_libcurl_works,
		a_watch_ends_with_what_comes_next,
		a_refused_start_ends_what_waits_in_silence,
		on_done_cannot_start_another_one,
		it_may_fall_at_any_moment,
		what_the_system_has_not_sent_is_dropped,
	};

	return suite_run("http_client_fence", tests, ARRAY_LEN(tests));
}
