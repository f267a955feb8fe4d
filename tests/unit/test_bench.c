/* The statistics, verdicts, charts and frames of tests/bench. */
#include <check.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/macros.h"
#include "bench/chart.h"
#include "bench/figure.h"
#include "bench/frame.h"
#include "bench/samples.h"
#include "bench/stats.h"
#include "bench/target.h"
#include "support/suite.h"

static struct samples samples = {.fd = -1};

/* At the start of each test that has samples: without a fork per test they would be those of the test before.
 */
static void given_no_samples(void)
{
	samples_close(&samples);
	(void)snprintf(samples.date, sizeof(samples.date), "2026-01-01T00:00:00Z");
}

static void given(const char *subject, const char *metric, const double *values, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		ck_assert_int_eq(samples_add(&samples, "storm", subject, i, metric, values[i]), 0);
}

#define GIVEN(subject, ...)                                                                                  \
	given((subject), "cpu_us", (double[]){__VA_ARGS__}, ARRAY_LEN(((double[]){__VA_ARGS__})))

static struct stats_interval interval_of(unsigned int n)
{
	struct stats_interval out;
	double values[64];

	for (unsigned int i = 0; i < n; i++)
		values[i] = (double)(n - i); /* n .. 1 */
	stats_interval(values, n, &out);
	return out;
}

/* ---- intervals ---- */

START_TEST(the_median_is_the_middle_or_between_the_two)
{
	ck_assert_double_eq(interval_of(1).median, 1);
	ck_assert_double_eq(interval_of(5).median, 3);
	ck_assert_double_eq(interval_of(6).median, 3.5);
	ck_assert_uint_eq(interval_of(0).n, 0);
}
END_TEST

/* The ranks that every table of the sign test has. */
START_TEST(the_interval_is_the_narrowest_with_95_percent)
{
	static const struct {
		unsigned int n;
		double low;
		double confidence;
	} known[] = {{6, 1, 0.96875},      {8, 1, 0.9921875},    {9, 2, 0.9609375},   {10, 2, 0.978515625},
		     {12, 3, 0.961425781}, {15, 4, 0.964843750}, {20, 6, 0.958610535}};

	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		struct stats_interval got = interval_of(known[i].n);

		ck_assert_double_eq(got.low, known[i].low);
		ck_assert_double_eq(got.high, known[i].n + 1 - known[i].low);
		ck_assert_double_eq_tol(got.confidence, known[i].confidence, 1e-8);
	}
}
END_TEST

START_TEST(too_few_values_give_their_range_and_say_so)
{
	struct stats_interval five = interval_of(5);

	ck_assert_double_eq(five.low, 1);
	ck_assert_double_eq(five.high, 5);
	ck_assert_double_eq_tol(five.confidence, 0.9375, 1e-9);
	ck_assert_double_eq_tol(interval_of(1).confidence, 0, 1e-9);
}
END_TEST

/* ---- figures ---- */

static const struct figure of_controller = {
	.scenario = "storm", .metric = "cpu_us", .subjects = "controller"};

START_TEST(a_ratio_is_taken_round_by_round)
{
	static const struct figure of_peer = {.scenario = "storm", .metric = "cpu_us", .subjects = "peer-rs"};
	struct stats_interval got;

	given_no_samples();
	GIVEN("controller", 1, 20, 3);
	GIVEN("peer-rs", 2, 10, 3); /* 0.5, 2, 1: not the ratio of the medians */
	figure_ratio(&of_controller, &of_peer, &samples, &got);
	ck_assert_uint_eq(got.n, 3);
	ck_assert_double_eq(got.median, 1);
	ck_assert_double_eq(got.low, 0.5);
	ck_assert_double_eq(got.high, 2);
}
END_TEST

START_TEST(a_round_that_lacks_one_side_does_not_count)
{
	static const struct figure of_peer = {.scenario = "storm", .metric = "cpu_us", .subjects = "peer-rs"};
	struct stats_interval got;

	given_no_samples();
	GIVEN("controller", 1, 2, 3);
	GIVEN("peer-rs", 2, 0); /* none in round 2, and 0 is no divisor */
	figure_ratio(&of_controller, &of_peer, &samples, &got);
	ck_assert_uint_eq(got.n, 1);
	ck_assert_double_eq(got.median, 0.5);
}
END_TEST

