/* measure: how fast the controller is on the server of $KUBECONFIG, as somebody sees it who watches the VMIs,
 * and how much memory it takes. Prints figures; it is no test. The server should have no VMIs; those made
 * here are deleted again. */
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "support/api_vmi.h"
#include "support/api_watch.h"
#include "support/process.h"

#define EXIT_USAGE 2
#define NAMESPACE  "measure"
#define PREFIX     "measure-"
#define IN_FLIGHT  16
#define LOOK_MS    100
#define STOP_MS    30000
#define LIMIT_US   (300 * 1000000LL)

static const char usage[] = "usage: measure [--burst N] [--steady N] [--rate N] CONTROLLER [OPTION]...\n\n"
			    "  --burst N   VMIs created as fast as the server takes them (default 500)\n"
			    "  --steady N  and before it so many (default 200) ...\n"
			    "  --rate N    ... at this rate a second (default 20)\n"
			    "  CONTROLLER  the program, run with --kubeconfig $KUBECONFIG and OPTION...\n";

/* When each VMI was seen first and with a CID; 0: not yet. Written by the watcher. */
struct sight {
	_Atomic long long added_us;
	_Atomic long long cid_us;
};

struct measure {
	size_t burst, steady, rate;
	const char *const *controller; /* its argv[0] and options */
	size_t controller_len;
	const char *kubeconfig;
	struct api *api;
	struct process process;
	struct sight *sights; /* by the number in the VMI's name */
	size_t count;
	pthread_t watcher;
	struct api_watch *watch;
	struct api *watch_api;
	atomic_bool stop;
};

static long long now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static bool fail(const char *what, const struct error *err)
{
	(void)fprintf(stderr, "measure: %s: %s\n", what, err->message);
	return false;
}

/* ---- the watcher ---- */

static void see(struct measure *m, const json_t *vmi)
{
	const char *name = api_text(vmi, "metadata.name");
	size_t number;
	long long now = now_us();

	if (strncmp(name, PREFIX, strlen(PREFIX)) != 0)
		return;
	number = strtoul(name + strlen(PREFIX), NULL, 10);
	if (number >= m->count)
		return;
	if (m->sights[number].added_us == 0)
		m->sights[number].added_us = now;
	if (m->sights[number].cid_us == 0 && api_vmi_cid(vmi) >= 0)
		m->sights[number].cid_us = now;
}

static void *run_watcher(void *arg)
{
	struct measure *m = arg;
	struct error err = {0};

	while (!m->stop) {
		json_t *event;
		int rc = api_watch_next(m->watch, LOOK_MS, &event, &err);

		if (rc == -ETIMEDOUT)
			continue;
		if (rc != 0) {
			(void)fail("watch", &err);
			break;
		}
		see(m, json_object_get(event, "object"));
		json_decref(event);
	}
	return NULL;
}

static bool start_watcher(struct measure *m)
{
	struct error err = {0};
	AUTO_FREE char *version = NULL;
	AUTO_FREE char *path = NULL;
	json_t *items;

	if (api_open(&m->watch_api, m->kubeconfig, &err) != 0 ||
	    api_list(m->watch_api, API_VMIS, &items, &version, &err) != 0)
		return fail("list", &err);
	json_decref(items);
	if (asprintf(&path, API_VMIS "?watch=1&resourceVersion=%s&timeoutSeconds=3600", version) < 0)
		path = NULL;
	if (api_watch_open(&m->watch, m->watch_api, path, &err) != 0)
		return fail("watch", &err);
	return pthread_create(&m->watcher, NULL, run_watcher, m) == 0;
}

static void stop_watcher(struct measure *m)
{
	m->stop = true;
	pthread_join(m->watcher, NULL);
	api_watch_close(m->watch);
	api_close(m->watch_api);
}

/* Until the VMIs @from to @to - 1 have CIDs. Returns how many have. */
static size_t await_cids(const struct measure *m, size_t from, size_t to)
{
	long long end = now_us() + LIMIT_US;
	size_t have;

	do {
		poll(NULL, 0, 5);
		have = 0;
		for (size_t i = from; i < to; i++)
			have += m->sights[i].cid_us != 0;
	} while (have < to - from && now_us() < end);
	return have;
}

/* ---- what is said ---- */

