#include <check.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/macros.h"
#include "base/version.h"
#include "controller/options.h"
#include "support/suite.h"

#define MAX_ARGS 2000

/* Parses the arguments up to NULL. */
static enum options_verdict parse(struct options *out, struct error *err, ...)
{
	char *argv[MAX_ARGS + 2] = {(char[]){"vsock-cid-controller"}};
	int argc = 1;
	va_list ap;

	*err = (struct error){0};
	va_start(ap, err);
	while ((argv[argc] = va_arg(ap, char *)) != NULL)
		argc++;
	va_end(ap);
	return options_parse(out, argc, argv, err);
}

/* The arguments are refused with exactly @message, which is one line. */
#define expect_bad(message_wanted, ...)                                                                      \
	do {                                                                                                 \
		struct options o_;                                                                           \
		struct error err_;                                                                           \
		ck_assert_int_eq(parse(&o_, &err_, __VA_ARGS__, NULL), OPTIONS_BAD);                         \
		ck_assert_str_eq(err_.message, message_wanted);                                              \
		ck_assert_int_eq(err_.code, -EINVAL);                                                        \
	} while (0)

#define expect_run(o, ...)                                                                                   \
	do {                                                                                                 \
		struct error err_;                                                                           \
		enum options_verdict verdict_ = parse((o), &err_, __VA_ARGS__);                              \
		ck_assert_msg(verdict_ == OPTIONS_RUN, "%s", err_.message);                                  \
	} while (0)

START_TEST(without_arguments_everything_has_its_default)
{
	struct options o;

	expect_run(&o, NULL);
	ck_assert_ptr_null(o.kubeconfig);
	ck_assert_ptr_null(o.context);
	ck_assert_int_eq(o.mode, MODE_AUTO);
	ck_assert_str_eq(o.write_as, "auto");
	ck_assert_int_eq(o.feature_gate, GATE_AUTO);
	ck_assert_uint_eq(o.settings.cids.min, 3);
	ck_assert_uint_eq(o.settings.cids.max, 2147483647);
	ck_assert_uint_eq(o.settings.cids.excluded_count, 0);
	ck_assert_uint_eq(o.settings.quarantine_ms, 60000);
	ck_assert_uint_eq(o.settings.writes_in_flight, 16);
	ck_assert_str_eq(o.lease_name, "vsock-cid-controller");
	ck_assert_uint_eq(o.lease_duration_ms, 15000);
	ck_assert_uint_eq(o.renew_deadline_ms, 10000);
	ck_assert_uint_eq(o.retry_period_ms, 2000);
	ck_assert_str_eq(o.listen, "0.0.0.0");
	ck_assert_uint_eq(o.port, 8443);
	ck_assert(!o.plain_http);
	ck_assert_ptr_null(o.tls_cert_file);
	ck_assert_ptr_null(o.tls_key_file);
	ck_assert_int_eq(o.log_level, LOG_LEVEL_INFO);
	options_free(&o);
	options_free(&o);
}
END_TEST

