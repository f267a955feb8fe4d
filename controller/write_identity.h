/**
 * write_identity: as whom CIDs are written.
 *
 * KubeVirt's webhook puts back the status that anybody but four service accounts of its own writes
 * (kubevirt.md 0.1). The narrowest of them is kubevirt-synchronization-controller, which exists from 1.6 on;
 * a right to impersonate it lets our writes stand. Pure.
 */
#ifndef CONTROLLER_WRITE_IDENTITY_H
#define CONTROLLER_WRITE_IDENTITY_H

#include <stddef.h>

#include "controller/kubevirt.h"

/** Room for any user that --write-as allows, and for the service account. */
#define WRITE_IDENTITY_SIZE 1025

/** The user to impersonate in writes into @out, "" for nobody. @choice: --write-as, "auto", "self" or a name.
 * @cr: the KubeVirt CR that counts. A version that is not known counts as new. Returns @out. */
const char *write_identity(char out[static WRITE_IDENTITY_SIZE], const char *choice,
			   const struct kubevirt *cr);

#endif
