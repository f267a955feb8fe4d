/* kubectl vsock completion: what shells need to complete commands and flags. */
#include <stdio.h>
#include <string.h>

#include "base/macros.h"
#include "controller/plugin/command.h"

/* Directives of Cobra's shell completion. */
#define FILES    0
#define NO_FILES 4

/* kubectl runs kubectl_complete-vsock for a plugin's words; it is this script. Without a shell's own. */
static const char kubectl_script[] =
	"#!/bin/sh\n"
	"# Put this on the PATH as kubectl_complete-vsock: kubectl asks it what may come next.\n"
	"exec kubectl-vsock __complete \"$@\"\n";

static bool begins_with(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

static void complete_format(unsigned int allowed, const char *prefix)
{
	static const char *const formats[] = {"table", "wide", "json", "yaml", "name"};

	for (size_t i = 0; i < ARRAY_LEN(formats) - ((allowed & FLAGS_ALLOW_NAMES) == 0); i++)
		if (begins_with(formats[i], prefix))
			puts(formats[i]);
}

static bool is_flag(const char *word, const char *letter, const char *name)
{
	return strcmp(word, letter) == 0 || strcmp(word, name) == 0;
}

enum command_status completion_answer(int count, char **words)
{
	const char *last = count > 0 ? words[count - 1] : "";
	const char *before = count > 1 ? words[count - 2] : "";
	const struct command *command = count > 1 ? command_find(words[0]) : NULL;
	int directive = NO_FILES;

	if (count <= 1) {
		for (size_t i = 0; commands[i] != NULL; i++)
			if (begins_with(commands[i]->name, last))
				printf("%s\t%s\n", commands[i]->name, commands[i]->summary);
	} else if (command != NULL && is_flag(before, "-o", "--output")) {
		complete_format(command->allowed, last);
	} else if (is_flag(before, "-f", "--filename") || strcmp(before, "--kubeconfig") == 0) {
		directive = FILES;
	} else if (command != NULL && last[0] == '-') {
		flags_complete(command->allowed, last);
	}
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
