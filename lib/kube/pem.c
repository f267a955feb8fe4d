#include "kube/pem.h"

#include <errno.h>
#include <openssl/evp.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"

int pem_check(const char *text, enum pem_kind kind, struct error *err)
{
	const char *begin = strstr(text, "-----BEGIN ");

	if (begin == NULL)
		return error_set(err, -EINVAL, "is not PEM");
	if (kind == PEM_CERTIFICATE) {
		if (strstr(begin, "CERTIFICATE-----") == NULL)
			return error_set(err, -EINVAL, "has no certificate");
		return 0;
	}
	if (strstr(begin, "PRIVATE KEY-----") == NULL)
		return error_set(err, -EINVAL, "has no private key");
	if (strstr(begin, "BEGIN ENCRYPTED ") != NULL || strstr(begin, "4,ENCRYPTED") != NULL)
		return error_set(err, -EINVAL, "an encrypted key is not supported");
	return 0;
}

int pem_check_file(const char *path, enum pem_kind kind, struct error *err)
{
	AUTO_BUF struct buf content;
	int rc;

	buf_init(&content, PEM_MAX_BYTES);
	rc = file_read(&content, path, FILE_REGULAR, err);
	if (rc != 0)
		return rc;
	rc = pem_check(buf_str(&content), kind, err);
	return rc == 0 ? 0 : error_wrap(err, rc, "%s", path);
}

static const char base64_alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Copies @text without line ends; OpenSSL's decoder is too forgiving, so all else is checked here. */
static int base64_clean(const char *text, struct buf *out)
{
	size_t n;
	size_t padding;
	int rc = 0;

	for (const char *p = text; *p != '\0' && rc == 0; p += n) {
		n = strspn(p, "\r\n");
		p += n;
		n = strcspn(p, "\r\n");
		rc = buf_add(out, p, n);
	}
	if (rc != 0)
		return rc == -EMSGSIZE ? -EINVAL : rc;
	n = strspn(buf_str(out), base64_alphabet);
	padding = strspn(buf_str(out) + n, "=");
	return n + padding == out->len && out->len % 4 == 0 && padding <= 2 ? 0 : -EINVAL;
}

int pem_from_base64(char **out, const char *base64, enum pem_kind kind, struct error *err)
{
	AUTO_BUF struct buf clean;
	AUTO_FREE char *text = NULL;
	size_t decoded;
	int rc;

	buf_init(&clean, PEM_MAX_BYTES);
	rc = base64_clean(base64, &clean);
	if (rc == -EINVAL)
		return error_set(err, rc, "is not base64");
	text = rc == 0 ? malloc(clean.len / 4 * 3 + 1) : NULL;
	if (text == NULL)
		return error_errno(err, -ENOMEM, "base64");
	decoded = clean.len / 4 * 3;
	if (clean.len > 0 && EVP_DecodeBlock((unsigned char *)text, (const unsigned char *)clean.data,
					     (int)clean.len) != (int)decoded)
		return error_set(err, -EINVAL, "is not base64");
	decoded -= strlen(buf_str(&clean) + strcspn(buf_str(&clean), "="));
	text[decoded] = '\0';
	if (strlen(text) != decoded)
		return error_set(err, -EINVAL, "is not PEM");
	rc = pem_check(text, kind, err);
	if (rc == 0)
		*out = STEAL_POINTER(text);
	return rc;
}
