#include "kube/config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/macros.h"
#include "kube/kubeconfig.h"
#include "kube/pem.h"
#include "kube/server_url.h"
#include "kube/token_file.h"

static bool present(const char *text)
{
	return text != NULL && text[0] != '\0';
}

void kube_config_sources_from_env(struct kube_config_sources *sources, const char *path, const char *context)
{
	*sources = (struct kube_config_sources){
		.path = path,
		.context = context,
		.env_kubeconfig = getenv("KUBECONFIG"),
		.service_host = getenv("KUBERNETES_SERVICE_HOST"),
		.service_port = getenv("KUBERNETES_SERVICE_PORT"),
		.account_dir = KUBE_CONFIG_ACCOUNT_DIR,
		.pod_namespace = getenv("POD_NAMESPACE"),
		.home = getenv("HOME"),
	};
}

void kube_config_free(struct kube_config *config)
{
	free(config->source);
	free(config->server);
	free(config->ca_file);
	free(config->ca_pem);
	free(config->server_name);
	free(config->proxy_url);
	free(config->cert_file);
	free(config->cert_pem);
	free(config->key_file);
	free(config->key_pem);
	free(config->token);
	free(config->token_file);
	free(config->namespace);
	*config = (struct kube_config){0};
}

static int check_token_file(const char *path, struct error *err)
{
	struct token_file *tf;
	int rc = token_file_open(&tf, path, TOKEN_FILE_MAX_AGE_MS, 0, err);

	if (rc == 0)
		token_file_close(tf);
	return rc;
}

static int check_pem_file(const char *path, enum pem_kind kind, const char *field, struct error *err)
{
	int rc = path != NULL ? pem_check_file(path, kind, err) : 0;

	return rc == 0 ? 0 : error_wrap(err, rc, "%s", field);
}

/* The namespace becomes part of URLs: an RFC 1123 label. */
static int check_namespace(const char *namespace, struct error *err)
{
	size_t n = strspn(namespace, "abcdefghijklmnopqrstuvwxyz0123456789-");

	if (n == 0 || n > 63 || namespace[n] != '\0')
		return error_set(err, -EINVAL, "namespace: is not the name of a namespace");
	return 0;
}

/* Looks at every file that @config names too, so that a wrong one is told at the start. */
static int check_config(const struct kube_config *config, struct error *err)
{
	int rc = check_namespace(config->namespace, err);

	if (rc == 0)
		rc = check_pem_file(config->ca_file, PEM_CERTIFICATE, "certificate-authority", err);
	if (rc == 0)
		rc = check_pem_file(config->cert_file, PEM_CERTIFICATE, "client-certificate", err);
	if (rc == 0)
		rc = check_pem_file(config->key_file, PEM_PRIVATE_KEY, "client-key", err);
	if (rc == 0 && config->token_file != NULL) {
		rc = check_token_file(config->token_file, err);
		if (rc != 0)
			(void)error_wrap(err, rc, "token");
	}
	return rc == 0 ? 0 : error_wrap(err, rc, "%s", config->source);
}

static int add_file(struct kubeconfig *kc, const char *path, struct error *err)
{
	AUTO_BUF struct buf content;
	int rc;

	buf_init(&content, KUBECONFIG_MAX_BYTES);
	rc = file_read(&content, path, FILE_ANY, err);
	return rc != 0 ? rc : kubeconfig_add(kc, path, buf_str(&content), content.len, err);
}

/* The files of KUBECONFIG that exist; those that do not are passed over, as kubectl does. */
static int add_list(struct kubeconfig *kc, const char *list, struct error *err)
{
	/* NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker): one of path and list is always given */
	AUTO_FREE char *copy = strdup(list);
	char *rest = NULL;
	int rc;

	if (copy == NULL)
		return error_errno(err, -ENOMEM, "KUBECONFIG");
	for (char *path = strtok_r(copy, ":", &rest); path != NULL; path = strtok_r(NULL, ":", &rest)) {
		rc = add_file(kc, path, err);
		if (rc != 0 && rc != -ENOENT)
			return rc;
	}
	if (kc->count == 0)
		return error_set(err, -ENOENT, "KUBECONFIG: no such file: %s", list);
	return 0;
}

