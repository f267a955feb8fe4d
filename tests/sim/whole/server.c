#include "sim/whole/server.h"

#include <stdlib.h>
#include <string.h>

#include "apisim/must.h"
#include "base/macros.h"
#include "sim/whole/side.h"
#include "sim/whole/world.h"

static void on_wake(struct moment *m)
{
	vloop_turn(container_of(m, struct vloop, wake));
}

void server_open(struct server *s, struct world *w)
{
	struct apisim_options o;
	struct error err;
	struct vloop *before;

	s->world = w;
	s->epoch = 1;
	s->commits = 0;
	s->bare_until_us = 0;
	s->closed = false;
	s->nobody = (struct letter){.kind = LETTER_OTHER};
	s->cause = &s->nobody;
	if (s->sim == NULL)
		s->sim = must_alloc(sizeof(*s->sim));
	vloop_init(&s->loop, w, s, on_wake);
	apisim_options_init(&o);
	o.port = 1;
	o.seed = w->seed;
	o.no_watch_list = w->profile.old_server;
	before = vloop_enter(&s->loop);
	if (apisim_init(s->sim, &s->loop.uv, &o, &err) != 0)
		abort();
	s->own = side_new(s, NULL);
	vloop_leave(before);
	vloop_schedule(&s->loop);
	must_buf(&s->text);
}

static void on_closed(struct apisim *sim)
{
	struct server *s = vloop_of(sim->loop)->owner;

	s->closed = true;
}

void server_close(struct server *s)
{
	struct vloop *before = vloop_enter(&s->loop);

	side_close(s->own);
	apisim_close(s->sim, on_closed);
	vloop_leave(before);
	if (!vloop_drain(&s->loop) || !s->closed)
		abort(); /* apisim has left a handle open */
	vloop_free(&s->loop);
	buf_free(&s->text);
}

void server_free(struct server *s)
{
	free(s->sim);
}

bool server_is_up(const struct server *s)
{
	return s->sim->http.listening;
}

static void receive_request(struct server *s, struct line *l, struct parcel *p)
{
	if (l->closed_above)
		return;
	if (!server_is_up(s) || l->epoch != s->epoch) { /* it was a connection to the one before */
		line_hang_up(l);
		return;
	}
	if (l->from == NULL)
		l->letter = p->letter;
	if (l->side == NULL)
		l->side = side_new(s, l);
	if (l->letter.custom && s->world->agenda.now_us < s->bare_until_us)
		l->mishap.refused = 503;
	if (l->mishap.refused != 0)
		side_refuse(l->side);
	else
		side_request(l->side, &p->bytes, &l->letter);
}

void server_receive(struct server *s, struct line *l, struct parcel *p)
{
	if (p->kind == PARCEL_REQUEST)
		receive_request(s, l, p);
	else if (l->side != NULL)
		side_close(l->side);
	else if (!l->closed_above)
		line_hang_up(l);
}

int server_call(struct server *s, const char *method, const char *target, const char *content_type,
		const char *body)
{
	struct vloop *before = vloop_enter(&s->loop);
	size_t len = body != NULL ? strlen(body) : 0;

	buf_reset(&s->text);
	must_printf(
		&s->text,
		"%s %s HTTP/1.1\r\nUser-Agent: cluster\r\nContent-Type: %s\r\nContent-Length: %zu\r\n\r\n",
		method, target, content_type != NULL ? content_type : "application/json", len);
	must_add(&s->text, body != NULL ? body : "", len);
	uv_update_time(&s->loop.uv);
	s->own->status = 0;
	side_request(s->own, &s->text, &s->nobody);
	apisim_touch(s->sim);
	vloop_leave(before);
	vloop_schedule(&s->loop);
	return s->own->status;
}

/* ---- what is committed ---- */

void __real_store_put(struct store *s, struct object *o);
void __real_store_remove(struct store *s, struct object *last);
void __wrap_store_put(struct store *s, struct object *o);
void __wrap_store_remove(struct store *s, struct object *last);

static struct server *owner_of(struct store *store)
{
	return vloop_of(container_of(store, struct apisim, store)->http.loop)->owner;
}

void __wrap_store_put(struct store *store, struct object *o)
{
	struct server *s = owner_of(store);

	s->commits++;
	auditor_put(s->world, o, s->cause);
	__real_store_put(store, o);
}

void __wrap_store_remove(struct store *store, struct object *last)
{
	struct server *s = owner_of(store);

	s->commits++;
	auditor_removed(s->world, last, s->cause);
	__real_store_remove(store, last);
}
