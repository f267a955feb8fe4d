#include "kube/freshness.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "kube/list_reader.h"
#include "kube/reflector_policy.h"
#include "kube/rv.h"

/* Reads whose resourceVersion the view has not reached. More are not needed: long before, the view is behind.
 */
#define MAX_WAITING 4

/* Path and "?limit=1". */
#define PATH_MAX_BYTES 1024

struct waiting_read {
	uint64_t sent_ms;
	char rv[RV_SIZE];
};

struct freshness {
	struct freshness_options options;
	uv_timer_t timer; /* for the next read */
	bool timer_closed;

	struct kube_call call;
	bool in_call;
	bool again; /* another read when the one in flight has ended */
	struct buf path;
	uint64_t sent_ms; /* of the read in flight or of the last one */
	struct reflector_object object;
	struct list_reader *reader;
	int data_rc; /* of the list reader */
	struct error why;

	char seen[RV_SIZE]; /* the highest of every read, and of the view when one was sent */
	struct waiting_read waiting[MAX_WAITING]; /* oldest first */
	size_t waiting_count;
	uint64_t fresh_ms;
	uint64_t listed_ms; /* when the last list was complete */
	bool told_behind;   /* since then */

	bool closing;
	void (*close_cb)(void *data);
	void *close_data;
};

static void freshness_free(struct freshness *f)
{
	list_reader_free(f->reader);
	buf_free(&f->path);
	free(f);
}

static void maybe_closed(struct freshness *f)
{
	void (*cb)(void *) = f->close_cb;
	void *data = f->close_data;

	if (f->in_call || !f->timer_closed)
		return;
	freshness_free(f);
	cb(data);
}

static void on_timer_closed(uv_handle_t *handle)
{
	struct freshness *f = handle->data;

	f->timer_closed = true;
	maybe_closed(f);
}

static void set_fresh(struct freshness *f, uint64_t as_of_ms)
{
	if (as_of_ms > f->fresh_ms)
		f->fresh_ms = as_of_ms;
}

/* The view has come to @rv or further. */
static bool has_reached(const struct freshness *f, const char *rv)
{
	int order;

	return rv_compare(f->options.position(f->options.data), rv, &order) && order >= 0;
}

void freshness_moved(struct freshness *f)
{
	size_t n = f->waiting_count;

	while (n > 0 && !has_reached(f, f->waiting[n - 1].rv))
		n--;
	if (n == 0)
		return;
	set_fresh(f, f->waiting[n - 1].sent_ms);
	f->waiting_count -= n;
	memmove(f->waiting, f->waiting + n, f->waiting_count * sizeof(f->waiting[0]));
}

void freshness_listed(struct freshness *f, uint64_t sent_ms)
{
	set_fresh(f, sent_ms);
	f->listed_ms = clock_boot_ms();
	f->told_behind = false;
	freshness_moved(f);
}

static void see(struct freshness *f, const char *rv)
{
	int order;

	if (f->seen[0] == '\0' || (rv_compare(rv, f->seen, &order) && order > 0))
		rv_read(f->seen, rv, strlen(rv));
}

/* The read in flight was answered with @rv. */
static void read_answered(struct freshness *f, const char *rv)
{
	struct waiting_read *read;
	int order;

	if (rv_compare(rv, f->seen, &order) && order < 0) {
		f->options.rewound(f->options.data, f->seen, rv);
		return;
	}
	see(f, rv);
	/* Where there is no room, the newest one gives way: the oldest says when the view is behind. */
	if (f->waiting_count < MAX_WAITING)
		f->waiting_count++;
	read = &f->waiting[f->waiting_count - 1];
	read->sent_ms = f->sent_ms;
	rv_read(read->rv, rv, strlen(rv));
	freshness_moved(f);
}

static int on_data(struct kube_call *call, const char *bytes, size_t n)
{
	struct freshness *f = call->data;

	f->data_rc = list_reader_feed(f->reader, bytes, n, &f->why);
	return f->data_rc;
}

static void read_send(struct freshness *f);

static void on_done(struct kube_call *call, const struct kube_answer *answer)
{
	struct freshness *f = call->data;
	bool answered = f->data_rc == 0 && answer->error == 0 && answer->status == 200;

	f->in_call = false;
	if (f->closing) {
		maybe_closed(f);
		return;
	}
	if (!answered && f->data_rc == 0)
		(void)reflector_explain(answer, &f->why);
	if (answered && list_reader_end(f->reader, &f->why) == 0)
		read_answered(f, list_reader_rv(f->reader));
	else
		log_failure(f->options.log, LOG_LEVEL_DEBUG, &f->why, "%s failed", buf_str(&f->path));
	if (f->again && !f->closing)
		read_send(f);
}

