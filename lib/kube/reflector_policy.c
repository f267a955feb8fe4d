#include "kube/reflector_policy.h"

#include <errno.h>

enum { HTTP_FORBIDDEN = 403, HTTP_NOT_FOUND = 404, HTTP_TOO_MANY = 429, HTTP_INTERNAL = 500 };

static bool is_2xx(int status)
{
	return status >= 200 && status <= 299;
}

/* What a failure that the server has put into words means (REQ-5: 429 counts whatever the reason says). */
static enum reflector_restart restart_of_status(const struct kube_status *status)
{
	if (status->code == HTTP_TOO_MANY)
		return REFLECTOR_RESTART_THROTTLED;
	if (status->code == HTTP_FORBIDDEN)
		return REFLECTOR_RESTART_FORBIDDEN;
	if (status->code == HTTP_NOT_FOUND)
		return REFLECTOR_RESTART_ABSENT;
	return kube_status_is_expired(status) ? REFLECTOR_RESTART_EXPIRED : REFLECTOR_RESTART_REFUSED;
}

static uint32_t retry_after(const struct kube_answer *answer)
{
	uint32_t header = answer->retry_after ? answer->retry_after_s : 0;
	uint32_t body = answer->failure.retry_after_s;

	return header > body ? header : body;
}

/* 410 comes from a server that is well, often just after a restart, and the list makes the view whole again:
 * no backoff. Unless the list before has led to a 410 too. */
static enum reflector_pace pace_of_expired(const struct reflector_watch_end *end)
{
	return end->unproven ? REFLECTOR_BACKOFF : REFLECTOR_SPREAD;
}

static struct reflector_verdict after_error_event(const struct reflector_watch_end *end)
{
	struct reflector_verdict v = {
		REFLECTOR_RESTART_DECODE, REFLECTOR_LIST, REFLECTOR_BACKOFF, 0, false, false};

	if (end->event == NULL)
		return v;
	v.reason = restart_of_status(end->event);
	v.retry_after_s = end->event->retry_after_s;
	if (v.reason == REFLECTOR_RESTART_EXPIRED)
		v.pace = pace_of_expired(end);
	else if (v.reason == REFLECTOR_RESTART_THROTTLED)
		v.step = REFLECTOR_WATCH;
	return v;
}

/* The server did not open the watch. */
static struct reflector_verdict after_refused_watch(const struct reflector_watch_end *end)
{
	const struct kube_answer *answer = end->answer;
	struct reflector_verdict v = {restart_of_status(&answer->failure),
				      REFLECTOR_LIST,
				      REFLECTOR_BACKOFF,
				      retry_after(answer),
				      false,
				      false};

	v.absent = answer->status == HTTP_NOT_FOUND;
	if (v.absent)
		v.step = REFLECTOR_DISCOVER;
	else if (v.reason == REFLECTOR_RESTART_EXPIRED)
		v.pace = pace_of_expired(end);
	else if (v.reason == REFLECTOR_RESTART_THROTTLED)
		v.step = REFLECTOR_WATCH;
	else if (answer->status >= HTTP_INTERNAL && v.retry_after_s > 0)
		v.step = REFLECTOR_WATCH; /* it is starting or draining (REQ-6): no reason for a list */
	return v;
}

/* The stream ended: by the server, by the network, or by our own deadline. The history is still known, so the
 * next watch goes on where this one was (WCH-8). */
static struct reflector_verdict after_open_watch(const struct reflector_watch_end *end)
{
	struct reflector_verdict v = {
		REFLECTOR_RESTART_EOF, REFLECTOR_WATCH, REFLECTOR_SPREAD, 0, false, false};

	if (end->answer->error == -ETIMEDOUT && end->answer->status != 0)
		v.reason = REFLECTOR_RESTART_STALLED;
	else if (end->answer->error != 0)
		v.reason = REFLECTOR_RESTART_TRANSPORT;
	if (!end->healthy)
		v.pace = REFLECTOR_BACKOFF;
	else if (end->full_life && v.reason == REFLECTOR_RESTART_EOF)
		v.pace = REFLECTOR_NOW;
	/* Here client-go lists after each short watch; a server that cannot watch at all needs it too. */
	if (v.reason == REFLECTOR_RESTART_EOF && end->short_watches >= REFLECTOR_SHORT_WATCHES)
		v.step = REFLECTOR_LIST;
	return v;
}

