#include "controller/option_rule.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "base/utf8.h"

#define NAME_MAX_BYTES 253 /* RFC 1123 subdomain, which a Lease's name is */
#define USER_MAX_BYTES 1024
#define HOUR_MS        3600000u

struct option_shown option_show(const char *text)
{
	struct option_shown out;
	size_t n = utf8_cut(text, strlen(text), OPTION_MAX_SHOWN);

	for (size_t i = 0; i < n; i++)
		out.text[i] = (unsigned char)text[i] < 0x20 || text[i] == 0x7f ? '?' : text[i];
	out.text[n] = '\0';
	return out;
}

static int set_text(void *member, const struct option_rule *rule, const char *text, struct error *err)
{
	char **to = member;
	char *copy = strdup(text);

	(void)rule;
	if (copy == NULL)
		return error_errno(err, -ENOMEM, "memory");
	free(*to);
	*to = copy;
	return 0;
}

static int set_flag(void *member, const struct option_rule *rule, const char *text, struct error *err)
{
	(void)rule;
	(void)text;
	(void)err;
	*(bool *)member = true;
	return 0;
}

/* Reads decimal digits at *@text, at most UINT32_MAX, and moves it behind them. */
static bool read_digits(const char **text, uint64_t *out)
{
	const char *start = *text;

	for (*out = 0; **text >= '0' && **text <= '9'; (*text)++) {
		*out = *out * 10 + (uint64_t)(**text - '0');
		if (*out > UINT32_MAX)
			return false;
	}
	return *text > start;
}

static int set_number(void *member, const struct option_rule *rule, const char *text, struct error *err)
{
	const char *end = text;
	uint64_t value;

	if (!read_digits(&end, &value) || *end != '\0' || value < rule->least || value > rule->most)
		return error_set(err, -EINVAL, "'%s' is not a number from %u to %u", option_show(text).text,
				 rule->least, rule->most);
	*(uint32_t *)member = (uint32_t)value;
	return 0;
}

/* One more, so that 0 says that none is given. */
static int set_index(void *member, const struct option_rule *rule, const char *text, struct error *err)
{
	int rc = set_number(member, rule, text, err);

	*(uint32_t *)member += rc == 0;
	return rc;
}

static int set_duration(void *member, const struct option_rule *rule, const char *text, struct error *err)
{
	static const struct {
		const char *name;
		uint64_t ms;
	} units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", HOUR_MS}};
	const char *unit = text;
	uint64_t value;
	bool good = read_digits(&unit, &value);

	for (size_t i = 0; good && i < ARRAY_LEN(units); i++) {
		uint64_t ms = value * units[i].ms;

		if (strcmp(unit, units[i].name) != 0 || ms < rule->least || ms > rule->most)
			continue;
		*(uint32_t *)member = (uint32_t)ms;
		return 0;
	}
	return error_set(err, -EINVAL,
			 "'%s' is not a duration like 500ms, 60s, 5m or 1h (at least %ums, at most %uh)",
			 option_show(text).text, rule->least, rule->most / HOUR_MS);
}

/* The place of @text among @n names; @n where it is none. */
static size_t choose(const char *const *names, size_t n, const char *text)
{
	size_t i = 0;

	while (i < n && strcmp(text, names[i]) != 0)
		i++;
	return i;
}

static int set_gate(void *member, const struct option_rule *rule, const char *text, struct error *err)
{
	static const char *const names[] = {[GATE_AUTO] = "auto", [GATE_ON] = "on", [GATE_OFF] = "off"};
	size_t i = choose(names, ARRAY_LEN(names), text);

	(void)rule;
	if (i == ARRAY_LEN(names))
		return error_set(err, -EINVAL, "'%s' is not auto, on or off", option_show(text).text);
	*(enum gate_override *)member = (enum gate_override)i;
	return 0;
}

static int set_mode(void *member, const struct option_rule *rule, const char *text, struct error *err)
{
	static const char *const names[] = {[MODE_AUTO] = "auto",
					    [MODE_CHOOSE_TAKEOVER] = "takeover",
					    [MODE_CHOOSE_COEXIST] = "coexist",
					    [MODE_CHOOSE_OBSERVE] = "observe"};
	size_t i = choose(names, ARRAY_LEN(names), text);

	(void)rule;
	if (i == ARRAY_LEN(names))
		return error_set(err, -EINVAL, "'%s' is not auto, takeover, coexist or observe",
				 option_show(text).text);
	*(enum mode_choice *)member = (enum mode_choice)i;
	return 0;
}