START_TEST(every_option_reaches_its_member)
{
	struct options o;

	expect_run(&o, "--kubeconfig", "/k", "--context=c=d", "--feature-gate", "off", "--cid-min", "1000",
		   "--cid-max=4294967294", "--exclude-cids", "2000-2999,100", "--exclude-cids=3000",
		   "--quarantine", "1500ms", "--writes-in-flight", "256", "--lease-name", "l.x", "--identity",
		   "me", "--lease-duration", "3s", "--renew-deadline=2s", "--retry-period=400ms", "--listen",
		   "::1", "--port", "0", "--tls-cert-file", "crt", "--tls-key-file", "key", "--log-level",
		   "debug", "--mode=coexist", "--write-as", "system:x", "--", NULL);
	ck_assert_int_eq(o.mode, MODE_CHOOSE_COEXIST);
	ck_assert_str_eq(o.write_as, "system:x");
	ck_assert_str_eq(o.kubeconfig, "/k");
	ck_assert_str_eq(o.context, "c=d");
	ck_assert_int_eq(o.feature_gate, GATE_OFF);
	ck_assert_uint_eq(o.settings.cids.min, 1000);
	ck_assert_uint_eq(o.settings.cids.max, 4294967294u);
	ck_assert_uint_eq(o.settings.cids.excluded_count, 1);
	ck_assert_uint_eq(o.settings.cids.excluded[0].first, 2000);
	ck_assert_uint_eq(o.settings.cids.excluded[0].last, 3000);
	ck_assert_uint_eq(o.settings.quarantine_ms, 1500);
	ck_assert_uint_eq(o.settings.writes_in_flight, 256);
	ck_assert_str_eq(o.lease_name, "l.x");
	ck_assert_str_eq(o.identity, "me");
	ck_assert_uint_eq(o.lease_duration_ms, 3000);
	ck_assert_uint_eq(o.renew_deadline_ms, 2000);
	ck_assert_uint_eq(o.retry_period_ms, 400);
	ck_assert_str_eq(o.listen, "::1");
	ck_assert_uint_eq(o.port, 0);
	ck_assert_str_eq(o.tls_cert_file, "crt");
	ck_assert_str_eq(o.tls_key_file, "key");
	ck_assert_int_eq(o.log_level, LOG_LEVEL_DEBUG);
	options_free(&o);
}
END_TEST

START_TEST(the_last_one_wins)
{
	struct options o;

	expect_run(&o, "--port", "1", "--identity", "a", "--identity", "b", "--port=2", NULL);
	ck_assert_uint_eq(o.port, 2);
	ck_assert_str_eq(o.identity, "b");
	options_free(&o);
}
END_TEST

START_TEST(plain_http_listens_on_loopback_unless_told_otherwise)
{
	struct options o;

	expect_run(&o, "--plain-http", NULL);
	ck_assert(o.plain_http);
	ck_assert_str_eq(o.listen, "127.0.0.1");
	options_free(&o);
	expect_run(&o, "--listen", "0.0.0.0", "--plain-http", NULL);
	ck_assert_str_eq(o.listen, "0.0.0.0");
	options_free(&o);
}
END_TEST

START_TEST(the_identity_is_host_and_random_uuid_of_version_4)
{
	struct options a;
	struct options b;
	char host[256] = "";
	const char *uuid;

	ck_assert_int_eq(gethostname(host, sizeof(host) - 1), 0);
	expect_run(&a, NULL);
	expect_run(&b, NULL);
	ck_assert_str_ne(a.identity, b.identity);
	ck_assert_int_eq(strncmp(a.identity, host, strlen(host)), 0);
	uuid = a.identity + strlen(host);
	ck_assert_uint_eq(strlen(uuid), 37);
	ck_assert_uint_eq(strspn(uuid + 1, "0123456789abcdef-"), 36);
	ck_assert_int_eq(uuid[0], '_');
	ck_assert_int_eq(uuid[9], '-');
	ck_assert_int_eq(uuid[14], '-');
	ck_assert_int_eq(uuid[15], '4');
	ck_assert_int_eq(uuid[19], '-');
	ck_assert_ptr_nonnull(strchr("89ab", uuid[20]));
	ck_assert_int_eq(uuid[24], '-');
	options_free(&a);
	options_free(&b);
}
END_TEST

START_TEST(durations_have_units)
{
	static const struct {
		const char *text;
		uint32_t ms;
	} good[] = {{"0s", 0},      {"0ms", 0},      {"500ms", 500},   {"60s", 60000},
		    {"5m", 300000}, {"1h", 3600000}, {"24h", 86400000}};
	static const char *const bad[] = {"60",  "s",   "1.5s",  "-1s", "1 s", "1S",           "1d",
					  "1sx", "25h", "1m30s", "+1s", " 1s", "99999999999h", "4294967295m"};
	struct options o;
	struct error err;

	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		expect_run(&o, "--quarantine", good[i].text, NULL);
		ck_assert_uint_eq(o.settings.quarantine_ms, good[i].ms);
		options_free(&o);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		ck_assert_int_eq(parse(&o, &err, "--quarantine", bad[i], NULL), OPTIONS_BAD);
	expect_bad(
		"--quarantine: '60' is not a duration like 500ms, 60s, 5m or 1h (at least 0ms, at most 24h)",
		"--quarantine", "60");
}
END_TEST

