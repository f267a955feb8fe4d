#include "bench/target.h"

#include <stdio.h>
#include <string.h>

/* The first subject of @f that has no sample at all of its scenario; its name goes to @name. */
static bool find_missing(const struct figure *f, const struct samples *s, char name[static SAMPLES_NAME_MAX])
{
	const char *at = f->subjects;
	unsigned int rounds = samples_rounds(s, f->scenario);

	while (*at != '\0') {
		size_t len = strcspn(at, " ");
		bool there = false;
		double value;

		(void)snprintf(name, SAMPLES_NAME_MAX, "%.*s", (int)len, at);
		at += len + (at[len] == ' ');
		for (unsigned int round = 0; round < rounds && !there; round++)
			there = samples_get(s, f->scenario, name, round, f->metric, &value) == 0;
		if (!there)
			return true;
	}
	return false;
}

/* Why there is no value. */
static void find_reason(const struct target *t, const struct samples *s, char *out, size_t room)
{
	char name[SAMPLES_NAME_MAX];
	char key[SAMPLES_NAME_MAX + 16];
	const char *why;

	if (samples_rounds(s, t->of.scenario) == 0) {
		(void)snprintf(out, room, "%s was not measured", t->of.scenario);
	} else if (find_missing(&t->of, s, name) ||
		   (t->to.scenario != NULL && find_missing(&t->to, s, name))) {
		(void)snprintf(key, sizeof(key), "skipped-%s", name);
		why = samples_meta(s, key);
		(void)snprintf(out, room, "%s%s%s", name, why[0] != '\0' ? ": " : " was not measured", why);
	} else {
		(void)snprintf(out, room, "no round has both sides");
	}
}

void target_judge(const struct target *t, const struct samples *s, struct target_result *out)
{
	bool missed;

	*out = (struct target_result){.verdict = TARGET_OK};
	if (t->to.scenario != NULL)
		figure_ratio(&t->of, &t->to, s, &out->value);
	else
		figure_interval(&t->of, s, t->scale > 0 ? t->scale : 1, &out->value);
	if (out->value.n == 0) {
		out->verdict = TARGET_SKIPPED;
		find_reason(t, s, out->reason, sizeof(out->reason));
		return;
	}
	/* The run has enough rounds, but this lacks some. */
	if (out->value.n < TARGET_ROUNDS && samples_rounds(s, NULL) >= TARGET_ROUNDS) {
		out->verdict = TARGET_SKIPPED;
		(void)snprintf(out->reason, sizeof(out->reason), "only %zu rounds have both sides",
			       out->value.n);
		return;
	}
	missed = t->kind == TARGET_AT_MOST ? out->value.low > t->limit : out->value.high < t->limit;
	if (missed)
		out->verdict = TARGET_MISSED;
}

const char *target_verdict_name(enum target_verdict verdict)
{
	static const char *const names[] = {
		[TARGET_OK] = "ok", [TARGET_MISSED] = "MISSED", [TARGET_SKIPPED] = "skipped"};

	return names[verdict];
}

void target_line(const struct target *t, const struct target_result *r, char *out, size_t room)
{
	if (r->verdict == TARGET_SKIPPED)
		(void)snprintf(out, room, "bench: %s value=- target=%g skipped (%s)", t->name, t->limit,
			       r->reason);
	else
		(void)snprintf(out, room, "bench: %s value=%.4g target=%g %s (%.4g to %.4g)", t->name,
			       r->value.median, t->limit, target_verdict_name(r->verdict), r->value.low,
			       r->value.high);
}
