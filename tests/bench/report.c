/* report: makes tables and charts of the samples of a run, and says of each target whether it was reached. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/macros.h"
#include "bench/charts.h"
#include "bench/samples.h"
#include "bench/target.h"

#define EXIT_USAGE 2
#define OUT_MAX    ((size_t)4 << 20)

/* What a run says of itself, in the order of the report. */
static const char *const conditions[] = {"machine",  "kernel",  "kubernetes", "crds",    "controller",
					 "compiler", "peer-rs", "peer-go",    "libcurl", "rounds"};

/* How busy others kept the machine during a scenario, in percent of one core: this and the scenario's name.
 */
#define OTHERS "others-"

static int write_file(const char *folder, const char *name, const char *suffix, const struct buf *text)
{
	AUTO_FREE char *path = NULL;
	bool good;
	int fd;

	if (asprintf(&path, "%s/%s%s", folder, name, suffix) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	good = fd >= 0 && write(fd, text->data, text->len) == (ssize_t)text->len;
	if (!good)
		(void)fprintf(stderr, "report: %s: %s\n", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	return good ? 0 : -EIO;
}

static bool is_quick(const struct samples *s)
{
	return strcmp(samples_meta(s, "quick"), "yes") == 0;
}

/* Why verdicts are not to be taken for results; "" where they are. */
static const char *reservation(const struct samples *s)
{
	if (is_quick(s))
		return " (a quick trial with small sizes: no results)";
	if (samples_rounds(s, NULL) < TARGET_ROUNDS)
		return " (fewer than 6 rounds give no 95 % interval: no results)";
	return "";
}

/* "2026-11-27 · 2 cores of ... · kube-apiserver v1.36.3 · median of 6 rounds": date, machine and server of a
 * chart whose first bars are of @scenario. */
static void subtitle(const struct samples *s, const char *scenario, char *out, size_t room)
{
	bool simulated = strncmp(scenario, "apisim-", 7) == 0;

	(void)snprintf(out, room, "%.10s · %s · %s%s · median of %u rounds, line: interval%s", s->date,
		       samples_meta(s, "machine"), simulated ? "apisim" : "kube-apiserver ",
		       simulated ? "" : samples_meta(s, "kubernetes"), samples_rounds(s, NULL),
		       reservation(s)[0] != '\0' ? " · NO RESULT" : "");
}

static int draw_charts(const struct samples *s, const char *folder)
{
	char text[512];
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < chart_plans_len; i++) {
		AUTO_BUF struct buf out;
		struct chart chart;

		chart_plan_fill(&chart_plans[i], s, &chart);
		subtitle(s, chart_plans[i].groups[0].scenario, text, sizeof(text));
		chart.subtitle = text;
		if (!chart_has_values(&chart))
			continue;
		buf_init(&out, OUT_MAX);
		rc = chart.x_label != NULL ? chart_lines(&chart, &out) : chart_bars(&chart, &out);
		if (rc == 0)
			rc = write_file(folder, chart_plans[i].file, ".svg", &out);
	}
	return rc;
}

/* ---- tables ---- */

static int write_others(const struct samples *s, struct buf *out)
{
	const char *before = "- others on this machine, in % of a core: ";
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < s->len; i++) {
		const struct sample *at = &s->list[i];

		if (strcmp(at->scenario, SAMPLES_META) != 0 ||
		    strncmp(at->metric, OTHERS, strlen(OTHERS)) != 0)
			continue;
		rc = buf_printf(out, "%s%s %s", before, at->metric + strlen(OTHERS), at->text);
		before = ", ";
	}
	return rc == 0 ? buf_add_str(out, "\n") : rc;
}

static int write_conditions(const struct samples *s, struct buf *out)
{
	int rc = buf_printf(out, "# Benchmark of %.10s\n\n%s", s->date,
			    is_quick(s) ? "**A quick trial with small sizes: these are no results.**\n\n"
					: "");

	for (size_t i = 0; rc == 0 && i < ARRAY_LEN(conditions); i++) {
		const char *text = samples_meta(s, conditions[i]);

		if (text[0] != '\0')
			rc = buf_printf(out, "- %s: %s\n", conditions[i], text);
	}
	return rc == 0 ? write_others(s, out) : rc;
}