/* It becomes a header line. */
static int set_user(void *member, const struct option_rule *rule, const char *text, struct error *err)
{
	for (const char *c = text; *c != '\0'; c++)
		if (*c <= 0x20 || *c > 0x7e || c - text == USER_MAX_BYTES)
			return error_set(err, -EINVAL, "'%s' is not 1 to %d printable characters",
					 option_show(text).text, USER_MAX_BYTES);
	return set_text(member, rule, text, err);
}

static int set_level(void *member, const struct option_rule *rule, const char *text, struct error *err)
{
	(void)rule;
	if (log_level_parse(text, member) == 0)
		return 0;
	return error_set(err, -EINVAL, "'%s' is not debug, info, warning or error", option_show(text).text);
}

static int set_address(void *member, const struct option_rule *rule, const char *text, struct error *err)
{
	struct in6_addr any;

	if (inet_pton(AF_INET, text, &any) != 1 && inet_pton(AF_INET6, text, &any) != 1)
		return error_set(err, -EINVAL, "'%s' is not an IP address", option_show(text).text);
	return set_text(member, rule, text, err);
}

/* An object's name becomes part of a URL. */
static int set_name(void *member, const struct option_rule *rule, const char *text, struct error *err)
{
	size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-.");

	if (text[n] != '\0' || n > NAME_MAX_BYTES || strchr("-.", text[0]) != NULL ||
	    strchr("-.", text[n - 1]) != NULL || strstr(text, "..") != NULL)
		return error_set(err, -EINVAL, "'%s' is not the name of an object", option_show(text).text);
	return set_text(member, rule, text, err);
}

/* It becomes part of the User-Agent, as a comment (RFC 9110 section 5.6.5), hence no parentheses. */
static int set_identity(void *member, const struct option_rule *rule, const char *text, struct error *err)
{
	for (const char *c = text; *c != '\0'; c++)
		if (*c <= 0x20 || *c > 0x7e || strchr("()\\", *c) != NULL || c - text == NAME_MAX_BYTES)
			return error_set(err, -EINVAL,
					 "'%s' is not 1 to %d printable characters without ( ) and \\",
					 option_show(text).text, NAME_MAX_BYTES);
	return set_text(member, rule, text, err);
}

static int add_exclusions(void *member, const struct option_rule *rule, const char *text, struct error *err)
{
	struct cid_exclusions *to = member;
	struct cid_span spans[CID_RANGE_MAX_EXCLUDED];
	size_t count;
	int rc = cid_range_parse_exclusions(text, spans, &count, err);

	(void)rule;
	if (rc != 0)
		return rc;
	if (count > CID_RANGE_MAX_EXCLUDED - to->count)
		return error_set(err, -EINVAL, "more than %d entries", CID_RANGE_MAX_EXCLUDED);
	memcpy(&to->spans[to->count], spans, count * sizeof(spans[0]));
	to->count += count;
	return 0;
}

#define AT(m)   .offset = offsetof(struct options, m)
#define LIVE(m) .offset = offsetof(struct settings_values, m), .live = true

