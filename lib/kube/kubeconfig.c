#include "kube/kubeconfig.h"

#include <errno.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "kube/kubeconfig_entry.h"
#include "kube/pem.h"
#include "kube/server_url.h"
#include "kube/yamldoc.h"

/* The three kinds of entries: the list's key, and the key (and word for messages) of one entry's content. */
enum kind { CLUSTER, USER, CONTEXT };
static const struct {
	const char *list;
	const char *word;
} kinds[] = {
	[CLUSTER] = {"clusters", "cluster"},
	[USER] = {"users", "user"},
	[CONTEXT] = {"contexts", "context"},
};

/* Checks one item of a list: an object with a name of its own, and content that is an object. */
static int check_item(const json_t *item, enum kind kind, size_t at, json_t *names, struct error *err)
{
	const char *list = kinds[kind].list;
	const json_t *name = json_object_get(item, "name");
	const json_t *content = json_object_get(item, kinds[kind].word);

	if (!json_is_object(item))
		return error_set(err, -EINVAL, "%s: entry %zu: must be an object", list, at + 1);
	if (!json_is_string(name) || json_string_length(name) == 0)
		return error_set(err, -EINVAL, "%s: entry %zu: name: is missing", list, at + 1);
	if (!kubeconfig_value_clean(name))
		return error_set(err, -EINVAL, "%s: entry %zu: name: has a control character", list, at + 1);
	if (json_object_get(names, json_string_value(name)) != NULL)
		return error_set(err, -EINVAL, "%s: two entries are named %s", list, json_string_value(name));
	if (content != NULL && !json_is_null(content) && !json_is_object(content))
		return error_set(err, -EINVAL, "%s: entry %zu: %s: must be an object", list, at + 1,
				 kinds[kind].word);
	if (json_object_set_new(names, json_string_value(name), json_true()) != 0)
		return error_errno(err, -ENOMEM, "%s", list);
	return 0;
}

static int check_list(const json_t *root, enum kind kind, struct error *err)
{
	const json_t *list = json_object_get(root, kinds[kind].list);
	const json_t *item;
	json_t *names;
	size_t at;
	int rc = 0;

	if (list == NULL || json_is_null(list))
		return 0;
	if (!json_is_array(list))
		return error_set(err, -EINVAL, "%s: must be a list", kinds[kind].list);
	names = json_object();
	if (names == NULL)
		return error_errno(err, -ENOMEM, "%s", kinds[kind].list);
	json_array_foreach(list, at, item)
	{
		rc = check_item(item, kind, at, names, err);
		if (rc != 0)
			break;
	}
	json_decref(names);
	return rc;
}

static int check_document(const json_t *root, struct error *err)
{
	const json_t *kind = json_object_get(root, "kind");
	const json_t *current = json_object_get(root, "current-context");
	int rc;

	if (!json_is_object(root))
		return error_set(err, -EINVAL, "is not a kubeconfig: must be an object");
	if (!kubeconfig_value_absent(kind) &&
	    (!json_is_string(kind) || strcmp(json_string_value(kind), "Config") != 0))
		return error_set(err, -EINVAL, "is not a kubeconfig: kind is not Config");
	if (!kubeconfig_value_absent(current) &&
	    (!json_is_string(current) || !kubeconfig_value_clean(current)))
		return error_set(err, -EINVAL, "current-context: must be a name");
	rc = check_list(root, CLUSTER, err);
	if (rc == 0)
		rc = check_list(root, USER, err);
	if (rc == 0)
		rc = check_list(root, CONTEXT, err);
	return rc;
}

/* *out: what the file says, checked for its form; the caller's to release. */
static int parse_document(json_t **out, const char *text, size_t n, struct error *err)
{
	json_t *root;
	int rc = yamldoc_parse(&root, text, n, err);

	if (rc != 0)
		return rc;
	if (json_is_null(root)) /* an empty file, as kubectl leaves it behind */
		root = json_object();
	rc = root != NULL ? check_document(root, err) : error_errno(err, -ENOMEM, "kubeconfig");
	if (rc != 0)
		json_decref(root);
	else
		*out = root;
	return rc;
}

int kubeconfig_add(struct kubeconfig *kc, const char *path, const char *text, size_t n, struct error *err)
{
	struct kubeconfig_file *file = &kc->files[kc->count];
	int rc;

	if (kc->count == KUBECONFIG_MAX_FILES)
		return error_set(err, -EINVAL, "%s: more than %d files", path, KUBECONFIG_MAX_FILES);
	*file = (struct kubeconfig_file){.path = strdup(path)};
	if (file->path == NULL)
		return error_errno(err, -ENOMEM, "%s", path);
	rc = parse_document(&file->root, text, n, err);
	if (rc != 0) {
		free(file->path);
		return error_wrap(err, rc, "%s", path);
	}
	kc->count++;
	return 0;
}

