#include "sim/ledger.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/vmi_store.h"
#include "sim/sim.h"

void ledger_reset(struct ledger *l, const struct cid_range *range, uint64_t quarantine_ms, uint32_t slots)
{
	struct ledger old = *l;

	*l = (struct ledger){
		.range = range,
		.quarantine_ms = quarantine_ms,
		.slots = slots,
		.entries = old.entries,
		.room = old.room,
		.claims = old.claims,
		.claim_room = old.claim_room,
		.rests = old.rests,
		.rest_room = old.rest_room,
	};
}

void ledger_free(struct ledger *l)
{
	free(l->entries);
	free(l->claims);
	free(l->rests);
}

/* Room for one more of @size bytes each. */
static void *room_for(void *array, uint32_t len, uint32_t *room, size_t size)
{
	if (len < *room)
		return array;
	*room = *room != 0 ? *room * 2 : 64;
	if (len >= *room)
		*room = len + 64;
	return sim_grow(array, *room, size);
}

/* ---- entries and claims ---- */

static uint32_t index_of(const struct ledger *l, uint32_t serial, uint32_t slot, bool blind)
{
	return blind ? slot : l->slots + serial;
}

/* The entry at @i, which may be absent. */
static struct entry *entry_at(struct ledger *l, uint32_t i)
{
	if (i >= l->len) {
		l->entries = room_for(l->entries, i, &l->room, sizeof(*l->entries));
		memset(&l->entries[l->len], 0, (i + 1 - l->len) * sizeof(*l->entries));
		l->len = i + 1;
	}
	return &l->entries[i];
}

static uint32_t place_of(const struct ledger *l, const struct entry *e)
{
	return (uint32_t)(e - l->entries);
}

struct entry *ledger_entry(const struct ledger *l, uint32_t serial)
{
	uint32_t i = index_of(l, serial, 0, false);

	return serial != 0 && i < l->len && l->entries[i].present ? &l->entries[i] : NULL;
}

struct entry *ledger_blind_entry(const struct ledger *l, uint32_t slot)
{
	uint32_t i = index_of(l, 0, slot, true);

	return i < l->len && l->entries[i].present ? &l->entries[i] : NULL;
}

struct claim *ledger_claim(const struct ledger *l, const struct entry *e, uint32_t cid)
{
	uint32_t place = place_of(l, e);

	for (uint32_t i = 0; i < l->claim_count; i++)
		if (l->claims[i].cid == cid && l->claims[i].entry == place)
			return &l->claims[i];
	return NULL;
}

static struct claim *claim(struct ledger *l, struct entry *e, uint32_t cid)
{
	struct claim *c = ledger_claim(l, e, cid);
	uint32_t count = 0;

	if (c != NULL)
		return c;
	l->claims = room_for(l->claims, l->claim_count, &l->claim_room, sizeof(*l->claims));
	c = &l->claims[l->claim_count++];
	*c = (struct claim){.entry = place_of(l, e), .cid = cid};
	for (uint32_t i = 0; i < l->claim_count; i++)
		count += l->claims[i].entry == c->entry;
	if (count > VMI_MAX_HOLDS)
		e->crowded = true;
	return c;
}

bool ledger_binds(const struct ledger *l, const struct claim *c)
{
	const struct entry *e = &l->entries[c->entry];

	if (e->patchy)
		return false;
	if (e->has_visible && e->visible == c->cid)
		return true;
	if (c->guest && !e->vague && e->guests < VMI_MAX_HOLDS)
		return true;
	return !e->crowded && (c->shown || c->open > 0);
}

const struct entry *ledger_other_owner(const struct ledger *l, const struct entry *e, uint32_t cid)
{
	for (uint32_t i = 0; i < l->claim_count; i++) {
		const struct claim *c = &l->claims[i];

		if (c->cid == cid && c->entry != place_of(l, e) && ledger_binds(l, c))
			return &l->entries[c->entry];
	}
	return NULL;
}

/* ---- the quarantine ---- */

uint64_t ledger_until_ms(const struct ledger *l, const struct rest *r)
{
	return r->since_ms + l->quarantine_ms;
}

bool ledger_rests(const struct ledger *l, uint32_t cid, uint64_t now_ms)
{
	for (uint32_t i = 0; i < l->rest_count; i++)
		if (l->rests[i].cid == cid && l->rests[i].binds && ledger_until_ms(l, &l->rests[i]) > now_ms)
			return true;
	return false;
}

