/**
 * version: which build this is, the tag of a release, else the commit; "unknown" outside of a git checkout.
 */
#ifndef BASE_VERSION_H
#define BASE_VERSION_H

extern const char version_text[];

#endif
