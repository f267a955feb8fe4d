/**
 * stream: VMIs as an API server sends them, the same bytes each time: what the measurements without a server
 * read.
 *
 * A VMI is the template of tests/support with all that a real kube-apiserver and KubeVirt add to it (owner,
 * managedFields, phases passed): 8 KB, compact, keys sorted. Lists and frames of a watch are made of
 * such VMIs. Single-threaded.
 */
#ifndef BENCH_STREAM_H
#define BENCH_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/** What libcurl hands out at once, at most (CURL_MAX_WRITE_SIZE). */
#define STREAM_CHUNK 16384

/** Names, UID and creation time follow from the number. */
struct stream_vmi {
	uint32_t number;
	uint32_t cid; /* 0: it shows none */
	uint64_t version;
	bool wants_vsock;
	bool is_running; /* else Scheduling */
	uint32_t beat;   /* shows in its conditions: what changes when nothing does */
};

struct stream;

/** Returns 0 or -ENOMEM. On success give *out to stream_free(). */
int stream_create(struct stream **out);
void stream_free(struct stream *s); /* NULL is fine */

/** Each of these appends to @out and returns as buf_add(). */

/** The object as the answer to a PATCH has it. */
int stream_add_object(const struct stream *s, struct buf *out, const struct stream_vmi *v);

/** One frame of a watch, @type ADDED, MODIFIED or DELETED. */
int stream_add_frame(const struct stream *s, struct buf *out, const char *type, const struct stream_vmi *v);

/** What stands in a list before its first item and behind its last; between two items is a comma. */
int stream_begin_list(struct buf *out);
int stream_end_list(struct buf *out, uint64_t version);

/** The frame that ends the list with which a watch began. */
int stream_add_end_mark(struct buf *out, uint64_t version);

/** The number in the name of a VMI of a stream. */
uint32_t stream_number_of(const char *name);

#endif
