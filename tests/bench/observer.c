#include "bench/observer.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/macros.h"
#include "bench/frame.h"
#include "bench/meter.h"
#include "bench/watch.h"
#include "bench/wire.h"
#include "support/api_vmi.h"

#define LOOK_MS 2
#define WAKE_MS 100

/* Times are 0 until it has happened. */
struct sight {
	_Atomic long long added_us;
	_Atomic long long served_us;
	long long cid;
};

struct observer {
	struct wire wire;
	CURLM *multi;
	struct watch watch;
	pthread_t thread;
	bool running;
	atomic_bool stop;
	atomic_bool live; /* the server has answered */
	atomic_int state;
	atomic_uint restarts;
	atomic_size_t updates;
	struct sight *sights;
	size_t count;
};

static void see(void *data, const char *frame, size_t len)
{
	struct observer *o = data;
	long long now = meter_now_us();
	char type = frame_type(frame, len);
	struct frame_vmi vmi;
	struct sight *sight;

	if (type == 'E') {
		o->state = -EPROTO;
		return;
	}
	if (type != 'A' && type != 'M')
		return;
	frame_read_vmi(frame, len, &vmi);
	if (vmi.number < 0 || (size_t)vmi.number >= o->count)
		return;
	sight = &o->sights[vmi.number];
	if (sight->added_us == 0)
		sight->added_us = now;
	if (vmi.cid < 0)
		return;
	o->updates += type == 'M';
	if (sight->served_us != 0)
		return;
	sight->cid = vmi.cid;
	sight->served_us = now;
}

/* The empty line is the end of the header. */
static size_t take_header(char *line, size_t size, size_t n, void *arg)
{
	struct observer *o = arg;

	if (size * n > 0 && line[0] == '\r')
		o->live = true;
	return size * n;
}

static int reap(struct observer *o)
{
	CURLMsg *msg;
	int left;
	int rc = 0;

	while (rc == 0 && (msg = curl_multi_info_read(o->multi, &left)) != NULL) {
		if (msg->msg == CURLMSG_DONE)
			rc = watch_ended(&o->watch, msg->easy_handle);
		o->restarts = o->watch.restarts;
	}
	return rc;
}

static void *run_observer(void *arg)
{
	struct observer *o = arg;
	int running;

	while (!o->stop && o->state == 0) {
		curl_multi_perform(o->multi, &running);
		if (reap(o) != 0)
			o->state = -EIO;
		else
			curl_multi_poll(o->multi, NULL, 0, WAKE_MS, NULL);
	}
	return NULL;
}

/* The revision of the present state. */
static int present(const char *kubeconfig, char **version, struct error *err)
{
	AUTO_API_ANSWER struct api_answer answer = {0};
	struct api *api;
	int rc = api_open(&api, kubeconfig, err);

	if (rc != 0)
		return rc;
	rc = api_request(api, "GET", API_VMIS "?limit=1", NULL, NULL, &answer, err);
	api_close(api);
	if (rc == 0 && answer.status != 200)
		rc = error_set(err, -EIO, "list of VMIs: %ld", answer.status);
	if (rc != 0)
		return rc;
	*version = strdup(api_text(answer.body, "metadata.resourceVersion"));
	return *version != NULL ? 0 : -ENOMEM;
}

static int start_watch(struct observer *o, const char *version)
{
	o->multi = curl_multi_init();
	if (o->multi == NULL || watch_open(&o->watch, &o->wire, o->multi, API_VMIS, version, see, o) != 0)
		return -ENOMEM;
	curl_easy_setopt(o->watch.easy, CURLOPT_HEADERFUNCTION, take_header);
	curl_easy_setopt(o->watch.easy, CURLOPT_HEADERDATA, o);
	o->running = pthread_create(&o->thread, NULL, run_observer, o) == 0;
	return o->running ? 0 : -EAGAIN;
}

static int await_live(const struct observer *o, struct error *err)
{
	uint64_t end = clock_boot_ms() + API_TIMEOUT_MS;

	while (!o->live && o->state == 0 && clock_boot_ms() < end)
		poll(NULL, 0, LOOK_MS);
	return o->live && o->state == 0 ? 0 : error_set(err, -EIO, "no watch");
}

