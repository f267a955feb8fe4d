#include "apisim/faults.h"

#include <stdlib.h>
#include <string.h>

#include "apisim/must.h"

void fault_effect_none(struct fault_effect *e)
{
	*e = (struct fault_effect){
		.stall_events = -1, .end_watch_after = -1, .shape = {.cut_after = SIZE_MAX}};
}

void fault_effect_free(struct fault_effect *e)
{
	free(e->reason);
	free(e->message);
	fault_effect_none(e);
}

static char *copy(const char *text)
{
	return text != NULL ? must_copy(text, strlen(text)) : NULL;
}

void fault_effect_copy(struct fault_effect *to, const struct fault_effect *from)
{
	fault_effect_free(to);
	*to = *from;
	to->reason = copy(from->reason);
	to->message = copy(from->message);
}

void faults_init(struct faults *f, uint64_t seed)
{
	*f = (struct faults){.next_id = 1};
	list_init(&f->rules);
	faults_seed(f, seed);
}

void faults_seed(struct faults *f, uint64_t seed)
{
	rng_init_seeded(&f->rng, seed);
}

static void rule_free(struct fault_rule *r)
{
	list_remove(&r->link);
	free(r->method);
	free(r->verb);
	free(r->path);
	free(r->user_agent);
	fault_effect_free(&r->effect);
	free(r);
}

void faults_clear(struct faults *f)
{
	list_for_each_safe (it, &f->rules)
		rule_free(container_of(it, struct fault_rule, link));
}

/* --- reading rules --- */

enum member_type { MEMBER_TEXT, MEMBER_U32, MEMBER_U64, MEMBER_I64, MEMBER_INT, MEMBER_SIZE, MEMBER_BOOL };

/* One member of a rule's JSON: where its value goes. */
struct member_spec {
	const char *name;
	enum member_type type;
	size_t offset;
};

#define MATCH(json, type, field)                                                                             \
	{                                                                                                    \
		json, type, offsetof(struct fault_rule, field)                                               \
	}
#define EFFECT(json, type, field)                                                                            \
	{                                                                                                    \
		json, type, offsetof(struct fault_rule, effect.field)                                        \
	}

static const struct member_spec match_members[] = {
	MATCH("method", MEMBER_TEXT, method), MATCH("verb", MEMBER_TEXT, verb),
	MATCH("path", MEMBER_TEXT, path),     MATCH("userAgent", MEMBER_TEXT, user_agent),
	MATCH("nth", MEMBER_U64, nth),        MATCH("skip", MEMBER_U64, skip),
	MATCH("count", MEMBER_I64, count),
};

static const struct member_spec effect_members[] = {
	EFFECT("delayBeforeMs", MEMBER_U32, delay_before_ms),
	EFFECT("delayAfterMs", MEMBER_U32, delay_after_ms),
	EFFECT("dropBefore", MEMBER_BOOL, drop_before),
	EFFECT("dropAfter", MEMBER_BOOL, drop_after),
	EFFECT("stall", MEMBER_BOOL, stall),
	EFFECT("stallAfterEvents", MEMBER_I64, stall_events),
	EFFECT("endWatchAfterEvents", MEMBER_I64, end_watch_after),
	EFFECT("status", MEMBER_INT, status),
	EFFECT("retryAfter", MEMBER_U32, retry_after_s),
	EFFECT("reason", MEMBER_TEXT, reason),
	EFFECT("message", MEMBER_TEXT, message),
	EFFECT("cutAfter", MEMBER_SIZE, shape.cut_after),
	EFFECT("chunk", MEMBER_SIZE, shape.chunk),
	EFFECT("pauseMs", MEMBER_U32, shape.pause_ms),
	EFFECT("staleRevisions", MEMBER_U64, stale_revisions),
	EFFECT("hideNewest", MEMBER_U64, hide_newest),
	EFFECT("revertStatus", MEMBER_BOOL, revert_status),
};

static bool store_number(char *at, enum member_type type, int64_t value)
{
	if (value < 0 && type != MEMBER_I64)
		return false;
	switch (type) {
	case MEMBER_U32:
		*(uint32_t *)(void *)at = (uint32_t)value;
		return value <= UINT32_MAX;
	case MEMBER_U64:
		*(uint64_t *)(void *)at = (uint64_t)value;
		return true;
	case MEMBER_I64:
		*(int64_t *)(void *)at = value;
		return true;
	case MEMBER_SIZE:
		*(size_t *)(void *)at = (size_t)value;
		return true;
	case MEMBER_INT:
		*(int *)(void *)at = (int)value;
		return value >= 200 && value <= 599;
	case MEMBER_TEXT:
	case MEMBER_BOOL:
		break;
	}
	return false;
}

