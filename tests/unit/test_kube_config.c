#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/macros.h"
#include "kube/config.h"
#include "kube/kubeconfig.h"
#include "support/suite.h"

/* base64 of "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n" and the like */
#define CERT     "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n"
#define CERT_B64 "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCkFBPT0KLS0tLS1FTkQgQ0VSVElGSUNBVEUtLS0tLQo="
#define KEY      "-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n"
#define KEY_B64  "LS0tLS1CRUdJTiBQUklWQVRFIEtFWS0tLS0tCkFBPT0KLS0tLS1FTkQgUFJJVkFURSBLRVktLS0tLQo="

/* "-----BEGIN ENCRYPTED PRIVATE KEY-----..." */
#define LOCKED_B64                                                                                           \
	"LS0tLS1CRUdJTiBFTkNSWVBURUQgUFJJVkFURSBLRVktLS0tLQpBQT09Ci0tLS0tRU5EIEVOQ1JZUFRFRCBQUklWQVRFIEtFWS" \
	"0tLS0tCg=="

struct fixture {
	char dir[64];
	char last[128]; /* path that path_of() made last */
	struct kube_config config;
	struct kube_config_sources sources;
	struct error err;
};

static void fixture_init(struct fixture *fx)
{
	*fx = (struct fixture){.dir = "/tmp/test_kube_config.XXXXXX"};
	ck_assert_ptr_nonnull(mkdtemp(fx->dir));
}

static const char *path_of(struct fixture *fx, const char *name)
{
	(void)snprintf(fx->last, sizeof(fx->last), "%s/%s", fx->dir, name);
	return fx->last;
}

static void given_bytes(struct fixture *fx, const char *name, const void *bytes, size_t n)
{
	FILE *f = fopen(path_of(fx, name), "wb");

	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fwrite(bytes, 1, n, f), n);
	ck_assert_int_eq(fclose(f), 0);
}

static void given_file(struct fixture *fx, const char *name, const char *text)
{
	given_bytes(fx, name, text, strlen(text));
}

static void given_folder(struct fixture *fx, const char *name)
{
	ck_assert_int_eq(mkdir(path_of(fx, name), 0700), 0);
}

static void fixture_close(struct fixture *fx)
{
	char command[128];

	kube_config_free(&fx->config);
	(void)snprintf(command, sizeof(command), "rm -rf '%s'", fx->dir);
	ck_assert_int_eq(system(command), 0);
}

static int load(struct fixture *fx)
{
	kube_config_free(&fx->config);
	fx->err = (struct error){0};
	return kube_config_load(&fx->config, &fx->sources, &fx->err);
}

/* Loads @text as --kubeconfig. */
static int load_text(struct fixture *fx, const char *text)
{
	char path[128];

	given_file(fx, "config", text);
	(void)snprintf(path, sizeof(path), "%s", fx->last);
	fx->sources.path = path;
	(void)load(fx);
	fx->sources.path = NULL;
	return fx->err.code;
}

/* A kubeconfig with one cluster, user and context, all named c, with the lines given (each "\n" indented). */
static const char *with(const char *cluster, const char *user, const char *context)
{
	static char text[4096];

	(void)snprintf(text, sizeof(text),
		       "apiVersion: v1\n"
		       "kind: Config\n"
		       "current-context: c\n"
		       "clusters:\n"
		       "- name: c\n"
		       "  cluster: {%s}\n"
		       "users:\n"
		       "- name: c\n"
		       "  user: {%s}\n"
		       "contexts:\n"
		       "- name: c\n"
		       "  context: {%s}\n",
		       cluster, user, context);
	return text;
}

#define SERVER  "server: 'https://h:6443'"
#define CONTEXT "cluster: c, user: c"

static const char *with_user(const char *user)
{
	return with(SERVER, user, CONTEXT);
}

static const char *with_cluster(const char *cluster)
{
	return with(cluster, "token: t", CONTEXT);
}

