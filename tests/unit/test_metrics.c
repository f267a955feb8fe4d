#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/rng.h"
#include "base/utf8.h"
#include "metrics/process.h"
#include "metrics/registry.h"
#include "support/suite.h"

#define TEXT_MAX ((size_t)1 << 20)

static struct metrics_registry *registry;
static struct buf text;

static void given_registry(void)
{
	ck_assert_int_eq(metrics_registry_create(&registry), 0);
	buf_init(&text, TEXT_MAX);
}

static void done(void)
{
	metrics_registry_free(registry);
	buf_free(&text);
}

static struct metrics_family *given_family(const struct metrics_spec *spec)
{
	struct metrics_family *f = metrics_declare(registry, spec);

	ck_assert_ptr_nonnull(f);
	return f;
}

static struct metrics_series *series_1(struct metrics_family *f, const char *value)
{
	const char *const values[] = {value};

	return metrics_series(f, values);
}

static const char *written(void)
{
	buf_reset(&text);
	ck_assert_int_eq(metrics_write(registry, &text), 0);
	return buf_str(&text);
}

static size_t count_lines_with(const char *haystack, const char *needle)
{
	size_t n = 0;

	for (const char *at = strstr(haystack, needle); at != NULL; at = strstr(at + 1, needle))
		n++;
	return n;
}

static const char *const one_label[] = {"reason", NULL};
static const char *const two_labels[] = {"code", "method", NULL};

START_TEST(families_are_written_in_the_order_of_declaration)
{
	const char *const ok[] = {"200", "GET"};
	const char *const bad[] = {"500", "PATCH"};
	struct metrics_family *gauge;
	struct metrics_family *counter;

	given_registry();
	gauge = given_family(&(struct metrics_spec){"z_bytes", "Size.", METRICS_GAUGE, NULL, NULL, 0});
	counter = given_family(
		&(struct metrics_spec){"a_total", "Requests.", METRICS_COUNTER, two_labels, NULL, 0});
	metrics_add(metrics_series(counter, ok), 2);
	metrics_add(metrics_series(counter, bad), 1);
	metrics_add(metrics_series(counter, ok), 1);
	metrics_set(metrics_series(gauge, NULL), -1.5);
	ck_assert_str_eq(written(), "# HELP z_bytes Size.\n"
				    "# TYPE z_bytes gauge\n"
				    "z_bytes -1.5\n"
				    "# HELP a_total Requests.\n"
				    "# TYPE a_total counter\n"
				    "a_total{code=\"200\",method=\"GET\"} 3\n"
				    "a_total{code=\"500\",method=\"PATCH\"} 1\n");
	done();
}
END_TEST

START_TEST(a_family_without_labels_starts_at_zero_and_one_with_labels_is_silent)
{
	given_registry();
	given_family(&(struct metrics_spec){"a_total", "A.", METRICS_COUNTER, NULL, NULL, 0});
	given_family(&(struct metrics_spec){"b_total", "B.", METRICS_COUNTER, one_label, NULL, 0});
	ck_assert_str_eq(written(), "# HELP a_total A.\n# TYPE a_total counter\na_total 0\n");
	done();
}
END_TEST

START_TEST(label_values_and_help_are_escaped)
{
	struct metrics_family *f;

	given_registry();
	f = given_family(&(struct metrics_spec){"a_total", "back\\slash \"q\"\nline", METRICS_COUNTER,
						one_label, NULL, 0});
	(void)series_1(f, "a\\b\"c\nd\xc3\xa9");
	ck_assert_str_eq(written(), "# HELP a_total back\\\\slash \"q\"\\nline\n"
				    "# TYPE a_total counter\n"
				    "a_total{reason=\"a\\\\b\\\"c\\nd\xc3\xa9\"} 0\n");
	done();
}
END_TEST

