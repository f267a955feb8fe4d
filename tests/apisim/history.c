#include "apisim/history.h"

#include <stdlib.h>

#include "apisim/must.h"

#define FIRST_ROOM 256

static struct event *slot(const struct history *h, uint64_t seq)
{
	return &h->ring[seq & (h->room - 1)];
}

void history_init(struct history *h, size_t max_count, size_t max_bytes, uint64_t compacted)
{
	*h = (struct history){
		.max_count = max_count > 0 ? max_count : 1, .max_bytes = max_bytes, .compacted = compacted};
}

static void drop_first(struct history *h)
{
	struct event *e = slot(h, h->first);

	h->compacted = e->rv;
	h->bytes -= object_size(e->object);
	object_unref(e->object);
	object_unref(e->old);
	h->first++;
}

void history_free(struct history *h)
{
	while (h->first < h->next)
		drop_first(h);
	free(h->ring);
	h->ring = NULL;
	h->room = 0;
}

static void grow(struct history *h)
{
	struct history old = *h;

	h->room = old.room > 0 ? old.room * 2 : FIRST_ROOM;
	h->ring = must_alloc(h->room * sizeof(*h->ring));
	for (uint64_t seq = h->first; seq < h->next; seq++)
		*slot(h, seq) = *slot(&old, seq);
	free(old.ring);
}

void history_add(struct history *h, struct event e)
{
	if (h->next - h->first == h->room)
		grow(h);
	*slot(h, h->next++) = e;
	h->bytes += object_size(e.object);
	while (h->next - h->first > h->max_count || (h->bytes > h->max_bytes && h->next - h->first > 1))
		drop_first(h);
}

const struct event *history_at(const struct history *h, uint64_t seq)
{
	return slot(h, seq);
}

uint64_t history_after(const struct history *h, uint64_t rv)
{
	uint64_t low = h->first;
	uint64_t high = h->next;

	while (low < high) {
		uint64_t mid = low + (high - low) / 2;

		if (slot(h, mid)->rv <= rv)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

void history_compact(struct history *h, uint64_t rv)
{
	while (h->first < h->next && slot(h, h->first)->rv <= rv)
		drop_first(h);
	if (rv > h->compacted)
		h->compacted = rv;
}
