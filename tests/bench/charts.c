#include "bench/charts.h"

#include "base/macros.h"
#include "bench/figure.h"

enum { BLUE, ORANGE, GREEN, GREY, PURPLE, PINK };

static const struct chart_plan_series everybody[] = {
	{"controller", "this controller", BLUE},
	{"peer-rs", "kube-rs", ORANGE},
	{"peer-go", "client-go", GREEN},
	{"raw", "raw requests", GREY},
	{NULL, NULL, 0},
};

static const struct chart_plan_series readers[] = {
	{"controller", "this controller", BLUE},
	{"peer-rs", "kube-rs", ORANGE},
	{"peer-go", "client-go", GREEN},
	{"raw-stream", "raw stream", GREY},
	{"raw-paged", "raw pages", PURPLE},
	{"raw-gzip", "raw pages, gzip", PINK},
	{NULL, NULL, 0},
};

static const struct chart_plan_series protocols[] = {
	{"http1", "HTTP/1.1", BLUE}, {"http2", "HTTP/2", ORANGE}, {NULL, NULL, 0}};

static const struct chart_plan_group latencies[] = {
	{"5/s, p50", "steady-5", "p50_ms", NULL, 0},
	{"5/s, p99", "steady-5", "p99_ms", NULL, 0},
	{"20/s, p50", "steady-20", "p50_ms", NULL, 0},
	{"20/s, p99", "steady-20", "p99_ms", NULL, 0},
	{"50/s, p50", "steady-50", "p50_ms", NULL, 0},
	{"50/s, p99", "steady-50", "p99_ms", NULL, 0},
	{"boot storm, p50", "storm", "p50_ms", NULL, 0},
	{"boot storm, p99", "storm", "p99_ms", NULL, 0},
	{NULL, NULL, NULL, NULL, 0},
};

static const struct chart_plan_group rates[] = {
	{"boot storm of 2,000", "storm", "rate", NULL, 0},
	{"gate on over 2,000", "gate", "rate", NULL, 0},
	{NULL, NULL, NULL, NULL, 0},
};

static const struct chart_plan_group cpu[] = {
	{"a VMI at 20/s", "steady-20", "cpu_us", NULL, 0},
	{"a VMI of the storm", "storm", "cpu_us", NULL, 0},
	{"a VMI by the gate", "gate", "cpu_us", NULL, 0},
	{"a status update", "churn", "cpu_us", NULL, 0},
	{NULL, NULL, NULL, NULL, 0},
};

static const struct chart_plan_group memory[] = {
	{"RSS, no VMIs", "cold-0", "rss_kb", NULL, 0},
	{"RssAnon, no VMIs", "cold-0", "anon_kb", NULL, 0},
	{"RSS, 5,000", "cold-5000", "rss_kb", NULL, 0},
	{"RssAnon, 5,000", "cold-5000", "anon_kb", NULL, 0},
	{"RSS, 20,000", "cold-20000", "rss_kb", NULL, 0},
	{"RssAnon, 20,000", "cold-20000", "anon_kb", NULL, 0},
	{NULL, NULL, NULL, NULL, 0},
};

static const struct chart_plan_group ready[] = {
	{"5,000 VMIs", "cold-5000", "ready_ms", "cold-0", 0},
	{"20,000 VMIs", "cold-20000", "ready_ms", "cold-0", 0},
	{NULL, NULL, NULL, NULL, 0},
};

static const struct chart_plan_group in_flight[] = {
	{"1", "knee-1", "rate", NULL, 1},    {"2", "knee-2", "rate", NULL, 2},
	{"4", "knee-4", "rate", NULL, 4},    {"8", "knee-8", "rate", NULL, 8},
	{"16", "knee-16", "rate", NULL, 16}, {"32", "knee-32", "rate", NULL, 32},
	{"64", "knee-64", "rate", NULL, 64}, {NULL, NULL, NULL, NULL, 0},
};

static const struct chart_plan_series growers[] = {
	{"controller", "this controller", BLUE}, {"peer-rs", "kube-rs", ORANGE},
	{"peer-go", "client-go", GREEN},         {"raw", "read to nowhere", GREY},
	{"scan", "scan in memory", PURPLE},      {NULL, NULL, 0},
};

static const struct chart_plan_group growth_ready[] = {
	{"1,000", "apisim-cold-1000", "ready_ms", NULL, 1000},
	{"10,000", "apisim-cold-10000", "ready_ms", NULL, 10000},
	{"100,000", "apisim-cold-100000", "ready_ms", NULL, 100000},
	{"1,000,000", "apisim-cold-1000000", "ready_ms", NULL, 1000000},
	{NULL, NULL, NULL, NULL, 0},
};

