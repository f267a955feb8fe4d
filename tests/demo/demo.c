/* demo: shows the controller at work on a running API server, step by step, and judges the outcome by what
 * the API says. The steps are at the end of this file, in order. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "demo/cluster.h"

#define EXIT_USAGE 2

#define CROWD           200
#define CROWD_IN_FLIGHT 16
#define KILL_AFTER      80 /* VMIs of the crowd */
#define LOOK_EVERY_MS   100
#define READ_MS         800 /* time to read on a terminal */

struct named_vmi {
	const char *ns, *name;
	bool wants;
};

static const char *const namespaces[] = {"batch", "db", "desktop", "web"};

static const struct named_vmi named[] = {
	{"batch", "job-1", true},    {"batch", "job-2", true},     {"batch", "job-3", true},
	{"db", "backup", false},     {"db", "primary", true},      {"db", "replica", true},
	{"desktop", "seat-1", true}, {"desktop", "seat-2", false}, {"web", "front-1", true},
	{"web", "front-2", true},    {"web", "proxy", false},
};

static const struct named_vmi recreated[] = {
	{"batch", "job-1", true}, {"db", "primary", true}, {"db", "replica", true}, {"web", "front-2", true}};

static const struct named_vmi latecomer = {"desktop", "seat-3", true};

#define SAY(c, ...) screen_say(&(c)->screen, SCREEN_BOLD, __VA_ARGS__)

/* ---- parts of steps ---- */

static bool create(struct cluster *c, const struct named_vmi *v)
{
	struct error err = {0};
	json_t *vmi = api_vmi_new(v->ns, v->name, v->wants);
	int rc = api_vmi_create(c->api, vmi, &err);

	json_decref(vmi);
	return rc == 0 || cluster_fail(c, &err, "a VMI cannot be created");
}

/* As virt-controller does: all VMIs that are in the phase @from move on to @to. */
static bool move_all(struct cluster *c, const char *from, const char *to)
{
	struct error err = {0};

	for (size_t i = 0; i < json_array_size(c->items); i++) {
		const json_t *vmi = json_array_get(c->items, i);

		if (strcmp(api_text(vmi, "status.phase"), from) == 0 &&
		    api_vmi_set_phase(c->api, api_text(vmi, "metadata.namespace"),
				      api_text(vmi, "metadata.name"), to, &err) != 0)
			return cluster_fail(c, &err, "a phase cannot be set");
	}
	return cluster_show(c, READ_MS / 2);
}

static bool boot_all(struct cluster *c)
{
	return move_all(c, "", "Pending") && move_all(c, "Pending", "Scheduling") &&
	       move_all(c, "Scheduling", "Scheduled") && move_all(c, "Scheduled", "Running");
}

static bool await_served(struct cluster *c)
{
	return cluster_await(c, "every VMI that wants vsock to have a CID", cluster_is_served);
}

static bool is_noticed(struct cluster *c)
{
	return cluster_metric(c, "kubevirt_vsock_waiting_vmis") > 0;
}

static bool end_step(struct cluster *c)
{
	if (!cluster_show(c, READ_MS))
		return false;
	screen_print(&c->screen);
	return true;
}

/* ---- the crowd ---- */

struct crowd {
	struct api_call calls[CROWD];
	char *paths[CROWD];
	char *bodies[CROWD];
};

static void crowd_init(struct crowd *crowd)
{
	char name[32];

	for (size_t i = 0; i < CROWD; i++) {
		const char *ns = namespaces[i % ARRAY_LEN(namespaces)];
		json_t *vmi;

		(void)snprintf(name, sizeof(name), CLUSTER_CROWD "%03zu", i + 1);
		vmi = api_vmi_new(ns, name, true);
		crowd->paths[i] = api_vmi_path(ns, NULL);
		crowd->bodies[i] = json_dumps(vmi, JSON_COMPACT);
		crowd->calls[i] = (struct api_call){
			.method = "POST", .path = crowd->paths[i], .body = crowd->bodies[i]};
		json_decref(vmi);
	}
}

/* Returns how many could not be created. */
static size_t crowd_close(struct crowd *crowd)
{
	size_t failed = 0;

	for (size_t i = 0; i < CROWD; i++) {
		failed += crowd->calls[i].answer.status != 201;
		api_answer_free(&crowd->calls[i].answer);
		free(crowd->paths[i]);
		free(crowd->bodies[i]);
	}
	return failed;
}

/* Creates them all; the leader is killed when KILL_AFTER of them are there. */
static bool crowd_arrives(struct cluster *c, struct crowd *crowd)
{
	struct api_burst *burst;
	struct error err = {0};
	uint64_t look_ms = 0;
	bool good = true;
	size_t left;

	if (api_burst_open(&burst, c->api, crowd->calls, CROWD, CROWD_IN_FLIGHT, &err) != 0)
		return cluster_fail(c, &err, "the crowd cannot be created");
	while ((left = api_burst_step(burst, 1)) > 0 && good) {
		if (CROWD - left >= KILL_AFTER && process_running(&c->process))
			cluster_kill_leader(c);
		if (clock_boot_ms() < look_ms)
			continue;
		good = cluster_look(c);
		look_ms = clock_boot_ms() + LOOK_EVERY_MS;
	}
	cluster_kill_leader(c); /* where the server was faster than we could look */
	api_burst_close(burst);
	return good;
}

/* ---- the steps, each with the line that is said before it ---- */

