#include <check.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/macros.h"
#include "support/suite.h"
#include "unit/test_kube_config_fixture.h"

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
	(void)snprintf(list, sizeof(list), "%s/one/config::%s/missing:%s/two/config:%s/three", fx.dir, fx.dir,
		       fx.dir, fx.dir);
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
		{SERVER ", certificate-authority: none", "", "(context c): certificate-authority: ", -ENOENT},
		{SERVER ", certificate-authority: key", "", "(context c): certificate-authority: ", -EINVAL},
		{SERVER, "client-certificate: none, client-key: key",
		 "(context c): client-certificate: ", -ENOENT},
		{SERVER, "client-certificate: crt, client-key: crt", "(context c): client-key: ", -EINVAL},
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
		ck_assert_int_eq(load_text(&fx, with(bad[i].cluster, bad[i].user, CONTEXT)), bad[i].code);
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
	fx.sources.service_port = "443";
	fx.sources.service_host = NULL;
	ck_assert_int_eq(load(&fx), 0);
	ck_assert_str_eq(fx.config.server, "https://home");
	fx.sources.home = dir;
	(void)load(&fx);
	expect_error(&fx, -ENOENT, "no --kubeconfig, no KUBECONFIG, not in a pod and no ~/.kube/config");
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
		relative_paths_are_relative_to_the_file_that_names_them,
		the_first_file_that_has_an_entry_wins_with_the_whole_entry,
		the_context_of_the_command_line_beats_the_current_one,
		a_file_named_on_the_command_line_must_exist,
		files_that_the_configuration_names_must_be_usable,
		in_a_pod_the_service_account_is_used,
		in_a_pod_token_and_ca_must_be_there_and_the_namespace_need_not,
		the_sources_are_tried_in_order,
		the_environment_fills_the_sources,
	};

	return suite_run("kube_config", tests, ARRAY_LEN(tests));
}
