#include "bench/patcher.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "bench/meter.h"

#define BODY_MAX 1024

struct job {
	char namespace[64];
	char uid[48];
	char phase[24];
	long number;
	long long old_cid;
	uint32_t cid;
};

struct slot {
	CURL *easy;
	bool busy;
	long long started_us;
};

struct patcher {
	struct wire *wire;
	CURLM *multi;
	bool merge;
	struct job *jobs;
	size_t next; /* the first that was not sent */
	size_t len;
	size_t room;
	struct slot *slots;
	size_t slots_len;
	size_t busy;
	long long *took_us; /* of the jobs that were done; as much room as jobs has */
	struct patcher_figures figures;
};

int patcher_open(struct patcher **out, struct wire *wire, CURLM *multi, size_t in_flight, bool merge)
{
	struct patcher *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return -ENOMEM;
	p->wire = wire;
	p->multi = multi;
	p->merge = merge;
	p->slots = calloc(in_flight, sizeof(*p->slots));
	for (; p->slots != NULL && p->slots_len < in_flight; p->slots_len++) {
		struct slot *slot = &p->slots[p->slots_len];

		slot->easy = wire_handle(wire, merge ? WIRE_MERGE_PATCH : WIRE_JSON_PATCH);
		if (slot->easy == NULL)
			break;
		curl_easy_setopt(slot->easy, CURLOPT_PRIVATE, slot);
	}
	if (p->slots_len == in_flight) {
		*out = p;
		return 0;
	}
	patcher_close(p);
	return -ENOMEM;
}

void patcher_close(struct patcher *p)
{
	if (p == NULL)
		return;
	for (size_t i = 0; i < p->slots_len; i++) {
		if (p->slots[i].busy)
			curl_multi_remove_handle(p->multi, p->slots[i].easy);
		curl_easy_cleanup(p->slots[i].easy);
	}
	free(p->slots);
	free(p->jobs);
	free(p->took_us);
	free(p);
}

static int grow(struct patcher *p)
{
	size_t room = p->room == 0 ? 1024 : p->room * 2;
	struct job *jobs = reallocarray(p->jobs, room, sizeof(*jobs));
	long long *took;

	if (jobs == NULL)
		return -ENOMEM;
	p->jobs = jobs;
	took = reallocarray(p->took_us, room, sizeof(*took));
	if (took == NULL)
		return -ENOMEM;
	p->took_us = took;
	p->room = room;
	return 0;
}

static bool copy(char *out, size_t room, struct frame_text text)
{
	if (text.at == NULL || text.len >= room)
		return false;
	memcpy(out, text.at, text.len);
	out[text.len] = '\0';
	return true;
}

int patcher_add(struct patcher *p, const struct frame_vmi *vmi, uint32_t cid)
{
	struct job *job;

	if (p->len == p->room && grow(p) != 0)
		return -ENOMEM;
	job = &p->jobs[p->len];
	*job = (struct job){.number = vmi->number, .cid = cid, .old_cid = vmi->cid};
	if (vmi->number < 0 || !copy(job->namespace, sizeof(job->namespace), vmi->namespace) ||
	    !copy(job->uid, sizeof(job->uid), vmi->uid) || !copy(job->phase, sizeof(job->phase), vmi->phase))
		return -EINVAL;
	p->len++;
	return 0;
}

static int write_body(const struct patcher *p, struct buf *out, const struct job *job)
{
	char old[24] = "null";

	if (p->merge)
		return buf_printf(out, "{\"status\":{\"VSOCKCID\":%u}}", job->cid);
	if (job->old_cid >= 0)
		(void)snprintf(old, sizeof(old), "%lld", job->old_cid);
	return buf_printf(out,
			  "[{\"op\":\"test\",\"path\":\"/metadata/uid\",\"value\":\"%s\"},"
			  "{\"op\":\"test\",\"path\":\"/status/phase\",\"value\":\"%s\"},"
			  "{\"op\":\"test\",\"path\":\"/status/VSOCKCID\",\"value\":%s},"
			  "{\"op\":\"add\",\"path\":\"/status/VSOCKCID\",\"value\":%u}]",
			  job->uid, job->phase, old, job->cid);
}

static void start(struct patcher *p, struct slot *slot, const struct job *job)
{
	char path[256];
	AUTO_BUF struct buf body;

	buf_init(&body, BODY_MAX);
	(void)snprintf(path, sizeof(path),
		       "/apis/kubevirt.io/v1/namespaces/%s/virtualmachineinstances/" FRAME_VMI_PREFIX "%06ld",
		       job->namespace, job->number);
	if (write_body(p, &body, job) != 0 || wire_set_path(p->wire, slot->easy, path) != 0) {
		p->figures.failed++;
		return;
	}
	curl_easy_setopt(slot->easy, CURLOPT_POSTFIELDSIZE, (long)body.len);
	curl_easy_setopt(slot->easy, CURLOPT_COPYPOSTFIELDS, body.data);
	slot->started_us = meter_now_us();
	slot->busy = true;
	p->busy++;
	curl_multi_add_handle(p->multi, slot->easy);
}

void patcher_run(struct patcher *p)
{
	for (size_t i = 0; i < p->slots_len && p->next < p->len; i++)
		while (!p->slots[i].busy && p->next < p->len)
			start(p, &p->slots[i], &p->jobs[p->next++]);
}

static void note_failure(struct patcher *p, CURLcode code, long status)
{
	p->figures.failed++;
	if (p->figures.problem[0] != '\0')
		return;
	if (code != CURLE_OK)
		(void)snprintf(p->figures.problem, sizeof(p->figures.problem), "%s",
			       curl_easy_strerror(code));
	else
		(void)snprintf(p->figures.problem, sizeof(p->figures.problem), "HTTP %ld", status);
}

bool patcher_ended(struct patcher *p, CURL *easy, CURLcode code)
{
	long long now = meter_now_us();
	struct slot *slot = NULL;
	long status = 0;

	for (size_t i = 0; i < p->slots_len && slot == NULL; i++)
		if (p->slots[i].easy == easy)
			slot = &p->slots[i];
	if (slot == NULL)
		return false;
	curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
	curl_multi_remove_handle(p->multi, easy);
	slot->busy = false;
	p->busy--;
	if (code == CURLE_OK && status == 200)
		p->took_us[p->figures.done++] = now - slot->started_us;
	else
		note_failure(p, code, status);
	return true;
}

size_t patcher_pending(const struct patcher *p)
{
	return p->len - p->next + p->busy;
}

static int compare(const void *x, const void *y)
{
	const long long *a = x;
	const long long *b = y;

	return (*a > *b) - (*a < *b);
}

void patcher_take_figures(struct patcher *p, struct patcher_figures *out)
{
	struct patcher_figures *f = &p->figures;

	if (f->done > 0) {
		qsort(p->took_us, f->done, sizeof(*p->took_us), compare);
		f->p50_ms = (double)p->took_us[f->done / 2] / 1000;
		f->p99_ms = (double)p->took_us[f->done * 99 / 100] / 1000;
	}
	*out = *f;
	*f = (struct patcher_figures){0};
}
