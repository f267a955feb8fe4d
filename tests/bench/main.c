/* bench: runs one scenario and appends what was measured to a file of samples. run.sh starts it. */
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/macros.h"
#include "bench/bench.h"
#include "bench/cluster.h"
#include "bench/scenarios.h"

#define EXIT_USAGE 2
#define ROUNDS_MAX 100

static const char usage[] = "usage: bench --list\n"
			    "       bench --samples FILE --logs FOLDER [OPTION]... SCENARIO\n\n"
			    "  --list             the scenarios: name, server, what it is\n"
			    "  --samples FILE     where measurements are appended\n"
			    "  --logs FOLDER      where the output of the programs goes\n"
			    "  --kubeconfig FILE  the server (default $KUBECONFIG)\n"
			    "  --server-pid PID   its process, whose CPU time is measured, too\n"
			    "  --rounds N         default 6\n"
			    "  --quick            smaller sizes, to see that it works\n"
			    "  --controller PATH, --peer-rs PATH, --peer-go PATH, --raw PATH\n"
			    "                     the programs; those that are not given are left out\n";

static const struct bench_scenario *const scenarios[] = {
	&scenario_knee,         &scenario_steady,      &scenario_storm,       &scenario_gate,
	&scenario_cold,         &scenario_churn,       &scenario_apisim_rate, &scenario_apisim_assign,
	&scenario_apisim_churn, &scenario_apisim_cold,
};

/* A port of its own choice, so that nothing has to be free. As itself and next to nobody, since no KubeVirt
 * is there. */
static const struct subject known_subjects[BENCH_SUBJECTS] = {
	[BENCH_SUBJECT_CONTROLLER] = {.name = BENCH_CONTROLLER,
				      .args = {"--mode", "coexist", "--write-as", "self", "--listen",
					       "127.0.0.1", "--port", "0"},
				      .ready = {"virtualmachineinstances.kubevirt.io/v1: synced",
						"kubevirts.kubevirt.io/v1: synced"},
				      .working = "raised the term of the Lease",
				      .counted = "virtualmachineinstances.kubevirt.io/v1: synced: "},
	[BENCH_SUBJECT_PEER_RS] = {.name = BENCH_PEER_RS, .ready = {"ready "}, .counted = "ready "},
	[BENCH_SUBJECT_PEER_GO] = {.name = BENCH_PEER_GO, .ready = {"ready "}, .counted = "ready "},
	[BENCH_SUBJECT_RAW] = {.name = BENCH_RAW, .ready = {"ready "}},
};

size_t bench_place(unsigned int round, size_t i, size_t n)
{
	return round % 2 == 0 ? i : n - 1 - i;
}

const struct subject *bench_subject(const struct bench *b, unsigned int round, size_t i)
{
	const struct subject *there[BENCH_SUBJECTS];
	size_t n = 0;

	for (size_t k = 0; k < BENCH_SUBJECTS; k++)
		if (b->subjects[k].path != NULL)
			there[n++] = &b->subjects[k];
	return i < n ? there[bench_place(round, i, n)] : NULL;
}

size_t bench_size(const struct bench *b, size_t full, size_t small)
{
	return b->quick ? small : full;
}

void bench_say(const char *fmt, ...)
{
	char text[512];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	(void)fprintf(stderr, "bench: %s\n", text);
}

void bench_say_turn(const struct bench *b, const char *scenario, unsigned int round,
		    const struct subject *subject)
{
	if (b->warming)
		bench_say("%s: %s, which does not count", scenario, subject->name);
	else
		bench_say("%s: round %u, %s", scenario, round + 1, subject->name);
}

void bench_turn_failed(struct bench *b, const char *scenario, const char *subject, unsigned int round,
		       const struct error *err)
{
	bench_say("%s: round %u of %s went wrong: %s", scenario, round + 1, subject, err->message);
	b->failed = true;
}

static int take_turn(struct bench *b, const struct bench_rounds *r, unsigned int round,
		     const struct subject *subject, struct error *err)
{
	int turned = 0;
	int rc = 0;

	for (int tries = 0; rc == 0 && (tries == 0 || (tries == 1 && turned == BENCH_UNSEEN)); tries++) {
		if (tries > 0)
			bench_say("%s: once more: %s", r->name, err->message);
		bench_say_turn(b, r->name, round, subject);
		rc = r->reset != NULL ? r->reset(b, err) : 0;
		if (rc == 0)
			turned = r->turn(b, round, subject, err);
	}
	if (rc == 0 && turned != 0)
		bench_turn_failed(b, r->name, subject->name, round, err);
	return rc;
}

