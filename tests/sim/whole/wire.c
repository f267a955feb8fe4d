#include "sim/whole/wire.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "sim/whole/world.h"

/* TRN-4: so long after the last sign of life TCP gives a connection up. */
#define TCP_GIVES_UP_US 45000000u

/* A request or an answer that is late is so at most, and a piece of a watch. */
#define LATEST_US       180000000u
#define LATEST_WATCH_US 300000000u

static uint64_t now_us(const struct line *l)
{
	return l->world->agenda.now_us;
}

/* ---- parcels ---- */

static struct parcel *parcel_new(enum parcel_kind kind)
{
	struct parcel *p = world_alloc(1, sizeof(*p));

	p->kind = kind;
	return p;
}

static void parcel_free(struct parcel *p)
{
	list_remove(&p->link);
	buf_free(&p->bytes);
	buf_free(&p->warnings);
	free(p);
}

static void drop_all(struct list *parcels)
{
	list_for_each_safe (it, parcels)
		parcel_free(container_of(it, struct parcel, link));
}

/* ---- lines ---- */

static void line_free(struct line *l)
{
	struct agenda *agenda = &l->world->agenda;

	agenda_cancel(agenda, &l->up.moment);
	agenda_cancel(agenda, &l->down.moment);
	agenda_cancel(agenda, &l->doom);
	list_remove(&l->up.arrival.link);
	list_remove(&l->down.arrival.link);
	drop_all(&l->up.transit);
	drop_all(&l->up.landed);
	drop_all(&l->down.transit);
	drop_all(&l->down.landed);
	list_remove(&l->link);
	free(l);
}

/* Nobody is left at either end. */
static void maybe_free(struct line *l)
{
	if (l->closed_below && l->closed_above && !l->busy)
		line_free(l);
}

/* The next one, unless nothing arrives any more. */
static void lane_schedule(struct lane *lane)
{
	struct list *first = list_first(&lane->transit);

	if (first != NULL && !lane->line->silent)
		agenda_at(&lane->line->world->agenda, &lane->moment,
			  container_of(first, struct parcel, link)->due_us);
}

static void lane_push(struct lane *lane, struct parcel *p, uint64_t delay_us)
{
	p->due_us = now_us(lane->line) + delay_us;
	if (p->due_us < lane->last_us)
		p->due_us = lane->last_us;
	lane->last_us = p->due_us;
	list_push_back(&lane->transit, &p->link);
	if (!heap_contains(&lane->moment.node))
		lane_schedule(lane);
}

/* It is there, whoever is to look at it. */
static void land(struct lane *lane, struct parcel *p)
{
	struct line *l = lane->line;

	if (lane == &l->down && l->closed_below) {
		parcel_free(p);
		return;
	}
	list_remove(&p->link);
	list_push_back(&lane->landed, &p->link);
	vloop_arrive(lane == &l->down ? l->loop : &l->world->server.loop, &lane->arrival);
}

static void deliver(struct arrival *a)
{
	struct lane *lane = container_of(a, struct lane, arrival);
	struct line *l = lane->line;
	struct list *first = list_first(&lane->landed);
	struct parcel *p;

	if (first == NULL)
		return;
	p = container_of(first, struct parcel, link);
	list_remove(&p->link);
	l->busy = true;
	if (lane == &l->up)
		server_receive(&l->world->server, l, p);
	else if (!l->closed_below)
		l->receive(l->data, p);
	l->busy = false;
	parcel_free(p);
	if (!list_empty(&lane->landed))
		vloop_arrive(lane == &l->down ? l->loop : &l->world->server.loop, &lane->arrival);
	maybe_free(l);
}

/* TCP gives up: both ends are told by their own systems. */
static void on_doom(struct moment *m)
{
	struct line *l = container_of(m, struct line, doom);
	struct parcel *p;

	NOTE(l->world, "net", "connection of slot %u is given up", l->slot);
	l->silent = true;
	agenda_cancel(&l->world->agenda, &l->up.moment);
	agenda_cancel(&l->world->agenda, &l->down.moment);
	drop_all(&l->up.transit);
	drop_all(&l->down.transit);
	if (!l->closed_below && !l->mute) {
		p = parcel_new(PARCEL_CLOSED);
		list_init(&p->link);
		p->error = -ETIMEDOUT;
		land(&l->down, p);
	}
	if (!l->closed_above) {
		p = parcel_new(PARCEL_CLOSED);
		list_init(&p->link);
		p->error = -ETIMEDOUT;
		land(&l->up, p);
	}
}

static void doom_in(struct line *l, uint64_t delay_us)
{
	if (!heap_contains(&l->doom.node))
		agenda_at(&l->world->agenda, &l->doom, now_us(l) + delay_us);
}

