#include <check.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/macros.h"
#include "kube/reflector_view.h"
#include "support/suite.h"

struct fixture {
	struct logger log;
	struct reflector_view view;
	struct error why;
	off_t read; /* bytes of the log that were looked at */
	char news[4096];
};

static void setup(struct fixture *fx)
{
	*fx = (struct fixture){.why = {-1, "because"}};
	log_init(&fx->log, memfd_create("log", 0), LOG_LEVEL_INFO, "test");
	reflector_view_init(&fx->view, &fx->log, "things", "example.org", NULL);
}

static void teardown(struct fixture *fx)
{
	(void)close(fx->log.fd);
}

/* What was logged since the last call. */
static const char *news(struct fixture *fx)
{
	ssize_t n = pread(fx->log.fd, fx->news, sizeof(fx->news) - 1, fx->read);

	ck_assert_int_ge(n, 0);
	fx->news[n] = '\0';
	fx->read += n;
	return fx->news;
}

#define assert_told(fx, text)                                                                                \
	do {                                                                                                 \
		ck_assert_ptr_nonnull(strstr(news(fx), text));                                               \
		ck_assert_ptr_eq(strchr((fx)->news, '\n'), (fx)->news + strlen((fx)->news) - 1);             \
	} while (0)
#define assert_silent(fx) ck_assert_str_eq(news(fx), "")

START_TEST(a_first_list_is_told_and_later_ones_are_not)
{
	struct fixture fx;

	setup(&fx);
	reflector_view_listed(&fx.view, "v1", 3, "20");
	assert_told(&fx, "things.example.org/v1: synced: 3 objects at resourceVersion 20");
	reflector_view_listed(&fx.view, "v1", 4, "21");
	reflector_view_watching(&fx.view, "22");
	assert_silent(&fx);
	teardown(&fx);
}
END_TEST

START_TEST(an_interruption_is_told_once_and_so_is_its_end)
{
	struct fixture fx;

	setup(&fx);
	reflector_view_listed(&fx.view, "v1", 3, "20");
	(void)news(&fx);
	reflector_view_broken(&fx.view, &fx.why, 1000);
	assert_told(&fx, "view interrupted");
	ck_assert_ptr_nonnull(strstr(fx.news, "because"));
	for (uint64_t now = 2000; now < 1000000; now += 1000)
		reflector_view_broken(&fx.view, &fx.why, now);
	assert_silent(&fx);
	reflector_view_watching(&fx.view, "21");
	assert_told(&fx, "view restored: the watch goes on at resourceVersion 21");
	reflector_view_watching(&fx.view, "22");
	assert_silent(&fx);
	teardown(&fx);
}
END_TEST

START_TEST(an_interruption_may_end_with_a_list)
{
	struct fixture fx;

	setup(&fx);
	reflector_view_listed(&fx.view, "v1", 3, "20");
	reflector_view_broken(&fx.view, &fx.why, 1000);
	(void)news(&fx);
	reflector_view_listed(&fx.view, "v1", 4, "21");
	assert_told(&fx, "view restored by a new list: 4 objects at resourceVersion 21");
	teardown(&fx);
}
END_TEST

START_TEST(a_short_interruption_soon_after_another_is_not_told)
{
	struct fixture fx;

	setup(&fx);
	reflector_view_listed(&fx.view, "v1", 3, "20");
	reflector_view_broken(&fx.view, &fx.why, 1000);
	reflector_view_watching(&fx.view, "21");
	(void)news(&fx);
	reflector_view_broken(&fx.view, &fx.why, 1000 + REFLECTOR_VIEW_QUIET_MS - 1);
	reflector_view_watching(&fx.view, "22");
	assert_silent(&fx);
	reflector_view_broken(&fx.view, &fx.why, 1000 + REFLECTOR_VIEW_QUIET_MS);
	assert_told(&fx, "view interrupted");
	teardown(&fx);
}
END_TEST

START_TEST(a_long_interruption_soon_after_another_is_told_late)
{
	struct fixture fx;

	setup(&fx);
	reflector_view_listed(&fx.view, "v1", 3, "20");
	reflector_view_broken(&fx.view, &fx.why, 1000);
	reflector_view_watching(&fx.view, "21");
	(void)news(&fx);
	for (uint64_t now = 2000; now < 1000 + REFLECTOR_VIEW_QUIET_MS; now += 1000)
		reflector_view_broken(&fx.view, &fx.why, now);
	assert_silent(&fx);
	reflector_view_broken(&fx.view, &fx.why, 1000 + REFLECTOR_VIEW_QUIET_MS);
	assert_told(&fx, "view interrupted");
	reflector_view_watching(&fx.view, "22");
	assert_told(&fx, "view restored");
	teardown(&fx);
}
END_TEST

START_TEST(a_resource_that_is_absent_is_told_once)
{
	struct fixture fx;

	setup(&fx);
	for (uint64_t now = 1000; now < 1000000; now += 1000)
		reflector_view_absent(&fx.view, &fx.why, now);
	assert_told(&fx, "things.example.org: not served by the API server, waiting for it");
	reflector_view_listed(&fx.view, "v1", 0, "20");
	assert_told(&fx, "synced: 0 objects");
	teardown(&fx);
}
END_TEST

START_TEST(a_server_that_is_away_from_the_start_is_told_once)
{
	struct fixture fx;

	setup(&fx);
	reflector_view_broken(&fx.view, &fx.why, 1000);
	assert_told(&fx, "cannot be listed yet");
	reflector_view_absent(&fx.view, &fx.why, 2000);
	assert_silent(&fx);
	reflector_view_absent(&fx.view, &fx.why, 1000 + REFLECTOR_VIEW_QUIET_MS);
	assert_told(&fx, "not served");
	teardown(&fx);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		a_first_list_is_told_and_later_ones_are_not,
		an_interruption_is_told_once_and_so_is_its_end,
		an_interruption_may_end_with_a_list,
		a_short_interruption_soon_after_another_is_not_told,
		a_long_interruption_soon_after_another_is_told_late,
		a_resource_that_is_absent_is_told_once,
		a_server_that_is_away_from_the_start_is_told_once,
	};

	return suite_run("reflector_view", tests, ARRAY_LEN(tests));
}
