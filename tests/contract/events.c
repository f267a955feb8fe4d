/* Events in core/v1: what must be in one, and counting it up. */
#include <string.h>

#include "contract/talk.h"

static const char *events(struct talk *t)
{
	return talk_path(t, TALK_CORE, "events", NULL);
}

static const char *event_text(struct talk *t, const char *name, const char *ns)
{
	return talk_format(t,
			   "{'apiVersion':'v1','kind':'Event','metadata':{'name':'%s'},"
			   "'involvedObject':{'apiVersion':'kubevirt.io/v1','kind':'VirtualMachineInstance',"
			   "'namespace':'%s','name':'vm','uid':'5d307ca9-b3ef-428c-8861-06e72d69f223'},"
			   "'reason':'FailedAssignment','message':'a < b','type':'Warning','count':1,"
			   "'firstTimestamp':'2026-01-01T00:00:00Z','lastTimestamp':'2026-01-01T00:00:00Z',"
			   "'source':{'component':'contract'},'reportingComponent':'contract',"
			   "'reportingInstance':'contract-1'}",
			   name, ns);
}

static void given_event(struct talk *t, const char *name)
{
	talk_post(t, events(t), event_text(t, name, t->ns));
	EXPECT(t, 201);
}

START_TEST(an_event_comes_back_as_it_was_written)
{
	AUTO_TALK struct talk t;

	talk_open(&t);
	given_event(&t, "vm.1");
	talk_get(&t, talk_path(&t, TALK_CORE, "events", "vm.1"));
	EXPECT(&t, 200);
	EXPECT_TEXT(&t, "kind", "Event");
	EXPECT_TEXT(&t, "apiVersion", "v1");
	EXPECT_TEXT(&t, "involvedObject.kind", "VirtualMachineInstance");
	EXPECT_TEXT(&t, "involvedObject.name", "vm");
	EXPECT_TEXT(&t, "reason", "FailedAssignment");
	EXPECT_TEXT(&t, "message", "a < b");
	EXPECT_TEXT(&t, "type", "Warning");
	EXPECT_TEXT(&t, "source.component", "contract");
	EXPECT_TEXT(&t, "reportingComponent", "contract");
	EXPECT_TEXT(&t, "reportingInstance", "contract-1");
	ck_assert_int_eq(json_integer_value(json_object_get(t.answer.body, "count")), 1);
}
END_TEST

START_TEST(an_event_lives_in_the_namespace_of_its_object)
{
	AUTO_TALK struct talk t;

	talk_open(&t);
	talk_post(&t, events(&t), event_text(&t, "vm.1", "default"));
	EXPECT_REFUSAL(&t, 422, "Invalid");
	EXPECT_TEXT(&t, "details.causes.0.field", "involvedObject.namespace");
	talk_post(&t, events(&t), event_text(&t, "vm.1", ""));
	EXPECT_REFUSAL(&t, 422, "Invalid");
}
END_TEST

START_TEST(an_event_is_counted_up_by_a_patch)
{
	static const char *const types[] = {
		API_MERGE_PATCH,
		"application/strategic-merge-patch+json",
	};
	AUTO_TALK struct talk t;

	talk_open(&t);
	given_event(&t, "vm.1");
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		talk_send(
			&t, "PATCH", talk_path(&t, TALK_CORE, "events", "vm.1"), types[i],
			talk_format(&t, "{'count':%zu,'lastTimestamp':'2026-01-01T00:0%zu:00Z'}", i + 2, i));
		EXPECT(&t, 200);
		ck_assert_int_eq(json_integer_value(json_object_get(t.answer.body, "count")), (int)i + 2);
		EXPECT_TEXT(&t, "lastTimestamp", talk_format(&t, "2026-01-01T00:0%zu:00Z", i));
		EXPECT_TEXT(&t, "firstTimestamp", "2026-01-01T00:00:00Z");
		EXPECT_TEXT(&t, "message", "a < b");
	}
	talk_merge_patch(&t, talk_path(&t, TALK_CORE, "events", "vm.2"), "{'count':2}");
	EXPECT_REFUSAL(&t, 404, "NotFound");
}
END_TEST

START_TEST(events_of_the_same_name_are_409)
{
	AUTO_TALK struct talk t;

	talk_open(&t);
	given_event(&t, "vm.1");
	talk_post(&t, events(&t), event_text(&t, "vm.1", t.ns));
	EXPECT_REFUSAL(&t, 409, "AlreadyExists");
}
END_TEST

START_TEST(an_event_in_a_missing_namespace_is_404)
{
	AUTO_TALK struct talk t;

	talk_open(&t);
	talk_post(&t, TALK_CORE "/namespaces/there-is-none/events", event_text(&t, "vm.1", "there-is-none"));
	EXPECT_REFUSAL(&t, 404, "NotFound");
}
END_TEST

START_TEST(events_can_be_listed)
{
	AUTO_TALK struct talk t;

	talk_open(&t);
	given_event(&t, "vm.1");
	given_event(&t, "vm.2");
	talk_get(&t, events(&t));
	EXPECT(&t, 200);
	EXPECT_TEXT(&t, "kind", "EventList");
	EXPECT_TEXT(&t, "items.0.metadata.name", "vm.1");
	EXPECT_TEXT(&t, "items.1.metadata.name", "vm.2");
}
END_TEST

void events_cases(struct cases *c)
{
	const TTest *const tests[] = {
		an_event_comes_back_as_it_was_written,  an_event_lives_in_the_namespace_of_its_object,
		an_event_is_counted_up_by_a_patch,      events_of_the_same_name_are_409,
		an_event_in_a_missing_namespace_is_404, events_can_be_listed,
	};

	cases_add(c, tests, ARRAY_LEN(tests));
}
