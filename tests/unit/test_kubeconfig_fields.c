#include <check.h>
#include <errno.h>
#include <string.h>

#include "base/macros.h"
#include "kube/kubeconfig.h"
#include "support/suite.h"
#include "unit/test_kube_config_fixture.h"

/* "-----BEGIN ENCRYPTED PRIVATE KEY-----..." */
#define LOCKED_B64                                                                                           \
	"LS0tLS1CRUdJTiBFTkNSWVBURUQgUFJJVkFURSBLRVktLS0tLQpBQT09Ci0tLS0tRU5EIEVOQ1JZUFRFRCBQUklWQVRFIEtFWS" \
	"0tLS0tCg=="

/* "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n..." */
#define LOCKED_OLD_B64                                                                                       \
	"LS0tLS1CRUdJTiBSU0EgUFJJVkFURSBLRVktLS0tLQpQcm9jLVR5cGU6ID"                                         \
	"QsRU5DUllQVEVECi0tLS0tRU5EIFJTQSBQUklWQVRFIEtFWS0tLS0tCg=="

/* A certificate with a byte 0 inside. */
#define CERT_NUL_B64 "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCgAtLS0tLUVORCBDRVJUSUZJQ0FURS0tLS0tCg=="

START_TEST(a_kubeconfig_gives_server_and_credentials)
{
	struct fixture fx;

	fixture_init(&fx);
	ck_assert_int_eq(load_text(&fx, with("server: 'https://h:6443', tls-server-name: n.example, "
					     "certificate-authority-data: " CERT_B64
					     ", proxy-url: 'socks5://u:p@proxy:1080'",
					     "client-certificate-data: " CERT_B64
					     ", client-key-data: " KEY_B64 ", token: abc",
					     CONTEXT ", namespace: team-1")),
			 0);
	ck_assert_str_eq(fx.config.server, "https://h:6443");
	ck_assert_str_eq(fx.config.server_name, "n.example");
	ck_assert_str_eq(fx.config.ca_pem, CERT);
	ck_assert_str_eq(fx.config.proxy_url, "socks5://u:p@proxy:1080");
	ck_assert_str_eq(fx.config.cert_pem, CERT);
	ck_assert_str_eq(fx.config.key_pem, KEY);
	ck_assert_str_eq(fx.config.token, "abc");
	ck_assert_str_eq(fx.config.namespace, "team-1");
	ck_assert(!fx.config.insecure);
	ck_assert_ptr_null(fx.config.ca_file);
	ck_assert_ptr_null(fx.config.cert_file);
	ck_assert_ptr_null(fx.config.key_file);
	ck_assert_ptr_null(fx.config.token_file);
	ck_assert_ptr_nonnull(strstr(fx.config.source, "/config (context c)"));
	fixture_close(&fx);
}
END_TEST

START_TEST(credentials_go_to_https_only)
{
	struct fixture fx;

	fixture_init(&fx);
	ck_assert_int_eq(load_text(&fx, with_cluster("server: 'http://127.0.0.1:8001/'")), 0);
	ck_assert_str_eq(fx.config.server, "http://127.0.0.1:8001");
	ck_assert_ptr_null(fx.config.token);
	ck_assert_ptr_nonnull(strstr(fx.config.source, "credentials left out"));
	ck_assert_int_eq(load_text(&fx, with_cluster("server: 'HTTPS://h'")), 0);
	ck_assert_str_eq(fx.config.token, "t");
	ck_assert_ptr_null(strstr(fx.config.source, "credentials left out"));
	fixture_close(&fx);
}
END_TEST

START_TEST(the_server_keeps_its_prefix_and_loses_query_fragment_and_slash)
{
	static const struct {
		const char *given;
		const char *server;
	} cases[] = {
		{"https://h/k8s/clusters/c-1/", "https://h/k8s/clusters/c-1"},
		{"https://h:443", "https://h:443"},
		{"https://h///", "https://h"},
		{"https://h/p?q=1#f", "https://h/p"},
		{"https://[fd00::1]:6443", "https://[fd00::1]:6443"},
		{"Https://10.0.0.1:6443", "https://10.0.0.1:6443"},
	};
	struct fixture fx;
	char cluster[256];

	fixture_init(&fx);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		(void)snprintf(cluster, sizeof(cluster), "server: '%s'", cases[i].given);
		ck_assert_int_eq(load_text(&fx, with_cluster(cluster)), 0);
		ck_assert_str_eq(fx.config.server, cases[i].server);
	}
	fixture_close(&fx);
}
END_TEST