int bench_run_rounds(struct bench *b, const struct bench_rounds *r, struct error *err)
{
	const struct subject *subject = &b->subjects[BENCH_SUBJECT_RAW];
	int rc = 0;

	b->warming = true;
	if (subject->path == NULL)
		subject = bench_subject(b, 0, 0);
	if (subject != NULL)
		rc = take_turn(b, r, 0, subject, err);
	b->warming = false;
	for (unsigned int round = 0; rc == 0 && round < b->rounds; round++)
		for (size_t i = 0; rc == 0 && (subject = bench_subject(b, round, i)) != NULL; i++)
			rc = take_turn(b, r, round, subject, err);
	return rc;
}

static int run_scenario(struct bench *b, const struct bench_scenario *scenario, struct error *err)
{
	int rc = api_open(&b->api, b->kubeconfig, err);

	if (rc != 0)
		return rc;
	rc = cluster_prepare(b->api, err);
	if (rc == 0)
		rc = scenario->run(b, err);
	api_close(b->api);
	return rc;
}

static const struct bench_scenario *find_scenario(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(scenarios); i++)
		if (strcmp(scenarios[i]->name, name) == 0)
			return scenarios[i];
	return NULL;
}

static void list_scenarios(void)
{
	for (size_t i = 0; i < ARRAY_LEN(scenarios); i++)
		printf("%s\t%s\t%s\n", scenarios[i]->name, scenarios[i]->server, scenarios[i]->what);
}

struct arguments {
	const char *samples;
	const char *scenario;
	bool list;
};

enum { FIRST_SUBJECT = 256 };

/* getopt's number of a subject's option is FIRST_SUBJECT and its place. */
static bool take_option(struct bench *b, struct arguments *a, int c)
{
	if (c >= FIRST_SUBJECT && c < FIRST_SUBJECT + BENCH_SUBJECTS)
		b->subjects[c - FIRST_SUBJECT].path = optarg;
	else if (c == 's')
		a->samples = optarg;
	else if (c == 'l')
		b->logs = optarg;
	else if (c == 'k')
		b->kubeconfig = optarg;
	else if (c == 'p')
		b->server = (pid_t)strtol(optarg, NULL, 10);
	else if (c == 'n')
		b->rounds = (unsigned int)strtoul(optarg, NULL, 10);
	else if (c == 'q')
		b->quick = true;
	else if (c == 'L')
		a->list = true;
	else
		return false;
	return true;
}

static bool read_arguments(struct bench *b, struct arguments *a, int argc, char **argv)
{
	static const struct option table[] = {
		{"samples", required_argument, NULL, 's'},
		{"logs", required_argument, NULL, 'l'},
		{"kubeconfig", required_argument, NULL, 'k'},
		{"server-pid", required_argument, NULL, 'p'},
		{"rounds", required_argument, NULL, 'n'},
		{"quick", no_argument, NULL, 'q'},
		{"list", no_argument, NULL, 'L'},
		{BENCH_CONTROLLER, required_argument, NULL, FIRST_SUBJECT + BENCH_SUBJECT_CONTROLLER},
		{BENCH_PEER_RS, required_argument, NULL, FIRST_SUBJECT + BENCH_SUBJECT_PEER_RS},
		{BENCH_PEER_GO, required_argument, NULL, FIRST_SUBJECT + BENCH_SUBJECT_PEER_GO},
		{BENCH_RAW, required_argument, NULL, FIRST_SUBJECT + BENCH_SUBJECT_RAW},
		{NULL, 0, NULL, 0},
	};
	int c;

	*b = (struct bench){.kubeconfig = getenv("KUBECONFIG"), .rounds = 6};
	*a = (struct arguments){0};
	memcpy(b->subjects, known_subjects, sizeof(b->subjects));
	while ((c = getopt_long(argc, argv, "", table, NULL)) != -1)
		if (!take_option(b, a, c))
			return false;
	if (a->list)
		return optind == argc;
	a->scenario = argv[optind];
	return optind + 1 == argc && a->samples != NULL && b->logs != NULL && b->kubeconfig != NULL &&
	       b->rounds > 0 && b->rounds <= ROUNDS_MAX;
}

int main(int argc, char **argv)
{
	const struct bench_scenario *scenario;
	struct samples samples;
	struct error err = {0};
	struct arguments a;
	struct bench b;
	int rc;

	if (!read_arguments(&b, &a, argc, argv)) {
		(void)fputs(usage, stderr);
		return EXIT_USAGE;
	}
	if (a.list) {
		list_scenarios();
		return EXIT_SUCCESS;
	}
	scenario = find_scenario(a.scenario);
	if (scenario == NULL) {
		bench_say("no scenario '%s'", a.scenario);
		return EXIT_USAGE;
	}
	rc = samples_create(&samples, a.samples, &err);
	b.samples = &samples;
	if (rc == 0)
		rc = run_scenario(&b, scenario, &err);
	samples_close(&samples);
	if (rc != 0)
		bench_say("%s: %s", scenario->name, err.message);
	return rc == 0 && !b.failed ? EXIT_SUCCESS : EXIT_FAILURE;
}
