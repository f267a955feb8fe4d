#include <check.h>
#include <string.h>

#include "base/macros.h"
#include "base/rng.h"
#include "cid/slot_set.h"
#include "support/suite.h"

static struct slot_set set;
static bool has[SLOT_SET_ROOM];

static void change_range(bool add, uint32_t from, uint32_t to)
{
	if (add)
		slot_set_add_range(&set, from, to);
	else
		slot_set_remove_range(&set, from, to);
	for (uint32_t slot = from; slot < to; slot++)
		has[slot] = add;
}

static void change_one(bool add, uint32_t slot)
{
	if (add)
		slot_set_add(&set, slot);
	else
		slot_set_remove(&set, slot);
	has[slot] = add;
}

/* Each member by its rank, and none after the last. */
static void then_all_members_are_selected(void)
{
	uint32_t rank = 0;
	uint32_t slot;

	for (uint32_t i = 0; i < SLOT_SET_ROOM; i++) {
		ck_assert_int_eq(slot_set_has(&set, i), has[i]);
		if (!has[i])
			continue;
		ck_assert(slot_set_select(&set, rank++, &slot));
		ck_assert_uint_eq(slot, i);
	}
	ck_assert_uint_eq(slot_set_count(&set), rank);
	ck_assert(!slot_set_select(&set, rank, &slot));
}

START_TEST(random_changes_leave_what_a_plain_array_has)
{
	struct rng rng;

	for (uint64_t seed = 1; seed <= 5; seed++) {
		rng_init_seeded(&rng, seed);
		slot_set_clear(&set);
		memset(has, 0, sizeof(has));
		for (int i = 0; i < 20; i++) {
			uint32_t from = (uint32_t)rng_below(&rng, SLOT_SET_ROOM);
			uint32_t to = from + (uint32_t)rng_below(&rng, SLOT_SET_ROOM - from + 1);

			change_range(i % 3 != 2, from, to);
			for (int j = 0; j < 1000; j++)
				change_one(j % 2 == 0, (uint32_t)rng_below(&rng, SLOT_SET_ROOM));
		}
		then_all_members_are_selected();
	}
}
END_TEST

START_TEST(ranges_may_be_empty_or_all)
{
	slot_set_clear(&set);
	memset(has, 0, sizeof(has));
	change_range(true, 5, 5);
	change_range(true, 0, 0);
	then_all_members_are_selected();
	change_range(true, 0, SLOT_SET_ROOM);
	then_all_members_are_selected();
	change_range(false, 64, 128);
	change_range(false, SLOT_SET_ROOM - 1, SLOT_SET_ROOM);
	change_range(false, 1000, 1001);
	then_all_members_are_selected();
	change_range(false, 0, SLOT_SET_ROOM);
	then_all_members_are_selected();
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		random_changes_leave_what_a_plain_array_has,
		ranges_may_be_empty_or_all,
	};

	return suite_run("cid_slot_set", tests, ARRAY_LEN(tests));
}
