#include "kube/elector.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/macros.h"
#include "kube/lease.h"
#include "kube/lease_watch.h"

#define PATH_MAX_BYTES 1024

struct elector {
	struct elector_options options;
	char *namespace;
	char *name;
	char *identity;
	struct election *election;
	struct lease_watch *watch;
	struct kube_lease *base; /* as it was read or written last; NULL before */

	struct kube_call call;
	struct buf path;
	struct buf body;
	struct election_wish wish; /* that the call carries out */
	bool calling;
	bool failing; /* the last request was no success */

	bool closing;
	bool giving_up;
	unsigned int open_parts; /* handles and the watch */
	uv_timer_t timer;
	uv_prepare_t prepare;

	/* What was told. */
	uint64_t right_until_ms;
	uint64_t stale_ms; /* not again before */
	uint32_t term;
	bool led;
	bool lost;
	char holder[ELECTION_HOLDER_MAX + 1];

	void (*given_up)(void *data); /* NULL once it was called */
	void *given_up_data;
	void (*close_cb)(void *data);
	void *close_data;
};

static void on_timer(uv_timer_t *timer)
{
	(void)timer; /* it only wakes the loop; on_prepare() does the work */
}

/* T3: the loop's cached time may be old. T4: never 0. */
static void wake_in(struct elector *e, uint64_t delay_ms)
{
	uv_update_time(e->options.loop);
	(void)uv_timer_start(&e->timer, on_timer, delay_ms > 0 ? delay_ms : 1, 0);
}

/* Something was noted that on_prepare() has to look at, although the loop might be about to sleep. */
static void wake(struct elector *e)
{
	if (!e->closing)
		wake_in(e, 0);
}

/* ---- requests ---- */

/* Logs the failure of a request: each renewal that fails, else the first in a row. */
static void log_failed(struct elector *e, const struct error *err)
{
	bool renewal = elector_is_leading(e);
	enum log_level level = renewal || !e->failing ? LOG_LEVEL_WARNING : LOG_LEVEL_DEBUG;

	log_failure(e->options.log, level, err, "cannot %s the Lease %s/%s yet",
		    e->wish.release                   ? "give up"
		    : renewal                         ? "renew"
		    : e->wish.action == ELECTION_READ ? "read"
						      : "take",
		    e->namespace, e->name);
	e->failing = true;
}

static struct election_lease look_at(const struct kube_lease *lease)
{
	return (struct election_lease){
		.uid = kube_lease_uid(lease),
		.rv = kube_lease_resource_version(lease),
		.holder = kube_lease_holder(lease),
		.renewed = kube_lease_renewed(lease),
		.duration_s = kube_lease_duration_s(lease),
		.term = kube_lease_term(lease),
	};
}

/* A 2xx has to be a Lease; it becomes the base of the next write. */
static enum election_outcome read_body(struct elector *e, const struct kube_answer *answer)
{
	struct kube_lease *lease;
	struct error err = {0};

	if (kube_lease_parse(&lease, answer->body, answer->body_len, &err) != 0) {
		log_failed(e, &err);
		return ELECTION_FAILED;
	}
	kube_lease_free(e->base);
	e->base = lease;
	e->failing = false;
	return ELECTION_DONE;
}

static enum election_outcome outcome_of(struct elector *e, const struct kube_answer *answer)
{
	enum election_outcome outcome = ELECTION_FAILED;
	struct error err = {0};

	if (answer->error == 0 && answer->status >= 200 && answer->status < 300)
		return read_body(e, answer);
	if (answer->error != 0)
		(void)error_set(&err, answer->error, "%s", answer->message);
	else
		(void)error_set(&err, -EIO, "%d %s", answer->status, answer->failure.message);
	/* A 404 to a POST says that there is no such namespace. */
	if (answer->error == 0 && answer->status == 404 && e->wish.action != ELECTION_CREATE)
		outcome = ELECTION_MISSING;
	if (answer->error == 0 && answer->status == 409)
		outcome = ELECTION_CONFLICT;
	if (outcome == ELECTION_FAILED)
		log_failed(e, &err);
	else
		log_failure(e->options.log, LOG_LEVEL_DEBUG, &err, "the Lease %s/%s is not as it was",
			    e->namespace, e->name);
	return outcome;
}

