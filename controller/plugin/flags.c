#include "controller/plugin/flags.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/macros.h"

/* getopt's values of flags that have no letter. */
enum { FLAG_KUBECONFIG = 256, FLAG_CONTEXT, FLAG_NO_HEADERS, FLAG_HERE, FLAG_IMAGE, FLAG_NODE };

struct rule {
	struct option option;
	unsigned int allowed; /* bits of which one is needed; 0: always */
	const char *help;
};

static const struct rule rules[] = {
	{{"namespace", required_argument, NULL, 'n'},
	 FLAGS_ALLOW_NAMESPACE,
	 "-n, --namespace NAME    the namespace; else that of the context"},
	{{"all-namespaces", optional_argument, NULL, 'A'},
	 FLAGS_ALLOW_ALL,
	 "-A, --all-namespaces    all namespaces"},
	{{"output", required_argument, NULL, 'o'},
	 FLAGS_ALLOW_OUTPUT,
	 "-o, --output FORMAT     table, wide, json or yaml"},
	{{"no-headers", optional_argument, NULL, FLAG_NO_HEADERS},
	 FLAGS_ALLOW_OUTPUT,
	 "    --no-headers        a table without its first line"},
	{{"watch", optional_argument, NULL, 'w'},
	 FLAGS_ALLOW_WATCH,
	 "-w, --watch             then each change, as it comes"},
	{{"filename", required_argument, NULL, 'f'},
	 FLAGS_ALLOW_FILES,
	 "-f, --filename FILE     look at files instead of the cluster; may be repeated"},
	{{"here", optional_argument, NULL, FLAG_HERE},
	 FLAGS_ALLOW_PROBE,
	 "    --here              try it in this process, not in a pod"},
	{{"image", required_argument, NULL, FLAG_IMAGE},
	 FLAGS_ALLOW_PROBE,
	 "    --image IMAGE       the image of the pod; else that of the controller"},
	{{"node", required_argument, NULL, FLAG_NODE},
	 FLAGS_ALLOW_PROBE,
	 "    --node NAME         the node of the pod; else the scheduler finds one"},
	{{"kubeconfig", required_argument, NULL, FLAG_KUBECONFIG},
	 0,
	 "    --kubeconfig FILE   as for kubectl"},
	{{"context", required_argument, NULL, FLAG_CONTEXT}, 0, "    --context NAME      as for kubectl"},
	{{"help", no_argument, NULL, 'h'}, 0, "-h, --help              this text"},
};

#define RULES ARRAY_LEN(rules)

/* Where the explanations begin. */
#define HELP_COLUMN 24

static bool is_allowed(const struct rule *rule, unsigned int allowed)
{
	return rule->allowed == 0 || (rule->allowed & allowed) != 0;
}

static int read_output(struct flags *f, unsigned int allowed, const char *text, struct error *err)
{
	static const char *const names[] = {[FLAGS_TABLE] = "table",
					    [FLAGS_WIDE] = "wide",
					    [FLAGS_JSON] = "json",
					    [FLAGS_YAML] = "yaml",
					    [FLAGS_NAME] = "name"};

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (strcmp(text, names[i]) != 0 || (i == FLAGS_NAME && (allowed & FLAGS_ALLOW_NAMES) == 0))
			continue;
		f->output = (enum flags_output)i;
		return 0;
	}
	return error_set(err, -EINVAL, "-o %s: it has to be table, wide, json%s", text,
			 (allowed & FLAGS_ALLOW_NAMES) != 0 ? ", yaml or name" : " or yaml");
}

/* "--watch=false", with the words that kubectl takes (Go's strconv.ParseBool). */
static int read_bool(bool *out, const char *flag, const char *value, struct error *err)
{
	static const char *const words[][6] = {{"false", "False", "FALSE", "f", "F", "0"},
					       {"true", "True", "TRUE", "t", "T", "1"}};

	*out = true;
	if (value == NULL)
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(words) * ARRAY_LEN(words[0]); i++) {
		*out = i / ARRAY_LEN(words[0]) == 1;
		if (strcmp(value, words[*out][i % ARRAY_LEN(words[0])]) == 0)
			return 0;
	}
	return error_set(err, -EINVAL, "%s=%s: it has to be true or false", flag, value);
}

/* What may stand in a path, and in a pod's spec. */
static int read_node(struct flags *f, const char *text, struct error *err)
{
	size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-.");

	if (n == 0 || text[n] != '\0' || n > 253)
		return error_set(err, -EINVAL, "--node %s: that is no name of a node", text);
	f->node = text;
	return 0;
}

/* A DNS label; "" is the default namespace, as for kubectl. */
static int read_namespace(struct flags *f, const char *text, struct error *err)
{
	size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-");

	if (text[n] != '\0' || n > 63 || text[0] == '-')
		return error_set(err, -EINVAL, "-n %s: that is no name of a namespace", text);
	f->namespace = n > 0 ? text : NULL;
	return 0;
}