/* The error is one line that ends with @tail. */
static void expect_error(struct fixture *fx, int code, const char *tail)
{
	size_t n = strlen(fx->err.message);
	size_t m = strlen(tail);

	ck_assert_int_eq(fx->err.code, code);
	ck_assert_msg(n >= m && strcmp(fx->err.message + n - m, tail) == 0, "'%s' does not end with '%s'",
		      fx->err.message, tail);
	ck_assert_ptr_null(strchr(fx->err.message, '\n'));
	ck_assert_ptr_null(fx->config.server);
}

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

START_TEST(a_kubeconfig_may_be_json)
	{
		struct fixture fx;

		fixture_init(&fx);
		ck_assert_int_eq(
			load_text(&fx, "{\"kind\":\"Config\",\"apiVersion\":\"v1\",\"preferences\":{},\n"
				       "\t\"current-context\":\"a\\u002fb\",\"clusters\":[{\"name\":\"x\","
				       "\"cluster\":{\"server\":\"https:\\/\\/"
				       "h\",\"insecure-skip-tls-verify\":true}}],"
				       "\"contexts\":[{\"name\":\"a/"
				       "b\",\"context\":{\"cluster\":\"x\",\"user\":\"\"}}],"
				       "\"users\":null}"),
			0);
		ck_assert_str_eq(fx.config.server, "https://h");
		ck_assert(fx.config.insecure);
		ck_assert_str_eq(fx.config.namespace, "default");
		ck_assert_ptr_null(fx.config.token);
		fixture_close(&fx);
	}
END_TEST

START_TEST(a_byte_order_mark_is_fine_and_utf16_is_not)
	{
		static const char utf16[] = "\xff\xfe{\0}\0";
		struct fixture fx;
		char text[4096];

		fixture_init(&fx);
		(void)snprintf(text, sizeof(text), "\xef\xbb\xbf%s", with_user("token: t"));
		ck_assert_int_eq(load_text(&fx, text), 0);
		given_bytes(&fx, "config", utf16, sizeof(utf16) - 1);
		fx.sources.env_kubeconfig = fx.last;
		(void)load(&fx);
		expect_error(&fx, -EINVAL, "/config: not YAML: byte 0: invalid leading UTF-8 octet");
		fixture_close(&fx);
	}
END_TEST

START_TEST(base64_may_be_broken_into_lines)
	{
		struct fixture fx;
		char text[1024];

		fixture_init(&fx);
		(void)snprintf(text, sizeof(text),
			       "current-context: c\nclusters:\n- name: c\n  cluster:\n    server: https://h\n"
			       "    certificate-authority-data: |\n      %.40s\n      %s\n"
			       "contexts: [{name: c, context: {cluster: c}}]\n",
			       CERT_B64, &CERT_B64[40]);
		ck_assert_int_eq(load_text(&fx, text), 0);
		ck_assert_str_eq(fx.config.ca_pem, CERT);
		fixture_close(&fx);
	}
END_TEST

START_TEST(relative_paths_are_relative_to_the_file_that_names_them)
	{
		struct fixture fx;
		char expected[256];
		char path[128];

		fixture_init(&fx);
		given_folder(&fx, "pki");
		given_file(&fx, "pki/ca.crt", CERT);
		given_file(&fx, "pki/my.crt", CERT);
		given_file(&fx, "pki/my.key", KEY);
		given_file(&fx, "token", "abc\n");
		(void)snprintf(path, sizeof(path), "%s", fx.last);
		ck_assert_int_eq(load_text(&fx, with(SERVER ", certificate-authority: pki/ca.crt",
						     "client-certificate: ./pki/my.crt, "
						     "client-key: pki/my.key, tokenFile: token",
						     CONTEXT)),
				 0);
		ck_assert_str_eq(fx.config.token_file, path);
		(void)snprintf(expected, sizeof(expected), "%s/pki/ca.crt", fx.dir);
		ck_assert_str_eq(fx.config.ca_file, expected);
		(void)snprintf(expected, sizeof(expected), "%s/./pki/my.crt", fx.dir);
		ck_assert_str_eq(fx.config.cert_file, expected);
		(void)snprintf(expected, sizeof(expected), "%s/pki/my.key", fx.dir);
		ck_assert_str_eq(fx.config.key_file, expected);
		(void)snprintf(expected, sizeof(expected), "tokenFile: '%s'", path);
		ck_assert_int_eq(load_text(&fx, with_user(expected)), 0);
		ck_assert_str_eq(fx.config.token_file, path);
		fixture_close(&fx);
	}
