/* The library's own sources, compiled here once more with allocators that fail on demand. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static unsigned int allocations;
static unsigned int failing_allocation; /* from 1; 0 = none */

static void *test_calloc(size_t count, size_t size)
{
	return ++allocations == failing_allocation ? NULL : calloc(count, size);
}

static void *test_realloc(void *p, size_t size)
{
	return ++allocations == failing_allocation ? NULL : realloc(p, size);
}

#define calloc(count, size) test_calloc(count, size)
#define realloc(p, size)    test_realloc(p, size)
#include "base/buf.c"
#include "json/filter.c"
#include "json/reader.c"
#include "json/text.c"
#undef calloc
#undef realloc

#include "support/suite.h"

#define PATH(...) ((const char *const[]){__VA_ARGS__, NULL})

/* A filter and two long texts: everything that allocates. Returns 0 or the first failure. */
static int create_filter(struct json_filter **out)
{
	int rc = json_filter_create(out);

	if (rc != 0)
		return rc;
	rc = json_filter_add(*out, NULL, PATH("a", JSON_EACH, "b"), 0);
	if (rc == 0)
		rc = json_filter_add(*out, NULL, PATH("a", JSON_EACH, "c", "d"), 1);
	if (rc != 0)
		json_filter_free(*out);
	return rc;
}

static int read_all(struct error *err)
{
	static const char text[] =
		"{\"a\":[{\"b\":\"a text of some 80 bytes ..................................."
		"................................\\u0041............................................"
		"....................................................................................."
		"...................................................................................\"},"
		"{\"c\":{\"d\":12345678901234567890}}]}";
	const struct json_reader_limits limits = {.max_text = 1 << 20};
	const struct json_reader_events none = {0};
	struct json_filter *filter;
	struct json_reader *r;
	int rc = create_filter(&filter);

	if (rc != 0)
		return rc;
	rc = json_reader_create(&r, filter, &limits, &none, NULL);
	if (rc == 0) {
		rc = json_reader_feed(r, text, strlen(text), err);
		json_reader_free(r);
	}
	json_filter_free(filter);
	return rc;
}

START_TEST(each_allocation_may_fail)
{
	unsigned int total;

	failing_allocation = 0;
	allocations = 0;
	ck_assert_int_eq(read_all(NULL), 0);
	total = allocations;
	ck_assert_uint_ge(total, 8);
	for (failing_allocation = 1; failing_allocation <= total; failing_allocation++) {
		allocations = 0;
		ck_assert_int_eq(read_all(NULL), -ENOMEM);
		ck_assert_uint_eq(allocations, failing_allocation);
	}
}
END_TEST

START_TEST(a_reader_without_memory_says_so_and_can_be_reset)
{
	static const char text[] = "{\"a\":[{\"b\":1}]}";
	const struct json_reader_limits limits = {.max_text = 1 << 20};
	const struct json_reader_events none = {0};
	struct error err = {0};
	struct json_filter *filter;
	struct json_reader *r;

	failing_allocation = 0;
	ck_assert_int_eq(create_filter(&filter), 0);
	ck_assert_int_eq(json_reader_create(&r, filter, &limits, &none, NULL), 0);
	allocations = 0;
	failing_allocation = 1;
	ck_assert_int_eq(json_reader_feed(r, text, strlen(text), &err), -ENOMEM);
	ck_assert_str_eq(err.message, "JSON, byte 12: out of memory");
	json_reader_reset(r);
	ck_assert_int_eq(json_reader_feed(r, text, strlen(text), &err), 0);
	ck_assert(json_reader_at_boundary(r));
	json_reader_free(r);
	json_filter_free(filter);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		each_allocation_may_fail,
		a_reader_without_memory_says_so_and_can_be_reset,
	};

	return suite_run("json_memory", tests, ARRAY_LEN(tests));
}