START_TEST(figures_join_subjects)
{
	struct figure f = {.scenario = "storm", .metric = "cpu_us", .subjects = "a b", .join = FIGURE_MAX};
	double value;

	given_no_samples();
	GIVEN("a", 1, 5);
	GIVEN("b", 3);
	ck_assert_int_eq(figure_value(&f, &samples, 0, &value), 0);
	ck_assert_double_eq(value, 3);
	ck_assert_int_eq(figure_value(&f, &samples, 1, &value), -ENOENT); /* b is not there */
	f.join = FIGURE_SUM;
	ck_assert_int_eq(figure_value(&f, &samples, 0, &value), 0);
	ck_assert_double_eq(value, 4);
	ck_assert_int_eq(figure_value(&f, &samples, 1, &value), -ENOENT);
}
END_TEST

START_TEST(a_base_is_taken_off)
{
	static const struct figure f = {
		.scenario = "storm", .metric = "cpu_us", .subjects = "controller", .base = "empty"};
	double value;

	given_no_samples();
	GIVEN("controller", 10);
	ck_assert_int_eq(figure_value(&f, &samples, 0, &value), -ENOENT);
	ck_assert_int_eq(samples_add(&samples, "empty", "controller", 0, "cpu_us", 4), 0);
	ck_assert_int_eq(figure_value(&f, &samples, 0, &value), 0);
	ck_assert_double_eq(value, 6);
}
END_TEST

/* ---- verdicts ---- */

static const struct target half = {
	.name = "half",
	.of = {.scenario = "storm", .metric = "cpu_us", .subjects = "controller"},
	.to = {.scenario = "storm", .metric = "cpu_us", .subjects = "peer-rs"},
	.kind = TARGET_AT_MOST,
	.limit = 0.5,
};

static const struct target fast = {
	.name = "fast",
	.of = {.scenario = "storm", .metric = "cpu_us", .subjects = "controller"},
	.kind = TARGET_AT_LEAST,
	.limit = 1000,
};

static const char *verdict(const struct target *t)
{
	static char line[512];
	struct target_result result;

	target_judge(t, &samples, &result);
	target_line(t, &result, line, sizeof(line));
	return line;
}

START_TEST(a_target_is_missed_only_where_the_whole_interval_misses)
{
	given_no_samples();
	GIVEN("peer-rs", 1, 1, 1, 1, 1, 1);
	GIVEN("controller", 0.6, 0.7, 0.8, 0.9, 0.6, 0.5001);
	ck_assert_str_eq(verdict(&half), "bench: half value=0.65 target=0.5 MISSED (0.5001 to 0.9)");
	GIVEN("controller", 0.6, 0.7, 0.8, 0.9, 0.6, 0.5); /* the last samples count */
	ck_assert_str_eq(verdict(&half), "bench: half value=0.65 target=0.5 ok (0.5 to 0.9)");
	GIVEN("controller", 0.1, 0.2, 0.3, 0.4, 0.1, 0.2);
	ck_assert_str_eq(verdict(&half), "bench: half value=0.2 target=0.5 ok (0.1 to 0.4)");
}
END_TEST

START_TEST(a_target_from_below_is_missed_where_the_highest_is_too_low)
{
	given_no_samples();
	GIVEN("controller", 900, 950, 999);
	ck_assert_str_eq(verdict(&fast), "bench: fast value=950 target=1000 MISSED (900 to 999)");
	GIVEN("controller", 900, 950, 1000);
	ck_assert_str_eq(verdict(&fast), "bench: fast value=950 target=1000 ok (900 to 1000)");
}
END_TEST

START_TEST(what_was_not_measured_is_skipped_with_the_reason)
{
	given_no_samples();
	ck_assert_str_eq(verdict(&half), "bench: half value=- target=0.5 skipped (storm was not measured)");
	GIVEN("controller", 1, 1);
	ck_assert_str_eq(verdict(&half), "bench: half value=- target=0.5 skipped (peer-rs was not measured)");
	ck_assert_int_eq(samples_add_meta(&samples, "skipped-peer-rs", "no cargo"), 0);
	ck_assert_str_eq(verdict(&half), "bench: half value=- target=0.5 skipped (peer-rs: no cargo)");
}
END_TEST

START_TEST(a_side_that_lacks_rounds_gives_no_verdict)
{
	given_no_samples();
	GIVEN("controller", 1, 1, 1, 1, 1, 1);
	GIVEN("peer-rs", 1, 1, 1, 1, 1);
	ck_assert_str_eq(verdict(&half),
			 "bench: half value=- target=0.5 skipped (only 5 rounds have both sides)");
}
END_TEST