END_TEST

START_TEST(the_first_file_that_has_an_entry_wins_with_the_whole_entry)
	{
		struct fixture fx;
		char list[512];

		fixture_init(&fx);
		given_folder(&fx, "one");
		given_folder(&fx, "two");
		given_file(&fx, "two/token", "abc");
		given_file(&fx, "one/config",
			   "clusters: [{name: k, cluster: {server: 'https://one'}}]\n"
			   "contexts: []\n");
		given_file(&fx, "two/config",
			   "current-context: m\n"
			   "clusters: [{name: k, cluster: {server: 'https://two', tls-server-name: lost}}]\n"
			   "users: [{name: u, user: {tokenFile: token}}]\n"
			   "contexts: [{name: m, context: {cluster: k, user: u, namespace: n}}]\n");
		given_file(&fx, "three",
			   "current-context: other\n"
			   "users: [{name: u, user: {token: lost}}]\n");
		(void)snprintf(list, sizeof(list), "%s/one/config::%s/missing:%s/two/config:%s/three", fx.dir,
			       fx.dir, fx.dir, fx.dir);
		fx.sources.env_kubeconfig = list;
		ck_assert_int_eq(load(&fx), 0);
		ck_assert_str_eq(fx.config.server, "https://one");
		ck_assert_ptr_null(fx.config.server_name);
		ck_assert_str_eq(fx.config.token_file, path_of(&fx, "two/token"));
		ck_assert_ptr_null(fx.config.token);
		ck_assert_str_eq(fx.config.namespace, "n");
		ck_assert_ptr_nonnull(strstr(fx.config.source, "/two/config (context m)"));
		fixture_close(&fx);
	}
END_TEST

START_TEST(the_context_of_the_command_line_beats_the_current_one)
	{
		static const char text[] = "current-context: a\n"
					   "clusters: [{name: a, cluster: {server: 'https://a'}},"
					   " {name: b, cluster: {server: 'https://b'}}]\n"
					   "users: [{name: bad, user: {exec: {command: x}}}]\n"
					   "contexts: [{name: a, context: {cluster: a, user: bad}},"
					   " {name: b, context: {cluster: b}}]\n";
		struct fixture fx;

		fixture_init(&fx);
		fx.sources.context = "b";
		ck_assert_int_eq(load_text(&fx, text), 0);
		ck_assert_str_eq(fx.config.server, "https://b");
		fx.sources.context = "z";
		(void)load_text(&fx, text);
		expect_error(&fx, -EINVAL, "/config: --context: there is no context named z");
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
			{"as-user-extra: {a: [b]}",
			 ": user c: as-user-extra: impersonation is not supported"},
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

START_TEST(a_file_that_is_not_a_kubeconfig_is_refused_with_a_reason)
	{
		static const struct {
			const char *text;
			const char *tail;
		} bad[] = {
			{"just words", "/config: is not a kubeconfig: must be an object"},
			{"- a\n- b\n", "/config: is not a kubeconfig: must be an object"},
			{"kind: Pod\n", "/config: is not a kubeconfig: kind is not Config"},
			{"kind: [Config]\n", "/config: is not a kubeconfig: kind is not Config"},
			{"current-context: [a]\n", "/config: current-context: must be a name"},
			{"current-context: \"a\\nb\"\n", "/config: current-context: must be a name"},
			{"clusters: {}\n", "/config: clusters: must be a list"},
			{"users:\n- name: a\n- 7\n", "/config: users: entry 2: must be an object"},
			{"contexts:\n- context: {}\n", "/config: contexts: entry 1: name: is missing"},
			{"contexts:\n- name: \"a\\nb\"\n",
			 "/config: contexts: entry 1: name: has a control character"},
			{"users:\n- name: a\n  user: b\n",
			 "/config: users: entry 1: user: must be an object"},
			{"users:\n- name: a\n- name: a\n", "/config: users: two entries are named a"},
			{"a: 1\nb: 2\na: 3\n", "/config: line 3: the same key for a second time"},
			{"a: &x 1\nb: *x\n", "/config: line 2: aliases are not supported"},
			{"a: &x [*x]\n", "/config: line 1: aliases are not supported"},
			{"<<: {a: b}\n", "/config: line 1: merge keys (<<) are not supported"},
			{"a: !!binary AAAA\n", "/config: line 1: tags are not supported"},
			{"a: !x {}\n", "/config: line 1: tags are not supported"},
			{"a: !x []\n", "/config: line 1: tags are not supported"},
			{"? [a]\n: b\n", "/config: line 1: a key must be a plain text"},
			{"a: 1\n---\nb: 1\n", "/config: line 2: a second document"},
			{"a: b: c\n",
			 "/config: not YAML: line 1: mapping values are not allowed in this context"},
			{"a: [1\n", "/config: not YAML: line 2: did not find expected ',' or ']'"},
			{"a: \x01\n", "/config: not YAML: byte 3: control characters are not allowed"},
			{"%TAG ! x\n---\na: 1\n", "/config: not YAML that is supported: %TAG"},
			{"a: \xff\xfe\n", "/config: not YAML: byte 3: invalid leading UTF-8 octet"},
			{"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", "/config: line 1: nested too deeply"},
		};
		struct fixture fx;

		fixture_init(&fx);
		for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
			(void)load_text(&fx, bad[i].text);
			expect_error(&fx, -EINVAL, bad[i].tail);
		}
		fixture_close(&fx);
	}
