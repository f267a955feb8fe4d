/**
 * token_file: a credential on disk that other processes replace under us.
 *
 * Kubernetes rotates projected tokens at 80 % of their life by a symlink swap (CFG-4), so the content is read
 * again once it is older than max_age_ms. A read that fails, or an empty file, keeps the last good value: an
 * old token is better than none. Single-threaded; no I/O but open/read/close on the path given.
 */
#ifndef KUBE_TOKEN_FILE_H
#define KUBE_TOKEN_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct token_file;

/** How old a token may get before it is read again: 50 s, as every Kubernetes client does (CFG-4). */
#define TOKEN_FILE_MAX_AGE_MS 50000

/** Reads @path at once. On success *out must be given to token_file_close(); on failure *out is untouched.
 *  Returns 0, -ENOENT, -EACCES, -EINVAL (empty, longer than 64 KiB, or not printable ASCII), -ENOMEM. @path
 * is copied. */
int token_file_open(struct token_file **out, const char *path, uint32_t max_age_ms, uint64_t now_ms,
		    struct error *err);

/** The current value, white space trimmed, NUL-terminated, borrowed until the next call on @tf. Never NULL.
 * @now_ms: boot clock. *changed (may be NULL) tells whether it is another value than at the last call; @err
 * (may be NULL) tells why a re-read failed (code 0: it did not), so that the caller can log it. */
const char *token_file_get(struct token_file *tf, uint64_t now_ms, bool *changed, struct error *err);

/** The next token_file_get() reads the file whatever its age (after a 401, CFG-5). */
void token_file_expire(struct token_file *tf);

void token_file_close(struct token_file *tf); /* NULL is fine */

#endif
