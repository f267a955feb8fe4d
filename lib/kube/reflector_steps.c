#include <curl/curl.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "kube/discovery.h"
#include "kube/reflector_impl.h"

/* A watch that begins with a list lives longer by so many times watch_timeout_s. */
#define STREAM_LIVES 10

static int on_data(struct kube_call *call, const char *bytes, size_t n)
{
	struct reflector *r = call->data;

	if (r->object.stopped)
		return -ECANCELED;
	r->in_data = true;
	if (r->streams)
		reflector_stream_heard(r);
	if (r->state == REFLECTOR_WATCHING || r->streams)
		r->data_rc = watch_reader_feed(r->watch_reader, bytes, n, &r->why);
	else
		r->data_rc = list_reader_feed(r->list_reader, bytes, n, &r->why);
	r->in_data = false;
	return r->object.stopped ? -ECANCELED : r->data_rc;
}

/* Starts a GET of r->path; its on_done is reflector_on_done(). @call: what differs. */
static int start_call(struct reflector *r, struct kube_call call, struct error *err)
{
	int rc;

	call.method = "GET";
	call.path = buf_str(&r->path);
	call.on_done = reflector_on_done;
	call.data = r;
	r->call = call;
	r->object.stopped = false;
	r->data_rc = 0;
	r->why = (struct error){0};
	rc = kube_client_start(r->options.client, &r->call, err);
	r->in_call = rc == 0;
	return rc;
}

/* A list or a watch; they arrive in pieces. */
static int start_stream(struct reflector *r, struct kube_call call, struct error *err)
{
	call.on_data = on_data;
	call.bulk = r->options.streaming;
	return start_call(r, call, err);
}

/* Adds @text to the path, percent-encoded: tokens and resourceVersions are opaque. */
static int path_add_escaped(struct reflector *r, const char *text)
{
	char *escaped = curl_easy_escape(NULL, text, 0);
	int rc = escaped != NULL ? buf_printf(&r->path, "%s", escaped) : -ENOMEM;

	curl_free(escaped);
	return rc;
}

int reflector_path_add(struct reflector *r, const char *name, const char *value, struct error *err)
{
	char before = strchr(buf_str(&r->path), '?') != NULL ? '&' : '?';
	int rc = buf_printf(&r->path, "%c%s=", before, name);

	if (rc == 0)
		rc = path_add_escaped(r, value);
	return rc == 0 ? 0 : error_errno(err, rc, "query of the request");
}

/* The path of what is listed and watched, and which objects of it. */
static int path_begin(struct reflector *r, struct error *err)
{
	const struct reflector_options *o = &r->options;
	int rc;

	buf_reset(&r->path);
	if (o->group[0] == '\0')
		rc = buf_printf(&r->path, "/api/%s/", o->versions[r->version]);
	else
		rc = buf_printf(&r->path, "/apis/%s/%s/", o->group, o->versions[r->version]);
	if (rc == 0 && o->namespace != NULL)
		rc = buf_printf(&r->path, "namespaces/");
	if (rc == 0 && o->namespace != NULL)
		rc = path_add_escaped(r, o->namespace);
	if (rc == 0)
		rc = buf_printf(&r->path, "%s%s", o->namespace != NULL ? "/" : "", o->resource);
	if (rc == 0 && o->name != NULL)
		rc = buf_printf(&r->path, "?fieldSelector=metadata.name%%3D");
	if (rc == 0 && o->name != NULL)
		rc = path_add_escaped(r, o->name);
	return rc == 0 ? 0 : error_errno(err, rc, "path of the request");
}

/* Discovery */

static int discover_start(struct reflector *r, struct error *err)
{
	int rc;

	buf_reset(&r->path);
	rc = buf_printf(&r->path, "/apis/%s", r->options.group);
	if (rc != 0)
		return error_errno(err, rc, "path of the request");
	return start_call(r, (struct kube_call){0}, err);
}

/* Takes the first served version from index @from on, in the order of preference. False: there is none. */
static bool take_version(struct reflector *r, int from)
{
	for (int i = from; i < DISCOVERY_MAX_VERSIONS; i++) {
		if ((r->served >> i & 1) != 0) {
			r->version = i;
			return true;
		}
	}
	return false;
}

static void discover_done(struct reflector *r, const struct kube_answer *answer)
{
	struct reflector_verdict verdict;
	struct error why = {0};
	bool answered = answer->error == 0 && answer->status == 200;
	bool broken = answered && discovery_parse(&r->served, answer->body, answer->body_len,
						  r->options.versions, &why) != 0;

	if (answered && !broken && take_version(r, 0)) {
		reflector_schedule(r, REFLECTOR_LIST, 0);
		return;
	}
	if (!answered)
		(void)reflector_explain(answer, &why);
	verdict = reflector_after_list(answer, broken, true);
	verdict.step = REFLECTOR_DISCOVER;
	if (answered && !broken) {
		(void)error_set(&why, -ENOENT, "the group is there, but in no version that is known here");
		verdict.absent = true;
		verdict.reason = REFLECTOR_RESTART_ABSENT;
	}
	reflector_again(r, &verdict, false, &why);
}

