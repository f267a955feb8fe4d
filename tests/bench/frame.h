/**
 * frame: the frames of a watch, and of each the few things about a VMI that a measurement needs, by a search
 * for bytes.
 *
 * This is no JSON reader. It stands on what the API server writes (one frame a line, sorted keys) and on the
 * names that tests/bench gives its VMIs, and it is as cheap as reading can be: what it costs is the floor for
 * everybody.
 */
#ifndef BENCH_FRAME_H
#define BENCH_FRAME_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

/* A VMI's name is this and its number. */
#define FRAME_VMI_PREFIX "vmi-"

struct frame_reader {
	struct buf rest; /* of a frame that is not complete */
	void (*on_frame)(void *data, const char *frame, size_t len);
	void *data;
};

/** Zeroes it and sets the callback; frame_reader_free() is due. */
void frame_reader_init(struct frame_reader *r, void (*on_frame)(void *data, const char *frame, size_t len),
		       void *data);
void frame_reader_free(struct frame_reader *r);

/** Calls on_frame for each frame that @bytes complete. Returns 0, -EMSGSIZE, -ENOMEM. */
int frame_reader_feed(struct frame_reader *r, const char *bytes, size_t n);

/** Text inside of a frame, borrowed with it. */
struct frame_text {
	const char *at; /* NULL: not there */
	size_t len;
};

struct frame_vmi {
	struct frame_text namespace;
	struct frame_text uid;
	struct frame_text phase;
	long number;   /* in its name; -1: not one of ours */
	long long cid; /* -1: none */
	bool wants;    /* autoattachVSOCK */
};

/** 'A'DDED, 'M'ODIFIED, 'D'ELETED, 'B'OOKMARK, 'E'RROR; 0: none of these. */
char frame_type(const char *frame, size_t len);

/** Whether @text occurs in it. */
bool frame_has(const char *frame, size_t len, const char *text);

/** The bookmark that says that all initial events have been sent. */
bool frame_ends_initial_events(const char *frame, size_t len);

/** The resourceVersion of the object in it. */
struct frame_text frame_version(const char *frame, size_t len);

void frame_read_vmi(const char *frame, size_t len, struct frame_vmi *out);

#endif
