/* kubectl-vsock: what an admin wants to know of VSOCK CIDs. kubectl finds it on the PATH as "kubectl vsock".
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/version.h"
#include "controller/plugin/command.h"
#include "controller/plugin/table.h"

const struct command *const commands[] = {&command_list,   &command_whois, &command_audit,      &command_gate,
					  &command_doctor, &command_probe, &command_completion, NULL};

/* Whoever has closed a standard stream must not find a socket there, nor libuv a stream in place of its
 * epoll. As in gnulib's stdopen: opened the wrong way round, so that whoever reads or writes there is told.
 */
static bool open_standard_streams(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 &&
		    open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd)
			return false;
	return true;
}

/* Into "head": quietly, as other commands do. For connections SIGPIPE has to be ignored until then. */
static void end_with_reader(void)
{
	struct pollfd out = {.fd = STDOUT_FILENO};

	if (poll(&out, 1, 0) != 1 || (out.revents & POLLERR) == 0)
		return;
	(void)signal(SIGPIPE, SIG_DFL);
	(void)raise(SIGPIPE);
}

enum command_status command_fail(const struct error *err)
{
	if (ferror(stdout) != 0)
		end_with_reader();
	(void)fputs("error: ", stderr);
	table_text(stderr, err->message[0] != '\0' ? err->message : strerror(-err->code));
	(void)fputc('\n', stderr);
	return COMMAND_FAILED;
}

static void print_usage(FILE *out)
{
	(void)fputs("VSOCK addresses (CIDs) of KubeVirt's virtual machines.\n\n"
		    "Usage:\n  kubectl vsock COMMAND [flags]\n\nCommands:\n",
		    out);
	for (size_t i = 0; commands[i] != NULL; i++)
		(void)fprintf(out, "  %-10s %s\n", commands[i]->name, commands[i]->summary);
	(void)fputs("\n\"kubectl vsock COMMAND --help\" has each one's flags and examples.\n"
		    "\"kubectl vsock version\" tells the version.\n"
		    "Exit status: 0 all is well, 1 something was found, 2 it could not be looked at.\n",
		    out);
}

static void print_help(const struct command *c)
{
	printf("%s.\n\n%s\nUsage:\n  kubectl vsock %s%s%s [flags]\n\nFlags:\n", c->summary, c->help, c->name,
	       c->words[0] != '\0' ? " " : "", c->words);
	flags_print_help(c->allowed);
}

const struct command *command_find(const char *name)
{
	for (size_t i = 0; commands[i] != NULL; i++)
		if (strcmp(commands[i]->name, name) == 0)
			return commands[i];
	return NULL;
}

/* "kubectl vsock -n NAMESPACE list": the command comes first, as if it had been given so. */
static void put_command_first(int argc, char **argv)
{
	int at = argc > 1 && argv[1][0] == '-' ? flags_first_word(argc, argv) : argc;
	char *command;

	if (at >= argc)
		return;
	command = argv[at];
	memmove(&argv[2], &argv[1], (size_t)(at - 1) * sizeof(argv[0]));
	argv[1] = command;
}

static enum command_status refuse_command(const char *name)
{
	(void)fprintf(stderr, "error: unknown command \"%s\" (kubectl vsock --help lists them)\n", name);
	return COMMAND_FAILED;
}

/* "help", "help COMMAND", "--help". */
static enum command_status help(const char *name)
{
	const struct command *command = name != NULL ? command_find(name) : NULL;

	if (name == NULL || name[0] == '-') {
		print_usage(stdout);
		return COMMAND_OK;
	}
	if (command == NULL)
		return refuse_command(name);
	print_help(command);
	return COMMAND_OK;
}

static enum command_status run_command(const struct command *command, int argc, char **argv)
{
	struct error err = {0};
	struct flags flags;

	if (flags_read(&flags, command->allowed, argc, argv, &err) != 0)
		return command_fail(&err);
	if (!flags.help)
		return command->run(&flags);
	print_help(command);
	return COMMAND_OK;
}

static enum command_status run(int argc, char **argv)
{
	const char *word = argc > 1 ? argv[1] : NULL;
	const struct command *command;

	if (word == NULL) {
		print_usage(stderr);
		return COMMAND_FAILED;
	}
	if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0)
		return help(argc > 2 ? argv[2] : NULL);
	if (strcmp(word, "version") == 0 || strcmp(word, "--version") == 0) {
		printf("kubectl-vsock %s\n", version_text);
		return COMMAND_OK;
	}
	if (strcmp(word, "__complete") == 0)
		return completion_answer(argc - 2, argv + 2);
	command = command_find(word);
	return command != NULL ? run_command(command, argc - 1, argv + 1) : refuse_command(word);
}

int main(int argc, char **argv)
{
	enum command_status status;
	struct error err = {0};

	if (!open_standard_streams())
		return COMMAND_FAILED;
	put_command_first(argc, argv);
	status = run(argc, argv);
	if (status != COMMAND_FAILED && (fflush(stdout) != 0 || ferror(stdout) != 0)) {
		(void)error_set(&err, -EIO, "standard output cannot be written");
		return (int)command_fail(&err);
	}
	return (int)status;
}
