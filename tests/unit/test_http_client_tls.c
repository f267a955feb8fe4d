/* TLS of the HTTP client: whom it trusts, by which name, and who it says it is. The server is OpenSSL in a
 * thread; its answer tells what it saw of the client. */
#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/suite.h"
#include "test_http_client_pki.h"
#include "test_http_client_probe.h"

struct tls_server {
	SSL_CTX *ctx;
	pthread_t thread;
	int fd;
	uint16_t port;
	bool cut;          /* answers stop halfway, without a TLS close */
	unsigned requests; /* the thread's, until server_close() */
};

static struct rig rig;
static struct tls_server server;
static struct pki_cert ca;
static struct pki_cert stranger; /* a CA that signed nothing */
static struct pki_cert server_cert;
static struct pki_cert client_cert;
static struct pki_cert next_client_cert;

static int folders_loaded;

/* OpenSSL's; the linker prefers this one. */
int X509_STORE_load_path(X509_STORE *store, const char *path)
{
	(void)store;
	(void)path;
	folders_loaded++;
	return 1;
}

static void client_name(SSL *ssl, char *out, size_t size)
{
	X509 *cert = SSL_get1_peer_certificate(ssl);

	out[0] = '\0';
	if (cert == NULL)
		return;
	(void)X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_commonName, out, (int)size);
	X509_free(cert);
}

/* Answers requests until the client hangs up: "sni=NAME client=CN host=HOST:PORT". */
static void serve_requests(SSL *ssl)
{
	char request[8192];
	int n;

	while ((n = SSL_read(ssl, request, sizeof(request) - 1)) > 0) {
		const char *sni = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
		const char *host;
		char name[64];
		char body[512];
		char answer[1024];

		server.requests++;
		request[n] = '\0';
		host = strstr(request, "Host: ");
		client_name(ssl, name, sizeof(name));
		(void)snprintf(body, sizeof(body), "sni=%s client=%s host=%.*s", sni != NULL ? sni : "", name,
			       host != NULL ? (int)strcspn(host + 6, "\r") : 0, host != NULL ? host + 6 : "");
		n = snprintf(answer, sizeof(answer), "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s",
			     strlen(body), body);
		if (SSL_write(ssl, answer, server.cut ? n - 5 : n) <= 0 || server.cut)
			return;
	}
}

/* One connection after the other; ends when the listener is shut down. */
static void *serve(void *data)
{
	int fd;

	(void)data;
	while ((fd = accept(server.fd, NULL, NULL)) >= 0) {
		SSL *ssl = SSL_new(server.ctx);

		(void)SSL_set_fd(ssl, fd);
		if (SSL_accept(ssl) == 1) {
			serve_requests(ssl);
			if (!server.cut)
				(void)SSL_shutdown(ssl);
		}
		ERR_clear_error();
		SSL_free(ssl);
		(void)close(fd);
	}
	return NULL;
}

