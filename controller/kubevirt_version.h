/**
 * kubevirt_version: what release of KubeVirt a text like status.observedKubeVirtVersion means.
 *
 * Releases are "v1.8.3". "v1.10.0-rc.1" is of the branch of that release and has what it has; what
 * "v1.10.0-beta.0", or -alpha, has of it is not known. "v1.9.0-123-gd923fdb", as git describe says of a build
 * from a branch, comes after the release. Anything else ("devel", a branch, a digest) is not known. Pure.
 */
#ifndef CONTROLLER_KUBEVIRT_VERSION_H
#define CONTROLLER_KUBEVIRT_VERSION_H

#include <stdbool.h>
#include <stdint.h>

struct kubevirt_version {
	bool known;
	bool before; /* somewhere before the release of this number */
	uint32_t major;
	uint32_t minor;
	uint32_t patch;
};

struct kubevirt_version kubevirt_version_parse(const char *text);

/** Whether it is MAJOR.MINOR.0 or newer, or on the way to it; false where it is not known. */
bool kubevirt_version_at_least(const struct kubevirt_version *v, uint32_t major, uint32_t minor);

/** On the way to MAJOR.MINOR.0: it may have what that has, or not yet. */
bool kubevirt_version_is_before(const struct kubevirt_version *v, uint32_t major, uint32_t minor);

#endif
