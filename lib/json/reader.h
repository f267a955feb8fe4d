/**
 * json_reader: reads JSON as it arrives and reports only what a filter wants.
 *
 * Lists and watches of an API server are megabytes of which a controller needs a few bytes an object. The
 * reader is fed chunks of any size (one byte at a time gives the same callbacks as one big chunk), keeps no
 * copy of what is not wanted, and needs memory only for the nesting (one bit a level), for one wanted scalar
 * and for its key. It checks the whole grammar of RFC 8259, wanted or not: brackets that match, strings with
 * valid escapes, valid UTF-8 and no raw control characters, well-formed numbers, nothing but white space
 * between values. (A server written in Go sends no invalid UTF-8, so one that does is not to be trusted with
 * the rest either; to ASCII the check costs nothing.) Not thread-safe; no I/O.
 *
 * The input is a sequence of values (a watch) or a single one (a list); white space may stand between them,
 * nothing else must (kubernetes-client.md WCH-1: framing is by value, not by line).
 */
#ifndef JSON_READER_H
#define JSON_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "json/filter.h"

/** Nesting deeper than this is -EBADMSG. An API server stores objects of up to 10,000 levels (the limit of
 * Go's decoder), and a list or a watch adds its own: whoever may create objects must not be able to end the
 * stream for all others. So it is far above that; the memory, one bit a level, is touched only as far as the
 * nesting goes. */
#define JSON_READER_MAX_DEPTH (1 << 20)

enum json_value_kind {
	JSON_VALUE_NULL,
	JSON_VALUE_FALSE,
	JSON_VALUE_TRUE,
	JSON_VALUE_NUMBER, /* text is the number as it stood in the document */
	JSON_VALUE_STRING, /* text is the content, unescaped, UTF-8; it may hold NUL bytes (\u0000). A
			      surrogate without its other half is U+FFFD, as in Go */
	JSON_VALUE_OBJECT, /* reported where it begins; its wanted members follow. Where it is wanted as a
			      whole (JSON_WHOLE), reported where it ends, without end(): text is
			      the JSON as it stood in the document */
	JSON_VALUE_ARRAY,  /* likewise */
};

struct json_value {
	enum json_value_kind kind;
	bool cut; /* a string or number longer than max_text: text holds its beginning (whole UTF-8
		     sequences); a whole object or array longer than max_whole: text is "" */
	const char
		*text; /* NUL-terminated, borrowed during the callback; "" unless number, string or whole */
	size_t len;    /* bytes of text without the NUL */
};

/** Each may be NULL where nobody cares. */
struct json_reader_events {
	/** A wanted value: a scalar after its last byte, an object or array at its first. A duplicate key
	 * gives a second call (the later one counts, as for Kubernetes; where it is an object or array,
	 * nothing counts any more that was reported below the earlier one). 0 goes on; a negative errno ends
	 * the feed with it. */
	int (*value)(void *data, int field, const struct json_value *value);
	/** A wanted object or array has ended. Result as above. */
	int (*end)(void *data, int field);
	/** A top-level value is complete (a list, or one frame of a watch). Result as above. */
	int (*document)(void *data);
};

struct json_reader;

struct json_reader_limits {
	size_t max_text;       /* longest wanted string or number kept whole, bytes */
	size_t max_whole;      /* longest object or array that is wanted as a whole, bytes */
	uint64_t max_document; /* most bytes of one top-level value; 0 = no limit (WCH-2: 16 MiB for a watch
				  frame). The white space that ends a top-level number is counted */
};

/** @filter and @events are borrowed until json_reader_free(). Returns 0 or -ENOMEM. */
int json_reader_create(struct json_reader **out, const struct json_filter *filter,
		       const struct json_reader_limits *limits, const struct json_reader_events *events,
		       void *data);

/** Reads @n more bytes. Returns 0; -EBADMSG (not JSON); -EMSGSIZE (over max_document); -ENOMEM; or what a
 * callback returned. @err names the byte, counted from 0 at the start of the input; where a callback failed
 * it is left alone: that one knows better what to say. After a failure only json_reader_reset() and
 * json_reader_free() may be called (another feed fails the same way). The callbacks may not call back into
 * the reader. */
int json_reader_feed(struct json_reader *r, const char *bytes, size_t n, struct error *err);

/** True between top-level values: what was fed so far ended with a whole value (or nothing was fed). A
 * top-level number has no end of its own and counts as complete here only after white space, and nothing else
 * may follow it; API servers send objects. */
bool json_reader_at_boundary(const struct json_reader *r);

/** Ready for a new input, whatever happened before; offsets count from 0 again. */
void json_reader_reset(struct json_reader *r);

void json_reader_free(struct json_reader *r); /* NULL is fine */

#endif
