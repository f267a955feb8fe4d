/**
 * self_signed: the certificate that a server shows where it was given none.
 *
 * Nobody can verify it without having been told its fingerprint; it is for scrapers and probes that do not
 * (KubeVirt's ServiceMonitor sets insecureSkipVerify, the kubelet never verifies). GnuTLS serves it, OpenSSL
 * makes it: it is this program's library for keys and its random source.
 */
#ifndef HTTP_SELF_SIGNED_H
#define HTTP_SELF_SIGNED_H

#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"

/** Appends, as PEM, a new P-256 key and a certificate for localhost, 127.0.0.1, ::1 and this host's name,
 * valid for @lifetime_s seconds from now. Each takes less than 4 KiB. Returns 0, -EMSGSIZE, or -EIO with err.
 */
int self_signed_make(struct buf *cert_pem, struct buf *key_pem, uint32_t lifetime_s, struct error *err);

#endif