/* List */

static int page_start(struct reflector *r, struct error *err)
{
	/* Where nothing follows the first page, limit=0 means all at once. resourceVersion is never set:
	 * client-go relists from what its cache last saw (LST-2) and falls back to this; the consistent list
	 * is simpler, cannot expire and cannot show a past older than what was seen. */
	char limit[16];
	int rc = path_begin(r, err);

	(void)snprintf(limit, sizeof(limit), "%" PRIu32, r->unpaged ? 0 : r->options.page_size);
	if (rc == 0)
		rc = reflector_path_add(r, "limit", limit, err);
	if (rc == 0 && r->token != NULL)
		rc = reflector_path_add(r, "continue", r->token, err);
	list_reader_reset(r->list_reader);
	if (rc != 0)
		return rc;
	/* Without gzip: measured with 20,000 VMIs it costs the server up to twice the CPU and makes no list
	 * quicker, and the server is what there is least of (tests/bench/measuring.md). */
	return start_stream(r, (struct kube_call){.idle_timeout_ms = r->options.list_idle_ms}, err);
}

static int list_start(struct reflector *r, struct error *err)
{
	r->relist = false;
	free(STEAL_POINTER(r->token));
	r->listed = 0;
	r->options.handler->list_started(r->options.handler_data);
	if (reflector_is_closing(r))
		return 0;
	r->streams = r->options.streaming && !r->paged;
	return r->streams ? reflector_stream_start(r, err) : page_start(r, err);
}

void reflector_list_again(struct reflector *r, struct reflector_verdict verdict, const struct error *why)
{
	if (verdict.absent && take_version(r, r->version + 1)) {
		/* The group is served in a version that lacks the resource; another may have it. */
		verdict.absent = false;
		verdict.step = REFLECTOR_LIST;
		verdict.pace = REFLECTOR_NOW;
	}
	reflector_again(r, &verdict, false, why);
}

static void list_failed(struct reflector *r, const struct kube_answer *answer, bool broken,
			const struct error *why)
{
	struct reflector_verdict verdict = reflector_after_list(answer, broken, r->token == NULL);

	if (verdict.reason == REFLECTOR_RESTART_EXPIRED && r->token != NULL)
		r->unpaged = true;
	reflector_list_again(r, verdict, why);
}

/* The server's history is shorter than ours: etcd was restored from a backup (WCH-11). */
static void list_tell_rewound(struct reflector *r)
{
	int order;

	if (r->rv[0] == '\0' || !rv_compare(r->list_rv, r->rv, &order) || order >= 0)
		return;
	log_warning(r->options.log, "%s: the API server went back from resourceVersion %s to %s",
		    r->view.title, r->rv, r->list_rv);
	if (r->options.handler->rewound != NULL)
		r->options.handler->rewound(r->options.handler_data, r->rv, r->list_rv);
}

void reflector_list_complete(struct reflector *r)
{
	const struct reflector_handler *handler = r->options.handler;

	free(STEAL_POINTER(r->token));
	r->paged = false;
	r->unpaged = false;
	r->streams_failed = 0;
	list_tell_rewound(r);
	if (reflector_is_closing(r))
		return;
	memcpy(r->rv, r->list_rv, sizeof(r->rv));
	r->synced = true;
	r->unproven = true;
	reflector_view_listed(&r->view, reflector_version(r), r->listed, r->rv);
	/* The backoff is not reset here: a server that lists but cannot watch would be listed without end. */
	handler->list_done(r->options.handler_data, r->rv);
}

/* A page was read: @next is the token of the following one. */
static void list_next_page(struct reflector *r, const char *next)
{
	struct error err = {-ENOMEM, "no memory for a continue token"};
	char *token = strdup(next);
	int rc = -ENOMEM;

	if (token != NULL) {
		free(r->token);
		r->token = token;
		rc = page_start(r, &err);
	}
	if (rc != 0)
		reflector_not_started(r, REFLECTOR_LIST, &err);
}

static void list_done(struct reflector *r, const struct kube_answer *answer)
{
	struct error why = r->why;
	const char *next = list_reader_continue(r->list_reader);
	bool answered = r->data_rc == 0 && answer->error == 0 && answer->status == 200;
	bool broken = r->data_rc != 0 || (answered && list_reader_end(r->list_reader, &why) != 0);

	if (answered && !broken && r->token != NULL && strcmp(next, r->token) == 0)
		broken = error_set(&why, -EBADMSG, "the list's pages go round in a circle") != 0;
	if (!answered && !broken)
		(void)reflector_explain(answer, &why);
	if (!answered || broken) {
		list_failed(r, answer, broken, &why);
		return;
	}
	if (r->token == NULL)
		memcpy(r->list_rv, list_reader_rv(r->list_reader),
		       strlen(list_reader_rv(r->list_reader)) + 1);
	r->listed += list_reader_count(r->list_reader);
	if (*next != '\0') {
		list_next_page(r, next);
		return;
	}
	reflector_list_complete(r);
	if (!reflector_is_closing(r))
		reflector_schedule(r, REFLECTOR_WATCH, 0);
}

