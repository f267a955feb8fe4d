/**
 * scenarios: all of them, one file each.
 */
#ifndef BENCH_SCENARIOS_H
#define BENCH_SCENARIOS_H

#include "bench/bench.h"

extern const struct bench_scenario scenario_knee;
extern const struct bench_scenario scenario_steady;
extern const struct bench_scenario scenario_storm;
extern const struct bench_scenario scenario_gate;
extern const struct bench_scenario scenario_cold;
extern const struct bench_scenario scenario_churn;

extern const struct bench_scenario scenario_apisim_rate;
extern const struct bench_scenario scenario_apisim_assign;
extern const struct bench_scenario scenario_apisim_churn;
extern const struct bench_scenario scenario_apisim_cold;

/** Lets raw write as scenario_knee found best in this run; where that was not run, with 16 in flight over
 * HTTP/1.1. */
void knee_apply(struct bench *b);

#endif
