#include "kube/events_limit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int events_limit_init(struct events_limit *l)
{
	*l = (struct events_limit){.buckets = calloc(EVENTS_LIMIT_OBJECTS, sizeof(l->buckets[0]))};
	return l->buckets != NULL ? 0 : -ENOMEM;
}

void events_limit_free(struct events_limit *l)
{
	free(l->buckets);
}

/* The object's bucket; a new one, full, in place of nothing or of the one unused for longest. */
static struct events_bucket *find(struct events_limit *l, const unsigned char *key)
{
	struct events_bucket *oldest = NULL;

	for (size_t i = 0; i < l->len; i++) {
		struct events_bucket *b = &l->buckets[i];

		if (memcmp(b->key, key, sizeof(b->key)) == 0)
			return b;
		if (oldest == NULL || b->used < oldest->used)
			oldest = b;
	}
	if (l->len < EVENTS_LIMIT_OBJECTS)
		oldest = &l->buckets[l->len++];
	*oldest = (struct events_bucket){0};
	memcpy(oldest->key, key, sizeof(oldest->key));
	return oldest;
}

/* A bucket that is full at F holds, at any time before, one event less for each 5 minutes until F. */
bool events_limit_admit(struct events_limit *l, const unsigned char key[static EVENTS_KEY_SIZE],
			uint64_t now_ms)
{
	struct events_bucket *b = find(l, key);
	uint64_t full_ms = b->full_ms > now_ms ? b->full_ms : now_ms;

	b->used = ++l->admissions;
	if (full_ms - now_ms > (uint64_t)(EVENTS_LIMIT_BURST - 1) * EVENTS_LIMIT_EACH_MS)
		return false;
	b->full_ms = full_ms + EVENTS_LIMIT_EACH_MS;
	return true;
}
