/**
 * options: the command line.
 *
 * Long options only, as `--name value` or `--name=value`, with getopt_long's habits (`--` ends them, the last
 * one wins) but without abbreviations; --exclude-cids adds up instead. One table drives parsing, defaults and
 * --help. Nothing is printed or ended here but by the two functions that say so; main() decides.
 */
#ifndef CONTROLLER_OPTIONS_H
#define CONTROLLER_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/error.h"
#include "base/log.h"
#include "controller/gate.h"
#include "controller/mode.h"
#include "controller/settings.h"

/** Strings and settings belong to the struct. */
struct options {
	char *kubeconfig; /* NULL where not given */
	char *context;    /* NULL where not given */

	enum mode_choice mode;
	char *write_as; /* "auto", "self" or a user; see write_identity.h */
	enum gate_override feature_gate;
	struct settings_values values; /* of the settings, as given; a ConfigMap may say other ones */
	struct settings settings;      /* and what they mean */

	char *lease_name;
	char *identity;             /* hostname_UUID where not given (LE-2) */
	uint32_t lease_duration_ms; /* whole seconds; > renew_deadline_ms > 1.2 * retry_period_ms (LE-3) */
	uint32_t renew_deadline_ms;
	uint32_t retry_period_ms;

	char *listen;  /* an IP address */
	uint32_t port; /* 0: any free one */
	bool plain_http;
	char *tls_cert_file; /* both or none */
	char *tls_key_file;

	enum log_level log_level;
};

enum options_verdict {
	OPTIONS_RUN,     /* @out is filled: options_free() it */
	OPTIONS_HELP,    /* --help: options_print_help() and exit 0 */
	OPTIONS_VERSION, /* --version: options_print_version() and exit 0 */
	OPTIONS_BAD,     /* err has one line: print it and exit 2 */
};

/** Parses the command line; on any verdict but OPTIONS_RUN @out is untouched. */
enum options_verdict options_parse(struct options *out, int argc, char *const *argv, struct error *err);

void options_free(struct options *o);

/** Writes the text of --help, at most 80 columns wide. */
void options_print_help(FILE *out);

/** Writes "vsock-cid-controller VERSION (libuv ..., ...)" with the versions of the libraries in use. */
void options_print_version(FILE *out);

#endif
