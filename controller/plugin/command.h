/**
 * command: one word behind "kubectl vsock". Each has a file of its own; main.c has the table of them.
 */
#ifndef CONTROLLER_PLUGIN_COMMAND_H
#define CONTROLLER_PLUGIN_COMMAND_H

#include "base/error.h"
#include "controller/plugin/flags.h"

/** Exit statuses of all commands. */
enum command_status {
	COMMAND_OK = 0,
	COMMAND_FOUND = 1,  /* it was looked at, and something is wrong or missing */
	COMMAND_FAILED = 2, /* it could not be looked at, or the command line is wrong */
};

struct command {
	const char *name;
	const char *words;    /* what comes behind it: "CID..."; "" */
	const char *summary;  /* one line */
	const char *help;     /* paragraphs, with examples; ends with a line end */
	unsigned int allowed; /* enum flags_allowed */
	/** Returns an exit status; says itself why it is COMMAND_FAILED. */
	enum command_status (*run)(const struct flags *flags);
};

extern const struct command command_list;
extern const struct command command_whois;
extern const struct command command_audit;
extern const struct command command_gate;
extern const struct command command_doctor;
extern const struct command command_probe;
extern const struct command command_completion;

/** All of them, NULL-terminated. */
extern const struct command *const commands[];

/** The command of that name, or NULL. */
const struct command *command_find(const char *name);

/** What may come as the last of @words, which is begun or "": one a line, and the directive that ends the
 * list for kubectl (as Cobra's __complete). */
enum command_status completion_answer(int count, char **words);

/** "error: " and the message, to standard error. Returns COMMAND_FAILED. */
enum command_status command_fail(const struct error *err);

#endif
