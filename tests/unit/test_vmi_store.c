/* What is special in the store's small records; what it is for is tested with the allocator. */
#include "controller/vmi_store.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#include "base/macros.h"
#include "support/suite.h"

#define UUID "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9"

static struct vmi named(const char *namespace, const char *name)
{
	struct vmi v = {0};

	(void)snprintf(v.namespace, sizeof(v.namespace), "%s", namespace);
	(void)snprintf(v.name, sizeof(v.name), "%s", name);
	return v;
}

static struct vmi_record *add(struct vmi_store *s, const char *key, const char *namespace, const char *name)
{
	struct vmi v = named(namespace, name);
	struct vmi_record *r = vmi_store_add(s, key, &v);

	ck_assert_ptr_nonnull(r);
	return r;
}

/* UUIDs are kept in 16 bytes, which must not make two keys one. */
START_TEST(every_key_comes_back_as_it_was)
{
	static const char *const keys[] = {
		UUID,
		"0A1B2C3D-4E5F-6071-8293-A4B5C6D7E8F9",
		"0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f",
		"0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f90",
		"0a1b2c3d4e5f-6071-8293-a4b5c6d7e8f9-",
		"0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8fg",
		"00000000-0000-0000-0000-000000000000",
		"ffffffff-ffff-ffff-ffff-ffffffffffff",
		"?ns/name",
		"u",
	};
	struct vmi_store s;

	ck_assert_int_eq(vmi_store_init(&s, 1), 0);
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		ck_assert_ptr_null(vmi_store_find(&s, keys[i]));
		(void)add(&s, keys[i], "ns", "name");
	}
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		char uid[VMI_KEY_SIZE];
		struct vmi_record *r = vmi_store_find(&s, keys[i]);

		ck_assert_ptr_nonnull(r);
		ck_assert_str_eq(vmi_record_uid(r, uid), keys[i]);
		ck_assert_str_eq(vmi_record_name(r), "name");
		ck_assert_str_eq(vmi_record_namespace(r), "ns");
	}
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		vmi_store_remove(&s, vmi_store_find(&s, keys[i]));
	ck_assert_uint_eq(s.by_uid.len, 0);
	vmi_store_close(&s);
}
END_TEST

START_TEST(the_longest_names_and_keys_fit)
{
	struct vmi_store s;
	struct vmi v = {0};
	char key[VMI_KEY_SIZE];
	char uid[VMI_KEY_SIZE];
	struct vmi_record *r;

	memset(v.namespace, 'n', VMI_NAMESPACE_MAX);
	memset(v.name, 'm', VMI_NAME_MAX);
	(void)snprintf(key, sizeof(key), "?%s/%s", v.namespace, v.name);
	ck_assert_int_eq(vmi_store_init(&s, 1), 0);
	r = vmi_store_add(&s, key, &v);
	ck_assert_str_eq(vmi_record_uid(r, uid), key);
	ck_assert_str_eq(vmi_record_namespace(r), v.namespace);
	vmi_store_remove(&s, r);
	vmi_store_close(&s);
}
END_TEST

START_TEST(a_namespace_lives_as_long_as_its_last_record)
{
	struct vmi_store s;
	struct vmi_record *a;
	struct vmi_record *b;

	ck_assert_int_eq(vmi_store_init(&s, 1), 0);
	a = add(&s, "a", "one", "x");
	b = add(&s, "b", "one", "y");
	(void)add(&s, "c", "two", "x");
	ck_assert_uint_eq(s.namespaces.len, 2);
	ck_assert_ptr_eq(vmi_record_namespace(a), vmi_record_namespace(b));
	vmi_store_remove(&s, a);
	ck_assert_str_eq(vmi_record_namespace(b), "one");
	vmi_store_remove(&s, b);
	ck_assert_uint_eq(s.namespaces.len, 1);
	(void)add(&s, "d", "one", "x");
	ck_assert_str_eq(vmi_record_namespace(vmi_store_find(&s, "d")), "one");
	vmi_store_close(&s);
}
END_TEST

START_TEST(versions_have_up_to_128_bits)
{
	static const uint64_t highs[] = {0, 1, 0, UINT64_MAX, 0};
	struct vmi_store s;
	struct vmi_record *r;

	ck_assert_int_eq(vmi_store_init(&s, 1), 0);
	r = add(&s, "a", "ns", "x");
	ck_assert(vmi_record_version(r) == 0);
	for (size_t i = 0; i < ARRAY_LEN(highs); i++) {
		vmi_version version = (vmi_version)highs[i] << 64 | (UINT64_MAX - i);

		vmi_store_set_version(&s, r, version);
		ck_assert(vmi_record_version(r) == version);
	}
	vmi_store_close(&s);
}
END_TEST

