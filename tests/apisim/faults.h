/**
 * faults: rules that bend requests on purpose: which requests (method, path, user agent, verb, every n-th,
 * with a probability, so many times) and what happens to them. faults.md describes the JSON form.
 *
 * Pure but for the seeded generator: the same rules, seed and requests give the same faults.
 */
#ifndef APISIM_FAULTS_H
#define APISIM_FAULTS_H

#include <stdbool.h>
#include <stdint.h>

#include "apisim/http_conn.h"
#include "apisim/tree.h"
#include "base/list.h"
#include "base/rng.h"

/** What happens to a request. Zero is nothing, but for the "none" values named. */
struct fault_effect {
	uint32_t delay_before_ms; /* before the request is looked at */
	uint32_t delay_after_ms;  /* between doing it and the answer */
	bool drop_before;         /* connection closed, nothing done */
	bool drop_after;          /* done, connection closed without an answer */
	bool stall;               /* never answered, nothing done */
	int64_t stall_events;     /* a watch goes silent after so many events; -1: no */
	int status;               /* answered with this, nothing done; 0: no */
	uint32_t retry_after_s;
	char *reason; /* of the Status, NULL: by the code */
	char *message;
	struct http_shape shape;
	uint64_t stale_revisions; /* a list or get shows the state so many revisions ago */
	uint64_t hide_newest; /* a list leaves out so many of the newest objects and keeps the old revision */
	bool revert_status;   /* a write keeps the old status (KubeVirt's webhook) and still writes */
	int64_t end_watch_after; /* a watch ends after so many events; -1: no */
};

struct fault_rule {
	struct list link;
	uint64_t id;
	/* Which requests; NULL: any. */
	char *method;
	char *verb;
	char *path;         /* prefix of the decoded path */
	char *user_agent;   /* substring */
	uint64_t nth;       /* every n-th that matches so far; 0: each */
	uint64_t skip;      /* so many matches first */
	double probability; /* 1: always */
	int64_t count;      /* how often still; -1: no end */
	uint64_t matched, applied;
	struct fault_effect effect;
};

struct faults {
	struct list rules;
	struct rng rng;
	uint64_t next_id;
	uint64_t applied; /* of all rules, cleared ones too */
};

/** What is known of a request. */
struct fault_facts {
	const char *method;
	const char *verb; /* get, list, watch, create, update, patch, delete, deletecollection, other */
	const char *path;
	const char *user_agent;
};

void faults_init(struct faults *f, uint64_t seed);
void faults_clear(struct faults *f);

/** Starts the generator anew. */
void faults_seed(struct faults *f, uint64_t seed);

/** Adds the rule that the object @n describes. Returns its id, or 0 with a reason in @why. */
uint64_t faults_add(struct faults *f, struct tree *t, const struct node *n, struct buf *why);

/** The effect of the first rule that wants this request, NULL where there is none. Counts. Borrowed until the
 * rules change. */
const struct fault_effect *faults_match(struct faults *f, const struct fault_facts *facts);

/** A copy that outlives the rule; free with fault_effect_free(). */
void fault_effect_copy(struct fault_effect *to, const struct fault_effect *from);
void fault_effect_none(struct fault_effect *e);
void fault_effect_free(struct fault_effect *e);

/** The rules as a JSON array. */
void faults_write(const struct faults *f, struct buf *out);

#endif
