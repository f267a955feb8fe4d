#include "cid/range.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

bool cid_is_reserved(uint32_t cid)
{
	return cid < CID_LOWEST || cid > CID_HIGHEST;
}

static int span_compare(const void *a, const void *b)
{
	const struct cid_span *x = a;
	const struct cid_span *y = b;

	return (x->first > y->first) - (x->first < y->first);
}

/* Merges sorted spans that overlap or touch. Returns how many are left. All are below UINT32_MAX: clipped. */
static size_t spans_merge(struct cid_span *spans, size_t count)
{
	size_t kept = 0;

	for (size_t i = 0; i < count; i++) {
		struct cid_span *top = kept > 0 ? &spans[kept - 1] : NULL;

		if (top == NULL || spans[i].first > top->last + 1)
			spans[kept++] = spans[i];
		else if (spans[i].last > top->last)
			top->last = spans[i].last;
	}
	return kept;
}

/* Takes over what of @excluded lies within min..max. */
static size_t spans_clip(struct cid_span *out, const struct cid_span *excluded, size_t count, uint32_t min,
			 uint32_t max)
{
	size_t kept = 0;

	for (size_t i = 0; i < count; i++) {
		struct cid_span span = excluded[i];

		if (span.first > span.last || span.last < min || span.first > max)
			continue;
		span.first = span.first < min ? min : span.first;
		span.last = span.last > max ? max : span.last;
		out[kept++] = span;
	}
	return kept;
}

static int range_check(uint32_t min, uint32_t max, size_t count, struct error *err)
{
	if (min < CID_LOWEST || max > CID_HIGHEST)
		return error_set(err, -EINVAL, "the range %u-%u is not within %u-%u", min, max, CID_LOWEST,
				 CID_HIGHEST);
	if (min > max)
		return error_set(err, -EINVAL, "the range %u-%u is inverted", min, max);
	if (count > CID_RANGE_MAX_EXCLUDED)
		return error_set(err, -EINVAL, "more than %d exclusions", CID_RANGE_MAX_EXCLUDED);
	return 0;
}

int cid_range_init(struct cid_range *r, uint32_t min, uint32_t max, const struct cid_span *excluded,
		   size_t count, struct error *err)
{
	struct cid_range range = {.min = min, .max = max};
	int rc = range_check(min, max, count, err);

	if (rc != 0)
		return rc;
	range.excluded = calloc(count > 0 ? count : 1, sizeof(*range.excluded));
	if (range.excluded == NULL)
		return error_errno(err, -ENOMEM, "range");
	count = spans_clip(range.excluded, excluded, count, min, max);
	if (count > 0)
		qsort(range.excluded, count, sizeof(*range.excluded), span_compare);
	range.excluded_count = spans_merge(range.excluded, count);
	if (cid_range_size(&range) == 0) {
		cid_range_free(&range);
		return error_set(err, -EINVAL, "every CID of the range %u-%u is excluded", min, max);
	}
	*r = range;
	return 0;
}

void cid_range_free(struct cid_range *r)
{
	free(r->excluded);
	*r = (struct cid_range){0};
}

size_t cid_range_excluded_from(const struct cid_range *r, uint32_t cid)
{
	size_t low = 0;
	size_t high = r->excluded_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (r->excluded[middle].last < cid)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

bool cid_range_contains(const struct cid_range *r, uint32_t cid)
{
	size_t at;

	if (cid < r->min || cid > r->max)
		return false;
	at = cid_range_excluded_from(r, cid);
	return at == r->excluded_count || cid < r->excluded[at].first;
}

uint64_t cid_range_excluded_within(const struct cid_range *r, uint32_t first, uint32_t last)
{
	uint64_t count = 0;

	for (size_t i = cid_range_excluded_from(r, first); i < r->excluded_count; i++) {
		const struct cid_span *span = &r->excluded[i];
		uint32_t from = span->first > first ? span->first : first;
		uint32_t to = span->last < last ? span->last : last;

		if (from > to)
			break;
		count += (uint64_t)to - from + 1;
	}
	return count;
}

uint64_t cid_range_size(const struct cid_range *r)
{
	return (uint64_t)r->max - r->min + 1 - cid_range_excluded_within(r, r->min, r->max);
}

bool cid_range_equal(const struct cid_range *x, const struct cid_range *y)
{
	return x->min == y->min && x->max == y->max && x->excluded_count == y->excluded_count &&
	       (x->excluded_count == 0 ||
		memcmp(x->excluded, y->excluded, x->excluded_count * sizeof(*x->excluded)) == 0);
}

/* Reads digits at *@text and moves it behind them. */
static int parse_number(const char **text, uint32_t *out)
{
	const char *start = *text;
	uint64_t value = 0;

	while (**text >= '0' && **text <= '9') {
		value = value * 10 + (uint64_t)(**text - '0');
		if (value > UINT32_MAX)
			return -EINVAL;
		(*text)++;
	}
	*out = (uint32_t)value;
	return *text > start ? 0 : -EINVAL;
}

/* Reads "N" or "N-M" at *@text and moves it to the comma or the end. */
static int parse_span(const char **text, struct cid_span *out)
{
	int rc = parse_number(text, &out->first);

	out->last = out->first;
	if (rc == 0 && **text == '-') {
		(*text)++;
		rc = parse_number(text, &out->last);
	}
	if (rc != 0 || (**text != ',' && **text != '\0') || out->first > out->last)
		return -EINVAL;
	return 0;
}

int cid_range_parse_exclusions(const char *text, struct cid_span out[static CID_RANGE_MAX_EXCLUDED],
			       size_t *count, struct error *err)
{
	const char *next = text;
	size_t n = 0;

	for (;; next++) {
		const char *entry = next;
		size_t shown = utf8_cut(entry, strcspn(entry, ","), 40);

		if (n == CID_RANGE_MAX_EXCLUDED)
			return error_set(err, -EINVAL, "more than %d entries", CID_RANGE_MAX_EXCLUDED);
		if (parse_span(&next, &out[n]) != 0)
			return error_set(err, -EINVAL, "'%.*s' is neither a CID nor a range of CIDs",
					 (int)shown, entry);
		n++;
		if (*next == '\0')
			break;
	}
	*count = n;
	return 0;
}
