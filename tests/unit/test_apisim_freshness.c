/* The freshness of a reflector's view of a simulated API server, in one loop. */
#include <check.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

/* Its word for a request and ours are the same. */
#define http_request apisim_http_request
#include "apisim/apisim.h"
#undef http_request

#include "base/clock.h"
#include "kube/freshness.h"
#include "kube/reflector.h"
#include "support/loop.h"
#include "support/suite.h"

#define VMIS "/apis/kubevirt.io/v1/virtualmachineinstances"
#define ONE                                                                                                  \
	"{\"apiVersion\":\"kubevirt.io/v1\",\"kind\":\"VirtualMachineInstance\","                            \
	"\"metadata\":{\"name\":\"a\"},\"spec\":{\"domain\":{\"devices\":{}}}}"

struct fixture {
	uv_loop_t loop;
	struct apisim sim;
	struct kube_client *client;
	struct reflector *reflector;
	struct freshness *freshness;
	struct logger log;
	struct rng rng;
	uint64_t list_ms;
	unsigned rewound;
	unsigned closed;
};

static void on_begin(void *data)
{
	(void)data;
}

static void on_value(void *data, int field, const struct json_value *value)
{
	(void)data;
	(void)field;
	(void)value;
}

static void on_object(void *data, enum reflector_event event, const char *rv)
{
	(void)data;
	(void)event;
	(void)rv;
}

static void on_list_started(void *data)
{
	struct fixture *fx = data;

	fx->list_ms = clock_boot_ms();
}

static void on_list_done(void *data, const char *rv)
{
	struct fixture *fx = data;

	(void)rv;
	freshness_listed(fx->freshness, fx->list_ms);
}

static const struct reflector_handler handler = {
	.begin = on_begin,
	.value = on_value,
	.object = on_object,
	.list_started = on_list_started,
	.list_done = on_list_done,
};

static const char *on_path(void *data)
{
	struct fixture *fx = data;

	return reflector_synced(fx->reflector) ? VMIS : NULL;
}

static const char *on_position(void *data)
{
	struct fixture *fx = data;

	return reflector_resource_version(fx->reflector);
}

/* As a controller would in each turn of its loop. */
static uint64_t fresh_ms(struct fixture *fx)
{
	freshness_moved(fx->freshness);
	return freshness_ms(fx->freshness);
}

static void on_rewound(void *data, const char *before, const char *now)
{
	struct fixture *fx = data;

	ck_assert_int_lt(strtol(now, NULL, 10), strtol(before, NULL, 10));
	fx->rewound++;
}

static void on_behind(void *data)
{
	struct fixture *fx = data;

	reflector_relist(fx->reflector);
}

static void setup(struct fixture *fx, uint32_t bookmark_ms, uint32_t interval_ms, uint32_t behind_ms)
{
	static const char *const versions[] = {"v1", NULL};
	char server[64];
	struct kube_config config = {.server = server};
	struct kube_client_options client = {
		.loop = &fx->loop, .config = &config, .log = &fx->log, .user_agent = "test/1"};
	struct reflector_options reflector = {
		.loop = &fx->loop,
		.log = &fx->log,
		.rng = &fx->rng,
		.group = "kubevirt.io",
		.versions = versions,
		.resource = "virtualmachineinstances",
		.handler = &handler,
		.handler_data = fx,
		.min_watch_ms = 1,
	};
	struct freshness_options freshness = {
		.loop = &fx->loop,
		.log = &fx->log,
		.rng = &fx->rng,
		.path = on_path,
		.position = on_position,
		.rewound = on_rewound,
		.behind = on_behind,
		.data = fx,
		.interval_ms = interval_ms,
		.behind_ms = behind_ms,
	};
	struct apisim_options sim;
	struct error err = {0};

	*fx = (struct fixture){0};
	ck_assert_int_eq(uv_loop_init(&fx->loop), 0);
	log_init(&fx->log, -1, LOG_LEVEL_INFO, "test");
	rng_init_seeded(&fx->rng, 1);
	apisim_options_init(&sim);
	sim.bookmark_ms = bookmark_ms;
	ck_assert_msg(apisim_init(&fx->sim, &fx->loop, &sim, &err) == 0, "%s", err.message);
	(void)snprintf(server, sizeof(server), "http://127.0.0.1:%d", apisim_port(&fx->sim));
	ck_assert_msg(kube_client_open(&fx->client, &client, &err) == 0, "%s", err.message);
	freshness.client = reflector.client = fx->client;
	ck_assert_int_eq(freshness_open(&fx->freshness, &freshness, &err), 0);
	ck_assert_msg(reflector_open(&fx->reflector, &reflector, &err) == 0, "%s", err.message);
	LOOP_UNTIL(&fx->loop, fresh_ms(fx) > 0);
	ck_assert_uint_ge(fresh_ms(fx), fx->list_ms);
}