struct reflector_verdict reflector_after_watch(const struct reflector_watch_end *end)
{
	static const struct reflector_verdict unreadable = {
		REFLECTOR_RESTART_DECODE, REFLECTOR_LIST, REFLECTOR_BACKOFF, 0, false, false};

	if (end->error_event)
		return after_error_event(end);
	if (end->broken)
		return unreadable;
	if (end->answer->error == 0 && !is_2xx(end->answer->status))
		return after_refused_watch(end);
	return after_open_watch(end);
}

struct reflector_verdict reflector_after_list(const struct kube_answer *answer, bool broken, bool first_page)
{
	struct reflector_verdict v = {
		REFLECTOR_RESTART_DECODE, REFLECTOR_LIST, REFLECTOR_BACKOFF, 0, false, false};

	if (broken)
		return v;
	if (answer->error != 0) {
		v.reason = answer->error == -ETIMEDOUT && answer->status != 0 ? REFLECTOR_RESTART_STALLED
									      : REFLECTOR_RESTART_TRANSPORT;
		return v;
	}
	v.reason = restart_of_status(&answer->failure);
	v.retry_after_s = retry_after(answer);
	v.absent = answer->status == HTTP_NOT_FOUND;
	if (v.absent)
		v.step = REFLECTOR_DISCOVER;
	else if (v.reason == REFLECTOR_RESTART_EXPIRED && !first_page)
		v.pace = REFLECTOR_NOW; /* LST-5: once more, in full */
	return v;
}

/* The server did not begin it. What it says may be about streaming lists only, and then a list in pages helps
 * at once. */
static struct reflector_verdict after_refused_stream(const struct kube_answer *answer)
{
	struct reflector_verdict v = reflector_after_list(answer, false, true);

	v.paged = !v.absent && v.retry_after_s == 0 &&
		  (v.reason == REFLECTOR_RESTART_REFUSED || v.reason == REFLECTOR_RESTART_FORBIDDEN);
	if (v.paged)
		v.pace = REFLECTOR_NOW;
	return v;
}

struct reflector_verdict reflector_after_stream(const struct reflector_stream_end *end)
{
	/* A list in pages asks less of server and network: one of them will go through. */
	struct reflector_verdict v = {
		REFLECTOR_RESTART_DECODE, REFLECTOR_LIST, REFLECTOR_BACKOFF, 0, false, true};

	if (end->stalled) {
		v.reason = REFLECTOR_RESTART_STALLED;
	} else if (end->error_event && end->event != NULL) {
		v.reason = restart_of_status(end->event);
		v.retry_after_s = end->event->retry_after_s;
		v.paged = v.reason != REFLECTOR_RESTART_EXPIRED && v.reason != REFLECTOR_RESTART_THROTTLED;
	} else if (!end->broken && !end->error_event) {
		if (end->answer->error == 0 && !is_2xx(end->answer->status))
			return after_refused_stream(end->answer);
		v.reason = REFLECTOR_RESTART_EOF;
		if (end->answer->error != 0) {
			v = reflector_after_list(end->answer, false, true);
			v.paged = v.reason == REFLECTOR_RESTART_STALLED;
		}
	}
	/* Something in between may cut each long transfer. */
	if (end->in_a_row >= REFLECTOR_STREAM_TRIES && v.reason != REFLECTOR_RESTART_THROTTLED)
		v.paged = true;
	return v;
}

int reflector_explain(const struct kube_answer *answer, struct error *err)
{
	if (answer->error != 0)
		return error_set(err, answer->error, "%s", answer->message);
	if (is_2xx(answer->status))
		return error_set(err, -EPIPE, "the server ended the watch");
	return error_set(err, -EPROTO, "HTTP %d %s: %s", answer->status, answer->failure.reason,
			 answer->failure.message);
}
