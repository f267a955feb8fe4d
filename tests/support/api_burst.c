#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "support/api_internal.h"

#define NO_CALL SIZE_MAX

struct slot {
	CURL *easy;
	struct api_transfer transfer;
	size_t call; /* NO_CALL: free */
};

struct api_burst {
	struct api *api;
	CURLM *multi;
	struct slot *slots;
	size_t slots_len;
	struct api_call *calls;
	size_t calls_len;
	size_t next; /* first call that was not started */
	size_t done;
};

static void end_call(struct api_burst *burst, struct slot *slot, CURLcode code)
{
	struct api_call *call = &burst->calls[slot->call];

	if (code == CURLE_OK)
		api_transfer_answer(&slot->transfer, call->keep_body, &call->answer);
	call->ended_ms = clock_boot_ms();
	call->done = true;
	burst->done++;
	slot->call = NO_CALL;
	curl_multi_remove_handle(burst->multi, slot->easy);
	api_transfer_free(&slot->transfer);
}

static void start_call(struct api_burst *burst, struct slot *slot)
{
	struct api_call *call = &burst->calls[burst->next];
	int rc;

	slot->call = burst->next++;
	call->answer = (struct api_answer){.retry_after = -1};
	call->started_ms = clock_boot_ms();
	rc = api_transfer_init(&slot->transfer, burst->api, slot->easy, call->method, call->path,
			       call->content_type, call->body);
	curl_easy_setopt(slot->easy, CURLOPT_PRIVATE, slot);
	if (rc != 0 || curl_multi_add_handle(burst->multi, slot->easy) != CURLM_OK)
		end_call(burst, slot, CURLE_OUT_OF_MEMORY);
}

static bool is_due(const struct api_burst *burst)
{
	return burst->next < burst->calls_len && burst->calls[burst->next].due_ms <= clock_boot_ms();
}

static void refill(struct api_burst *burst)
{
	for (size_t i = 0; i < burst->slots_len; i++) {
		while (burst->slots[i].call == NO_CALL && is_due(burst))
			start_call(burst, &burst->slots[i]);
	}
}

/* How long to wait for the network: no longer than until @end and until the next call is due. One that is due
 * already waits for a free slot, and so for the network. */
static int patience_ms(const struct api_burst *burst, uint64_t now, uint64_t end)
{
	uint64_t due = burst->next < burst->calls_len ? burst->calls[burst->next].due_ms : 0;

	if (due > now && due < end)
		end = due;
	return (int)(end - now);
}

static void reap(struct api_burst *burst)
{
	CURLMsg *msg;
	int left;

	while ((msg = curl_multi_info_read(burst->multi, &left)) != NULL) {
		CURLcode code = msg->data.result; /* msg does not outlive the removal of its handle */
		struct slot *slot = NULL;

		if (msg->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, (char **)&slot);
		end_call(burst, slot, code);
	}
}

int api_burst_open(struct api_burst **out, struct api *api, struct api_call *calls, size_t n,
		   size_t in_flight, struct error *err)
{
	struct api_burst *burst = calloc(1, sizeof(*burst));

	if (burst == NULL)
		return error_set(err, -ENOMEM, "out of memory");
	burst->api = api;
	burst->calls = calls;
	burst->calls_len = n;
	burst->multi = curl_multi_init();
	burst->slots = calloc(in_flight, sizeof(*burst->slots));
	if (burst->multi == NULL || burst->slots == NULL)
		goto err;
	for (size_t i = 0; i < in_flight; i++) {
		burst->slots[i].call = NO_CALL;
		burst->slots[i].easy = curl_easy_init();
		if (burst->slots[i].easy == NULL)
			goto err;
		burst->slots_len++;
	}
	refill(burst);
	*out = burst;
	return 0;
err:
	api_burst_close(burst);
	return error_set(err, -ENOMEM, "out of memory");
}

size_t api_burst_step(struct api_burst *burst, int timeout_ms)
{
	uint64_t now = clock_boot_ms();
	uint64_t end = now + (uint64_t)timeout_ms;
	int running;

	for (;;) {
		curl_multi_perform(burst->multi, &running);
		reap(burst);
		refill(burst);
		now = clock_boot_ms();
		if (burst->done == burst->calls_len || now >= end)
			return burst->calls_len - burst->done;
		curl_multi_poll(burst->multi, NULL, 0, patience_ms(burst, now, end), NULL);
	}
}

void api_burst_close(struct api_burst *burst)
{
	if (burst == NULL)
		return;
	for (size_t i = 0; i < burst->slots_len; i++) {
		struct slot *slot = &burst->slots[i];

		if (slot->call != NO_CALL) {
			curl_multi_remove_handle(burst->multi, slot->easy);
			api_transfer_free(&slot->transfer);
		}
		curl_easy_cleanup(slot->easy);
	}
	if (burst->multi != NULL)
		curl_multi_cleanup(burst->multi);
	free(burst->slots);
	free(burst);
}

int api_parallel(struct api *api, struct api_call *calls, size_t n, size_t in_flight, struct error *err)
{
	struct api_burst *burst;
	int rc = api_burst_open(&burst, api, calls, n, in_flight, err);

	if (rc != 0)
		return rc;
	while (api_burst_step(burst, API_TIMEOUT_MS) > 0)
		;
	api_burst_close(burst);
	return 0;
}
