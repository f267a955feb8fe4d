#include "cid/cid_set.h"

#include <errno.h>
#include <stdlib.h>

#include "base/hash.h"

#define FIRST_ROOM 64

int cid_set_init(struct cid_set *s, uint64_t seed)
{
	*s = (struct cid_set){.room = FIRST_ROOM, .seed = seed};
	s->places = calloc(s->room, sizeof(*s->places));
	return s->places != NULL ? 0 : -ENOMEM;
}

void cid_set_close(struct cid_set *s)
{
	free(s->places);
	*s = (struct cid_set){0};
}

/* Where @cid is to be looked for first: its hash, scaled to the room. */
static size_t home_of(const struct cid_set *s, uint32_t cid)
{
	return (size_t)((hash_u64(s->seed, cid) >> 32) * s->room >> 32);
}

static size_t after(const struct cid_set *s, size_t place)
{
	return place + 1 < s->room ? place + 1 : 0;
}

/* The place of @cid, or the empty one where it would be. */
static size_t find(const struct cid_set *s, uint32_t cid)
{
	size_t place = home_of(s, cid);

	while (s->places[place] != 0 && s->places[place] != cid)
		place = after(s, place);
	return place;
}

static int grow(struct cid_set *s)
{
	struct cid_set larger = *s;

	larger.room = s->room + s->room / 2;
	larger.places = calloc(larger.room, sizeof(*larger.places));
	if (larger.places == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < s->room; i++)
		if (s->places[i] != 0)
			larger.places[find(&larger, s->places[i])] = s->places[i];
	free(s->places);
	*s = larger;
	return 0;
}

int cid_set_add(struct cid_set *s, uint32_t cid)
{
	if (cid_set_has(s, cid))
		return 0;
	/* Up to seven eighths full. */
	if (s->len >= s->room - s->room / 8 && grow(s) != 0)
		return -ENOMEM;
	if (cid == 0)
		s->has_zero = true;
	else
		s->places[find(s, cid)] = cid;
	s->len++;
	return 1;
}

bool cid_set_has(const struct cid_set *s, uint32_t cid)
{
	return cid == 0 ? s->has_zero : s->places[find(s, cid)] != 0;
}

/* Closes the gap at @hole: what comes after it in a row of used places, and may stand there, moves up. */
static void close_gap(struct cid_set *s, size_t hole)
{
	for (size_t i = after(s, hole); s->places[i] != 0; i = after(s, i)) {
		size_t home = home_of(s, s->places[i]);
		/* Its home lies behind the hole, up to where it is now: it cannot be found before that. */
		bool stays = hole <= i ? hole < home && home <= i : hole < home || home <= i;

		if (stays)
			continue;
		s->places[hole] = s->places[i];
		hole = i;
	}
	s->places[hole] = 0;
}

bool cid_set_remove(struct cid_set *s, uint32_t cid)
{
	if (!cid_set_has(s, cid))
		return false;
	if (cid == 0)
		s->has_zero = false;
	else
		close_gap(s, find(s, cid));
	s->len--;
	return true;
}

void cid_set_visit(const struct cid_set *s, void (*visit)(void *data, uint32_t cid), void *data)
{
	if (s->has_zero)
		visit(data, 0);
	for (size_t i = 0; i < s->room; i++)
		if (s->places[i] != 0)
			visit(data, s->places[i]);
}
