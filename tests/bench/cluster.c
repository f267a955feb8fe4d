#include "bench/cluster.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "bench/frame.h"
#include "support/api_vmi.h"

#define KUBEVIRT    "kubevirt"
#define FIRST_CID   100000
#define BATCH       2000
#define CLEAR_PAGE  2000
#define CLEAR_TRIES 1000

static const char *const gate_open[] = {"VSOCK", NULL};
static const char *const gate_closed[] = {NULL};

int cluster_set_gate(struct api *api, bool open, struct error *err)
{
	return api_kubevirt_set_gates(api, KUBEVIRT, KUBEVIRT, open ? gate_open : gate_closed, err);
}

int cluster_prepare(struct api *api, struct error *err)
{
	int rc = api_namespace_ensure(api, CLUSTER_NAMESPACE, err);

	if (rc == 0)
		rc = api_namespace_ensure(api, KUBEVIRT, err);
	return rc == 0 ? cluster_set_gate(api, true, err) : rc;
}

/* ---- batches ---- */

void cluster_batch_free(struct cluster_batch *b)
{
	for (size_t i = 0; i < b->len; i++) {
		api_answer_free(&b->calls[i].answer);
		free((char *)(uintptr_t)b->calls[i].path);
		free((char *)(uintptr_t)b->calls[i].body);
	}
	free(b->calls);
	*b = (struct cluster_batch){0};
}

static char *name_of(size_t number)
{
	char *name;

	return asprintf(&name, FRAME_VMI_PREFIX "%06zu", number) < 0 ? NULL : name;
}

/* Adds a call; @body is taken over. */
static int add(struct cluster_batch *b, const char *method, size_t number, const char *content_type,
	       char *body)
{
	bool create = strcmp(method, "POST") == 0;
	AUTO_FREE char *name = name_of(number);
	char *path = name != NULL ? api_vmi_path(CLUSTER_NAMESPACE, create ? NULL : name) : NULL;

	b->calls[b->len++] =
		(struct api_call){.method = method, .path = path, .content_type = content_type, .body = body};
	return path != NULL && (body != NULL || content_type == NULL) ? 0 : -ENOMEM;
}

static int begin(struct cluster_batch *b, size_t n)
{
	*b = (struct cluster_batch){.calls = calloc(n + 1, sizeof(*b->calls))};
	return b->calls != NULL ? 0 : -ENOMEM;
}

static char *vmi_text(size_t number, enum cluster_kind kind)
{
	AUTO_FREE char *name = name_of(number);
	bool served = kind == CLUSTER_SERVED || (kind == CLUSTER_MIXED && number % 10 != 0);
	bool wants = served || kind == CLUSTER_WAITING;
	json_t *vmi = api_vmi_new_large(CLUSTER_NAMESPACE, name, wants);
	json_t *status = json_object_get(vmi, "status");
	char *text;

	json_object_set_new(status, "phase", json_string(kind == CLUSTER_WAITING ? "Pending" : "Running"));
	if (served)
		json_object_set_new(status, "VSOCKCID", json_integer(FIRST_CID + (json_int_t)number));
	text = json_dumps(vmi, JSON_COMPACT);
	json_decref(vmi);
	return text;
}

int cluster_batch_create(struct cluster_batch *b, size_t from, size_t to, enum cluster_kind kind)
{
	int rc = begin(b, to - from);

	for (size_t i = from; rc == 0 && i < to; i++)
		rc = add(b, "POST", i, API_JSON, vmi_text(i, kind));
	return rc;
}

int cluster_batch_delete(struct cluster_batch *b, size_t from, size_t to)
{
	int rc = begin(b, to - from);

	for (size_t i = from; rc == 0 && i < to; i++)
		rc = add(b, "DELETE", i, NULL, NULL);
	return rc;
}

int cluster_batch_take_cids(struct cluster_batch *b, size_t from, size_t to)
{
	int rc = begin(b, to - from);

	for (size_t i = from; rc == 0 && i < to; i++)
		rc = add(b, "PATCH", i, API_MERGE_PATCH, strdup("{\"status\":{\"VSOCKCID\":null}}"));
	return rc;
}