START_TEST(what_a_cluster_may_not_say_is_named)
{
	static const struct {
		const char *cluster;
		const char *tail;
	} bad[] = {
		{"", ": cluster c: server: is missing"},
		{"server: ''", ": cluster c: server: is missing"},
		{"server: [a]", ": cluster c: server: must be a text"},
		{"server: 'ftp://h'", ": cluster c: server: must begin with https://"},
		{"server: 'h:6443'", ": cluster c: server: must begin with https://"},
		{"server: '10.0.0.1:6443'", ": cluster c: server: must begin with https://"},
		{"server: 'h'", ": cluster c: server: must begin with https://"},
		{"server: 'unix://s'", ": cluster c: server: must begin with https://"},
		{"server: 'https://u:p@h'",
		 ": cluster c: server: a user or password in the URL is not supported"},
		{"server: 'https://:p@h'",
		 ": cluster c: server: a user or password in the URL is not supported"},
		{"server: \"https://h\\n\"", ": cluster c: server: has a control character"},
		{"server: \"https://h\\0\"", ": cluster c: server: has a control character"},
		{SERVER ", certificate-authority: a, certificate-authority-data: b",
		 ": cluster c: certificate-authority-data: only one of file and data may be given"},
		{SERVER ", certificate-authority-data: '***'",
		 ": cluster c: certificate-authority-data: is not base64"},
		{SERVER ", certificate-authority-data: 'AAA'",
		 ": cluster c: certificate-authority-data: is not base64"},
		{SERVER ", certificate-authority-data: 'A==='",
		 ": cluster c: certificate-authority-data: is not base64"},
		{SERVER ", certificate-authority-data: 'AA=A'",
		 ": cluster c: certificate-authority-data: is not base64"},
		{SERVER ", certificate-authority-data: 'AAAA'",
		 ": cluster c: certificate-authority-data: is not PEM"},
		{SERVER ", certificate-authority-data: " KEY_B64,
		 ": cluster c: certificate-authority-data: has no certificate"},
		{SERVER ", certificate-authority-data: " CERT_NUL_B64,
		 ": cluster c: certificate-authority-data: is not PEM"},
		{SERVER ", certificate-authority-data: [1]",
		 ": cluster c: certificate-authority-data: must be a text in base64"},
		{SERVER ", insecure-skip-tls-verify: true, certificate-authority-data: " CERT_B64,
		 ": cluster c: insecure-skip-tls-verify: contradicts the certificate-authority"},
		{SERVER ", insecure-skip-tls-verify: 1",
		 ": cluster c: insecure-skip-tls-verify: must be true or false"},
		{SERVER ", tls-server-name: 'a/b'",
		 ": cluster c: tls-server-name: is not the name of a host"},
		{SERVER ", proxy-url: 'ftp://p'", ": cluster c: proxy-url: must begin with http://"},
	};
	struct fixture fx;

	fixture_init(&fx);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		(void)load_text(&fx, with_cluster(bad[i].cluster));
		expect_error(&fx, -EINVAL, bad[i].tail);
		ck_assert_ptr_nonnull(strstr(fx.err.message, "/config: "));
	}
	(void)load_text(&fx, with_cluster("server: 'https://'"));
	ck_assert_ptr_nonnull(strstr(fx.err.message, "cluster c: server: is not a URL"));
	fixture_close(&fx);
}
END_TEST

