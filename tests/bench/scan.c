/* scan: the other part of the floor under the controller (see bare.c): the bytes that the server sends, read
 * in memory by the controller's own readers into the fields that it wants, and nothing done with them.
 *
 * The bytes are those of the first VMIs that the server has now, as many as fit into a few megabytes, over
 * and over. CPU time, not wall time: other processes do not count. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench/frame.h"
#include "bench/meter.h"
#include "bench/stay.h"
#include "bench/watch.h"
#include "bench/wire.h"
#include "controller/vmi.h"
#include "kube/watch_reader.h"

#define EXIT_USAGE 2
#define BYTES_MAX  ((size_t)16 << 20)
#define CHUNK      16384 /* what libcurl hands out at once, unless told otherwise */
#define MAX_TEXT   4096
#define MAX_FRAME  (8u << 20)
#define MEASURE_NS UINT64_C(1000000000)

static const char usage[] = "usage: scan --kubeconfig FILE\n"
			    "Says `scan EVENT_US LISTED_US ANSWER_US BYTES WALL_US`: CPU time for a frame of "
			    "a watch, for one of the list\n"
			    "that it begins with and for the answer to a PATCH, how many bytes a frame has, "
			    "and what one of the list\n"
			    "takes by the clock on the wall. Ends on SIGTERM.\n";

struct scan {
	struct frame_reader frames;
	struct buf bytes; /* whole frames */
	size_t *starts;   /* of the frames in it */
	size_t count, room;
	struct vmi vmi;
	uint64_t seen;
};

static uint64_t cpu_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void must(int rc, const char *what)
{
	if (rc == 0)
		return;
	(void)fprintf(stderr, "scan: %s: %s\n", what, strerror(-rc));
	exit(EXIT_FAILURE);
}

/* ---- the bytes ---- */

static void on_frame(void *data, const char *frame, size_t len)
{
	struct scan *s = data;

	if (frame_type(frame, len) != 'A')
		return;
	if (s->count == s->room) {
		s->room = s->room == 0 ? 1024 : s->room * 2;
		s->starts = reallocarray(s->starts, s->room, sizeof(*s->starts));
		must(s->starts == NULL ? -ENOMEM : 0, "frames");
	}
	s->starts[s->count++] = s->bytes.len;
	must(buf_add(&s->bytes, frame, len), "frames");
	must(buf_add(&s->bytes, "\n", 1), "frames");
}

/* Gives up when there is enough. */
static size_t take(char *bytes, size_t size, size_t n, void *data)
{
	struct scan *s = data;
	bool whole = memmem(bytes, size * n, "k8s.io/initial-events-end", 25) != NULL;

	must(frame_reader_feed(&s->frames, bytes, size * n), "frames");
	return whole || s->bytes.len >= BYTES_MAX ? 0 : size * n;
}

static void fetch(struct scan *s, const char *kubeconfig)
{
	struct error err = {0};
	struct wire wire;
	CURL *easy;

	if (wire_open(&wire, kubeconfig, false, &err) != 0) {
		(void)fprintf(stderr, "scan: %s\n", err.message);
		exit(EXIT_FAILURE);
	}
	buf_init(&s->bytes, 2 * BYTES_MAX);
	frame_reader_init(&s->frames, on_frame, s);
	easy = wire_handle(&wire, WIRE_GET);
	must(easy == NULL ? -ENOMEM
			  : wire_set_path(&wire, easy,
					  "/apis/kubevirt.io/v1/virtualmachineinstances?" WATCH_FROM_START),
	     "request");
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, s);
	(void)curl_easy_perform(easy);
	curl_easy_cleanup(easy);
	frame_reader_free(&s->frames);
	wire_close(&wire);
	must(s->count == 0 ? -ENODATA : 0, "no VMIs");
}

/* ---- the readers ---- */

static void on_begin(void *data)
{
	struct scan *s = data;

	vmi_begin(&s->vmi);
}