static void on_closed(void *data)
{
	struct fixture *fx = data;

	fx->closed++;
}

static void on_sim_closed(struct apisim *s)
{
	(void)s;
}

static void teardown(struct fixture *fx)
{
	freshness_close(fx->freshness, on_closed, fx);
	reflector_close(fx->reflector, on_closed, fx);
	kube_client_close(fx->client, on_closed, fx);
	LOOP_UNTIL(&fx->loop, fx->closed == 3);
	apisim_close(&fx->sim, on_sim_closed);
	loop_assert_drained(&fx->loop);
}

static void on_done(struct kube_call *call, const struct kube_answer *answer)
{
	bool dropped = strstr(call->path, "rollback") != NULL; /* which ends every connection */

	ck_assert_msg(dropped || (answer->status >= 200 && answer->status <= 299), "%s: %d", call->path,
		      answer->status);
	*(bool *)call->data = true;
}

static void post(struct fixture *fx, const char *path, const char *body)
{
	bool done = false;
	struct kube_call call = {
		.method = "POST",
		.path = path,
		.body = body,
		.body_len = strlen(body),
		.on_done = on_done,
		.data = &done,
	};

	ck_assert_int_eq(kube_client_start(fx->client, &call, NULL), 0);
	LOOP_UNTIL(&fx->loop, done);
}

/* Later than every time so far. */
static uint64_t next_ms(struct fixture *fx)
{
	uint64_t now_ms = clock_boot_ms();

	while (clock_boot_ms() == now_ms)
		loop_run_turns(&fx->loop, 1);
	return clock_boot_ms();
}

START_TEST(an_idle_view_is_as_fresh_as_its_last_read)
{
	struct fixture fx;
	uint64_t now_ms;

	setup(&fx, 60000, 3600000, 0);
	now_ms = next_ms(&fx);
	freshness_hurry(fx.freshness);
	LOOP_UNTIL(&fx.loop, fresh_ms(&fx) >= now_ms);
	teardown(&fx);
}
END_TEST

START_TEST(an_event_makes_fresh)
{
	struct fixture fx;
	uint64_t now_ms;

	setup(&fx, 60000, 3600000, 0);
	post(&fx, "/apisim/revision?skip=100", "");
	now_ms = next_ms(&fx);
	freshness_hurry(fx.freshness);
	loop_run_turns(&fx.loop, 100); /* it is answered, mostly */
	ck_assert_uint_lt(fresh_ms(&fx), now_ms);
	post(&fx, "/apis/kubevirt.io/v1/namespaces/default/virtualmachineinstances", ONE);
	LOOP_UNTIL(&fx.loop, fresh_ms(&fx) >= now_ms);
	teardown(&fx);
}
END_TEST

START_TEST(a_bookmark_makes_fresh)
{
	struct fixture fx;
	uint64_t now_ms;

	setup(&fx, 20, 3600000, 0);
	post(&fx, "/apisim/revision?skip=100", ""); /* other resources were written */
	now_ms = next_ms(&fx);
	freshness_hurry(fx.freshness);
	LOOP_UNTIL(&fx.loop, fresh_ms(&fx) >= now_ms);
	teardown(&fx);
}
END_TEST

START_TEST(a_view_that_nothing_reaches_is_listed_again)
{
	struct fixture fx;
	uint64_t now_ms;

	setup(&fx, 3600000, 10, 20);
	post(&fx, "/apisim/revision?skip=100", "");
	now_ms = next_ms(&fx);
	LOOP_UNTIL(&fx.loop, fx.list_ms >= now_ms && fresh_ms(&fx) >= now_ms);
	ck_assert_uint_eq(fx.rewound, 0);
	teardown(&fx);
}
END_TEST

START_TEST(a_restored_backup_shows)
{
	struct fixture fx;
	char rollback[64];
	uint64_t now_ms;
	long before;

	setup(&fx, 60000, 3600000, 0);
	before = strtol(reflector_resource_version(fx.reflector), NULL, 10);
	post(&fx, "/apis/kubevirt.io/v1/namespaces/default/virtualmachineinstances", ONE);
	LOOP_UNTIL(&fx.loop, strtol(reflector_resource_version(fx.reflector), NULL, 10) > before);
	(void)snprintf(rollback, sizeof(rollback), "/apisim/rollback?to=%ld", before);
	post(&fx, rollback, "");
	now_ms = next_ms(&fx);
	freshness_hurry(fx.freshness);
	LOOP_UNTIL(&fx.loop, fx.rewound == 1);
	ck_assert_uint_lt(fresh_ms(&fx), now_ms);
	teardown(&fx);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		an_idle_view_is_as_fresh_as_its_last_read,   an_event_makes_fresh,    a_bookmark_makes_fresh,
		a_view_that_nothing_reaches_is_listed_again, a_restored_backup_shows,
	};

	return suite_run("apisim_freshness", tests, ARRAY_LEN(tests));
}