START_TEST(what_a_user_may_not_say_is_named)
{
	static const struct {
		const char *user;
		const char *tail;
	} bad[] = {
		{"exec: {apiVersion: v1, command: aws}",
		 ": user c: exec: credential plugins are not supported; use a token or a client "
		 "certificate"},
		{"auth-provider: {name: oidc}",
		 ": user c: auth-provider: auth providers are not supported; use a token or a client "
		 "certificate"},
		{"username: a",
		 ": user c: username: basic authentication is not supported; use a token or a client "
		 "certificate"},
		{"token: t, password: b",
		 ": user c: password: basic authentication is not supported; use a token or a client "
		 "certificate"},
		{"as: root", ": user c: as: impersonation is not supported"},
		{"as-uid: '1'", ": user c: as-uid: impersonation is not supported"},
		{"as-groups: [a]", ": user c: as-groups: impersonation is not supported"},
		{"as-user-extra: {a: [b]}", ": user c: as-user-extra: impersonation is not supported"},
		{"client-certificate-data: " CERT_B64,
		 ": user c: client-key: is missing, but there is a client-certificate"},
		{"client-key-data: " KEY_B64,
		 ": user c: client-certificate: is missing, but there is a client-key"},
		{"client-certificate: a, client-certificate-data: " CERT_B64,
		 ": user c: client-certificate-data: only one of file and data may be given"},
		{"client-key: a, client-key-data: " KEY_B64,
		 ": user c: client-key-data: only one of file and data may be given"},
		{"client-certificate-data: " CERT_B64 ", client-key-data: " CERT_B64,
		 ": user c: client-key-data: has no private key"},
		{"client-certificate-data: " CERT_B64 ", client-key-data: " LOCKED_B64,
		 ": user c: client-key-data: an encrypted key is not supported"},
		{"token: \"a\\r\\nb\"", ": user c: token: has a control character"},
		{"client-certificate-data: " CERT_B64 ", client-key-data: " LOCKED_OLD_B64,
		 ": user c: client-key-data: an encrypted key is not supported"},
		{"token: \"a\\x7f\"", ": user c: token: has a control character"},
		{"token: \"caf\\u00e9\"", ": user c: token: has bytes that no token can have"},
		{"token: {a: b}", ": user c: token: must be a text"},
	};
	struct fixture fx;

	fixture_init(&fx);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		(void)load_text(&fx, with_user(bad[i].user));
		expect_error(&fx, -EINVAL, bad[i].tail);
		ck_assert_ptr_nonnull(strstr(fx.err.message, "/config: "));
	}
	fixture_close(&fx);
}
END_TEST

START_TEST(empty_fields_count_as_absent)
{
	struct fixture fx;

	fixture_init(&fx);
	ck_assert_int_eq(
		load_text(&fx, with_user("exec: null, auth-provider: ~, username: '', as-groups: [], "
					 "client-key: '', token: 12")),
		0);
	ck_assert_str_eq(fx.config.token, "12");
	fixture_close(&fx);
}
END_TEST

START_TEST(a_kubeconfig_in_the_present_folder_names_files_of_that_folder)
{
	const char *text = with(SERVER, "client-certificate: a.crt, client-key: ../b.key", CONTEXT);
	struct kubeconfig kc = {0};
	struct kube_config config;

	ck_assert_int_eq(kubeconfig_add(&kc, "config", text, strlen(text), NULL), 0);
	ck_assert_int_eq(kubeconfig_resolve(&kc, NULL, &config, NULL), 0);
	ck_assert_str_eq(config.cert_file, "a.crt");
	ck_assert_str_eq(config.key_file, "../b.key");
	kube_config_free(&config);
	kubeconfig_free(&kc);
}
END_TEST

START_TEST(a_context_that_leads_nowhere_is_named)
{
	static const struct {
		const char *context;
		const char *tail;
	} bad[] = {
		{"", "/config: context c: cluster: is missing"},
		{"user: c", "/config: context c: cluster: is missing"},
		{"cluster: z", "/config: context c: cluster: there is no cluster named z"},
		{"cluster: c, user: z", "/config: context c: user: there is no user named z"},
		{CONTEXT ", namespace: a123456789012345678901234567890123456789012345678901234567890123",
		 "/config (context c): namespace: is not the name of a namespace"},
		{CONTEXT ", namespace: 'a/../b'",
		 "/config (context c): namespace: is not the name of a namespace"},
	};
	struct fixture fx;

	fixture_init(&fx);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		(void)load_text(&fx, with(SERVER, "token: t", bad[i].context));
		expect_error(&fx, -EINVAL, bad[i].tail);
	}
	(void)load_text(&fx, "kind: Config\n");
	expect_error(&fx, -EINVAL, "/config: current-context: is missing; name one with --context");
	(void)load_text(&fx, "");
	expect_error(&fx, -EINVAL, "/config: current-context: is missing; name one with --context");
	(void)load_text(&fx, "current-context: q\n");
	expect_error(&fx, -EINVAL, "/config: current-context: there is no context named q");
	fixture_close(&fx);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		a_kubeconfig_gives_server_and_credentials,
		credentials_go_to_https_only,
		the_server_keeps_its_prefix_and_loses_query_fragment_and_slash,
		what_a_cluster_may_not_say_is_named,
		what_a_user_may_not_say_is_named,
		empty_fields_count_as_absent,
		a_kubeconfig_in_the_present_folder_names_files_of_that_folder,
		a_context_that_leads_nowhere_is_named,
	};

	return suite_run("kubeconfig_fields", tests, ARRAY_LEN(tests));
}
