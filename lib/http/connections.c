#include "http/connections.h"

#include <assert.h>
#include <errno.h>
#include <sys/socket.h>

/* Dropped connections leave at the owner's next turn; that many may come in between. */
#define DROPPED_MAX 32

static struct connection *entry(struct list *link)
{
	return container_of(link, struct connection, link);
}

size_t connections_capacity(const struct connections_options *options)
{
	return (size_t)options->max + DROPPED_MAX;
}

int connections_init(struct connections *t, const struct connections_options *options)
{
	size_t capacity = connections_capacity(options);

	*t = (struct connections){.options = *options};
	t->array = calloc(capacity, sizeof(t->array[0]));
	if (t->array == NULL)
		return -ENOMEM;
	list_init(&t->all);
	list_init(&t->spare);
	for (size_t i = 0; i < capacity; i++)
		list_push_back(&t->spare, &t->array[i].link);
	return 0;
}

void connections_free(struct connections *t)
{
	assert(list_empty(&t->all));
	free(t->array);
}

void connections_move(struct connections *t, struct connection *c, enum connection_state state)
{
	if (c->state == CONNECTION_DROPPED)
		return;
	t->count[c->state]--;
	c->state = state;
	t->count[c->state]++;
}

static void drop(struct connections *t, struct connection *c)
{
	connections_move(t, c, CONNECTION_DROPPED);
	(void)shutdown(c->fd, SHUT_RDWR);
}

static struct connection *oldest(struct connections *t, enum connection_state state)
{
	list_for_each (it, &t->all) {
		if (entry(it)->state == state)
			return entry(it);
	}
	return NULL;
}

/* Who sits idle has had its answer; who is being answered did everything right. */
void connections_drop_one(struct connections *t)
{
	struct connection *c = oldest(t, CONNECTION_IDLE);

	if (c == NULL)
		c = oldest(t, CONNECTION_WAITING);
	if (c == NULL)
		c = oldest(t, CONNECTION_ANSWERING);
	if (c != NULL)
		drop(t, c);
}

static size_t alive(const struct connections *t)
{
	return t->count[CONNECTION_WAITING] + t->count[CONNECTION_ANSWERING] + t->count[CONNECTION_IDLE];
}

struct connection *connections_add(struct connections *t, int fd, uint64_t now_ms)
{
	struct list *link = list_first(&t->spare);
	struct connection *c;

	if (link == NULL)
		return NULL;
	if (alive(t) >= t->options.max)
		connections_drop_one(t);
	if (t->count[CONNECTION_WAITING] >= t->options.max_waiting)
		drop(t, oldest(t, CONNECTION_WAITING));
	list_remove(link);
	c = entry(link);
	*c = (struct connection){.fd = fd, .accepted_ms = now_ms};
	list_push_back(&t->all, &c->link);
	t->count[CONNECTION_WAITING]++;
	return c;
}

void connections_remove(struct connections *t, struct connection *c)
{
	t->count[c->state]--;
	certificate_unref(c->certificate);
	c->certificate = NULL;
	list_remove(&c->link);
	list_push_back(&t->spare, &c->link);
}

static uint64_t deadline(const struct connections *t, const struct connection *c)
{
	if (c->state == CONNECTION_DROPPED)
		return UINT64_MAX;
	if (c->state == CONNECTION_WAITING && t->options.request_ms < t->options.connection_ms)
		return c->accepted_ms + t->options.request_ms;
	return c->accepted_ms + t->options.connection_ms;
}

void connections_expire(struct connections *t, uint64_t now_ms)
{
	list_for_each (it, &t->all) {
		if (deadline(t, entry(it)) <= now_ms)
			drop(t, entry(it));
	}
}

uint64_t connections_next_ms(const struct connections *t)
{
	uint64_t next = UINT64_MAX;

	list_for_each (it, &t->all) {
		uint64_t due = deadline(t, entry(it));

		if (due < next)
			next = due;
	}
	return next;
}