END_TEST

START_TEST(huge_files_and_too_many_values_are_refused)
	{
		struct fixture fx;
		AUTO_BUF struct buf text;

		fixture_init(&fx);
		buf_init(&text, 8 << 20);
		ck_assert_int_eq(buf_add_str(&text, "extensions: ["), 0);
		for (int i = 0; i < 200000; i++)
			ck_assert_int_eq(buf_add_str(&text, "1,"), 0);
		ck_assert_int_eq(buf_add_str(&text, "]\n"), 0);
		(void)load_text(&fx, buf_str(&text));
		expect_error(&fx, -EINVAL, "/config: line 1: too many values");
		buf_reset(&text);
		for (int i = 0; i < 70000; i++)
			ck_assert_int_eq(buf_printf(&text, "#%063d\n", i), 0);
		(void)load_text(&fx, buf_str(&text));
		expect_error(&fx, -EINVAL, "/config: is larger than 4194304 bytes");
		fixture_close(&fx);
	}
END_TEST

START_TEST(random_bytes_never_do_more_than_fail)
	{
		struct fixture fx;
		unsigned char bytes[512];
		const char *good = with_user("token: t");
		size_t n = strlen(good);

		fixture_init(&fx);
		srand(7);
		for (int i = 0; i < 3000; i++) {
			struct kubeconfig kc = {0};

			memcpy(bytes, good, n);
			for (int k = 0; k < 1 + i % 5; k++)
				bytes[(size_t)rand() % n] = (unsigned char)rand();
			fx.err = (struct error){0};
			if (kubeconfig_add(&kc, "/k", (const char *)bytes, n - (size_t)(i % 3), &fx.err) ==
				    0 &&
			    kubeconfig_resolve(&kc, NULL, &fx.config, &fx.err) == 0)
				kube_config_free(&fx.config);
			else
				ck_assert_str_ne(fx.err.message, "");
			ck_assert_ptr_null(strchr(fx.err.message, '\n'));
			kubeconfig_free(&kc);
		}
		fixture_close(&fx);
	}
END_TEST

START_TEST(a_file_named_on_the_command_line_must_exist)
	{
		struct fixture fx;
		char path[128];

		fixture_init(&fx);
		(void)snprintf(path, sizeof(path), "%s", path_of(&fx, "nothing"));
		fx.sources.path = path;
		fx.sources.service_host = "10.0.0.1";
		fx.sources.service_port = "443";
		ck_assert_int_eq(load(&fx), -ENOENT);
		expect_error(&fx, -ENOENT, "/nothing: No such file or directory");
		fx.sources.path = "";
		ck_assert_int_eq(load(&fx), -ENOENT);
		fx.sources.path = fx.dir;
		(void)load(&fx);
		expect_error(&fx, -EINVAL, ": is a directory");
		fixture_close(&fx);
	}
END_TEST