void kubeconfig_free(struct kubeconfig *kc)
{
	for (size_t i = 0; i < kc->count; i++) {
		free(kc->files[i].path);
		json_decref(kc->files[i].root);
	}
	kc->count = 0;
}

/* Finds an entry, first file first. Returns whether there is one. */
static bool kubeconfig_find(const struct kubeconfig *kc, enum kind kind, const char *name,
			    struct kubeconfig_entry *out)
{
	for (size_t i = 0; i < kc->count; i++) {
		const json_t *list = json_object_get(kc->files[i].root, kinds[kind].list);
		const json_t *item;
		size_t at;

		json_array_foreach(list, at, item)
		{
			const char *has = json_string_value(json_object_get(item, "name"));

			if (strcmp(has, name) != 0)
				continue;
			*out = (struct kubeconfig_entry){
				.path = kc->files[i].path,
				.word = kinds[kind].word,
				.name = has,
				.fields = json_object_get(item, kinds[kind].word),
			};
			return true;
		}
	}
	return false;
}

/* The first current-context of all files; NULL where there is none. */
static const char *kubeconfig_current(const struct kubeconfig *kc)
{
	for (size_t i = 0; i < kc->count; i++) {
		const json_t *value = json_object_get(kc->files[i].root, "current-context");

		if (!kubeconfig_value_absent(value))
			return json_string_value(value);
	}
	return NULL;
}

