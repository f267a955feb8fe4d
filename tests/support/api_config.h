/**
 * api_config: what a kubeconfig says about its current context, for the API client of the tests.
 *
 * Written a second time on purpose: what checks the controller shares no code with lib/kube. It reads what
 * our own tools write (tests/controlplane, build/apisim), which is YAML or JSON, and no more of the format
 * than server, token, tokenFile, and CA, certificate and key as file or data.
 */
#ifndef SUPPORT_API_CONFIG_H
#define SUPPORT_API_CONFIG_H

#include "base/error.h"

/** All owned, all but server NULL where not given. PEM texts, never file names. */
struct api_config {
	char *server; /* "https://127.0.0.1:1234", no slash at the end */
	char *token;
	char *ca;
	char *certificate;
	char *key;
};

/** Reads the file at @path. Returns 0 (then the caller must call api_config_free()), -ENOENT and its like,
 * -EINVAL (not a kubeconfig, or one without a server), -ENOMEM. */
int api_config_load(struct api_config *config, const char *path, struct error *err);

void api_config_free(struct api_config *config);

#endif
