/* Every target of the project, in the order in which the report shows them. Those on apisim name the
 * scenarios and metrics that will measure them. */
#include "base/macros.h"
#include "bench/target.h"

#define CONTROLLER "controller"
#define PEER_RS    "peer-rs"
#define PEER_GO    "peer-go"
#define RAW        "raw"

#define OF(scenario_, metric_, subject_)                                                                     \
	{                                                                                                    \
		.scenario = (scenario_), .metric = (metric_), .subjects = (subject_)                         \
	}
#define JOINED(scenario_, metric_, subjects_, join_)                                                         \
	{                                                                                                    \
		.scenario = (scenario_), .metric = (metric_), .subjects = (subjects_), .join = (join_)       \
	}
/* Without what the same takes where there are no VMIs. */
#define BEYOND_START(scenario_, metric_, subject_)                                                           \
	{                                                                                                    \
		.scenario = (scenario_), .metric = (metric_), .subjects = (subject_), .base = "cold-0"       \
	}

/* The controller's metric at most @limit times one of another subject. */
#define RATIO_TO(name_, what_, scenario_, metric_, to_metric_, other_, limit_)                               \
	{                                                                                                    \
		.name = (name_), .what = (what_), .of = OF(scenario_, metric_, CONTROLLER),                  \
		.to = OF(scenario_, to_metric_, other_), .kind = TARGET_AT_MOST, .limit = (limit_)           \
	}
#define RATIO(name_, what_, scenario_, metric_, other_, limit_)                                              \
	RATIO_TO(name_, what_, scenario_, metric_, metric_, other_, limit_)
/* The rate at least @limit times that of another subject. */
#define RATE_RATIO(name_, what_, scenario_, other_, limit_)                                                  \
	{                                                                                                    \
		.name = (name_), .what = (what_), .of = OF(scenario_, "rate", CONTROLLER),                   \
		.to = OF(scenario_, "rate", other_), .kind = TARGET_AT_LEAST, .limit = (limit_)              \
	}
#define CPU_RATIOS(scenario_, what_)                                                                         \
	RATIO("cpu-" scenario_ "-to-peer-rs", "CPU, " what_ ", to kube-rs", scenario_, "cpu_us", PEER_RS,    \
	      0.5),                                                                                          \
		RATIO("cpu-" scenario_ "-to-peer-go", "CPU, " what_ ", to client-go", scenario_, "cpu_us",   \
		      PEER_GO, 0.1)
#define ANON_RATIO(scenario_, what_)                                                                         \
	RATIO("anon-" scenario_ "-to-peer-rs", "RssAnon, " what_ ", to kube-rs", scenario_, "anon_kb",       \
	      PEER_RS, 1)
#define RSS_RATIO(scenario_, what_)                                                                          \
	RATIO("rss-" scenario_ "-to-peer-go", "RSS, " what_ ", to client-go", scenario_, "rss_kb", PEER_GO,  \
	      0.1)
#define COLD_RATIO(scenario_, what_)                                                                         \
	{                                                                                                    \
		.name = scenario_ "-ready-to-raw", .what = "Ready, " what_ ", to the raw list",              \
		.of = BEYOND_START(scenario_, "ready_ms", CONTROLLER),                                       \
		.to = BEYOND_START(scenario_, "ready_ms", "raw-stream"), .kind = TARGET_AT_MOST,             \
		.limit = 1.05                                                                                \
	}

