/* micro [PART...]: how fast and how small the parts of the hot path are, on one core and without I/O. Prints
 * a line for each figure, `name value unit`. Times are CPU time and the best of several rounds: on a shared
 * machine the best is what repeats. Parts: json, pool, events, memory; all of them where none is named. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/macros.h"
#include "bench/scenario.h"
#include "bench/stream.h"
#include "cid/pool.h"
#include "kube/list_reader.h"

#define ROUNDS 7

static uint64_t cpu_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void must(int rc)
{
	if (rc != 0)
		abort();
}

/* ---- the reader over a list of VMIs ---- */

#define BODY_VMIS 1000

static struct buf body;
static struct vmi decoded;
static uint64_t decoded_count;

static void on_begin(void *data)
{
	(void)data;
	vmi_begin(&decoded);
}

static void on_value(void *data, int field, const struct json_value *value)
{
	(void)data;
	vmi_value(&decoded, field, value);
}

static void on_object(void *data, enum reflector_event event, const char *rv)
{
	(void)data;
	(void)event;
	(void)rv;
	vmi_end(&decoded);
	decoded_count += decoded.wants_vsock && decoded.cid_state == VMI_CID_PRESENT;
}

static const struct reflector_handler decode = {.begin = on_begin, .value = on_value, .object = on_object};

static void make_body(void)
{
	struct stream *s;

	must(stream_create(&s));
	buf_init(&body, 64u << 20);
	must(stream_begin_list(&body));
	for (uint32_t i = 0; i < BODY_VMIS; i++) {
		const struct stream_vmi v = {.number = i,
					     .cid = 1000 + i,
					     .version = 1000 + i,
					     .wants_vsock = true,
					     .is_running = true};

		if (i > 0)
			must(buf_add_str(&body, ","));
		must(stream_add_object(s, &body, &v));
	}
	must(stream_end_list(&body, 100000));
	stream_free(s);
}

/* Best time for the body in chunks, by a list_reader whose objects are @object. */
static uint64_t time_list(struct reflector_object *object)
{
	struct list_reader *lr;
	uint64_t best = UINT64_MAX;

	must(list_reader_create(&lr, object, 1024, NULL));
	for (int round = 0; round < ROUNDS; round++) {
		uint64_t start = cpu_ns();
		uint64_t took;

		list_reader_reset(lr);
		for (size_t at = 0; at < body.len; at += STREAM_CHUNK)
			must(list_reader_feed(lr, body.data + at,
					      body.len - at < STREAM_CHUNK ? body.len - at : STREAM_CHUNK,
					      NULL));
		must(list_reader_end(lr, NULL));
		took = cpu_ns() - start;
		best = took < best ? took : best;
	}
	if (list_reader_count(lr) != BODY_VMIS)
		abort();
	list_reader_free(lr);
	return best;
}

/* The same bytes by a reader that wants nothing: the grammar alone. */
static uint64_t time_grammar(void)
{
	static const struct json_reader_events none = {0};
	const struct json_reader_limits limits = {0};
	struct json_filter *filter;
	struct json_reader *r;
	uint64_t best = UINT64_MAX;

	must(json_filter_create(&filter));
	must(json_reader_create(&r, filter, &limits, &none, NULL));
	for (int round = 0; round < ROUNDS; round++) {
		uint64_t start = cpu_ns();
		uint64_t took;

		for (size_t at = 0; at < body.len; at += STREAM_CHUNK)
			must(json_reader_feed(r, body.data + at,
					      body.len - at < STREAM_CHUNK ? body.len - at : STREAM_CHUNK,
					      NULL));
		if (!json_reader_at_boundary(r))
			abort();
		took = cpu_ns() - start;
		best = took < best ? took : best;
	}
	json_reader_free(r);
	json_filter_free(filter);
	return best;
}

static void print_speed(const char *name, uint64_t ns)
{
	printf("%s %.2f GB/s\n", name, (double)body.len / (double)ns);
}