/* From now on nothing arrives. @mute: something between the two keeps the client's half alive. */
static void fall_silent(struct line *l, bool mute)
{
	l->silent = true;
	l->mute = mute;
	agenda_cancel(&l->world->agenda, &l->up.moment);
	agenda_cancel(&l->world->agenda, &l->down.moment);
	doom_in(l, TCP_GIVES_UP_US);
}

/* Cut off: the system sends it again until it gets through, or gives up. */
static bool is_held_up(struct lane *lane)
{
	struct line *l = lane->line;
	uint64_t until_us = l->world->wire.cut_until_us[l->slot];

	if (l->from == NULL || until_us <= now_us(l))
		return false;
	if (until_us - now_us(l) >= TCP_GIVES_UP_US)
		doom_in(l, TCP_GIVES_UP_US);
	agenda_at(&l->world->agenda, &lane->moment, until_us + world_below(l->world, 3000000));
	return true;
}

static void on_due(struct moment *m)
{
	struct lane *lane = container_of(m, struct lane, moment);
	struct line *l = lane->line;
	struct parcel *p;

	if (list_empty(&lane->transit) || is_held_up(lane))
		return;
	p = container_of(lane->transit.next, struct parcel, link);
	if (p->due_us > now_us(l)) { /* the one that was expected has been lost */
		lane_schedule(lane);
		return;
	}
	if (p->kind == PARCEL_ACCEPTED) {
		l->epoch = l->world->server.epoch;
		if (!server_is_up(&l->world->server))
			p->kind = PARCEL_REFUSED;
	}
	l->busy = true;
	land(lane, p);
	l->busy = false;
	lane_schedule(lane);
}

static void lane_init(struct lane *lane, struct line *l)
{
	lane->line = l;
	lane->moment.run = on_due;
	lane->arrival.deliver = deliver;
	list_init(&lane->transit);
	list_init(&lane->landed);
	list_init(&lane->arrival.link);
}

static struct line *line_new(struct world *w)
{
	struct line *l = world_alloc(1, sizeof(*l));

	l->world = w;
	l->doom.run = on_doom;
	lane_init(&l->up, l);
	lane_init(&l->down, l);
	list_push_back(&w->wire.lines, &l->link);
	return l;
}

static uint64_t draw_delay(struct world *w)
{
	uint32_t usual_us = w->profile.delay_us;
	uint64_t delay_us = usual_us / 2 + world_below(w, usual_us);

	if (world_strikes(w, FAULT_SLOW))
		delay_us += world_below(w, 4000000);
	return delay_us;
}

/* ---- the client's end ---- */

struct line *line_open(struct process *from, void (*receive)(void *data, struct parcel *p), void *data)
{
	struct world *w = from->world;
	struct line *l = line_new(w);

	l->from = from;
	l->slot = from->slot;
	l->loop = &from->loop;
	l->receive = receive;
	l->data = data;
	l->closed_above = from->dead; /* it is nowhere but in the memory of who is taken apart */
	if (from->dead || world_strikes(w, FAULT_NO_CONNECTION))
		l->silent = true;
	else if (world_strikes(w, FAULT_REFUSED))
		lane_push(&l->down, parcel_new(PARCEL_REFUSED), 2 * draw_delay(w));
	else
		lane_push(&l->down, parcel_new(PARCEL_ACCEPTED), 2 * draw_delay(w));
	return l;
}

static struct parcel *request_parcel(struct buf *text, const struct letter *letter)
{
	struct parcel *p = parcel_new(PARCEL_REQUEST);

	p->letter = *letter;
	p->bytes = *text;
	*text = (struct buf){.max = text->max};
	return p;
}

/* A proxy has sent it on and got no answer: it sends it again, on a connection of its own. The first one may
 * be carried out before or after. RFC 9110 9.2.2 lets it do so with what is idempotent; a patch is not, but
 * not all proxies know. */
static void send_twice(struct line *l, const struct buf *text, const struct letter *letter)
{
	struct world *w = l->world;
	struct line *shadow = line_new(w);
	struct buf copy = {.max = text->max};
	uint64_t delay_us = world_below(w, 4) == 0 ? world_below(w, LATEST_US) : world_below(w, 4000);

	if (buf_add(&copy, text->data, text->len) != 0)
		abort();
	shadow->closed_below = true;
	shadow->epoch = l->epoch;
	lane_push(&shadow->up, request_parcel(&copy, letter), delay_us);
	lane_push(&shadow->up, parcel_new(PARCEL_CLOSED), 0);
}

/* A request is lost, with its connection: a part of the way does not exist any more. */
static void lose_request(struct line *l)
{
	struct parcel *p;

	drop_all(&l->up.transit);
	if (world_below(l->world, 2) == 0) {
		fall_silent(l, world_below(l->world, 2) == 0);
		return;
	}
	p = parcel_new(PARCEL_CLOSED);
	p->error = -ECONNRESET;
	lane_push(&l->up, p, draw_delay(l->world));
	p = parcel_new(PARCEL_CLOSED);
	p->error = -ECONNRESET;
	lane_push(&l->down, p, draw_delay(l->world));
}

