#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/macros.h"
#include "kube/token_file.h"
#include "support/suite.h"

struct fixture {
	char dir[64];
	char path[128];
	struct token_file *tf;
	struct error err;
	bool changed;
};

static void given_content(const char *path, const void *bytes, size_t n)
{
	FILE *f = fopen(path, "wb");

	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fwrite(bytes, 1, n, f), n);
	ck_assert_int_eq(fclose(f), 0);
}

static void given_text(struct fixture *fx, const char *text)
{
	given_content(fx->path, text, strlen(text));
}

static void fixture_init(struct fixture *fx)
{
	*fx = (struct fixture){.dir = "/tmp/test_token_file.XXXXXX"};
	ck_assert_ptr_nonnull(mkdtemp(fx->dir));
	(void)snprintf(fx->path, sizeof(fx->path), "%s/token", fx->dir);
}

static int open_at(struct fixture *fx, uint64_t now_ms)
{
	return token_file_open(&fx->tf, fx->path, TOKEN_FILE_MAX_AGE_MS, now_ms, &fx->err);
}

static const char *get(struct fixture *fx, uint64_t now_ms)
{
	return token_file_get(fx->tf, now_ms, &fx->changed, &fx->err);
}

static void fixture_close(struct fixture *fx)
{
	token_file_close(fx->tf);
	(void)unlink(fx->path);
	ck_assert_int_eq(rmdir(fx->dir), 0);
}

START_TEST(the_value_is_the_content_without_white_space_around_it)
{
	struct fixture fx;

	fixture_init(&fx);
	given_text(&fx, " \t\r\n abc.def_-~+/= \n\v\f");
	ck_assert_int_eq(open_at(&fx, 1000), 0);
	ck_assert_str_eq(get(&fx, 1000), "abc.def_-~+/=");
	ck_assert(!fx.changed);
	ck_assert_int_eq(fx.err.code, 0);
	fixture_close(&fx);
}
END_TEST

START_TEST(a_new_token_is_seen_after_fifty_seconds_and_not_before)
{
	struct fixture fx;

	fixture_init(&fx);
	given_text(&fx, "old");
	ck_assert_int_eq(open_at(&fx, 1000), 0);
	given_text(&fx, "new");
	ck_assert_str_eq(get(&fx, 50999), "old");
	ck_assert(!fx.changed);
	ck_assert_str_eq(get(&fx, 51000), "new");
	ck_assert(fx.changed);
	ck_assert_str_eq(get(&fx, 51001), "new");
	ck_assert(!fx.changed);
	given_text(&fx, "newer");
	ck_assert_str_eq(get(&fx, 100999), "new");
	ck_assert_str_eq(get(&fx, 101000), "newer");
	fixture_close(&fx);
}
END_TEST

START_TEST(a_token_swapped_by_symlink_is_followed)
{
	struct fixture fx;
	char first[128];
	char second[128];
	char link[128];

	fixture_init(&fx);
	(void)snprintf(first, sizeof(first), "%s/1", fx.dir);
	(void)snprintf(second, sizeof(second), "%s/2", fx.dir);
	(void)snprintf(link, sizeof(link), "%s/link", fx.dir);
	given_content(first, "one", 3);
	given_content(second, "two", 3);
	ck_assert_int_eq(symlink("1", fx.path), 0);
	ck_assert_int_eq(open_at(&fx, 0), 0);
	ck_assert_int_eq(symlink("2", link), 0);
	ck_assert_int_eq(rename(link, fx.path), 0);
	ck_assert_int_eq(unlink(first), 0);
	ck_assert_str_eq(get(&fx, 1), "one");
	ck_assert_str_eq(get(&fx, TOKEN_FILE_MAX_AGE_MS), "two");
	ck_assert_int_eq(unlink(second), 0);
	fixture_close(&fx);
}
END_TEST

START_TEST(an_expired_token_is_read_again_at_once_and_once)
{
	struct fixture fx;

	fixture_init(&fx);
	given_text(&fx, "old");
	ck_assert_int_eq(open_at(&fx, 1000), 0);
	given_text(&fx, "new");
	token_file_expire(fx.tf);
	ck_assert_str_eq(get(&fx, 1001), "new");
	ck_assert(fx.changed);
	given_text(&fx, "newer");
	ck_assert_str_eq(get(&fx, 1002), "new");
	fixture_close(&fx);
}
END_TEST

START_TEST(a_token_written_again_unchanged_is_not_a_change)
{
	struct fixture fx;

	fixture_init(&fx);
	given_text(&fx, "same");
	ck_assert_int_eq(open_at(&fx, 0), 0);
	given_text(&fx, "same\n");
	token_file_expire(fx.tf);
	ck_assert_str_eq(get(&fx, 1), "same");
	ck_assert(!fx.changed);
	fixture_close(&fx);
}
END_TEST