/* The median alone: the intervals stand in the tables below. */
static int write_summary_cell(const struct samples *s, const struct summary_row *row, const char *subject,
			      struct buf *out)
{
	struct figure f = {
		.scenario = row->scenario, .metric = row->metric, .subjects = subject, .base = row->base};
	char text[CHART_NUMBER_SIZE];
	struct stats_interval v;

	figure_interval(&f, s, row->scale, &v);
	if (v.n == 0)
		return buf_add_str(out, " |");
	chart_number(v.median, text);
	return buf_printf(out, " %s |", text);
}

static int write_summary(const struct samples *s, struct buf *out)
{
	const struct chart_plan_series *column;
	int rc = buf_add_str(out, "\n## Summary\n\n| | |");

	for (column = summary_columns; rc == 0 && column->subject != NULL; column++)
		rc = buf_printf(out, " %s |", column->name);
	if (rc == 0)
		rc = buf_add_str(out, "\n|---|---|");
	for (column = summary_columns; rc == 0 && column->subject != NULL; column++)
		rc = buf_add_str(out, "---:|");
	for (size_t i = 0; rc == 0 && i < summary_rows_len; i++) {
		rc = buf_printf(out, "\n| %s | %s |", summary_rows[i].label, summary_rows[i].unit);
		for (column = summary_columns; rc == 0 && column->subject != NULL; column++)
			rc = write_summary_cell(s, &summary_rows[i], column->subject, out);
	}
	return rc == 0 ? buf_add_str(out, "\n") : rc;
}

static int write_charts(const char *folder, struct buf *out)
{
	int rc = buf_add_str(out, "\n## Charts\n");

	for (size_t i = 0; rc == 0 && i < chart_plans_len; i++) {
		AUTO_FREE char *path = NULL;

		if (asprintf(&path, "%s/%s.svg", folder, chart_plans[i].file) < 0) {
			path = NULL;
			return -ENOMEM;
		}
		if (access(path, R_OK) == 0)
			rc = buf_printf(out, "\n![%s](%s.svg)\n", chart_plans[i].title, chart_plans[i].file);
	}
	return rc;
}

static int write_target(const struct target *t, const struct target_result *r, struct buf *out)
{
	const char *sign = t->kind == TARGET_AT_MOST ? "≤" : "≥";
	char median[CHART_NUMBER_SIZE];
	char low[CHART_NUMBER_SIZE];
	char high[CHART_NUMBER_SIZE];

	if (r->verdict == TARGET_SKIPPED)
		return buf_printf(out, "| %s | | | %s %g | skipped: %s |\n", t->what, sign, t->limit,
				  r->reason);
	chart_number(r->value.median, median);
	chart_number(r->value.low, low);
	chart_number(r->value.high, high);
	return buf_printf(out, "| %s | %s | %s to %s | %s %g | %s |\n", t->what, median, low, high, sign,
			  t->limit, target_verdict_name(r->verdict));
}

static int write_targets(const struct samples *s, struct buf *out)
{
	int rc = buf_add_str(
		out, "\n## Targets\n\nMedian of the ratios of each round, and its interval. A target is "
		     "missed where all of the interval misses it.\n\n"
		     "| target | value | interval | wanted | |\n|---|---:|---|---:|---|\n");

	for (size_t i = 0; rc == 0 && i < targets_len; i++) {
		struct target_result result;

		target_judge(&targets[i], s, &result);
		rc = write_target(&targets[i], &result, out);
	}
	return rc;
}

/* True where an earlier sample has the same scenario and, with @metric, the same metric; with @subject the
 * same subject. */
static bool seen_before(const struct samples *s, size_t i, bool subject, bool metric)
{
	const struct sample *a = &s->list[i];

	for (size_t k = 0; k < i; k++) {
		const struct sample *b = &s->list[k];

		if (strcmp(a->scenario, b->scenario) == 0 &&
		    (!subject || strcmp(a->subject, b->subject) == 0) &&
		    (!metric || strcmp(a->metric, b->metric) == 0))
			return true;
	}
	return false;
}

/* Those of the scenario of sample @first, in the order in which they came. */
#define COLUMNS_MAX 12

static size_t find_columns(const struct samples *s, size_t first, const char *columns[static COLUMNS_MAX])
{
	size_t n = 0;

	for (size_t i = first; i < s->len && n < COLUMNS_MAX; i++)
		if (strcmp(s->list[i].scenario, s->list[first].scenario) == 0 &&
		    !seen_before(s, i, true, false))
			columns[n++] = s->list[i].subject;
	return n;
}