static bool store_member(struct tree *t, struct fault_rule *r, const struct member_spec *m,
			 const struct node *n)
{
	char *at = (char *)r + m->offset;
	int64_t value;

	if (m->type == MEMBER_TEXT) {
		char **text = (char **)(void *)at;

		if (n->kind != NODE_STRING)
			return false;
		free(*text);
		*text = copy(node_str(t, n, NULL));
		return true;
	}
	if (m->type == MEMBER_BOOL) {
		*(bool *)at = n->kind == NODE_BOOL && n->raw.text[0] == 't';
		return n->kind == NODE_BOOL;
	}
	return node_to_int(n, &value) && store_number(at, m->type, value);
}

static bool read_probability(struct fault_rule *r, const struct node *n)
{
	char *text;

	if (n->kind != NODE_NUMBER)
		return false;
	text = must_copy(n->raw.text, n->raw.len);
	r->probability = strtod(text, NULL);
	free(text);
	return r->probability >= 0 && r->probability <= 1;
}

static bool read_members(struct tree *t, struct fault_rule *r, const struct node *object,
			 const struct member_spec *specs, size_t count, struct buf *why)
{
	for (uint32_t i = 0; object != NULL && i < object->count; i++) {
		const struct member *m = &object->members[i];
		bool ok = m->len == 11 && memcmp(m->key, "probability", 11) == 0 && specs == match_members &&
			  read_probability(r, m->value);

		for (size_t s = 0; s < count && !ok; s++)
			if (strlen(specs[s].name) == m->len && memcmp(specs[s].name, m->key, m->len) == 0)
				ok = store_member(t, r, &specs[s], m->value);
		if (!ok) {
			must_printf(why, "fault rule: unknown member or bad value: %.*s", (int)m->len,
				    m->key);
			return false;
		}
	}
	return true;
}

static bool read_rule(struct tree *t, struct fault_rule *r, const struct node *n, struct buf *why)
{
	const struct node *match = node_get(n, "match");
	const struct node *effect = node_get(n, "effect");
	uint32_t known = (match != NULL ? 1u : 0u) + (effect != NULL ? 1u : 0u);

	if (n->kind != NODE_OBJECT || n->count != known || effect == NULL || effect->kind != NODE_OBJECT ||
	    (match != NULL && match->kind != NODE_OBJECT)) {
		must_text(why, "fault rule: wanted {\"match\":{...},\"effect\":{...}}");
		return false;
	}
	return read_members(t, r, match, match_members, ARRAY_LEN(match_members), why) &&
	       read_members(t, r, effect, effect_members, ARRAY_LEN(effect_members), why);
}

uint64_t faults_add(struct faults *f, struct tree *t, const struct node *n, struct buf *why)
{
	struct fault_rule *r = must_alloc(sizeof(*r));

	r->probability = 1;
	r->count = -1;
	list_init(&r->link);
	fault_effect_none(&r->effect);
	if (!read_rule(t, r, n, why)) {
		rule_free(r);
		return 0;
	}
	r->id = f->next_id++;
	list_push_back(&f->rules, &r->link);
	return r->id;
}

/* --- matching --- */

static bool same(const char *wanted, const char *have)
{
	return wanted == NULL || strcmp(wanted, have) == 0;
}

static bool wants(const struct fault_rule *r, const struct fault_facts *facts)
{
	return same(r->method, facts->method) && same(r->verb, facts->verb) &&
	       (r->path == NULL || strncmp(r->path, facts->path, strlen(r->path)) == 0) &&
	       (r->user_agent == NULL || strstr(facts->user_agent, r->user_agent) != NULL);
}

static bool hits(struct faults *f, struct fault_rule *r)
{
	uint64_t at;

	r->matched++;
	if (r->count == 0 || r->matched <= r->skip)
		return false;
	at = r->matched - r->skip;
	if (r->nth > 1 && at % r->nth != 0)
		return false;
	return r->probability >= 1 || (double)(rng_u64(&f->rng) >> 11) / 9007199254740992.0 < r->probability;
}

const struct fault_effect *faults_match(struct faults *f, const struct fault_facts *facts)
{
	list_for_each (it, &f->rules) {
		struct fault_rule *r = container_of(it, struct fault_rule, link);

		if (!wants(r, facts) || !hits(f, r))
			continue;
		if (r->count > 0)
			r->count--;
		r->applied++;
		f->applied++;
		return &r->effect;
	}
	return NULL;
}

void faults_write(const struct faults *f, struct buf *out)
{
	bool first = true;

	must_text(out, "[");
	list_for_each (it, &f->rules) {
		const struct fault_rule *r = container_of(it, struct fault_rule, link);

		must_printf(out, "%s{\"id\":%llu,\"matched\":%llu,\"applied\":%llu,\"left\":%lld}",
			    first ? "" : ",", (unsigned long long)r->id, (unsigned long long)r->matched,
			    (unsigned long long)r->applied, (long long)r->count);
		first = false;
	}
	must_text(out, "]");
}
