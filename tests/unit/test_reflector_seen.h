/**
 * test_reflector_seen: a reflector's handler that writes down what it is told, as text to compare with.
 *
 *	list                     list_started
 *	L:NAME@RV A: M: D:       object: listed, added, modified, deleted; NAME is "?" where it was no string
 *	done@RV                  list_done
 *	back:RV>RV               rewound
 *	list-eof, watch-expired  restarted
 *
 * It also checks the order in which a handler may be called.
 */
#ifndef TEST_REFLECTOR_SEEN_H
#define TEST_REFLECTOR_SEEN_H

#include <check.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/macros.h"
#include "kube/reflector.h"

enum { SEEN_NAME, SEEN_LABEL, SEEN_FIELDS };

struct seen {
	struct buf text;
	bool begun; /* an object */
	char name[64];
	char label[64];
	unsigned restarted[REFLECTOR_RESTART_COUNT];
	unsigned objects;
	bool closed; /* nothing may be told any more */
	/* Called after each word, with the word. */
	void (*on_word)(void *data, const char *word);
	void *data;
};

static const char *const seen_name_path[] = {"metadata", "name", NULL};
static const char *const seen_label_path[] = {"metadata", "labels", "l", NULL};
static const struct json_field seen_fields[SEEN_FIELDS] = {{SEEN_NAME, seen_name_path},
							   {SEEN_LABEL, seen_label_path}};

static inline void seen_init(struct seen *s)
{
	*s = (struct seen){0};
	buf_init(&s->text, 64u << 20);
}

static inline void seen_free(struct seen *s)
{
	buf_free(&s->text);
}

static inline PRINTF_FORMAT(2, 3) void seen_word(struct seen *s, const char *fmt, ...)
{
	char word[256];
	va_list ap;

	ck_assert(!s->closed);
	va_start(ap, fmt);
	(void)vsnprintf(word, sizeof(word), fmt, ap);
	va_end(ap);
	ck_assert_int_eq(buf_printf(&s->text, "%s%s", s->text.len > 0 ? " " : "", word), 0);
	if (s->on_word != NULL)
		s->on_word(s->data, word);
}

static inline void seen_begin(void *data)
{
	struct seen *s = data;

	ck_assert(!s->closed);
	s->begun = true;
	(void)snprintf(s->name, sizeof(s->name), "?");
	s->label[0] = '\0';
}

static inline void seen_value(void *data, int field, const struct json_value *value)
{
	struct seen *s = data;
	char *out = field == SEEN_NAME ? s->name : s->label;

	ck_assert(!s->closed);
	ck_assert(s->begun);
	ck_assert_int_ge(field, 0);
	ck_assert_int_lt(field, SEEN_FIELDS);
	if (value->kind == JSON_VALUE_STRING)
		(void)snprintf(out, sizeof(s->name), "%s", value->text);
}

static inline void seen_object(void *data, enum reflector_event event, const char *rv)
{
	static const char letters[] = {[REFLECTOR_LISTED] = 'L',
				       [REFLECTOR_ADDED] = 'A',
				       [REFLECTOR_MODIFIED] = 'M',
				       [REFLECTOR_DELETED] = 'D'};
	struct seen *s = data;

	ck_assert(s->begun);
	s->begun = false;
	s->objects++;
	seen_word(s, "%c:%s%s%s@%s", letters[event], s->name, s->label[0] != '\0' ? "/" : "", s->label, rv);
}

static inline void seen_list_started(void *data)
{
	seen_word(data, "list");
}

static inline void seen_list_done(void *data, const char *rv)
{
	seen_word(data, "done@%s", rv);
}

static inline void seen_rewound(void *data, const char *before, const char *now)
{
	seen_word(data, "back:%s>%s", before, now);
}

static inline void seen_restarted(void *data, bool watch, enum reflector_restart reason)
{
	struct seen *s = data;

	s->restarted[reason]++;
	seen_word(s, "%s-%s", watch ? "watch" : "list", reflector_restart_name(reason));
}

static const struct reflector_handler seen_handler = {
	.begin = seen_begin,
	.value = seen_value,
	.object = seen_object,
	.list_started = seen_list_started,
	.list_done = seen_list_done,
	.rewound = seen_rewound,
	.restarted = seen_restarted,
};

#define assert_seen(s, expected) ck_assert_str_eq(buf_str(&(s)->text), expected)

#endif