static int write_cell(const struct samples *s, const struct figure *f, struct buf *out)
{
	struct stats_interval v;
	char median[CHART_NUMBER_SIZE];
	char low[CHART_NUMBER_SIZE];
	char high[CHART_NUMBER_SIZE];

	figure_interval(f, s, 1, &v);
	if (v.n == 0)
		return buf_add_str(out, " |");
	chart_number(v.median, median);
	chart_number(v.low, low);
	chart_number(v.high, high);
	return buf_printf(out, " %s (%s to %s) |", median, low, high);
}

static int write_scenario(const struct samples *s, size_t first, struct buf *out)
{
	const char *columns[COLUMNS_MAX];
	size_t n = find_columns(s, first, columns);
	int rc = buf_printf(out, "\n### %s\n\n| |", s->list[first].scenario);

	for (size_t c = 0; rc == 0 && c < n; c++)
		rc = buf_printf(out, " %s |", columns[c]);
	if (rc == 0)
		rc = buf_add_str(out, "\n|---|");
	for (size_t c = 0; rc == 0 && c < n; c++)
		rc = buf_add_str(out, "---:|");
	if (rc == 0)
		rc = buf_add_str(out, "\n");
	for (size_t i = first; rc == 0 && i < s->len; i++) {
		if (strcmp(s->list[i].scenario, s->list[first].scenario) != 0 ||
		    seen_before(s, i, false, true))
			continue;
		rc = buf_printf(out, "| %s |", s->list[i].metric);
		for (size_t c = 0; rc == 0 && c < n; c++)
			rc = write_cell(s,
					&(struct figure){.scenario = s->list[first].scenario,
							 .metric = s->list[i].metric,
							 .subjects = columns[c]},
					out);
		if (rc == 0)
			rc = buf_add_str(out, "\n");
	}
	return rc;
}

static int write_figures(const struct samples *s, struct buf *out)
{
	int rc = buf_add_str(
		out, "\n## Figures\n\nMedians over the rounds, and their intervals. README.md says what "
		     "the scenarios are.\n");

	for (size_t i = 0; rc == 0 && i < s->len; i++)
		if (strcmp(s->list[i].scenario, SAMPLES_META) != 0 && !seen_before(s, i, false, false))
			rc = write_scenario(s, i, out);
	return rc;
}

static int write_tables(const struct samples *s, const char *folder)
{
	AUTO_BUF struct buf out;
	int rc;

	buf_init(&out, OUT_MAX);
	rc = write_conditions(s, &out);
	if (rc == 0)
		rc = write_summary(s, &out);
	if (rc == 0)
		rc = write_charts(folder, &out);
	if (rc == 0)
		rc = write_targets(s, &out);
	if (rc == 0)
		rc = write_figures(s, &out);
	return rc == 0 ? write_file(folder, "results", ".md", &out) : rc;
}

static void print_verdicts(const struct samples *s)
{
	unsigned int count[3] = {0};
	char line[512];

	for (size_t i = 0; i < targets_len; i++) {
		struct target_result result;

		target_judge(&targets[i], s, &result);
		target_line(&targets[i], &result, line, sizeof(line));
		puts(line);
		count[result.verdict]++;
	}
	printf("bench: %u ok, %u missed, %u skipped%s\n", count[TARGET_OK], count[TARGET_MISSED],
	       count[TARGET_SKIPPED], reservation(s));
}

int main(int argc, char **argv)
{
	struct error err = {0};
	struct samples samples;
	int rc;

	if (argc != 3) {
		(void)fputs("usage: report SAMPLES FOLDER\n\n"
			    "Writes results.md and the charts into FOLDER, and a line for each target.\n",
			    stderr);
		return EXIT_USAGE;
	}
	rc = samples_load(&samples, argv[1], &err);
	if (rc != 0)
		(void)fprintf(stderr, "report: %s\n", err.message);
	if (rc == 0)
		rc = draw_charts(&samples, argv[2]);
	if (rc == 0)
		rc = write_tables(&samples, argv[2]);
	if (rc == 0)
		print_verdicts(&samples);
	samples_close(&samples);
	return rc == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
