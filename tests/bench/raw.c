/* raw: what the API server and the wire allow, for comparison: the same requests as an allocator's, and no
 * more work around them than a search for bytes. README.md says which scenario measures what with it. */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/rng.h"
#include "bench/frame.h"
#include "bench/meter.h"
#include "bench/patcher.h"
#include "bench/raw_read.h"
#include "bench/watch.h"
#include "bench/wire.h"

#define EXIT_USAGE 2
#define WAKE_MS    1000
#define VMIS_MAX   2000000
#define CID_MASK   0x3fffffff
#define VMIS       "/apis/kubevirt.io/v1/virtualmachineinstances"
#define KUBEVIRTS  "/apis/kubevirt.io/v1/kubevirts"

static const char usage[] =
	"usage: raw --kubeconfig FILE [OPTION]...\n\n"
	"Gives each VMI that waits for one a CID, while KubeVirt's VSOCK gate is open. Says `ready N`, and "
	"at SIGUSR1 and\n"
	"at its end `patches N SECONDS P50-MS P99-MS`: how many since it last said so, and how long they "
	"took.\n\n"
	"  --in-flight N   writes at the same time (default 16)\n"
	"  --http2         all requests on one connection\n"
	"  --merge         merge patches instead of JSON patches with tests\n"
	"  --ignore-gate   do not look at the gate\n"
	"  --rewrite       instead: write a new CID to every VMI there is, once; says `done N SECONDS P50-MS "
	"P99-MS`\n"
	"  --read HOW      instead: read all VMIs to nowhere, stream, paged or gzip (pages, compressed)\n";

struct options {
	const char *kubeconfig;
	const char *read;
	size_t in_flight;
	bool http2;
	bool merge;
	bool ignore_gate;
	bool rewrite;
};

struct raw {
	struct options options;
	struct wire wire;
	CURLM *multi;
	int signals;
	struct watch vmis;
	struct watch kubevirts; /* not with --ignore-gate */
	struct patcher *patcher;
	unsigned char *known; /* by number: its write was queued */
	uint32_t next_cid;
	bool open;
	bool told;
	bool finished; /* --rewrite is done */
	size_t seen;
	long long started_us;
	int status;
};

/* ---- what comes in ---- */

static void on_vmi(void *data, const char *frame, size_t len)
{
	struct raw *r = data;
	char type = frame_type(frame, len);
	struct frame_vmi vmi;

	if (type != 'A' && type != 'M')
		return;
	r->seen += type == 'A';
	frame_read_vmi(frame, len, &vmi);
	if (!vmi.wants || vmi.number < 0 || vmi.number >= VMIS_MAX || r->known[vmi.number] != 0 ||
	    (vmi.cid >= 0) != r->options.rewrite)
		return;
	r->known[vmi.number] = 1;
	(void)patcher_add(r->patcher, &vmi, r->next_cid);
	r->next_cid = (r->next_cid + 1) & CID_MASK;
}

static void on_kubevirt(void *data, const char *frame, size_t len)
{
	struct raw *r = data;
	char type = frame_type(frame, len);

	if (type == 'A' || type == 'M')
		r->open = frame_has(frame, len, "\"VSOCK\"");
}

/* ---- the loop ---- */

/* False once a watch has ended for good: there is nothing more to wait for. */
static bool reap(struct raw *r)
{
	bool good = true;
	CURLMsg *msg;
	int left;

	while ((msg = curl_multi_info_read(r->multi, &left)) != NULL) {
		CURLcode code = msg->data.result; /* msg does not outlive the removal of its handle */
		CURL *easy = msg->easy_handle;

		if (msg->msg != CURLMSG_DONE || patcher_ended(r->patcher, easy, code) ||
		    watch_ended(&r->vmis, easy) == 0 || watch_ended(&r->kubevirts, easy) == 0)
			continue;
		(void)fprintf(stderr, "raw: a watch has ended: %s\n", curl_easy_strerror(code));
		good = false;
	}
	return good;
}

static void print_done(struct raw *r, const char *word, long long from_us)
{
	struct patcher_figures f;

	patcher_take_figures(r->patcher, &f);
	printf("%s %zu %.6f %.3f %.3f\n", word, f.done, (double)(meter_now_us() - from_us) / 1e6, f.p50_ms,
	       f.p99_ms);
	if (f.failed > 0)
		printf("failed %zu %s\n", f.failed, f.problem);
	fflush(stdout);
}

