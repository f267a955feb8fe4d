/**
 * test_allocator_fixture: an allocator and short words for facts, wishes and answers, shared by its test
 * programs.
 */
#ifndef TEST_ALLOCATOR_FIXTURE_H
#define TEST_ALLOCATOR_FIXTURE_H

#include <check.h>
#include <stdio.h>
#include <string.h>

#include "base/macros.h"
#include "controller/allocator.h"
#include "support/suite.h"

/* Each program uses some of them. */
#define HELPER static __attribute__((unused))

#define QUARANTINE_MS 60000

static struct cid_range range;
static struct rng rng;
static struct allocator *a;
static struct wish wish;
static unsigned int told[NOTICE_COUNT];
static struct notice last;
/* Set back when a test ends, not when it begins: objects may be made before their allocator, and with
 * CK_FORK=no all tests share one process. */
static uint64_t version = 100;

HELPER void remember(void *data, const struct notice *n)
{
	(void)data;
	told[n->kind]++;
	last = *n;
}

HELPER void given_allocator_of(uint32_t min, uint32_t max, const struct cid_span *excluded, uint32_t window)
{
	const struct allocator_options options = {
		.range = &range,
		.quarantine_ms = QUARANTINE_MS,
		.max_in_flight = window,
		.rng = &rng,
		.notice = remember,
	};

	memset(told, 0, sizeof(told));
	rng_init_seeded(&rng, 7);
	ck_assert_int_eq(cid_range_init(&range, min, max, excluded, excluded != NULL, NULL), 0);
	ck_assert_int_eq(allocator_create(&a, &options), 0);
}

HELPER void given_allocator(uint32_t window)
{
	given_allocator_of(3, 2147483647, NULL, window);
}

HELPER void lead(uint32_t term)
{
	allocator_list_started(a);
	allocator_list_done(a, "100", 0);
	allocator_set_gate(a, true);
	allocator_set_term(a, term);
	allocator_set_right(a, UINT64_MAX);
}

HELPER void given_leader(void)
{
	given_allocator(4);
	lead(5);
}

HELPER void done(void)
{
	const char *reason = NULL;

	ck_assert_msg(allocator_validate(a, &reason), "%s", reason);
	allocator_free(a);
	cid_range_free(&range);
	version = 100;
}

HELPER struct vmi vmi_with(const char *uid, enum vmi_phase phase)
{
	struct vmi v = {
		.namespace = "ns",
		.created_s = 1000,
		.phase = phase,
		.has_status = true,
		.has_phase = phase != VMI_PHASE_UNSET,
		.wants_vsock = true,
	};

	(void)snprintf(v.name, sizeof(v.name), "vm-%s", uid);
	(void)snprintf(v.uid, sizeof(v.uid), "%s", uid);
	(void)snprintf(v.resource_version, sizeof(v.resource_version), "%llu", (unsigned long long)++version);
	return v;
}

HELPER struct vmi vmi_holding(const char *uid, enum vmi_phase phase, uint32_t cid)
{
	struct vmi v = vmi_with(uid, phase);

	v.cid_state = VMI_CID_PRESENT;
	v.cid = cid;
	return v;
}

HELPER void see(struct vmi v, uint64_t now_ms)
{
	allocator_vmi_seen(a, &v, false, now_ms);
}

HELPER void list_with(struct vmi v, const char *rv, uint64_t now_ms)
{
	allocator_list_started(a);
	allocator_vmi_seen(a, &v, true, now_ms);
	allocator_list_done(a, rv, now_ms);
}

HELPER void answer(enum answer_kind kind, const struct vmi *object, uint64_t now_ms)
{
	const struct answer ans = {.kind = kind, .object = object, .text = ""};

	allocator_answer(a, wish.ticket, &ans, now_ms);
}

HELPER void expect_patch(const char *uid, uint64_t now_ms)
{
	ck_assert(allocator_next(a, &wish, now_ms));
	ck_assert_int_eq(wish.kind, WISH_PATCH);
	ck_assert_str_eq(wish.uid, uid);
}

HELPER void expect_read(const char *uid, uint64_t now_ms)
{
	ck_assert(allocator_next(a, &wish, now_ms));
	ck_assert_int_eq(wish.kind, WISH_READ);
	ck_assert_str_eq(wish.uid, uid);
}

HELPER void expect_nothing(uint64_t now_ms)
{
	ck_assert(!allocator_next(a, &wish, now_ms));
}

HELPER void answer_with_cid(const char *uid, enum vmi_phase phase, uint64_t now_ms)
{
	struct vmi v = vmi_holding(uid, phase, wish.cid);

	answer(ANSWER_OBJECT, &v, now_ms);
}

/* Lets time pass until a wish is there, in steps of the allocator's own deadlines. */
HELPER uint64_t wait_for_wish(uint64_t now_ms)
{
	for (int i = 0; i < 100; i++) {
		if (allocator_next(a, &wish, now_ms))
			return now_ms;
		ck_assert_uint_ne(allocator_deadline(a), UINT64_MAX);
		now_ms = allocator_deadline(a);
		allocator_tick(a, now_ms);
	}
	ck_abort_msg("no wish ever came");
	return 0;
}

#endif
