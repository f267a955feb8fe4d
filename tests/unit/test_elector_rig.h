/**
 * An API server in the test's loop, candidates on it, and a client for the test's own edits. For the tests of
 * the elector; include it once in a program.
 */
#ifndef UNIT_TEST_ELECTOR_RIG_H
#define UNIT_TEST_ELECTOR_RIG_H

#include <check.h>
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "apisim/embedded.h"
#include "base/clock.h"
#include "base/macros.h"
#include "kube/elector.h"
#include "support/loop.h"
#include "support/suite.h"

#define LEASES "/apis/coordination.k8s.io/v1/namespaces/kubevirt/leases"
#define LEASE  LEASES "/l"

#define RETRY_MS 100

struct candidate {
	char identity[16];
	struct kube_client *client;
	struct elector *elector;
	struct logger log;
	struct rng rng;
	uint32_t step; /* its answer to step() */
	/* What it was told. */
	unsigned int led;
	uint32_t term;
	unsigned int extended;
	uint64_t until_ms;
	unsigned int lost;
	char reason[128];
	unsigned int stale;
	unsigned int given_up;
	bool always_fresh; /* stale() is answered at once */
	bool close_when_led;
	unsigned int closed;
};

struct rig {
	uv_loop_t loop;
	struct apisim_embedded *sim;
	struct kube_client *client; /* the test's */
	struct kube_call call;
	bool called;
	int status;
	json_t *object; /* of the last answer */
	struct logger log;
	/* So long that nothing expires, however slow the machine; see short_times(). */
	uint32_t duration_ms;
	uint32_t deadline_ms;
};

static struct rig rig;

static inline void on_candidate_closed(void *data)
{
	struct candidate *c = data;

	c->closed++;
}

static inline void close_candidate(struct candidate *c)
{
	elector_close(c->elector, on_candidate_closed, c);
	kube_client_close(c->client, on_candidate_closed, c);
	ck_assert_uint_eq(c->closed, 0);
}

/* Handlers run before the loop sleeps: the test shall look first. */
static inline void look(void)
{
	uv_stop(&rig.loop);
}

static inline void on_led(void *data, uint32_t term)
{
	struct candidate *c = data;

	ck_assert_uint_gt(c->extended, 0);
	ck_assert_uint_eq(c->lost, 0);
	c->led++;
	look();
	c->term = term;
	if (c->close_when_led)
		close_candidate(c);
}

static inline void on_extended(void *data, uint64_t until_ms)
{
	struct candidate *c = data;

	ck_assert_uint_eq(c->lost, 0);
	ck_assert_uint_gt(until_ms, c->until_ms);
	c->extended++;
	look();
	c->until_ms = until_ms;
}

static inline void on_lost(void *data, const char *reason)
{
	struct candidate *c = data;

	c->lost++;
	look();
	(void)snprintf(c->reason, sizeof(c->reason), "%s", reason);
}

static inline void on_stale(void *data)
{
	struct candidate *c = data;

	c->stale++;
	look();
	if (c->always_fresh)
		elector_set_fresh(c->elector, UINT64_MAX);
}

static inline uint32_t on_step(void *data, uint32_t base)
{
	struct candidate *c = data;

	(void)base;
	return c->step;
}

static const struct elector_handler candidate_handler = {
	.led = on_led,
	.extended = on_extended,
	.lost = on_lost,
	.stale = on_stale,
	.step = on_step,
};

static inline struct kube_client *open_client(struct logger *log, const char *user_agent)
{
	char url[64];
	struct kube_config config = {.server = url};
	struct kube_client *client;

	(void)snprintf(url, sizeof(url), "%s", apisim_embedded_url(rig.sim));
	ck_assert_int_eq(kube_client_open(&client,
					  &(struct kube_client_options){.loop = &rig.loop,
									.config = &config,
									.user_agent = user_agent,
									.log = log},
					  NULL),
			 0);
	return client;
}

/* A server without a Lease. */
static inline void open_rig(void)
{
	(void)signal(SIGPIPE, SIG_IGN);
	rig = (struct rig){.duration_ms = 60000, .deadline_ms = 50000};
	log_init(&rig.log, -1, LOG_LEVEL_INFO, "test");
	ck_assert_int_eq(uv_loop_init(&rig.loop), 0);
	rig.sim = apisim_embedded_open(&rig.loop);
	rig.client = open_client(&rig.log, "test/1");
}

/* For tests in which a right or a Lease has to end. */
static inline void short_times(void)
{
	rig.duration_ms = 1000;
	rig.deadline_ms = 700;
}

static inline void on_called(struct kube_call *call, const struct kube_answer *answer)
{
	(void)call;
	rig.status = answer->status;
	json_decref(rig.object);
	rig.object = json_loads(answer->body, 0, NULL);
	rig.called = true;
}

/* One request of the test's own; the answer is in rig.status and rig.object. */
static inline void request(const char *method, const char *path, const char *body)
{
	rig.called = false;
	rig.call = (struct kube_call){
		.method = method,
		.path = path,
		.content_type = strcmp(method, "PATCH") == 0 ? "application/merge-patch+json" : NULL,
		.body = body,
		.body_len = body != NULL ? strlen(body) : 0,
		.on_done = on_called,
	};
	ck_assert_int_eq(kube_client_start(rig.client, &rig.call, NULL), 0);
	LOOP_UNTIL(&rig.loop, rig.called);
}

