#include "controller/plugin/age.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#define MINUTE 60
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)
#define YEAR   (365 * DAY)

/* Two units where the smaller one still matters, one where it does not. */
static void put(char out[static AGE_SIZE], int64_t big, const char *big_unit, int64_t small,
		const char *small_unit)
{
	if (small > 0)
		(void)snprintf(out, AGE_SIZE, "%" PRId64 "%s%" PRId64 "%s", big, big_unit, small, small_unit);
	else
		(void)snprintf(out, AGE_SIZE, "%" PRId64 "%s", big, big_unit);
}

/* The steps are those of apimachinery's HumanDuration. */
const char *age_format(int64_t s, char out[static AGE_SIZE])
{
	if (s < 0)
		(void)snprintf(out, AGE_SIZE, "<unknown>");
	else if (s < 2 * MINUTE)
		put(out, s, "s", 0, "");
	else if (s < 10 * MINUTE)
		put(out, s / MINUTE, "m", s % MINUTE, "s");
	else if (s < 3 * HOUR)
		put(out, s / MINUTE, "m", 0, "");
	else if (s < 8 * HOUR)
		put(out, s / HOUR, "h", s % HOUR / MINUTE, "m");
	else if (s < 2 * DAY)
		put(out, s / HOUR, "h", 0, "");
	else if (s < 8 * DAY)
		put(out, s / DAY, "d", s % DAY / HOUR, "h");
	else if (s < 2 * YEAR)
		put(out, s / DAY, "d", 0, "");
	else if (s < 8 * YEAR)
		put(out, s / YEAR, "y", s % YEAR / DAY, "d");
	else
		put(out, s / YEAR, "y", 0, "");
	return out;
}

const char *age_time(int64_t at_s, char out[static AGE_SIZE])
{
	time_t at = (time_t)at_s;
	struct tm utc;

	if (at_s == 0 || gmtime_r(&at, &utc) == NULL)
		(void)snprintf(out, AGE_SIZE, "<unknown>");
	else
		(void)strftime(out, AGE_SIZE, "%Y-%m-%dT%H:%M:%SZ", &utc);
	return out;
}