static void server_open(void)
{
	struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(addr);

	server.ctx = SSL_CTX_new(TLS_server_method());
	ck_assert_ptr_nonnull(server.ctx);
	ck_assert_int_eq(SSL_CTX_use_certificate(server.ctx, server_cert.cert), 1);
	ck_assert_int_eq(SSL_CTX_use_PrivateKey(server.ctx, server_cert.key), 1);
	ck_assert_int_eq(X509_STORE_add_cert(SSL_CTX_get_cert_store(server.ctx), ca.cert), 1);
	ck_assert_int_eq(SSL_CTX_set_session_id_context(server.ctx, (const unsigned char *)"t", 1), 1);
	SSL_CTX_set_verify(server.ctx, SSL_VERIFY_PEER, NULL); /* a client certificate is welcome */
	server.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_ge(server.fd, 0);
	ck_assert_int_eq(bind(server.fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	ck_assert_int_eq(listen(server.fd, 16), 0);
	ck_assert_int_eq(getsockname(server.fd, (struct sockaddr *)&addr, &len), 0);
	server.port = ntohs(addr.sin_port);
	server.cut = false;
	server.requests = 0;
	ck_assert_int_eq(pthread_create(&server.thread, NULL, serve, NULL), 0);
}

/* The client must be closed: a connection that it keeps would keep the thread. */
static void server_close(void)
{
	(void)shutdown(server.fd, SHUT_RDWR);
	ck_assert_int_eq(pthread_join(server.thread, NULL), 0);
	(void)close(server.fd);
	SSL_CTX_free(server.ctx);
}

static void setup(void)
{
	(void)signal(SIGPIPE, SIG_IGN);
	pki_make(&ca, "test CA", NULL, NULL, NULL);
	pki_make(&stranger, "another CA", NULL, NULL, NULL);
	pki_make(&server_cert, "server", "DNS:api.example,IP:127.0.0.1", &ca, NULL);
	pki_make(&client_cert, "first client", NULL, &ca, NULL);
	pki_make(&next_client_cert, "next client", NULL, &ca, NULL);
	server_open();
}

static void teardown(void)
{
	server_close();
	pki_free(&ca);
	pki_free(&stranger);
	pki_free(&server_cert);
	pki_free(&client_cert);
	pki_free(&next_client_cert);
}

static void open_client(const struct http_client_options *options)
{
	rig_open_with(&rig, NULL, NULL, options);
}

/* GET from the TLS server by @host. */
static void get(struct probe *p, const char *host)
{
	probe_init(p, &rig, "");
	(void)snprintf(p->url, sizeof(p->url), "https://%s:%u/x", host, server.port);
	probe_run(p);
}

/* One GET with @options: *p has what came of it; probe_free() it. */
static void get_with(struct probe *p, const struct http_client_options *options)
{
	open_client(options);
	get(p, "127.0.0.1");
	rig_close(&rig);
}

static void assert_seen(const struct probe *p, const char *sni, const char *client)
{
	char expected[256];

	ck_assert_msg(p->result.error == 0, "%s", p->message);
	(void)snprintf(expected, sizeof(expected), "sni=%s client=%s host=127.0.0.1:%u", sni, client,
		       server.port);
	ck_assert_str_eq(buf_str(&p->body), expected);
}

static void assert_not_trusted(const struct probe *p)
{
	ck_assert_int_eq(p->result.error, -EPROTO);
	ck_assert_int_eq(p->result.status, 0);
	ck_assert(!p->result.sent);
	ck_assert_str_ne(p->message, "");
}

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	ck_assert_ptr_nonnull(f);
	ck_assert_int_ge(fputs(text, f), 0);
	ck_assert_int_eq(fclose(f), 0);
}

START_TEST(a_server_is_trusted_by_the_ca_given_as_text_or_file)
{
	char path[] = "/tmp/http_client_ca.XXXXXX";
	struct http_client_options options = {0};
	struct probe p;

	setup();
	options.ca_pem = ca.cert_pem;
	get_with(&p, &options);
	assert_seen(&p, "", "");
	probe_free(&p);

	(void)close(mkstemp(path));
	write_file(path, ca.cert_pem);
	options = (struct http_client_options){.ca_file = path};
	get_with(&p, &options);
	assert_seen(&p, "", "");
	probe_free(&p);
	(void)unlink(path);

	options = (struct http_client_options){.insecure = true};
	get_with(&p, &options);
	assert_seen(&p, "", "");
	probe_free(&p);
	teardown();
}
END_TEST

START_TEST(a_server_that_the_ca_did_not_sign_gets_no_request)
{
	struct http_client_options table[] = {
		{0}, {0}, {.ca_file = "/nonexistent/ca.crt"}, {.ca_pem = "no PEM"}};
	struct probe p;

	setup();
	table[1].ca_pem = stranger.cert_pem;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		get_with(&p, &table[i]);
		assert_not_trusted(&p);
		probe_free(&p);
	}
	teardown();
}
END_TEST

