/**
 * rv: resourceVersions, the positions in the API server's history.
 *
 * They are opaque strings of which conforming servers promise more (WCH-12, KEP-5504): a decimal number
 * without leading zero, up to 128 bit, comparable within one resource type. So they stay text here, never an
 * integer. Pure functions, any thread.
 */
#ifndef KUBE_RV_H
#define KUBE_RV_H

#include <stdbool.h>
#include <stddef.h>

/** Room for any resourceVersion that is kept, with its NUL; 128 bit are 39 digits. */
#define RV_SIZE 64

/** Copies @len bytes at @text to @out. What cannot be used as a position becomes "": longer than RV_SIZE - 1
 * bytes, with a NUL inside, or "0", which a server takes for "any" (LST-14). */
void rv_read(char out[static RV_SIZE], const char *text, size_t len);

/** Compares two of them: *order is < 0 where @a is older than @b, 0 where they are the same, > 0 where it is
 * newer. False, with *order = 0, where nothing can be said: they differ and one of them is not well-formed.
 */
bool rv_compare(const char *a, const char *b, int *order);

#endif
