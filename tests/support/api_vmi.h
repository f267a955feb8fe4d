/**
 * api_vmi: VMIs for tests and the demo, and the reads and writes on them that KubeVirt's own components would
 * do. See api.h for the client underneath.
 */
#ifndef SUPPORT_API_VMI_H
#define SUPPORT_API_VMI_H

#include "support/api.h"

#define API_VMIS      "/apis/kubevirt.io/v1/virtualmachineinstances"
#define API_KUBEVIRTS "/apis/kubevirt.io/v1/kubevirts"

/** The smallest VMI that both CRDs accept. Owned by the caller. */
json_t *api_vmi_new(const char *ns, const char *name, bool wants_vsock);

/** One as an ordinary cluster has it: about 6 KB compact with disks, network, labels and a status without
 * phase and CID. Owned by the caller. */
json_t *api_vmi_new_large(const char *ns, const char *name, bool wants_vsock);

/** The path of one VMI, or of a namespace's VMIs where @name is NULL. free() it. */
char *api_vmi_path(const char *ns, const char *name);

/* The following return 0; -EIO (no answer); -EPROTO (refused: the server's code and words in err). */

/** Creates the namespace, also when it exists. */
int api_namespace_ensure(struct api *api, const char *ns, struct error *err);

/** Creates @vmi (which stays the caller's) in its namespace. -EEXIST: the name is taken. */
int api_vmi_create(struct api *api, const json_t *vmi, struct error *err);

/** The VMI, the caller's to json_decref(). -ENOENT: there is none. */
int api_vmi_get(struct api *api, const char *ns, const char *name, json_t **vmi, struct error *err);

/** -ENOENT: there is none. */
int api_vmi_delete(struct api *api, const char *ns, const char *name, struct error *err);

/** Moves the VMI to @phase (merge patch, no precondition; phaseTransitionTimestamps are left alone). */
int api_vmi_set_phase(struct api *api, const char *ns, const char *name, const char *phase,
		      struct error *err);

/** All VMIs of the cluster, consistent. *items is the caller's to json_decref(). */
int api_vmi_list(struct api *api, json_t **items, struct error *err);

/** spec.domain.devices.autoattachVSOCK is true. */
bool api_vmi_wants_vsock(const json_t *vmi);

/** status.VSOCKCID; -1 where there is none or it is no number. */
long long api_vmi_cid(const json_t *vmi);

/** Creates the KubeVirt CR @ns/@name with these feature gates (strings up to a NULL), or sets them on the one
 * that exists. */
int api_kubevirt_set_gates(struct api *api, const char *ns, const char *name, const char *const *gates,
			   struct error *err);

#endif