void ledger_ticked(struct ledger *l, uint64_t now_ms)
{
	uint32_t i = 0;

	while (i < l->rest_count) {
		if (ledger_until_ms(l, &l->rests[i]) <= now_ms)
			l->rests[i] = l->rests[--l->rest_count];
		else
			i++;
	}
}

/* What has rested long enough by the old setting may be free already, or may not. */
void ledger_set_quarantine(struct ledger *l, uint64_t quarantine_ms, uint64_t now_ms)
{
	for (uint32_t i = 0; i < l->rest_count; i++)
		if (ledger_until_ms(l, &l->rests[i]) <= now_ms)
			l->rests[i].binds = false;
	l->quarantine_ms = quarantine_ms;
}

static void lay_to_rest(struct ledger *l, uint32_t cid, bool binds, uint64_t now_ms)
{
	if (l->quarantine_ms == 0)
		return;
	l->rests = room_for(l->rests, l->rest_count, &l->rest_room, sizeof(*l->rests));
	l->rests[l->rest_count++] = (struct rest){.since_ms = now_ms, .cid = cid, .binds = binds};
}

bool ledger_is_touched(const struct ledger *l, uint32_t cid, uint64_t now_ms)
{
	for (uint32_t i = 0; i < l->claim_count; i++)
		if (l->claims[i].cid == cid)
			return true;
	for (uint32_t i = 0; i < l->rest_count; i++)
		if (l->rests[i].cid == cid && ledger_until_ms(l, &l->rests[i]) >= now_ms)
			return true;
	return false;
}

static void drop_claim(struct ledger *l, uint32_t i, uint64_t now_ms)
{
	struct claim dropped = l->claims[i];
	bool bound = ledger_binds(l, &dropped);

	l->claims[i] = l->claims[--l->claim_count];
	for (i = 0; i < l->claim_count; i++)
		if (l->claims[i].cid == dropped.cid && ledger_binds(l, &l->claims[i]))
			return;
	lay_to_rest(l, dropped.cid, bound, now_ms);
}

/* ---- who is in need ---- */

/* The UID, or what stands for it; only its order matters, in which a name comes before all UIDs or after. */
static void write_key(const struct ledger *l, const struct entry *e, char out[static 80])
{
	struct vmi v;

	if (place_of(l, e) >= l->slots) {
		object_uid(e->serial, out);
		return;
	}
	object_look(&(struct object){.slot = e->slot}, &v);
	(void)snprintf(out, 80, "?%.30s/%.40s", v.namespace, v.name);
}

static bool is_fixed(const struct entry *e)
{
	return e->started || e->deleting || !e->wants || e->unreadable;
}

/* Who keeps a CID that both show: who cannot be given another one, then who got it from us, then the older
 * one, then the smaller UID. */
static bool beats(const struct ledger *l, const struct entry *x, const struct entry *y)
{
	char x_key[80];
	char y_key[80];

	if (is_fixed(x) != is_fixed(y))
		return is_fixed(x);
	if (x->ours != y->ours)
		return x->ours;
	if (x->created_s != y->created_s)
		return x->created_s < y->created_s;
	write_key(l, x, x_key);
	write_key(l, y, y_key);
	return strcmp(x_key, y_key) < 0;
}

bool ledger_is_outside(const struct ledger *l, const struct entry *e)
{
	return e->has_visible && !cid_is_reserved(e->visible) && !cid_range_contains(l->range, e->visible);
}

bool ledger_is_content(const struct ledger *l, const struct entry *e)
{
	if (!e->has_visible || !cid_range_contains(l->range, e->visible))
		return false;
	for (uint32_t i = 0; i < l->claim_count; i++) {
		const struct entry *other = &l->entries[l->claims[i].entry];

		if (l->claims[i].cid == e->visible && other != e && other->has_visible &&
		    other->visible == e->visible && beats(l, other, e))
			return false;
	}
	return true;
}

static void judge(struct ledger *l, struct entry *e)
{
	bool servable = e->present && e->wants && !e->started && !e->deleting && !e->unreadable;
	bool needy = servable && !ledger_is_content(l, e);

	if (needy && !e->needy) {
		e->need = ++l->needs;
		e->pause_ms = 0;
	}
	l->needy += needy;
	l->needy -= e->needy;
	e->needy = needy;
	e->exhausted = e->exhausted && needy;
	e->retry = e->retry && needy;
}