/* Something between us and the server, or in it, answers well and keeps another content: no term comes of
 * that. */
static void log_changed(struct elector *e, const struct election_lease *l)
{
	struct error err = {0};

	if (e->wish.action == ELECTION_READ ||
	    (strcmp(l->holder, e->wish.release ? "" : e->identity) == 0 && l->term == e->wish.term))
		return;
	(void)error_set(&err, -EPROTO, "the answer has holder \"%s\" and term %" PRIu32, l->holder, l->term);
	log_failed(e, &err);
}

static void maybe_closed(struct elector *e);

static void on_done(struct kube_call *call, const struct kube_answer *answer)
{
	struct elector *e = call->data;
	enum election_outcome outcome;
	struct election_lease look;

	e->calling = false;
	if (e->closing) {
		maybe_closed(e);
		return;
	}
	outcome = outcome_of(e, answer);
	if (outcome == ELECTION_DONE) {
		look = look_at(e->base);
		log_changed(e, &look);
	}
	election_answered(e->election, outcome, outcome == ELECTION_DONE ? &look : NULL, clock_boot_ms());
	if (outcome == ELECTION_DONE && e->wish.release && election_role(e->election) == ELECTION_OVER)
		log_info(e->options.log, "gave up the Lease %s/%s", e->namespace, e->name);
	wake(e);
}

/* The body of the wish. Returns 0 or a negative errno. */
static int write_body(struct elector *e)
{
	const struct kube_lease_claim claim = {
		.holder = e->wish.release ? "" : e->identity,
		.term = e->wish.term,
		.duration_s = e->wish.duration_s,
		.now_us = clock_wall_us(),
		.renews = !e->wish.acquires && !e->wish.release,
	};

	buf_reset(&e->body);
	if (e->wish.action == ELECTION_UPDATE)
		return kube_lease_write(&e->body, e->base, &claim);
	if (e->wish.action == ELECTION_CREATE)
		return kube_lease_write_new(&e->body, e->namespace, e->name, &claim);
	return 0;
}

static int start_call(struct elector *e, struct error *err)
{
	static const char *const methods[] = {
		[ELECTION_READ] = "GET",
		[ELECTION_UPDATE] = "PUT",
		[ELECTION_CREATE] = "POST",
	};
	bool create = e->wish.action == ELECTION_CREATE;
	int rc = write_body(e);

	buf_reset(&e->path);
	if (rc == 0)
		rc = buf_printf(&e->path, "/apis/coordination.k8s.io/v1/namespaces/%s/leases%s%s",
				e->namespace, create ? "" : "/", create ? "" : e->name);
	if (rc != 0)
		return error_errno(err, rc, "request");
	e->call = (struct kube_call){
		.method = methods[e->wish.action],
		.path = buf_str(&e->path),
		.body = e->body.len > 0 ? buf_str(&e->body) : NULL,
		.body_len = e->body.len,
		.timeout_ms = e->wish.timeout_ms,
		.on_done = on_done,
		.data = e,
	};
	rc = kube_client_start(e->options.client, &e->call, err);
	e->calling = rc == 0;
	return rc;
}

static void serve(struct elector *e, uint64_t now_ms)
{
	struct error err = {0};

	if (e->calling || !election_next(e->election, &e->wish, now_ms) || start_call(e, &err) == 0)
		return;
	log_failed(e, &err);
	election_answered(e->election, ELECTION_FAILED, NULL, now_ms);
}

/* ---- telling ---- */