START_TEST(an_unusable_file_keeps_the_old_value_and_is_tried_again_soon)
{
	struct fixture fx;

	fixture_init(&fx);
	given_text(&fx, "good");
	ck_assert_int_eq(open_at(&fx, 0), 0);
	given_text(&fx, "");
	ck_assert_str_eq(get(&fx, 50000), "good");
	ck_assert(!fx.changed);
	ck_assert_int_eq(fx.err.code, -EINVAL);
	ck_assert_ptr_nonnull(strstr(fx.err.message, "token: is empty"));
	ck_assert_int_eq(unlink(fx.path), 0);
	ck_assert_str_eq(get(&fx, 50500), "good"); /* not tried */
	ck_assert_int_eq(fx.err.code, 0);
	ck_assert_str_eq(get(&fx, 51000), "good");
	ck_assert_int_eq(fx.err.code, -ENOENT);
	given_text(&fx, "better");
	ck_assert_str_eq(get(&fx, 52000), "better");
	ck_assert(fx.changed);
	ck_assert_int_eq(fx.err.code, 0);
	given_text(&fx, "best");
	ck_assert_str_eq(get(&fx, 101999), "better");
	ck_assert_str_eq(get(&fx, 102000), "best");
	fixture_close(&fx);
}
END_TEST

START_TEST(the_caller_may_ask_for_neither_change_nor_error)
{
	struct fixture fx;

	fixture_init(&fx);
	given_text(&fx, "good");
	ck_assert_int_eq(open_at(&fx, 0), 0);
	given_text(&fx, "");
	ck_assert_str_eq(token_file_get(fx.tf, 50000, NULL, NULL), "good");
	fixture_close(&fx);
}
END_TEST

START_TEST(a_missing_file_a_directory_and_a_fifo_cannot_be_opened)
{
	struct fixture fx;

	fixture_init(&fx);
	ck_assert_int_eq(open_at(&fx, 0), -ENOENT);
	ck_assert_int_eq(mkdir(fx.path, 0700), 0);
	ck_assert_int_eq(open_at(&fx, 0), -EINVAL);
	ck_assert_int_eq(rmdir(fx.path), 0);
	ck_assert_int_eq(mkfifo(fx.path, 0600), 0);
	ck_assert_int_eq(open_at(&fx, 0), -EINVAL);
	ck_assert_ptr_null(fx.tf);
	fixture_close(&fx);
}
END_TEST

START_TEST(content_that_no_header_may_carry_is_refused)
{
	static const struct {
		const char *bytes;
		size_t n;
	} bad[] = {
		{"", 0},      {" \n", 2},  {"a\r\nX-Evil: 1", 12}, {"a\0b", 3}, {"\0", 1}, {"a\x7f", 2},
		{"a\x1f", 2}, {"a\tb", 3}, {"caf\xc3\xa9", 5},
	};
	struct fixture fx;

	fixture_init(&fx);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		given_content(fx.path, bad[i].bytes, bad[i].n);
		ck_assert_int_eq(open_at(&fx, 0), -EINVAL);
		ck_assert_int_eq(fx.err.code, -EINVAL);
	}
	fixture_close(&fx);
}
END_TEST

START_TEST(sixty_four_kibibytes_are_the_most)
{
	static char bytes[65537];
	struct fixture fx;

	fixture_init(&fx);
	memset(bytes, 'x', sizeof(bytes));
	given_content(fx.path, bytes, 65537);
	ck_assert_int_eq(open_at(&fx, 0), -EINVAL);
	given_content(fx.path, bytes, 65536);
	ck_assert_int_eq(open_at(&fx, 0), 0);
	ck_assert_uint_eq(strlen(get(&fx, 1)), 65536);
	fixture_close(&fx);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		the_value_is_the_content_without_white_space_around_it,
		a_new_token_is_seen_after_fifty_seconds_and_not_before,
		a_token_swapped_by_symlink_is_followed,
		an_expired_token_is_read_again_at_once_and_once,
		a_token_written_again_unchanged_is_not_a_change,
		an_unusable_file_keeps_the_old_value_and_is_tried_again_soon,
		the_caller_may_ask_for_neither_change_nor_error,
		a_missing_file_a_directory_and_a_fifo_cannot_be_opened,
		content_that_no_header_may_carry_is_refused,
		sixty_four_kibibytes_are_the_most,
	};

	return suite_run("token_file", tests, ARRAY_LEN(tests));
}
