/* churn: VMIs that come and go. They are created, moved through their phases, deleted and created again under
 * the same names, by ordinary API calls, until SIGTERM; what is there then stays.
 *
 * It plays KubeVirt's part as KubeVirt should play it: a VMI that wants vsock becomes Scheduled when it has a
 * CID, and once in a while without one. It looks at nothing but the API, so it goes on after any failure of
 * the server. Nothing here writes a CID. */
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "support/api_vmi.h"

#define EXIT_USAGE 2

/* One round: a list, then this many requests at most, then a pause. */
#define ROUND_MS  250
#define IN_FLIGHT 4
#define STEPS_MAX 64

static const char usage[] = "usage: churn [OPTION]... NAMESPACE... (the server is $KUBECONFIG's)\n\n"
			    "  --vmis N   names in use (default 120)\n"
			    "  --rate N   requests per second, about (default 24)\n"
			    "  --seed N   repeats the choices, not their timing\n";

/* Set by the signal handler, which can have no other argument. */
static volatile sig_atomic_t ending;

struct figures {
	unsigned long rounds;
	unsigned long created;
	unsigned long created_again; /* right after the deletion of one of that name */
	unsigned long deleted;
	unsigned long moved;
	unsigned long without; /* Scheduled though no CID had come */
	unsigned long unanswered;
	unsigned long refused; /* by a server that is starting, or since somebody else was faster */
};

struct churn {
	struct api *api;
	struct rng rng;
	char **namespaces;
	size_t namespaces_len;
	size_t vmis;
	size_t rate;
	struct api_call calls[STEPS_MAX];
	bool again[STEPS_MAX]; /* delete and create at once */
	size_t which[STEPS_MAX];
	size_t len;
	struct figures figures;
};

static void end(int number)
{
	(void)number;
	ending = 1;
}

static bool chance(struct churn *c, unsigned percent)
{
	return rng_below(&c->rng, 100) < percent;
}

static const char *namespace_of(const struct churn *c, size_t i)
{
	return c->namespaces[i % c->namespaces_len];
}

static void name_of(size_t i, char out[static 32])
{
	(void)snprintf(out, 32, "churn-%zu", i);
}

/* ---- steps ---- */

static struct api_call *add(struct churn *c, size_t i, const char *method, char *body)
{
	struct api_call *call = &c->calls[c->len];
	char name[32];

	name_of(i, name);
	c->again[c->len] = false;
	c->which[c->len++] = i;
	*call = (struct api_call){
		.method = method,
		.path = api_vmi_path(namespace_of(c, i), strcmp(method, "POST") == 0 ? NULL : name),
		.content_type = strcmp(method, "PATCH") == 0 ? API_MERGE_PATCH : NULL,
		.body = body,
	};
	return call;
}

static void create(struct churn *c, size_t i)
{
	json_t *vmi;
	char name[32];

	name_of(i, name);
	vmi = chance(c, 10) ? api_vmi_new_large(namespace_of(c, i), name, true)
			    : api_vmi_new(namespace_of(c, i), name, chance(c, 90));
	if (chance(c, 30))
		json_object_set_new(json_object_get(vmi, "metadata"), "finalizers",
				    json_pack("[s]", "kubevirt.io/churn"));
	if (chance(c, 50))
		json_object_set_new(vmi, "status", json_pack("{s:s}", "phase", "Scheduling"));
	add(c, i, "POST", json_dumps(vmi, JSON_COMPACT));
	json_decref(vmi);
}

static void move(struct churn *c, size_t i, const char *phase)
{
	char *body;

	/* As virt-controller does: from Scheduled on the object says for ever that it once was. */
	if (asprintf(&body,
		     strcmp(phase, "Scheduled") == 0
			     ? "{\"status\":{\"phase\":\"%s\",\"phaseTransitionTimestamps\":[{\"phase\":"
			       "\"Scheduled\","
			       "\"phaseTransitionTimestamp\":\"2026-01-01T00:00:00Z\"}]}}"
			     : "{\"status\":{\"phase\":\"%s\"}}",
		     phase) < 0)
		abort();
	add(c, i, "PATCH", body);
	c->figures.moved++;
}

/* What comes after Scheduled. */
static void go_on(struct churn *c, size_t i, const char *phase)
{
	if (strcmp(phase, "Scheduled") == 0)
		move(c, i, chance(c, 10) ? "WaitingForSync" : "Running");
	else if (strcmp(phase, "WaitingForSync") == 0)
		move(c, i, "Running");
	else if (strcmp(phase, "Running") == 0)
		move(c, i, chance(c, 80) ? "Succeeded" : "Failed");
	else
		add(c, i, "DELETE", NULL);
}

static void move_on(struct churn *c, size_t i, const json_t *vmi)
{
	const char *phase = api_text(vmi, "status.phase");

	if (phase[0] == '\0') {
		move(c, i, "Pending");
	} else if (strcmp(phase, "Pending") == 0) {
		move(c, i, "Scheduling");
	} else if (strcmp(phase, "Scheduling") != 0) {
		go_on(c, i, phase);
	} else if (!api_vmi_wants_vsock(vmi) || api_vmi_cid(vmi) >= 0) {
		move(c, i, "Scheduled");
	} else if (chance(c, 5)) {
		move(c, i, "Scheduled");
		c->figures.without++;
	}
}

