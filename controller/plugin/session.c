#include "controller/plugin/session.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/version.h"
#include "controller/plugin/pages.h"

#define PAGE 500

int session_open(struct session *s, const struct flags *flags, struct error *err)
{
	struct kube_config_sources sources;
	struct kube_client_options options = {.log = &s->log, .max_connections = 4};
	char agent[128];
	int rc;

	*s = (struct session){0};
	log_init(&s->log, STDERR_FILENO, LOG_LEVEL_ERROR, "kubectl-vsock");
	kube_config_sources_from_env(&sources, flags->kubeconfig, flags->context);
	rc = kube_config_load(&s->config, &sources, err);
	if (rc != 0)
		return rc;
	(void)uv_loop_init(&s->loop);
	(void)snprintf(agent, sizeof(agent), "kubectl-vsock/%s", version_text);
	options.loop = &s->loop;
	options.config = &s->config;
	options.user_agent = agent;
	rc = kube_client_open(&s->client, &options, err);
	if (rc == 0)
		return 0;
	(void)uv_loop_close(&s->loop);
	kube_config_free(&s->config);
	return rc;
}

static void on_closed(void *data)
{
	(void)data;
}

void session_close(struct session *s)
{
	kube_client_close(s->client, on_closed, NULL);
	(void)uv_run(&s->loop, UV_RUN_DEFAULT);
	(void)uv_loop_close(&s->loop);
	kube_config_free(&s->config);
}

const char *session_namespace(const struct session *s, const struct flags *flags)
{
	if (flags->all_namespaces)
		return NULL;
	return flags->namespace != NULL ? flags->namespace : s->config.namespace;
}

/* One call, and what came of it. */
struct asking {
	struct kube_call call;
	struct session_answer *answer;
	int (*on_data)(void *data, const char *bytes, size_t n);
	void *data;
	struct error *err;
	int rc;
	bool done;
};

static int on_data(struct kube_call *call, const char *bytes, size_t n)
{
	struct asking *a = call->data;

	return a->on_data(a->data, bytes, n);
}

static void on_done(struct kube_call *call, const struct kube_answer *answer)
{
	struct asking *a = call->data;

	a->done = true;
	a->rc = answer->error;
	a->answer->status = answer->status;
	a->answer->failure = answer->failure;
	if (a->rc == 0 && a->on_data == NULL)
		a->rc = buf_add(&a->answer->body, answer->body, answer->body_len);
	/* Whoever ended it himself has said why. */
	if (a->rc != 0 && (a->err == NULL || a->err->code == 0))
		(void)error_set(a->err, a->rc, "%s %s: %s", call->method, call->path, answer->message);
}

static int run(struct session *s, struct asking *a)
{
	int rc;

	a->call.on_done = on_done;
	a->call.data = a;
	rc = kube_client_start(s->client, &a->call, a->err);
	while (rc == 0 && !a->done)
		(void)uv_run(&s->loop, UV_RUN_ONCE);
	return rc == 0 ? a->rc : rc;
}

int session_ask(struct session *s, const char *method, const char *path, const char *body,
		struct session_answer *out, struct error *err)
{
	struct asking a = {
		.call = {.method = method,
			 .path = path,
			 .body = body,
			 .body_len = body != NULL ? strlen(body) : 0},
		.answer = out,
		.err = err,
	};

	*out = (struct session_answer){0};
	buf_init(&out->body, KUBE_CLIENT_MAX_ANSWER);
	return run(s, &a);
}

static int judge(const char *path, const struct session_answer *answer, struct error *err)
{
	int code = -EIO;

	if (answer->status >= 200 && answer->status <= 299)
		return 0;
	if (answer->status == 404)
		code = -ENOENT;
	else if (answer->status == 401 || answer->status == 403)
		code = -EACCES;
	return error_set(err, code, "GET %.*s: %s", (int)strcspn(path, "?"), path, answer->failure.message);
}

int session_get(struct session *s, const char *path, struct session_answer *out, struct error *err)
{
	int rc = session_ask(s, "GET", path, NULL, out, err);

	return rc == 0 ? judge(path, out, err) : rc;
}

int session_add_escaped(struct buf *path, const char *text)
{
	int rc = 0;

	for (; rc == 0 && *text != '\0'; text++) {
		unsigned char c = (unsigned char)*text;
		bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
			     c == '-' || c == '_' || c == '.';

		rc = plain ? buf_add(path, text, 1) : buf_printf(path, "%%%02X", c);
	}
	return rc;
}

static int get_page(struct session *s, const char *path, const char *token, json_t **out, struct error *err)
{
	AUTO_ANSWER struct session_answer answer = {0};
	AUTO_BUF struct buf target = {.max = 8192};
	int rc = buf_printf(&target, "%s%climit=%d&continue=", path, strchr(path, '?') != NULL ? '&' : '?',
			    PAGE);

	if (rc == 0)
		rc = session_add_escaped(&target, token);
	if (rc != 0)
		return error_errno(err, rc, "GET %s", path);
	rc = session_get(s, buf_str(&target), &answer, err);
	if (rc != 0)
		return rc;
	*out = json_loadb(buf_str(&answer.body), answer.body.len, 0, NULL);
	return *out != NULL ? 0 : error_set(err, -EBADMSG, "GET %s: the answer is no JSON", path);
}

static const char *token_of(const json_t *page)
{
	const char *token = json_string_value(json_object_get(json_object_get(page, "metadata"), "continue"));

	return token != NULL ? token : "";
}

int session_list(struct session *s, const char *path, void (*visit)(void *data, const json_t *object),
		 void *data, struct error *err)
{
	struct pages pages = {0};
	json_t *page = NULL;
	int rc;

	do {
		json_t *before = page;
		const json_t *items;

		page = NULL;
		rc = get_page(s, path, token_of(before), &page, err);
		json_decref(before);
		items = json_object_get(page, "items");
		for (size_t i = 0; i < json_array_size(items); i++)
			visit(data, json_array_get(items, i));
		if (rc == 0 && token_of(page)[0] != '\0')
			rc = pages_go_on(&pages, token_of(page), err);
	} while (rc == 0 && token_of(page)[0] != '\0');
	json_decref(page);
	return rc;
}

int session_stream(struct session *s, const char *path, int (*take)(void *data, const char *bytes, size_t n),
		   void *data, struct error *err)
{
	struct session_answer answer = {0};
	struct asking a = {
		.call = {.method = "GET",
			 .path = path,
			 .bulk = true,
			 .idle_timeout_ms = KUBE_CLIENT_TIMEOUT_MS,
			 .on_data = on_data},
		.answer = &answer,
		.on_data = take,
		.data = data,
		.err = err,
	};
	int rc = run(s, &a);

	return rc == 0 ? judge(path, &answer, err) : rc;
}
