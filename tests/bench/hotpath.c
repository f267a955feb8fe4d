/* hotpath SCENARIO N: one scenario for callgrind, which counts only between the client requests here. Says
 * how often it did what it is called after, and how many bytes were read. Without callgrind it only checks
 * itself. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <valgrind/callgrind.h>

#include "bench/scenario.h"

#define MAX_VMIS 10000000

static void toggle(void *data)
{
	(void)data;
	CALLGRIND_TOGGLE_COLLECT;
}

static int usage(void)
{
	(void)fprintf(stderr, "usage: hotpath SCENARIO N\n");
	for (uint32_t i = 0; i < scenario_count; i++)
		(void)fprintf(stderr, "  %-12s %s\n", scenarios[i].name, scenarios[i].unit);
	return 2;
}

int main(int argc, char **argv)
{
	const struct meter meter = {.start = toggle, .stop = toggle};
	const struct scenario *s = argc == 3 ? scenario_find(argv[1]) : NULL;
	unsigned long n = argc == 3 ? strtoul(argv[2], NULL, 10) : 0;
	struct pipeline *p;
	const char *reason = NULL;
	uint64_t bytes;

	if (s == NULL || n == 0 || n > MAX_VMIS)
		return usage();
	p = scenario_run(s, (uint32_t)n, &meter, &bytes);
	if (!allocator_validate(pipeline_allocator(p), &reason)) {
		(void)fprintf(stderr, "%s: %s\n", s->name, reason);
		return 1;
	}
	pipeline_free(p);
	printf("%s\t%lu\t%" PRIu64 "\n", s->name, n, bytes);
	return 0;
}
