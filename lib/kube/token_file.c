#include "kube/token_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/macros.h"

#define TOKEN_FILE_MAX_BYTES 65536

/* After a failed re-read: often enough to be back soon, not with every request. */
#define TOKEN_FILE_RETRY_MS 1000

struct token_file {
	char *path;
	char *value;
	uint64_t read_ms; /* last try, boot clock */
	uint32_t age_ms;  /* how old the last try may get: max_age_ms, less after a failure */
	uint32_t max_age_ms;
	bool expired;
};

/* Finds the value inside @content. Bytes other than printable ASCII would change the request's header. */
static int token_parse(const struct buf *content, const char *path, char **out, struct error *err)
{
	const char *blanks = " \t\r\n\v\f";
	const char *start = buf_str(content);
	const char *end = start + content->len;

	while (start < end && strchr(blanks, *start) != NULL && *start != '\0')
		start++;
	while (end > start && strchr(blanks, end[-1]) != NULL && end[-1] != '\0')
		end--;
	if (start == end)
		return error_set(err, -EINVAL, "%s: is empty", path);
	for (const char *p = start; p < end; p++)
		if (*p < 0x20 || *p > 0x7e)
			return error_set(err, -EINVAL, "%s: has bytes that no token can have", path);
	*out = strndup(start, (size_t)(end - start));
	return *out != NULL ? 0 : error_errno(err, -ENOMEM, "%s", path);
}

/* Reads and checks the file; *out is the caller's to free. */
static int token_read(const char *path, char **out, struct error *err)
{
	AUTO_BUF struct buf content;
	int rc;

	buf_init(&content, TOKEN_FILE_MAX_BYTES);
	rc = file_read(&content, path, FILE_REGULAR, err);
	return rc != 0 ? rc : token_parse(&content, path, out, err);
}

int token_file_open(struct token_file **out, const char *path, uint32_t max_age_ms, uint64_t now_ms,
		    struct error *err)
{
	struct token_file *tf = calloc(1, sizeof(*tf));
	int rc = -ENOMEM;

	if (tf == NULL || (tf->path = strdup(path)) == NULL) {
		(void)error_errno(err, rc, "%s", path);
		goto fail;
	}
	rc = token_read(path, &tf->value, err);
	if (rc != 0)
		goto fail;
	tf->read_ms = now_ms;
	tf->age_ms = max_age_ms;
	tf->max_age_ms = max_age_ms;
	*out = tf;
	return 0;
fail:
	token_file_close(tf);
	return rc;
}

/* Takes over what the file holds now. Returns whether it is another value. */
static bool token_refresh(struct token_file *tf, uint64_t now_ms, struct error *err)
{
	char *fresh = NULL;
	bool changed;

	tf->expired = false;
	tf->read_ms = now_ms;
	if (token_read(tf->path, &fresh, err) != 0) {
		tf->age_ms = tf->max_age_ms < TOKEN_FILE_RETRY_MS ? tf->max_age_ms : TOKEN_FILE_RETRY_MS;
		return false;
	}
	tf->age_ms = tf->max_age_ms;
	changed = strcmp(fresh, tf->value) != 0;
	free(tf->value);
	tf->value = fresh;
	return changed;
}

const char *token_file_get(struct token_file *tf, uint64_t now_ms, bool *changed, struct error *err)
{
	bool differs = false;

	if (err != NULL)
		*err = (struct error){0};
	if (tf->expired || now_ms - tf->read_ms >= tf->age_ms)
		differs = token_refresh(tf, now_ms, err);
	if (changed != NULL)
		*changed = differs;
	return tf->value;
}

void token_file_expire(struct token_file *tf)
{
	tf->expired = true;
}

void token_file_close(struct token_file *tf)
{
	if (tf == NULL)
		return;
	free(tf->value);
	free(tf->path);
	free(tf);
}
