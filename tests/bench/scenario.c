#include "bench/scenario.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "bench/stream.h"

/* VMIs whose bytes are made at a time: some 100 KiB, and as many writes as are in flight together. */
#define BATCH 16

/* A pipeline's own term is far from those of the CIDs that are there. */
#define FIRST_STRIPE 1000

/* Of objects in lists and in the first events; later ones are newer. */
#define FIRST_VERSION 100000000

static const struct stream *stream; /* made once */
static struct buf text;

static void nothing(void *data)
{
	(void)data;
}

static const struct meter no_meter = {.start = nothing, .stop = nothing};

static void must(int rc)
{
	if (rc != 0)
		abort();
}

/* ---- VMIs ---- */

/* Half-full stripes, as leaders leave them. */
static uint32_t cid_of(uint32_t number)
{
	uint32_t slot = number * 40503u % 65536;

	return slot << 15 | (FIRST_STRIPE + number / 32768);
}

static struct stream_vmi plain_vmi(uint32_t number)
{
	return (struct stream_vmi){.number = number, .version = FIRST_VERSION + number, .is_running = true};
}

static struct stream_vmi holding_vmi(uint32_t number)
{
	struct stream_vmi v = plain_vmi(number);

	v.wants_vsock = true;
	v.cid = cid_of(number);
	return v;
}

static struct stream_vmi waiting_vmi(uint32_t number)
{
	return (struct stream_vmi){.number = number, .version = FIRST_VERSION + number, .wants_vsock = true};
}

/* ---- bytes on their way ---- */

/* Hands @text on as libcurl would. */
static void feed(struct pipeline *p, void (*to)(struct pipeline *p, const char *bytes, size_t n),
		 const struct meter *m, uint64_t *bytes)
{
	m->start(m->data);
	for (size_t at = 0; at < text.len; at += STREAM_CHUNK)
		to(p, text.data + at, text.len - at < STREAM_CHUNK ? text.len - at : STREAM_CHUNK);
	m->stop(m->data);
	*bytes += text.len;
	buf_reset(&text);
}

static void list(struct pipeline *p, uint32_t n, struct stream_vmi (*make)(uint32_t number),
		 const struct meter *m, uint64_t *bytes)
{
	m->start(m->data);
	pipeline_begin_list(p);
	m->stop(m->data);
	must(stream_begin_list(&text));
	for (uint32_t i = 0; i < n; i++) {
		struct stream_vmi v = make(i);

		if (i > 0)
			must(buf_add_str(&text, ","));
		must(stream_add_object(stream, &text, &v));
		if (i % BATCH == BATCH - 1)
			feed(p, pipeline_list_bytes, m, bytes);
	}
	must(stream_end_list(&text, FIRST_VERSION + n));
	feed(p, pipeline_list_bytes, m, bytes);
	m->start(m->data);
	pipeline_end_list(p);
	m->stop(m->data);
}

/* @n frames, one for each VMI, each newer than what was there before. */
static void watch(struct pipeline *p, uint32_t n, const char *type,
		  struct stream_vmi (*make)(uint32_t number), const struct meter *m, uint64_t *bytes)
{
	for (uint32_t i = 0; i < n; i++) {
		struct stream_vmi v = make(i);

		v.version += 2 * (uint64_t)n;
		v.beat = i + 1;
		must(stream_add_frame(stream, &text, type, &v));
		if (i % BATCH == BATCH - 1 || i == n - 1)
			feed(p, pipeline_watch_bytes, m, bytes);
	}
}

/* A list as a stream of frames. */
static void stream_list(struct pipeline *p, uint32_t n, const struct meter *m, uint64_t *bytes)
{
	m->start(m->data);
	pipeline_begin_stream(p);
	m->stop(m->data);
	for (uint32_t i = 0; i < n; i++) {
		struct stream_vmi v = holding_vmi(i);

		must(stream_add_frame(stream, &text, "ADDED", &v));
		if (i % BATCH == BATCH - 1)
			feed(p, pipeline_watch_bytes, m, bytes);
	}
	must(stream_add_end_mark(&text, FIRST_VERSION + n));
	feed(p, pipeline_watch_bytes, m, bytes);
}

/* ---- scenarios ---- */

static void run_list(struct pipeline *p, uint32_t n, const struct meter *m, uint64_t *bytes)
{
	list(p, n, holding_vmi, m, bytes);
}

static void run_list_plain(struct pipeline *p, uint32_t n, const struct meter *m, uint64_t *bytes)
{
	list(p, n, plain_vmi, m, bytes);
}

static void run_watch(struct pipeline *p, uint32_t n, const struct meter *m, uint64_t *bytes)
{
	uint64_t unmeasured = 0;

	list(p, n, holding_vmi, &no_meter, &unmeasured);
	watch(p, n, "MODIFIED", holding_vmi, m, bytes);
}

static void run_watch_plain(struct pipeline *p, uint32_t n, const struct meter *m, uint64_t *bytes)
{
	uint64_t unmeasured = 0;

	list(p, n, plain_vmi, &no_meter, &unmeasured);
	watch(p, n, "MODIFIED", plain_vmi, m, bytes);
}

static void run_delete(struct pipeline *p, uint32_t n, const struct meter *m, uint64_t *bytes)
{
	uint64_t unmeasured = 0;

	list(p, n, holding_vmi, &no_meter, &unmeasured);
	watch(p, n, "DELETED", holding_vmi, m, bytes);
}