START_TEST(files_that_the_configuration_names_must_be_usable)
	{
		static const struct {
			const char *cluster;
			const char *user;
			const char *field;
			int code;
		} bad[] = {
			{SERVER ", certificate-authority: none", "",
			 "(context c): certificate-authority: ", -ENOENT},
			{SERVER ", certificate-authority: key", "",
			 "(context c): certificate-authority: ", -EINVAL},
			{SERVER, "client-certificate: none, client-key: key",
			 "(context c): client-certificate: ", -ENOENT},
			{SERVER, "client-certificate: crt, client-key: crt",
			 "(context c): client-key: ", -EINVAL},
			{SERVER, "token: t, tokenFile: none", "(context c): token: ", -ENOENT},
			{SERVER, "tokenFile: empty", "(context c): token: ", -EINVAL},
			{SERVER, "tokenFile: .", "(context c): token: ", -EINVAL},
		};
		struct fixture fx;

		fixture_init(&fx);
		given_file(&fx, "key", KEY);
		given_file(&fx, "crt", CERT);
		given_file(&fx, "empty", "\n");
		for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
			ck_assert_int_eq(load_text(&fx, with(bad[i].cluster, bad[i].user, CONTEXT)),
					 bad[i].code);
			ck_assert_msg(strstr(fx.err.message, bad[i].field) != NULL, "%s", fx.err.message);
		}
		fixture_close(&fx);
	}
END_TEST

/* A service account's folder as the kubelet mounts it. */
static void given_account(struct fixture *fx)
{
	given_folder(fx, "sa");
	given_file(fx, "sa/token", "pod-token");
	given_file(fx, "sa/ca.crt", CERT);
	given_file(fx, "sa/namespace", "kubevirt\n");
	fx->sources.service_host = "10.96.0.1";
	fx->sources.service_port = "443";
}

START_TEST(in_a_pod_the_service_account_is_used)
	{
		struct fixture fx;
		char dir[128];

		fixture_init(&fx);
		given_account(&fx);
		(void)snprintf(dir, sizeof(dir), "%s/sa", fx.dir);
		fx.sources.account_dir = dir;
		fx.sources.home = fx.dir;
		ck_assert_int_eq(load(&fx), 0);
		ck_assert_str_eq(fx.config.source, "in-cluster");
		ck_assert_str_eq(fx.config.server, "https://10.96.0.1:443");
		ck_assert_str_eq(fx.config.token_file, path_of(&fx, "sa/token"));
		ck_assert_str_eq(fx.config.ca_file, path_of(&fx, "sa/ca.crt"));
		ck_assert_str_eq(fx.config.namespace, "kubevirt");
		ck_assert_ptr_null(fx.config.token);
		fx.sources.pod_namespace = "other";
		fx.sources.service_host = "fd00::1";
		ck_assert_int_eq(load(&fx), 0);
		ck_assert_str_eq(fx.config.server, "https://[fd00::1]:443");
		ck_assert_str_eq(fx.config.namespace, "other");
		fixture_close(&fx);
	}
END_TEST

START_TEST(in_a_pod_token_and_ca_must_be_there_and_the_namespace_need_not)
	{
		struct fixture fx;
		char dir[128];

		fixture_init(&fx);
		given_account(&fx);
		(void)snprintf(dir, sizeof(dir), "%s/sa", fx.dir);
		fx.sources.account_dir = dir;
		ck_assert_int_eq(unlink(path_of(&fx, "sa/namespace")), 0);
		ck_assert_int_eq(load(&fx), 0);
		ck_assert_str_eq(fx.config.namespace, "default");
		fx.sources.context = "c";
		(void)load(&fx);
		expect_error(&fx, -EINVAL, "in-cluster: --context needs a kubeconfig");
		fx.sources.context = NULL;
		fx.sources.service_port = "x";
		ck_assert_int_eq(load(&fx), -EINVAL);
		fx.sources.service_port = "443";
		ck_assert_int_eq(unlink(path_of(&fx, "sa/ca.crt")), 0);
		(void)load(&fx);
		expect_error(&fx, -ENOENT, "/sa/ca.crt: No such file or directory");
		given_file(&fx, "sa/ca.crt", CERT);
		ck_assert_int_eq(unlink(path_of(&fx, "sa/token")), 0);
		(void)load(&fx);
		expect_error(&fx, -ENOENT, "/sa/token: No such file or directory");
		fixture_close(&fx);
	}
