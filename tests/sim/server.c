#include "sim/server.h"

#include <stdlib.h>
#include <string.h>

#include "sim/auditor.h"
#include "sim/process.h"
#include "sim/sim.h"

/* The virtual clock's zero, in creationTimestamps. */
#define EPOCH_S 1600000000u

void server_reset(struct server *server, uint32_t slots, uint64_t version)
{
	if (slots > server->slot_count) {
		free(server->slots);
		free(server->last_change);
		server->slots = sim_alloc(slots, sizeof(*server->slots));
		server->last_change = sim_alloc(slots, sizeof(*server->last_change));
	}
	server->slot_count = slots;
	memset(server->slots, 0, slots * sizeof(*server->slots));
	server->first_version = version;
	server->version = version;
	server->serials = 0;
	server->len = 0;
	server->compacted = 0;
}

void server_free(struct server *server)
{
	free(server->slots);
	free(server->last_change);
	free(server->history);
}

const struct object *server_get(const struct server *server, uint32_t slot)
{
	return server->slots[slot].serial != 0 ? &server->slots[slot] : NULL;
}

/* ---- writes ---- */

static void record(struct server *server, enum change_kind kind, const struct object *o)
{
	uint32_t before = kind == CHANGE_ADDED ? NO_CHANGE : server->last_change[o->slot];

	if (server->len == server->room) {
		server->room = server->room != 0 ? server->room * 2 : 1024;
		server->history = sim_grow(server->history, server->room, sizeof(*server->history));
	}
	server->last_change[o->slot] = server->len;
	server->history[server->len++] = (struct change){*o, before, (uint8_t)kind};
}

static const char *const change_names[] = {"ADDED", "MODIFIED", "DELETED"};

static void committed(struct sim *s, enum change_kind kind, const struct object *before,
		      const struct object *after, struct author author)
{
	const struct object *o = after != NULL ? after : before;
	char text[200];

	record(&s->server, kind, o);
	TRACE(s, "api", "%s %s by %u", change_names[kind], object_describe(o, text, sizeof(text)),
	      author.process);
	auditor_committed(s, kind == CHANGE_ADDED ? NULL : before, after, author);
	for (uint32_t i = 0; i < SIM_PROCESSES; i++)
		view_wake(&s->processes[i]);
}

/* The counter is shared with all other resources, hence the gaps. */
static uint64_t next_version(struct sim *s)
{
	s->server.version += 1 + sim_below(s, 3);
	return s->server.version;
}

void server_put(struct sim *s, const struct object *o, struct author author)
{
	struct object *place = &s->server.slots[o->slot];
	struct object before = *place;
	struct object after = *o;

	after.version = next_version(s);
	if (o->serial == 0) {
		after.serial = ++s->server.serials;
		after.created_s = EPOCH_S + (uint32_t)(s->queue.now_ms / 1000);
	}
	*place = after;
	committed(s, o->serial == 0 ? CHANGE_ADDED : CHANGE_MODIFIED, &before, &after, author);
}

void server_remove(struct sim *s, uint32_t slot)
{
	struct object last = s->server.slots[slot];

	s->server.slots[slot].serial = 0;
	last.version = next_version(s);
	committed(s, CHANGE_DELETED, &last, NULL, (struct author){0});
}

/* ---- patches ---- */

static bool status_holds(const struct object *o, const struct patch *patch)
{
	/* Below a status of a wrong type every test fails, and it is not null either. */
	if (o->flaw == FLAW_STATUS)
		return false;
	if (!patch->has_status)
		return !o->has_status;
	if (!o->has_status || o->flaw == FLAW_PHASE || o->flaw == FLAW_CID)
		return false;
	if (o->has_phase != patch->has_phase || (o->has_phase && o->phase != patch->phase))
		return false;
	return o->has_cid == patch->replaces && (!o->has_cid || o->cid == patch->old_cid);
}

enum verdict server_test(const struct server *server, const struct patch *patch)
{
	const struct object *o = server_get(server, patch->slot);

	if (o == NULL)
		return VERDICT_NOT_FOUND;
	if (o->serial != patch->serial || o->flaw == FLAW_UID)
		return VERDICT_TEST_FAILED;
	if (patch->version != 0 && o->version != patch->version)
		return VERDICT_TEST_FAILED;
	return status_holds(o, patch) ? VERDICT_APPLIED : VERDICT_TEST_FAILED;
}

void server_apply(struct sim *s, const struct patch *patch)
{
	struct object o = s->server.slots[patch->slot];

	o.has_status = true;
	o.has_cid = true;
	o.cid = patch->cid;
	server_put(s, &o, patch->author);
	life_assigned(s, &o);
}

/* ---- the past ---- */

/* What exists now, with the changes from the end back to @upto undone. */
uint32_t server_snapshot(const struct server *server, uint32_t upto, struct object *out, uint64_t *version)
{
	uint32_t n = 0;

	memcpy(out, server->slots, server->slot_count * sizeof(*out));
	*version = upto > 0 ? server->history[upto - 1].object.version : server->first_version;
	for (uint32_t i = server->len; i > upto; i--) {
		const struct change *undone = &server->history[i - 1];
		struct object *place = &out[undone->object.slot];

		if (undone->before == NO_CHANGE)
			place->serial = 0;
		else
			*place = server->history[undone->before].object;
	}
	for (uint32_t i = 0; i < server->slot_count; i++)
		if (out[i].serial != 0)
			out[n++] = out[i];
	return n;
}
