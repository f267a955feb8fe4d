#include "controller/term.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/backoff.h"
#include "base/buf.h"
#include "base/clock.h"
#include "controller/vmi.h"
#include "kube/lease.h"

#define BACKOFF_INITIAL_MS 500
#define BACKOFF_MAX_MS     30000
#define CALL_TIMEOUT_MS    10000
#define PATH_MAX_BYTES     1024
#define FIRST_TERM_BELOW   (1u << 30)

enum term_state {
	TERM_IDLE,     /* no namespace */
	TERM_READING,  /* GET of the Lease */
	TERM_RAISING,  /* PUT */
	TERM_CREATING, /* POST */
	TERM_WAITING,  /* for the next try */
	TERM_RAISED,   /* done for this namespace */
};

#define TO(state) (1u << (state))

static const uint8_t term_moves[] = {
	[TERM_IDLE] = TO(TERM_READING),
	[TERM_READING] =
		TO(TERM_RAISING) | TO(TERM_CREATING) | TO(TERM_WAITING) | TO(TERM_READING) | TO(TERM_IDLE),
	[TERM_RAISING] = TO(TERM_RAISED) | TO(TERM_WAITING) | TO(TERM_READING) | TO(TERM_IDLE),
	[TERM_CREATING] = TO(TERM_RAISED) | TO(TERM_WAITING) | TO(TERM_READING) | TO(TERM_IDLE),
	[TERM_WAITING] = TO(TERM_READING) | TO(TERM_IDLE),
	[TERM_RAISED] = TO(TERM_READING) | TO(TERM_IDLE),
};

struct term {
	struct term_options options;
	enum term_state state;
	char namespace[VMI_NAMESPACE_MAX + 1];
	uint32_t value; /* what the request in flight would raise it to */
	struct backoff backoff;
	struct kube_call call;
	struct buf path;
	struct buf body;
	bool calling;
	bool outdated; /* the call in flight is about a namespace that is not wanted any more */
	uv_timer_t timer;
	bool timer_open;
	bool closing;
	void (*close_cb)(void *data);
	void *close_data;
};

static void term_move(struct term *t, enum term_state to)
{
	assert((term_moves[t->state] & TO(to)) != 0);
	t->state = to;
}

static void read_lease(struct term *t);

static void on_timer(uv_timer_t *timer)
{
	read_lease(timer->data);
}

static void wait_and_retry(struct term *t)
{
	term_move(t, TERM_WAITING);
	uv_update_time(t->options.loop);
	(void)uv_timer_start(&t->timer, on_timer, backoff_next(&t->backoff, t->options.rng), 0);
}

static void on_done(struct kube_call *call, const struct kube_answer *answer);

/* @name: "" for the collection. */
static int start_call(struct term *t, const char *method, const char *name)
{
	struct error err = {0};
	int rc;

	buf_reset(&t->path);
	rc = buf_printf(&t->path, "/apis/coordination.k8s.io/v1/namespaces/%s/leases%s%s", t->namespace,
			name[0] != '\0' ? "/" : "", name);
	if (rc != 0)
		return rc;
	t->call = (struct kube_call){
		.method = method,
		.path = buf_str(&t->path),
		.body = t->body.len > 0 ? buf_str(&t->body) : NULL,
		.body_len = t->body.len,
		.timeout_ms = CALL_TIMEOUT_MS,
		.on_done = on_done,
		.data = t,
	};
	rc = kube_client_start(t->options.client, &t->call, &err);
	if (rc != 0)
		log_failure(t->options.log, LOG_LEVEL_ERROR, &err, "cannot send a request for the Lease");
	t->calling = rc == 0;
	return rc;
}

static void read_lease(struct term *t)
{
	term_move(t, TERM_READING);
	buf_reset(&t->body);
	if (start_call(t, "GET", t->options.lease_name) != 0)
		wait_and_retry(t);
}

static void claim(struct term *t, const struct kube_lease *lease)
{
	const struct kube_lease_claim claim = {
		.holder = t->options.identity,
		.term = t->value,
		.duration_s = TERM_LEASE_DURATION_S,
		.now_us = clock_wall_us(),
	};
	int rc;

	buf_reset(&t->body);
	if (lease != NULL)
		rc = kube_lease_write(&t->body, lease, &claim);
	else
		rc = kube_lease_write_new(&t->body, t->namespace, t->options.lease_name, &claim);
	term_move(t, lease != NULL ? TERM_RAISING : TERM_CREATING);
	if (rc == 0 && lease != NULL)
		rc = start_call(t, "PUT", t->options.lease_name);
	else if (rc == 0)
		rc = start_call(t, "POST", "");
	if (rc == 0)
		return;
	log_error(t->options.log, "cannot write the Lease %s: %s", t->options.lease_name, strerror(-rc));
	wait_and_retry(t);
}