const struct option_rule option_rules[] = {
	{.help = "API server"},
	{"kubeconfig", "PATH", set_text, AT(kubeconfig),
	 .help = "kubeconfig file; without it $KUBECONFIG, the pod's service account and ~/.kube/config are "
		 "tried in this order"},
	{"context", "NAME", set_text, AT(context),
	 .help = "context of the kubeconfig instead of its current-context"},
	{"writes-in-flight", "N", set_number, LIVE(writes_in_flight), .least = 1, .most = 256,
	 .fallback = "16", .help = "most VMIs written to at the same time"},

	{.help = "KubeVirt"},
	{"mode", "MODE", set_mode, AT(mode), .fallback = "auto",
	 .help = "takeover: write CIDs while the admission policies see to it that nobody else can; coexist: "
		 "write without them; observe: write nothing; auto: whichever of them fits (see "
		 "manifests/kubevirt.md)"},
	{"write-as", "USER", set_user, AT(write_as), .fallback = "auto",
	 .help = "user to act as when a CID is written, as KubeVirt (1.6 and later) undoes what others "
		 "write; "
		 "auto: its kubevirt-synchronization-controller; self: nobody else"},

	{.help = "CIDs"},
	{"feature-gate", "MODE", set_gate, AT(feature_gate), .fallback = "auto",
	 .help = "auto: the KubeVirt CR's VSOCK feature gate decides whether CIDs are given; on, off: "
		 "regardless of it"},
	{"cid-min", "N", set_number, LIVE(cid_min), .least = CID_LOWEST, .most = CID_HIGHEST, .fallback = "3",
	 .help = "lowest CID that is given"},
	{"cid-max", "N", set_number, LIVE(cid_max), .least = CID_LOWEST, .most = CID_HIGHEST,
	 .fallback = "2147483647",
	 .help = "highest CID that is given; from the lowest on at least 1048576 CIDs"},
	{"exclude-cids", "LIST", add_exclusions, LIVE(excluded),
	 .help = "CIDs that are never given, like 100,2000-2999; may be given more than once, 1024 entries "
		 "in all"},
	{"cluster-count", "N", set_number, LIVE(cluster_count), .least = 1, .most = 4095, .fallback = "1",
	 .help = "clusters that share the CIDs, each with a part of its own of at least 1048576"},
	{"cluster-index", "N", set_index, LIVE(cluster_number), .most = 4094,
	 .help = "which of these parts is this cluster's, from 0 on; needed where there is more than one"},
	{"quarantine", "TIME", set_duration, LIVE(quarantine_ms), .most = 24 * HOUR_MS, .fallback = "60s",
	 .help = "rest of a CID between two VMIs; units ms, s, m, h"},

	{.help = "Leader election"},
	{"lease-name", "NAME", set_name, AT(lease_name), .fallback = "vsock-cid-controller",
	 .help = "name of the Lease, in the KubeVirt CR's namespace"},
	{"identity", "TEXT", set_identity, AT(identity),
	 .help = "this process in the Lease, unlike any other; by default the host's name, _ and a random "
		 "UUID"},
	{"lease-duration", "TIME", set_duration, AT(lease_duration_ms), .least = 1000, .most = HOUR_MS,
	 .fallback = "15s",
	 .help = "after which others take over from a leader that is silent; whole seconds"},
	{"renew-deadline", "TIME", set_duration, AT(renew_deadline_ms), .least = 100, .most = HOUR_MS,
	 .fallback = "10s", .help = "after its last renewal the leader may write no longer than this"},
	{"retry-period", "TIME", set_duration, AT(retry_period_ms), .least = 50, .most = HOUR_MS,
	 .fallback = "2s", .help = "between two renewals"},

	{.help = "Metrics and probes"},
	{"listen", "ADDRESS", set_address, AT(listen),
	 .help = "address to listen on (default 0.0.0.0; with --plain-http 127.0.0.1)"},
	{"port", "N", set_number, AT(port), .most = 65535, .fallback = "8443",
	 .help = "port to listen on, 0 for any free one"},
	{"tls-cert-file", "PATH", set_text, AT(tls_cert_file),
	 .help = "certificate chain (PEM), read again when it changes; without it a self-signed one is made"},
	{"tls-key-file", "PATH", set_text, AT(tls_key_file), .help = "its private key (PEM)"},
	{"plain-http", NULL, set_flag, AT(plain_http), .help = "serve HTTP without TLS"},

	{.help = "General"},
	{"log-level", "LEVEL", set_level, AT(log_level), .fallback = "info",
	 .help = "debug, info, warning or error"},
	{"help", NULL, NULL, .help = "print this text and exit"},
	{"version", NULL, NULL, .help = "print the versions of program and libraries and exit"},
};

const size_t option_rule_count = ARRAY_LEN(option_rules);

const struct option_rule *option_rule_find(const char *name, size_t n)
{
	for (size_t i = 0; i < option_rule_count; i++)
		if (option_rules[i].name != NULL && strlen(option_rules[i].name) == n &&
		    strncmp(option_rules[i].name, name, n) == 0)
			return &option_rules[i];
	return NULL;
}
