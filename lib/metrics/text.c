/* The text form 0.0.4 of a registry:
 * https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "metrics/registry_impl.h"

#define NUMBER_SIZE 32

/* The shortest text that reads back as the same double; whole numbers without an exponent where all their
 * digits are exact. */
static void format_number(double value, char out[static NUMBER_SIZE])
{
	if (isnan(value)) {
		(void)snprintf(out, NUMBER_SIZE, "NaN");
	} else if (isinf(value)) {
		(void)snprintf(out, NUMBER_SIZE, value > 0 ? "+Inf" : "-Inf");
	} else if (fabs(value) < 0x1p53 && value == trunc(value)) {
		(void)snprintf(out, NUMBER_SIZE, "%" PRId64, (int64_t)value);
	} else {
		for (int digits = 1; digits <= 17; digits++) {
			(void)snprintf(out, NUMBER_SIZE, "%.*g", digits, value);
			if (strtod(out, NULL) == value)
				break;
		}
	}
}

/* @quote: also escape the double quote, as label values need it and help texts must not have it. */
static int add_escaped(struct buf *out, const char *text, bool quote)
{
	int rc = 0;

	for (const char *c = text; *c != '\0' && rc == 0; c++) {
		if (*c == '\n')
			rc = buf_add_str(out, "\\n");
		else if (*c == '\\')
			rc = buf_add_str(out, "\\\\");
		else if (*c == '"' && quote)
			rc = buf_add_str(out, "\\\"");
		else
			rc = buf_add(out, c, 1);
	}
	return rc;
}

static int add_label(struct buf *out, bool first, const char *name, const char *value)
{
	int rc = buf_printf(out, "%s%s=\"", first ? "{" : ",", name);

	if (rc == 0)
		rc = add_escaped(out, value, true);
	if (rc == 0)
		rc = buf_add_str(out, "\"");
	return rc;
}

/* One line; @le: the upper bound of a bucket, or NULL. */
static int add_line(struct buf *out, const struct metrics_series *s, const char *suffix, const char *le,
		    const char *value)
{
	const struct metrics_family *f = s->family;
	const char *label_value = s->values;
	bool first = true;
	int rc = buf_printf(out, "%s%s", f->spec.name, suffix);

	for (size_t i = 0; i < f->label_count && rc == 0; i++) {
		rc = add_label(out, first, f->spec.labels[i], label_value);
		label_value += strlen(label_value) + 1;
		first = false;
	}
	if (le != NULL && rc == 0) {
		rc = add_label(out, first, "le", le);
		first = false;
	}
	if (rc == 0)
		rc = buf_printf(out, "%s %s\n", first ? "" : "}", value);
	return rc;
}

static int add_histogram(struct buf *out, const struct metrics_series *s)
{
	const struct metrics_spec *spec = &s->family->spec;
	char number[NUMBER_SIZE];
	char le[NUMBER_SIZE];
	uint64_t below = 0;
	int rc = 0;

	for (size_t i = 0; i < spec->bucket_count && rc == 0; i++) {
		below += s->buckets[i];
		format_number(spec->buckets[i], le);
		format_number((double)below, number);
		rc = add_line(out, s, "_bucket", le, number);
	}
	format_number((double)s->count, number);
	if (rc == 0)
		rc = add_line(out, s, "_bucket", "+Inf", number);
	format_number(s->value, number);
	if (rc == 0)
		rc = add_line(out, s, "_sum", NULL, number);
	format_number((double)s->count, number);
	if (rc == 0)
		rc = add_line(out, s, "_count", NULL, number);
	return rc;
}

static int add_series(struct buf *out, const struct metrics_series *s)
{
	char number[NUMBER_SIZE];

	if (s->family->spec.type == METRICS_HISTOGRAM)
		return add_histogram(out, s);
	format_number(s->value, number);
	return add_line(out, s, "", NULL, number);
}

static int add_family(struct buf *out, const struct metrics_family *f)
{
	static const char *const types[] = {
		[METRICS_COUNTER] = "counter",
		[METRICS_GAUGE] = "gauge",
		[METRICS_HISTOGRAM] = "histogram",
	};
	int rc;

	/* A family with nothing in it is left out: a head without samples is only noise. */
	if (f->first == NULL && !f->other->shown)
		return 0;
	rc = buf_printf(out, "# HELP %s ", f->spec.name);
	if (rc == 0)
		rc = add_escaped(out, f->spec.help, false);
	if (rc == 0)
		rc = buf_printf(out, "\n# TYPE %s %s\n", f->spec.name, types[f->spec.type]);
	for (const struct metrics_series *s = f->first; s != NULL && rc == 0; s = s->next)
		rc = add_series(out, s);
	if (f->other->shown && rc == 0)
		rc = add_series(out, f->other);
	return rc;
}

int metrics_write(const struct metrics_registry *m, struct buf *out)
{
	size_t start = out->len;
	int rc = 0;

	for (const struct metrics_family *f = m->first; f != NULL && rc == 0; f = f->next)
		rc = add_family(out, f);
	if (rc != 0 && out->data != NULL) {
		out->len = start;
		out->data[start] = '\0';
	}
	return rc;
}