/* The log names a new holder. */
static void tell_holder(struct elector *e)
{
	const char *holder = election_holder(e->election);

	if (strcmp(holder, e->holder) == 0)
		return;
	memcpy(e->holder, holder, strlen(holder) + 1);
	if (holder[0] != '\0' && strcmp(holder, e->identity) != 0)
		log_info(e->options.log, "the Lease %s/%s is held by %s", e->namespace, e->name, holder);
}

/* A handler may close the elector; true where it is still open. */
static bool tell_leading(struct elector *e)
{
	const struct elector_handler *h = e->options.handler;
	uint64_t right_until_ms = election_right_until(e->election);
	uint32_t term = election_term(e->election);

	if (right_until_ms != e->right_until_ms) {
		e->right_until_ms = right_until_ms;
		h->extended(e->options.data, right_until_ms);
	}
	if (e->closing || (e->led && term == e->term))
		return !e->closing;
	e->led = true;
	e->term = term;
	log_info(e->options.log, "raised the term of the Lease %s/%s to %" PRIu32, e->namespace, e->name,
		 term);
	h->led(e->options.data, term);
	return !e->closing;
}

static void tell_lost(struct elector *e)
{
	const char *reason = election_reason(e->election);

	e->lost = true;
	log_error(e->options.log, "lost the Lease %s/%s: %s", e->namespace, e->name, reason);
	e->options.handler->lost(e->options.data, reason);
}

static void tell_stale(struct elector *e, uint64_t now_ms)
{
	if (now_ms < e->stale_ms || !election_wants_fresh(e->election, now_ms))
		return;
	e->stale_ms = now_ms + e->options.retry_period_ms;
	e->options.handler->stale(e->options.data);
}

static void tell_given_up(struct elector *e)
{
	void (*given_up)(void *data) = STEAL_POINTER(e->given_up);

	if (given_up != NULL)
		given_up(e->given_up_data);
}

/* Tells what has changed since the last time. True where the elector is still open. */
static bool tell(struct elector *e, uint64_t now_ms)
{
	enum election_role role = election_role(e->election);

	tell_holder(e);
	if (role == ELECTION_LEADING && !e->giving_up && !tell_leading(e))
		return false;
	if (role == ELECTION_LOST && !e->giving_up && !e->lost)
		tell_lost(e);
	if ((role == ELECTION_STANDBY || role == ELECTION_LEADING) && !e->giving_up)
		tell_stale(e, now_ms);
	if (!e->closing && e->giving_up && (role == ELECTION_LOST || role == ELECTION_OVER))
		tell_given_up(e);
	return !e->closing;
}

/* Once in each turn of the loop, outside of libcurl. */
static void on_prepare(uv_prepare_t *prepare)
{
	struct elector *e = prepare->data;
	uint64_t now_ms = clock_boot_ms();
	uint64_t deadline_ms;

	if (e->closing)
		return;
	election_tick(e->election, now_ms);
	serve(e, now_ms);
	if (!tell(e, now_ms))
		return;
	deadline_ms = election_deadline(e->election);
	if (deadline_ms == UINT64_MAX)
		(void)uv_timer_stop(&e->timer);
	else
		wake_in(e, deadline_ms > now_ms ? deadline_ms - now_ms : 0);
}

/* ---- facts ---- */

static void on_seen(void *data, const struct election_lease *l)
{
	struct elector *e = data;

	election_seen(e->election, l, clock_boot_ms());
	wake(e);
}

static void on_absent(void *data, const char *rv)
{
	struct elector *e = data;

	election_absent(e->election, rv, clock_boot_ms());
	wake(e);
}

void elector_set_fresh(struct elector *e, uint64_t until_ms)
{
	election_set_fresh(e->election, until_ms);
	wake(e);
}

void elector_set_pressed(struct elector *e, bool pressed)
{
	election_set_pressed(e->election, pressed);
	wake(e);
}

bool elector_is_leading(const struct elector *e)
{
	return election_role(e->election) == ELECTION_LEADING;
}

uint64_t elector_right_until(const struct elector *e)
{
	return election_right_until(e->election);
}

