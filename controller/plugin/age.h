/**
 * age: how long ago something was, as kubectl shows it. Pure.
 */
#ifndef CONTROLLER_PLUGIN_AGE_H
#define CONTROLLER_PLUGIN_AGE_H

#include <stdint.h>

#define AGE_SIZE 24

/** Seconds as "45s", "3m20s", "2h15m", "5d"; "<unknown>" where @seconds is negative. Returns @out. */
const char *age_format(int64_t seconds, char out[static AGE_SIZE]);

/** Seconds since 1970 as "2026-11-27T10:00:00Z"; "<unknown>" for 0. Returns @out. */
const char *age_time(int64_t at_s, char out[static AGE_SIZE]);

#endif
