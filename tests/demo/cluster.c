#include "demo/cluster.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "demo/table.h"
#include "e2e/scrape.h"

#define LOOK_EVERY_MS 100
#define AWAIT_MS      60000
#define STOP_MS       10000
#define LOG_MAX       ((size_t)64 << 20)
#define LOG_TAIL      20

#define LEASE_PATH "/apis/coordination.k8s.io/v1/namespaces/kubevirt/leases/vsock-cid-controller"

int cluster_open(struct cluster *c, const char *controller, const char *kubeconfig, const char *folder)
{
	struct error err = {0};
	int rc;

	*c = (struct cluster){
		.controller = controller,
		.kubeconfig = kubeconfig,
		.folder = folder,
		.items = json_array(),
		.term = "-",
	};
	rc = api_open(&c->api, kubeconfig, &err);
	if (rc != 0) {
		json_decref(c->items);
		(void)fprintf(stderr, "demo: %s\n", err.message);
		return rc;
	}
	screen_init(&c->screen);
	witness_init(&c->witness);
	return 0;
}

void cluster_close(struct cluster *c)
{
	process_stop(&c->process, SIGTERM, STOP_MS);
	process_stop(&c->standby, SIGTERM, STOP_MS);
	free(c->log);
	free(c->standby_log);
	witness_close(&c->witness);
	tally_free(&c->tally);
	json_decref(c->items);
	screen_close(&c->screen);
	api_close(c->api);
}

/* ---- what goes wrong ---- */

/* The last lines of the controller's log. */
static void show_log(const struct cluster *c)
{
	AUTO_BUF struct buf text;
	const char *from;
	int lines = 0;

	buf_init(&text, LOG_MAX);
	if (c->log == NULL || file_read(&text, c->log, FILE_REGULAR, NULL) != 0 || text.len == 0)
		return;
	for (from = text.data + text.len - 1; from > text.data; from--)
		if (from[-1] == '\n' && ++lines == LOG_TAIL)
			break;
	(void)fprintf(stderr, "demo: the controller's log ends with:\n%s", from);
}

bool cluster_fail(struct cluster *c, const struct error *err, const char *what)
{
	screen_leave(&c->screen);
	(void)fprintf(stderr, "demo: %s%s%s\n", what, err != NULL ? ": " : "",
		      err != NULL ? err->message : "");
	show_log(c);
	return false;
}

/* ---- looking ---- */

static void read_term(struct cluster *c)
{
	AUTO_API_ANSWER struct api_answer answer;
	const json_t *term;

	if (api_request(c->api, "GET", LEASE_PATH, NULL, NULL, &answer, NULL) != 0)
		return;
	term = api_member(answer.body, "spec.leaseTransitions");
	if (json_is_integer(term))
		(void)snprintf(c->term, sizeof(c->term), "%" JSON_INTEGER_FORMAT, json_integer_value(term));
}

bool cluster_look(struct cluster *c)
{
	struct error err = {0};
	json_t *items;

	if (api_vmi_list(c->api, &items, &err) != 0)
		return cluster_fail(c, &err, "the VMIs cannot be listed");
	json_decref(c->items);
	c->items = items;
	tally_free(&c->tally);
	if (tally_count(&c->tally, items, TALLY_DEFAULT_RANGE) != 0)
		return cluster_fail(c, NULL, "out of memory");
	witness_look(&c->witness, items);
	read_term(c);
	table_draw(c);
	return true;
}

bool cluster_await(struct cluster *c, const char *what, bool (*done)(struct cluster *c))
{
	uint64_t end_ms = clock_boot_ms() + AWAIT_MS;
	char message[128];

	do {
		if (!cluster_look(c))
			return false;
		if (done(c))
			return true;
		poll(NULL, 0, LOOK_EVERY_MS);
	} while (clock_boot_ms() < end_ms);
	(void)snprintf(message, sizeof(message), "waited in vain for %s", what);
	return cluster_fail(c, NULL, message);
}

bool cluster_show(struct cluster *c, unsigned int ms)
{
	uint64_t end_ms = clock_boot_ms() + (c->screen.live ? ms : 0);

	do {
		if (!cluster_look(c))
			return false;
		if (c->screen.live)
			poll(NULL, 0, LOOK_EVERY_MS);
	} while (clock_boot_ms() < end_ms);
	return true;
}

bool cluster_is_served(struct cluster *c)
{
	return c->tally.missing == 0;
}