static void act(struct raw *r)
{
	bool ready = r->vmis.complete && (r->kubevirts.complete || r->options.ignore_gate);

	if (ready && !r->told) {
		printf("ready %zu\n", r->seen);
		fflush(stdout);
		r->told = true;
		r->started_us = meter_now_us();
	}
	if (ready && (r->open || r->options.ignore_gate))
		patcher_run(r->patcher);
	if (ready && r->options.rewrite && !r->finished && patcher_pending(r->patcher) == 0) {
		r->finished = true;
		print_done(r, "done", r->started_us);
	}
}

/* True where it is to end. */
static bool take_signal(struct raw *r)
{
	struct signalfd_siginfo info;

	if (read(r->signals, &info, sizeof(info)) != sizeof(info))
		return false;
	if (!r->options.rewrite) {
		print_done(r, "patches", r->started_us);
		r->started_us = meter_now_us();
	}
	return info.ssi_signo != SIGUSR1;
}

static int loop(struct raw *r)
{
	struct curl_waitfd wait = {.fd = r->signals, .events = CURL_WAIT_POLLIN};
	int running;

	do {
		curl_multi_perform(r->multi, &running);
		if (!reap(r))
			return EXIT_FAILURE;
		act(r);
		wait.revents = 0;
		curl_multi_poll(r->multi, &wait, 1, WAKE_MS, NULL);
	} while (wait.revents == 0 || !take_signal(r));
	return EXIT_SUCCESS;
}

static int open_all(struct raw *r)
{
	struct rng rng;

	rng_init_secure(&rng);
	r->next_cid = (uint32_t)rng_u64(&rng) & CID_MASK;
	r->next_cid |= 0x10000; /* not one of the first, which are reserved */
	r->known = calloc(VMIS_MAX, 1);
	r->multi = curl_multi_init();
	if (r->known == NULL || r->multi == NULL ||
	    patcher_open(&r->patcher, &r->wire, r->multi, r->options.in_flight, r->options.merge) != 0 ||
	    watch_open(&r->vmis, &r->wire, r->multi, VMIS, NULL, on_vmi, r) != 0)
		return -ENOMEM;
	if (r->options.ignore_gate)
		return 0;
	return watch_open(&r->kubevirts, &r->wire, r->multi, KUBEVIRTS, NULL, on_kubevirt, r);
}

static void close_all(struct raw *r)
{
	patcher_close(r->patcher);
	watch_close(&r->vmis);
	watch_close(&r->kubevirts);
	if (r->multi != NULL)
		curl_multi_cleanup(r->multi);
	free(r->known);
}

/* ---- options ---- */

static bool read_options(struct options *o, int argc, char **argv)
{
	static const struct option table[] = {
		{"kubeconfig", required_argument, NULL, 'k'},
		{"in-flight", required_argument, NULL, 'n'},
		{"http2", no_argument, NULL, '2'},
		{"merge", no_argument, NULL, 'm'},
		{"ignore-gate", no_argument, NULL, 'i'},
		{"rewrite", no_argument, NULL, 'w'},
		{"read", required_argument, NULL, 'r'},
		{NULL, 0, NULL, 0},
	};
	int c;

	*o = (struct options){.in_flight = 16};
	while ((c = getopt_long(argc, argv, "", table, NULL)) != -1) {
		switch (c) {
		case 'k':
			o->kubeconfig = optarg;
			break;
		case 'n':
			o->in_flight = strtoul(optarg, NULL, 10);
			break;
		case 'r':
			o->read = optarg;
			break;
		case '2':
			o->http2 = true;
			break;
		case 'm':
			o->merge = true;
			break;
		case 'i':
			o->ignore_gate = true;
			break;
		case 'w':
			o->rewrite = o->ignore_gate = true;
			break;
		default:
			return false;
		}
	}
	return optind == argc && o->kubeconfig != NULL && o->in_flight > 0 && o->in_flight <= 1024;
}

int main(int argc, char **argv)
{
	struct raw r = {.status = EXIT_FAILURE};
	struct error err = {0};
	sigset_t set;

	if (!read_options(&r.options, argc, argv)) {
		(void)fputs(usage, stderr);
		return EXIT_USAGE;
	}
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	r.signals = signalfd(-1, &set, SFD_CLOEXEC);
	if (wire_open(&r.wire, r.options.kubeconfig, r.options.http2, &err) != 0) {
		(void)fprintf(stderr, "raw: %s\n", err.message);
		return EXIT_FAILURE;
	}
	if (r.options.read != NULL)
		r.status = raw_read(&r.wire, r.options.read, r.signals);
	else if (open_all(&r) == 0)
		r.status = loop(&r);
	close_all(&r);
	wire_close(&r.wire);
	return r.status;
}
