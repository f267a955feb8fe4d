/**
 * pipeline: what happens to the bytes that the API server sends, without I/O, loop and clock: decode,
 * allocator, encode, answer. Wired as controller/controller_views.c and controller/assigner.c wire it.
 *
 * For measurements. Whatever goes wrong ends the program with a line on stderr: there is nothing to measure
 * then. Single-threaded.
 */
#ifndef BENCH_PIPELINE_H
#define BENCH_PIPELINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "controller/allocator.h"

struct pipeline;

/** A leader with the default range, random numbers from a seed, and an open gate, but with an empty view: a
 * list has to come first. On success give *out to pipeline_free(). */
void pipeline_create(struct pipeline **out);
void pipeline_free(struct pipeline *p); /* NULL is fine */

/** One list in one page: begin, its bytes in chunks, end. */
void pipeline_begin_list(struct pipeline *p);
void pipeline_list_bytes(struct pipeline *p, const char *bytes, size_t n);
void pipeline_end_list(struct pipeline *p);

/** A watch that begins with a list follows; it ends by itself, with its end mark. */
void pipeline_begin_stream(struct pipeline *p);

/** The next bytes of a watch that never ends. */
void pipeline_watch_bytes(struct pipeline *p, const char *bytes, size_t n);

/** A patch that is to be sent, all borrowed until the next call on the pipeline. */
struct pipeline_write {
	uint64_t ticket;
	const char *name; /* of the VMI */
	uint32_t cid;
	const char *path;
	const char *body;
	size_t body_len;
};

/** Takes the next wish and encodes its request. False: none now. */
bool pipeline_next_write(struct pipeline *p, struct pipeline_write *w);

/** The server's answer to the write with @ticket: the object as it is now. */
void pipeline_answer(struct pipeline *p, uint64_t ticket, const char *object, size_t n);

struct pipeline_counts {
	uint64_t listed;
	uint64_t events;   /* frames with an object */
	uint64_t assigned; /* verified by an answer or an event */
	uint64_t notices;  /* others */
};

void pipeline_counts(const struct pipeline *p, struct pipeline_counts *out);

/** For figures and checks only. */
const struct allocator *pipeline_allocator(const struct pipeline *p);

#endif