static int compare(const void *x, const void *y)
{
	const long long *a = x;
	const long long *b = y;

	return (*a > *b) - (*a < *b);
}

static void print_latencies(const struct measure *m, size_t from, size_t to, const char *what)
{
	long long *took = calloc(to - from, sizeof(*took));
	size_t n = 0;

	if (took == NULL)
		return;
	for (size_t i = from; i < to; i++)
		if (m->sights[i].cid_us != 0)
			took[n++] = m->sights[i].cid_us - m->sights[i].added_us;
	qsort(took, n, sizeof(*took), compare);
	if (n > 0)
		printf("%-28s p50 %.1f ms, p90 %.1f ms, p99 %.1f ms, max %.1f ms (%zu of %zu served)\n", what,
		       (double)took[n / 2] / 1000, (double)took[n * 9 / 10] / 1000,
		       (double)took[n * 99 / 100] / 1000, (double)took[n - 1] / 1000, n, to - from);
	free(took);
}

static void print_memory(const struct measure *m)
{
	char path[64];
	char line[256];
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/%d/status", (int)m->process.pid);
	file = fopen(path, "re");
	if (file == NULL)
		return;
	printf("%-28s", "memory");
	while (fgets(line, sizeof(line), file) != NULL) {
		char name[32];
		unsigned long kb;

		if (sscanf(line, "%31[^:]: %lu kB", name, &kb) == 2 &&
		    (strcmp(name, "VmHWM") == 0 || strcmp(name, "VmRSS") == 0 ||
		     strcmp(name, "RssAnon") == 0))
			printf(" %s %.1f MB", name, (double)kb / 1024);
	}
	(void)putchar('\n');
	fclose(file);
}

/* ---- what is measured ---- */

static bool create(struct measure *m, size_t number)
{
	struct error err = {0};
	char name[64];
	json_t *vmi;
	int rc;

	(void)snprintf(name, sizeof(name), PREFIX "%zu", number);
	vmi = api_vmi_new(NAMESPACE, name, true);
	rc = api_vmi_create(m->api, vmi, &err);
	json_decref(vmi);
	return rc == 0 || fail("create", &err);
}

static bool start_controller(struct measure *m)
{
	const char **argv = calloc(m->controller_len + 8, sizeof(*argv));
	struct error err = {0};
	size_t n = 0;
	int rc = -ENOMEM;

	if (argv != NULL) {
		argv[n++] = m->controller[0];
		argv[n++] = "--kubeconfig";
		argv[n++] = m->kubeconfig;
		argv[n++] = "--listen";
		argv[n++] = "127.0.0.1";
		argv[n++] = "--port";
		argv[n++] = "0";
		for (size_t i = 1; i < m->controller_len; i++)
			argv[n++] = m->controller[i];
		rc = process_start(&m->process, argv, NULL, "/dev/null", &err);
	}
	free((void *)argv);
	return rc == 0 || fail("start", &err);
}

/* One VMI waits already when the controller starts. */
static bool measure_start(struct measure *m)
{
	long long start;

	if (!create(m, 0))
		return false;
	start = now_us();
	if (!start_controller(m) || await_cids(m, 0, 1) != 1)
		return false;
	printf("%-28s %.1f ms after its start\n", "first CID", (double)(m->sights[0].cid_us - start) / 1000);
	return true;
}

static bool measure_steady(struct measure *m, size_t from)
{
	long long start = now_us();

	for (size_t i = 0; i < m->steady; i++) {
		long long wait = start + (long long)i * 1000000 / (long long)m->rate - now_us();

		if (wait > 0)
			poll(NULL, 0, (int)(wait / 1000));
		if (!create(m, from + i))
			return false;
	}
	(void)await_cids(m, from, from + m->steady);
	print_latencies(m, from, from + m->steady, "steady, ADDED to CID");
	return true;
}

static void fill_calls(struct api_call *calls, const char *path, size_t from, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char name[64];
		json_t *vmi;

		(void)snprintf(name, sizeof(name), PREFIX "%zu", from + i);
		vmi = api_vmi_new(NAMESPACE, name, true);
		calls[i] = (struct api_call){
			.method = "POST", .path = path, .body = json_dumps(vmi, JSON_COMPACT)};
		json_decref(vmi);
	}
}