START_TEST(histogram_buckets_are_cumulative_and_end_with_infinity)
{
	static const double bounds[] = {0.005, 0.1, 1, 25};
	struct metrics_family *f;
	struct metrics_series *s;

	given_registry();
	f = given_family(&(struct metrics_spec){"t_seconds", "T.", METRICS_HISTOGRAM, one_label, bounds,
						ARRAY_LEN(bounds)});
	s = series_1(f, "x");
	metrics_observe(s, 0.005); /* a bound belongs to its bucket */
	metrics_observe(s, 0.5);
	metrics_observe(s, 1);
	metrics_observe(s, 100);
	metrics_observe(s, (double)NAN);
	ck_assert_double_eq(metrics_value(s), 4);
	ck_assert_str_eq(written(), "# HELP t_seconds T.\n"
				    "# TYPE t_seconds histogram\n"
				    "t_seconds_bucket{reason=\"x\",le=\"0.005\"} 1\n"
				    "t_seconds_bucket{reason=\"x\",le=\"0.1\"} 1\n"
				    "t_seconds_bucket{reason=\"x\",le=\"1\"} 3\n"
				    "t_seconds_bucket{reason=\"x\",le=\"25\"} 3\n"
				    "t_seconds_bucket{reason=\"x\",le=\"+Inf\"} 4\n"
				    "t_seconds_sum{reason=\"x\"} 101.505\n"
				    "t_seconds_count{reason=\"x\"} 4\n");
	done();
}
END_TEST

START_TEST(a_histogram_without_labels_or_buckets_is_whole_too)
{
	given_registry();
	given_family(&(struct metrics_spec){"t_seconds", "T.", METRICS_HISTOGRAM, NULL, NULL, 0});
	ck_assert_str_eq(written(), "# HELP t_seconds T.\n"
				    "# TYPE t_seconds histogram\n"
				    "t_seconds_bucket{le=\"+Inf\"} 0\n"
				    "t_seconds_sum 0\n"
				    "t_seconds_count 0\n");
	done();
}
END_TEST

/* The number that a gauge set to @value is written as. */
static const char *written_number(struct metrics_series *s, double value)
{
	const char *line;

	metrics_set(s, value);
	line = strstr(written(), "\ng ");
	ck_assert_ptr_nonnull(line);
	return line + 3;
}

START_TEST(numbers_have_their_shortest_exact_form)
{
	static const struct {
		double value;
		const char *text;
	} cases[] = {
		{0, "0\n"},
		{-3, "-3\n"},
		{0.1, "0.1\n"},
		{0.30000000000000004, "0.30000000000000004\n"},
		{1.0 / 3, "0.3333333333333333\n"},
		{4294967294.0, "4294967294\n"},
		{9007199254740991.0, "9007199254740991\n"},
		{1e300, "1e+300\n"},
		{5e-324, "5e-324\n"},
		{1700000000.123456, "1700000000.123456\n"},
	};
	struct metrics_series *s;

	given_registry();
	s = metrics_series(given_family(&(struct metrics_spec){"g", "G.", METRICS_GAUGE, NULL, NULL, 0}),
			   NULL);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		ck_assert_str_eq(written_number(s, cases[i].value), cases[i].text);
	ck_assert_str_eq(written_number(s, (double)NAN), "NaN\n");
	ck_assert_str_eq(written_number(s, (double)INFINITY), "+Inf\n");
	ck_assert_str_eq(written_number(s, -(double)INFINITY), "-Inf\n");
	done();
}
END_TEST

START_TEST(a_written_number_reads_back_as_the_same_double)
{
	struct metrics_series *s;
	struct rng rng;

	given_registry();
	rng_init_seeded(&rng, 7);
	s = metrics_series(given_family(&(struct metrics_spec){"g", "G.", METRICS_GAUGE, NULL, NULL, 0}),
			   NULL);
	for (int i = 0; i < 2000; i++) {
		uint64_t bits = rng_u64(&rng);
		double value;

		memcpy(&value, &bits, sizeof(value));
		if (!isnan(value))
			ck_assert_double_eq(strtod(written_number(s, value), NULL), value);
	}
	done();
}
END_TEST

START_TEST(over_the_cap_series_are_counted_under_other)
{
	struct metrics_family *f;
	char value[32];

	given_registry();
	f = given_family(&(struct metrics_spec){"a_total", "A.", METRICS_COUNTER, one_label, NULL, 0});
	for (int i = 0; i < METRICS_MAX_SERIES + 50; i++) {
		(void)snprintf(value, sizeof(value), "v%d", i);
		metrics_add(series_1(f, value), 1);
	}
	metrics_add(series_1(f, "v3"), 1);
	ck_assert_uint_eq(count_lines_with(written(), "a_total{"), METRICS_MAX_SERIES + 1);
	ck_assert_ptr_nonnull(strstr(written(), "\na_total{reason=\"v3\"} 2\n"));
	ck_assert_ptr_nonnull(strstr(written(), "\na_total{reason=\"other\"} 50\n"));
	done();
}
END_TEST

