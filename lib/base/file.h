/**
 * file: reads a whole small file into a buffer.
 */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include "base/buf.h"
#include "base/error.h"

enum file_kind {
	FILE_REGULAR, /* anything else is refused, so that the read cannot block */
	FILE_ANY,     /* pipes too (`--kubeconfig <(...)`): may block until the writer is done */
};

/** Appends the content of @path to @out, up to the buffer's cap. Returns 0, -ENOENT, -EACCES, -ENOMEM,
 * -EINVAL (a directory, not a regular file where that is asked for, or more than fits), or another errno of
 * open() and read(). @err has "PATH: why". On failure @out may hold a part of the content. */
int file_read(struct buf *out, const char *path, enum file_kind kind, struct error *err);

#endif
