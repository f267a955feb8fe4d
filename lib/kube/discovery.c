#include "kube/discovery.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>

static uint32_t discovery_bit(const char *version, const char *const *versions)
{
	for (uint32_t i = 0; i < DISCOVERY_MAX_VERSIONS && versions[i] != NULL; i++)
		if (strcmp(version, versions[i]) == 0)
			return UINT32_C(1) << i;
	return 0;
}

int discovery_parse(uint32_t *served, const char *body, size_t len, const char *const *versions,
		    struct error *err)
{
	uint32_t mask = 0;
	json_error_t why;
	json_t *group = json_loadb(body, len, JSON_ALLOW_NUL, &why);
	const json_t *list;
	const json_t *entry;
	size_t i;

	if (group == NULL)
		return error_set(err, -EBADMSG, "discovery: not JSON: %s", why.text);
	list = json_object_get(group, "versions");
	if (!json_is_array(list)) {
		json_decref(group);
		return error_set(err, -EBADMSG, "discovery: not an APIGroup");
	}
	json_array_foreach(list, i, entry)
	{
		const char *version = json_string_value(json_object_get(entry, "version"));

		if (version != NULL)
			mask |= discovery_bit(version, versions);
	}
	json_decref(group);
	*served = mask;
	return 0;
}
