#include "sim/whole/vloop.h"

#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "sim/whole/world.h"

/* In uv_handle_t.flags, which is libuv's own. */
enum { ACTIVE = 1, CLOSING = 2 };

/* Of timers with the same time, who was started first comes first. */
#define ORDER_BITS 20
#define ORDER_MASK ((1u << ORDER_BITS) - 1)

/* Nothing that closes takes so many turns. */
#define MAX_DRAIN_TURNS 100000

static struct vloop *running;

static struct heap_node *timer_node(uv_timer_t *timer)
{
	_Static_assert(sizeof(timer->heap_node) >= sizeof(struct heap_node), "it holds a heap_node");
	return (struct heap_node *)(void *)timer->heap_node;
}

static uv_timer_t *timer_of(struct heap_node *node)
{
	return container_of(node, uv_timer_t, heap_node);
}

/* Two pointers of libuv's are the links of a list here. */
static struct list *links(void **queue)
{
	_Static_assert(sizeof(struct list) == 2 * sizeof(void *), "a list is two pointers");
	return (struct list *)(void *)queue;
}

/* ---- clocks ---- */

struct vloop *vloop_of(const uv_loop_t *loop)
{
	return container_of(loop, struct vloop, uv);
}

struct vloop *vloop_enter(struct vloop *l)
{
	struct vloop *before = running;

	running = l;
	return before;
}

void vloop_leave(struct vloop *before)
{
	running = before;
}

struct vloop *vloop_running(void)
{
	return running;
}

uint64_t vloop_boot_us(const struct vloop *l)
{
	uint64_t passed_us = l->world->agenda.now_us - l->start_us;

	if (l->detached)
		return l->boot_us;
	return l->boot_us + passed_us * l->rate / VLOOP_RATE;
}

static uint64_t mono_us(const struct vloop *l)
{
	return vloop_boot_us(l) - l->asleep_us;
}

/* When mono reaches @ms, in the world's time. */
static uint64_t world_us_of(const struct vloop *l, uint64_t ms)
{
	uint64_t boot_us = ms * 1000 + l->asleep_us;

	if (boot_us <= l->boot_us)
		return l->start_us;
	return l->start_us + ((boot_us - l->boot_us) * VLOOP_RATE + l->rate - 1) / l->rate;
}

uint64_t uv_hrtime(void)
{
	return mono_us(running) * 1000;
}

void uv_update_time(uv_loop_t *loop)
{
	struct vloop *l = vloop_of(loop);

	l->now_ms = mono_us(l) / 1000;
}

uint64_t uv_now(const uv_loop_t *loop)
{
	return vloop_of(loop)->now_ms;
}

/* ---- handles ---- */

static void handle_init(uv_loop_t *loop, uv_handle_t *handle, uv_handle_type type)
{
	handle->loop = loop;
	handle->type = type;
	handle->flags = 0;
	vloop_of(loop)->handles++;
}

int uv_is_active(const uv_handle_t *handle)
{
	return (handle->flags & ACTIVE) != 0;
}

int uv_is_closing(const uv_handle_t *handle)
{
	return (handle->flags & CLOSING) != 0;
}

int uv_timer_init(uv_loop_t *loop, uv_timer_t *timer)
{
	handle_init(loop, (uv_handle_t *)timer, UV_TIMER);
	timer->timer_cb = NULL;
	timer->repeat = 0;
	*timer_node(timer) = (struct heap_node){0};
	return 0;
}

int uv_timer_stop(uv_timer_t *timer)
{
	heap_remove(&vloop_of(timer->loop)->timers, timer_node(timer));
	timer->flags &= ~(unsigned int)ACTIVE;
	return 0;
}

int uv_timer_start(uv_timer_t *timer, uv_timer_cb cb, uint64_t timeout_ms, uint64_t repeat_ms)
{
	struct vloop *l = vloop_of(timer->loop);

	if ((timer->flags & CLOSING) != 0 || cb == NULL)
		return UV_EINVAL;
	timer->timer_cb = cb;
	timer->timeout = l->now_ms + timeout_ms;
	timer->repeat = repeat_ms;
	timer->flags |= ACTIVE;
	if (heap_set(&l->timers, timer_node(timer),
		     timer->timeout << ORDER_BITS | (++l->timer_ids & ORDER_MASK)) != 0)
		abort();
	return 0;
}