START_TEST(another_source_is_another_guest)
{
	struct vmi_store s;
	struct vmi_record *r;

	ck_assert_int_eq(vmi_store_init(&s, 1), 0);
	r = add(&s, "a", "ns", "x");
	ck_assert_ptr_null(vmi_record_source(r));
	ck_assert_uint_eq(vmi_record_guest_cid(r), 0);
	ck_assert(vmi_store_set_source(&s, r, UUID));
	vmi_record_set_guest_cid(r, 77);
	ck_assert_str_eq(vmi_record_source(r), UUID);
	ck_assert_uint_eq(vmi_record_guest_cid(r), 77);
	ck_assert(vmi_store_set_source(&s, r, "other"));
	ck_assert_str_eq(vmi_record_source(r), "other");
	ck_assert_uint_eq(vmi_record_guest_cid(r), 0);
	vmi_store_remove(&s, r);
	vmi_store_close(&s);
}
END_TEST

static void assert_holds(const struct vmi_record *r, const uint32_t *cids, size_t n)
{
	struct vmi_hold *h = vmi_hold_first(r);

	for (size_t i = 0; i < n; i++, h = vmi_hold_next(h)) {
		ck_assert_ptr_nonnull(h);
		ck_assert_uint_eq(h->cid, cids[i]);
		ck_assert_ptr_eq(vmi_hold_owner(h), r);
		ck_assert_ptr_eq(vmi_store_hold_of(r, cids[i]), h);
	}
	ck_assert_ptr_null(h);
}

#define ASSERT_HOLDS(r, ...)                                                                                 \
	assert_holds(r, (const uint32_t[]){__VA_ARGS__}, ARRAY_LEN(((const uint32_t[]){__VA_ARGS__})))

START_TEST(holds_are_walked_from_the_youngest_on)
{
	struct vmi_store s;
	struct vmi_record *r;
	bool first;

	ck_assert_int_eq(vmi_store_init(&s, 1), 0);
	r = add(&s, "a", "ns", "x");
	ck_assert_ptr_null(vmi_hold_first(r));
	for (uint32_t cid = 0; cid < 4; cid++) {
		ck_assert_ptr_nonnull(vmi_store_hold(&s, r, cid, &first));
		ck_assert(first);
	}
	ASSERT_HOLDS(r, 3, 2, 1, 0);
	ck_assert_ptr_nonnull(vmi_store_hold(&s, r, 2, &first));
	ck_assert(!first);
	ASSERT_HOLDS(r, 3, 2, 1, 0);
	ck_assert(vmi_store_let_go(&s, vmi_store_hold_of(r, 2)));
	ck_assert(vmi_store_let_go(&s, vmi_store_hold_of(r, 0)));
	ASSERT_HOLDS(r, 3, 1);
	/* What is young does not take the place of the oldest. */
	ck_assert_ptr_nonnull(vmi_store_hold(&s, r, 9, &first));
	ASSERT_HOLDS(r, 9, 3, 1);
	for (struct vmi_hold *h; (h = vmi_hold_first(r)) != NULL;)
		ck_assert(vmi_store_let_go(&s, h));
	ck_assert_ptr_nonnull(vmi_store_hold(&s, r, 5, &first));
	ASSERT_HOLDS(r, 5);
	ck_assert_ptr_eq(vmi_hold_first(r), &r->hold);
	ck_assert_uint_eq(s.held_cids, 1);
	vmi_store_close(&s);
}
END_TEST

START_TEST(the_owners_of_a_cid_are_found_wherever_their_holds_are)
{
	struct vmi_store s;
	struct vmi_record *a;
	struct vmi_record *b;
	bool first;
	size_t owners = 0;

	ck_assert_int_eq(vmi_store_init(&s, 1), 0);
	a = add(&s, "a", "ns", "x");
	b = add(&s, "b", "ns", "y");
	(void)vmi_store_hold(&s, a, 7, &first);
	(void)vmi_store_hold(&s, b, 8, &first);
	vmi_store_show(&s, b, vmi_store_hold(&s, b, 7, &first));
	ck_assert(!first);
	vmi_store_show(&s, a, vmi_store_hold_of(a, 7));
	ck_assert_uint_eq(s.duplicate_cids, 1);
	for (struct vmi_hold *h = vmi_store_owner(&s, 7, NULL); h != NULL; h = vmi_store_owner(&s, 7, h))
		owners += vmi_hold_owner(h) == a ? 1 : 10;
	ck_assert_uint_eq(owners, 11);
	ck_assert(!vmi_store_let_go(&s, vmi_store_hold_of(a, 7)));
	ck_assert_uint_eq(s.duplicate_cids, 0);
	ck_assert(vmi_store_let_go(&s, vmi_store_hold_of(b, 7)));
	ck_assert_uint_eq(s.held_cids, 1);
	vmi_store_close(&s);
}
END_TEST

START_TEST(an_ordinary_record_is_small)
{
	ck_assert_uint_le(offsetof(struct vmi_record, text), 62);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		every_key_comes_back_as_it_was,
		the_longest_names_and_keys_fit,
		a_namespace_lives_as_long_as_its_last_record,
		versions_have_up_to_128_bits,
		another_source_is_another_guest,
		holds_are_walked_from_the_youngest_on,
		the_owners_of_a_cid_are_found_wherever_their_holds_are,
		an_ordinary_record_is_small,
	};

	return suite_run("vmi_store", tests, ARRAY_LEN(tests));
}
