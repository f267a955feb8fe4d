/* Random requests, cancels and faults: whatever happens, the laws of http_client.h hold. SEED=n replays a
 * run. */
#include "base/rng.h"
#include "support/suite.h"
#include "test_http_client_fault.h"

static struct rig rig;
static struct rng rng;

static void answer_at_random(void *data, struct fake_conn *c, const struct fake_request *r)
{
	struct fault f = faults[rng_below(&rng, ARRAY_LEN(faults))];

	(void)data;
	switch (rng_below(&rng, 6)) {
	case 0:
		answer_fault(&f, c, r);
		break;
	case 1:
		fake_conn_begin(c, 200, NULL);
		fake_conn_chunk(c, "some");
		break;
	case 2:
		break;
	default:
		fake_conn_answer(c, 200, NULL, "hello");
	}
}

static void start_or_not(struct probe *p)
{
	if (rng_below(&rng, 3) == 0)
		(void)http_client_start(p->rig->client, &p->req, NULL);
}

/* One random act on a request. */
static void act(struct probe *p)
{
	switch (rng_below(&rng, 4)) {
	case 0:
		http_request_cancel(&p->req);
		break;
	case 1:
		if (rng_below(&rng, 50) == 0)
			http_client_drop_idle(rig.client);
		break;
	default:
		if (p->req.impl != NULL)
			break;
		p->heads = 0;
		p->req.total_timeout_ms = rng_below(&rng, 2) == 0 ? 0 : 1 + (uint32_t)rng_below(&rng, 30);
		p->req.idle_timeout_ms = rng_below(&rng, 2) == 0 ? 0 : 1 + (uint32_t)rng_below(&rng, 30);
		p->data_verdict = rng_below(&rng, 10) == 0 ? -EBADMSG : 0;
		p->head_verdict = rng_below(&rng, 10) == 0 ? -EBADMSG : 0;
		ck_assert_int_eq(http_client_start(rig.client, &p->req, NULL), 0);
	}
}

static int on_head_again(struct http_request *req, int status)
{
	struct probe *p = req->data;

	p->heads = 0; /* start_or_not() does not reset it */
	return probe_on_head(req, status);
}

START_TEST(whatever_happens_each_request_ends_exactly_once)
{
	enum { N = 24, ACTS = 6000 };
	static struct probe p[N];
	const struct http_client_options options = {.max_connections = 16};
	const char *seed_text = getenv("SEED");
	uint64_t seed = seed_text != NULL ? strtoull(seed_text, NULL, 10) : uv_hrtime();
	int running = 0;

	printf("seed %llu\n", (unsigned long long)seed);
	rng_init_seeded(&rng, seed);
	rig_open_with(&rig, answer_at_random, NULL, &options);
	for (int i = 0; i < N; i++) {
		probe_init(&p[i], &rig, "/");
		p[i].req.on_header = NULL;
		p[i].req.on_head = on_head_again;
		p[i].then = start_or_not;
	}
	for (int i = 0; i < ACTS; i++) {
		struct probe *one = &p[rng_below(&rng, N)];

		if (rng_below(&rng, 500) == 0)
			failing_polls = 1;
		fake_server_set_write_size(rig.server, rng_below(&rng, 3) == 0 ? 1 : 0);
		act(one);
		buf_reset(&one->body);
		if (rng_below(&rng, 3) == 0)
			(void)uv_run(&rig.loop, UV_RUN_NOWAIT);
	}
	failing_polls = 0;
	for (int i = 0; i < N; i++)
		running += p[i].req.impl != NULL ? 1 : 0;
	ck_assert_uint_eq(http_client_pending(rig.client), (size_t)running);
	rig_close(&rig);
	for (int i = 0; i < N; i++) {
		ck_assert_ptr_null(p[i].req.impl);
		probe_free(&p[i]);
	}
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		whatever_happens_each_request_ends_exactly_once,
	};

	return suite_run("http_client_random", tests, ARRAY_LEN(tests));
}
