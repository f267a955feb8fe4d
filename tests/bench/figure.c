#include "bench/figure.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int value_of(const struct figure *f, const struct samples *s, unsigned int round, const char *subject,
		    double *out)
{
	const struct figure base = {.scenario = f->base, .metric = f->metric, .subjects = subject};
	struct stats_interval off;
	int rc = samples_get(s, f->scenario, subject, round, f->metric, out);

	if (rc != 0 || f->base == NULL)
		return rc;
	figure_interval(&base, s, 1, &off);
	*out -= off.median;
	return off.n > 0 ? 0 : -ENOENT;
}

int figure_value(const struct figure *f, const struct samples *s, unsigned int round, double *out)
{
	const char *at = f->subjects;
	unsigned int found = 0;
	double joined = 0;

	while (*at != '\0') {
		char subject[SAMPLES_NAME_MAX];
		size_t len = strcspn(at, " ");
		double value = 0;

		(void)snprintf(subject, sizeof(subject), "%.*s", (int)len, at);
		at += len + (at[len] == ' ');
		if (value_of(f, s, round, subject, &value) != 0)
			return -ENOENT;
		if (f->join == FIGURE_SUM || found == 0)
			joined += value;
		else if (value > joined)
			joined = value;
		found++;
	}
	*out = joined;
	return found > 0 ? 0 : -ENOENT;
}

void figure_interval(const struct figure *f, const struct samples *s, double scale,
		     struct stats_interval *out)
{
	double values[FIGURE_MAX_ROUNDS];
	unsigned int rounds = samples_rounds(s, f->scenario);
	size_t n = 0;

	for (unsigned int round = 0; round < rounds && n < FIGURE_MAX_ROUNDS; round++) {
		double value;

		if (figure_value(f, s, round, &value) == 0)
			values[n++] = value * scale;
	}
	stats_interval(values, n, out);
}

void figure_ratio(const struct figure *f, const struct figure *of, const struct samples *s,
		  struct stats_interval *out)
{
	double ratios[FIGURE_MAX_ROUNDS];
	unsigned int rounds = samples_rounds(s, f->scenario);
	size_t n = 0;

	for (unsigned int round = 0; round < rounds && n < FIGURE_MAX_ROUNDS; round++) {
		double upper;
		double lower;

		if (figure_value(f, s, round, &upper) == 0 && figure_value(of, s, round, &lower) == 0 &&
		    lower > 0)
			ratios[n++] = upper / lower;
	}
	stats_interval(ratios, n, out);
}
