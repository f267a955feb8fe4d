/**
 * events_limit: how many events one object may have: 25 at once, then one in 5 minutes (EVT-2).
 *
 * The objects seen last are remembered; an object that was forgotten begins anew. Pure: time is handed in.
 */
#ifndef KUBE_EVENTS_LIMIT_H
#define KUBE_EVENTS_LIMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EVENTS_LIMIT_BURST   25
#define EVENTS_LIMIT_EACH_MS (300u * 1000)
#define EVENTS_LIMIT_OBJECTS 1024

/** A digest of what makes two things the same. */
#define EVENTS_KEY_SIZE 16

struct events_bucket {
	unsigned char key[EVENTS_KEY_SIZE];
	uint64_t full_ms; /* when it will hold EVENTS_LIMIT_BURST again */
	uint64_t used;    /* number of the admission that used it last */
};

struct events_limit {
	struct events_bucket *buckets;
	size_t len;
	uint64_t admissions;
};

/** Returns 0 or -ENOMEM. On success give @l to events_limit_free(). */
int events_limit_init(struct events_limit *l);

/** Takes one event out of the object's bucket; false: it is empty. */
bool events_limit_admit(struct events_limit *l, const unsigned char key[static EVENTS_KEY_SIZE],
			uint64_t now_ms);

void events_limit_free(struct events_limit *l);

#endif
