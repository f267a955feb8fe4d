/**
 * scenarios: all of them, one file each.
 */
#ifndef BENCH_SCENARIOS_H
#define BENCH_SCENARIOS_H

#include "bench/bench.h"

extern const struct bench_scenario scenario_steady;

#endif