static void judge_all_that_show(struct ledger *l, uint32_t cid)
{
	for (uint32_t i = 0; i < l->claim_count; i++) {
		struct entry *e = &l->entries[l->claims[i].entry];

		if (l->claims[i].cid == cid && e->has_visible && e->visible == cid)
			judge(l, e);
	}
}

/* ---- notices ---- */

static void owe_outside(struct ledger *l, struct entry *e, bool owes)
{
	l->owed += owes;
	l->owed -= e->owes_outside;
	e->owes_outside = owes;
}

/* Once for each stay outside, of who has started. */
static bool told_outside(struct ledger *l, struct entry *e, const struct notice *n)
{
	bool due = e->patchy || (e->started && ledger_is_outside(l, e) && e->visible == n->cid &&
				 !e->outside_told && n->first);

	owe_outside(l, e, false);
	e->outside_told = true;
	return due;
}

bool ledger_noticed(struct ledger *l, struct entry *e, const struct notice *n)
{
	if (n->kind == NOTICE_OUTSIDE)
		return told_outside(l, e, n);
	if (n->kind == NOTICE_EXHAUSTED) {
		e->exhausted = true;
		e->retry = false;
	}
	return true;
}

/* ---- what the process is told ---- */

static void show(struct ledger *l, struct entry *e, const struct vmi *v)
{
	struct claim *c;

	if (v->cid_state == VMI_CID_UNREADABLE)
		return;
	if (v->cid_state == VMI_CID_ABSENT) {
		e->has_visible = false;
		e->ours = false;
		return;
	}
	if (e->has_visible && e->visible == v->cid)
		return;
	c = claim(l, e, v->cid);
	c->shown = true;
	e->has_visible = true;
	e->visible = v->cid;
	e->ours = c->asked;
}

static void mark_guest(struct entry *e, struct claim *c)
{
	e->guests += !c->guest;
	c->guest = true;
}

/* I5: the guest of a migration target has the CID of its source, which may have it from its own. */
static void claim_source(struct ledger *l, struct entry *e, int depth)
{
	struct entry *source = ledger_entry(l, e->source);

	if (source == NULL || source == e || depth > VMI_MAX_HOLDS)
		return;
	claim_source(l, source, depth + 1);
	e->vague = e->vague || source->patchy || source->crowded || source->vague;
	if (!source->patchy && source->has_visible)
		mark_guest(e, claim(l, e, source->visible));
	for (uint32_t i = 0, count = l->claim_count; i < count; i++) {
		struct claim theirs = l->claims[i];

		if (theirs.entry != place_of(l, source))
			continue;
		/* Which of them the allocator knows of is not always known here. */
		if (theirs.guest && !source->patchy && !source->crowded)
			mark_guest(e, claim(l, e, theirs.cid));
		else if (e->vague)
			(void)claim(l, e, theirs.cid);
	}
}

static void take_facts(struct ledger *l, struct entry *e, const struct vmi *v)
{
	bool was_started = e->started;

	e->created_s = v->created_s;
	e->wants = v->wants_vsock;
	e->deleting = v->deleting;
	e->unreadable = v->unreadable != NULL;
	e->final = v->phase == VMI_PHASE_SUCCEEDED || v->phase == VMI_PHASE_FAILED;
	show(l, e, v);
	if (v->phase >= VMI_PHASE_SCHEDULED || v->was_scheduled)
		e->started = true;
	if (e->started && !was_started && e->has_visible) {
		mark_guest(e, ledger_claim(l, e, e->visible));
		owe_outside(l, e, ledger_is_outside(l, e));
	}
	if (v->source_uid[0] != '\0')
		e->source = object_serial_of(v->source_uid);
	claim_source(l, e, 1);
}

/* A list shows all of what memory was too short for, but not what was there before. */
static void mend(struct ledger *l, struct entry *e)
{
	for (uint32_t i = 0; i < l->claim_count; i++) {
		struct claim *c = &l->claims[i];

		if (c->entry != place_of(l, e))
			continue;
		c->shown = e->has_visible && c->cid == e->visible;
		c->guest = false;
	}
	e->guests = 0;
	e->patchy = false;
	e->vague = true;
}

