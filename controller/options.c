#include "controller/options.h"

#include <curl/curl.h>
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <microhttpd.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>
#include <yaml.h>

#include "base/buf.h"
#include "base/macros.h"
#include "base/rng.h"
#include "base/version.h"
#include "controller/option_rule.h"

#define HELP_WIDTH  80
#define HELP_COLUMN 27 /* where the explanations begin */

static void *member(struct options *o, const struct option_rule *rule)
{
	return (rule->live ? (char *)&o->values : (char *)o) + rule->offset;
}

static int set_defaults(struct options *o, struct error *err)
{
	int rc = 0;

	for (size_t i = 0; i < option_rule_count && rc == 0; i++)
		if (option_rules[i].fallback != NULL)
			rc = option_rules[i].set(member(o, &option_rules[i]), &option_rules[i],
						 option_rules[i].fallback, err);
	return rc;
}

/* Hostname, "_" and a random UUID (RFC 9562, version 4). */
static char *make_identity(void)
{
	char host[256] = "";
	char *out = NULL;
	struct rng rng;
	uint64_t high;
	uint64_t low;

	rng_init_secure(&rng);
	high = (rng_u64(&rng) & ~0xf000ull) | 0x4000;
	low = (rng_u64(&rng) & ~(3ull << 62)) | 2ull << 62;
	(void)gethostname(host, sizeof(host) - 1);
	if (asprintf(&out, "%s_%08" PRIx64 "-%04" PRIx64 "-%04" PRIx64 "-%04" PRIx64 "-%012" PRIx64, host,
		     high >> 32, high >> 16 & 0xffff, high & 0xffff, low >> 48, low & 0xffffffffffff) < 0)
		return NULL;
	return out;
}

/* LE-3. A Lease says its duration in whole seconds. */
static int check_lease(const struct options *o, struct error *err)
{
	if (o->lease_duration_ms % 1000 != 0)
		return error_set(err, -EINVAL, "--lease-duration has to be whole seconds");
	if (o->lease_duration_ms <= o->renew_deadline_ms)
		return error_set(err, -EINVAL, "--lease-duration has to be longer than --renew-deadline");
	if ((uint64_t)o->renew_deadline_ms * 5 <= (uint64_t)o->retry_period_ms * 6)
		return error_set(err, -EINVAL,
				 "--renew-deadline has to be longer than 1.2 times --retry-period");
	return 0;
}

/* What several options together must be. */
static int check_together(const struct options *o, struct error *err)
{
	if (o->tls_cert_file != NULL && o->tls_key_file == NULL)
		return error_set(err, -EINVAL, "--tls-cert-file needs --tls-key-file");
	if (o->tls_key_file != NULL && o->tls_cert_file == NULL)
		return error_set(err, -EINVAL, "--tls-key-file needs --tls-cert-file");
	if (o->plain_http && o->tls_cert_file != NULL)
		return error_set(err, -EINVAL, "--plain-http contradicts --tls-cert-file");
	return check_lease(o, err);
}

static int finish(struct options *o, struct error *err)
{
	int rc = check_together(o, err);

	if (rc != 0)
		return rc;
	if (o->listen == NULL)
		o->listen = strdup(o->plain_http ? "127.0.0.1" : "0.0.0.0");
	if (o->identity == NULL)
		o->identity = make_identity();
	if (o->listen == NULL || o->identity == NULL)
		return error_errno(err, -ENOMEM, "options");
	return settings_resolve(&o->settings, &o->values, err);
}

/* Takes over the option at argv[*at], and its value. *verdict is set where the option ends the parsing. */
static int take(struct options *o, char *const *argv, int *at, enum options_verdict *verdict,
		struct error *err)
{
	const char *name = argv[*at] + 2;
	size_t n = strcspn(name, "=");
	const char *value = name[n] == '=' ? name + n + 1 : NULL;
	const struct option_rule *rule = option_rule_find(name, n);
	struct option_shown shown = option_show(argv[*at]);
	int rc;