/* What happens to this request, which is on its way already. False: nothing. */
static bool meet(struct line *l, enum fault fault, const struct buf *text, const struct letter *letter)
{
	struct mishap *m = &l->mishap;

	switch (fault) {
	case FAULT_SILENT:
		fall_silent(l, world_below(l->world, 2) == 0);
		break;
	case FAULT_LOST_REQUEST:
		lose_request(l);
		break;
	case FAULT_LOST_ANSWER:
		m->answer_lost = true;
		break;
	case FAULT_LATE_ANSWER:
		m->answer_late_us = world_below(l->world, LATEST_US);
		break;
	case FAULT_CUT_ANSWER:
		m->cut = fault;
		return false; /* counted when it is */
	case FAULT_GATEWAY:
		m->after_gateway = true;
		break;
	case FAULT_GARBLED:
		m->garbled = true;
		break;
	case FAULT_TWICE:
		if (letter->repeatable)
			send_twice(l, text, letter);
		return letter->repeatable;
	case FAULT_429:
		m->refused = 429;
		break;
	case FAULT_500:
		m->refused = 500;
		break;
	case FAULT_403:
		m->refused = 403;
		break;
	case FAULT_404: /* as where the CRD is not known yet */
		m->refused = letter->custom ? 404 : 0;
		return letter->custom;
	default:
		return fault == FAULT_LATE_REQUEST;
	}
	return true;
}

void line_send(struct line *l, struct buf *text, const struct letter *letter)
{
	struct world *w = l->world;
	enum fault fault = world_draw(w, FAULT_SILENT, FAULT_LAST_OF_REQUEST);
	uint64_t late_us = fault == FAULT_LATE_REQUEST ? world_below(w, LATEST_US) : 0;
	struct parcel *p;

	if (l->from->dead || l->silent) {
		buf_free(text);
		return;
	}
	l->letter = *letter;
	l->streaming = false;
	l->mishap = (struct mishap){0};
	p = request_parcel(text, letter);
	lane_push(&l->up, p, draw_delay(w) + late_us);
	if (meet(l, fault, &p->bytes, letter))
		world_count(w, fault);
	if ((letter->lists_vmis || letter->lists_crs) &&
	    world_draw(w, FAULT_LIST_CUT, FAULT_LIST_CUT) != FAULT_COUNT)
		l->mishap.cut = FAULT_LIST_CUT;
}

void line_leave(struct line *l, bool reset)
{
	struct parcel *p;

	l->closed_below = true;
	drop_all(&l->down.landed);
	list_remove(&l->down.arrival.link);
	if (reset && world_below(l->world, 2) == 0)
		drop_all(&l->up.transit);
	if (!l->closed_above) {
		p = parcel_new(PARCEL_CLOSED);
		p->error = reset ? -ECONNRESET : 0;
		lane_push(&l->up, p, draw_delay(l->world));
		if (l->silent)
			doom_in(l, TCP_GIVES_UP_US);
	}
	maybe_free(l);
}

/* ---- the server's end ---- */

static struct parcel *answer_parcel(const struct piece *piece, size_t at, size_t len)
{
	struct parcel *p = parcel_new(PARCEL_ANSWER);

	p->first = piece->first && at == 0;
	p->last = piece->last && at + len == piece->len;
	p->status = piece->status;
	p->retry_after_s = piece->retry_after_s;
	buf_init(&p->bytes, SIZE_MAX / 2);
	buf_init(&p->warnings, SIZE_MAX / 2);
	if ((len > 0 && buf_add(&p->bytes, piece->bytes + at, len) != 0) ||
	    (p->first && piece->warnings != NULL && piece->warnings->len > 0 &&
	     buf_add(&p->warnings, piece->warnings->data, piece->warnings->len) != 0))
		abort();
	return p;
}

/* In one parcel or, now and then, in several of any size. */
static void push_pieces(struct line *l, const struct piece *piece, uint64_t late_us)
{
	struct world *w = l->world;
	size_t at = 0;

	do {
		size_t len = piece->len - at;

		if (len > 1 && world_below(w, 8) < w->profile.splits)
			len = 1 + world_below(w, (uint32_t)len);
		lane_push(&l->down, answer_parcel(piece, at, len), draw_delay(w) + late_us);
		late_us = 0;
		at += len;
	} while (at < piece->len);
}

