#include "controller/plugin/attempt.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <linux/vm_sockets.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum outcome {
	OUTCOME_OPEN,
	OUTCOME_NO_PRIVILEGED,
	OUTCOME_FILTERED,
	OUTCOME_FORBIDDEN,
	OUTCOME_UNSUPPORTED,
	OUTCOME_ODD,
	OUTCOME_COUNT
};

static const struct {
	const char *name;
	const char *text;
} outcomes[OUTCOME_COUNT] = {
	[OUTCOME_OPEN] = {"open", "open: sockets can be made, and bound to any port, below 1024 too"},
	[OUTCOME_NO_PRIVILEGED] = {"privileged-port-refused",
				   "open, but for privileged ports: those below 1024 "
				   "are refused without CAP_NET_BIND_SERVICE"},
	[OUTCOME_FILTERED] = {"blocked", "blocked by seccomp: no AF_VSOCK socket can be made"},
	[OUTCOME_FORBIDDEN] = {"blocked", "blocked, but not by seccomp: SELinux or the like lets no AF_VSOCK "
					  "socket be made"},
	[OUTCOME_UNSUPPORTED] = {"unsupported",
				 "not supported by the kernel: it has no AF_VSOCK (module vsock)"},
	[OUTCOME_ODD] = {"unknown", "not known: it failed in another way"},
};

/* ---- trying ---- */

static int try_bind(unsigned int port)
{
	struct sockaddr_vm address = {.svm_family = AF_VSOCK, .svm_port = port, .svm_cid = VMADDR_CID_ANY};
	int fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int rc;

	if (fd < 0)
		return errno;
	rc = bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0 ? 0 : errno;
	(void)close(fd);
	return rc;
}

void attempt_make(struct attempt *a)
{
	int fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);

	*a = (struct attempt){.socket_errno = fd < 0 ? errno : 0};
	a->has_filter = prctl(PR_GET_SECCOMP) == SECCOMP_MODE_FILTER;
	a->has_device = access("/dev/vhost-vsock", F_OK) == 0;
	if (fd < 0)
		return;
	(void)close(fd);
	a->low_errno = try_bind(80);
	a->high_errno = try_bind(1024);
}

/* ---- judging ---- */

static enum outcome judge_socket(const struct attempt *a)
{
	switch (a->socket_errno) {
	case EPERM:
	case ENOSYS: /* what a profile says to what it does not allow: containerd's EPERM, CRI-O's ENOSYS */
		return a->has_filter ? OUTCOME_FILTERED : OUTCOME_FORBIDDEN;
	case EACCES: /* security modules say that */
		return OUTCOME_FORBIDDEN;
	case EAFNOSUPPORT:
		return OUTCOME_UNSUPPORTED;
	default:
		return OUTCOME_ODD;
	}
}

/* Who finds the port held already could bind it. */
static bool could_bind(int error)
{
	return error == 0 || error == EADDRINUSE;
}

static enum outcome judge(const struct attempt *a)
{
	if (a->socket_errno != 0)
		return judge_socket(a);
	if (!could_bind(a->high_errno))
		return OUTCOME_ODD; /* which is not about privileged ports */
	if (a->low_errno == EACCES)
		return OUTCOME_NO_PRIVILEGED;
	return could_bind(a->low_errno) ? OUTCOME_OPEN : OUTCOME_ODD;
}

static const char *result_of(int error)
{
	return error == 0 ? "ok" : strerrorname_np(error);
}

json_t *attempt_describe(const struct attempt *a)
{
	enum outcome outcome = judge(a);
	bool made = a->socket_errno == 0;

	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:b, s:b}", "kind", "VSOCKProbe", "result",
			 outcomes[outcome].name, "message", outcomes[outcome].text, "socket",
			 result_of(a->socket_errno), "bind80", made ? result_of(a->low_errno) : "not tried",
			 "bind1024", made ? result_of(a->high_errno) : "not tried", "seccompFilter",
			 a->has_filter, "vhostDevice", a->has_device);
}