/* A look that is newer than what is known. */
static void take_look(struct ledger *l, struct entry *e, const struct object *o, const struct vmi *v)
{
	uint32_t before = e->visible;
	bool had_visible = e->has_visible;

	e->version = o->version;
	take_facts(l, e, v);
	if (had_visible)
		judge_all_that_show(l, before);
	if (e->has_visible)
		judge_all_that_show(l, e->visible);
	judge(l, e);
}

void ledger_seen(struct ledger *l, const struct object *o, const struct vmi *v, bool listed)
{
	bool blind = v->uid[0] == '\0';
	struct entry *e = entry_at(l, index_of(l, o->serial, o->slot, blind));

	if (listed && blind)
		l->blind = true;
	if (!e->present) {
		if (!v->wants_vsock && v->cid_state != VMI_CID_PRESENT)
			return;
		*e = (struct entry){.present = true, .serial = o->serial, .slot = o->slot};
	}
	if (listed)
		e->list = l->list;
	if (o->version > e->version)
		take_look(l, e, o, v);
	/* An old list does not show what was lost; the watch that follows it does. */
	if (listed && e->patchy && v->unreadable == NULL && o->version >= e->version)
		mend(l, e);
}

static void forget(struct ledger *l, struct entry *e, uint64_t now_ms)
{
	uint32_t i = 0;
	uint32_t before = e->visible;
	bool had_visible = e->has_visible;

	while (i < l->claim_count) {
		if (l->claims[i].entry == place_of(l, e))
			drop_claim(l, i, now_ms);
		else
			i++;
	}
	e->present = false;
	judge(l, e);
	owe_outside(l, e, false);
	*e = (struct entry){0};
	if (had_visible)
		judge_all_that_show(l, before);
}

void ledger_gone(struct ledger *l, const struct object *o, uint64_t now_ms)
{
	struct entry *e = entry_at(l, index_of(l, o->serial, o->slot, o->flaw == FLAW_UID));

	if (e->present && o->version >= e->version)
		forget(l, e, now_ms);
}

void ledger_list_started(struct ledger *l)
{
	l->list++;
	l->blind = false;
}

void ledger_list_done(struct ledger *l, uint64_t version, uint64_t now_ms)
{
	for (uint32_t i = 0; i < l->len; i++)
		if (l->entries[i].present)
			claim_source(l, &l->entries[i], 1);
	if (l->blind)
		return;
	for (uint32_t i = 0; i < l->len; i++) {
		struct entry *e = &l->entries[i];

		if (e->present && e->list != l->list && e->version <= version)
			forget(l, e, now_ms);
	}
}

void ledger_set_range(struct ledger *l, const struct cid_range *range)
{
	l->range = range;
	for (uint32_t i = 0; i < l->len; i++) {
		struct entry *e = &l->entries[i];

		if (!e->present)
			continue;
		judge(l, e);
		e->retry = e->retry || e->exhausted;
		e->exhausted = false;
		if (!ledger_is_outside(l, e))
			e->outside_told = false;
		else if (e->started && !e->outside_told)
			owe_outside(l, e, true);
	}
}

/* ---- what it asks ---- */

/* What the server has surely not applied is forgotten when another one is asked for. */
static void forget_refused(struct ledger *l, const struct entry *e, uint64_t now_ms)
{
	uint32_t i = 0;

	while (i < l->claim_count) {
		const struct claim *c = &l->claims[i];

		if (c->entry == place_of(l, e) && c->asked && !c->kept && c->open == 0 && !c->shown &&
		    !c->guest)
			drop_claim(l, i, now_ms);
		else
			i++;
	}
}

void ledger_asked(struct ledger *l, struct entry *e, uint32_t cid, uint64_t now_ms)
{
	struct claim *c;

	if (ledger_claim(l, e, cid) == NULL)
		forget_refused(l, e, now_ms);
	c = claim(l, e, cid);
	c->asked = true;
	c->open++;
	c->writes++;
}

void ledger_settled(struct ledger *l, uint32_t serial, uint32_t cid, bool surely_not, bool waited)
{
	const struct entry *e = ledger_entry(l, serial);
	struct claim *c = e != NULL ? ledger_claim(l, e, cid) : NULL;

	if (c == NULL)
		return;
	if (surely_not && c->open > 0)
		c->open--;
	c->kept = c->kept || !surely_not || !waited;
}