/* clang-format off */
const struct target targets[] = {
	RATIO("steady-20-p50-to-raw", "p50 at 20/s, to the raw PATCH", "steady-20", "p50_ms", RAW, 1.1),
	RATIO("steady-20-p99-to-raw", "p99 at 20/s, to the raw PATCH", "steady-20", "p99_ms", RAW, 1.3),
	RATIO_TO("steady-20-p50-to-raw-patch", "p50 at 20/s, to the raw PATCH from sent to answered", "steady-20",
		 "p50_ms", "patch_p50_ms", RAW, 1.1),
	RATIO_TO("steady-20-p99-to-raw-patch", "p99 at 20/s, to the raw PATCH from sent to answered", "steady-20",
		 "p99_ms", "patch_p99_ms", RAW, 1.3),
	RATIO("steady-20-p50-to-peer-rs", "p50 at 20/s, to kube-rs", "steady-20", "p50_ms", PEER_RS, 1),
	RATIO("steady-20-p99-to-peer-rs", "p99 at 20/s, to kube-rs", "steady-20", "p99_ms", PEER_RS, 1),
	RATIO("steady-20-p50-to-peer-go", "p50 at 20/s, to client-go", "steady-20", "p50_ms", PEER_GO, 1),
	RATIO("steady-20-p99-to-peer-go", "p99 at 20/s, to client-go", "steady-20", "p99_ms", PEER_GO, 1),
	RATE_RATIO("gate-rate-to-raw", "Gate on over 2,000: rate, to the raw generator", "gate", RAW, 0.95),
	RATE_RATIO("storm-rate-to-peer-rs", "Boot storm of 2,000: rate, to kube-rs", "storm", PEER_RS, 0.97),
	RATE_RATIO("storm-rate-to-peer-go", "Boot storm of 2,000: rate, to client-go", "storm", PEER_GO, 0.97),
	RATIO("storm-p50-to-peer-rs", "Boot storm: p50, to kube-rs", "storm", "p50_ms", PEER_RS, 1),
	RATIO("storm-p99-to-peer-rs", "Boot storm: p99, to kube-rs", "storm", "p99_ms", PEER_RS, 1),
	RATIO("storm-p50-to-peer-go", "Boot storm: p50, to client-go", "storm", "p50_ms", PEER_GO, 1),
	RATIO("storm-p99-to-peer-go", "Boot storm: p99, to client-go", "storm", "p99_ms", PEER_GO, 1),
	COLD_RATIO("cold-5000", "5,000 VMIs"),
	COLD_RATIO("cold-20000", "20,000 VMIs"),
	CPU_RATIOS("steady-5", "5/s"),
	CPU_RATIOS("steady-20", "20/s"),
	CPU_RATIOS("steady-50", "50/s"),
	CPU_RATIOS("storm", "boot storm"),
	CPU_RATIOS("gate", "gate on"),
	CPU_RATIOS("cold-5000", "cold start, 5,000"),
	CPU_RATIOS("cold-20000", "cold start, 20,000"),
	CPU_RATIOS("churn", "200 updates/s"),
	ANON_RATIO("cold-0", "no VMIs"),
	ANON_RATIO("steady-50", "after 860 one by one"),
	ANON_RATIO("storm", "after the boot storm"),
	ANON_RATIO("gate", "after 2,000 by the gate"),
	ANON_RATIO("churn", "after the updates"),
	ANON_RATIO("cold-5000", "5,000 VMIs"),
	ANON_RATIO("cold-20000", "20,000 VMIs"),
	ANON_RATIO("apisim-cold-1000", "apisim, 1,000 VMIs"),
	ANON_RATIO("apisim-cold-10000", "apisim, 10,000 VMIs"),
	ANON_RATIO("apisim-cold-100000", "apisim, 100,000 VMIs"),
	RSS_RATIO("cold-5000", "5,000 VMIs"),
	RSS_RATIO("cold-20000", "20,000 VMIs"),
	RSS_RATIO("apisim-cold-10000", "apisim, 10,000 VMIs"),
	{
		.name = "apisim-cpu-per-assignment", .what = "apisim: CPU of an assignment, to bare loop + scan",
		.of = OF("apisim-assign", "cpu_us", CONTROLLER),
		.to = JOINED("apisim-assign", "cpu_us", "bare scan", FIGURE_SUM),
		.kind = TARGET_AT_MOST, .limit = 1.3,
	},
	{
		.name = "apisim-cpu-per-event", .what = "apisim: CPU of a watch event, to bare loop + scan",
		.of = OF("apisim-churn", "cpu_us", CONTROLLER),
		.to = JOINED("apisim-churn", "cpu_us", "bare scan", FIGURE_SUM),
		.kind = TARGET_AT_MOST, .limit = 1.3,
	},
	{
		.name = "apisim-assignments", .what = "apisim: assignments a second",
		.of = OF("apisim-assign", "rate", CONTROLLER), .kind = TARGET_AT_LEAST, .limit = 10000,
	},
	{
		.name = "apisim-1000000-ready", .what = "apisim: 1,000,000 VMIs ready, to the longer of reader and scan",
		.of = OF("apisim-cold-1000000", "ready_ms", CONTROLLER),
		.to = JOINED("apisim-cold-1000000", "ready_ms", "raw scan", FIGURE_MAX),
		.kind = TARGET_AT_MOST, .limit = 1.2,
	},
	{
		.name = "apisim-1000000-rss", .what = "apisim: MB of RSS with 1,000,000 VMIs that hold a CID",
		.of = OF("apisim-cold-1000000", "rss_kb", CONTROLLER),
		.kind = TARGET_AT_MOST, .limit = 120, .scale = 1.0 / 1024,
	},
	{
		.name = "apisim-100000-rss", .what = "apisim: MB of RSS with 100,000 VMIs that hold a CID",
		.of = OF("apisim-cold-100000", "rss_kb", CONTROLLER),
		.kind = TARGET_AT_MOST, .limit = 24, .scale = 1.0 / 1024,
	},
};
/* clang-format on */

const size_t targets_len = ARRAY_LEN(targets);
