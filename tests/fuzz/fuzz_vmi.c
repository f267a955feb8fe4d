/* Any bytes as one VMI: what controller/vmi reads of it must be what jansson finds there. Not compared: what
 * jansson refuses (numbers out of range, deep nesting), objects with duplicate keys, and -0, which jansson
 * takes for 0. */
#include <assert.h>
#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "controller/vmi.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The member at a path of keys, NULL where it is absent or null. */
static const json_t *member(const json_t *at, const char *const *path)
{
	for (; *path != NULL && at != NULL; path++)
		at = json_object_get(at, *path); /* NULL unless it is an object */
	return json_is_null(at) ? NULL : at;
}

#define MEMBER(root, ...) member(root, (const char *const[]){__VA_ARGS__, NULL})

static bool is_text(const json_t *j, const char *text)
{
	return json_is_string(j) && json_string_length(j) == strlen(text) &&
	       memcmp(json_string_value(j), text, strlen(text)) == 0;
}

/* Names: only where the whole object counts as readable. */
static void check_names(const struct vmi *v, const json_t *root)
{
	const json_t *source =
		MEMBER(root, "status", "migrationState", "sourceState", "virtualMachineInstanceUID");

	if (v->unreadable != NULL)
		return;
	assert(is_text(MEMBER(root, "metadata", "namespace"), v->namespace));
	assert(is_text(MEMBER(root, "metadata", "name"), v->name));
	assert(is_text(MEMBER(root, "metadata", "uid"), v->uid));
	assert(source == NULL ? v->source_uid[0] == '\0' : is_text(source, v->source_uid));
}

static void check_phase(const struct vmi *v, const json_t *root)
{
	const json_t *phase = MEMBER(root, "status", "phase");

	assert(v->has_phase == json_is_string(phase));
	if (phase == NULL)
		assert(v->phase == VMI_PHASE_UNSET);
	else if (v->phase == VMI_PHASE_OTHER)
		for (int i = 0; i < VMI_PHASE_OTHER; i++)
			assert(!is_text(phase, vmi_phase_name((enum vmi_phase)i)));
	else
		assert(is_text(phase, vmi_phase_name(v->phase)));
}

static bool was_scheduled(const json_t *root)
{
	const json_t *past = MEMBER(root, "status", "phaseTransitionTimestamps");

	for (size_t i = 0; i < json_array_size(past); i++)
		if (is_text(MEMBER(json_array_get(past, i), "phase"), "Scheduled"))
			return true;
	return false;
}

static void check_cid(const struct vmi *v, const json_t *root)
{
	const json_t *status = MEMBER(root, "status");
	const json_t *cid = MEMBER(root, "status", "VSOCKCID");
	json_int_t number = json_integer_value(cid);

	if (status != NULL && !json_is_object(status))
		assert(v->cid_state == VMI_CID_UNREADABLE);
	else if (cid == NULL)
		assert(v->cid_state == VMI_CID_ABSENT);
	else if (!json_is_integer(cid) || number < 0 || number > UINT32_MAX)
		assert(v->cid_state == VMI_CID_UNREADABLE);
	else
		assert(v->cid_state == VMI_CID_PRESENT ? v->cid == number : number == 0);
}

static void check(const struct vmi *v, const json_t *root)
{
	const json_t *version = MEMBER(root, "metadata", "resourceVersion");

	check_names(v, root);
	check_phase(v, root);
	check_cid(v, root);
	assert(v->wants_vsock == json_is_true(MEMBER(root, "spec", "domain", "devices", "autoattachVSOCK")));
	assert(v->deleting == (MEMBER(root, "metadata", "deletionTimestamp") != NULL));
	assert(v->may_fall_back ==
	       (MEMBER(root, "metadata", "annotations", "kubevirt.io/create-migration-target") != NULL));
	assert(v->has_status == json_is_object(MEMBER(root, "status")));
	assert(v->was_scheduled == was_scheduled(root));
	if (json_is_string(version) && json_string_length(version) < sizeof(v->resource_version))
		assert(memcmp(v->resource_version, json_string_value(version),
			      json_string_length(version) + 1) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vmi_parser *parser;
	struct vmi v;
	struct error err = {0};
	json_t *root = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
	int rc;

	if (vmi_parser_create(&parser) != 0)
		abort();
	rc = vmi_parser_read(parser, &v, (const char *)data, size, &err);
	if (json_is_object(root)) {
		assert(rc == 0);
		check(&v, root);
	}
	vmi_parser_free(parser);
	json_decref(root);
	return 0;
}
