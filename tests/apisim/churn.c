#include "apisim/churn.h"

#include "apisim/apisim.h"
#include "apisim/must.h"
#include "apisim/watch.h"

#define TICK_MS    1
#define BATCH      5000 /* changes a tick, at most */
#define BEHIND_MAX 4000 /* events that a watch may be behind while we go as fast as it takes them */

/* Events that the slowest watch of the resource has not been sent. */
static uint64_t most_behind(const struct churn *c)
{
	uint64_t most = 0;

	list_for_each (it, &c->sim->watches) {
		const struct watch *w = container_of(it, struct watch, link);
		uint64_t behind = watch_behind(w);

		if (w->from->resource == c->resource && behind > most)
			most = behind;
	}
	return most;
}

/* How many are due. */
static uint64_t due(const struct churn *c)
{
	uint64_t elapsed = uv_now(c->sim->loop) - c->started_ms;
	uint64_t n = BATCH;
	uint64_t behind;

	if (c->rate > 0) {
		n = elapsed * c->rate / 1000 > c->made ? elapsed * c->rate / 1000 - c->made : 0;
	} else {
		behind = most_behind(c);
		n = behind < BEHIND_MAX ? BEHIND_MAX - behind : 0;
	}
	if (n > c->left)
		n = c->left;
	return n < BATCH ? n : BATCH;
}

static void change_one(struct churn *c)
{
	struct store *s = &c->sim->store;
	const struct object_list *l = &store_collection(s, c->resource)->objects;
	const struct object *o = l->items[rng_below(&c->sim->rng, l->count)];

	store_put(s, object_at_rv(o, store_next_revision(s)));
}

static void on_tick(uv_timer_t *timer)
{
	struct churn *c = timer->data;

	if (store_collection(&c->sim->store, c->resource)->objects.count == 0)
		c->left = 0;
	for (uint64_t n = due(c); n > 0; n--) {
		change_one(c);
		c->made++;
		c->left--;
	}
	if (c->left > 0 || most_behind(c) > 0)
		return;
	c->took_ms = uv_now(c->sim->loop) - c->started_ms;
	(void)uv_timer_stop(timer);
}

void churn_init(struct churn *c, struct apisim *sim)
{
	*c = (struct churn){.sim = sim};
	(void)uv_timer_init(sim->loop, &c->timer);
	c->timer.data = c;
}

void churn_start(struct churn *c, const struct resource *r, uint64_t rate, uint64_t count)
{
	c->resource = r;
	c->rate = rate;
	c->left = count;
	c->made = 0;
	c->took_ms = 0;
	c->started_ms = uv_now(c->sim->loop);
	(void)uv_timer_start(&c->timer, on_tick, TICK_MS, TICK_MS);
}

void churn_write(const struct churn *c, struct buf *out)
{
	must_printf(out, "{\"made\":%llu,\"left\":%llu,\"tookMs\":%llu}", (unsigned long long)c->made,
		    (unsigned long long)c->left, (unsigned long long)c->took_ms);
}
