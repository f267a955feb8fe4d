#include "contract/talk.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MISSES_MAX 65536

void talk_open(struct talk *t)
{
	struct error err = {0};

	*t = (struct talk){.kept = json_array()};
	buf_init(&t->misses, MISSES_MAX);
	ck_assert_msg(api_open(&t->api, NULL, &err) == 0, "%s", err.message);
	t->ns = strdup(talk_namespace(t));
}

void talk_close(struct talk *t)
{
	api_answer_free(&t->answer);
	api_close(t->api);
	json_decref(t->kept);
	buf_free(&t->misses);
	free(t->request);
	free(t->ns);
}

/* Takes over one reference. */
static const json_t *keep(struct talk *t, json_t *value)
{
	json_array_append_new(t->kept, value);
	return value;
}

const char *talk_format(struct talk *t, const char *fmt, ...)
{
	AUTO_FREE char *text = NULL;
	va_list args;

	va_start(args, fmt);
	ck_assert_int_ge(vasprintf(&text, fmt, args), 0);
	va_end(args);
	return json_string_value(keep(t, json_string_nocheck(text)));
}

const char *talk_namespace(struct talk *t)
{
	talk_post(t, "/api/v1/namespaces",
		  "{'apiVersion':'v1','kind':'Namespace','metadata':{'generateName':'contract-'}}");
	EXPECT(t, 201);
	return talk_text(t, "metadata.name");
}

const char *talk_path(struct talk *t, const char *group_version, const char *resource, const char *name)
{
	return talk_format(t, "%s/namespaces/%s/%s%s%s", group_version, t->ns, resource,
			   name != NULL ? "/" : "", name != NULL ? name : "");
}

const char *talk_vmi(struct talk *t, const char *name)
{
	return talk_path(t, TALK_KUBEVIRT, "virtualmachineinstances", name);
}

const char *talk_vmis(struct talk *t)
{
	return talk_vmi(t, NULL);
}

void talk_quote(char *text)
{
	for (; text != NULL && *text != '\0'; text++)
		if (*text == '\'')
			*text = '"';
}

long talk_send(struct talk *t, const char *method, const char *path, const char *type, const char *body)
{
	AUTO_FREE char *text = body != NULL ? strdup(body) : NULL;
	struct error err = {0};
	int rc;

	talk_quote(text);
	free(t->request);
	ck_assert_int_ge(asprintf(&t->request, "%s %s %s", method, path, text != NULL ? text : ""), 0);
	api_answer_free(&t->answer);
	rc = api_request_text(t->api, method, path, type, text, &t->answer, &err);
	ck_assert_msg(rc == 0, "%s", err.message);
	return t->answer.status;
}

long talk_get(struct talk *t, const char *path)
{
	return talk_send(t, "GET", path, NULL, NULL);
}

long talk_post(struct talk *t, const char *path, const char *body)
{
	return talk_send(t, "POST", path, API_JSON, body);
}

long talk_put(struct talk *t, const char *path, const char *body)
{
	return talk_send(t, "PUT", path, API_JSON, body);
}

long talk_delete(struct talk *t, const char *path)
{
	return talk_send(t, "DELETE", path, NULL, NULL);
}

long talk_json_patch(struct talk *t, const char *path, const char *body)
{
	return talk_send(t, "PATCH", path, API_JSON_PATCH, body);
}

long talk_merge_patch(struct talk *t, const char *path, const char *body)
{
	return talk_send(t, "PATCH", path, API_MERGE_PATCH, body);
}

const char *talk_text(struct talk *t, const char *member)
{
	return talk_format(t, "%s", api_text(t->answer.body, member));
}

const json_t *talk_keep(struct talk *t)
{
	ck_assert_ptr_nonnull(t->answer.body);
	return keep(t, json_incref(t->answer.body));
}

