#include "http/certificate.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <gnutls/x509.h>

#define SHA256_SIZE 32

struct certificate {
	unsigned int references;
	gnutls_pcert_st chain[CERTIFICATE_MAX_CHAIN];
	unsigned int length; /* of the chain */
	gnutls_privkey_t key;
	time_t not_after;
	char fingerprint[CERTIFICATE_FINGERPRINT_SIZE];
};

static int tls_error(struct error *err, int rc, const char *what)
{
	return error_set(err, rc == GNUTLS_E_MEMORY_ERROR ? -ENOMEM : -EINVAL, "%s: %s", what,
			 gnutls_strerror(rc));
}

static gnutls_datum_t datum_of(const struct buf *pem)
{
	return (gnutls_datum_t){
		.data = (unsigned char *)(pem->data != NULL ? pem->data : ""),
		.size = (unsigned int)pem->len,
	};
}

static int read_chain(struct certificate *c, const struct buf *pem, struct error *err)
{
	unsigned int length = CERTIFICATE_MAX_CHAIN;
	gnutls_datum_t datum = datum_of(pem);
	int rc = gnutls_pcert_list_import_x509_raw(c->chain, &length, &datum, GNUTLS_X509_FMT_PEM, 0);

	if (rc != GNUTLS_E_SUCCESS)
		return tls_error(err, rc, "certificate");
	c->length = length;
	return 0;
}

static int read_key(struct certificate *c, const struct buf *pem, struct error *err)
{
	gnutls_datum_t datum = datum_of(pem);
	int rc = gnutls_privkey_init(&c->key);

	if (rc != GNUTLS_E_SUCCESS)
		return tls_error(err, rc, "private key");
	rc = gnutls_privkey_import_x509_raw(c->key, &datum, GNUTLS_X509_FMT_PEM, NULL, 0);
	if (rc != GNUTLS_E_SUCCESS)
		return tls_error(err, rc, "private key");
	return 0;
}

/* Both halves have the same public key exactly when they belong together. */
static int check_pair(const struct certificate *c, struct error *err)
{
	unsigned char of_certificate[SHA256_SIZE];
	unsigned char of_key[SHA256_SIZE];
	size_t certificate_size = sizeof(of_certificate);
	size_t key_size = sizeof(of_key);
	gnutls_pubkey_t public;
	int rc = gnutls_pubkey_init(&public);

	if (rc != GNUTLS_E_SUCCESS)
		return tls_error(err, rc, "private key");
	rc = gnutls_pubkey_import_privkey(public, c->key, 0, 0);
	if (rc == GNUTLS_E_SUCCESS)
		rc = gnutls_pubkey_get_key_id(public, GNUTLS_KEYID_USE_SHA256, of_key, &key_size);
	gnutls_pubkey_deinit(public);
	if (rc == GNUTLS_E_SUCCESS)
		rc = gnutls_pubkey_get_key_id(c->chain[0].pubkey, GNUTLS_KEYID_USE_SHA256, of_certificate,
					      &certificate_size);
	if (rc != GNUTLS_E_SUCCESS)
		return tls_error(err, rc, "public key");
	if (key_size != certificate_size || memcmp(of_key, of_certificate, key_size) != 0)
		return error_set(err, -EINVAL, "the private key does not belong to the certificate");
	return 0;
}

static int read_facts(struct certificate *c, struct error *err)
{
	unsigned char digest[SHA256_SIZE];
	size_t size = sizeof(digest);
	gnutls_x509_crt_t first;
	int rc = gnutls_pcert_export_x509(&c->chain[0], &first);

	if (rc != GNUTLS_E_SUCCESS)
		return tls_error(err, rc, "certificate");
	c->not_after = gnutls_x509_crt_get_expiration_time(first);
	rc = gnutls_x509_crt_get_fingerprint(first, GNUTLS_DIG_SHA256, digest, &size);
	gnutls_x509_crt_deinit(first);
	if (rc != GNUTLS_E_SUCCESS)
		return tls_error(err, rc, "fingerprint");
	for (size_t i = 0; i < size; i++)
		(void)snprintf(c->fingerprint + 3 * i, 4, i + 1 < size ? "%02X:" : "%02X", digest[i]);
	return 0;
}

int certificate_create(struct certificate **out, const struct buf *cert_pem, const struct buf *key_pem,
		       struct error *err)
{
	struct certificate *c = calloc(1, sizeof(*c));
	int rc;

	if (c == NULL)
		return error_errno(err, -ENOMEM, "certificate");
	c->references = 1;
	rc = read_chain(c, cert_pem, err);
	if (rc == 0)
		rc = read_key(c, key_pem, err);
	if (rc == 0)
		rc = check_pair(c, err);
	if (rc == 0)
		rc = read_facts(c, err);
	if (rc != 0) {
		certificate_unref(c);
		return rc;
	}
	*out = c;
	return 0;
}

struct certificate *certificate_ref(struct certificate *c)
{
	c->references++;
	return c;
}

void certificate_unref(struct certificate *c)
{
	if (c == NULL)
		return;
	assert(c->references > 0);
	if (--c->references > 0)
		return;
	for (unsigned int i = 0; i < c->length; i++)
		gnutls_pcert_deinit(&c->chain[i]);
	gnutls_privkey_deinit(c->key);
	free(c);
}

const char *certificate_fingerprint(const struct certificate *c)
{
	return c->fingerprint;
}

time_t certificate_not_after(const struct certificate *c)
{
	return c->not_after;
}

void certificate_lend(struct certificate *c, gnutls_pcert_st **chain, unsigned int *length,
		      gnutls_privkey_t *key)
{
	*chain = c->chain;
	*length = c->length;
	*key = c->key;
}
