/* Any bytes as one or two kubeconfig files (cut at the first byte 0): parse, merge, resolve. What comes out
 * must keep the promises of kube/config.h; a failure must say something, in one line. */
#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "kube/config.h"
#include "kube/kubeconfig.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_failure(int rc, const struct error *err)
{
	assert(rc < 0 && err->code == rc);
	assert(err->message[0] != '\0' && strchr(err->message, '\n') == NULL);
}

static void check_config(const struct kube_config *config)
{
	bool https = strncmp(config->server, "https://", 8) == 0;
	bool has_cert = config->cert_file != NULL || config->cert_pem != NULL;
	bool has_key = config->key_file != NULL || config->key_pem != NULL;

	assert(https || strncmp(config->server, "http://", 7) == 0);
	assert(config->server[strlen(config->server) - 1] != '/');
	assert(https || (!has_cert && config->token == NULL && config->token_file == NULL));
	assert(has_cert == has_key);
	assert(config->ca_file == NULL || config->ca_pem == NULL);
	assert(config->cert_file == NULL || config->cert_pem == NULL);
	assert(config->key_file == NULL || config->key_pem == NULL);
	assert(!config->insecure || (config->ca_file == NULL && config->ca_pem == NULL));
	assert(config->token == NULL || strpbrk(config->token, "\r\n") == NULL);
	assert(config->source != NULL && config->namespace != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *cut = size > 0 ? memchr(data, 0, size) : NULL;
	size_t first = cut != NULL ? (size_t)(cut - data) : size;
	struct kubeconfig kc = {0};
	struct kube_config config;
	struct error err = {0};
	int rc = kubeconfig_add(&kc, "/a/one", (const char *)data, first, &err);

	if (rc == 0 && cut != NULL)
		rc = kubeconfig_add(&kc, "two", (const char *)cut + 1, size - first - 1, &err);
	if (rc == 0)
		rc = kubeconfig_resolve(&kc, NULL, &config, &err);
	if (rc == 0) {
		check_config(&config);
		kube_config_free(&config);
	} else {
		check_failure(rc, &err);
	}
	kubeconfig_free(&kc);
	return 0;
}