const char *talk_last(struct talk *t)
{
	AUTO_FREE char *body =
		t->answer.body != NULL ? json_dumps(t->answer.body, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;

	return talk_format(t, "%.1000s => %ld %.1500s", t->request, t->answer.status,
			   body != NULL ? body : "(no JSON)");
}

const char *talk_vmi_text(struct talk *t, const char *name, const char *status)
{
	return talk_format(t,
			   "{'apiVersion':'kubevirt.io/v1','kind':'VirtualMachineInstance',"
			   "'metadata':{'name':'%s'},'spec':{'domain':{'devices':{}}}%s%s}",
			   name, status != NULL ? ",'status':" : "", status != NULL ? status : "");
}

void talk_given_vmi(struct talk *t, const char *name, const char *status)
{
	talk_post(t, talk_vmis(t), talk_vmi_text(t, name, status));
	EXPECT(t, 201);
}

const char *talk_version(struct talk *t, const char *name)
{
	talk_get(t, talk_vmi(t, name));
	EXPECT(t, 200);
	return talk_text(t, "metadata.resourceVersion");
}

const char *talk_list_version(struct talk *t)
{
	talk_get(t, talk_vmis(t));
	EXPECT(t, 200);
	return talk_text(t, "metadata.resourceVersion");
}

unsigned long long talk_number(const char *version)
{
	char *end;
	unsigned long long number = strtoull(version, &end, 10);

	ck_assert_msg(*version >= '1' && *version <= '9' && *end == '\0', "resourceVersion '%s'", version);
	return number;
}

struct api_watch *talk_watch(struct talk *t, const char *path)
{
	struct error err = {0};
	struct api_watch *watch;

	ck_assert_msg(api_watch_open(&watch, t->api, path, &err) == 0, "%s", err.message);
	ck_assert_msg(api_watch_status(watch) == 200, "watch %s: %ld", path, api_watch_status(watch));
	return watch;
}

const json_t *talk_event(struct talk *t, struct api_watch *watch)
{
	struct error err = {0};
	json_t *frame;

	ck_assert_msg(api_watch_next(watch, TALK_DEADLINE_MS, &frame, &err) == 0, "%s", err.message);
	return keep(t, frame);
}

const json_t *talk_expect_event(struct talk *t, struct api_watch *watch, const char *type, const char *name)
{
	const json_t *frame = talk_event(t, watch);
	const json_t *object = json_object_get(frame, "object");

	ck_assert_msg(strcmp(api_text(frame, "type"), type) == 0 &&
			      strcmp(api_text(object, "metadata.name"), name) == 0,
		      "wanted %s %s, got %s %s %s", type, name, api_text(frame, "type"),
		      api_text(object, "metadata.name"), api_text(object, "message"));
	return object;
}

void talk_expect_end(struct talk *t, struct api_watch *watch)
{
	struct error err = {0};
	json_t *frame;
	int rc;

	while ((rc = api_watch_next(watch, TALK_DEADLINE_MS, &frame, &err)) == 0) {
		keep(t, frame);
		ck_assert_msg(strcmp(api_text(frame, "type"), "BOOKMARK") == 0, "wanted the end, got %s %s",
			      api_text(frame, "type"), api_text(frame, "object.metadata.name"));
	}
	ck_assert_msg(rc == -ENODATA, "%s", err.message);
}

void talk_close_watch(struct api_watch **watch)
{
	api_watch_close(*watch);
}

bool talk_is_refusal(struct talk *t, int code, const char *reason)
{
	const json_t *body = t->answer.body;

	return t->answer.status == code && strcmp(api_text(body, "kind"), "Status") == 0 &&
	       strcmp(api_text(body, "apiVersion"), "v1") == 0 &&
	       strcmp(api_text(body, "status"), "Failure") == 0 &&
	       strcmp(api_text(body, "reason"), reason) == 0 && *api_text(body, "message") != '\0' &&
	       json_integer_value(json_object_get(body, "code")) == code;
}

void cases_add(struct cases *c, const TTest *const *tests, size_t n)
{
	assert(c->len + n <= ARRAY_LEN(c->all));
	for (size_t i = 0; i < n; i++)
		c->all[c->len++] = tests[i];
}