START_TEST(a_ca_that_is_given_is_the_only_root)
{
	struct http_client_options options = {0};
	struct probe p;

	/* TRN-1: libcurl would search the system's folder besides. */
	setup();
	folders_loaded = 0;
	get_with(&p, &options);
	ck_assert_int_eq(folders_loaded, 1);
	probe_free(&p);
	options.ca_pem = stranger.cert_pem;
	get_with(&p, &options);
	ck_assert_int_eq(folders_loaded, 1);
	probe_free(&p);
	teardown();
}
END_TEST

START_TEST(a_server_of_another_name_gets_no_request)
{
	struct http_client_options options = {0};
	struct probe p;

	setup();
	options.ca_pem = ca.cert_pem;
	open_client(&options);
	get(&p, "localhost"); /* not in the certificate */
	assert_not_trusted(&p);
	probe_free(&p);
	rig_close(&rig);

	options.server_name = "other.example";
	get_with(&p, &options);
	assert_not_trusted(&p);
	probe_free(&p);
	teardown();
}
END_TEST

START_TEST(the_server_name_is_sent_and_verified_and_the_host_stays)
{
	struct http_client_options options = {0};
	struct probe p;

	/* TRN-2 */
	setup();
	options.ca_pem = ca.cert_pem;
	options.server_name = "api.example";
	open_client(&options);
	for (int i = 0; i < 3; i++) {
		get(&p, "127.0.0.1");
		assert_seen(&p, "api.example", "");
		probe_free(&p);
	}
	rig_close(&rig);
	teardown();
}
END_TEST

static void refuse_tunnel(void *data, struct fake_conn *c, const struct fake_request *r)
{
	char *seen = data;

	(void)snprintf(seen, 128, "%s %s", r->method, r->target);
	fake_conn_answer(c, 403, NULL, "no");
}

START_TEST(a_proxy_is_asked_for_the_real_address)
{
	struct http_client_options options = {0};
	char seen[128] = "";
	char expected[128];
	struct probe p;

	setup();
	open_client(&options);
	fake_server_set_handler(rig.server, refuse_tunnel, seen);
	http_client_close(rig.client, rig_on_client_closed, &rig);
	LOOP_UNTIL(&rig.loop, rig.client_closed);
	rig.client_closed = false;
	options.ca_pem = ca.cert_pem;
	options.server_name = "api.example";
	options.proxy_url = fake_server_url(rig.server);
	ck_assert_int_eq(http_client_open(&rig.client, &rig.loop, &options, NULL), 0);
	get(&p, "127.0.0.1");
	(void)snprintf(expected, sizeof(expected), "CONNECT 127.0.0.1:%u", server.port);
	ck_assert_str_eq(seen, expected);
	ck_assert_int_ne(p.result.error, 0);
	ck_assert(!p.result.sent);
	ck_assert_int_eq(p.heads, 0); /* the proxy's answer is not the server's */
	ck_assert_int_eq(p.result.status, 0);
	probe_free(&p);
	rig_close(&rig);
	teardown();
}
END_TEST

START_TEST(a_client_certificate_is_shown_as_text_or_file)
{
	char cert_path[] = "/tmp/http_client_cert.XXXXXX";
	char key_path[] = "/tmp/http_client_key.XXXXXX";
	struct http_client_options options = {0};
	struct probe p;

	setup();
	options.ca_pem = ca.cert_pem;
	options.cert_pem = client_cert.cert_pem;
	options.key_pem = client_cert.key_pem;
	get_with(&p, &options);
	assert_seen(&p, "", "first client");
	probe_free(&p);

	(void)close(mkstemp(cert_path));
	(void)close(mkstemp(key_path));
	write_file(cert_path, client_cert.cert_pem);
	write_file(key_path, client_cert.key_pem);
	options = (struct http_client_options){
		.ca_pem = ca.cert_pem, .cert_file = cert_path, .key_file = key_path};
	open_client(&options);
	get(&p, "127.0.0.1");
	assert_seen(&p, "", "first client");
	probe_free(&p);
	/* CFG-12: the next connection shows the new one, and no resumed session the old one. */
	write_file(cert_path, next_client_cert.cert_pem);
	write_file(key_path, next_client_cert.key_pem);
	http_client_drop_idle(rig.client);
	get(&p, "127.0.0.1");
	assert_seen(&p, "", "next client");
	probe_free(&p);
	rig_close(&rig);
	(void)unlink(cert_path);
	(void)unlink(key_path);
	teardown();
}
END_TEST

