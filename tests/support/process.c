#include "support/process.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"

#define PORT_LOOK_MS 10

static int redirect(const char *output)
{
	int in = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int out;

	if (in < 0 || dup2(in, STDIN_FILENO) < 0)
		return -errno;
	if (output == NULL)
		return 0;
	out = open(output, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	if (out < 0 || dup2(out, STDOUT_FILENO) < 0 || dup2(out, STDERR_FILENO) < 0)
		return -errno;
	return 0;
}

/* In the child: never returns. What goes wrong is told through @report, which exec closes. */
static void become(const char *const *argv, const char *const *extra_env, const char *output, pid_t parent,
		   int report)
{
	sigset_t none;
	int rc;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent) /* it died before the line above */
		_exit(127);
	rc = redirect(output);
	for (size_t i = 0; rc == 0 && extra_env != NULL && extra_env[i] != NULL; i++)
		rc = putenv((char *)(uintptr_t)extra_env[i]) == 0 ? 0 : -errno;
	close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
	if (rc == 0) {
		execvp(argv[0], (char *const *)(uintptr_t)argv);
		rc = -errno;
	}
	if (write(report, &rc, sizeof(rc)) < 0)
		_exit(126);
	_exit(127);
}

int process_start(struct process *p, const char *const *argv, const char *const *extra_env,
		  const char *output, struct error *err)
{
	pid_t parent = getpid();
	int report[2];
	int rc = 0;

	*p = (struct process){.pidfd = -1};
	if (pipe2(report, O_CLOEXEC) != 0)
		return error_errno(err, -errno, "pipe");
	fflush(NULL); /* or the child would write our buffered text a second time */
	p->pid = fork();
	if (p->pid == 0)
		become(argv, extra_env, output, parent, report[1]);
	if (p->pid < 0)
		rc = -errno;
	close(report[1]);
	if (rc == 0 && read(report[0], &rc, sizeof(rc)) == sizeof(rc))
		waitpid(p->pid, NULL, 0);
	close(report[0]);
	if (rc == 0) {
		p->pidfd = pidfd_open(p->pid, 0);
		if (p->pidfd < 0) {
			rc = -errno;
			kill(p->pid, SIGKILL);
			waitpid(p->pid, NULL, 0);
		}
	}
	if (rc == 0)
		return 0;
	p->pid = 0;
	return error_errno(err, rc, "start %s", argv[0]);
}

int process_wait(struct process *p, int timeout_ms)
{
	struct pollfd fd = {.fd = p->pidfd, .events = POLLIN};
	uint64_t now = clock_boot_ms();
	uint64_t end = now + (uint64_t)timeout_ms;

	if (p->ended || p->pid == 0)
		return 0;
	while (poll(&fd, 1, (int)(end - now)) <= 0) {
		now = clock_boot_ms();
		if (now >= end)
			return -ETIMEDOUT;
	}
	while (waitpid(p->pid, &p->status, 0) < 0 && errno == EINTR)
		;
	p->ended = true;
	close(p->pidfd);
	p->pidfd = -1;
	return 0;
}

bool process_running(struct process *p)
{
	return p->pid != 0 && process_wait(p, 0) != 0;
}

void process_signal(struct process *p, int signal)
{
	if (process_running(p))
		pidfd_send_signal(p->pidfd, signal, NULL, 0);
}

int process_stop(struct process *p, int signal, int timeout_ms)
{
	process_signal(p, signal);
	if (process_wait(p, timeout_ms) != 0) {
		process_signal(p, SIGKILL);
		while (process_wait(p, 1000) != 0)
			;
	}
	return WIFEXITED(p->status) ? WEXITSTATUS(p->status) : 128 + WTERMSIG(p->status);
}

static bool read_port_file(const char *path, uint16_t *port)
{
	FILE *file = fopen(path, "re");
	unsigned number = 0;
	char newline = 0;

	if (file == NULL)
		return false;
	if (fscanf(file, "%5u%c", &number, &newline) != 2) /* half written: look again */
		newline = 0;
	fclose(file);
	*port = (uint16_t)number;
	return newline == '\n' && number > 0 && number <= UINT16_MAX;
}

int process_read_port(struct process *p, const char *path, int timeout_ms, uint16_t *port, struct error *err)
{
	uint64_t end = clock_boot_ms() + (uint64_t)timeout_ms;

	while (!read_port_file(path, port)) {
		if (p != NULL && !process_running(p))
			return error_set(err, -ECHILD, "the server ended before it wrote %s", path);
		if (clock_boot_ms() >= end)
			return error_set(err, -ETIMEDOUT, "no port in %s", path);
		poll(NULL, 0, PORT_LOOK_MS);
	}
	return 0;
}

uint16_t process_free_port(void)
{
	struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(addr);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	uint16_t port = 0;

	if (fd < 0)
		return 0;
	if (bind(fd, (struct sockaddr *)&addr, len) == 0 &&
	    getsockname(fd, (struct sockaddr *)&addr, &len) == 0)
		port = ntohs(addr.sin_port);
	close(fd);
	return port;
}