int cluster_batch_status(struct cluster_batch *b, size_t updates, size_t vmis)
{
	static unsigned int seconds; /* goes on from batch to batch, so that no update changes nothing */
	int rc = begin(b, updates);

	for (size_t i = 0; rc == 0 && i < updates; i++) {
		char *body;

		if (i % vmis == 0)
			seconds++;
		if (asprintf(&body,
			     "{\"status\":{\"guestOSInfo\":{\"name\":\"Debian GNU/Linux\",\"kernelRelease\":"
			     "\"6.1.0-%u\"}}}",
			     seconds) < 0)
			body = NULL;
		rc = add(b, "PATCH", i % vmis, API_MERGE_PATCH, body);
	}
	return rc;
}

static int judge(const struct cluster_batch *b, struct error *err)
{
	for (size_t i = 0; i < b->len; i++) {
		const struct api_call *call = &b->calls[i];

		if (call->answer.status < 200 || call->answer.status >= 300)
			return error_set(err, -EPROTO, "%s %s: %ld %s", call->method, call->path,
					 call->answer.status, api_text(call->answer.body, "message"));
	}
	return 0;
}

int cluster_batch_run(struct api *api, struct cluster_batch *b, size_t in_flight, unsigned int rate,
		      struct error *err)
{
	uint64_t start = clock_boot_ms();
	int rc;

	for (size_t i = 0; rate > 0 && i < b->len; i++)
		b->calls[i].due_ms = start + i * 1000 / rate;
	rc = api_parallel(api, b->calls, b->len, in_flight, err);
	return rc == 0 ? judge(b, err) : rc;
}

int cluster_create(struct api *api, size_t from, size_t to, enum cluster_kind kind, struct error *err)
{
	int rc = 0;

	while (rc == 0 && from < to) {
		size_t end = to - from > BATCH ? from + BATCH : to;
		struct cluster_batch batch;

		rc = cluster_batch_create(&batch, from, end, kind);
		if (rc == 0)
			rc = cluster_batch_run(api, &batch, CLUSTER_IN_FLIGHT, 0, err);
		else
			error_set(err, rc, "out of memory");
		cluster_batch_free(&batch);
		from = end;
	}
	return rc;
}

/* ---- removing ---- */

/* Whatever is there, by its own path. */
static int delete_all(struct api *api, const json_t *items, struct error *err)
{
	struct cluster_batch batch;
	int rc = begin(&batch, json_array_size(items));

	for (size_t i = 0; rc == 0 && i < json_array_size(items); i++) {
		const json_t *vmi = json_array_get(items, i);
		char *path =
			api_vmi_path(api_text(vmi, "metadata.namespace"), api_text(vmi, "metadata.name"));

		batch.calls[batch.len++] = (struct api_call){.method = "DELETE", .path = path};
		rc = path != NULL ? 0 : -ENOMEM;
	}
	if (rc == 0)
		rc = cluster_batch_run(api, &batch, CLUSTER_IN_FLIGHT, 0, err);
	cluster_batch_free(&batch);
	return rc;
}

int cluster_clear(struct api *api, struct error *err)
{
	for (unsigned int i = 0; i < CLEAR_TRIES; i++) {
		AUTO_API_ANSWER struct api_answer answer = {0};
		AUTO_FREE char *path = NULL;
		const json_t *items;
		int rc;

		if (asprintf(&path, API_VMIS "?limit=%d", CLEAR_PAGE) < 0)
			path = NULL;
		rc = api_request(api, "GET", path, NULL, NULL, &answer, err);
		items = json_object_get(answer.body, "items");
		if (rc != 0)
			return rc;
		if (answer.status != 200)
			return error_set(err, -EPROTO, "list of VMIs: %ld", answer.status);
		if (json_array_size(items) == 0)
			return 0;
		rc = delete_all(api, items, err);
		if (rc != 0)
			return rc;
	}
	return error_set(err, -ETIMEDOUT, "VMIs do not go away");
}