static void on_value(void *data, int field, const struct json_value *value)
{
	struct scan *s = data;

	vmi_value(&s->vmi, field, value);
}

static void on_object(void *data, enum reflector_event event, const char *rv)
{
	struct scan *s = data;

	(void)event;
	(void)rv;
	vmi_end(&s->vmi);
	s->seen += s->vmi.wants_vsock;
}

static void on_rv(void *data, const char *rv)
{
	(void)data;
	(void)rv;
}

static void read_all(struct scan *s, struct watch_reader *reader)
{
	struct error err = {0};

	for (size_t at = 0; at < s->bytes.len; at += CHUNK) {
		size_t n = s->bytes.len - at < CHUNK ? s->bytes.len - at : CHUNK;

		must(watch_reader_feed(reader, s->bytes.data + at, n, &err), err.message);
	}
}

/* Microseconds of CPU, and on the wall, for a frame. @listing: as the beginning of a watch. */
static double measure_frames(struct scan *s, bool listing, double *wall)
{
	static const struct reflector_handler handler = {
		.begin = on_begin, .value = on_value, .object = on_object};
	struct reflector_object object = {
		.fields = vmi_fields, .field_count = vmi_field_count, .handler = &handler, .data = s};
	struct watch_reader_options options = {.object = &object,
					       .max_text = MAX_TEXT,
					       .max_frame = MAX_FRAME,
					       .moved = on_rv,
					       .listed = on_rv,
					       .data = s};
	struct watch_reader *reader;
	struct error err = {0};
	long long wall_from;
	uint64_t from;
	uint64_t rounds = 0;
	uint64_t took;

	must(watch_reader_create(&reader, &options, &err), err.message);
	watch_reader_reset(reader, listing);
	read_all(s, reader);
	s->seen = 0;
	wall_from = meter_now_us();
	from = cpu_ns();
	do {
		watch_reader_reset(reader, listing);
		read_all(s, reader);
		rounds++;
		took = cpu_ns() - from;
	} while (took < MEASURE_NS);
	must(s->seen == rounds * s->count ? 0 : -EBADMSG, "VMIs that do not want vsock");
	*wall = (double)(meter_now_us() - wall_from) / (double)(rounds * s->count);
	watch_reader_free(reader);
	return (double)took / 1000 / (double)(rounds * s->count);
}

/* Microseconds for the answer to a PATCH, which is the object in the frame. */
static double measure_answers(struct scan *s)
{
	static const char before[] = "{\"type\":\"ADDED\",\"object\":";
	struct vmi_parser *parser;
	struct error err = {0};
	uint64_t from = cpu_ns();
	uint64_t rounds = 0;
	uint64_t took;

	must(vmi_parser_create(&parser), "parser");
	do {
		for (size_t i = 0; i < s->count; i++) {
			size_t start = s->starts[i] + sizeof(before) - 1;
			size_t end = (i + 1 < s->count ? s->starts[i + 1] : s->bytes.len) - 2;

			must(vmi_parser_read(parser, &s->vmi, s->bytes.data + start, end - start, &err),
			     err.message);
		}
		rounds++;
		took = cpu_ns() - from;
	} while (took < MEASURE_NS);
	vmi_parser_free(parser);
	return (double)took / 1000 / (double)(rounds * s->count);
}

int main(int argc, char **argv)
{
	static struct scan s;
	double event;
	double listed;
	double wall;

	if (argc != 3 || strcmp(argv[1], "--kubeconfig") != 0) {
		(void)fputs(usage, stderr);
		return EXIT_USAGE;
	}
	stay_begin();
	fetch(&s, argv[2]);
	event = measure_frames(&s, false, &wall);
	listed = measure_frames(&s, true, &wall);
	printf("scan %.4f %.4f %.4f %zu %.4f\n", event, listed, measure_answers(&s), s.bytes.len / s.count,
	       wall);
	fflush(stdout);
	buf_free(&s.bytes);
	free(s.starts);
	return stay_until_told();
}