/* Sends a read; none is in flight. */
static void read_send(struct freshness *f)
{
	const char *path = f->options.path(f->options.data);
	struct error err = {0};
	int rc;

	f->again = false;
	if (path == NULL)
		return;
	see(f, f->options.position(f->options.data));
	list_reader_reset(f->reader);
	f->data_rc = 0;
	f->why = (struct error){0};
	buf_reset(&f->path);
	rc = buf_printf(&f->path, "%s?limit=1", path);
	if (rc != 0)
		(void)error_errno(&err, rc, "path of the request");
	f->call = (struct kube_call){
		.method = "GET",
		.path = buf_str(&f->path),
		.timeout_ms = KUBE_CLIENT_TIMEOUT_MS,
		.on_data = on_data,
		.on_done = on_done,
		.data = f,
	};
	f->sent_ms = clock_boot_ms();
	if (rc == 0)
		rc = kube_client_start(f->options.client, &f->call, &err);
	f->in_call = rc == 0;
	if (rc != 0)
		log_failure(f->options.log, LOG_LEVEL_DEBUG, &err, "%s?limit=1 failed", path);
}

/* The view has had its time: since the oldest read that it has not reached, and since the last list. */
static bool is_behind(const struct freshness *f, uint64_t now_ms)
{
	uint64_t patience_ms = f->options.behind_ms;

	return f->waiting_count > 0 && now_ms - f->waiting[0].sent_ms >= patience_ms &&
	       now_ms - f->listed_ms >= patience_ms;
}

static void check_behind(struct freshness *f)
{
	uint64_t now_ms = clock_boot_ms();
	const char *path;

	if (f->told_behind || !is_behind(f, now_ms))
		return;
	path = f->options.path(f->options.data);
	if (path == NULL)
		return;
	f->told_behind = true;
	log_debug(f->options.log,
		  "%s: the view is at resourceVersion %s, the server was at %s %" PRIu64 " s ago", path,
		  f->options.position(f->options.data), f->waiting[0].rv,
		  (now_ms - f->waiting[0].sent_ms) / 1000);
	f->options.behind(f->options.data);
}

static void timer_arm(struct freshness *f);

static void on_timer(uv_timer_t *timer)
{
	struct freshness *f = timer->data;

	timer_arm(f);
	check_behind(f);
	if (!f->in_call && !f->closing)
		read_send(f);
}

static void timer_arm(struct freshness *f)
{
	uint64_t interval_ms = f->options.interval_ms;

	uv_update_time(f->options.loop); /* T3 */
	(void)uv_timer_start(&f->timer, on_timer,
			     interval_ms - interval_ms / 4 + rng_below(f->options.rng, interval_ms / 2 + 1),
			     0);
}

int freshness_open(struct freshness **out, const struct freshness_options *options, struct error *err)
{
	struct freshness *f = calloc(1, sizeof(*f));
	int rc;

	if (f == NULL)
		return error_errno(err, -ENOMEM, "freshness");
	f->options = *options;
	if (f->options.interval_ms == 0)
		f->options.interval_ms = 60000;
	if (f->options.behind_ms == 0)
		f->options.behind_ms = 180000;
	buf_init(&f->path, PATH_MAX_BYTES);
	f->object.muted = true;
	rc = list_reader_create(&f->reader, &f->object, 0, err);
	if (rc != 0) {
		freshness_free(f);
		return rc;
	}
	(void)uv_timer_init(options->loop, &f->timer); /* cannot fail */
	f->timer.data = f;
	timer_arm(f);
	*out = f;
	return 0;
}

void freshness_hurry(struct freshness *f)
{
	if (f->in_call)
		f->again = true;
	else if (!f->closing)
		read_send(f);
}

uint64_t freshness_ms(const struct freshness *f)
{
	return f->fresh_ms;
}

void freshness_close(struct freshness *f, void (*cb)(void *data), void *data)
{
	if (f->closing)
		abort(); /* closed twice */
	f->closing = true;
	f->close_cb = cb;
	f->close_data = data;
	if (f->in_call)
		kube_call_cancel(&f->call);
	uv_close((uv_handle_t *)&f->timer, on_timer_closed);
}
