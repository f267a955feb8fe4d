#include <check.h>
#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "base/macros.h"
#include "kube/kubeconfig.h"
#include "kube/yamldoc.h"
#include "support/suite.h"
#include "unit/test_kube_config_fixture.h"

START_TEST(a_kubeconfig_may_be_json)
{
	struct fixture fx;

	fixture_init(&fx);
	ck_assert_int_eq(load_text(&fx, "{\"kind\":\"Config\",\"apiVersion\":\"v1\",\"preferences\":{},\n"
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
	char text[5000];

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

START_TEST(quoted_words_are_texts)
{
	struct fixture fx;

	fixture_init(&fx);
	ck_assert_int_eq(load_text(&fx, with_user("token: 'null'")), 0);
	ck_assert_str_eq(fx.config.token, "null");
	ck_assert_int_eq(load_text(&fx, with_user("token: \"~\"")), 0);
	ck_assert_str_eq(fx.config.token, "~");
	fixture_close(&fx);
}
END_TEST

START_TEST(there_may_be_32_files_and_32_levels)
{
	char text[YAMLDOC_MAX_DEPTH * 2 + 1] = "";
	struct kubeconfig kc = {0};
	struct error err;
	json_t *doc;

	for (int i = 0; i < KUBECONFIG_MAX_FILES; i++)
		ck_assert_int_eq(kubeconfig_add(&kc, "c", "", 0, &err), 0);
	ck_assert_int_eq(kubeconfig_add(&kc, "c", "", 0, &err), -EINVAL);
	ck_assert_str_eq(err.message, "c: more than 32 files");
	kubeconfig_free(&kc);
	memset(text, '[', YAMLDOC_MAX_DEPTH);
	memset(text + YAMLDOC_MAX_DEPTH, ']', YAMLDOC_MAX_DEPTH);
	ck_assert_int_eq(yamldoc_parse(&doc, text, sizeof(text) - 1, &err), 0);
	json_decref(doc);
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
		{"users:\n- name: a\n  user: b\n", "/config: users: entry 1: user: must be an object"},
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
		{"a: b: c\n", "/config: not YAML: line 1: mapping values are not allowed in this context"},
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
		if (kubeconfig_add(&kc, "/k", (const char *)bytes, n - (size_t)(i % 3), &fx.err) == 0 &&
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

int main(void)
{
	const TTest *const tests[] = {
		a_kubeconfig_may_be_json,
		a_byte_order_mark_is_fine_and_utf16_is_not,
		base64_may_be_broken_into_lines,
		quoted_words_are_texts,
		there_may_be_32_files_and_32_levels,
		a_file_that_is_not_a_kubeconfig_is_refused_with_a_reason,
		huge_files_and_too_many_values_are_refused,
		random_bytes_never_do_more_than_fail,
	};

	return suite_run("kubeconfig_form", tests, ARRAY_LEN(tests));
}