/* Watch */

int reflector_watch_open(struct reflector *r, struct error *err)
{
	const struct reflector_options *o = &r->options;
	char life[16];
	int rc;

	r->watch_life_s = o->watch_timeout_s + (uint32_t)rng_below(o->rng, o->watch_timeout_s);
	/* At 20 MB/s a million VMIs of 6 KB take five minutes. */
	if (r->streams)
		r->watch_life_s += STREAM_LIVES * o->watch_timeout_s;
	(void)snprintf(life, sizeof(life), "%" PRIu32, r->watch_life_s);
	rc = reflector_path_add(r, "timeoutSeconds", life, err);
	if (rc != 0)
		return rc;
	r->heard = false;
	r->watch_started_ms = clock_boot_ms();
	return start_stream(r, (struct kube_call){.timeout_ms = r->watch_life_s * 1000 + o->watch_grace_ms},
			    err);
}

int reflector_watch_begin(struct reflector *r, struct error *err)
{
	int rc = path_begin(r, err);

	if (rc == 0)
		rc = reflector_path_add(r, "watch", "1", err);
	/* Without them a list that it begins with has no end mark, either (LST-10). */
	return rc == 0 ? reflector_path_add(r, "allowWatchBookmarks", "true", err) : rc;
}

static int watch_start(struct reflector *r, struct error *err)
{
	int rc = reflector_watch_begin(r, err);

	if (rc == 0)
		rc = reflector_path_add(r, "resourceVersion", r->rv, err);
	watch_reader_reset(r->watch_reader, false);
	r->streams = false;
	return rc != 0 ? rc : reflector_watch_open(r, err);
}

/* The watch works: what went wrong before it is over. */
static void watch_is_healthy(struct reflector *r)
{
	backoff_reset(&r->backoff);
	r->short_watches = 0;
	r->unproven = false;
	reflector_view_watching(&r->view, r->rv);
}

void reflector_on_moved(void *data, const char *rv)
{
	struct reflector *r = data;

	if (!r->heard)
		watch_is_healthy(r);
	r->heard = true;
	if (*rv != '\0')
		memcpy(r->rv, rv, strlen(rv) + 1);
}

static void watch_done(struct reflector *r, const struct kube_answer *answer)
{
	uint64_t lived_ms = clock_boot_ms() - r->watch_started_ms;
	bool opened = answer->status >= 200 && answer->status <= 299;
	struct reflector_watch_end end = {
		.answer = answer,
		.broken = r->data_rc != 0,
		.error_event = r->data_rc == WATCH_READER_ERROR_EVENT,
		.event = watch_reader_status(r->watch_reader),
		.healthy = r->heard || (opened && lived_ms >= r->options.min_watch_ms),
		.full_life = opened && lived_ms >= r->watch_life_s * UINT64_C(900), /* nine tenths */
	};
	struct reflector_verdict verdict;
	struct error why = r->why;

	if (end.healthy)
		watch_is_healthy(r);
	else
		r->short_watches++;
	end.short_watches = r->short_watches;
	end.unproven = r->unproven;
	verdict = reflector_after_watch(&end);
	if (verdict.reason == REFLECTOR_RESTART_EOF && !watch_reader_at_boundary(r->watch_reader))
		(void)error_set(&why, -EPIPE, "the server ended the watch within an event");
	else if (r->data_rc == 0)
		(void)reflector_explain(answer, &why);
	reflector_again(r, &verdict, true, &why);
}

int reflector_step_start(struct reflector *r, enum reflector_step step, struct error *err)
{
	static int (*const starts[])(struct reflector *r, struct error *err) = {
		[REFLECTOR_DISCOVER] = discover_start,
		[REFLECTOR_LIST] = list_start,
		[REFLECTOR_WATCH] = watch_start,
	};

	return starts[step](r, err);
}

void reflector_step_done(struct reflector *r, const struct kube_answer *answer)
{
	static void (*const dones[])(struct reflector *r, const struct kube_answer *answer) = {
		[REFLECTOR_DISCOVERING] = discover_done,
		[REFLECTOR_LISTING] = list_done,
		[REFLECTOR_WATCHING] = watch_done,
	};

	if (r->state == REFLECTOR_LISTING && r->streams)
		reflector_stream_done(r, answer);
	else
		dones[r->state](r, answer);
}
