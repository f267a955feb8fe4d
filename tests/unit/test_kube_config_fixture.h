/**
 * test_kube_config_fixture: files in a folder of their own, read as a configuration.
 */
#ifndef UNIT_TEST_KUBE_CONFIG_FIXTURE_H
#define UNIT_TEST_KUBE_CONFIG_FIXTURE_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "kube/config.h"

/* base64 of "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n" and the like */
#define CERT     "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n"
#define CERT_B64 "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCkFBPT0KLS0tLS1FTkQgQ0VSVElGSUNBVEUtLS0tLQo="
#define KEY      "-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n"
#define KEY_B64  "LS0tLS1CRUdJTiBQUklWQVRFIEtFWS0tLS0tCkFBPT0KLS0tLS1FTkQgUFJJVkFURSBLRVktLS0tLQo="

struct fixture {
	char dir[64];
	char last[128]; /* path that path_of() made last */
	struct kube_config config;
	struct kube_config_sources sources;
	struct error err;
};

static inline void fixture_init(struct fixture *fx)
{
	*fx = (struct fixture){.dir = "/tmp/test_kube_config.XXXXXX"};
	ck_assert_ptr_nonnull(mkdtemp(fx->dir));
}

static inline const char *path_of(struct fixture *fx, const char *name)
{
	(void)snprintf(fx->last, sizeof(fx->last), "%s/%s", fx->dir, name);
	return fx->last;
}

static inline void given_bytes(struct fixture *fx, const char *name, const void *bytes, size_t n)
{
	FILE *f = fopen(path_of(fx, name), "wb");

	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fwrite(bytes, 1, n, f), n);
	ck_assert_int_eq(fclose(f), 0);
}

static inline void given_file(struct fixture *fx, const char *name, const char *text)
{
	given_bytes(fx, name, text, strlen(text));
}

static inline void given_folder(struct fixture *fx, const char *name)
{
	ck_assert_int_eq(mkdir(path_of(fx, name), 0700), 0);
}

static inline void fixture_close(struct fixture *fx)
{
	char command[128];

	kube_config_free(&fx->config);
	(void)snprintf(command, sizeof(command), "rm -rf '%s'", fx->dir);
	ck_assert_int_eq(system(command), 0);
}

static inline int load(struct fixture *fx)
{
	kube_config_free(&fx->config);
	fx->err = (struct error){0};
	return kube_config_load(&fx->config, &fx->sources, &fx->err);
}

/* Loads @text as --kubeconfig. */
static inline int load_text(struct fixture *fx, const char *text)
{
	char path[128];

	given_file(fx, "config", text);
	(void)snprintf(path, sizeof(path), "%s", fx->last);
	fx->sources.path = path;
	(void)load(fx);
	fx->sources.path = NULL;
	return fx->err.code;
}

/* A kubeconfig with one cluster, user and context, all named c, with the lines given (each "\n" indented). */
static inline const char *with(const char *cluster, const char *user, const char *context)
{
	static char text[4096];

	(void)snprintf(text, sizeof(text),
		       "apiVersion: v1\n"
		       "kind: Config\n"
		       "current-context: c\n"
		       "clusters:\n"
		       "- name: c\n"
		       "  cluster: {%s}\n"
		       "users:\n"
		       "- name: c\n"
		       "  user: {%s}\n"
		       "contexts:\n"
		       "- name: c\n"
		       "  context: {%s}\n",
		       cluster, user, context);
	return text;
}

#define SERVER  "server: 'https://h:6443'"
#define CONTEXT "cluster: c, user: c"

static inline const char *with_user(const char *user)
{
	return with(SERVER, user, CONTEXT);
}

static inline const char *with_cluster(const char *cluster)
{
	return with(cluster, "token: t", CONTEXT);
}

/* The error is one line that ends with @tail. */
static inline void expect_error(struct fixture *fx, int code, const char *tail)
{
	size_t n = strlen(fx->err.message);
	size_t m = strlen(tail);

	ck_assert_int_eq(fx->err.code, code);
	ck_assert_msg(n >= m && strcmp(fx->err.message + n - m, tail) == 0, "'%s' does not end with '%s'",
		      fx->err.message, tail);
	ck_assert_ptr_null(strchr(fx->err.message, '\n'));
	ck_assert_ptr_null(fx->config.server);
}

#endif
