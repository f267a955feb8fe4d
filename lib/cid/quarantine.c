#include "cid/quarantine.h"

#include <errno.h>
#include <stdlib.h>

#include "cid/cid_set.h"

struct resting {
	uint64_t since_ms;
	uint32_t cid;
	bool void_; /* withdrawn, or started anew further back */
};

struct cid_quarantine {
	uint64_t rest_ms;
	struct resting *ring;
	size_t room; /* a power of two, 0 before the first add */
	size_t head; /* index of the oldest; grows for ever, masked on use */
	size_t len;
	struct cid_set members; /* CIDs with an entry that is not void */
};

int cid_quarantine_create(struct cid_quarantine **out, uint64_t rest_ms, uint64_t seed)
{
	struct cid_quarantine *q = calloc(1, sizeof(*q));

	if (q == NULL)
		return -ENOMEM;
	q->rest_ms = rest_ms;
	if (cid_set_init(&q->members, seed) != 0) {
		free(q);
		return -ENOMEM;
	}
	*out = q;
	return 0;
}

void cid_quarantine_set_rest(struct cid_quarantine *q, uint64_t rest_ms)
{
	q->rest_ms = rest_ms;
}

void cid_quarantine_free(struct cid_quarantine *q)
{
	if (q == NULL)
		return;
	cid_set_close(&q->members);
	free(q->ring);
	free(q);
}

static struct resting *entry(const struct cid_quarantine *q, size_t i)
{
	return &q->ring[(q->head + i) & (q->room - 1)];
}

static int grow(struct cid_quarantine *q)
{
	size_t room = q->room != 0 ? q->room * 2 : 64;
	struct resting *ring;

	if (q->len >= CID_QUARANTINE_MAX)
		return -ENOSPC;
	ring = calloc(room, sizeof(*ring));
	if (ring == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < q->len; i++)
		ring[i] = *entry(q, i);
	free(q->ring);
	q->ring = ring;
	q->room = room;
	q->head = 0;
	return 0;
}

void cid_quarantine_withdraw(struct cid_quarantine *q, uint32_t cid)
{
	if (!cid_set_remove(&q->members, cid))
		return;
	/* Rare: a value that was just given up is taken by a foreign writer. From the young end, where it
	 * most likely is. */
	for (size_t i = q->len; i-- > 0;) {
		if (entry(q, i)->cid == cid && !entry(q, i)->void_) {
			entry(q, i)->void_ = true;
			return;
		}
	}
}

int cid_quarantine_add(struct cid_quarantine *q, uint32_t cid, uint64_t now_ms)
{
	cid_quarantine_withdraw(q, cid);
	if (q->len == q->room) {
		int rc = grow(q);

		if (rc != 0)
			return rc;
	}
	if (cid_set_add(&q->members, cid) < 0)
		return -ENOMEM;
	*entry(q, q->len++) = (struct resting){.since_ms = now_ms, .cid = cid};
	return 0;
}

/* Drops void entries at the old end. */
static void trim(struct cid_quarantine *q)
{
	while (q->len > 0 && entry(q, 0)->void_) {
		q->head++;
		q->len--;
	}
}

bool cid_quarantine_pop(struct cid_quarantine *q, uint64_t now_ms, uint32_t *cid)
{
	trim(q);
	if (q->len == 0 || entry(q, 0)->since_ms + q->rest_ms > now_ms)
		return false;
	*cid = entry(q, 0)->cid;
	(void)cid_set_remove(&q->members, *cid);
	q->head++;
	q->len--;
	return true;
}

uint64_t cid_quarantine_next_ms(const struct cid_quarantine *q)
{
	return q->len > 0 ? entry(q, 0)->since_ms + q->rest_ms : UINT64_MAX;
}

size_t cid_quarantine_count(const struct cid_quarantine *q)
{
	return cid_set_count(&q->members);
}