static int take(struct flags *f, unsigned int allowed, int c, const char *value, struct error *err)
{
	if (value == NULL)
		value = "";
	/* kubectl takes "-o=json", which getopt does not know. */
	if (c < 256 && *value == '=')
		value++;
	switch (c) {
	case 'n':
		return read_namespace(f, value, err);
	case 'A':
		return read_bool(&f->all_namespaces, "--all-namespaces", optarg, err);
	case 'o':
		return read_output(f, allowed, value, err);
	case 'w':
		return read_bool(&f->watch, "--watch", optarg, err);
	case 'f':
		if (f->file_count == FLAGS_MAX_FILES)
			return error_set(err, -EINVAL, "more than %d files", FLAGS_MAX_FILES);
		f->files[f->file_count++] = value;
		return 0;
	case 'h':
		f->help = true;
		return 0;
	case FLAG_NO_HEADERS:
		return read_bool(&f->no_headers, "--no-headers", optarg, err);
	case FLAG_HERE:
		return read_bool(&f->here, "--here", optarg, err);
	case FLAG_NODE:
		return read_node(f, value, err);
	case FLAG_IMAGE:
		f->image = value;
		return 0;
	case FLAG_KUBECONFIG:
		f->kubeconfig = value;
		return 0;
	default:
		f->context = value;
		return 0;
	}
}

/* getopt's tables of what is allowed. */
static void make_tables(unsigned int allowed, struct option table[static RULES + 1],
			char letters[static 2 * RULES + 2])
{
	size_t n = 0;

	*letters++ = ':';
	for (size_t i = 0; i < RULES; i++) {
		if (!is_allowed(&rules[i], allowed))
			continue;
		table[n++] = rules[i].option;
		if (rules[i].option.val >= 256)
			continue;
		*letters++ = (char)rules[i].option.val;
		if (rules[i].option.has_arg == required_argument)
			*letters++ = ':';
	}
	table[n] = (struct option){0};
	*letters = '\0';
}

static int complain(int c, unsigned int allowed, char **argv, struct error *err)
{
	const char *word = argv[optind - 1];

	if (c == '?' && (allowed & (FLAGS_ALLOW_ALL | FLAGS_ALLOW_NAMESPACE)) == FLAGS_ALLOW_ALL &&
	    (optopt == 'n' || strncmp(word, "--namespace", strlen("--namespace")) == 0))
		return error_set(
			err, -EINVAL,
			"-n: it looks at all namespaces, since a CID is one VM's in the whole cluster");

	if (c == ':')
		return error_set(err, -EINVAL, "%s needs a value", word);
	if (optopt != 0 && optopt < 256 && strncmp(word, "--", 2) != 0)
		return error_set(err, -EINVAL, "unknown flag -%c", optopt);
	return error_set(err, -EINVAL, "unknown flag %s", word);
}

int flags_first_word(int argc, char **argv)
{
	struct option table[RULES + 1];
	char letters[2 * RULES + 3] = "+"; /* up to there, and in the order that it has */

	make_tables(UINT_MAX, table, letters + 1);
	optind = 0;
	opterr = 0;
	while (getopt_long(argc, argv, letters, table, NULL) != -1)
		;
	return optind;
}

int flags_read(struct flags *out, unsigned int allowed, int argc, char **argv, struct error *err)
{
	struct option table[RULES + 1];
	char letters[2 * RULES + 2];
	int rc = 0;
	int c;

	*out = (struct flags){.output = FLAGS_TABLE};
	make_tables(allowed, table, letters);
	optind = 0; /* a new command line */
	opterr = 0;
	while (rc == 0 && (c = getopt_long(argc, argv, letters, table, NULL)) != -1)
		rc = c == '?' || c == ':' ? complain(c, allowed, argv, err)
					  : take(out, allowed, c, optarg, err);
	if (rc != 0 || out->help)
		return rc;
	out->words = argv + optind;
	out->word_count = argc - optind;
	/* "-f *.json" */
	while (out->file_count > 0 && out->word_count > 0 && out->file_count < FLAGS_MAX_FILES) {
		out->files[out->file_count++] = *out->words++;
		out->word_count--;
	}
	if (out->word_count > 0 && (allowed & FLAGS_ALLOW_WORDS) == 0)
		return error_set(err, -EINVAL, "unexpected argument '%s'", out->words[0]);
	if (out->namespace != NULL && out->all_namespaces)
		return error_set(err, -EINVAL, "-n and -A contradict each other");
	return 0;
}

void flags_complete(unsigned int allowed, const char *prefix)
{
	for (size_t i = 0; i < RULES; i++) {
		char name[32];

		(void)snprintf(name, sizeof(name), "--%s", rules[i].option.name);
		if (is_allowed(&rules[i], allowed) && strncmp(name, prefix, strlen(prefix)) == 0)
			printf("%s\t%s\n", name, rules[i].help + HELP_COLUMN);
	}
}

void flags_print_help(unsigned int allowed)
{
	for (size_t i = 0; i < RULES; i++)
		if (is_allowed(&rules[i], allowed))
			printf("  %s%s\n", rules[i].help,
			       rules[i].option.val == 'o' && (allowed & FLAGS_ALLOW_NAMES) != 0 ? " (or name)"
												: "");
}
