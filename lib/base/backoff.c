#include "base/backoff.h"

void backoff_init(struct backoff *b, uint32_t initial_ms, uint32_t max_ms)
{
	*b = (struct backoff){.initial_ms = initial_ms, .max_ms = max_ms};
}

uint32_t backoff_next(struct backoff *b, struct rng *rng)
{
	uint64_t delay = b->initial_ms;

	for (uint32_t i = 0; i < b->tries && delay < b->max_ms; i++)
		delay *= 2;
	if (delay < b->max_ms)
		b->tries++;
	delay += rng_below(rng, delay);
	return (uint32_t)(delay < b->max_ms ? delay : b->max_ms);
}

void backoff_reset(struct backoff *b)
{
	b->tries = 0;
}