/* @vmi: NULL where there is none of this name. */
static void step(struct churn *c, size_t i, const json_t *vmi)
{
	if (vmi == NULL) {
		create(c, i);
	} else if (api_member(vmi, "metadata.deletionTimestamp") != NULL) {
		add(c, i, "PATCH", strdup("{\"metadata\":{\"finalizers\":null}}"));
	} else if (chance(c, 15)) {
		add(c, i, "DELETE", NULL);
		c->again[c->len - 1] = chance(c, 50);
	} else {
		move_on(c, i, vmi);
	}
}

/* ---- rounds ---- */

/* Sends what has been added, and counts. Which VMIs were deleted and shall be there again at once is left in
 * which[], their number is the result. */
static size_t send_all(struct churn *c)
{
	struct error err = {0};
	size_t again = 0;

	if (api_parallel(c->api, c->calls, c->len, IN_FLIGHT, &err) != 0)
		abort();
	for (size_t k = 0; k < c->len; k++) {
		struct api_call *call = &c->calls[k];
		bool done = call->answer.status >= 200 && call->answer.status < 300;

		if (call->answer.status == 0)
			c->figures.unanswered++;
		else if (!done)
			c->figures.refused++;
		else if (strcmp(call->method, "POST") == 0)
			c->figures.created++;
		else if (strcmp(call->method, "DELETE") == 0)
			c->figures.deleted++;
		if (done && c->again[k])
			c->which[again++] = c->which[k];
		if (call->answer.status == 422 || call->answer.status == 400)
			(void)fprintf(stderr, "churn: %s %s: %ld %s\n", call->method, call->path,
				      call->answer.status, call->body != NULL ? call->body : "");
		api_answer_free(&call->answer);
		free((char *)(uintptr_t)call->path);
		free((char *)(uintptr_t)call->body);
	}
	c->len = 0;
	return again;
}

/* The VMI of that name in @items, NULL where there is none. */
static const json_t *find(const json_t *items, const char *ns, const char *name)
{
	for (size_t k = 0; k < json_array_size(items); k++) {
		const json_t *vmi = json_array_get(items, k);

		if (strcmp(api_text(vmi, "metadata.name"), name) == 0 &&
		    strcmp(api_text(vmi, "metadata.namespace"), ns) == 0)
			return vmi;
	}
	return NULL;
}

static void do_round(struct churn *c)
{
	struct error err = {0};
	size_t steps = c->rate * ROUND_MS / 1000;
	size_t again;
	json_t *items;

	c->figures.rounds++;
	if (api_vmi_list(c->api, &items, &err) != 0) {
		c->figures.unanswered++;
		return;
	}
	/* A name can be chosen twice; then one of the two requests finds its work done. */
	for (size_t k = 0; k < steps && c->len < STEPS_MAX; k++) {
		size_t i = rng_below(&c->rng, c->vmis);
		char name[32];

		name_of(i, name);
		step(c, i, find(items, namespace_of(c, i), name));
	}
	json_decref(items);
	again = send_all(c);
	for (size_t k = 0; k < again; k++) {
		size_t i = c->which[k]; /* create() fills from the front, behind what has been read */

		create(c, i);
	}
	c->figures.created_again += again;
	(void)send_all(c);
}

/* ---- the command line ---- */

static bool read_options(struct churn *c, int argc, char **argv)
{
	static const struct option table[] = {{"vmis", required_argument, NULL, 'v'},
					      {"rate", required_argument, NULL, 'r'},
					      {"seed", required_argument, NULL, 's'},
					      {NULL, 0, NULL, 0}};
	uint64_t seed = 1;
	int option;

	c->vmis = 120;
	c->rate = 24;
	while ((option = getopt_long(argc, argv, "", table, NULL)) != -1) {
		if (option == 'v')
			c->vmis = strtoul(optarg, NULL, 10);
		else if (option == 'r')
			c->rate = strtoul(optarg, NULL, 10);
		else if (option == 's')
			seed = strtoull(optarg, NULL, 10);
		else
			return false;
	}
	rng_init_seeded(&c->rng, seed);
	c->namespaces = argv + optind;
	c->namespaces_len = (size_t)(argc - optind);
	return c->namespaces_len > 0 && c->vmis > 0 && c->rate * ROUND_MS / 1000 > 0 &&
	       c->rate * ROUND_MS / 1000 <= STEPS_MAX;
}

int main(int argc, char **argv)
{
	static struct churn c;
	struct error err = {0};

	if (!read_options(&c, argc, argv)) {
		(void)fputs(usage, stderr);
		return EXIT_USAGE;
	}
	if (api_open(&c.api, NULL, &err) != 0) {
		(void)fprintf(stderr, "churn: %s\n", err.message);
		return EXIT_FAILURE;
	}
	(void)signal(SIGTERM, end);
	while (!ending) {
		do_round(&c);
		if (!ending)
			(void)poll(NULL, 0, ROUND_MS);
	}
	api_close(c.api);
	printf("%lu rounds: %lu created, %lu of them right after one of the same name was deleted; %lu "
	       "deleted, %lu moved, "
	       "%lu of them to Scheduled without a CID; %lu requests refused, %lu unanswered\n",
	       c.figures.rounds, c.figures.created, c.figures.created_again, c.figures.deleted,
	       c.figures.moved, c.figures.without, c.figures.refused, c.figures.unanswered);
	return EXIT_SUCCESS;
}