START_TEST(numbers_are_digits_within_their_bounds)
{
	static const char *const bad[] = {"65536", "-1", "+1",  "0x10",       "1x",
					  " 1",    "1 ", "1.0", "4294967296", "18446744073709551616"};
	struct options o;
	struct error err;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		ck_assert_int_eq(parse(&o, &err, "--port", bad[i], NULL), OPTIONS_BAD);
	expect_bad("--port: '65536' is not a number from 0 to 65535", "--port=65536");
	expect_bad("--writes-in-flight: '0' is not a number from 1 to 256", "--writes-in-flight", "0");
	expect_bad("--writes-in-flight: '257' is not a number from 1 to 256", "--writes-in-flight", "257");
	expect_run(&o, "--port", "65535", "--writes-in-flight=1", NULL);
	ck_assert_uint_eq(o.port, 65535);
	options_free(&o);
}
END_TEST

START_TEST(the_range_of_cids_is_within_bounds_upright_and_large)
{
	struct options o;

	expect_bad("--cid-min: '2' is not a number from 3 to 4294967294", "--cid-min", "2");
	expect_bad("--cid-max: '4294967295' is not a number from 3 to 4294967294", "--cid-max", "4294967295");
	expect_bad("cid-min 10 is above cid-max 9", "--cid-min", "10", "--cid-max", "9");
	expect_bad("cid-min 3 and cid-max 1048577: fewer than 1048576 CIDs, too few to be given "
		   "safely",
		   "--cid-max", "1048577");
	expect_run(&o, "--cid-max", "1048578", NULL);
	ck_assert_uint_eq(cid_range_size(&o.settings.cids), 1048576);
	options_free(&o);
	expect_run(&o, "--cid-max", "1048578", "--exclude-cids", "4-2000000", NULL);
	ck_assert_uint_eq(cid_range_size(&o.settings.cids), 1);
	options_free(&o);
	expect_bad("exclude-cids: every CID of the range 3-1048578 is excluded", "--cid-max", "1048578",
		   "--exclude-cids", "0-2000000");
	expect_run(&o, "--cluster-count", "2", "--cluster-index=1", NULL);
	ck_assert_uint_eq(o.settings.cids.min, 1073741825);
	options_free(&o);
	expect_bad("cluster-index 2 is not below cluster-count 2", "--cluster-count", "2", "--cluster-index",
		   "2");
}
END_TEST

START_TEST(exclusions_are_capped_over_all_lists_together)
{
	AUTO_BUF struct buf list;
	struct options o;

	buf_init(&list, 65536);
	ck_assert_int_eq(buf_add_str(&list, "10"), 0);
	for (int i = 1; i < 1023; i++)
		ck_assert_int_eq(buf_printf(&list, ",%d", 10 + 2 * i), 0);
	expect_run(&o, "--exclude-cids", buf_str(&list), "--exclude-cids", "5000", NULL);
	ck_assert_uint_eq(o.settings.cids.excluded_count, 1024);
	options_free(&o);
	expect_bad("--exclude-cids: more than 1024 entries", "--exclude-cids", buf_str(&list),
		   "--exclude-cids", "5000,5002");
	expect_bad("--exclude-cids: '7-' is neither a CID nor a range of CIDs", "--exclude-cids", "5,7-");
}
END_TEST

