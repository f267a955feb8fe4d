#include "support/api_config.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/buf.h"
#include "base/macros.h"

#define FILE_MAX (1 << 20)

/* Reads a whole small file as a string. */
static int read_text(const char *path, char **out, struct error *err)
{
	AUTO_BUF struct buf text;
	char chunk[4096];
	FILE *file = fopen(path, "re");
	size_t n;
	int rc = 0;

	buf_init(&text, FILE_MAX);
	if (file == NULL)
		return error_errno(err, -errno, "open %s", path);
	while (rc == 0 && (n = fread(chunk, 1, sizeof(chunk), file)) > 0)
		rc = buf_add(&text, chunk, n);
	fclose(file);
	if (rc != 0)
		return error_errno(err, rc, "read %s", path);
	if (text.len == 0)
		return error_set(err, -EINVAL, "%s is empty", path);
	*out = buf_steal(&text);
	return 0;
}

static int decode_base64(const char *text, char **out, struct error *err)
{
	size_t len = strlen(text);
	AUTO_FREE char *bytes = malloc(len / 4 * 3 + 4);
	int n;

	if (bytes == NULL)
		return error_set(err, -ENOMEM, "out of memory");
	n = len % 4 == 0 ? EVP_DecodeBlock((unsigned char *)bytes, (const unsigned char *)text, (int)len)
			 : -1;
	if (n <= 0)
		return error_set(err, -EINVAL, "bad base64");
	bytes[n] = '\0'; /* padding decodes to NULs, so what ends here may have ended before */
	*out = STEAL_POINTER(bytes);
	return 0;
}

static yaml_node_t *member(yaml_document_t *doc, yaml_node_t *map, const char *key)
{
	if (map == NULL || map->type != YAML_MAPPING_NODE)
		return NULL;
	for (yaml_node_pair_t *p = map->data.mapping.pairs.start; p < map->data.mapping.pairs.top; p++) {
		yaml_node_t *name = yaml_document_get_node(doc, p->key);

		if (name->type == YAML_SCALAR_NODE && strcmp((char *)name->data.scalar.value, key) == 0)
			return yaml_document_get_node(doc, p->value);
	}
	return NULL;
}

/* The text of a scalar member, NULL where it is missing or empty. */
static const char *text_of(yaml_document_t *doc, yaml_node_t *map, const char *key)
{
	yaml_node_t *node = member(doc, map, key);

	if (node == NULL || node->type != YAML_SCALAR_NODE || node->data.scalar.length == 0)
		return NULL;
	return (const char *)node->data.scalar.value;
}

/* In the list @list of the top: the member @kind of the entry with that name. */
static yaml_node_t *named(yaml_document_t *doc, const char *list, const char *name, const char *kind)
{
	yaml_node_t *all = member(doc, yaml_document_get_root_node(doc), list);

	if (all == NULL || all->type != YAML_SEQUENCE_NODE || name == NULL)
		return NULL;
	for (yaml_node_item_t *i = all->data.sequence.items.start; i < all->data.sequence.items.top; i++) {
		yaml_node_t *entry = yaml_document_get_node(doc, *i);
		const char *its_name = text_of(doc, entry, "name");

		if (its_name != NULL && strcmp(its_name, name) == 0)
			return member(doc, entry, kind);
	}
	return NULL;
}

/* A PEM given as `@key-data` or as the file `@key`. */
static int read_pem(yaml_document_t *doc, yaml_node_t *map, const char *key, char **out, struct error *err)
{
	char data_key[64];
	const char *text;

	snprintf(data_key, sizeof(data_key), "%s-data", key);
	text = text_of(doc, map, data_key);
	if (text != NULL)
		return decode_base64(text, out, err);
	text = text_of(doc, map, key);
	return text != NULL ? read_text(text, out, err) : 0;
}

static int read_user(struct api_config *config, yaml_document_t *doc, yaml_node_t *user, struct error *err)
{
	const char *token = text_of(doc, user, "token");
	const char *token_file = text_of(doc, user, "tokenFile");
	int rc;

	rc = read_pem(doc, user, "client-certificate", &config->certificate, err);
	if (rc == 0)
		rc = read_pem(doc, user, "client-key", &config->key, err);
	if (rc != 0)
		return rc;
	if (token_file != NULL) {
		rc = read_text(token_file, &config->token, err);
		if (rc == 0)
			config->token[strcspn(config->token, "\r\n")] = '\0';
		return rc;
	}
	if (token == NULL)
		return 0;
	config->token = strdup(token);
	return config->token != NULL ? 0 : error_set(err, -ENOMEM, "out of memory");
}

static int read_document(struct api_config *config, yaml_document_t *doc, struct error *err)
{
	const char *current = text_of(doc, yaml_document_get_root_node(doc), "current-context");
	yaml_node_t *context = named(doc, "contexts", current, "context");
	yaml_node_t *cluster = named(doc, "clusters", text_of(doc, context, "cluster"), "cluster");
	yaml_node_t *user = named(doc, "users", text_of(doc, context, "user"), "user");
	const char *server = text_of(doc, cluster, "server");
	size_t len;
	int rc;

	if (server == NULL)
		return error_set(err, -EINVAL, "no server for the current context");
	config->server = strdup(server);
	if (config->server == NULL)
		return error_set(err, -ENOMEM, "out of memory");
	for (len = strlen(config->server); len > 0 && config->server[len - 1] == '/'; len--)
		config->server[len - 1] = '\0';
	rc = read_pem(doc, cluster, "certificate-authority", &config->ca, err);
	return rc == 0 ? read_user(config, doc, user, err) : rc;
}

int api_config_load(struct api_config *config, const char *path, struct error *err)
{
	AUTO_FREE char *text = NULL;
	yaml_parser_t parser;
	yaml_document_t doc;
	int rc = read_text(path, &text, err);

	if (rc != 0)
		return error_wrap(err, rc, "kubeconfig");
	memset(config, 0, sizeof(*config));
	if (!yaml_parser_initialize(&parser))
		return error_set(err, -ENOMEM, "out of memory");
	yaml_parser_set_input_string(&parser, (unsigned char *)text, strlen(text));
	if (!yaml_parser_load(&parser, &doc)) {
		rc = error_set(err, -EINVAL, "kubeconfig %s: line %zu: %s", path,
			       parser.problem_mark.line + 1, parser.problem);
		goto out;
	}
	rc = read_document(config, &doc, err);
	yaml_document_delete(&doc);
	if (rc != 0) {
		error_wrap(err, rc, "kubeconfig %s", path);
		api_config_free(config);
	}
out:
	yaml_parser_delete(&parser);
	return rc;
}

void api_config_free(struct api_config *config)
{
	free(config->server);
	free(config->token);
	free(config->ca);
	free(config->certificate);
	free(config->key);
	memset(config, 0, sizeof(*config));
}
