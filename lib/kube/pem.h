/**
 * pem: looks at certificates and keys before they are used, so that a wrong file is named at the start and
 * not as a TLS failure later. Whether a key fits its certificate is left to the TLS library.
 */
#ifndef KUBE_PEM_H
#define KUBE_PEM_H

#include <stddef.h>

#include "base/error.h"

/** Largest file or text taken. */
#define PEM_MAX_BYTES (1u << 20)

enum pem_kind { PEM_CERTIFICATE, PEM_PRIVATE_KEY };

/** Whether @text holds a block of @kind; a key must not be encrypted (nobody is there to type a passphrase).
 * Returns 0 or -EINVAL. */
int pem_check(const char *text, enum pem_kind kind, struct error *err);

/** The same for the file at @path. Returns also -ENOENT, -EACCES, -ENOMEM and other errnos of reading. */
int pem_check_file(const char *path, enum pem_kind kind, struct error *err);

/** Decodes base64 (standard alphabet, padded; line ends are skipped as Go does) and checks the result as
 * pem_check(). On success *out is the caller's to free(). Returns 0, -EINVAL, -ENOMEM. */
int pem_from_base64(char **out, const char *base64, enum pem_kind kind, struct error *err);

#endif