int observer_open(struct observer **out, const char *kubeconfig, size_t count, struct error *err)
{
	AUTO_FREE char *version = NULL;
	struct observer *o = calloc(1, sizeof(*o));
	int rc;

	if (o == NULL)
		return error_set(err, -ENOMEM, "out of memory");
	o->count = count;
	o->sights = calloc(count + 1, sizeof(*o->sights));
	rc = o->sights != NULL ? present(kubeconfig, &version, err) : -ENOMEM;
	if (rc == 0)
		rc = wire_open(&o->wire, kubeconfig, false, err);
	if (rc == 0)
		rc = start_watch(o, version);
	if (rc == 0)
		rc = await_live(o, err);
	if (rc == 0) {
		*out = o;
		return 0;
	}
	observer_close(o);
	return error_wrap(err, rc, "observer");
}

void observer_close(struct observer *o)
{
	if (o == NULL)
		return;
	o->stop = true;
	if (o->running) {
		curl_multi_wakeup(o->multi);
		pthread_join(o->thread, NULL);
	}
	watch_close(&o->watch);
	if (o->multi != NULL)
		curl_multi_cleanup(o->multi);
	wire_close(&o->wire);
	free(o->sights);
	free(o);
}

int observer_state(const struct observer *o)
{
	return o->state;
}

/* Waits a moment for what has not come yet. Returns 0; -ETIMEDOUT after @end_ms; why the observer has ended.
 */
static int wait_on(const struct observer *o, uint64_t end_ms)
{
	if (o->state != 0)
		return o->state;
	if (clock_boot_ms() >= end_ms)
		return -ETIMEDOUT;
	poll(NULL, 0, LOOK_MS);
	return 0;
}

int observer_await_updates(const struct observer *o, size_t updates, int timeout_ms)
{
	uint64_t end_ms = clock_boot_ms() + (uint64_t)timeout_ms;
	int rc = 0;

	while (rc == 0 && o->updates < updates)
		rc = wait_on(o, end_ms);
	return rc;
}

unsigned int observer_restarts(const struct observer *o)
{
	return o->restarts;
}

size_t observer_served(const struct observer *o, size_t from, size_t to)
{
	size_t n = 0;

	for (size_t i = from; i < to; i++)
		n += o->sights[i].served_us != 0;
	return n;
}

int observer_await_served(const struct observer *o, size_t from, size_t to, int timeout_ms)
{
	uint64_t end_ms = clock_boot_ms() + (uint64_t)timeout_ms;
	int rc = 0;

	for (size_t at = from; rc == 0 && at < to;) {
		if (o->sights[at].served_us != 0)
			at++;
		else
			rc = wait_on(o, end_ms);
	}
	return rc;
}

long long observer_first_added_us(const struct observer *o, size_t from, size_t to)
{
	long long first = 0;

	for (size_t i = from; i < to; i++) {
		long long added = o->sights[i].added_us;

		if (added != 0 && (first == 0 || added < first))
			first = added;
	}
	return first;
}

long long observer_last_served_us(const struct observer *o, size_t from, size_t to)
{
	long long last = 0;

	for (size_t i = from; i < to; i++)
		if (o->sights[i].served_us > last)
			last = o->sights[i].served_us;
	return last;
}

static int compare_doubles(const void *x, const void *y)
{
	const double *a = x;
	const double *b = y;

	return (*a > *b) - (*a < *b);
}

double *observer_latencies_ms(const struct observer *o, size_t from, size_t to, size_t *n)
{
	double *list = calloc(to - from + 1, sizeof(*list));

	*n = 0;
	if (list == NULL)
		return NULL;
	for (size_t i = from; i < to; i++) {
		const struct sight *sight = &o->sights[i];

		if (sight->added_us != 0 && sight->served_us != 0)
			list[(*n)++] = (double)(sight->served_us - sight->added_us) / 1000;
	}
	qsort(list, *n, sizeof(*list), compare_doubles);
	return list;
}

size_t observer_duplicates(const struct observer *o, size_t from, size_t to)
{
	double *cids = calloc(to - from + 1, sizeof(*cids));
	size_t duplicates = 0;
	size_t n = 0;

	if (cids == NULL)
		return 0;
	for (size_t i = from; i < to; i++)
		if (o->sights[i].served_us != 0)
			cids[n++] = (double)o->sights[i].cid;
	qsort(cids, n, sizeof(*cids), compare_doubles);
	for (size_t i = 1; i < n; i++)
		duplicates += cids[i] <= cids[i - 1];
	free(cids);
	return duplicates;
}