END_TEST

START_TEST(the_sources_are_tried_in_order)
	{
		struct fixture fx;
		char dir[128];
		char list[128];
		char none[128];

		fixture_init(&fx);
		given_account(&fx);
		(void)snprintf(dir, sizeof(dir), "%s/sa", fx.dir);
		fx.sources.account_dir = dir;
		fx.sources.home = fx.dir;
		given_folder(&fx, ".kube");
		given_file(&fx, ".kube/config", with_cluster("server: 'https://home'"));
		given_file(&fx, "env", with_cluster("server: 'https://env'"));
		(void)snprintf(list, sizeof(list), "%s", fx.last);
		(void)snprintf(none, sizeof(none), "%s/none", fx.dir);
		fx.sources.env_kubeconfig = list;
		ck_assert_int_eq(load_text(&fx, with_cluster("server: 'https://flag'")), 0);
		ck_assert_str_eq(fx.config.server, "https://flag");
		ck_assert_int_eq(load(&fx), 0);
		ck_assert_str_eq(fx.config.server, "https://env");
		fx.sources.env_kubeconfig = none; /* set, so nothing else is tried */
		ck_assert_int_eq(load(&fx), -ENOENT);
		fx.sources.env_kubeconfig = "";
		ck_assert_int_eq(load(&fx), 0);
		ck_assert_str_eq(fx.config.source, "in-cluster");
		fx.sources.service_port = NULL;
		ck_assert_int_eq(load(&fx), 0);
		ck_assert_str_eq(fx.config.server, "https://home");
		fx.sources.home = dir;
		(void)load(&fx);
		expect_error(&fx, -ENOENT,
			     "no --kubeconfig, no KUBECONFIG, not in a pod and no ~/.kube/config");
		fixture_close(&fx);
	}
END_TEST

START_TEST(the_environment_fills_the_sources)
	{
		struct kube_config_sources sources;

		ck_assert_int_eq(setenv("KUBECONFIG", "/a:/b", 1), 0);
		ck_assert_int_eq(setenv("KUBERNETES_SERVICE_HOST", "h", 1), 0);
		ck_assert_int_eq(unsetenv("KUBERNETES_SERVICE_PORT"), 0);
		kube_config_sources_from_env(&sources, "/p", NULL);
		ck_assert_str_eq(sources.path, "/p");
		ck_assert_ptr_null(sources.context);
		ck_assert_str_eq(sources.env_kubeconfig, "/a:/b");
		ck_assert_str_eq(sources.service_host, "h");
		ck_assert_ptr_null(sources.service_port);
		ck_assert_str_eq(sources.account_dir, KUBE_CONFIG_ACCOUNT_DIR);
	}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		a_kubeconfig_gives_server_and_credentials,
		a_kubeconfig_may_be_json,
		a_byte_order_mark_is_fine_and_utf16_is_not,
		base64_may_be_broken_into_lines,
		relative_paths_are_relative_to_the_file_that_names_them,
		the_first_file_that_has_an_entry_wins_with_the_whole_entry,
		the_context_of_the_command_line_beats_the_current_one,
		credentials_go_to_https_only,
		the_server_keeps_its_prefix_and_loses_query_fragment_and_slash,
		what_a_cluster_may_not_say_is_named,
		what_a_user_may_not_say_is_named,
		empty_fields_count_as_absent,
		a_context_that_leads_nowhere_is_named,
		a_file_that_is_not_a_kubeconfig_is_refused_with_a_reason,
		huge_files_and_too_many_values_are_refused,
		random_bytes_never_do_more_than_fail,
		a_file_named_on_the_command_line_must_exist,
		files_that_the_configuration_names_must_be_usable,
		in_a_pod_the_service_account_is_used,
		in_a_pod_token_and_ca_must_be_there_and_the_namespace_need_not,
		the_sources_are_tried_in_order,
		the_environment_fills_the_sources,
	};

	return suite_run("kube_config", tests, ARRAY_LEN(tests));
}
