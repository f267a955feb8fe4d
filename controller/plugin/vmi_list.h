/**
 * vmi_list: all VMIs of a cluster, of a namespace, or of a file, one at a time, in constant memory.
 *
 * What a person wants to know of a VMI besides what controller/vmi.h reads: where it runs and who wrote its
 * CID. Objects that are not as the API promises come along, marked.
 */
#ifndef CONTROLLER_PLUGIN_VMI_LIST_H
#define CONTROLLER_PLUGIN_VMI_LIST_H

#include "controller/plugin/session.h"
#include "controller/vmi.h"

#define VMI_LIST_GROUP "/apis/kubevirt.io/v1"

struct vmi_row {
	struct vmi vmi;
	char node[VMI_NAME_MAX + 1];
	/** The manager that owns status.VSOCKCID (metadata.managedFields), cut to what fits; "" where
	 * unknown, as in the output of kubectl get. */
	char writer[64];
	char written[24]; /* when that manager wrote last, as the API has it; "" where unknown */
	/* Private: the entry of managedFields that is being read. */
	char manager[64];
	char managed_at[24];
	bool manages_cid;
};

#define VMI_ROW_MAX_FIELDS 24

/** The wanted fields into @out; returns how many. The order of calls is as in controller/vmi.h. */
size_t vmi_row_fields(struct json_field out[static VMI_ROW_MAX_FIELDS]);

void vmi_row_begin(struct vmi_row *row);
void vmi_row_value(struct vmi_row *row, int field, const struct json_value *value);
void vmi_row_end(struct vmi_row *row);

/** Told of each VMI. 0 goes on; a negative errno ends it and is returned (err is left alone). */
typedef int (*vmi_list_visit)(void *data, const struct vmi_row *row);

/** Told after each page how many there were and how many the server says are still to come. */
typedef void (*vmi_list_progress)(void *data, size_t done, size_t left);

struct vmi_list_options {
	const char *namespace; /* NULL: all */
	vmi_list_visit visit;
	vmi_list_progress progress; /* may be NULL */
	void *data;
};

/** Reads page by page from the server. Returns 0 or a negative errno with err: -ENOENT (no KubeVirt there),
 * -EACCES, and others. */
int vmi_list_server(struct session *s, const struct vmi_list_options *options, struct error *err);

/** Reads what `kubectl get vmi -A -o json` has written; "-": standard input. Objects of other kinds are
 * passed over. Returns 0 or a negative errno with err. */
int vmi_list_file(const char *path, const struct vmi_list_options *options, struct error *err);

#endif
