/**
 * Keys and certificates for tests of TLS, made on the spot, as PEM text.
 */
#ifndef UNIT_TEST_HTTP_CLIENT_PKI_H
#define UNIT_TEST_HTTP_CLIENT_PKI_H

#include <check.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

struct pki_cert {
	EVP_PKEY *key;
	X509 *cert;
	char *cert_pem;
	char *key_pem;
};

static inline char *pki_take_text(BIO *bio)
{
	char *data;
	long n = BIO_get_mem_data(bio, &data);
	char *text = strndup(data, (size_t)n);

	ck_assert_ptr_nonnull(text);
	BIO_free(bio);
	return text;
}

static inline void pki_extend(X509 *cert, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *extension;

	X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
	extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	ck_assert_ptr_nonnull(extension);
	ck_assert_int_eq(X509_add_ext(cert, extension, -1), 1);
	X509_EXTENSION_free(extension);
}

/** A certificate for @cn, signed by @issuer (NULL: a CA of its own). @san: "DNS:a,IP:1.2.3.4" or NULL.
 * @passphrase encrypts key_pem, or NULL. */
static inline void pki_make(struct pki_cert *out, const char *cn, const char *san,
			    const struct pki_cert *issuer, const char *passphrase)
{
	static long serial;
	const struct pki_cert *by = issuer != NULL ? issuer : out;
	BIO *cert_bio = BIO_new(BIO_s_mem());
	BIO *key_bio = BIO_new(BIO_s_mem());
	X509_NAME *name;

	out->key = EVP_EC_gen("P-256");
	out->cert = X509_new();
	ck_assert_ptr_nonnull(out->key);
	ck_assert_int_eq(X509_set_version(out->cert, 2), 1);
	ck_assert_int_eq(ASN1_INTEGER_set(X509_get_serialNumber(out->cert), ++serial), 1);
	ck_assert_ptr_nonnull(X509_gmtime_adj(X509_getm_notBefore(out->cert), -3600));
	ck_assert_ptr_nonnull(X509_gmtime_adj(X509_getm_notAfter(out->cert), 3600));
	ck_assert_int_eq(X509_set_pubkey(out->cert, out->key), 1);
	name = X509_get_subject_name(out->cert);
	ck_assert_int_eq(
		X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)cn, -1, -1, 0),
		1);
	ck_assert_int_eq(X509_set_issuer_name(out->cert, X509_get_subject_name(by->cert)), 1);
	if (issuer == NULL)
		pki_extend(out->cert, out->cert, NID_basic_constraints, "critical,CA:TRUE");
	if (san != NULL)
		pki_extend(out->cert, by->cert, NID_subject_alt_name, san);
	ck_assert_int_gt(X509_sign(out->cert, by->key, EVP_sha256()), 0);
	ck_assert_int_eq(PEM_write_bio_X509(cert_bio, out->cert), 1);
	ck_assert_int_eq(PEM_write_bio_PKCS8PrivateKey(key_bio, out->key,
						       passphrase != NULL ? EVP_aes_128_cbc() : NULL, NULL, 0,
						       NULL, (void *)(uintptr_t)passphrase),
			 1);
	out->cert_pem = pki_take_text(cert_bio);
	out->key_pem = pki_take_text(key_bio);
}

static inline void pki_free(struct pki_cert *c)
{
	EVP_PKEY_free(c->key);
	X509_free(c->cert);
	free(c->cert_pem);
	free(c->key_pem);
}

#endif