static bool step_prepare(struct cluster *c)
{
	struct error err = {0};

	SAY(c, "1. The API server at %s gets a KubeVirt CR with the feature gate VSOCK, and %zu namespaces.",
	    api_server(c->api), ARRAY_LEN(namespaces));
	if (api_namespace_ensure(c->api, "kubevirt", &err) != 0)
		return cluster_fail(c, &err, "the namespace kubevirt cannot be created");
	for (size_t i = 0; i < ARRAY_LEN(namespaces); i++)
		if (api_namespace_ensure(c->api, namespaces[i], &err) != 0)
			return cluster_fail(c, &err, "a namespace cannot be created");
	if (!cluster_set_gate(c, true))
		return false;
	SAY(c, "2. Two replicas start: one leads, with a term of the Lease that it raised; the other stands "
	       "by.");
	return cluster_start_controllers(c);
}

static bool step_create(struct cluster *c)
{
	SAY(c, "3. VMIs are created; those that want vsock get a CID each.");
	for (size_t i = 0; i < ARRAY_LEN(named); i++)
		if (!create(c, &named[i]))
			return false;
	return await_served(c) && end_step(c);
}

static bool step_boot(struct cluster *c)
{
	SAY(c, "4. They boot (we play virt-controller): Pending, Scheduling, Scheduled, Running.");
	return boot_all(c) && end_step(c);
}

static bool step_gate_off(struct cluster *c)
{
	SAY(c, "5. The gate is switched off: %s/%s, created now, gets no CID; the others keep theirs.",
	    latecomer.ns, latecomer.name);
	if (!cluster_set_gate(c, false) || !create(c, &latecomer) ||
	    !cluster_await(c, "the controller to see the new VMI", is_noticed) || !end_step(c))
		return false;
	if (api_vmi_cid(cluster_find(c, latecomer.ns, latecomer.name)) >= 0)
		return cluster_fail(c, NULL, "a CID was given while the gate was off");
	return true;
}

static bool step_gate_on(struct cluster *c)
{
	SAY(c, "6. The gate is switched on again: now it gets one, and nothing is renumbered.");
	return cluster_set_gate(c, true) && await_served(c) && boot_all(c) && end_step(c);
}

static bool step_recreate(struct cluster *c)
{
	struct error err = {0};

	SAY(c, "7. %zu VMIs are deleted and created again under the same names: new UIDs, so new CIDs.",
	    ARRAY_LEN(recreated));
	for (size_t i = 0; i < ARRAY_LEN(recreated); i++)
		if (api_vmi_delete(c->api, recreated[i].ns, recreated[i].name, &err) != 0)
			return cluster_fail(c, &err, "a VMI cannot be deleted");
	for (size_t i = 0; i < ARRAY_LEN(recreated); i++)
		if (!create(c, &recreated[i]))
			return false;
	return await_served(c) && boot_all(c) && end_step(c);
}

static bool step_kill(struct cluster *c)
{
	struct crowd crowd;
	bool arrived;

	SAY(c, "8. %d VMIs are created at once; in the middle of it the leader is killed by SIGKILL.", CROWD);
	crowd_init(&crowd);
	arrived = crowd_arrives(c, &crowd);
	if (crowd_close(&crowd) > 0)
		return cluster_fail(c, NULL, "some of the crowd could not be created");
	return arrived && end_step(c);
}

static bool step_fail_over(struct cluster *c)
{
	SAY(c,
	    "9. Its Lease runs out and the standby leads: %zu VMIs still wait and get CIDs of the next term.",
	    c->tally.missing);
	return cluster_fail_over(c) && await_served(c) && end_step(c);
}

static bool audit(struct cluster *c)
{
	size_t want;

	SAY(c, "10. The audit reads everything from the API once more.");
	if (!cluster_look(c))
		return false;
	screen_leave(&c->screen);
	want = c->tally.wants - c->tally.missed;
	if (c->witness.changed > 0 || c->witness.reused > 0)
		(void)cluster_fail(c, NULL, "a CID was changed, or given to a second VMI");
	else if (c->tally.missed > 0)
		(void)cluster_fail(c, NULL, "a VMI has started without a CID");
	printf("demo: %zu VMIs want vsock, %zu have a CID, %zu duplicates, %zu invalid\n", want,
	       c->tally.have, c->tally.duplicates, c->tally.invalid);
	return tally_is_clean(&c->tally) && c->tally.have == want && c->tally.missed == 0 &&
	       c->witness.changed == 0 && c->witness.reused == 0;
}

static bool tell(struct cluster *c)
{
	return step_prepare(c) && step_create(c) && step_boot(c) && step_gate_off(c) && step_gate_on(c) &&
	       step_recreate(c) && step_kill(c) && step_fail_over(c) && audit(c);
}

int main(int argc, char **argv)
{
	struct cluster c;
	bool good;

	if (argc != 4) {
		(void)fprintf(stderr, "usage: demo CONTROLLER KUBECONFIG FOLDER\n\n"
				      "  CONTROLLER  the program to show\n"
				      "  KUBECONFIG  of a running API server without VMIs\n"
				      "  FOLDER      for the controller's logs\n");
		return EXIT_USAGE;
	}
	if (cluster_open(&c, argv[1], argv[2], argv[3]) != 0)
		return EXIT_FAILURE;
	good = tell(&c);
	cluster_close(&c);
	return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
