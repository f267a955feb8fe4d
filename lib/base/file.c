#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_CHUNK 16384

/* Checks what @fd is and lets reads wait again where they may (the open itself must not: a FIFO would). */
static int file_check(int fd, const char *path, enum file_kind kind, struct error *err)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return error_errno(err, -errno, "%s", path);
	if (S_ISDIR(st.st_mode))
		return error_set(err, -EINVAL, "%s: is a directory", path);
	if (kind == FILE_REGULAR && !S_ISREG(st.st_mode))
		return error_set(err, -EINVAL, "%s: is not a regular file", path);
	if (fcntl(fd, F_SETFL, 0) != 0)
		return error_errno(err, -errno, "%s", path);
	return 0;
}

static int file_read_all(struct buf *out, int fd, const char *path, struct error *err)
{
	char chunk[FILE_CHUNK];
	ssize_t n;
	int rc;

	for (;;) {
		n = read(fd, chunk, sizeof(chunk));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_errno(err, -errno, "%s", path);
		if (n == 0)
			return 0;
		rc = buf_add(out, chunk, (size_t)n);
		if (rc == -EMSGSIZE)
			return error_set(err, -EINVAL, "%s: is larger than %zu bytes", path, out->max);
		if (rc != 0)
			return error_errno(err, rc, "%s", path);
	}
}

int file_read(struct buf *out, const char *path, enum file_kind kind, struct error *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	int rc;

	if (fd < 0)
		return error_errno(err, -errno, "%s", path);
	rc = file_check(fd, path, kind, err);
	if (rc == 0)
		rc = file_read_all(out, fd, path, err);
	(void)close(fd);
	return rc;
}
