/**
 * kube_config: where the API server is and how to log in, from a kubeconfig file or from the pod's service
 * account.
 *
 * Order of sources (CFG-1): --kubeconfig (a missing file is an error), $KUBECONFIG (a list of files; the
 * first that has an entry wins, CFG-8), in-cluster (CFG-2), ~/.kube/config. If KUBECONFIG is set, in-cluster
 * is not tried. What this program cannot do (exec plugins, auth providers, basic auth, impersonation) is a
 * clear error, never ignored (CFG-9).
 */
#ifndef KUBE_CONFIG_H
#define KUBE_CONFIG_H

#include <stdbool.h>

#include "base/error.h"

/** Filled by the functions below; all strings are owned by the struct, NULL where absent. Of each file/PEM
 * pair at most one is set. */
struct kube_config {
	char *source; /* for messages: "kubeconfig /path (context c)" or "in-cluster" */
	char *server; /* "https://host:port/prefix", no trailing slash (CFG-10) */
	char *ca_file;
	char *ca_pem;
	char *server_name; /* tls-server-name */
	bool insecure;
	char *proxy_url;
	char *cert_file, *cert_pem;
	char *key_file, *key_pem;
	char *token;      /* fixed bearer token */
	char *token_file; /* wins over token (CFG-4) */
	char *namespace;  /* of the context or of the pod; "default" where none is given */
};

/** What kube_config_load() looks at; it does not read the environment itself. All borrowed, NULL or "" where
 * absent. */
struct kube_config_sources {
	const char *path;                        /* --kubeconfig */
	const char *context;                     /* --context; absent: current-context */
	const char *env_kubeconfig;              /* KUBECONFIG */
	const char *service_host, *service_port; /* KUBERNETES_SERVICE_HOST, _PORT */
	const char *account_dir;                 /* absent: KUBE_CONFIG_ACCOUNT_DIR */
	const char *pod_namespace;               /* POD_NAMESPACE (CFG-3) */
	const char *home;                        /* HOME */
};

#define KUBE_CONFIG_ACCOUNT_DIR "/var/run/secrets/kubernetes.io/serviceaccount"

/** Fills @sources from the process's environment, with @path and @context from the command line (either may
 * be NULL). */
void kube_config_sources_from_env(struct kube_config_sources *sources, const char *path, const char *context);

/** Reads the configuration. On success @out must be given to kube_config_free(); on failure it is untouched.
 * Returns 0 or -ENOENT (no configuration anywhere, or a named file is missing), -EACCES, -EINVAL (malformed,
 * contradictory or not supported; err names file, entry and field), -ENOMEM. Files that the configuration
 * names are checked for being readable; in-cluster a missing ca.crt is an error (stricter than CFG-2). */
int kube_config_load(struct kube_config *out, const struct kube_config_sources *sources, struct error *err);

void kube_config_free(struct kube_config *config);

#endif
