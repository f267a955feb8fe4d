/**
 * cid_range: which CIDs may be given: min..max without the excluded ones (I6).
 *
 * Never 0 (hypervisor), 1 (local), 2 (host; linux/vm_sockets.h) and 4294967295 (VMADDR_CID_ANY): init refuses
 * a range that reaches them. Pure, no I/O; constant after init.
 */
#ifndef CID_RANGE_H
#define CID_RANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define CID_LOWEST  3u
#define CID_HIGHEST 4294967294u

/** Most entries of an exclusion list, as written. */
#define CID_RANGE_MAX_EXCLUDED 1024

/** No VM can have it, whatever the range: 0, 1, 2 and 4294967295. */
bool cid_is_reserved(uint32_t cid);

/** Both ends belong to it. */
struct cid_span {
	uint32_t first;
	uint32_t last;
};

/** What may not be given, as it was written: in any order, overlaps allowed. */
struct cid_exclusions {
	struct cid_span spans[CID_RANGE_MAX_EXCLUDED];
	size_t count;
};

/** Read the members freely, change none. */
struct cid_range {
	uint32_t min;
	uint32_t max;
	struct cid_span *excluded; /* ascending, neither overlapping nor adjacent, all within min..max */
	size_t excluded_count;
};

/** @excluded (in any order, overlaps allowed; copied) may reach beyond min..max; that part has no effect. On
 * success @r must be given to cid_range_free(); on failure it is untouched. Returns 0, -EINVAL (outside
 * CID_LOWEST..CID_HIGHEST, inverted, nothing left, more than CID_RANGE_MAX_EXCLUDED spans), -ENOMEM. */
int cid_range_init(struct cid_range *r, uint32_t min, uint32_t max, const struct cid_span *excluded,
		   size_t count, struct error *err);

/** A zeroed range is fine. */
void cid_range_free(struct cid_range *r);

/** Whether @cid may be given. */
bool cid_range_contains(const struct cid_range *r, uint32_t cid);

/** The same CIDs may be given. */
bool cid_range_equal(const struct cid_range *x, const struct cid_range *y);

/** How many CIDs may be given. */
uint64_t cid_range_size(const struct cid_range *r);

/** How many CIDs of @first..@last (first <= last) are excluded; what lies outside min..max is not counted. */
uint64_t cid_range_excluded_within(const struct cid_range *r, uint32_t first, uint32_t last);

/** Index of the first span of excluded that ends at @cid or later; excluded_count where there is none. For
 * loops over the excluded CIDs from some point on. */
size_t cid_range_excluded_from(const struct cid_range *r, uint32_t cid);

/** Parses a list like "100,2000-2999" into @out, which has room for CID_RANGE_MAX_EXCLUDED spans; in the
 * order written, any 32-bit values. Decimal digits only, no white space. Returns 0 or -EINVAL with the entry
 * named. */
int cid_range_parse_exclusions(const char *text, struct cid_span out[static CID_RANGE_MAX_EXCLUDED],
			       size_t *count, struct error *err);

#endif