int uv_prepare_init(uv_loop_t *loop, uv_prepare_t *prepare)
{
	handle_init(loop, (uv_handle_t *)prepare, UV_PREPARE);
	list_init(links(prepare->queue));
	return 0;
}

/* libuv calls those first that were started last. */
static void push_front(struct list *head, struct list *item)
{
	list_push_back(head->next, item);
}

int uv_prepare_start(uv_prepare_t *prepare, uv_prepare_cb cb)
{
	if ((prepare->flags & ACTIVE) != 0)
		return 0;
	prepare->prepare_cb = cb;
	prepare->flags |= ACTIVE;
	push_front(&vloop_of(prepare->loop)->prepares, links(prepare->queue));
	return 0;
}

int uv_prepare_stop(uv_prepare_t *prepare)
{
	list_remove(links(prepare->queue));
	prepare->flags &= ~(unsigned int)ACTIVE;
	return 0;
}

int uv_idle_init(uv_loop_t *loop, uv_idle_t *idle)
{
	handle_init(loop, (uv_handle_t *)idle, UV_IDLE);
	list_init(links(idle->queue));
	return 0;
}

int uv_idle_start(uv_idle_t *idle, uv_idle_cb cb)
{
	if ((idle->flags & ACTIVE) != 0)
		return 0;
	idle->idle_cb = cb;
	idle->flags |= ACTIVE;
	push_front(&vloop_of(idle->loop)->idles, links(idle->queue));
	return 0;
}

int uv_idle_stop(uv_idle_t *idle)
{
	list_remove(links(idle->queue));
	idle->flags &= ~(unsigned int)ACTIVE;
	return 0;
}

void uv_close(uv_handle_t *handle, uv_close_cb cb)
{
	struct vloop *l = vloop_of(handle->loop);

	if ((handle->flags & CLOSING) != 0)
		abort();
	if (handle->type == UV_TIMER)
		(void)uv_timer_stop((uv_timer_t *)handle);
	else if (handle->type == UV_PREPARE)
		(void)uv_prepare_stop((uv_prepare_t *)handle);
	else
		(void)uv_idle_stop((uv_idle_t *)handle);
	handle->flags |= CLOSING;
	handle->close_cb = cb;
	handle->next_closing = l->closing;
	l->closing = handle;
}

/* ---- a turn ---- */

static void run_closing(struct vloop *l)
{
	uv_handle_t *handle = l->closing;

	l->closing = NULL;
	while (handle != NULL) {
		uv_handle_t *next = handle->next_closing;

		l->handles--;
		if (handle->close_cb != NULL)
			handle->close_cb(handle);
		handle = next;
	}
}

static void run_timers(struct vloop *l)
{
	struct heap_node *first;

	while ((first = heap_first(&l->timers)) != NULL && first->key >> ORDER_BITS <= l->now_ms) {
		uv_timer_t *timer = timer_of(first);

		(void)uv_timer_stop(timer);
		if (timer->repeat != 0)
			(void)uv_timer_start(timer, timer->timer_cb, timer->repeat, timer->repeat);
		l->world->events++;
		timer->timer_cb(timer);
	}
}

static void take_all(struct list *from, struct list *to)
{
	list_init(to);
	if (list_empty(from))
		return;
	*to = *from;
	to->next->prev = to->prev->next = to;
	list_init(from);
}

/* Each that is active now, once; what is started meanwhile waits for the next turn. */
static void run_each(struct list *active, void (*call)(struct list *item))
{
	struct list now;

	take_all(active, &now);
	while (!list_empty(&now)) {
		struct list *item = now.next;

		list_remove(item);
		list_push_back(active, item);
		call(item);
	}
}

static void call_idle(struct list *item)
{
	uv_idle_t *idle = container_of(item, uv_idle_t, queue);

	idle->idle_cb(idle);
}

static void call_prepare(struct list *item)
{
	uv_prepare_t *prepare = container_of(item, uv_prepare_t, queue);

	prepare->prepare_cb(prepare);
}

