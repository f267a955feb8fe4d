/**
 * flags: the command line of kubectl-vsock, with the names that kubectl's own commands have.
 *
 * kubectl hands everything behind "kubectl vsock" on, its own global flags included, so those are known here.
 * Flags may stand before, behind and between the other words. Pure.
 */
#ifndef CONTROLLER_PLUGIN_FLAGS_H
#define CONTROLLER_PLUGIN_FLAGS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

enum flags_output { FLAGS_TABLE, FLAGS_WIDE, FLAGS_JSON, FLAGS_YAML, FLAGS_NAME };

/** What a command takes besides --kubeconfig, --context and --help. */
enum flags_allowed {
	FLAGS_ALLOW_NAMESPACE = 1 << 0, /* -n */
	FLAGS_ALLOW_OUTPUT = 1 << 1,    /* -o table|wide|json|yaml, --no-headers */
	FLAGS_ALLOW_NAMES = 1 << 2,     /* -o name too */
	FLAGS_ALLOW_WATCH = 1 << 3,     /* -w */
	FLAGS_ALLOW_FILES = 1 << 4,     /* -f */
	FLAGS_ALLOW_PROBE = 1 << 5,     /* --here, --image, --node */
	FLAGS_ALLOW_WORDS = 1 << 6,     /* words that are no flags */
	FLAGS_ALLOW_ALL = 1 << 7,       /* -A; without -n it changes nothing */
};

#define FLAGS_ALLOW_ANY 0xffu

#define FLAGS_MAX_FILES 64

/** All borrowed from argv. */
struct flags {
	const char *kubeconfig, *context; /* NULL: kubectl's defaults */
	const char *namespace;            /* NULL: that of the context */
	const char *image, *node;
	const char *files[FLAGS_MAX_FILES]; /* "-": standard input */
	size_t file_count;
	char **words;
	int word_count;
	enum flags_output output;
	bool all_namespaces, no_headers, watch, here, help;
};

/** Where the first word stands that is neither a flag of any command nor the value of one; @argc: there is
 * none. */
int flags_first_word(int argc, char **argv);

/** Reads argv[1] and on; argv is put into another order. @allowed: bits of enum flags_allowed. Returns 0, or
 * -EINVAL with err. */
int flags_read(struct flags *out, unsigned int allowed, int argc, char **argv, struct error *err);

/** Whether the output is a document, JSON or YAML. */
static inline bool flags_want_document(const struct flags *f)
{
	return f->output == FLAGS_JSON || f->output == FLAGS_YAML;
}

/** Prints the flags that begin with @prefix, each with what it is for behind a tab, for a shell. */
void flags_complete(unsigned int allowed, const char *prefix);

/** The text of a command's help about its flags, for @allowed. */
void flags_print_help(unsigned int allowed);

#endif
