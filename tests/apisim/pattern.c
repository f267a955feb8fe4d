#include "apisim/pattern.h"

#include <stdlib.h>
#include <string.h>

#include "apisim/must.h"
#include "apisim/object.h"

enum mark { MARK_NAME, MARK_NAMESPACE, MARK_UID, MARK_RV, MARK_CID, MARK_NONE };

static const char *const marks[] = {"@NAME@", "@NAMESPACE@", "@UID@", "@RV@", "\"@CID@\""};

/* Text, and the mark behind it. */
struct piece {
	const char *text;
	size_t len;
	enum mark mark;
};

struct pattern {
	unsigned refs;
	char *text;
	struct piece *pieces;
	size_t count;
};

/* The first mark in the text from @at on; MARK_NONE where there is none. */
static enum mark first_mark(const char *at, const char *end, const char **place)
{
	enum mark found = MARK_NONE;

	*place = end;
	for (size_t m = 0; m < ARRAY_LEN(marks); m++) {
		const char *hit = memmem(at, (size_t)(end - at), marks[m], strlen(marks[m]));

		if (hit != NULL && hit < *place) {
			*place = hit;
			found = (enum mark)m;
		}
	}
	return found;
}

struct pattern *pattern_new(const char *text, size_t len)
{
	struct pattern *p = must_alloc(sizeof(*p));
	const char *at;
	enum mark mark;

	p->refs = 1;
	p->text = must_copy(text, len);
	at = p->text;
	do {
		const char *place;

		mark = first_mark(at, p->text + len, &place);
		p->pieces = must_realloc(p->pieces, (p->count + 1) * sizeof(struct piece));
		p->pieces[p->count++] = (struct piece){at, (size_t)(place - at), mark};
		at = mark != MARK_NONE ? place + strlen(marks[mark]) : place;
	} while (mark != MARK_NONE);
	return p;
}

struct pattern *pattern_ref(struct pattern *p)
{
	p->refs++;
	return p;
}

void pattern_unref(struct pattern *p)
{
	if (p == NULL || --p->refs > 0)
		return;
	free(p->pieces);
	free(p->text);
	free(p);
}

static void write_mark(enum mark mark, const struct object *o, struct buf *out)
{
	switch (mark) {
	case MARK_NAME:
		must_text(out, o->name);
		break;
	case MARK_NAMESPACE:
		must_text(out, o->namespace);
		break;
	case MARK_UID:
		must_text(out, o->uid);
		break;
	case MARK_RV:
		must_number(out, o->rv);
		break;
	case MARK_CID:
		must_number(out, o->cid);
		break;
	case MARK_NONE:
		break;
	}
}

void pattern_write(const struct pattern *p, const struct object *o, struct buf *out)
{
	for (size_t i = 0; i < p->count; i++) {
		must_add(out, p->pieces[i].text, p->pieces[i].len);
		write_mark(p->pieces[i].mark, o, out);
	}
}

static size_t digits(uint64_t n)
{
	size_t count = 1;

	for (; n >= 10; n /= 10)
		count++;
	return count;
}

size_t pattern_len(const struct pattern *p, const struct object *o)
{
	const size_t lens[] = {
		[MARK_NAME] = strlen(o->name), [MARK_NAMESPACE] = strlen(o->namespace),
		[MARK_UID] = strlen(o->uid),   [MARK_RV] = digits(o->rv),
		[MARK_CID] = digits(o->cid),   [MARK_NONE] = 0,
	};
	size_t len = 0;

	for (size_t i = 0; i < p->count; i++)
		len += p->pieces[i].len + lens[p->pieces[i].mark];
	return len;
}