START_TEST(a_value_that_is_too_long_or_not_utf8_is_counted_under_other)
{
	char longest[METRICS_MAX_VALUE + 2];
	struct metrics_family *f;

	given_registry();
	f = given_family(&(struct metrics_spec){"a_total", "A.", METRICS_COUNTER, one_label, NULL, 0});
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	metrics_add(series_1(f, longest), 1);
	metrics_add(series_1(f, "\xc0\xaf"), 1);
	metrics_add(series_1(f, "other"), 1);
	ck_assert_uint_eq(count_lines_with(written(), "a_total{"), 1);
	ck_assert_ptr_nonnull(strstr(written(), "\na_total{reason=\"other\"} 3\n"));
	longest[METRICS_MAX_VALUE] = '\0';
	metrics_add(series_1(f, longest), 1);
	ck_assert_uint_eq(count_lines_with(written(), "a_total{"), 2);
	done();
}
END_TEST

START_TEST(a_counter_never_falls)
{
	struct metrics_series *s;

	given_registry();
	s = metrics_series(
		given_family(&(struct metrics_spec){"a_total", "A.", METRICS_COUNTER, NULL, NULL, 0}), NULL);
	metrics_add(s, 5);
	metrics_add(s, -1);
	metrics_add(s, (double)NAN);
	metrics_set(s, 4);
	metrics_set(s, (double)NAN);
	ck_assert_double_eq(metrics_value(s), 5);
	metrics_set(s, 6);
	ck_assert_double_eq(metrics_value(s), 6);
	done();
}
END_TEST

START_TEST(a_wrong_declaration_is_refused)
{
	static const char *const twice[] = {"a", "b", "a", NULL};
	static const char *const reserved[] = {"__a", NULL};
	static const char *const colon[] = {"a:b", NULL};
	static const char *const le[] = {"le", NULL};
	static const double falling[] = {1, 1};
	static const double infinite[] = {1, INFINITY};
	const struct metrics_spec wrong[] = {
		{"", "H.", METRICS_GAUGE, NULL, NULL, 0},
		{"0a", "H.", METRICS_GAUGE, NULL, NULL, 0},
		{"a-b", "H.", METRICS_GAUGE, NULL, NULL, 0},
		{"a\xc3\xa9", "H.", METRICS_GAUGE, NULL, NULL, 0},
		{NULL, "H.", METRICS_GAUGE, NULL, NULL, 0},
		{"a", NULL, METRICS_GAUGE, NULL, NULL, 0},
		{"a", "H.", METRICS_GAUGE, twice, NULL, 0},
		{"a", "H.", METRICS_GAUGE, reserved, NULL, 0},
		{"a", "H.", METRICS_GAUGE, colon, NULL, 0},
		{"a", "H.", METRICS_HISTOGRAM, le, NULL, 0},
		{"a", "H.", METRICS_GAUGE, NULL, falling, 1},
		{"a", "H.", METRICS_HISTOGRAM, NULL, falling, 2},
		{"a", "H.", METRICS_HISTOGRAM, NULL, infinite, 2},
		{"taken", "H.", METRICS_GAUGE, NULL, NULL, 0},
		{"taken_sum", "H.", METRICS_GAUGE, NULL, NULL, 0},
		{"early", "H.", METRICS_HISTOGRAM, NULL, NULL, 0},
	};

	given_registry();
	given_family(&(struct metrics_spec){"taken", "H.", METRICS_HISTOGRAM, NULL, NULL, 0});
	given_family(&(struct metrics_spec){"early_count", "H.", METRICS_GAUGE, NULL, NULL, 0});
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		ck_assert_msg(metrics_declare(registry, &wrong[i]) == NULL, "case %zu", i);
	given_family(&(struct metrics_spec){"kube:a_B9", "H.", METRICS_GAUGE, one_label, NULL, 0});
	done();
}
END_TEST

START_TEST(a_text_that_does_not_fit_leaves_the_buffer_as_it_was)
{
	AUTO_BUF struct buf small;

	given_registry();
	buf_init(&small, 40);
	given_family(&(struct metrics_spec){"a_total", "A.", METRICS_COUNTER, NULL, NULL, 0});
	ck_assert_int_eq(buf_add_str(&small, "before"), 0);
	ck_assert_int_eq(metrics_write(registry, &small), -EMSGSIZE);
	ck_assert_str_eq(buf_str(&small), "before");
	ck_assert_uint_eq(small.len, 6);
	done();
}
END_TEST

