#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "http/certificate_source.h"
#include "http/self_signed.h"
#include "support/fetch.h"
#include "support/loop.h"
#include "support/suite.h"
#include "support/test_server.h"

#define HOUR 3600

struct pair {
	struct buf cert;
	struct buf key;
};

static struct test_server t;
static char folder[32];
static char cert_path[64];
static char key_path[64];
static char log_text[65536];

/* --- files as Kubernetes lays them out: ..data is a link to the folder of the day --- */

static void given_folder(void)
{
	(void)snprintf(folder, sizeof(folder), "/tmp/test-tls-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	(void)snprintf(cert_path, sizeof(cert_path), "%s/..data/tls.crt", folder);
	(void)snprintf(key_path, sizeof(key_path), "%s/..data/tls.key", folder);
}

static void remove_folder(void)
{
	char command[128];

	(void)snprintf(command, sizeof(command), "rm -rf %s", folder);
	ck_assert_int_eq(system(command), 0);
}

static void write_file(const char *day, const char *name, const char *text)
{
	char path[128];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%s/%s", folder, day, name);
	f = fopen(path, "we");
	ck_assert_ptr_nonnull(f);
	ck_assert_int_ge(fputs(text, f), 0);
	ck_assert_int_eq(fclose(f), 0);
}

static void make_pair(struct pair *p)
{
	buf_init(&p->cert, 8192);
	buf_init(&p->key, 8192);
	ck_assert_int_eq(self_signed_make(&p->cert, &p->key, HOUR, NULL), 0);
}

static void free_pair(struct pair *p)
{
	buf_free(&p->cert);
	buf_free(&p->key);
}

/* Writes both into the folder @day and makes ..data point there in one step. */
static void install(const char *day, const char *cert, const char *key)
{
	char path[128];
	char link[128];

	(void)snprintf(path, sizeof(path), "%s/%s", folder, day);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	write_file(day, "tls.crt", cert);
	write_file(day, "tls.key", key);
	(void)snprintf(path, sizeof(path), "%s/..data_tmp", folder);
	(void)snprintf(link, sizeof(link), "%s/..data", folder);
	ck_assert_int_eq(symlink(day, path), 0);
	ck_assert_int_eq(rename(path, link), 0);
}

static void given_tls(void)
{
	test_server_init(&t);
	t.options.plain = false;
	t.options.cert_poll_ms = 10;
}

static void given_tls_with_files(void)
{
	given_tls();
	t.options.cert_file = cert_path;
	t.options.key_file = key_path;
}

static void given_log(void)
{
	t.log.fd = memfd_create("log", MFD_CLOEXEC);
	t.log.level = LOG_LEVEL_INFO;
	ck_assert_int_ge(t.log.fd, 0);
}

static const char *logged(void)
{
	ssize_t n = pread(t.log.fd, log_text, sizeof(log_text) - 1, 0);

	ck_assert_int_ge(n, 0);
	log_text[n] = '\0';
	return log_text;
}

static size_t count_logged(const char *words)
{
	size_t n = 0;

	for (const char *at = strstr(logged(), words); at != NULL; at = strstr(at + 1, words))
		n++;
	return n;
}

/* Does a new connection get a certificate that @pem verifies? */
static bool is_served(const char *pem)
{
	struct fetch f = {.ca_pem = pem};
	bool served;

	f.url = test_server_url(&t, "/hello");
	fetch_run(&t.loop, &f);
	ck_assert(f.result == CURLE_OK || f.result == CURLE_PEER_FAILED_VERIFICATION);
	served = f.result == CURLE_OK;
	fetch_free(&f);
	return served;
}

static void wait_until_served(const char *pem)
{
	while (!is_served(pem))
		loop_run_turns(&t.loop, 1);
}

/* --- certificates --- */

START_TEST(without_files_a_certificate_for_this_host_is_made)
{
	struct fetch any = {0};
	struct fetch verified = {0};
	char url[64];

	given_tls();
	given_log();
	test_server_open(&t);
	any.url = test_server_url(&t, "/hello");
	fetch_run(&t.loop, &any);
	ck_assert_int_eq(any.result, CURLE_OK);
	verified.ca_pem = buf_str(&any.certificate);
	verified.url = any.url;
	fetch_run(&t.loop, &verified);
	ck_assert_int_eq(verified.result, CURLE_OK);
	(void)snprintf(url, sizeof(url), "https://localhost:%u/hello", test_server_port(&t));
	verified.url = url;
	fetch_run(&t.loop, &verified);
	ck_assert_int_eq(verified.result, CURLE_OK);
	ck_assert_ptr_nonnull(strstr(logged(), "SHA-256 fingerprint "));
	ck_assert_int_eq(strstr(logged(), "SHA-256 fingerprint ")[strlen("SHA-256 fingerprint ") + 2], ':');
	fetch_free(&any);
	fetch_free(&verified);
	test_server_done(&t);
	close(t.log.fd);
}
END_TEST

START_TEST(a_certificate_made_here_is_renewed_in_time)
{
	struct fetch f = {0};
	AUTO_BUF struct buf first;

	given_tls();
	t.options.self_signed_s = 2;
	test_server_open(&t);
	f.url = test_server_url(&t, "/hello");
	fetch_run(&t.loop, &f);
	buf_init(&first, 8192);
	ck_assert_int_eq(buf_add_str(&first, buf_str(&f.certificate)), 0);
	while (strcmp(buf_str(&first), buf_str(&f.certificate)) == 0) {
		fetch_free(&f);
		fetch_run(&t.loop, &f);
		ck_assert_int_eq(f.result, CURLE_OK);
	}
	fetch_free(&f);
	test_server_done(&t);
}
END_TEST

START_TEST(a_certificate_swapped_by_symlink_is_served_to_new_connections)
{
	struct pair a;
	struct pair b;
	struct fetch kept = {0};

	given_folder();
	make_pair(&a);
	make_pair(&b);
	install("monday", buf_str(&a.cert), buf_str(&a.key));
	given_tls_with_files();
	test_server_open(&t);
	ck_assert(is_served(buf_str(&a.cert)));
	ck_assert(!is_served(buf_str(&b.cert)));
	kept.url = test_server_url(&t, "/hello");
	fetch_run(&t.loop, &kept);
	install("tuesday", buf_str(&b.cert), buf_str(&b.key));
	wait_until_served(buf_str(&b.cert));
	ck_assert(!is_served(buf_str(&a.cert)));
	/* The session that began with the old one lives on. */
	fetch_run(&t.loop, &kept);
	ck_assert_int_eq(kept.result, CURLE_OK);
	ck_assert_int_eq(kept.connects, 0);
	fetch_free(&kept);
	test_server_done(&t);
	free_pair(&a);
	free_pair(&b);
	remove_folder();
}
END_TEST

START_TEST(a_broken_new_certificate_keeps_the_old_one)
{
	struct pair a;
	struct pair b;

	given_folder();
	make_pair(&a);
	make_pair(&b);
	install("monday", buf_str(&a.cert), buf_str(&a.key));
	given_tls_with_files();
	given_log();
	test_server_open(&t);
	install("garbage", "not a certificate", buf_str(&b.key));
	LOOP_UNTIL(&t.loop, count_logged("the old one stays") > 0);
	ck_assert(is_served(buf_str(&a.cert)));
	install("wednesday", buf_str(&b.cert), buf_str(&b.key));
	wait_until_served(buf_str(&b.cert));
	test_server_done(&t);
	close(t.log.fd);
	free_pair(&a);
	free_pair(&b);
	remove_folder();
}
END_TEST

static void refresh_often(struct certificate_source *source)
{
	for (int i = 0; i < 5; i++)
		certificate_source_refresh(source);
}

START_TEST(each_change_is_told_once)
{
	struct certificate_source source;
	struct certificate *first;
	struct pair a;
	struct pair b;

	given_folder();
	make_pair(&a);
	make_pair(&b);
	test_server_init(&t);
	given_log();
	install("monday", buf_str(&a.cert), buf_str(&a.key));
	ck_assert_int_eq(certificate_source_open(&source, &t.log, cert_path, key_path, HOUR, NULL), 0);
	first = source.current;
	refresh_often(&source);
	ck_assert_uint_eq(count_logged("serving with"), 1);
	install("mixed", buf_str(&b.cert), buf_str(&a.key));
	refresh_often(&source);
	ck_assert_uint_eq(count_logged("does not belong to the certificate"), 1);
	ck_assert_int_eq(unlink(cert_path), 0);
	refresh_often(&source);
	ck_assert_uint_eq(count_logged("No such file"), 1);
	ck_assert_uint_eq(count_logged("the old one stays"), 2);
	ck_assert_ptr_eq(source.current, first);
	install("tuesday", buf_str(&b.cert), buf_str(&b.key));
	refresh_often(&source);
	ck_assert_uint_eq(count_logged("serving with"), 2);
	ck_assert_ptr_nonnull(strstr(logged(), certificate_fingerprint(source.current)));
	certificate_source_close(&source);
	close(t.log.fd);
	test_server_done(&t);
	free_pair(&a);
	free_pair(&b);
	remove_folder();
}
END_TEST

static void assert_refused(int rc, const char *words)
{
	struct http_server *server = NULL;
	struct error err = {0};

	ck_assert_int_eq(http_server_open(&server, &t.options, &err), rc);
	ck_assert_ptr_null(server);
	ck_assert_msg(strstr(err.message, words) != NULL, "\"%s\" has no \"%s\"", err.message, words);
}

START_TEST(an_unusable_certificate_is_refused_at_start)
{
	struct pair a;
	struct pair b;

	given_folder();
	make_pair(&a);
	make_pair(&b);
	given_tls_with_files();
	assert_refused(-ENOENT, "tls.crt: No such file");
	install("mixed", buf_str(&a.cert), buf_str(&b.key));
	assert_refused(-EINVAL, "the private key does not belong to the certificate");
	install("garbage", "garbage", buf_str(&b.key));
	assert_refused(-EINVAL, "tls.crt");
	install("empty", "", "");
	assert_refused(-EINVAL, "certificate");
	install("keyless", buf_str(&a.cert), "garbage");
	assert_refused(-EINVAL, "private key");
	t.options.key_file = NULL;
	assert_refused(-EINVAL, "needs a key file");
	t.options.key_file = key_path;
	t.options.plain = true;
	assert_refused(-EINVAL, "plain HTTP");
	test_server_done(&t);
	free_pair(&a);
	free_pair(&b);
	remove_folder();
}
END_TEST

/* --- protocol --- */

START_TEST(tls_before_1_2_is_refused_and_http_2_is_not_offered)
{
	struct fetch f = {.http_version = CURL_HTTP_VERSION_2TLS};

	given_tls();
	test_server_open(&t);
	f.url = test_server_url(&t, "/hello");
	fetch_run(&t.loop, &f);
	ck_assert_int_eq(f.result, CURLE_OK);
	ck_assert_int_eq(f.version, CURL_HTTP_VERSION_1_1);
	fetch_free(&f);
	f.tls_version = CURL_SSLVERSION_TLSv1_2 | CURL_SSLVERSION_MAX_TLSv1_2;
	fetch_run(&t.loop, &f);
	ck_assert_int_eq(f.result, CURLE_OK);
	fetch_free(&f);
	f.tls_version = CURL_SSLVERSION_TLSv1_0 | CURL_SSLVERSION_MAX_TLSv1_1;
	fetch_run(&t.loop, &f);
	ck_assert_int_eq(f.result, CURLE_SSL_CONNECT_ERROR);
	fetch_free(&f);
	test_server_done(&t);
}
END_TEST

START_TEST(plain_http_on_the_tls_port_gets_no_answer)
{
	struct fetch f = {0};
	char url[64];

	given_tls();
	test_server_open(&t);
	(void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/hello", test_server_port(&t));
	f.url = url;
	fetch_run(&t.loop, &f);
	ck_assert_int_ne(f.result, CURLE_OK);
	ck_assert_int_ne(f.status, 200);
	fetch_free(&f);
	test_server_done(&t);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		without_files_a_certificate_for_this_host_is_made,
		a_certificate_made_here_is_renewed_in_time,
		a_certificate_swapped_by_symlink_is_served_to_new_connections,
		a_broken_new_certificate_keeps_the_old_one,
		each_change_is_told_once,
		an_unusable_certificate_is_refused_at_start,
		tls_before_1_2_is_refused_and_http_2_is_not_offered,
		plain_http_on_the_tls_port_gets_no_answer,
	};

	return suite_run("http_tls", tests, ARRAY_LEN(tests));
}