static int resolve_cluster(const struct kubeconfig_entry *e, struct kube_config *out, struct error *err)
{
	static const char host_letters[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._:";
	const char *server = NULL;
	int rc = kubeconfig_entry_string(e, "server", &server, err);

	if (rc == 0 && server == NULL)
		return kubeconfig_entry_reject(e, "server", "is missing", err);
	if (rc != 0)
		return rc;
	rc = server_url_parse(&out->server, server, err);
	if (rc != 0)
		return kubeconfig_entry_wrap(e, "server", rc, err);
	rc = kubeconfig_entry_pem(e, "certificate-authority", PEM_CERTIFICATE, &out->ca_file, &out->ca_pem,
				  err);
	if (rc == 0)
		rc = kubeconfig_entry_bool(e, "insecure-skip-tls-verify", &out->insecure, err);
	if (rc == 0)
		rc = kubeconfig_entry_copy(e, "tls-server-name", &out->server_name, err);
	if (rc == 0)
		rc = kubeconfig_entry_copy(e, "proxy-url", &out->proxy_url, err);
	if (rc != 0)
		return rc;
	if (out->server_name != NULL && strspn(out->server_name, host_letters) != strlen(out->server_name))
		return kubeconfig_entry_reject(e, "tls-server-name", "is not the name of a host", err);
	if (out->insecure && (out->ca_file != NULL || out->ca_pem != NULL))
		return kubeconfig_entry_reject(e, "insecure-skip-tls-verify",
					       "contradicts the certificate-authority", err);
	rc = out->proxy_url != NULL ? server_url_check_proxy(out->proxy_url, err) : 0;
	return rc == 0 ? 0 : kubeconfig_entry_wrap(e, "proxy-url", rc, err);
}

/* CFG-9, and what this program leaves out. */
static int refuse_unsupported(const struct kubeconfig_entry *e, struct error *err)
{
	static const struct {
		const char *field;
		const char *why;
	} unsupported[] = {
		{"exec", "credential plugins are not supported; use a token or a client certificate"},
		{"auth-provider", "auth providers are not supported; use a token or a client certificate"},
		{"username", "basic authentication is not supported; use a token or a client certificate"},
		{"password", "basic authentication is not supported; use a token or a client certificate"},
		{"as", "impersonation is not supported"},
		{"as-uid", "impersonation is not supported"},
		{"as-groups", "impersonation is not supported"},
		{"as-user-extra", "impersonation is not supported"},
	};

	for (size_t i = 0; i < ARRAY_LEN(unsupported); i++)
		/* A user that was not found does not come here:
		 * NOLINTNEXTLINE(clang-analyzer-core.CallAndMessage) */
		if (!kubeconfig_value_absent(json_object_get(e->fields, unsupported[i].field)))
			return kubeconfig_entry_reject(e, unsupported[i].field, unsupported[i].why, err);
	return 0;
}

static int resolve_user(const struct kubeconfig_entry *e, struct kube_config *out, struct error *err)
{
	bool has_cert;
	bool has_key;
	int rc = refuse_unsupported(e, err);

	if (rc == 0)
		rc = kubeconfig_entry_pem(e, "client-certificate", PEM_CERTIFICATE, &out->cert_file,
					  &out->cert_pem, err);
	if (rc == 0)
		rc = kubeconfig_entry_pem(e, "client-key", PEM_PRIVATE_KEY, &out->key_file, &out->key_pem,
					  err);
	if (rc == 0)
		rc = kubeconfig_entry_copy(e, "token", &out->token, err);
	if (rc == 0)
		rc = kubeconfig_entry_path(e, "tokenFile", &out->token_file, err);
	if (rc != 0)
		return rc;
	has_cert = out->cert_file != NULL || out->cert_pem != NULL;
	has_key = out->key_file != NULL || out->key_pem != NULL;
	if (has_cert && !has_key)
		return kubeconfig_entry_reject(e, "client-key",
					       "is missing, but there is a client-certificate", err);
	if (has_key && !has_cert)
		return kubeconfig_entry_reject(e, "client-certificate",
					       "is missing, but there is a client-key", err);
	for (const char *p = out->token; p != NULL && *p != '\0'; p++)
		if (*p < 0x20 || *p > 0x7e)
			return kubeconfig_entry_reject(e, "token", "has bytes that no token can have", err);
	return 0;
}

/* Returns whether there were any. */
static bool drop_credentials(struct kube_config *config)
{
	char **const members[] = {&config->cert_file, &config->cert_pem, &config->key_file,
				  &config->key_pem,   &config->token,    &config->token_file};
	bool any = false;

	for (size_t i = 0; i < ARRAY_LEN(members); i++) {
		any |= *members[i] != NULL;
		free(*members[i]);
		*members[i] = NULL;
	}
	return any;
}

/* Finds the entry that @context names under its field for @kind. *found is false where it names none. */
static int context_follow(const struct kubeconfig *kc, const struct kubeconfig_entry *context, enum kind kind,
			  struct kubeconfig_entry *out, bool *found, struct error *err)
{
	const char *name;
	int rc = kubeconfig_entry_string(context, kinds[kind].word, &name, err);

	*found = rc == 0 && name != NULL;
	if (!*found || kubeconfig_find(kc, kind, name, out))
		return rc;
	(void)error_set(err, -EINVAL, "there is no %s named %s", kinds[kind].word, name);
	return kubeconfig_entry_wrap(context, kinds[kind].word, -EINVAL, err);
}

static int resolve_context(const struct kubeconfig *kc, const struct kubeconfig_entry *context,
			   struct kube_config *out, struct error *err)
{
	struct kubeconfig_entry cluster;
	struct kubeconfig_entry user;
	const char *note = "";
	bool has_cluster;
	bool has_user;
	int rc = context_follow(kc, context, CLUSTER, &cluster, &has_cluster, err);

	if (rc == 0 && !has_cluster)
		return kubeconfig_entry_reject(context, "cluster", "is missing", err);
	if (rc == 0)
		rc = context_follow(kc, context, USER, &user, &has_user, err);
	if (rc == 0)
		rc = resolve_cluster(&cluster, out, err);
	if (rc == 0 && has_user)
		rc = resolve_user(&user, out, err);
	if (rc == 0)
		rc = kubeconfig_entry_copy(context, "namespace", &out->namespace, err);
	if (rc != 0)
		return rc;
	if (strncmp(out->server, "https:", 6) != 0 && drop_credentials(out))
		note = "; credentials left out, the server is not https";
	if (out->namespace == NULL)
		out->namespace = strdup("default");
	if (asprintf(&out->source, "kubeconfig %s (context %s%s)", context->path, context->name, note) < 0)
		out->source = NULL;
	return out->namespace != NULL && out->source != NULL ? 0 : error_errno(err, -ENOMEM, "kubeconfig");
}

int kubeconfig_resolve(const struct kubeconfig *kc, const char *name, struct kube_config *out,
		       struct error *err)
{
	const char *wanted = name != NULL ? name : kubeconfig_current(kc);
	const char *path = kc->count > 0 ? kc->files[0].path : "";
	struct kube_config config = {0};
	struct kubeconfig_entry context;
	int rc;

	if (wanted == NULL)
		return error_set(err, -EINVAL, "%s: current-context: is missing; name one with --context",
				 path);
	if (!kubeconfig_find(kc, CONTEXT, wanted, &context))
		return error_set(err, -EINVAL, "%s: %s: there is no context named %s", path,
				 name != NULL ? "--context" : "current-context", wanted);
	rc = resolve_context(kc, &context, &config, err);
	if (rc != 0)
		kube_config_free(&config);
	else
		*out = config;
	return rc;
}
