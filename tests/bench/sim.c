#include "bench/sim.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "bench/frame.h"
#include "bench/watch.h"
#include "support/api_vmi.h"

#define VMIS       "resource=virtualmachineinstances"
#define LOOK_US    5000
#define PATIENCE_S 300

static int expect(const struct api_answer *answer, const char *what, struct error *err)
{
	if (answer->status == 200)
		return 0;
	return error_set(err, -EPROTO, "%s: %ld %s", what, answer->status, api_text(answer->body, "message"));
}

static int call(struct bench *b, const char *method, const char *path, const char *body, struct error *err)
{
	AUTO_API_ANSWER struct api_answer answer = {0};
	int rc = api_request_text(b->api, method, path, API_JSON, body, &answer, err);

	return rc == 0 ? expect(&answer, path, err) : rc;
}

/* ---- VMIs ---- */

/* The phases that a VMI has gone through, the last one being that which it is in. */
static json_t *passed(size_t phases)
{
	static const char *const names[] = {"Pending", "Scheduling", "Scheduled", "Running"};
	json_t *list = json_array();

	for (size_t i = 0; i < phases; i++)
		json_array_append_new(list, json_pack("{s:s, s:s}", "phase", names[i],
						      "phaseTransitionTimestamp", "2026-01-05T10:00:00Z"));
	return list;
}

/* The text of all of them, with the marks of apisim, and with what a VM and time add to a VMI: 6 KB. A status
 * update changes a word in the status. */
static char *vmi_text(enum cluster_kind kind)
{
	bool waits = kind == CLUSTER_WAITING;
	json_t *vmi = api_vmi_new_large(CLUSTER_NAMESPACE, "@NAME@", true);
	json_t *metadata = json_object_get(vmi, "metadata");
	json_t *status = json_object_get(vmi, "status");
	char *text;

	json_object_set_new(metadata, "finalizers",
			    json_pack("[s, s]", "kubevirt.io/virtualMachineControllerFinalize",
				      "foregroundDeleteVirtualMachine"));
	json_object_set_new(metadata, "ownerReferences",
			    json_pack("[{s:s, s:b, s:b, s:s, s:s, s:s}]", "apiVersion", "kubevirt.io/v1",
				      "blockOwnerDeletion", 1, "controller", 1, "kind", "VirtualMachine",
				      "name", "@NAME@", "uid", "@UID@"));
	json_object_set_new(status, "phase", json_string(waits ? "Pending" : "Running"));
	json_object_set_new(status, "phaseTransitionTimestamps", passed(waits ? 1 : 4));
	json_object_set_new(status, "guestOSInfo", json_pack("{s:s}", "kernelRelease", "6.1.0-@RV@"));
	text = json_dumps(vmi, JSON_COMPACT);
	json_decref(vmi);
	return text;
}

int sim_populate(struct bench *b, size_t vmis, enum cluster_kind kind, struct error *err)
{
	AUTO_FREE char *text = vmi_text(kind);
	char path[256];
	int rc;

	(void)snprintf(path, sizeof(path),
		       "/apisim/populate?" VMIS "&count=%zu&namespace=" CLUSTER_NAMESPACE
		       "&name=" FRAME_VMI_PREFIX "&cids=%s",
		       vmis, kind == CLUSTER_SERVED ? "true" : "false");
	rc = call(b, "POST", "/apisim/crds?" VMIS "&present=false", "", err);
	if (rc == 0)
		rc = call(b, "POST", "/apisim/crds?" VMIS "&present=true", "", err);
	if (rc == 0 && vmis > 0)
		rc = call(b, "POST", path, text, err);
	return rc == 0 ? call(b, "DELETE", "/apisim/stats", NULL, err) : rc;
}

/* ---- counters ---- */

struct counts {
	long long patches;
	long long cut;
	long long events;
	long long churn_left;
	long long churn_ms; /* 0 until all was sent */
};

static int count(struct bench *b, struct counts *out, struct error *err)
{
	AUTO_API_ANSWER struct api_answer answer = {0};
	int rc = api_request(b->api, "GET", "/apisim/stats?brief", NULL, NULL, &answer, err);

	if (rc == 0)
		rc = expect(&answer, "/apisim/stats", err);
	if (rc != 0)
		return rc;
	out->patches = json_integer_value(api_member(answer.body, "requests.patch"));
	out->cut = json_integer_value(api_member(answer.body, "watchesCut"));
	out->events = json_integer_value(api_member(answer.body, "eventsSent"));
	out->churn_left = json_integer_value(api_member(answer.body, "churn.left"));
	out->churn_ms = json_integer_value(api_member(answer.body, "churn.tookMs"));
	return 0;
}

int sim_await_patches(struct bench *b, size_t patches, long long from_us, long long *took_us,
		      struct error *err)
{
	long long end = from_us + (long long)PATIENCE_S * 1000000;
	struct counts c = {0};
	int rc;

	for (;;) {
		rc = count(b, &c, err);
		*took_us = meter_now_us() - from_us;
		if (rc != 0 || c.patches >= (long long)patches)
			return rc;
		if (meter_now_us() >= end)
			return error_set(err, -ETIMEDOUT, "%lld of %zu patches", c.patches, patches);
		usleep(LOOK_US);
	}
}

int sim_check_patches(struct bench *b, size_t most, struct error *err)
{
	struct counts c = {0};
	int rc = count(b, &c, err);

	if (rc == 0 && c.patches > (long long)most)
		rc = error_set(err, -EPROTO, "%lld patches where %zu do", c.patches, most);
	return rc;
}