const json_t *cluster_find(const struct cluster *c, const char *ns, const char *name)
{
	for (size_t i = 0; i < json_array_size(c->items); i++) {
		const json_t *vmi = json_array_get(c->items, i);

		if (strcmp(api_text(vmi, "metadata.namespace"), ns) == 0 &&
		    strcmp(api_text(vmi, "metadata.name"), name) == 0)
			return vmi;
	}
	return NULL;
}

/* ---- the controller ---- */

/* The port that the first lines of a log name; 0: not yet. */
static uint16_t port_in(const char *log)
{
	AUTO_BUF struct buf text;
	unsigned int port = 0;
	const char *at;

	buf_init(&text, LOG_MAX);
	if (log == NULL || file_read(&text, log, FILE_REGULAR, NULL) != 0)
		return 0;
	at = strstr(buf_str(&text), ", port ");
	if (at == NULL || sscanf(at, ", port %5u\"", &port) != 1 || port > UINT16_MAX)
		return 0;
	return (uint16_t)port;
}

static double metric_of(const char *log, const char *sample)
{
	uint16_t port = port_in(log);
	double value;

	if (port == 0 || scrape_metric(port, sample, &value, NULL) != 0)
		return -1;
	return value;
}

double cluster_metric(struct cluster *c, const char *sample)
{
	return metric_of(c->log, sample);
}

static bool is_leading(struct cluster *c)
{
	return cluster_metric(c, "kubevirt_vsock_leading_status") > 0 || !process_running(&c->process);
}

static bool standby_is_ready(struct cluster *c)
{
	static const char synced[] = "kubevirt_vsock_cache_synced{resource=\"virtualmachineinstances\"}";

	return metric_of(c->standby_log, synced) > 0 || !process_running(&c->standby);
}

/* Its log is a file of @folder named after it. */
static bool start(struct cluster *c, struct process *p, const char *name, char **log)
{
	/* A Lease that people can wait for; 15/10/2 s are the defaults. Nobody to act as: KubeVirt's own
	 * service accounts are not there. */
	const char *const argv[] = {c->controller, "--kubeconfig",
				    c->kubeconfig, "--listen",
				    "127.0.0.1",   "--port",
				    "0",           "--identity",
				    name,          "--lease-duration",
				    "3s",          "--renew-deadline",
				    "2s",          "--retry-period",
				    "400ms",       "--write-as",
				    "self",        NULL};
	struct error err = {0};

	if (asprintf(log, "%s/%s.log", c->folder, name) < 0)
		*log = NULL;
	if (process_start(p, argv, NULL, *log, &err) != 0)
		return cluster_fail(c, &err, "a controller cannot be started");
	return true;
}

bool cluster_start_controllers(struct cluster *c)
{
	if (!start(c, &c->process, "replica-1", &c->log) ||
	    !cluster_await(c, "the first replica to raise the Lease's term", is_leading) ||
	    !start(c, &c->standby, "replica-2", &c->standby_log) ||
	    !cluster_await(c, "the second replica to be ready", standby_is_ready))
		return false;
	if (!process_running(&c->process) || !process_running(&c->standby))
		return cluster_fail(c, NULL, "a controller has ended by itself");
	return true;
}

void cluster_kill_leader(struct cluster *c)
{
	process_stop(&c->process, SIGKILL, STOP_MS);
}

bool cluster_fail_over(struct cluster *c)
{
	c->process = c->standby;
	c->standby = (struct process){0};
	free(c->log);
	c->log = STEAL_POINTER(c->standby_log);
	if (!cluster_await(c, "the standby to raise the Lease's term", is_leading))
		return false;
	if (!process_running(&c->process))
		return cluster_fail(c, NULL, "the standby has ended by itself");
	return true;
}

static bool gate_is_known(struct cluster *c)
{
	return cluster_metric(c, "kubevirt_vsock_feature_gate_enabled") == (c->gate ? 1 : 0);
}

bool cluster_set_gate(struct cluster *c, bool on)
{
	const char *const gates[] = {on ? "VSOCK" : NULL, NULL};
	struct error err = {0};

	if (api_kubevirt_set_gates(c->api, "kubevirt", "kubevirt", gates, &err) != 0)
		return cluster_fail(c, &err, "the KubeVirt CR cannot be written");
	c->gate = on;
	if (!process_running(&c->process))
		return true;
	return cluster_await(c, "the controller to notice the gate", gate_is_known);
}
