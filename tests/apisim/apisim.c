#include "apisim/apisim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apisim/draft.h"
#include "apisim/exchange.h"
#include "apisim/metadata.h"
#include "apisim/must.h"
#include "apisim/watch.h"

void apisim_options_init(struct apisim_options *o)
{
	*o = (struct apisim_options){
		.history_count = 100000,
		.history_bytes = (size_t)256 << 20,
		.watch_lag = 10000,
		.bookmark_ms = 60000,
		.rv_wait_ms = 3000,
		.compact_ms = 300000,
		.seed = 1,
	};
}

static void add_namespace(struct apisim *s, const char *name)
{
	char uid[DRAFT_UID_SIZE];
	char now[METADATA_TIME_SIZE];
	uint64_t rv = store_next_revision(&s->store);
	struct buf text;

	draft_uid(&s->rng, uid);
	metadata_now(now);
	must_buf(&text);
	must_printf(&text,
		    ",\"kind\":\"Namespace\",\"metadata\":{\"creationTimestamp\":\"%s\",\"labels\":{"
		    "\"kubernetes.io/"
		    "metadata.name\":\"%s\"},\"name\":\"%s\",\"resourceVersion\":\"%llu\",\"uid\":\"%s\"},"
		    "\"spec\":{\"finalizers\":[\"kubernetes\"]},\"status\":{\"phase\":\"Active\"}}",
		    now, name, name, (unsigned long long)rv, uid);
	store_put(&s->store,
		  object_new(&resource_table[RESOURCE_NAMESPACE], "", name, uid, rv, text.data, text.len));
	buf_free(&text);
}

/* After each round of requests, before the loop sleeps: what has changed goes to those who watch it. */
static void on_pump(uv_prepare_t *handle)
{
	apisim_touch(handle->data);
}

void apisim_touch(struct apisim *s)
{
	bool any = false;

	for (size_t i = 0; i < RESOURCE_COUNT; i++)
		any = any || s->store.collections[i].dirty;
	if (!any)
		return;
	list_for_each_safe (it, &s->watches) {
		struct watch *w = container_of(it, struct watch, link);

		if (w->from->dirty)
			watch_pump(w);
	}
	for (size_t i = 0; i < RESOURCE_COUNT; i++)
		s->store.collections[i].dirty = false;
}

static void on_compact(uv_timer_t *timer)
{
	struct apisim *s = timer->data;

	store_tick(&s->store);
}

int apisim_init(struct apisim *s, uv_loop_t *loop, const struct apisim_options *o, struct error *err)
{
	static const char *const namespaces[] = {"default", "kube-node-lease", "kube-public", "kube-system",
						 "kubevirt"};
	struct store_options store = {.history_count = o->history_count, .history_bytes = o->history_bytes};
	int rc = http_server_init(&s->http, loop, o->port, &exchange_ops, err);

	if (rc != 0)
		return rc;
	s->loop = loop;
	s->options = *o;
	s->options.token = NULL; /* the copy is in s->token */
	s->token = o->token != NULL ? must_copy(o->token, strlen(o->token)) : NULL;
	s->http.data = s;
	s->on_closed = NULL;
	s->populated = 0;
	list_init(&s->watches);
	store_init(&s->store, &store);
	stats_init(&s->stats);
	faults_init(&s->faults, o->seed);
	rng_init_seeded(&s->rng, o->seed);
	for (size_t i = 0; i < ARRAY_LEN(namespaces); i++)
		add_namespace(s, namespaces[i]);
	(void)uv_prepare_init(loop, &s->pump);
	s->pump.data = s;
	(void)uv_prepare_start(&s->pump, on_pump);
	(void)uv_timer_init(loop, &s->compactor);
	s->compactor.data = s;
	(void)uv_timer_start(&s->compactor, on_compact, o->compact_ms, o->compact_ms);
	churn_init(&s->churn, s);
	s->open = 4; /* the pump, the compactor, the churn's timer and the HTTP server */
	return 0;
}

int apisim_port(const struct apisim *s)
{
	return s->http.port;
}

static void part_closed(struct apisim *s)
{
	if (--s->open > 0)
		return;
	faults_clear(&s->faults);
	stats_free(&s->stats);
	store_free(&s->store);
	free(s->token);
	s->on_closed(s);
}

static void on_handle_closed(uv_handle_t *handle)
{
	part_closed(handle->data);
}

static void on_churn_closed(uv_handle_t *handle)
{
	const struct churn *c = handle->data;

	part_closed(c->sim);
}

static void on_http_closed(struct http_server *http)
{
	part_closed(http->data);
}

void apisim_close(struct apisim *s, void (*cb)(struct apisim *s))
{
	s->on_closed = cb;
	uv_close((uv_handle_t *)&s->pump, on_handle_closed);
	uv_close((uv_handle_t *)&s->compactor, on_handle_closed);
	uv_close((uv_handle_t *)&s->churn.timer, on_churn_closed);
	http_server_end(&s->http, on_http_closed);
}
