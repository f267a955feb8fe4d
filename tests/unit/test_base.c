#include <check.h>
#include <errno.h>
#include <string.h>

#include "base/backoff.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/heap.h"
#include "base/list.h"
#include "base/macros.h"
#include "base/rng.h"
#include "support/suite.h"

START_TEST(an_error_collects_context_from_the_inside_out)
{
	struct error err = {0};

	ck_assert_int_eq(error_errno(&err, -ENOENT, "open %s", "/k"), -ENOENT);
	ck_assert_int_eq(error_wrap(&err, -EINVAL, "kubeconfig"), -EINVAL);
	ck_assert_str_eq(err.message, "kubeconfig: open /k: No such file or directory");
	ck_assert_int_eq(error_set(NULL, -EIO, "nobody listens"), -EIO);
}
END_TEST

START_TEST(a_buffer_refuses_to_grow_over_its_cap)
{
	AUTO_BUF struct buf b;

	buf_init(&b, 8);
	ck_assert_int_eq(buf_add_str(&b, "1234567"), 0);
	ck_assert_int_eq(buf_add_str(&b, "89"), -EMSGSIZE);
	ck_assert_int_eq(buf_printf(&b, "%d", 8), 0);
	ck_assert_int_eq(buf_printf(&b, "%d", 9), -EMSGSIZE);
	ck_assert_str_eq(buf_str(&b), "12345678");
}
END_TEST

START_TEST(json_text_is_escaped_as_go_does)
{
	AUTO_BUF struct buf b;

	buf_init(&b, 256);
	ck_assert_int_eq(buf_add_json(&b, "a<b>&\"\\\n\x01/\xc3\xa9\xe2\x80\xa8", 15), 0);
	ck_assert_str_eq(buf_str(&b), "a\\u003cb\\u003e\\u0026\\\"\\\\\\n\\u0001/\xc3\xa9\\u2028");
	buf_reset(&b);
	ck_assert_int_eq(buf_add_json(&b, "x\xff\xc0\xaf\xed\xa0\x80y", 8), 0);
	ck_assert_str_eq(buf_str(&b),
			 "x\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdy");
}
END_TEST

START_TEST(json_text_that_does_not_fit_leaves_the_buffer_as_it_was)
{
	AUTO_BUF struct buf b;

	buf_init(&b, 6);
	ck_assert_int_eq(buf_add_str(&b, "ab"), 0);
	ck_assert_int_eq(buf_add_json(&b, "cd<", 3), -EMSGSIZE);
	ck_assert_str_eq(buf_str(&b), "ab");
}
END_TEST

START_TEST(a_time_has_six_fraction_digits)
{
	char text[CLOCK_TEXT_SIZE];

	clock_format_us(1700000000000042, text);
	ck_assert_str_eq(text, "2023-11-14T22:13:20.000042Z");
}
END_TEST

START_TEST(rng_below_reaches_every_value_and_no_other)
{
	struct rng rng;
	unsigned int seen[7] = {0};

	rng_init_seeded(&rng, 42);
	for (int i = 0; i < 7000; i++)
		seen[rng_below(&rng, 7)]++;
	for (int i = 0; i < 7; i++)
		ck_assert_uint_gt(seen[i], 800);
}
END_TEST

START_TEST(the_same_seed_gives_the_same_numbers)
{
	struct rng a;
	struct rng b;

	rng_init_seeded(&a, 7);
	rng_init_seeded(&b, 7);
	for (int i = 0; i < 100; i++)
		ck_assert_uint_eq(rng_u64(&a), rng_u64(&b));
}
END_TEST

START_TEST(secure_numbers_do_not_repeat_and_are_not_kept)
{
	struct rng a;
	struct rng b;
	uint64_t seen[3 * RNG_POOL];

	rng_init_secure(&a);
	rng_init_secure(&b);
	for (size_t i = 0; i < ARRAY_LEN(seen); i++) {
		seen[i] = rng_u64(&a);
		ck_assert_uint_ne(seen[i], rng_u64(&b));
		for (size_t k = 0; k < i; k++)
			ck_assert_uint_ne(seen[i], seen[k]);
		for (size_t k = a.left; k < RNG_POOL; k++)
			ck_assert_uint_eq(a.pool[k], 0);
	}
}
END_TEST

START_TEST(backoff_doubles_with_jitter_up_to_its_maximum)
{
	struct rng rng;
	struct backoff b;

	rng_init_seeded(&rng, 1);
	backoff_init(&b, 100, 1000);
	for (uint32_t i = 0; i < 10; i++) {
		uint32_t least = i < 4 ? 100u << i : 1000;
		uint32_t delay = backoff_next(&b, &rng);

		ck_assert_uint_ge(delay, least < 1000 ? least : 1000);
		ck_assert_uint_le(delay, 1000);
	}
	backoff_reset(&b);
	ck_assert_uint_lt(backoff_next(&b, &rng), 200);
}
END_TEST

START_TEST(a_heap_gives_the_smallest_key_under_random_changes)
{
	struct heap h = {0};
	struct heap_node nodes[64] = {0};
	struct rng rng;

	rng_init_seeded(&rng, 3);
	for (int step = 0; step < 20000; step++) {
		struct heap_node *node = &nodes[rng_below(&rng, 64)];
		struct heap_node *least = NULL;

		if (rng_below(&rng, 3) == 0)
			heap_remove(&h, node);
		else
			ck_assert_int_eq(heap_set(&h, node, rng_below(&rng, 1000)), 0);
		for (size_t i = 0; i < 64; i++)
			if (heap_contains(&nodes[i]) && (least == NULL || nodes[i].key < least->key))
				least = &nodes[i];
		ck_assert_int_eq(heap_first(&h) == NULL, least == NULL);
		if (least != NULL)
			ck_assert_uint_eq(heap_first(&h)->key, least->key);
	}
	heap_free(&h);
}
END_TEST

START_TEST(a_list_keeps_order_and_forgives_a_second_removal)
{
	struct list head;
	struct list a;
	struct list b;

	list_init(&head);
	list_push_back(&head, &a);
	list_push_back(&head, &b);
	ck_assert_ptr_eq(list_first(&head), &a);
	list_remove(&a);
	list_remove(&a);
	ck_assert_ptr_eq(list_first(&head), &b);
	list_remove(&b);
	ck_assert(list_empty(&head));
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		an_error_collects_context_from_the_inside_out,
		a_buffer_refuses_to_grow_over_its_cap,
		json_text_is_escaped_as_go_does,
		json_text_that_does_not_fit_leaves_the_buffer_as_it_was,
		a_time_has_six_fraction_digits,
		rng_below_reaches_every_value_and_no_other,
		secure_numbers_do_not_repeat_and_are_not_kept,
		the_same_seed_gives_the_same_numbers,
		backoff_doubles_with_jitter_up_to_its_maximum,
		a_heap_gives_the_smallest_key_under_random_changes,
		a_list_keeps_order_and_forgives_a_second_removal,
	};

	return suite_run("base", tests, ARRAY_LEN(tests));
}
