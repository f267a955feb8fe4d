#include "base/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

uint64_t clock_boot_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_BOOTTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

uint64_t clock_wall_us(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

void clock_format_us(uint64_t wall_us, char out[static CLOCK_TEXT_SIZE])
{
	time_t seconds = (time_t)(wall_us / 1000000);
	struct tm tm;
	char date[24] = "1970-01-01T00:00:00";

	if (gmtime_r(&seconds, &tm) != NULL)
		(void)strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm);
	(void)snprintf(out, CLOCK_TEXT_SIZE, "%.19s.%06" PRIu64 "Z", date, wall_us % 1000000);
}