static long long last_cid(const struct measure *m, size_t from, size_t to)
{
	long long last = 0;

	for (size_t i = from; i < to; i++)
		if (m->sights[i].cid_us > last)
			last = m->sights[i].cid_us;
	return last;
}

static bool measure_burst(struct measure *m, size_t from)
{
	AUTO_FREE char *path = api_vmi_path(NAMESPACE, NULL);
	struct api_call *calls = calloc(m->burst, sizeof(*calls));
	struct error err = {0};
	long long start;
	long long created;
	size_t have;

	if (calls == NULL)
		return false;
	fill_calls(calls, path, from, m->burst);
	start = now_us();
	if (api_parallel(m->api, calls, m->burst, IN_FLIGHT, &err) != 0)
		(void)fail("create", &err);
	created = now_us();
	have = await_cids(m, from, from + m->burst);
	for (size_t i = 0; i < m->burst; i++) {
		api_answer_free(&calls[i].answer);
		free((char *)(uintptr_t)calls[i].body);
	}
	free(calls);
	printf("%-28s %zu of %zu served in %.2f s (%.0f a second); creating them took %.2f s\n", "burst",
	       have, m->burst, (double)(last_cid(m, from, from + m->burst) - start) / 1e6,
	       (double)have * 1e6 / (double)(last_cid(m, from, from + m->burst) - start),
	       (double)(created - start) / 1e6);
	print_latencies(m, from, from + m->burst, "burst, ADDED to CID");
	return have == m->burst;
}

static void clean_up(struct measure *m)
{
	AUTO_FREE char *path = api_vmi_path(NAMESPACE, NULL);
	AUTO_API_ANSWER struct api_answer answer;

	(void)api_request(m->api, "DELETE", path, NULL, NULL, &answer, NULL);
}

static bool measure_all(struct measure *m)
{
	static const char *const gates[] = {"VSOCK", NULL};
	struct error err = {0};
	bool good;

	if (api_namespace_ensure(m->api, NAMESPACE, &err) != 0 ||
	    api_namespace_ensure(m->api, "kubevirt", &err) != 0 ||
	    api_kubevirt_set_gates(m->api, "kubevirt", "kubevirt", gates, &err) != 0)
		return fail("prepare", &err);
	m->count = 1 + m->steady + m->burst;
	m->sights = calloc(m->count, sizeof(*m->sights));
	if (m->sights == NULL || !start_watcher(m))
		return false;
	good = measure_start(m) && measure_steady(m, 1) && measure_burst(m, 1 + m->steady);
	if (process_running(&m->process)) {
		print_memory(m);
		good = process_stop(&m->process, SIGTERM, STOP_MS) == 0 && good;
	}
	stop_watcher(m);
	clean_up(m);
	return good;
}

static bool read_options(struct measure *m, int argc, char **argv)
{
	static const struct option table[] = {
		{"burst", required_argument, NULL, 'b'},
		{"steady", required_argument, NULL, 's'},
		{"rate", required_argument, NULL, 'r'},
		{NULL, 0, NULL, 0},
	};
	int c;

	*m = (struct measure){.burst = 500, .steady = 200, .rate = 20, .kubeconfig = getenv("KUBECONFIG")};
	while ((c = getopt_long(argc, argv, "+", table, NULL)) != -1) {
		size_t *to = c == 'b' ? &m->burst : c == 's' ? &m->steady : c == 'r' ? &m->rate : NULL;

		if (to == NULL)
			return false;
		*to = strtoul(optarg, NULL, 10);
	}
	m->controller = (const char *const *)argv + optind;
	m->controller_len = (size_t)(argc - optind);
	return m->controller_len > 0 && m->rate > 0 && m->kubeconfig != NULL;
}

int main(int argc, char **argv)
{
	struct error err = {0};
	struct measure m;
	bool good;

	if (!read_options(&m, argc, argv)) {
		(void)fputs(usage, stderr);
		return EXIT_USAGE;
	}
	if (api_open(&m.api, m.kubeconfig, &err) != 0) {
		(void)fail(m.kubeconfig, &err);
		return EXIT_FAILURE;
	}
	good = measure_all(&m);
	free(m.sights);
	api_close(m.api);
	return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