static inline void expect_request(const char *method, const char *path, const char *body, int status)
{
	request(method, path, body);
	ck_assert_msg(rig.status == status, "%s %s: %d", method, path, rig.status);
}

/* The Lease as it is, or NULL. */
static inline const json_t *lease(void)
{
	request("GET", LEASE, NULL);
	return rig.status == 200 ? rig.object : NULL;
}

static inline const json_t *lease_spec(void)
{
	return json_object_get(lease(), "spec");
}

static inline const char *lease_holder(void)
{
	const char *holder = json_string_value(json_object_get(lease_spec(), "holderIdentity"));

	return holder != NULL ? holder : "";
}

static inline uint32_t lease_term(void)
{
	return (uint32_t)json_integer_value(json_object_get(lease_spec(), "leaseTransitions"));
}

static inline void given_lease(const char *spec)
{
	AUTO_BUF struct buf body;

	buf_init(&body, 4096);
	ck_assert_int_eq(buf_printf(&body,
				    "{\"apiVersion\":\"coordination.k8s.io/"
				    "v1\",\"kind\":\"Lease\",\"metadata\":{\"name\":"
				    "\"l\",\"namespace\":\"kubevirt\"},\"spec\":%s}",
				    spec),
			 0);
	expect_request("POST", LEASES, buf_str(&body), 201);
}

static inline void fault(const char *rule)
{
	expect_request("POST", "/apisim/faults", rule, 200);
}

static inline void on_breath(uv_timer_t *timer)
{
	uv_close((uv_handle_t *)timer, NULL);
}

/* So often the last one was applied since it was set. Takes its time: it is asked again and again. */
static inline json_int_t faults_applied(void)
{
	uv_timer_t breath;

	(void)uv_timer_init(&rig.loop, &breath);
	(void)uv_timer_start(&breath, on_breath, 20, 0);
	while (!uv_is_closing((uv_handle_t *)&breath))
		(void)uv_run(&rig.loop, UV_RUN_ONCE);
	(void)uv_run(&rig.loop, UV_RUN_NOWAIT); /* ends it */
	expect_request("GET", "/apisim/faults", NULL, 200);
	return json_integer_value(
		json_object_get(json_array_get(rig.object, json_array_size(rig.object) - 1), "applied"));
}

/* All connections are dropped, that of this request too; new ones are refused for so long. */
static inline void restart_server(unsigned int ms)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/apisim/restart?ms=%u", ms);
	expect_request("POST", path, NULL, 0);
}

static inline void no_faults(void)
{
	expect_request("DELETE", "/apisim/faults", NULL, 200);
}

static inline void start(struct candidate *c, const char *identity, bool fresh)
{
	struct error err = {0};
	FILE *log = tmpfile();

	ck_assert_ptr_nonnull(log);
	*c = (struct candidate){.always_fresh = fresh};
	(void)snprintf(c->identity, sizeof(c->identity), "%s", identity);
	log_init(&c->log, dup(fileno(log)), LOG_LEVEL_DEBUG, "test");
	ck_assert_int_eq(fclose(log), 0);
	rng_init_seeded(&c->rng, (uint64_t)identity[0]);
	c->client = open_client(&c->log, "candidate/1");
	ck_assert_msg(elector_open(&c->elector,
				   &(struct elector_options){.loop = &rig.loop,
							     .client = c->client,
							     .log = &c->log,
							     .rng = &c->rng,
							     .namespace = "kubevirt",
							     .name = "l",
							     .identity = c->identity,
							     .lease_duration_ms = rig.duration_ms,
							     .renew_deadline_ms = rig.deadline_ms,
							     .retry_period_ms = RETRY_MS,
							     .handler = &candidate_handler,
							     .data = c},
				   &err) == 0,
		      "%s", err.message);
}

/* What it has logged, in memory that lives until the next call. */
static inline const char *logged(const struct candidate *c)
{
	static char text[1 << 18];
	ssize_t n = pread(c->log.fd, text, sizeof(text) - 1, 0);

	ck_assert_int_ge(n, 0);
	text[n] = '\0';
	return text;
}

static inline void on_given_up(void *data)
{
	struct candidate *c = data;

	c->given_up++;
	look();
}

static inline void give_up(struct candidate *c)
{
	elector_give_up(c->elector, on_given_up, c);
	ck_assert_uint_eq(c->given_up, 0);
	LOOP_UNTIL(&rig.loop, c->given_up == 1);
	loop_run_turns(&rig.loop, 20);
	ck_assert_uint_eq(c->given_up, 1);
}

/* Its end, after close_candidate(). */
static inline void expect_closed(struct candidate *c)
{
	LOOP_UNTIL(&rig.loop, c->closed == 2);
	(void)close(c->log.fd);
}

/* As a kill does: nothing is released. */
static inline void stop(struct candidate *c)
{
	close_candidate(c);
	expect_closed(c);
}

static inline void on_closed(void *data)
{
	*(bool *)data = true;
}

static inline void close_rig(void)
{
	bool closed = false;

	kube_client_close(rig.client, on_closed, &closed);
	LOOP_UNTIL(&rig.loop, closed);
	closed = false;
	apisim_embedded_close(rig.sim, on_closed, &closed);
	LOOP_UNTIL(&rig.loop, closed);
	loop_assert_drained(&rig.loop);
	json_decref(rig.object);
}

#endif
