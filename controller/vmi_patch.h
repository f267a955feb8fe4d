/**
 * vmi_patch: the one write of this program, a JSON patch that gives a VMI its CID under conditions.
 *
 * Why a JSON patch with tests and not a merge patch with resourceVersion: the object is updated often around
 * the time of our write (60 of 100 merge patches got a 409 next to a real virt-controller), while only few
 * changes matter: another object of the same name, a CID of somebody else's, a phase that has moved on. The
 * server evaluates the tests against exactly the revision that it then writes (PAT-8), so they are as strong
 * as a compare-and-swap on those members. A uid in a merge patch alone would let a late write through. The
 * price is that a failed test is an opaque 422 (PAT-2), after which the object is read again.
 *
 * VMIs have no status subresource: the patch goes to the object itself. Pure.
 */
#ifndef CONTROLLER_VMI_PATCH_H
#define CONTROLLER_VMI_PATCH_H

#include "base/buf.h"
#include "controller/allocator.h"

#define VMI_PATCH_CONTENT_TYPE "application/json-patch+json"

/** Appends "/apis/kubevirt.io/VERSION/namespaces/NS/virtualmachineinstances/NAME". The names were checked by
 * vmi.h to need no escaping. Returns 0, -EMSGSIZE, -ENOMEM. */
int vmi_path_write(struct buf *out, const char *version, const struct wish *w);

/** Appends the patch for a WISH_PATCH. Errors as above. */
int vmi_patch_write(struct buf *out, const struct wish *w);

#endif
