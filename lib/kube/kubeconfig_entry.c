#include "kube/kubeconfig_entry.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int kubeconfig_entry_wrap(const struct kubeconfig_entry *e, const char *field, int rc, struct error *err)
{
	return error_wrap(err, rc, "%s: %s %s: %s", e->path, e->word, e->name, field);
}

int kubeconfig_entry_reject(const struct kubeconfig_entry *e, const char *field, const char *why,
			    struct error *err)
{
	(void)error_set(err, -EINVAL, "%s", why);
	return kubeconfig_entry_wrap(e, field, -EINVAL, err);
}

bool kubeconfig_value_clean(const json_t *text)
{
	const char *p = json_string_value(text);
	const char *end = p + json_string_length(text);

	for (; p < end; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			return false;
	return true;
}

bool kubeconfig_value_absent(const json_t *value)
{
	return value == NULL || json_is_null(value) ||
	       (json_is_string(value) && json_string_length(value) == 0) ||
	       (json_is_array(value) && json_array_size(value) == 0);
}

int kubeconfig_entry_string(const struct kubeconfig_entry *e, const char *field, const char **out,
			    struct error *err)
{
	const json_t *value = json_object_get(e->fields, field);

	*out = NULL;
	if (kubeconfig_value_absent(value))
		return 0;
	if (!json_is_string(value))
		return kubeconfig_entry_reject(e, field, "must be a text", err);
	if (!kubeconfig_value_clean(value))
		return kubeconfig_entry_reject(e, field, "has a control character", err);
	*out = json_string_value(value);
	return 0;
}

int kubeconfig_entry_copy(const struct kubeconfig_entry *e, const char *field, char **out, struct error *err)
{
	const char *text;
	int rc = kubeconfig_entry_string(e, field, &text, err);

	if (rc != 0 || text == NULL)
		return rc;
	*out = strdup(text);
	return *out != NULL ? 0 : error_errno(err, -ENOMEM, "kubeconfig");
}

int kubeconfig_entry_bool(const struct kubeconfig_entry *e, const char *field, bool *out, struct error *err)
{
	const char *text;
	int rc = kubeconfig_entry_string(e, field, &text, err);

	if (rc != 0 || text == NULL)
		return rc;
	if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
		return kubeconfig_entry_reject(e, field, "must be true or false", err);
	*out = strcmp(text, "true") == 0;
	return 0;
}

int kubeconfig_entry_path(const struct kubeconfig_entry *e, const char *field, char **out, struct error *err)
{
	const char *slash = strrchr(e->path, '/');
	const char *text;
	int rc = kubeconfig_entry_string(e, field, &text, err);

	if (rc != 0 || text == NULL)
		return rc;
	if (text[0] == '/' || slash == NULL)
		*out = strdup(text);
	else if (asprintf(out, "%.*s%s", (int)(slash + 1 - e->path), e->path, text) < 0)
		*out = NULL;
	return *out != NULL ? 0 : error_errno(err, -ENOMEM, "kubeconfig");
}

int kubeconfig_entry_pem(const struct kubeconfig_entry *e, const char *field, enum pem_kind kind, char **file,
			 char **pem, struct error *err)
{
	char data_field[64];
	const json_t *data;
	int rc = kubeconfig_entry_path(e, field, file, err);

	(void)snprintf(data_field, sizeof(data_field), "%s-data", field);
	data = json_object_get(e->fields, data_field);
	if (rc != 0 || kubeconfig_value_absent(data))
		return rc;
	if (*file != NULL)
		return kubeconfig_entry_reject(e, data_field, "only one of file and data may be given", err);
	if (!json_is_string(data) || strlen(json_string_value(data)) != json_string_length(data))
		return kubeconfig_entry_reject(e, data_field, "must be a text in base64", err);
	rc = pem_from_base64(pem, json_string_value(data), kind, err);
	return rc == 0 ? 0 : kubeconfig_entry_wrap(e, data_field, rc, err);
}
