#include "sim/view.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/macros.h"
#include "sim/memory.h"
#include "sim/sim.h"

#define RETRY_MS 1000 /* between two tries to list or watch */
#define STALL_MS 60000

void view_relist(struct process *p, uint64_t at_ms)
{
	struct view *v = &p->view;

	v->state = VIEW_LISTING;
	v->listing = false;
	queue_at(&p->sim->queue, &v->event, at_ms);
}

/* I3: the first list is consistent. A later one may be as old as what was seen already, also in a list that
 * broke off. (lib/kube/reflector.c asks for consistent lists only; the allocator does not rely on it.) */
static uint32_t list_position(struct process *p)
{
	struct view *v = &p->view;
	struct sim *s = p->sim;
	uint32_t len = s->server.len;

	uint32_t seen = v->list_upto > v->watched ? v->list_upto : v->watched;

	if (v->lists == 0 || seen >= len || !sim_strikes(s, FAULT_LIST_STALE))
		return len;
	return seen + sim_below(s, len - seen + 1);
}

static void begin_list(struct process *p)
{
	struct view *v = &p->view;
	struct sim *s = p->sim;

	if (v->page_room < s->server.slot_count) {
		free(v->page);
		v->page_room = s->server.slot_count;
		v->page = sim_alloc(v->page_room, sizeof(*v->page));
	}
	v->list_upto = list_position(p);
	v->page_len = server_snapshot(&s->server, v->list_upto, v->page, &v->list_version);
	v->page_at = 0;
	v->listing = true;
	TRACE(s, p->name, "lists %u objects, rv=%llu", v->page_len, (unsigned long long)v->list_version);
	p->lossy_list = false;
	ledger_list_started(&p->ledger);
	allocator_list_started(p->core);
}

static void end_list(struct process *p)
{
	struct view *v = &p->view;
	struct sim *s = p->sim;
	char version[24];

	(void)snprintf(version, sizeof(version), "%llu", (unsigned long long)v->list_version);
	TRACE(s, p->name, "has the whole list");
	ledger_list_done(&p->ledger, v->list_version, s->queue.now_ms);
	v->lists++;
	memory_begin(p);
	allocator_list_done(p->core, version, s->queue.now_ms);
	memory_end();
	p->lossy = p->lossy_list;
	v->watched = v->list_upto;
	v->state = v->watched < s->server.compacted ? VIEW_BROKEN : VIEW_WATCHING;
	if (v->state == VIEW_BROKEN)
		queue_at(&s->queue, &v->event, s->queue.now_ms + RETRY_MS);
	else
		view_wake(p);
}

/* A streaming list (LST-9): what has changed since its snapshot comes before its end mark, whose version is
 * that of the last such change. */
static void read_changes_of_list(struct process *p)
{
	struct view *v = &p->view;
	struct sim *s = p->sim;

	for (uint32_t n = sim_below(s, 30); n > 0 && v->list_upto < s->server.len; n--) {
		const struct change *c = &s->server.history[v->list_upto++];
		struct object o = c->object;

		v->list_version = o.version;
		if (c->kind == CHANGE_DELETED)
			process_see_gone(p, &o);
		else
			process_see(p, &o, true);
	}
}

static void read_page(struct process *p)
{
	struct view *v = &p->view;
	struct sim *s = p->sim;
	uint32_t n = sim_between(s, 1, 20);

	if (!v->listing) {
		begin_list(p);
	} else if (sim_strikes(s, FAULT_LIST_CUT)) {
		view_relist(p, s->queue.now_ms + RETRY_MS);
		return;
	}
	while (n-- > 0 && v->page_at < v->page_len)
		process_see(p, &v->page[v->page_at++], true);
	if (v->page_at < v->page_len) {
		queue_at(&s->queue, &v->event, s->queue.now_ms + sim_below(s, s->profile.delay_ms + 1));
		return;
	}
	if (sim_below(s, 2) == 0)
		read_changes_of_list(p);
	end_list(p);
}

static uint32_t watch_delay(struct sim *s)
{
	if (sim_strikes(s, FAULT_WATCH_STALLED))
		return sim_between(s, 1000, STALL_MS);
	return sim_below(s, s->profile.delay_ms + 1);
}

void view_wake(struct process *p)
{
	struct view *v = &p->view;
	struct sim *s = p->sim;

	if (p->id == 0 || v->state != VIEW_WATCHING || v->watched == s->server.len ||
	    heap_contains(&v->event.node))
		return;
	queue_at(&s->queue, &v->event, s->queue.now_ms + watch_delay(s));
}

static void read_change(struct process *p)
{
	struct view *v = &p->view;
	struct sim *s = p->sim;
	const struct change *c = &s->server.history[v->watched];
	struct object o = c->object;
	char text[200];

	if (sim_strikes(s, FAULT_WATCH_CUT)) {
		v->state = VIEW_BROKEN;
		queue_at(&s->queue, &v->event, s->queue.now_ms + sim_between(s, 1, 5) * RETRY_MS);
		return;
	}
	v->watched++;
	TRACE(s, p->name, "sees %s%s", c->kind == CHANGE_DELETED ? "the end of " : "",
	      object_describe(&o, text, sizeof(text)));
	if (c->kind == CHANGE_DELETED)
		process_see_gone(p, &o);
	else
		process_see(p, &o, false);
	if (v->watched < s->server.len)
		queue_at(&s->queue, &v->event, s->queue.now_ms + (sim_below(s, 4) == 0 ? watch_delay(s) : 0));
}

/* A watch is resumed where it broke off, or if that is too long ago, begun anew with a list. */
static void resume_watch(struct process *p)
{
	struct view *v = &p->view;
	struct sim *s = p->sim;

	if (v->watched < s->server.compacted || sim_strikes(s, FAULT_WATCH_EXPIRED)) {
		view_relist(p, s->queue.now_ms);
		return;
	}
	v->state = VIEW_WATCHING;
	view_wake(p);
}

static void on_event(struct sim *s, struct event *e)
{
	struct process *p = container_of(e, struct process, view.event);

	if (process_is_paused(p)) {
		queue_at(&s->queue, e, p->paused_until_ms);
		return;
	}
	switch (p->view.state) {
	case VIEW_LISTING:
		read_page(p);
		break;
	case VIEW_WATCHING:
		read_change(p);
		break;
	case VIEW_BROKEN:
		resume_watch(p);
		break;
	}
	if (p->id != 0)
		process_turn(p);
}

void view_init(struct view *v)
{
	v->event = (struct event){.run = on_event};
}

void view_free(struct view *v)
{
	free(v->page);
}

void view_start(struct process *p)
{
	struct sim *s = p->sim;

	p->view.watched = 0;
	p->view.list_upto = 0;
	p->view.lists = 0;
	view_relist(p, s->queue.now_ms + sim_below(s, s->profile.delay_ms + 1));
}

void view_stop(struct process *p)
{
	queue_cancel(&p->sim->queue, &p->view.event);
}