static void measure_json(void)
{
	struct reflector_object muted = {.fields = vmi_fields, .field_count = vmi_field_count, .muted = true};
	struct reflector_object full = {
		.fields = vmi_fields, .field_count = vmi_field_count, .handler = &decode};

	make_body();
	printf("vmi_size %zu bytes\n", body.len / BODY_VMIS);
	print_speed("json_grammar", time_grammar());
	print_speed("json_list_fields", time_list(&muted));
	decoded_count = 0;
	print_speed("json_list_vmis", time_list(&full));
	if (decoded_count != (uint64_t)ROUNDS * BODY_VMIS)
		abort();
	buf_free(&body);
}

/* ---- the pool ---- */

#define DRAWS 100000

static struct rng rng;

/* Draws a CID and takes it. */
static uint32_t take_one(struct cid_pool *p)
{
	uint32_t cid;

	must(cid_pool_draw(p, &rng, &cid));
	if (cid_pool_take(p, cid) != 1)
		abort();
	return cid;
}

/* CIDs of @stripe until @taken are. */
static void fill_stripe(struct cid_pool *p, uint32_t stripe, uint32_t taken)
{
	cid_pool_set_stripe(p, stripe);
	for (uint32_t i = 0; i < taken; i++)
		(void)take_one(p);
}

/* Draws and releases, so that the stripe stays as full as it is. */
static void time_draws(struct cid_pool *p, const char *name)
{
	uint64_t draw_ns = UINT64_MAX;
	uint64_t release_ns = UINT64_MAX;
	static uint32_t cids[64];

	for (int round = 0; round < ROUNDS; round++) {
		uint64_t draws = 0;
		uint64_t releases = 0;

		for (size_t i = 0; i < DRAWS / ARRAY_LEN(cids); i++) {
			uint64_t start = cpu_ns();
			uint64_t middle;

			for (size_t j = 0; j < ARRAY_LEN(cids); j++)
				cids[j] = take_one(p);
			middle = cpu_ns();
			for (size_t j = 0; j < ARRAY_LEN(cids); j++)
				(void)cid_pool_release(p, cids[j]);
			draws += middle - start;
			releases += cpu_ns() - middle;
		}
		draw_ns = draws < draw_ns ? draws : draw_ns;
		release_ns = releases < release_ns ? releases : release_ns;
	}
	printf("pool_draw_%s %.0f ns\n", name, (double)draw_ns / DRAWS);
	printf("pool_release_%s %.0f ns\n", name, (double)release_ns / DRAWS);
}

static void measure_pool(void)
{
	struct cid_range range;
	struct cid_pool *p;
	uint64_t start;

	rng_init_secure(&rng);
	must(cid_range_init(&range, 3, 2147483647, NULL, 0, NULL));
	must(cid_pool_create(&p, &range, rng_u64(&rng)));
	for (uint32_t stripe = 100; stripe < 130; stripe++)
		fill_stripe(p, stripe, 33334);
	time_draws(p, "million_half_full_stripe");
	start = cpu_ns();
	cid_pool_set_stripe(p, 100);
	printf("pool_set_stripe_million %.0f us\n", (double)(cpu_ns() - start) / 1000);
	fill_stripe(p, 200, 65536 * 999 / 1000);
	time_draws(p, "million_99.9_full_stripe");
	cid_pool_free(p);
	cid_range_free(&range);
}

/* ---- scenarios by the clock ---- */

#define EVENT_VMIS 5000

struct stopwatch {
	uint64_t started;
	uint64_t ns;
};

static void stopwatch_start(void *data)
{
	struct stopwatch *w = data;

	w->started = cpu_ns();
}

static void stopwatch_stop(void *data)
{
	struct stopwatch *w = data;

	w->ns += cpu_ns() - w->started;
}

