/**
 * version: which build this is, as `git describe` said when it was made; "unknown" outside of a git checkout.
 */
#ifndef BASE_VERSION_H
#define BASE_VERSION_H

extern const char version_text[];

#endif
