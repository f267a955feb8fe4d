#include "metrics/registry.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/utf8.h"
#include "metrics/registry_impl.h"

int metrics_registry_create(struct metrics_registry **out)
{
	struct metrics_registry *m = calloc(1, sizeof(*m));

	if (m == NULL)
		return -ENOMEM;
	m->last = &m->first;
	*out = m;
	return 0;
}

static bool is_name(const char *name, bool colons)
{
	if (name == NULL || name[0] == '\0' || (name[0] >= '0' && name[0] <= '9'))
		return false;
	for (const char *c = name; *c != '\0'; c++) {
		bool letter = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z');
		bool digit = *c >= '0' && *c <= '9';

		if (!letter && !digit && *c != '_' && !(colons && *c == ':'))
			return false;
	}
	return true;
}

/* Is @name the name of a line that a histogram called @family writes? */
static bool is_histogram_line(const char *name, const char *family)
{
	static const char *const suffixes[] = {"_bucket", "_sum", "_count"};
	size_t length = strlen(family);

	if (strncmp(name, family, length) != 0)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(suffixes); i++)
		if (strcmp(name + length, suffixes[i]) == 0)
			return true;
	return false;
}

static bool is_name_taken(const struct metrics_registry *m, const struct metrics_spec *spec)
{
	for (const struct metrics_family *f = m->first; f != NULL; f = f->next) {
		if (strcmp(f->spec.name, spec->name) == 0)
			return true;
		if (f->spec.type == METRICS_HISTOGRAM && is_histogram_line(spec->name, f->spec.name))
			return true;
		if (spec->type == METRICS_HISTOGRAM && is_histogram_line(f->spec.name, spec->name))
			return true;
	}
	return false;
}

/* Label names that begin with __ are Prometheus' own; le is the histogram's. */
static bool are_labels_valid(const struct metrics_spec *spec)
{
	for (size_t i = 0; spec->labels != NULL && spec->labels[i] != NULL; i++) {
		const char *label = spec->labels[i];

		if (!is_name(label, false) || strncmp(label, "__", 2) == 0)
			return false;
		if (spec->type == METRICS_HISTOGRAM && strcmp(label, "le") == 0)
			return false;
		for (size_t j = 0; j < i; j++)
			if (strcmp(spec->labels[j], label) == 0)
				return false;
	}
	return true;
}

static bool are_buckets_valid(const struct metrics_spec *spec)
{
	if (spec->type != METRICS_HISTOGRAM)
		return spec->bucket_count == 0;
	for (size_t i = 0; i < spec->bucket_count; i++)
		if (!isfinite(spec->buckets[i]) || (i > 0 && spec->buckets[i] <= spec->buckets[i - 1]))
			return false;
	return true;
}

/* @values: the label values, or NULL: "other" for each. NULL when memory is short. */
static struct metrics_series *series_create(const struct metrics_family *f, const char *const *values)
{
	size_t buckets = f->spec.bucket_count;
	struct metrics_series *s;
	size_t text = 0;
	char *end;

	for (size_t i = 0; i < f->label_count; i++)
		text += strlen(values != NULL ? values[i] : METRICS_OTHER) + 1;
	s = calloc(1, sizeof(*s) + buckets * sizeof(s->buckets[0]) + text);
	if (s == NULL)
		return NULL;
	s->family = f;
	s->values = (char *)&s->buckets[buckets];
	end = s->values;
	for (size_t i = 0; i < f->label_count; i++)
		end = stpcpy(end, values != NULL ? values[i] : METRICS_OTHER) + 1;
	return s;
}

static void series_append(struct metrics_family *f, struct metrics_series *s)
{
	s->shown = true;
	*f->last = s;
	f->last = &s->next;
	f->series_count++;
}

struct metrics_family *metrics_declare(struct metrics_registry *m, const struct metrics_spec *spec)
{
	struct metrics_family *f;

	if (!is_name(spec->name, true) || spec->help == NULL || !are_labels_valid(spec) ||
	    !are_buckets_valid(spec) || is_name_taken(m, spec))
		return NULL;
	f = calloc(1, sizeof(*f));
	if (f == NULL)
		return NULL;
	f->spec = *spec;
	f->last = &f->first;
	while (spec->labels != NULL && spec->labels[f->label_count] != NULL)
		f->label_count++;
	f->other = series_create(f, NULL);
	if (f->other == NULL) {
		free(f);
		return NULL;
	}
	f->other->shown = f->label_count == 0;
	*m->last = f;
	m->last = &f->next;
	return f;
}

static bool series_matches(const struct metrics_series *s, const char *const *values)
{
	const char *own = s->values;

	for (size_t i = 0; i < s->family->label_count; i++) {
		if (strcmp(own, values[i]) != 0)
			return false;
		own += strlen(own) + 1;
	}
	return true;
}

/* Values that would not fit the text form or the bounds are not worth a series of their own. */
static bool are_values_usable(const struct metrics_family *f, const char *const *values)
{
	for (size_t i = 0; i < f->label_count; i++) {
		size_t length = strnlen(values[i], METRICS_MAX_VALUE + 1);

		if (length > METRICS_MAX_VALUE || !utf8_valid(values[i], length))
			return false;
	}
	return true;
}

struct metrics_series *metrics_series(struct metrics_family *f, const char *const *values)
{
	struct metrics_series *s = NULL;

	if (f == NULL)
		return NULL;
	if (f->label_count == 0)
		return f->other;
	for (s = f->first; s != NULL; s = s->next)
		if (series_matches(s, values))
			return s;
	if (f->series_count < METRICS_MAX_SERIES && are_values_usable(f, values) &&
	    !series_matches(f->other, values))
		s = series_create(f, values);
	if (s == NULL) {
		f->other->shown = true;
		return f->other;
	}
	series_append(f, s);
	return s;
}

void metrics_add(struct metrics_series *s, double amount)
{
	if (s == NULL || isnan(amount) || s->family->spec.type == METRICS_HISTOGRAM)
		return;
	if (s->family->spec.type == METRICS_COUNTER && amount < 0)
		return;
	s->value += amount;
}

void metrics_set(struct metrics_series *s, double value)
{
	if (s == NULL || s->family->spec.type == METRICS_HISTOGRAM)
		return;
	if (s->family->spec.type == METRICS_COUNTER && !(value >= s->value))
		return;
	s->value = value;
}

void metrics_observe(struct metrics_series *s, double value)
{
	const struct metrics_spec *spec;
	size_t i = 0;

	if (s == NULL || isnan(value) || s->family->spec.type != METRICS_HISTOGRAM)
		return;
	spec = &s->family->spec;
	while (i < spec->bucket_count && value > spec->buckets[i])
		i++;
	if (i < spec->bucket_count)
		s->buckets[i]++;
	s->count++;
	s->value += value;
}

double metrics_value(const struct metrics_series *s)
{
	if (s == NULL)
		return 0;
	return s->family->spec.type == METRICS_HISTOGRAM ? (double)s->count : s->value;
}

static void family_free(struct metrics_family *f)
{
	struct metrics_series *next;

	for (struct metrics_series *s = f->first; s != NULL; s = next) {
		next = s->next;
		free(s);
	}
	free(f->other);
	free(f);
}

void metrics_registry_free(struct metrics_registry *m)
{
	struct metrics_family *next;

	if (m == NULL)
		return;
	for (struct metrics_family *f = m->first; f != NULL; f = next) {
		next = f->next;
		family_free(f);
	}
	free(m);
}