static void measure_scenario(const struct scenario *s)
{
	uint64_t best = UINT64_MAX;
	uint64_t bytes = 0;

	for (int round = 0; round < ROUNDS; round++) {
		struct stopwatch watch = {0};
		const struct meter meter = {stopwatch_start, stopwatch_stop, &watch};

		pipeline_free(scenario_run(s, EVENT_VMIS, &meter, &bytes));
		best = watch.ns < best ? watch.ns : best;
	}
	printf("%s_time %.0f ns\n", s->name, (double)best / EVENT_VMIS);
	printf("%s_speed %.2f GB/s\n", s->name, (double)bytes / (double)best);
}

static void measure_events(void)
{
	for (uint32_t i = 0; i < scenario_count; i++)
		measure_scenario(&scenarios[i]);
}

/* ---- memory ---- */

struct memory {
	double rss_kib;
	double anon_kib;
};

static struct memory memory_now(void)
{
	struct memory m = {0};
	char line[256];
	FILE *f = fopen("/proc/self/status", "re");

	if (f == NULL)
		abort();
	while (fgets(line, sizeof(line), f) != NULL) {
		if (strncmp(line, "VmRSS:", 6) == 0)
			m.rss_kib = strtod(line + 6, NULL);
		else if (strncmp(line, "RssAnon:", 8) == 0)
			m.anon_kib = strtod(line + 8, NULL);
	}
	(void)fclose(f);
	return m;
}

static void nothing(void *data)
{
	(void)data;
}

static void measure_memory_of(const char *name, const char *what, uint32_t n)
{
	const struct meter meter = {.start = nothing, .stop = nothing};
	uint64_t bytes;
	struct pipeline *p;
	struct memory before;
	struct memory after;

	/* What the first VMIs need once, like buffers and lazily bound functions, is not the others'. */
	pipeline_free(scenario_run(scenario_find(name), 16, &meter, &bytes));
	before = memory_now();
	p = scenario_run(scenario_find(name), n, &meter, &bytes);
	after = memory_now();
	printf("memory_%s_%" PRIu32 "_rss %.1f MB\n", what, n, after.rss_kib * 1024 / 1e6);
	printf("memory_%s_%" PRIu32 "_anon %.1f MB\n", what, n, after.anon_kib * 1024 / 1e6);
	printf("memory_%s_%" PRIu32 "_each %.0f bytes\n", what, n,
	       (after.anon_kib - before.anon_kib) * 1024 / n);
	pipeline_free(p);
}

/* Each in a process of its own: freed memory would hide what the next one needs. */
static void measure_memory(void)
{
	static const struct {
		const char *scenario;
		const char *what;
		uint32_t n;
	} cases[] = {
		{"list-plain", "plain", 100000}, {"list", "vsock", 1000},    {"list", "vsock", 10000},
		{"list", "vsock", 100000},       {"list", "vsock", 1000000}, {"assign", "assigned", 100000},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		int status;
		pid_t pid;

		(void)fflush(stdout);
		pid = fork();
		if (pid == 0) {
			measure_memory_of(cases[i].scenario, cases[i].what, cases[i].n);
			exit(0);
		}
		if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
			exit(1);
	}
}

/* ---- all ---- */

static const struct {
	const char *name;
	void (*measure)(void);
} parts[] = {
	/* First, as long as this process is small. */
	{"memory", measure_memory},
	{"json", measure_json},
	{"pool", measure_pool},
	{"events", measure_events},
};

static bool is_part(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		if (strcmp(parts[i].name, name) == 0)
			return true;
	return false;
}

static bool is_named(const char *name, int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], name) == 0)
			return true;
	return argc == 1;
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (!is_part(argv[i])) {
			(void)fprintf(stderr, "usage: micro [json|pool|events|memory]...\n");
			return 2;
		}
	}
	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		if (is_named(parts[i].name, argc, argv))
			parts[i].measure();
	return 0;
}