static void break_down(struct line *l, int error)
{
	struct parcel *p = parcel_new(PARCEL_CLOSED);

	p->error = error;
	lane_push(&l->down, p, draw_delay(l->world));
	/* Something in between has ended it; the server hears of it, too. */
	p = parcel_new(PARCEL_CLOSED);
	p->error = error;
	lane_push(&l->up, p, draw_delay(l->world));
}

/* What has gone through more hands than a request has: a watch cache, a proxy that collects. */
static uint64_t draw_lag(const struct line *l)
{
	struct world *w = l->world;

	if (w->profile.lags == 0 || w->at_rest || world_below(w, 8) >= w->profile.lags)
		return 0;
	/* Terms that are used twice show where he who leads learns late that he does not any more, and he who
	 * follows, at once, what the other one has written. */
	if (w->profile.tagged && l->from != NULL &&
	    l->letter.shows_lease != w->auditor.writers[l->from->serial].led)
		return 0;
	return world_below(w, w->profile.lag_us);
}

static void answer_stream(struct line *l, struct piece piece)
{
	struct world *w = l->world;
	enum fault fault = world_draw(w, FAULT_WATCH_SILENT, FAULT_WATCH_LATE);

	if (fault != FAULT_COUNT)
		world_count(w, fault);
	switch (fault) {
	case FAULT_WATCH_SILENT:
		fall_silent(l, world_below(w, 2) == 0);
		return;
	case FAULT_WATCH_CUT:
		piece.len = piece.len > 0 ? world_below(w, (uint32_t)piece.len) : 0;
		piece.last = false;
		push_pieces(l, &piece, 0);
		break_down(l, world_below(w, 2) == 0 ? 0 : -ECONNRESET);
		return;
	case FAULT_WATCH_LATE:
		push_pieces(l, &piece, world_below(w, LATEST_WATCH_US));
		return;
	default:
		push_pieces(l, &piece, draw_lag(l));
		return;
	}
}

void line_answer(struct line *l, const struct piece *piece)
{
	struct mishap *m = &l->mishap;
	struct piece part = *piece;

	if (l->closed_below || l->silent)
		return;
	if (m->answer_lost) {
		m->answer_lost = false;
		if (world_below(l->world, 2) == 0)
			fall_silent(l, world_below(l->world, 2) == 0);
		else
			break_down(l, world_below(l->world, 2) == 0 ? 0 : -ECONNRESET);
		return;
	}
	if (l->streaming && !piece->first && (m->cut == 0 || part.len == 0)) {
		answer_stream(l, part);
		return;
	}
	if (m->cut != 0 && part.len > 0) {
		world_count(l->world, m->cut);
		part.len = world_below(l->world, (uint32_t)part.len);
		part.last = false;
		push_pieces(l, &part, 0);
		break_down(l, world_below(l->world, 2) == 0 ? 0 : -ECONNRESET);
		return;
	}
	push_pieces(l, &part, m->answer_late_us);
	m->answer_late_us = 0;
}

void line_hang_up(struct line *l)
{
	struct parcel *p;

	l->closed_above = true;
	l->side = NULL;
	if (!l->closed_below && !l->silent) {
		p = parcel_new(PARCEL_CLOSED);
		p->error = world_below(l->world, 2) == 0 ? 0 : -ECONNRESET;
		lane_push(&l->down, p, draw_delay(l->world));
	}
	maybe_free(l);
}

/* ---- the whole ---- */

void wire_init(struct wire *wire, struct world *w)
{
	*wire = (struct wire){.world = w};
	list_init(&wire->lines);
}

void wire_free(struct wire *wire)
{
	list_for_each_safe (it, &wire->lines)
		line_free(container_of(it, struct line, link));
}

void wire_cut(struct wire *wire, uint32_t slot, uint64_t until_us)
{
	wire->cut_until_us[slot] = until_us;
}

/* A write to a VMI, or one that is late. */
static bool is_unrest(const struct parcel *p, uint64_t now_us)
{
	if (p->kind != PARCEL_REQUEST || p->letter.kind == LETTER_READ)
		return false;
	return p->letter.kind == LETTER_VMI || p->due_us > now_us + 2000000;
}

bool wire_is_quiet(const struct wire *wire)
{
	list_for_each (it, &wire->lines) {
		const struct line *l = container_of(it, struct line, link);

		list_for_each (up, &l->up.transit)
			if (is_unrest(container_of(up, struct parcel, link), wire->world->agenda.now_us))
				return false;
	}
	return true;
}

void wire_repair(struct wire *wire)
{
	memset(wire->cut_until_us, 0, sizeof(wire->cut_until_us));
	list_for_each_safe (it, &wire->lines) {
		struct line *l = container_of(it, struct line, link);

		l->mute = false;
		if (l->silent)
			agenda_at(&wire->world->agenda, &l->doom, wire->world->agenda.now_us);
		lane_schedule(&l->up);
		lane_schedule(&l->down);
	}
}