int sim_churn(struct bench *b, size_t changes, long long *took_us, struct error *err)
{
	long long end = meter_now_us() + (long long)PATIENCE_S * 1000000;
	struct counts before = {0};
	struct counts c = {0};
	char path[128];
	int rc;

	(void)snprintf(path, sizeof(path), "/apisim/churn?" VMIS "&count=%zu", changes);
	rc = count(b, &before, err);
	if (rc == 0)
		rc = call(b, "POST", path, "", err);
	while (rc == 0) {
		rc = count(b, &c, err);
		if (rc == 0 && c.cut > before.cut)
			return error_set(err, -EPIPE, "a watch was cut off");
		if (rc == 0 && c.churn_left == 0 && c.churn_ms > 0)
			break;
		if (rc == 0 && meter_now_us() >= end)
			rc = error_set(err, -ETIMEDOUT, "%lld changes are left", c.churn_left);
		usleep(LOOK_US);
	}
	*took_us = c.churn_ms * 1000;
	if (rc == 0 && c.events - before.events < (long long)changes)
		rc = error_set(err, -EPIPE, "only %lld of %zu events were sent", c.events - before.events,
			       changes);
	return rc;
}

/* ---- CIDs ---- */

struct census {
	struct frame_reader frames;
	long long *cids;
	size_t len, room;
	size_t missing;
	bool complete;
};

static void on_frame(void *data, const char *frame, size_t len)
{
	struct census *c = data;
	struct frame_vmi vmi;

	c->complete = c->complete || frame_ends_initial_events(frame, len);
	if (frame_type(frame, len) != 'A')
		return;
	frame_read_vmi(frame, len, &vmi);
	if (vmi.cid < 0 || c->len == c->room)
		c->missing++;
	else
		c->cids[c->len++] = vmi.cid;
}

/* Gives up at the end mark: then all of the list is there. */
static size_t take(char *bytes, size_t size, size_t n, void *data)
{
	struct census *c = data;

	return frame_reader_feed(&c->frames, bytes, size * n) == 0 && !c->complete ? size * n : 0;
}

static int read_census(struct census *c, const char *kubeconfig, struct error *err)
{
	struct wire wire;
	int rc = wire_open(&wire, kubeconfig, false, err);
	CURL *easy;

	if (rc != 0)
		return rc;
	easy = wire_handle(&wire, WIRE_GET);
	if (easy != NULL && wire_set_path(&wire, easy, API_VMIS "?" WATCH_FROM_START) == 0) {
		curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take);
		curl_easy_setopt(easy, CURLOPT_WRITEDATA, c);
		(void)curl_easy_perform(easy);
	}
	curl_easy_cleanup(easy);
	wire_close(&wire);
	return c->complete ? 0 : error_set(err, -EIO, "the VMIs cannot be read");
}

static int by_number(const void *a, const void *b)
{
	long long x = *(const long long *)a;
	long long y = *(const long long *)b;

	return (x > y) - (x < y);
}

static int judge(struct census *c, size_t vmis, struct error *err)
{
	if (c->missing > 0 || c->len != vmis)
		return error_set(err, -ENOENT, "%zu of %zu VMIs have a CID", c->len, vmis);
	qsort(c->cids, c->len, sizeof(*c->cids), by_number);
	for (size_t i = 1; i < c->len; i++)
		if (c->cids[i] == c->cids[i - 1])
			return error_set(err, -EEXIST, "the CID %lld was given twice", c->cids[i]);
	return 0;
}

int sim_check_cids(struct bench *b, size_t vmis, struct error *err)
{
	struct census c = {.cids = calloc(vmis + 1, sizeof(*c.cids)), .room = vmis + 1};
	int rc;

	if (c.cids == NULL)
		return error_set(err, -ENOMEM, "out of memory");
	frame_reader_init(&c.frames, on_frame, &c);
	rc = read_census(&c, b->kubeconfig, err);
	if (rc == 0)
		rc = judge(&c, vmis, err);
	frame_reader_free(&c.frames);
	free(c.cids);
	return rc;
}

/* ---- the programs that show the limit ---- */

void sim_helper(struct sim_helper *h, const char *name, const char *program, const char *ready, const char *a,
		const char *b)
{
	ssize_t len;
	char *slash;

	memset(h, 0, sizeof(*h));
	len = readlink("/proc/self/exe", h->path, sizeof(h->path) - 1);
	slash = len > 0 ? strrchr(h->path, '/') : NULL;
	if (slash != NULL)
		(void)snprintf(slash + 1, sizeof(h->path) - (size_t)(slash + 1 - h->path), "%s", program);
	h->subject = (struct subject){.name = name, .path = h->path, .args = {a, b}, .ready = {ready}};
}

int sim_ask(struct bench *b, unsigned int round, const struct sim_helper *h, const char *word, char *said,
	    size_t said_room, struct error *err)
{
	struct turn t;
	int rc = turn_begin(&t, b, round, &h->subject, 0, err);

	if (rc != 0)
		return rc;
	rc = turn_halt(&t, 0, err);
	(void)snprintf(said, said_room, "%s", subject_said(&t.run, word, 0));
	return turn_release(&t, rc, err);
}

int sim_scan(struct bench *b, unsigned int round, struct sim_scan *out, struct error *err)
{
	struct sim_helper h;
	char said[128];
	int rc;

	sim_helper(&h, "scan", "scan", "scan ", NULL, NULL);
	rc = sim_ask(b, round, &h, "scan", said, sizeof(said), err);
	if (rc == 0 && sscanf(said, "%lf %lf %lf %*u %lf", &out->event_us, &out->listed_us, &out->answer_us,
			      &out->listed_wall_us) != 4)
		rc = error_set(err, -EPROTO, "scan says: %s", said);
	return rc;
}