START_TEST(values_that_are_not_of_their_kind_are_refused)
{
	char name[256] = "";

	expect_bad("--mode: 'Auto' is not auto, takeover, coexist or observe", "--mode", "Auto");
	expect_bad("--write-as needs a value: USER", "--write-as=");
	expect_bad("--write-as needs a value: USER", "--write-as", "");
	expect_bad("--write-as: 'a b' is not 1 to 1024 printable characters", "--write-as", "a b");
	expect_bad("--feature-gate: 'On' is not auto, on or off", "--feature-gate", "On");
	expect_bad("--log-level: 'warn' is not debug, info, warning or error", "--log-level", "warn");
	expect_bad("--listen: 'localhost' is not an IP address", "--listen", "localhost");
	expect_bad("--listen: '10.0.0' is not an IP address", "--listen", "10.0.0");
	expect_bad("--lease-name: 'a/b' is not the name of an object", "--lease-name", "a/b");
	expect_bad("--lease-name: '-a' is not the name of an object", "--lease-name", "-a");
	expect_bad("--lease-name: 'a.' is not the name of an object", "--lease-name", "a.");
	expect_bad("--lease-name: 'a..b' is not the name of an object", "--lease-name", "a..b");
	expect_bad("--identity: 'a?b' is not 1 to 253 printable characters without ( ) and \\", "--identity",
		   "a\nb");
	expect_bad("--identity: 'a b' is not 1 to 253 printable characters without ( ) and \\", "--identity",
		   "a b");
	expect_bad("--identity: 'a(b' is not 1 to 253 printable characters without ( ) and \\", "--identity",
		   "a(b");
	memset(name, 'x', 254);
	expect_bad("--identity: 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx' is "
		   "not 1 to "
		   "253 printable characters without ( ) and \\",
		   "--identity", name);
	expect_bad("--lease-name: 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx' is "
		   "not the "
		   "name of an object",
		   "--lease-name", name);
}
END_TEST

START_TEST(unknown_options_and_stray_arguments_are_refused)
{
	expect_bad("unknown option --prot (--help lists them)", "--prot", "1");
	expect_bad("unknown option --por (--help lists them)", "--por", "1");
	expect_bad("unknown option --token (--help lists them)", "--token=secret");
	expect_bad("unknown option --a?b (--help lists them)", "--a\nb");
	expect_bad("unknown option '-v' (--help lists the options)", "-v");
	expect_bad("unexpected argument 'run' (--help lists the options)", "run");
	expect_bad("unexpected argument '' (--help lists the options)", "");
	expect_bad("unexpected argument 'x' (--help lists the options)", "--port", "1", "x", "--port", "2");
	expect_bad("unknown option '--port' (--help lists the options)", "--", "--port");
	expect_bad("unknown option -- (--help lists them)", "--=x");
}
END_TEST

START_TEST(missing_and_needless_values_are_refused)
{
	expect_bad("--port needs a value: N", "--port");
	expect_bad("--kubeconfig needs a value: PATH", "--kubeconfig=");
	expect_bad("--context needs a value: NAME", "--context", "");
	expect_bad("--exclude-cids needs a value: LIST", "--exclude-cids", "");
	expect_bad("--plain-http takes no value", "--plain-http=false");
	expect_bad("--help takes no value", "--help=1");
}
END_TEST

START_TEST(the_times_of_the_lease_leave_a_margin)
{
	struct options o;

	expect_bad("--lease-duration has to be whole seconds", "--lease-duration", "15500ms");
	expect_bad("--lease-duration has to be longer than --renew-deadline", "--lease-duration", "10s");
	expect_bad("--renew-deadline has to be longer than 1.2 times --retry-period", "--renew-deadline",
		   "2400ms");
	expect_bad("--lease-duration: '0s' is not a duration like 500ms, 60s, 5m or 1h (at least 1000ms, at "
		   "most 1h)",
		   "--lease-duration", "0s");
	expect_bad("--retry-period: '49ms' is not a duration like 500ms, 60s, 5m or 1h (at least 50ms, at "
		   "most 1h)",
		   "--retry-period", "49ms");
	expect_run(&o, "--lease-duration", "11s", "--renew-deadline", "2401ms", NULL);
	options_free(&o);
}
END_TEST

START_TEST(certificate_and_key_belong_together_and_to_tls)
{
	expect_bad("--tls-cert-file needs --tls-key-file", "--tls-cert-file", "a");
	expect_bad("--tls-key-file needs --tls-cert-file", "--tls-key-file", "a");
	expect_bad("--plain-http contradicts --tls-cert-file", "--tls-key-file", "a", "--tls-cert-file", "b",
		   "--plain-http");
}
END_TEST