static void run_before_poll(struct vloop *l)
{
	uv_update_time(&l->uv);
	run_timers(l);
	run_each(&l->idles, call_idle);
	run_each(&l->prepares, call_prepare);
}

/* Any of them. */
static struct arrival *take_any(struct world *w, struct list *arrivals)
{
	struct list *item = arrivals->next;
	uint32_t count = 0;

	list_for_each (it, arrivals)
		count++;
	for (uint32_t skip = count > 1 ? world_below(w, count) : 0; skip > 0; skip--)
		item = item->next;
	list_remove(item);
	return container_of(item, struct arrival, link);
}

/* All connections that have something, in any order, each once. */
static void poll_all(struct vloop *l)
{
	struct list now;

	uv_update_time(&l->uv);
	take_all(&l->inbox, &now);
	while (!list_empty(&now)) {
		struct arrival *a = take_any(l->world, &now);

		l->world->events++;
		a->deliver(a);
	}
}

void vloop_turn(struct vloop *l)
{
	struct vloop *before = vloop_enter(l);

	/* Where a process was stopped, in poll or not, decides what comes first. */
	if (l->resumed && world_below(l->world, 2) == 0)
		run_before_poll(l);
	l->resumed = false;
	poll_all(l);
	run_closing(l);
	run_before_poll(l);
	vloop_leave(before);
	l->free_us = l->world->agenda.now_us + l->cpu_us;
	vloop_schedule(l);
}

static bool has_work(const struct vloop *l)
{
	return l->closing != NULL || !list_empty(&l->idles) || !list_empty(&l->inbox);
}

void vloop_schedule(struct vloop *l)
{
	struct agenda *agenda = &l->world->agenda;
	struct heap_node *first = heap_first(&l->timers);
	uint64_t at_us;

	if (l->stopped || l->detached)
		return;
	if (has_work(l) || l->resumed) {
		at_us = agenda->now_us;
	} else if (first != NULL) {
		at_us = world_us_of(l, first->key >> ORDER_BITS);
	} else {
		agenda_cancel(agenda, &l->wake);
		return;
	}
	agenda_at(agenda, &l->wake, at_us > l->free_us ? at_us : l->free_us);
}

void vloop_arrive(struct vloop *l, struct arrival *a)
{
	if (list_empty(&a->link))
		list_push_back(&l->inbox, &a->link);
	vloop_schedule(l);
}

void vloop_stop(struct vloop *l)
{
	l->stopped = true;
	agenda_cancel(&l->world->agenda, &l->wake);
}

void vloop_go_on(struct vloop *l, uint64_t asleep_us)
{
	l->asleep_us += asleep_us * l->rate / VLOOP_RATE;
	l->stopped = false;
	l->resumed = true;
	vloop_schedule(l);
}

/* ---- life ---- */

void vloop_init(struct vloop *l, struct world *w, void *owner, void (*wake)(struct moment *m))
{
	memset(l, 0, sizeof(*l));
	l->world = w;
	l->owner = owner;
	l->wake.run = wake;
	l->start_us = w->agenda.now_us;
	l->rate = VLOOP_RATE;
	l->cpu_us = 1;
	list_init(&l->idles);
	list_init(&l->prepares);
	list_init(&l->inbox);
}

void vloop_free(struct vloop *l)
{
	agenda_cancel(&l->world->agenda, &l->wake);
	heap_free(&l->timers);
}

bool vloop_drain(struct vloop *l)
{
	struct vloop *before = vloop_enter(l);
	uint32_t turns = 0;

	l->boot_us = vloop_boot_us(l);
	l->detached = true;
	agenda_cancel(&l->world->agenda, &l->wake);
	while (!list_empty(&l->inbox))
		list_remove(l->inbox.next);
	while (l->handles > 0 && turns++ < MAX_DRAIN_TURNS) {
		struct heap_node *first;

		run_closing(l);
		run_before_poll(l);
		first = heap_first(&l->timers);
		if (!has_work(l) && first != NULL && first->key >> ORDER_BITS > l->now_ms)
			l->boot_us = (first->key >> ORDER_BITS) * 1000 + l->asleep_us;
	}
	vloop_leave(before);
	return l->handles == 0;
}
