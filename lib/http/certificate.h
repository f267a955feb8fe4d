/**
 * certificate: a certificate chain and its private key, as GnuTLS wants them, shared by the server and by the
 * TLS sessions that began with it.
 *
 * Counted: a session holds the pair until it ends, so that a new pair can take over at any time and the old
 * one goes with its last session. Immutable after creation. Single thread.
 */
#ifndef HTTP_CERTIFICATE_H
#define HTTP_CERTIFICATE_H

#include <gnutls/abstract.h>
#include <time.h>

#include "base/buf.h"
#include "base/error.h"

/** Most certificates of a chain. */
#define CERTIFICATE_MAX_CHAIN 16

/** "AB:CD:..." with NUL: SHA-256 of the first certificate's DER form. */
#define CERTIFICATE_FINGERPRINT_SIZE 96

struct certificate;

/** Takes both as PEM: the chain with the server's own certificate first, and its unencrypted key. On success
 * *out holds one reference. Returns 0, -EINVAL (does not parse, key of another certificate) with err, or
 * -ENOMEM. */
int certificate_create(struct certificate **out, const struct buf *cert_pem, const struct buf *key_pem,
		       struct error *err);

struct certificate *certificate_ref(struct certificate *c);
void certificate_unref(struct certificate *c); /* NULL is fine */

/** Borrowed as long as the reference. */
const char *certificate_fingerprint(const struct certificate *c);

/** End of validity of the first certificate. */
time_t certificate_not_after(const struct certificate *c);

/** What gnutls_certificate_retrieve_function2 answers, borrowed as long as the reference. */
void certificate_lend(struct certificate *c, gnutls_pcert_st **chain, unsigned int *length,
		      gnutls_privkey_t *key);

#endif