	if (rule == NULL) {
		shown.text[strcspn(shown.text, "=")] = '\0'; /* the value may be a secret */
		return error_set(err, -EINVAL, "unknown option %s (--help lists them)", shown.text);
	}
	if (rule->value == NULL && value != NULL)
		return error_set(err, -EINVAL, "--%s takes no value", rule->name);
	if (rule->set == NULL) {
		*verdict = strcmp(rule->name, "help") == 0 ? OPTIONS_HELP : OPTIONS_VERSION;
		return 0;
	}
	if (rule->value != NULL && value == NULL)
		value = argv[++*at];
	if (rule->value != NULL && (value == NULL || *value == '\0'))
		return error_set(err, -EINVAL, "--%s needs a value: %s", rule->name, rule->value);
	rc = rule->set(member(o, rule), rule, value != NULL ? value : "", err);
	return rc == 0 ? 0 : error_wrap(err, rc, "--%s", rule->name);
}

static int parse(struct options *o, int argc, char *const *argv, enum options_verdict *verdict,
		 struct error *err)
{
	int rc = set_defaults(o, err);
	int at = 1;

	for (; rc == 0 && at < argc && strncmp(argv[at], "--", 2) == 0; at++) {
		if (argv[at][2] == '\0') {
			at++;
			break;
		}
		rc = take(o, argv, &at, verdict, err);
		if (*verdict != OPTIONS_RUN)
			return rc;
	}
	if (rc == 0 && at < argc)
		return error_set(err, -EINVAL, "%s '%s' (--help lists the options)",
				 argv[at][0] == '-' ? "unknown option" : "unexpected argument",
				 option_show(argv[at]).text);
	return rc == 0 ? finish(o, err) : rc;
}

enum options_verdict options_parse(struct options *out, int argc, char *const *argv, struct error *err)
{
	enum options_verdict verdict = OPTIONS_RUN;
	struct options *o = calloc(1, sizeof(*o));

	if (o == NULL) {
		(void)error_errno(err, -ENOMEM, "options");
		return OPTIONS_BAD;
	}
	if (parse(o, argc, argv, &verdict, err) != 0)
		verdict = OPTIONS_BAD;
	if (verdict == OPTIONS_RUN)
		*out = *o;
	else
		options_free(o);
	free(o);
	return verdict;
}

void options_free(struct options *o)
{
	free(o->kubeconfig);
	free(o->context);
	free(o->write_as);
	free(o->lease_name);
	free(o->identity);
	free(o->listen);
	free(o->tls_cert_file);
	free(o->tls_key_file);
	settings_free(&o->settings);
	*o = (struct options){0};
}

/* Writes @text from the present column on, in lines that begin at HELP_COLUMN. */
static void print_wrapped(FILE *out, const char *text)
{
	size_t column = HELP_COLUMN;

	while (*text != '\0') {
		size_t n = strcspn(text, " ");

		if (column > HELP_COLUMN && column + 1 + n > HELP_WIDTH) {
			fprintf(out, "\n%*s", HELP_COLUMN, "");
			column = HELP_COLUMN;
		} else if (column > HELP_COLUMN) {
			fputc(' ', out);
			column++;
		}
		fprintf(out, "%.*s", (int)n, text);
		column += n;
		text += n + strspn(text + n, " ");
	}
	fputc('\n', out);
}

static void print_rule(FILE *out, const struct option_rule *rule)
{
	AUTO_BUF struct buf text = {.max = 1024};
	char head[64];

	if (rule->name == NULL) {
		fprintf(out, "\n%s:\n", rule->help);
		return;
	}
	(void)snprintf(head, sizeof(head), "  --%s %s", rule->name, rule->value != NULL ? rule->value : "");
	(void)buf_add_str(&text, rule->help);
	if (rule->fallback != NULL)
		(void)buf_printf(&text, " (default %s)", rule->fallback);
	fprintf(out, "%-*s", HELP_COLUMN, head);
	print_wrapped(out, buf_str(&text));
}

void options_print_help(FILE *out)
{
	fprintf(out, "Usage: vsock-cid-controller [OPTION]...\n"
		     "Gives every KubeVirt VMI that asks for a vsock device a CID of its own.\n");
	for (size_t i = 0; i < option_rule_count; i++)
		print_rule(out, &option_rules[i]);
}

void options_print_version(FILE *out)
{
	fprintf(out,
		"vsock-cid-controller %s (libuv %s, libcurl %s, jansson %s, OpenSSL %s, libmicrohttpd %s, "
		"libyaml %s)\n",
		version_text, uv_version_string(), curl_version_info(CURLVERSION_NOW)->version,
		jansson_version_str(), OpenSSL_version(OPENSSL_VERSION_STRING), MHD_get_version(),
		yaml_get_version_string());
}