static int load_kubeconfig(struct kube_config *out, const char *path, const char *list, const char *context,
			   struct error *err)
{
	struct kubeconfig kc = {0};
	int rc = path != NULL ? add_file(&kc, path, err) : add_list(&kc, list, err);

	if (rc == 0)
		rc = kubeconfig_resolve(&kc, present(context) ? context : NULL, out, err);
	kubeconfig_free(&kc);
	return rc == 0 ? 0 : error_wrap(err, rc, "kubeconfig");
}

/* CFG-3: POD_NAMESPACE, then the account's file, then "default". */
static int pod_namespace(struct kube_config *config, const char *dir, const char *from_env, struct error *err)
{
	AUTO_FREE char *path = NULL;
	AUTO_BUF struct buf content;
	const char *text;

	buf_init(&content, 256);
	if (asprintf(&path, "%s/namespace", dir) < 0)
		return error_errno(err, -ENOMEM, "namespace");
	if (!present(from_env))
		(void)file_read(&content, path, FILE_REGULAR, NULL);
	text = present(from_env) ? from_env : buf_str(&content);
	text += strspn(text, " \t\r\n");
	config->namespace = strndup(text, strcspn(text, " \t\r\n"));
	if (config->namespace != NULL && config->namespace[0] == '\0') {
		free(config->namespace);
		config->namespace = strdup("default");
	}
	if (config->namespace == NULL)
		return error_errno(err, -ENOMEM, "namespace");
	return 0;
}

static int load_in_cluster(struct kube_config *config, const struct kube_config_sources *sources,
			   struct error *err)
{
	const char *dir = present(sources->account_dir) ? sources->account_dir : KUBE_CONFIG_ACCOUNT_DIR;
	bool is_ipv6 = strchr(sources->service_host, ':') != NULL;
	AUTO_FREE char *url = NULL;
	int rc;

	config->source = strdup("in-cluster");
	if (config->source == NULL || asprintf(&config->token_file, "%s/token", dir) < 0 ||
	    asprintf(&config->ca_file, "%s/ca.crt", dir) < 0 ||
	    asprintf(&url, is_ipv6 ? "https://[%s]:%s" : "https://%s:%s", sources->service_host,
		     sources->service_port) < 0)
		return error_errno(err, -ENOMEM, "in-cluster");
	rc = server_url_parse(&config->server, url, err);
	if (rc != 0)
		return error_wrap(err, rc, "in-cluster: KUBERNETES_SERVICE_HOST or _PORT");
	return pod_namespace(config, dir, sources->pod_namespace, err);
}

/* Chooses the source (CFG-1). */
static int load(struct kube_config *config, const struct kube_config_sources *sources, struct error *err)
{
	AUTO_FREE char *home_file = NULL;
	int rc;

	if (sources->path != NULL)
		return load_kubeconfig(config, sources->path, NULL, sources->context, err);
	if (present(sources->env_kubeconfig))
		return load_kubeconfig(config, NULL, sources->env_kubeconfig, sources->context, err);
	if (present(sources->service_host) && present(sources->service_port)) {
		if (present(sources->context))
			return error_set(err, -EINVAL, "in-cluster: --context needs a kubeconfig");
		return load_in_cluster(config, sources, err);
	}
	if (present(sources->home)) {
		if (asprintf(&home_file, "%s/.kube/config", sources->home) < 0)
			return error_errno(err, -ENOMEM, "kubeconfig");
		rc = load_kubeconfig(config, home_file, NULL, sources->context, err);
		if (rc != -ENOENT)
			return rc;
	}
	return error_set(err, -ENOENT, "no --kubeconfig, no KUBECONFIG, not in a pod and no ~/.kube/config");
}

int kube_config_load(struct kube_config *out, const struct kube_config_sources *sources, struct error *err)
{
	struct kube_config config = {0};
	int rc = load(&config, sources, err);

	if (rc == 0)
		rc = check_config(&config, err);
	if (rc != 0)
		kube_config_free(&config);
	else
		*out = config;
	return rc;
}