/* The Lease as it is now: raise its term by one. */
static void on_read(struct term *t, const struct kube_answer *answer)
{
	struct kube_lease *lease;
	struct error err = {0};

	if (kube_lease_parse(&lease, answer->body, answer->body_len, &err) != 0) {
		log_failure(t->options.log, LOG_LEVEL_ERROR, &err, "the Lease %s cannot be read",
			    t->options.lease_name);
		wait_and_retry(t);
		return;
	}
	t->value = kube_lease_term(lease) == KUBE_LEASE_MAX_TERM ? 0 : kube_lease_term(lease) + 1;
	claim(t, lease);
	kube_lease_free(lease);
}

/* Our write was answered with success: the answer must show exactly what we wrote. */
static void on_written(struct term *t, const struct kube_answer *answer)
{
	struct kube_lease *lease;
	struct error err = {0};
	bool shown = false;

	if (kube_lease_parse(&lease, answer->body, answer->body_len, &err) == 0) {
		shown = kube_lease_term(lease) == t->value &&
			strcmp(kube_lease_holder(lease), t->options.identity) == 0;
		kube_lease_free(lease);
	}
	if (!shown) {
		log_failure(t->options.log, LOG_LEVEL_ERROR, &err,
			    "the answer does not show our claim to the Lease %s", t->options.lease_name);
		wait_and_retry(t);
		return;
	}
	backoff_reset(&t->backoff);
	term_move(t, TERM_RAISED);
	log_info(t->options.log, "raised the term of the Lease %s/%s to %" PRIu32, t->namespace,
		 t->options.lease_name, t->value);
	t->options.raised(t->options.data, t->value);
}

static void on_failed(struct term *t, const struct kube_answer *answer)
{
	struct error err = {0};

	if (answer->error != 0)
		(void)error_set(&err, answer->error, "%s", answer->message);
	else
		(void)error_set(&err, -EIO, "%d %s", answer->status, answer->failure.message);
	log_failure(t->options.log, LOG_LEVEL_WARNING, &err, "cannot raise the term of the Lease %s/%s yet",
		    t->namespace, t->options.lease_name);
	wait_and_retry(t);
}

static void maybe_closed(struct term *t);

static void on_done(struct kube_call *call, const struct kube_answer *answer)
{
	struct term *t = call->data;
	bool success = answer->error == 0 && answer->status >= 200 && answer->status < 300;
	enum term_state was = t->state;

	t->calling = false;
	if (t->closing) {
		maybe_closed(t);
	} else if (t->outdated) {
		t->outdated = false;
		if (t->namespace[0] != '\0')
			read_lease(t);
	} else if (success && was == TERM_READING) {
		on_read(t, answer);
	} else if (success) {
		on_written(t, answer);
	} else if (answer->status == 404 && was == TERM_READING) {
		t->value = (uint32_t)rng_below(t->options.rng, FIRST_TERM_BELOW);
		claim(t, NULL);
	} else if (answer->status == 409) {
		wait_and_retry(t); /* somebody else was faster: read again */
	} else {
		on_failed(t, answer);
	}
}

void term_want(struct term *t, const char *namespace)
{
	if (strcmp(t->namespace, namespace) == 0)
		return;
	(void)snprintf(t->namespace, sizeof(t->namespace), "%s", namespace);
	backoff_reset(&t->backoff);
	(void)uv_timer_stop(&t->timer);
	if (t->state != TERM_IDLE)
		term_move(t, TERM_IDLE);
	if (t->calling)
		t->outdated = true; /* its answer starts the new one */
	else if (namespace[0] != '\0')
		read_lease(t);
}

int term_open(struct term **out, const struct term_options *options, struct error *err)
{
	struct term *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return error_errno(err, -ENOMEM, "term");
	t->options = *options;
	backoff_init(&t->backoff, BACKOFF_INITIAL_MS, BACKOFF_MAX_MS);
	buf_init(&t->path, PATH_MAX_BYTES);
	buf_init(&t->body, KUBE_LEASE_MAX_TEXT);
	(void)uv_timer_init(options->loop, &t->timer);
	t->timer.data = t;
	t->timer_open = true;
	*out = t;
	return 0;
}

/* Closed once the timer is and no call is in flight. */
static void maybe_closed(struct term *t)
{
	if (t->timer_open || t->calling)
		return;
	buf_free(&t->path);
	buf_free(&t->body);
	t->close_cb(t->close_data);
	free(t);
}

static void on_timer_closed(uv_handle_t *handle)
{
	struct term *t = handle->data;

	t->timer_open = false;
	maybe_closed(t);
}

void term_close(struct term *t, void (*cb)(void *data), void *data)
{
	assert(!t->closing);
	t->closing = true;
	t->close_cb = cb;
	t->close_data = data;
	if (t->calling)
		kube_call_cancel(&t->call);
	uv_close((uv_handle_t *)&t->timer, on_timer_closed);
}