static const struct chart_plan_group growth_memory[] = {
	{"1,000", "apisim-cold-1000", "rss_kb", NULL, 1000},
	{"10,000", "apisim-cold-10000", "rss_kb", NULL, 10000},
	{"100,000", "apisim-cold-100000", "rss_kb", NULL, 100000},
	{"1,000,000", "apisim-cold-1000000", "rss_kb", NULL, 1000000},
	{NULL, NULL, NULL, NULL, 0},
};

static const struct chart_plan_group apisim_cpu[] = {
	{"an assignment", "apisim-assign", "cpu_us", NULL, 0},
	{"a watch event", "apisim-churn", "cpu_us", NULL, 0},
	{NULL, NULL, NULL, NULL, 0},
};

static const struct chart_plan_series parts[] = {
	{"controller", "this controller", BLUE},
	{"bare", "bare libcurl loop", GREY},
	{"scan", "scan in memory", PURPLE},
	{NULL, NULL, 0},
};

const struct chart_plan chart_plans[] = {
	{"latency", "From ADDED to a CID that everybody sees", "ms", NULL, true, 1, everybody, latencies},
	{"rate", "VMIs served a second", "/s", NULL, false, 1, everybody, rates},
	{"cpu", "CPU time", "µs", NULL, true, 1, everybody, cpu},
	{"memory", "Memory", "MB", NULL, false, 1.0 / 1024, everybody, memory},
	{"cold", "Cold start to ready, without process start, TLS and Lease", "s", NULL, false, 0.001,
	 readers, ready},
	{"knee", "Raw PATCHes a second by how many are in flight", "writes/s", "in flight", false, 1,
	 protocols, in_flight},
	{"apisim-cpu", "CPU time on apisim", "µs", NULL, false, 1, parts, apisim_cpu},
	{"growth-ready", "Cold start to ready on apisim", "s", "VMIs", true, 0.001, growers, growth_ready},
	{"growth-memory", "Memory at ready", "MB RSS", "VMIs", true, 1.0 / 1024, growers, growth_memory},
};

const size_t chart_plans_len = ARRAY_LEN(chart_plans);

const struct chart_plan_series *const summary_columns = everybody;

const struct summary_row summary_rows[] = {
	{"at 20 VMIs/s, p50", "ms", "steady-20", "p50_ms", NULL, 1},
	{"at 20 VMIs/s, p99", "ms", "steady-20", "p99_ms", NULL, 1},
	{"boot storm of 2,000", "VMIs/s", "storm", "rate", NULL, 1},
	{"boot storm, p50", "ms", "storm", "p50_ms", NULL, 1},
	{"boot storm, p99", "ms", "storm", "p99_ms", NULL, 1},
	{"gate opened over 2,000", "VMIs/s", "gate", "rate", NULL, 1},
	{"CPU for a VMI, boot storm", "µs", "storm", "cpu_us", NULL, 1},
	{"CPU of the server for a VMI, boot storm", "ms", "storm", "server_cpu_us", NULL, 0.001},
	{"CPU for a status update", "µs", "churn", "cpu_us", NULL, 1},
	{"cold start with 20,000, beyond that with none", "s", "cold-20000", "ready_ms", "cold-0", 0.001},
	{"CPU of that start", "s", "cold-20000", "cpu_us", NULL, 1e-6},
	{"RSS with 20,000", "MB", "cold-20000", "rss_kb", NULL, 1.0 / 1024},
	{"RssAnon with 20,000", "MB", "cold-20000", "anon_kb", NULL, 1.0 / 1024},
	{"program file", "MB", "cold-0", "program_kb", NULL, 1.0 / 1024},
	{"program file and libraries", "MB", "cold-0", "files_kb", NULL, 1.0 / 1024},
};

const size_t summary_rows_len = ARRAY_LEN(summary_rows);

void chart_plan_fill(const struct chart_plan *plan, const struct samples *s, struct chart *out)
{
	*out = (struct chart){
		.title = plan->title, .unit = plan->unit, .x_label = plan->x_label, .log = plan->log};
	for (; plan->series[out->series_len].subject != NULL; out->series_len++)
		out->series[out->series_len] = (struct chart_series){plan->series[out->series_len].name,
								     plan->series[out->series_len].colour};
	for (; plan->groups[out->groups_len].scenario != NULL; out->groups_len++) {
		const struct chart_plan_group *from = &plan->groups[out->groups_len];
		struct chart_group *to = &out->groups[out->groups_len];

		to->label = from->label;
		to->x = from->x;
		for (size_t i = 0; i < out->series_len; i++) {
			struct figure f = {.scenario = from->scenario,
					   .metric = from->metric,
					   .subjects = plan->series[i].subject,
					   .base = from->base};

			figure_interval(&f, s, plan->scale, &to->values[i]);
		}
	}
}
