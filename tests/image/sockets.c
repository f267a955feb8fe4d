/*
 * sockets: AF_VSOCK as the kernel and the profile give it to this process, in one line: what socket() says,
 * bind() to port 80, bind() to port 1024, and the mode of seccomp (2: a profile). Shares nothing with
 * kubectl-vsock, whose answer is held against it.
 */
#include <errno.h>
#include <linux/vm_sockets.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const char *said(int rc)
{
	return rc >= 0 ? "ok" : strerrorname_np(errno);
}

static const char *bind_to(unsigned int port)
{
	const struct sockaddr_vm address = {
		.svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_ANY, .svm_port = port};
	int fd = socket(AF_VSOCK, SOCK_STREAM, 0);
	const char *answer;

	if (fd < 0)
		return "none";
	answer = said(bind(fd, (const struct sockaddr *)&address, sizeof(address)));
	(void)close(fd);
	return answer;
}

static int seccomp_mode(void)
{
	FILE *status = fopen("/proc/self/status", "re");
	char line[256];
	int mode = -1;

	while (status != NULL && fgets(line, sizeof(line), status) != NULL)
		if (sscanf(line, "Seccomp: %d", &mode) == 1)
			break;
	if (status != NULL)
		(void)fclose(status);
	return mode;
}

int main(void)
{
	const char *made = said(socket(AF_VSOCK, SOCK_STREAM, 0));

	(void)printf("%s %s %s %d\n", made, bind_to(80), bind_to(1024), seccomp_mode());
	return 0;
}
