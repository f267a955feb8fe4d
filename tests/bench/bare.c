/* bare: the least that a program has to do that uses libcurl: the same requests as the controller's,
 * prebuilt, the same answers and the same watch read to nowhere, and nothing else. What it costs is one part
 * of the floor under the controller; the other is to read the same bytes in memory, see scan.c. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "bench/curl_loop.h"
#include "bench/requests.h"
#include "bench/watch.h"
#include "bench/wire.h"

#define EXIT_USAGE    2
#define VMIS          "/apis/kubevirt.io/v1/virtualmachineinstances"
#define IN_FLIGHT_MAX 256
#define FIRST_CID     100000
#define END_MARK      "\"k8s.io/initial-events-end\""
#define TAIL          512 /* more than the frame of the end mark has from there on */

static const char usage[] =
	"usage: bare --kubeconfig FILE assign N   write a CID into each VMI that waits, N at a time, after "
	"SIGUSR1\n"
	"       bare --kubeconfig FILE read       only read the watch of all VMIs\n"
	"Both say `ready BYTES` when all that is there has been read, and end on SIGTERM.\n";

struct bare {
	struct wire wire;
	struct curl_loop loop;
	CURL *watch;
	bool assign;
	size_t in_flight;
	char tail[2 * TAIL]; /* the last bytes that came */
	size_t bytes;
	bool complete;
	struct frame_reader frames;
	struct requests requests;
	size_t next;
	size_t failed;
	CURL *writers[IN_FLIGHT_MAX];
	int status;
};

/* ---- the watch ---- */

static void on_frame(void *data, const char *frame, size_t len)
{
	struct bare *b = data;
	struct frame_vmi vmi;

	frame_read_vmi(frame, len, &vmi);
	if (frame_type(frame, len) == 'A' && requests_add(&b->requests, &vmi) != 0)
		abort();
}

/* The mark is the last that comes before others change something: only the last bytes are looked at. */
static bool ends(struct bare *b, const char *bytes, size_t n)
{
	size_t more = n < TAIL ? n : TAIL;

	memmove(b->tail, b->tail + more, sizeof(b->tail) - more);
	memcpy(b->tail + sizeof(b->tail) - more, bytes + n - more, more);
	return memmem(b->tail, sizeof(b->tail), END_MARK, sizeof(END_MARK) - 1) != NULL;
}

static size_t take_watch(char *bytes, size_t size, size_t n, void *data)
{
	struct bare *b = data;

	n *= size;
	b->bytes += n;
	if (b->complete)
		return n;
	if (b->assign && frame_reader_feed(&b->frames, bytes, n) != 0)
		return 0;
	b->complete = ends(b, bytes, n);
	if (b->complete) {
		printf("ready %zu\n", b->bytes);
		fflush(stdout);
	}
	return n;
}

static int open_watch(struct bare *b)
{
	b->watch = wire_handle(&b->wire, WIRE_GET);
	if (b->watch == NULL || wire_set_path(&b->wire, b->watch, VMIS "?" WATCH_FROM_START) != 0)
		return -ENOMEM;
	curl_easy_setopt(b->watch, CURLOPT_WRITEFUNCTION, take_watch);
	curl_easy_setopt(b->watch, CURLOPT_WRITEDATA, b);
	curl_easy_setopt(b->watch, CURLOPT_FAILONERROR, 1L);
	return curl_multi_add_handle(b->loop.multi, b->watch) == CURLM_OK ? 0 : -ENOMEM;
}

/* ---- the writes ---- */

static void start_next(struct bare *b, CURL *easy)
{
	const struct request *r;

	if (b->next == b->requests.len)
		return;
	r = &b->requests.list[b->next++];
	curl_easy_setopt(easy, CURLOPT_URL, r->url);
	curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, (long)r->body_len);
	curl_easy_setopt(easy, CURLOPT_POSTFIELDS, r->body);
	curl_multi_add_handle(b->loop.multi, easy);
}

static void on_done(void *data, CURL *easy, CURLcode code)
{
	struct bare *b = data;
	long status = 0;

	if (easy == b->watch) {
		(void)fprintf(stderr, "bare: the watch has ended: %s\n", curl_easy_strerror(code));
		b->status = EXIT_FAILURE;
		return;
	}
	curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
	b->failed += code != CURLE_OK || status != 200;
	start_next(b, easy);
}

static int start_writing(struct bare *b)
{
	for (size_t i = 0; i < b->in_flight; i++) {
		b->writers[i] = wire_handle(&b->wire, WIRE_JSON_PATCH);
		if (b->writers[i] == NULL)
			return -ENOMEM;
		start_next(b, b->writers[i]);
	}
	return 0;
}

/* ---- the program ---- */

/* What is to be done about a signal. */
static void take_signal(struct bare *b)
{
	struct signalfd_siginfo info;

	b->loop.signalled = false;
	if (read(b->loop.signals, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo != SIGUSR1)
		b->status = b->failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
	else if (b->assign && b->writers[0] == NULL && start_writing(b) != 0)
		b->status = EXIT_FAILURE;
}

static void run(struct bare *b)
{
	while (b->status < 0) {
		curl_loop_turn(&b->loop);
		if (b->loop.signalled)
			take_signal(b);
	}
	if (b->failed > 0)
		(void)fprintf(stderr, "bare: %zu writes were not answered by 200\n", b->failed);
}

static void close_all(struct bare *b)
{
	curl_multi_remove_handle(b->loop.multi, b->watch);
	curl_easy_cleanup(b->watch);
	for (size_t i = 0; i < IN_FLIGHT_MAX && b->writers[i] != NULL; i++) {
		curl_multi_remove_handle(b->loop.multi, b->writers[i]);
		curl_easy_cleanup(b->writers[i]);
	}
	curl_loop_close(&b->loop);
	frame_reader_free(&b->frames);
	requests_free(&b->requests);
	wire_close(&b->wire);
}

static int signals_open(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC);
}

static bool read_options(struct bare *b, int argc, char **argv)
{
	if (argc < 4 || strcmp(argv[1], "--kubeconfig") != 0)
		return false;
	b->assign = strcmp(argv[3], "assign") == 0;
	b->in_flight = argc == 5 ? strtoul(argv[4], NULL, 10) : 0;
	if (b->assign)
		return argc == 5 && b->in_flight > 0 && b->in_flight <= IN_FLIGHT_MAX;
	return argc == 4 && strcmp(argv[3], "read") == 0;
}

int main(int argc, char **argv)
{
	static struct bare b = {.status = -1};
	struct error err = {0};

	if (!read_options(&b, argc, argv)) {
		(void)fputs(usage, stderr);
		return EXIT_USAGE;
	}
	if (wire_open(&b.wire, argv[2], false, &err) != 0) {
		(void)fprintf(stderr, "bare: %s\n", err.message);
		return EXIT_FAILURE;
	}
	requests_init(&b.requests, b.wire.config.server, FIRST_CID);
	frame_reader_init(&b.frames, on_frame, &b);
	if (curl_loop_open(&b.loop, signals_open(), on_done, &b) != 0 || open_watch(&b) != 0)
		b.status = EXIT_FAILURE;
	run(&b);
	close_all(&b);
	return b.status;
}
