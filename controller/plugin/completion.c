/* kubectl vsock completion: what shells need to complete commands and flags. */
#include <stdio.h>
#include <string.h>

#include "base/macros.h"
#include "controller/plugin/command.h"
#include "controller/plugin/contexts.h"
#include "controller/plugin/session.h"

/* Directives of Cobra's shell completion. */
#define FILES    0
#define NO_FILES 4

#define MAX_WORDS 256

/* kubectl runs kubectl_complete-vsock for a plugin's words; it is this script. Without a shell's own. */
static const char kubectl_script[] =
	"#!/bin/sh\n"
	"# Put this on the PATH as kubectl_complete-vsock: kubectl asks it what may come next.\n"
	"exec kubectl-vsock __complete \"$@\"\n";

/* What is to be completed. */
struct request {
	const struct command *command; /* NULL: none is named */
	bool is_named;                 /* a word stands where a command does */
	struct flags flags;            /* of the words before, as far as they can be read */
	const char *before, *last;
};

static bool begins_with(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

static void offer(const struct request *r, const char *word)
{
	if (begins_with(word, r->last))
		puts(word);
}

static void offer_commands(const struct request *r)
{
	for (size_t i = 0; commands[i] != NULL; i++)
		if (begins_with(commands[i]->name, r->last))
			printf("%s\t%s\n", commands[i]->name, commands[i]->summary);
}

static void offer_formats(const struct request *r)
{
	static const char *const formats[] = {"table", "wide", "json", "yaml", "name"};
	bool names = r->command == NULL || (r->command->allowed & FLAGS_ALLOW_NAMES) != 0;

	for (size_t i = 0; i < ARRAY_LEN(formats) - !names; i++)
		offer(r, formats[i]);
}

static void on_context(void *data, const char *name)
{
	offer(data, name);
}

static void on_object(void *data, const json_t *object)
{
	const char *name = json_string_value(json_object_get(json_object_get(object, "metadata"), "name"));

	if (name != NULL)
		offer(data, name);
}

/* Whoever cannot ask has none; a shell shows no errors. */
static void offer_objects(struct request *r, const char *path)
{
	struct session session;

	if (session_open(&session, &r->flags, NULL) != 0)
		return;
	log_init(&session.log, -1, LOG_LEVEL_ERROR, "");
	(void)session_list(&session, path, on_object, r, NULL);
	session_close(&session);
}

static bool is_flag(const char *word, const char *letter, const char *name)
{
	return strcmp(word, letter) == 0 || strcmp(word, name) == 0;
}

/* The value of the flag @flag; false where it has none that is known here. */
static bool offer_values(struct request *r, const char *flag, int *directive)
{
	if (is_flag(flag, "-o", "--output"))
		offer_formats(r);
	else if (is_flag(flag, "-n", "--namespace"))
		offer_objects(r, "/api/v1/namespaces");
	else if (strcmp(flag, "--node") == 0)
		offer_objects(r, "/api/v1/nodes");
	else if (strcmp(flag, "--context") == 0)
		contexts_visit(r->flags.kubeconfig, on_context, r);
	else if (is_flag(flag, "-f", "--filename") || strcmp(flag, "--kubeconfig") == 0)
		*directive = FILES;
	else
		return strcmp(flag, "--image") == 0;
	return true;
}

/* The last word begins with a dash: the name of a flag, or "--output=js", of which shells want the value
 * alone. */
static void offer_flags(struct request *r, int *directive)
{
	const char *equals = strchr(r->last, '=');
	char flag[32];

	if (equals == NULL) {
		flags_complete(r->command != NULL ? r->command->allowed : FLAGS_ALLOW_ANY, r->last);
		return;
	}
	(void)snprintf(flag, sizeof(flag), "%.*s", (int)(equals - r->last), r->last);
	r->last = equals + 1;
	(void)offer_values(r, flag, directive);
}

/* The command, and what --kubeconfig and --context say, of the words before the last one. They may stand in
 * any order, and be wrong. */
static void read_words(struct request *r, int count, char **words)
{
	char *argv[MAX_WORDS + 2] = {(char *)"kubectl-vsock"};
	int argc = 1;
	int at;

	for (int i = 0; i + 1 < count && argc <= MAX_WORDS; i++)
		argv[argc++] = words[i];
	at = flags_first_word(argc, argv);
	r->is_named = at < argc;
	r->command = r->is_named ? command_find(argv[at]) : NULL;
	/* "--context" whose value is still to come is no flag yet. */
	if (argc > 1 && argv[argc - 1][0] == '-')
		argv[--argc] = NULL;
	if (flags_read(&r->flags, FLAGS_ALLOW_ANY, argc, argv, NULL) != 0)
		r->flags = (struct flags){.output = FLAGS_TABLE};
}

enum command_status completion_answer(int count, char **words)
{
	struct request r = {.before = count > 1 ? words[count - 2] : "",
			    .last = count > 0 ? words[count - 1] : ""};
	int directive = NO_FILES;

	read_words(&r, count, words);
	if (r.before[0] == '-' && offer_values(&r, r.before, &directive))
		;
	else if (r.last[0] == '-')
		offer_flags(&r, &directive);
	else if (strcmp(r.before, "help") == 0 || !r.is_named)
		offer_commands(&r);
	printf(":%d\n", directive);
	return fflush(stdout) == 0 ? COMMAND_OK : COMMAND_FAILED;
}

static enum command_status run(const struct flags *flags)
{
	(void)flags;
	(void)fputs(kubectl_script, stdout);
	return fflush(stdout) == 0 ? COMMAND_OK : COMMAND_FAILED;
}

const struct command command_completion = {
	.name = "completion",
	.words = "",
	.summary = "Print the script by which kubectl completes this plugin",
	.help = "kubectl completes plugins, in every shell that it knows, by a program on the\nPATH.\n\n"
		"Examples:\n"
		"  kubectl vsock completion > ~/.local/bin/kubectl_complete-vsock\n"
		"  chmod +x ~/.local/bin/kubectl_complete-vsock\n",
	.run = run,
};