static bool next_write(struct pipeline *p, struct pipeline_write *w, const struct meter *m)
{
	bool found;

	m->start(m->data);
	found = pipeline_next_write(p, w);
	m->stop(m->data);
	return found;
}

/* Serves @count VMIs from @first on: request, answer, and the event about it. */
static void serve(struct pipeline *p, uint32_t first, uint32_t count, uint64_t version, const struct meter *m,
		  uint64_t *bytes)
{
	struct pipeline_write w;
	struct stream_vmi served[BATCH];
	uint64_t tickets[BATCH];
	uint32_t n = 0;

	while (n < BATCH && next_write(p, &w, m)) {
		served[n] = waiting_vmi(stream_number_of(w.name));
		served[n].cid = w.cid;
		served[n].version = version + n;
		tickets[n++] = w.ticket;
		*bytes += w.body_len;
	}
	if (n != count || served[0].number < first) {
		(void)fprintf(stderr, "%u writes where %u VMIs wait\n", n, count);
		exit(1);
	}
	for (uint32_t i = 0; i < n; i++) {
		must(stream_add_object(stream, &text, &served[i]));
		m->start(m->data);
		pipeline_answer(p, tickets[i], text.data, text.len);
		m->stop(m->data);
		*bytes += text.len;
		buf_reset(&text);
	}
	for (uint32_t i = 0; i < n; i++)
		must(stream_add_frame(stream, &text, "MODIFIED", &served[i]));
	feed(p, pipeline_watch_bytes, m, bytes);
}

static void run_assign(struct pipeline *p, uint32_t n, const struct meter *m, uint64_t *bytes)
{
	uint64_t unmeasured = 0;

	list(p, 0, waiting_vmi, &no_meter, &unmeasured);
	for (uint32_t first = 0; first < n; first += BATCH) {
		uint32_t count = n - first < BATCH ? n - first : BATCH;

		for (uint32_t i = 0; i < count; i++) {
			struct stream_vmi v = waiting_vmi(first + i);

			must(stream_add_frame(stream, &text, "ADDED", &v));
		}
		feed(p, pipeline_watch_bytes, m, bytes);
		serve(p, first, count, FIRST_VERSION + n + first, m, bytes);
	}
}

/* ---- what must have come of it ---- */

/* How many VMIs are tracked, CIDs held, CIDs that rest and objects seen. */
static bool has(const struct pipeline *p, uint64_t tracked, uint64_t resting, uint64_t listed,
		uint64_t events, uint64_t assigned)
{
	struct allocator_stats stats;
	struct pipeline_counts counts;

	allocator_stats(pipeline_allocator(p), &stats);
	pipeline_counts(p, &counts);
	return stats.tracked == tracked && stats.in_use == tracked && stats.quarantined == resting &&
	       stats.waiting == 0 && stats.unreadable == 0 && stats.informed && counts.listed == listed &&
	       counts.events == events && counts.assigned == assigned && counts.notices == 0;
}

static bool has_listed(const struct pipeline *p, uint32_t n)
{
	return has(p, n, 0, n, 0, 0);
}

static bool has_nothing_listed(const struct pipeline *p, uint32_t n)
{
	return has(p, 0, 0, n, 0, 0);
}

static bool has_watched(const struct pipeline *p, uint32_t n)
{
	return has(p, n, 0, n, n, 0);
}

static bool has_nothing_watched(const struct pipeline *p, uint32_t n)
{
	return has(p, 0, 0, n, n, 0);
}

static bool has_deleted(const struct pipeline *p, uint32_t n)
{
	return has(p, 0, n, n, n, 0);
}

static bool has_assigned(const struct pipeline *p, uint32_t n)
{
	return has(p, n, 0, 0, 2 * (uint64_t)n, n);
}

const struct scenario scenarios[] = {
	{"list", "item that holds a CID", run_list, has_listed},
	{"stream", "frame of a streaming list", stream_list, has_listed},
	{"list-plain", "item without vsock", run_list_plain, has_nothing_listed},
	{"watch", "event of a VMI that holds a CID", run_watch, has_watched},
	{"watch-plain", "event of a VMI without vsock", run_watch_plain, has_nothing_watched},
	{"assign", "assignment: ADDED, patch, answer, MODIFIED", run_assign, has_assigned},
	{"delete", "deletion", run_delete, has_deleted},
};
const uint32_t scenario_count = ARRAY_LEN(scenarios);

const struct scenario *scenario_find(const char *name)
{
	for (uint32_t i = 0; i < scenario_count; i++)
		if (strcmp(scenarios[i].name, name) == 0)
			return &scenarios[i];
	return NULL;
}

struct pipeline *scenario_run(const struct scenario *s, uint32_t n, const struct meter *m, uint64_t *bytes)
{
	static struct stream *made;
	struct pipeline *p;

	if (made == NULL) {
		must(stream_create(&made));
		stream = made;
		buf_init(&text, 4u << 20);
	}
	pipeline_create(&p);
	*bytes = 0;
	s->run(p, n, m, bytes);
	if (!s->is_done(p, n)) {
		(void)fprintf(stderr, "%s: the allocator does not show what it must\n", s->name);
		exit(1);
	}
	return p;
}