const char *elector_holder(const struct elector *e)
{
	return election_holder(e->election);
}

const char *elector_lease_uid(const struct elector *e)
{
	return e->base != NULL ? kube_lease_uid(e->base) : "";
}

void elector_give_up(struct elector *e, void (*cb)(void *data), void *data)
{
	assert(!e->giving_up && !e->closing);
	e->giving_up = true;
	e->given_up = cb;
	e->given_up_data = data;
	election_give_up(e->election, clock_boot_ms());
	wake(e);
}

/* ---- life ---- */

static void elector_free(struct elector *e)
{
	kube_lease_free(e->base);
	election_free(e->election);
	buf_free(&e->path);
	buf_free(&e->body);
	free(e->namespace);
	free(e->name);
	free(e->identity);
	free(e);
}

static uint32_t on_step(void *data, uint32_t base)
{
	struct elector *e = data;

	return e->options.handler->step(e->options.data, base);
}

static int open_election(struct elector *e)
{
	const struct election_options options = {
		.identity = e->identity,
		.lease_duration_ms = e->options.lease_duration_ms,
		.renew_deadline_ms = e->options.renew_deadline_ms,
		.retry_period_ms = e->options.retry_period_ms,
		.silence_ms = 2 * e->options.retry_period_ms,
		.rng = e->options.rng,
		.step = on_step,
		.data = e,
	};

	return election_create(&e->election, &options);
}

static int open_watch(struct elector *e, struct error *err)
{
	const struct lease_watch_options options = {
		.loop = e->options.loop,
		.client = e->options.client,
		.log = e->options.log,
		.rng = e->options.rng,
		.namespace = e->namespace,
		.name = e->name,
		.seen = on_seen,
		.absent = on_absent,
		.data = e,
	};

	return lease_watch_open(&e->watch, &options, err);
}

int elector_open(struct elector **out, const struct elector_options *options, struct error *err)
{
	struct elector *e = calloc(1, sizeof(*e));
	int rc;

	if (e == NULL)
		return error_errno(err, -ENOMEM, "elector");
	e->options = *options;
	e->namespace = strdup(options->namespace);
	e->name = strdup(options->name);
	e->identity = strdup(options->identity);
	buf_init(&e->path, PATH_MAX_BYTES);
	buf_init(&e->body, KUBE_LEASE_MAX_TEXT);
	rc = e->namespace == NULL || e->name == NULL || e->identity == NULL ? -ENOMEM : open_election(e);
	if (rc != 0) {
		(void)error_errno(err, rc, "elector");
		goto err_free;
	}
	rc = open_watch(e, err);
	if (rc != 0)
		goto err_free;
	(void)uv_timer_init(options->loop, &e->timer);
	(void)uv_prepare_init(options->loop, &e->prepare);
	e->timer.data = e;
	e->prepare.data = e;
	e->open_parts = 3;
	(void)uv_prepare_start(&e->prepare, on_prepare);
	wake(e);
	*out = e;
	return 0;
err_free:
	elector_free(e);
	return rc;
}

/* Closed once the handles and the watch are and no call is in flight. */
static void maybe_closed(struct elector *e)
{
	if (e->open_parts > 0 || e->calling)
		return;
	e->close_cb(e->close_data);
	elector_free(e);
}

static void on_part_closed(void *data)
{
	struct elector *e = data;

	e->open_parts--;
	maybe_closed(e);
}

static void on_handle_closed(uv_handle_t *handle)
{
	on_part_closed(handle->data);
}

void elector_close(struct elector *e, void (*cb)(void *data), void *data)
{
	assert(!e->closing);
	e->closing = true;
	e->close_cb = cb;
	e->close_data = data;
	if (e->calling)
		kube_call_cancel(&e->call);
	uv_close((uv_handle_t *)&e->timer, on_handle_closed);
	uv_close((uv_handle_t *)&e->prepare, on_handle_closed);
	lease_watch_close(e->watch, on_part_closed, e);
}
