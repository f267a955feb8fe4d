#include "http/self_signed.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

/* Clocks of other machines may be behind. */
#define BACKDATE_S 3600

/* Letters, digits, '-', '_' and '.': nothing that means something to X509V3_EXT_conf_nid(). */
static bool is_host_name(const char *name)
{
	size_t length = strlen(name);

	return length > 0 && length <= 253 &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") == length;
}

static void alternative_names(char *out, size_t size)
{
	char host[256] = "";

	(void)gethostname(host, sizeof(host) - 1);
	(void)snprintf(out, size, "DNS:localhost,IP:127.0.0.1,IP:::1%s%s", is_host_name(host) ? ",DNS:" : "",
		       is_host_name(host) ? host : "");
}

static bool add_extension(X509 *x, int nid, const char *value)
{
	X509V3_CTX context;
	X509_EXTENSION *extension;
	bool ok;

	X509V3_set_ctx(&context, x, x, NULL, NULL, 0);
	extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
	ok = extension != NULL && X509_add_ext(x, extension, -1) == 1;
	X509_EXTENSION_free(extension);
	return ok;
}

/* A serial number that nobody has guessed, positive and at most 20 bytes (RFC 5280 4.1.2.2). */
static bool set_serial(X509 *x)
{
	unsigned char bytes[16];
	BIGNUM *number;
	bool ok;

	if (RAND_bytes(bytes, sizeof(bytes)) != 1)
		return false;
	bytes[0] = (unsigned char)((bytes[0] & 0x7f) | 0x40);
	number = BN_bin2bn(bytes, sizeof(bytes), NULL);
	ok = number != NULL && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(x)) != NULL;
	BN_free(number);
	return ok;
}

static bool fill(X509 *x, EVP_PKEY *key, uint32_t lifetime_s)
{
	static const unsigned char name[] = "vsock-cid-controller";
	X509_NAME *subject = X509_get_subject_name(x);
	char names[512];

	alternative_names(names, sizeof(names));
	return X509_set_version(x, X509_VERSION_3) == 1 && set_serial(x) &&
	       X509_gmtime_adj(X509_getm_notBefore(x), -(long)BACKDATE_S) != NULL &&
	       X509_gmtime_adj(X509_getm_notAfter(x), (long)lifetime_s) != NULL &&
	       X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, name, -1, -1, 0) == 1 &&
	       X509_set_issuer_name(x, subject) == 1 && X509_set_pubkey(x, key) == 1 &&
	       add_extension(x, NID_basic_constraints, "critical,CA:FALSE") &&
	       add_extension(x, NID_key_usage, "critical,digitalSignature") &&
	       add_extension(x, NID_ext_key_usage, "serverAuth") &&
	       add_extension(x, NID_subject_alt_name, names) && X509_sign(x, key, EVP_sha256()) > 0;
}

static int write_pem(X509 *x, EVP_PKEY *key, struct buf *cert_pem, struct buf *key_pem)
{
	BIO *cert_bio = BIO_new(BIO_s_mem());
	BIO *key_bio = BIO_new(BIO_s_mem());
	char *text;
	long n;
	int rc = -EIO;

	if (cert_bio != NULL && key_bio != NULL && PEM_write_bio_X509(cert_bio, x) == 1 &&
	    PEM_write_bio_PKCS8PrivateKey(key_bio, key, NULL, NULL, 0, NULL, NULL) == 1) {
		n = BIO_get_mem_data(cert_bio, &text);
		rc = buf_add(cert_pem, text, (size_t)n);
		n = BIO_get_mem_data(key_bio, &text);
		if (rc == 0)
			rc = buf_add(key_pem, text, (size_t)n);
	}
	BIO_free(cert_bio);
	BIO_free(key_bio);
	return rc;
}

int self_signed_make(struct buf *cert_pem, struct buf *key_pem, uint32_t lifetime_s, struct error *err)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x = X509_new();
	char reason[160];
	int rc = -EIO;

	if (key != NULL && x != NULL && fill(x, key, lifetime_s))
		rc = write_pem(x, key, cert_pem, key_pem);
	X509_free(x);
	EVP_PKEY_free(key);
	if (rc != 0) {
		ERR_error_string_n(ERR_get_error(), reason, sizeof(reason));
		ERR_clear_error();
		return error_set(err, rc, "making a certificate: %s", reason);
	}
	return 0;
}