START_TEST(the_names_of_targets_differ)
{
	for (size_t i = 0; i < targets_len; i++)
		for (size_t j = 0; j < i; j++)
			ck_assert_str_ne(targets[i].name, targets[j].name);
}
END_TEST

/* ---- the file ---- */

START_TEST(samples_come_back_from_their_file)
{
	char path[] = "/tmp/test_bench.XXXXXX";
	struct samples again;
	double value;
	int fd = mkstemp(path);

	given_no_samples();
	ck_assert_int_ge(fd, 0);
	close(fd);
	ck_assert_int_eq(samples_create(&samples, path, NULL), 0);
	ck_assert_int_eq(samples_add(&samples, "storm", "raw", 3, "rate", 1234.5), 0);
	ck_assert_int_eq(samples_add(&samples, "storm", "raw", 4, "rate", NAN), 0); /* left out */
	ck_assert_int_eq(samples_add_meta(&samples, "machine", "2\tcores\n"), 0);
	ck_assert_int_eq(samples_load(&again, path, NULL), 0);
	unlink(path);
	ck_assert_int_eq(samples_get(&again, "storm", "raw", 3, "rate", &value), 0);
	ck_assert_double_eq(value, 1234.5);
	ck_assert_uint_eq(samples_rounds(&again, NULL), 4);
	ck_assert_str_eq(samples_meta(&again, "machine"), "2 cores ");
	ck_assert_str_eq(samples_meta(&again, "nothing"), "");
	ck_assert_str_eq(again.date, samples.date);
	samples_close(&again);
}
END_TEST

START_TEST(a_line_that_is_no_sample_is_refused_with_its_number)
{
	static const char *const bad[] = {"x",
					  "d\ts\tr\t0\tm",
					  "d\ts\tr\t0\tm\tx1",
					  "d\ts\tr\t0\tm\t1\t2",
					  "d\ts\tr\t9999\tm\t1",
					  "d\t\tr\t0\tm\t1"};
	char path[] = "/tmp/test_bench.XXXXXX";
	struct error err = {0};
	int fd = mkstemp(path);

	ck_assert_int_ge(fd, 0);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct samples again;

		ck_assert_int_eq(ftruncate(fd, 0), 0);
		ck_assert_int_ge(pwrite(fd, "d\ts\tr\t0\tm\t1\n", 12, 0), 12);
		ck_assert_int_ge(pwrite(fd, bad[i], strlen(bad[i]), 12), 1);
		ck_assert_int_eq(samples_load(&again, path, &err), -EINVAL);
		ck_assert_ptr_nonnull(strstr(err.message, "line 2"));
		samples_close(&again);
	}
	close(fd);
	unlink(path);
}
END_TEST

/* ---- charts ---- */

static const char *number_text(double value)
{
	static char text[CHART_NUMBER_SIZE];

	chart_number(value, text);
	return text;
}

START_TEST(numbers_have_three_digits_or_more)
{
	ck_assert_str_eq(number_text(0), "0");
	ck_assert_str_eq(number_text(0.01234), "0.0123");
	ck_assert_str_eq(number_text(12.34), "12.3");
	ck_assert_str_eq(number_text(-123.4), "-123");
	ck_assert_str_eq(number_text(1234567), "1,234,567");
	ck_assert_str_eq(number_text(-123456), "-123,456");
}
END_TEST

static void given_value(struct chart *c, size_t group, size_t series, double value)
{
	c->groups[group].values[series] = (struct stats_interval){1, value, value, value, 0};
}

static void check_drawing(const struct chart *c, int (*draw)(const struct chart *c, struct buf *out))
{
	AUTO_BUF struct buf out;

	buf_init(&out, 1 << 20);
	ck_assert_int_eq(draw(c, &out), 0);
	ck_assert_ptr_nonnull(strstr(out.data, "a &lt; b &amp; c"));
	ck_assert_ptr_nonnull(strstr(out.data, "</svg>"));
	ck_assert_ptr_null(strstr(out.data, "nan"));
	ck_assert_ptr_null(strstr(out.data, "inf"));
}

