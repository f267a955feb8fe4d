#include <check.h>
#include <stdio.h>
#include <string.h>

#include "base/macros.h"
#include "controller/cid_schema.h"
#include "support/fake_client.h"
#include "support/loop.h"
#include "support/suite.h"

static struct fake_client rig;
static struct cid_schema *schema;
static unsigned int refused;
static unsigned int requests;
static unsigned int failures; /* so many answers first are 503 */
static char body[2048];

static void on_request(void *data, struct fake_conn *conn, const struct fake_request *request)
{
	(void)data;
	ck_assert_str_eq(request->target, "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/"
					  "virtualmachineinstances.kubevirt.io");
	requests++;
	if (requests <= failures)
		fake_conn_answer(conn, 503, NULL, "{}");
	else
		fake_conn_answer(conn, 200, NULL, body);
}

static void on_refused(void *data, const char *why)
{
	(void)data;
	ck_assert_ptr_nonnull(strstr(why, "KubeVirt before 1.8.4"));
	refused++;
}

static const char *version_of(char out[static 512], const char *served, const char *cid)
{
	(void)snprintf(
		out, 512,
		"{\"name\":\"v\",\"served\":%s,\"schema\":{\"openAPIV3Schema\":{\"properties\":{\"status\":"
		"{\"properties\":{\"VSOCKCID\":%s}}}}}}",
		served, cid);
	return out;
}

static void given_crd(const char *first, const char *second)
{
	char a[512];
	char b[512];

	(void)snprintf(body, sizeof(body),
		       "{\"kind\":\"CustomResourceDefinition\",\"spec\":{\"versions\":[%s,%s]}}",
		       version_of(a, "true", first), version_of(b, "true", second));
}

static void given_check(uint32_t max)
{
	refused = requests = 0;
	fake_client_open(&rig, on_request, NULL);
	ck_assert_int_eq(cid_schema_open(&schema,
					 &(struct cid_schema_options){.loop = &rig.loop,
								      .client = rig.client,
								      .log = &rig.silent,
								      .rng = &rig.rng,
								      .max = max,
								      .refused = on_refused},
					 NULL),
			 0);
}

static void done(void)
{
	cid_schema_close(schema, fake_client_on_closed, &rig);
	fake_client_close(&rig, 1);
	failures = 0;
}

static void check(uint32_t max, bool allowed)
{
	given_check(max);
	ck_assert(!cid_schema_allows(schema));
	LOOP_UNTIL(&rig.loop, refused == 1 || cid_schema_allows(schema));
	ck_assert_int_eq(cid_schema_allows(schema), allowed);
	ck_assert_uint_eq(refused, allowed ? 0 : 1);
	done();
}

#define INT32 "{\"type\":\"integer\",\"format\":\"int32\"}"
#define INT64 "{\"type\":\"integer\",\"format\":\"int64\",\"minimum\":0,\"maximum\":4294967295}"

START_TEST(the_default_range_needs_no_look)
{
	given_check(INT32_MAX);
	ck_assert(cid_schema_allows(schema));
	loop_run_turns(&rig.loop, 20);
	ck_assert_uint_eq(requests, 0);
	done();
}
END_TEST

START_TEST(a_wider_range_has_to_fit_into_every_version_that_is_served)
{
	char second[512];

	given_crd(INT64, INT64);
	check(4294967294, true);
	given_crd(INT64, INT32);
	check(4294967294, false);
	given_crd(INT32, INT64);
	check(2147483648, false);
	given_crd("{\"type\":\"integer\"}", "{}");
	check(4294967294, true);
	given_crd("{\"maximum\":4294967293}", INT64);
	check(4294967294, false);
	given_crd("{\"maximum\":4294967293}", INT64);
	check(4294967293, true);
	given_crd("{\"maximum\":4.294967295e9}", INT64);
	check(4294967294, true);
	(void)snprintf(body, sizeof(body),
		       "{\"kind\":\"CustomResourceDefinition\",\"spec\":{\"versions\":[%s]}}",
		       version_of(second, "false", INT32));
	check(4294967294, true);
}
END_TEST

START_TEST(what_cannot_be_read_is_read_again)
{
	failures = 1;
	given_crd(INT64, INT64);
	check(4294967294, true);
	failures = 1;
	given_crd(INT32, INT32);
	check(4294967294, false);
}
END_TEST

START_TEST(an_answer_that_is_no_crd_allows_nothing)
{
	(void)snprintf(body, sizeof(body), "{}");
	given_check(4294967294);
	LOOP_UNTIL(&rig.loop, requests == 2);
	ck_assert(!cid_schema_allows(schema));
	ck_assert_uint_eq(refused, 0);
	given_crd(INT64, INT64);
	LOOP_UNTIL(&rig.loop, cid_schema_allows(schema));
	done();
}
END_TEST

START_TEST(it_closes_amid_a_request)
{
	given_check(4294967294);
	LOOP_UNTIL(&rig.loop, requests == 1);
	done();
	given_check(4294967294);
	done();
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		the_default_range_needs_no_look,   a_wider_range_has_to_fit_into_every_version_that_is_served,
		what_cannot_be_read_is_read_again, an_answer_that_is_no_crd_allows_nothing,
		it_closes_amid_a_request,
	};

	return suite_run("cid_schema", tests, ARRAY_LEN(tests));
}