START_TEST(help_and_version_end_the_parsing)
{
	struct options o = {.port = 7};
	struct error err;

	ck_assert_int_eq(parse(&o, &err, "--port", "1", "--help", "--bogus", NULL), OPTIONS_HELP);
	ck_assert_int_eq(parse(&o, &err, "--version", NULL), OPTIONS_VERSION);
	ck_assert_int_eq(parse(&o, &err, "--bogus", "--help", NULL), OPTIONS_BAD);
	ck_assert_uint_eq(o.port, 7);
}
END_TEST

/* What @print writes; the caller's to free. */
static char *printed(void (*print)(FILE *out))
{
	char *text = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);

	ck_assert_ptr_nonnull(f);
	print(f);
	ck_assert_int_eq(fclose(f), 0);
	return text;
}

START_TEST(help_names_every_option_with_its_default_in_80_columns)
{
	static const char *const expected[] = {
		"Usage: ",
		"\nAPI server:\n",
		"\n  --kubeconfig PATH ",
		"\n  --context NAME ",
		"\n  --feature-gate MODE ",
		"\n  --cid-min N              lowest CID that is given (default 3)\n",
		"(default 2147483647)\n",
		"\n  --exclude-cids LIST ",
		"\n  --quarantine TIME ",
		"(default 16)\n",
		"\n  --lease-name NAME ",
		"\n  --identity TEXT ",
		"\n  --listen ADDRESS ",
		"\n  --port N                 port to listen on, 0 for any free one (default 8443)\n",
		"\n  --tls-cert-file PATH ",
		"\n  --tls-key-file PATH ",
		"\n  --plain-http ",
		"\n  --log-level LEVEL ",
		"(default info)\n",
		"\n  --help ",
		"\n  --version ",
	};
	AUTO_FREE char *text = printed(options_print_help);

	for (size_t i = 0; i < ARRAY_LEN(expected); i++)
		ck_assert_msg(strstr(text, expected[i]) != NULL, "no '%s'", expected[i]);
	for (const char *line = text; *line != '\0'; line += strcspn(line, "\n") + 1) {
		size_t n = strcspn(line, "\n");

		ck_assert_uint_le(n, 80);
		ck_assert(n == 0 || line[n - 1] != ' ');
	}
}
END_TEST

START_TEST(the_version_is_one_line_with_the_libraries)
{
	AUTO_FREE char *text = printed(options_print_version);

	ck_assert_int_eq(strncmp(text, "vsock-cid-controller ", 21), 0);
	ck_assert_int_eq(strncmp(text + 21, version_text, strlen(version_text)), 0);
	ck_assert_int_eq(strncmp(text + 21 + strlen(version_text), " (libuv 1.", 10), 0);
	ck_assert_ptr_nonnull(strstr(text, ", libcurl "));
	ck_assert_ptr_nonnull(strstr(text, ", libyaml "));
	ck_assert_uint_eq(strcspn(text, "\n"), strlen(text) - 1);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		without_arguments_everything_has_its_default,
		every_option_reaches_its_member,
		the_last_one_wins,
		plain_http_listens_on_loopback_unless_told_otherwise,
		the_identity_is_host_and_random_uuid_of_version_4,
		durations_have_units,
		numbers_are_digits_within_their_bounds,
		the_range_of_cids_is_within_bounds_upright_and_large,
		exclusions_are_capped_over_all_lists_together,
		values_that_are_not_of_their_kind_are_refused,
		unknown_options_and_stray_arguments_are_refused,
		missing_and_needless_values_are_refused,
		the_times_of_the_lease_leave_a_margin,
		certificate_and_key_belong_together_and_to_tls,
		help_and_version_end_the_parsing,
		help_names_every_option_with_its_default_in_80_columns,
		the_version_is_one_line_with_the_libraries,
	};

	return suite_run("options", tests, ARRAY_LEN(tests));
}