START_TEST(a_key_that_cannot_be_used_is_an_error_and_asks_nobody)
{
	struct http_client_options options = {0};
	struct pki_cert locked;
	struct probe p;

	setup();
	pki_make(&locked, "locked", NULL, &ca, "secret");
	options.ca_pem = ca.cert_pem;
	options.cert_pem = locked.cert_pem;
	options.key_pem = locked.key_pem;
	get_with(&p, &options);
	assert_not_trusted(&p);
	probe_free(&p);
	options.key_pem = client_cert.key_pem; /* of another certificate */
	get_with(&p, &options);
	assert_not_trusted(&p);
	probe_free(&p);
	pki_free(&locked);
	teardown();
}
END_TEST

START_TEST(an_answer_cut_within_tls_is_an_error)
{
	struct http_client_options options = {0};
	struct probe p;

	setup();
	server.cut = true;
	options.ca_pem = ca.cert_pem;
	get_with(&p, &options);
	ck_assert_msg(p.result.error == -EPIPE || p.result.error == -ECONNRESET, "%d", p.result.error);
	ck_assert(p.result.sent);
	ck_assert_int_eq(p.result.status, 200);
	probe_free(&p);
	teardown();
}
END_TEST

START_TEST(a_server_that_does_not_speak_tls_gets_no_request)
{
	struct http_client_options options = {.insecure = true};
	struct probe p;

	open_client(&options);
	fake_server_set_accept(rig.server, FAKE_ACCEPT_CLOSE);
	probe_init(&p, &rig, "/");
	(void)snprintf(p.url, sizeof(p.url), "https://127.0.0.1:%u/", fake_server_port(rig.server));
	probe_run(&p);
	ck_assert_int_ne(p.result.error, 0);
	ck_assert(!p.result.sent);
	probe_free(&p);
	rig_close(&rig);
}
END_TEST

static bool may_go_on(void *data)
{
	unsigned *left = data;

	if (*left == 0)
		return false;
	(*left)--;
	return true;
}

/* Also in the middle of a handshake. */
START_TEST(the_fence_may_fall_at_any_moment)
{
	struct probe p = {.result = {.error = -1}};

	for (unsigned open_for = 1; p.result.error != 0; open_for++) {
		struct http_client_options options = {.insecure = true, .may_go_on = may_go_on};
		unsigned left = open_for;

		ck_assert_uint_lt(open_for, 100);
		setup();
		options.may_go_on_data = &left;
		get_with(&p, &options);
		ck_assert(p.result.error == 0 || p.result.error == -ECANCELED);
		teardown();
		ck_assert_uint_le(server.requests, p.result.sent ? 1 : 0);
		probe_free(&p);
	}
	ck_assert_uint_eq(server.requests, 1);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		a_server_is_trusted_by_the_ca_given_as_text_or_file,
		a_server_that_the_ca_did_not_sign_gets_no_request,
		a_ca_that_is_given_is_the_only_root,
		a_server_of_another_name_gets_no_request,
		the_server_name_is_sent_and_verified_and_the_host_stays,
		a_proxy_is_asked_for_the_real_address,
		a_client_certificate_is_shown_as_text_or_file,
		a_key_that_cannot_be_used_is_an_error_and_asks_nobody,
		an_answer_cut_within_tls_is_an_error,
		a_server_that_does_not_speak_tls_gets_no_request,
		the_fence_may_fall_at_any_moment,
	};

	return suite_run("http_client_tls", tests, ARRAY_LEN(tests));
}
