#include "http/certificate_source.h"

#include <errno.h>
#include <string.h>

#include <gnutls/crypto.h>

#include "base/file.h"
#include "http/self_signed.h"

#define OWN_PEM_MAX 4096

/* A digest of both files, with the length of the first between them. */
static int digest_of(const struct buf *cert, const struct buf *key, unsigned char *out)
{
	gnutls_hash_hd_t hash;
	int rc = gnutls_hash_init(&hash, GNUTLS_DIG_SHA256);

	if (rc != GNUTLS_E_SUCCESS)
		return -ENOMEM;
	(void)gnutls_hash(hash, &cert->len, sizeof(cert->len));
	(void)gnutls_hash(hash, buf_str(cert), cert->len);
	(void)gnutls_hash(hash, buf_str(key), key->len);
	gnutls_hash_deinit(hash, out);
	return 0;
}

/* Reads both files into a new pair. @changed: false where they are what the last attempt found (then 0 and no
 * pair). Files that cannot be read are "found" too: as nothing. */
static int read_files(struct certificate_source *s, struct certificate **out, bool *changed,
		      struct error *err)
{
	unsigned char digest[CERTIFICATE_SOURCE_DIGEST_SIZE] = {0};
	AUTO_BUF struct buf cert;
	AUTO_BUF struct buf key;
	int rc;

	buf_init(&cert, CERTIFICATE_SOURCE_MAX_FILE);
	buf_init(&key, CERTIFICATE_SOURCE_MAX_FILE);
	rc = file_read(&cert, s->cert_file, FILE_REGULAR, err);
	if (rc == 0)
		rc = file_read(&key, s->key_file, FILE_REGULAR, err);
	if (rc == 0)
		rc = digest_of(&cert, &key, digest);
	*changed = memcmp(digest, s->tried, sizeof(digest)) != 0;
	if (!*changed)
		return 0;
	memcpy(s->tried, digest, sizeof(digest));
	if (rc != 0)
		return rc;
	rc = certificate_create(out, &cert, &key, err);
	if (rc != 0)
		return error_wrap(err, rc, "%s and %s", s->cert_file, s->key_file);
	return 0;
}

static int make_own(const struct certificate_source *s, struct certificate **out, struct error *err)
{
	AUTO_BUF struct buf cert;
	AUTO_BUF struct buf key;
	int rc;

	buf_init(&cert, OWN_PEM_MAX);
	buf_init(&key, OWN_PEM_MAX);
	rc = self_signed_make(&cert, &key, s->lifetime_s, err);
	return rc != 0 ? rc : certificate_create(out, &cert, &key, err);
}

static void log_certificate(const struct certificate_source *s)
{
	time_t not_after = certificate_not_after(s->current);
	char until[32] = "?";
	struct tm tm;

	if (gmtime_r(&not_after, &tm) != NULL)
		(void)strftime(until, sizeof(until), "%Y-%m-%dT%H:%M:%SZ", &tm);
	log_info(s->log, "serving with the certificate %s, valid until %s, SHA-256 fingerprint %s",
		 s->cert_file != NULL ? s->cert_file : "made at start (self-signed)", until,
		 certificate_fingerprint(s->current));
	if (not_after < time(NULL))
		log_warning(s->log, "the certificate %s is out of date since %s",
			    s->cert_file != NULL ? s->cert_file : "(self-signed)", until);
}

static int first_pair(struct certificate_source *s, struct error *err)
{
	bool changed;

	if (s->cert_file == NULL)
		return make_own(s, &s->current, err);
	/* So that even "cannot be read" differs from what was found before. */
	memset(s->tried, 0xff, sizeof(s->tried));
	return read_files(s, &s->current, &changed, err);
}

int certificate_source_open(struct certificate_source *s, struct logger *log, const char *cert_file,
			    const char *key_file, uint32_t lifetime_s, struct error *err)
{
	struct certificate_source new = {.log = log, .lifetime_s = lifetime_s};
	int rc = -ENOMEM;

	if ((cert_file == NULL) != (key_file == NULL))
		return error_set(err, -EINVAL, "a certificate file needs a key file, and the reverse");
	if (cert_file != NULL) {
		new.cert_file = strdup(cert_file);
		new.key_file = strdup(key_file);
		if (new.cert_file == NULL || new.key_file == NULL) {
			(void)error_errno(err, rc, "certificate");
			goto err_after_strings;
		}
	}
	rc = first_pair(&new, err);
	if (rc != 0)
		goto err_after_strings;
	*s = new;
	log_certificate(s);
	return 0;
err_after_strings:
	free(new.cert_file);
	free(new.key_file);
	return rc;
}

/* Makes a new pair in time; a third of a year is enough for any look at the clock. */
static int renew_own(const struct certificate_source *s, struct certificate **out, bool *changed,
		     struct error *err)
{
	time_t left = certificate_not_after(s->current) - time(NULL);

	*changed = left * 3 < (time_t)s->lifetime_s;
	return *changed ? make_own(s, out, err) : 0;
}

void certificate_source_refresh(struct certificate_source *s)
{
	struct certificate *next = NULL;
	struct error err = {0};
	bool changed;
	int rc;

	if (s->cert_file != NULL)
		rc = read_files(s, &next, &changed, &err);
	else
		rc = renew_own(s, &next, &changed, &err);
	if (rc != 0)
		log_failure(s->log, LOG_LEVEL_ERROR, &err,
			    "the new certificate is unusable, the old one stays");
	if (rc != 0 || !changed)
		return;
	certificate_unref(s->current);
	s->current = next;
	log_certificate(s);
}

void certificate_source_close(struct certificate_source *s)
{
	certificate_unref(s->current);
	free(s->cert_file);
	free(s->key_file);
}