START_TEST(whatever_the_values_are_a_chart_can_be_drawn)
{
	static const double values[] = {0, 1, 1e-9, 1e12, -3, 0.5};
	struct chart c = {.title = "a < b & c",
			  .subtitle = "",
			  .unit = "ms",
			  .x_label = "x",
			  .series_len = 2,
			  .series = {{"one", 0}, {"two", 1}},
			  .groups_len = 2,
			  .groups = {{"g", 1, {{0}}}, {"h", 10, {{0}}}}};

	ck_assert(!chart_has_values(&c));
	for (size_t i = 0; i < ARRAY_LEN(values); i++) {
		c.log = i % 2 == 0;
		check_drawing(&c, chart_bars);
		check_drawing(&c, chart_lines);
		given_value(&c, i % 2, 0, values[i]);
		ck_assert(chart_has_values(&c));
		c.log = !c.log;
		check_drawing(&c, chart_bars);
		check_drawing(&c, chart_lines);
	}
}
END_TEST

/* ---- frames ---- */

static const char two_frames[] =
	"{\"type\":\"ADDED\",\"object\":{\"apiVersion\":\"kubevirt.io/v1\",\"metadata\":{\"labels\":{\"x/"
	"name\":\"vmi-9\"},"
	"\"name\":\"vmi-000042\",\"namespace\":\"bench\",\"uid\":\"u-1\"},\"spec\":{\"domain\":{\"devices\":{"
	"\"autoattachVSOCK\":true}}},\"status\":{\"VSOCKCID\":4711,\"phase\":\"Pending\"}}}\n"
	"{\"type\":\"BOOKMARK\",\"object\":{\"metadata\":{\"annotations\":{\"k8s.io/"
	"initial-events-end\":\"true\"}}}}\n";

static unsigned int frames_seen;
static bool end_seen;

static void on_frame(void *data, const char *frame, size_t len)
{
	struct frame_vmi *vmi = data;

	frames_seen++;
	end_seen = frame_ends_initial_events(frame, len);
	if (frame_type(frame, len) != 'A')
		return;
	frame_read_vmi(frame, len, vmi);
	ck_assert_int_eq(vmi->number, 42);
	ck_assert_int_eq(vmi->cid, 4711);
	ck_assert(vmi->wants);
	ck_assert(vmi->phase.len == 7 && memcmp(vmi->phase.at, "Pending", 7) == 0);
	ck_assert(vmi->uid.len == 3 && memcmp(vmi->uid.at, "u-1", 3) == 0);
}

START_TEST(frames_are_read_in_pieces_of_any_size)
{
	for (size_t piece = 1; piece < sizeof(two_frames); piece++) {
		struct frame_reader reader;
		struct frame_vmi vmi;

		frames_seen = 0;
		frame_reader_init(&reader, on_frame, &vmi);
		for (size_t at = 0; at < sizeof(two_frames) - 1; at += piece) {
			size_t n = sizeof(two_frames) - 1 - at;

			ck_assert_int_eq(frame_reader_feed(&reader, two_frames + at, n < piece ? n : piece),
					 0);
		}
		frame_reader_free(&reader);
		ck_assert_uint_eq(frames_seen, 2);
		ck_assert(end_seen);
	}
}
END_TEST

START_TEST(what_is_not_in_a_frame_is_not_found)
{
	static const char frame[] = "{\"type\":\"MODIFIED\",\"object\":{\"metadata\":{\"name\":\"other\"}}}";
	struct frame_vmi vmi;

	frame_read_vmi(frame, sizeof(frame) - 1, &vmi);
	ck_assert_int_eq(frame_type(frame, sizeof(frame) - 1), 'M');
	ck_assert_int_eq(frame_type("", 0), 0);
	ck_assert_int_eq(vmi.number, -1);
	ck_assert_int_eq(vmi.cid, -1);
	ck_assert(!vmi.wants && vmi.uid.at == NULL && vmi.phase.at == NULL);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		the_median_is_the_middle_or_between_the_two,
		the_interval_is_the_narrowest_with_95_percent,
		too_few_values_give_their_range_and_say_so,
		a_ratio_is_taken_round_by_round,
		a_round_that_lacks_one_side_does_not_count,
		figures_join_subjects,
		a_base_is_taken_off,
		a_target_is_missed_only_where_the_whole_interval_misses,
		a_target_from_below_is_missed_where_the_highest_is_too_low,
		what_was_not_measured_is_skipped_with_the_reason,
		a_side_that_lacks_rounds_gives_no_verdict,
		the_names_of_targets_differ,
		samples_come_back_from_their_file,
		a_line_that_is_no_sample_is_refused_with_its_number,
		numbers_have_three_digits_or_more,
		whatever_the_values_are_a_chart_can_be_drawn,
		frames_are_read_in_pieces_of_any_size,
		what_is_not_in_a_frame_is_not_found,
	};

	return suite_run("test_bench", tests, ARRAY_LEN(tests));
}