START_TEST(nothing_ends_the_process_where_a_family_is_missing)
{
	given_registry();
	ck_assert_ptr_null(metrics_series(NULL, NULL));
	metrics_add(NULL, 1);
	metrics_set(NULL, 1);
	metrics_observe(NULL, 1);
	ck_assert_double_eq(metrics_value(NULL), 0);
	done();
	metrics_registry_free(NULL);
}
END_TEST

START_TEST(the_process_tells_about_itself)
{
	struct process_metrics p;
	double fds;
	int fd;

	given_registry();
	ck_assert_int_eq(process_metrics_init(&p, registry), 0);
	ck_assert_double_gt(metrics_value(p.resident_bytes), 100000);
	ck_assert_double_ge(metrics_value(p.virtual_bytes), metrics_value(p.resident_bytes));
	ck_assert_double_ge(metrics_value(p.max_fds), metrics_value(p.open_fds));
	/* Between 2017 and now. */
	ck_assert_double_gt(metrics_value(p.start_seconds), 1500000000);
	ck_assert_double_lt(metrics_value(p.start_seconds), (double)time(NULL) + 60);
	fds = metrics_value(p.open_fds);
	fd = open("/dev/null", O_RDONLY);
	ck_assert_int_ge(fd, 0);
	process_metrics_refresh(&p);
	ck_assert_double_eq(metrics_value(p.open_fds), fds + 1);
	close(fd);
	while (metrics_value(p.cpu_seconds) == 0)
		process_metrics_refresh(&p);
	ck_assert_int_eq(process_metrics_init(&p, registry), -EINVAL);
	done();
}
END_TEST

START_TEST(promtool_finds_nothing_to_say)
{
	static const double bounds[] = {0.01, 1};
	struct process_metrics p;
	FILE *promtool;

	if (system("command -v promtool >/dev/null 2>&1") != 0)
		return; /* the end-to-end suite insists on it */
	given_registry();
	given_family(&(struct metrics_spec){"kubevirt_vsock_allocations_total", "A.", METRICS_COUNTER, NULL,
					    NULL, 0});
	given_family(&(struct metrics_spec){"kubevirt_vsock_wait_seconds", "\\ \" \n", METRICS_HISTOGRAM,
					    NULL, bounds, 2});
	(void)series_1(given_family(&(struct metrics_spec){"kubevirt_vsock_errors_total", "E.",
							   METRICS_COUNTER, one_label, NULL, 0}),
		       "\\ \" \n {},=");
	ck_assert_int_eq(process_metrics_init(&p, registry), 0);
	promtool = popen("promtool check metrics >&2", "w");
	ck_assert_ptr_nonnull(promtool);
	ck_assert_int_ge(fputs(written(), promtool), 0);
	ck_assert_int_eq(pclose(promtool), 0);
	done();
}
END_TEST

START_TEST(utf8_is_cut_between_sequences)
{
	ck_assert(utf8_valid("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 10));
	ck_assert(!utf8_valid("\xed\xa0\x80", 3));
	ck_assert(!utf8_valid("\xf4\x90\x80\x80", 4));
	ck_assert(!utf8_valid("a\xc3", 2));
	ck_assert_uint_eq(utf8_cut("ab\xe2\x82\xac", 5, 5), 5);
	ck_assert_uint_eq(utf8_cut("ab\xe2\x82\xac", 5, 4), 2);
	ck_assert_uint_eq(utf8_cut("ab\xe2\x82\xac", 5, 2), 2);
	ck_assert_uint_eq(utf8_cut("\xff\xff\xff", 3, 2), 2);
	ck_assert_uint_eq(utf8_cut("", 0, 2), 0);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		families_are_written_in_the_order_of_declaration,
		a_family_without_labels_starts_at_zero_and_one_with_labels_is_silent,
		label_values_and_help_are_escaped,
		histogram_buckets_are_cumulative_and_end_with_infinity,
		a_histogram_without_labels_or_buckets_is_whole_too,
		numbers_have_their_shortest_exact_form,
		a_written_number_reads_back_as_the_same_double,
		over_the_cap_series_are_counted_under_other,
		a_value_that_is_too_long_or_not_utf8_is_counted_under_other,
		a_counter_never_falls,
		a_wrong_declaration_is_refused,
		a_text_that_does_not_fit_leaves_the_buffer_as_it_was,
		nothing_ends_the_process_where_a_family_is_missing,
		the_process_tells_about_itself,
		promtool_finds_nothing_to_say,
		utf8_is_cut_between_sequences,
	};

	return suite_run("metrics", tests, ARRAY_LEN(tests));
}
