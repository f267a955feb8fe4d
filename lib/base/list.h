/**
 * list: an intrusive doubly linked ring. The head is a struct list too; an empty list points at itself.
 */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include <stdbool.h>

#include "base/macros.h"

struct list {
	struct list *next;
	struct list *prev;
};

static inline void list_init(struct list *l)
{
	l->next = l;
	l->prev = l;
}

static inline bool list_empty(const struct list *l)
{
	return l->next == l;
}

static inline void list_push_back(struct list *head, struct list *item)
{
	item->next = head;
	item->prev = head->prev;
	head->prev->next = item;
	head->prev = item;
}

static inline void list_push_front(struct list *head, struct list *item)
{
	list_push_back(head->next, item);
}

/** Takes @item out; it is an empty list of its own afterwards, so a second removal does no harm. */
static inline void list_remove(struct list *item)
{
	item->prev->next = item->next;
	item->next->prev = item->prev;
	list_init(item);
}

/** First entry's list node, NULL when empty. */
static inline struct list *list_first(const struct list *head)
{
	return list_empty(head) ? NULL : head->next;
}

/** @it may not be removed inside the loop. */
#define list_for_each(it, head) for (struct list *it = (head)->next; it != (head); it = it->next)

/** @it, and only @it, may be removed inside the loop. */
#define list_for_each_safe(it, head)                                                                         \
	for (struct list *it = (head)->next, *it##_next = it->next; it != (head);                            \
	     it = it##_next, it##_next = it->next)

#endif
