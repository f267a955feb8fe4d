/* Many objects at once: POST /apisim/populate, and lists and watches of what came by it. */
#include <check.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "support/suite.h"
#include "test_apisim_client.h"

#define VMI_RESOURCE "resource=virtualmachineinstances"
#define POPULATE     "/apisim/populate?" VMI_RESOURCE
#define ALL          "/apis/kubevirt.io/v1/virtualmachineinstances"
#define TEMPLATE                                                                                             \
	"{\"spec\":{\"domain\":{\"devices\":{}},\"hostname\":\"@NAME@\"},\"status\":{\"phase\":\"Running\"}" \
	"}"

static struct client *given_client(void)
{
	struct client *c = must_alloc(sizeof(*c));

	client_open(c);
	return c;
}

static void done(struct client *c)
{
	client_close(c);
	free(c);
}

static int status_of(const char *answer)
{
	return (int)strtol(answer + strlen("HTTP/1.1 "), NULL, 10);
}

/* The answer's body; the caller's. */
static json_t *body_of(const char *answer)
{
	json_t *body = json_loads(strstr(answer, "\r\n\r\n") + 4, 0, NULL);

	ck_assert_msg(body != NULL, "%.400s", answer);
	return body;
}

static const char *text_of(const json_t *object, const char *group, const char *key)
{
	const char *text = json_string_value(json_object_get(json_object_get(object, group), key));

	return text != NULL ? text : "";
}

static json_int_t cid_of(const json_t *vmi)
{
	return json_integer_value(json_object_get(json_object_get(vmi, "status"), "VSOCKCID"));
}

static void populate(struct client *c, const char *more)
{
	AUTO_BUF struct buf path;

	must_buf(&path);
	must_printf(&path, POPULATE "%s", more);
	ck_assert_int_eq(status_of(call(c, "POST", path.data, TEMPLATE)), 200);
}

static int by_number(const void *a, const void *b)
{
	json_int_t x = *(const json_int_t *)a;
	json_int_t y = *(const json_int_t *)b;

	return (x > y) - (x < y);
}

START_TEST(populated_objects_are_sorted_and_each_has_its_own_name_uid_revision_and_cid)
{
	enum { COUNT = 3000 };
	struct client *c = given_client();
	json_int_t *cids = must_alloc(COUNT * sizeof(*cids));
	json_t *uids = json_object();
	json_t *list;
	json_t *items;

	populate(c, "&count=1000&cids=true");
	populate(c, "&count=2000&cids=true&name=z-&first=5");
	list = body_of(call(c, "GET", ALL, ""));
	items = json_object_get(list, "items");
	ck_assert_uint_eq(json_array_size(items), COUNT);
	for (size_t i = 0; i < COUNT; i++) {
		const json_t *vmi = json_array_get(items, i);
		char name[32];

		(void)snprintf(name, sizeof(name), i < 1000 ? "populated-%06zu" : "z-%06zu",
			       i < 1000 ? i : i - 1000 + 5);
		ck_assert_str_eq(text_of(vmi, "metadata", "name"), name);
		ck_assert_str_eq(text_of(vmi, "metadata", "namespace"), "default");
		ck_assert_str_eq(text_of(vmi, "spec", "hostname"), name);
		ck_assert_str_eq(text_of(vmi, "status", "phase"), "Running");
		if (i > 0)
			ck_assert_int_eq(strtol(text_of(vmi, "metadata", "resourceVersion"), NULL, 10),
					 1 + strtol(text_of(json_array_get(items, i - 1), "metadata",
							    "resourceVersion"),
						    NULL, 10));
		json_object_set_new(uids, text_of(vmi, "metadata", "uid"), json_true());
		cids[i] = cid_of(vmi);
	}
	ck_assert_uint_eq(json_object_size(uids), COUNT);
	qsort(cids, COUNT, sizeof(*cids), by_number);
	ck_assert_int_ge(cids[0], 3);
	ck_assert_int_le(cids[COUNT - 1], 2147483647);
	for (size_t i = 1; i < COUNT; i++)
		ck_assert_int_ne(cids[i], cids[i - 1]);
	json_decref(list);
	json_decref(uids);
	free(cids);
	done(c);
}
END_TEST

START_TEST(a_populated_object_can_be_patched_and_keeps_what_is_its_own)
{
	static const char patch[] = "{\"status\":{\"VSOCKCID\":77}}";
	struct client *c = given_client();
	AUTO_BUF struct buf request;
	json_t *before;
	json_t *after;
	json_t *other;

	must_buf(&request);
	populate(c, "&count=3");
	before = body_of(call(c, "GET", VMIS "/populated-000001", ""));
	must_printf(&request,
		    "PATCH " VMIS "/populated-000001 HTTP/1.1\r\nConnection: close\r\n"
		    "Content-Type: application/merge-patch+json\r\nContent-Length: %zu\r\n\r\n%s",
		    strlen(patch), patch);
	after = body_of(talk(c, request.data));
	other = body_of(call(c, "GET", VMIS "/populated-000002", ""));
	ck_assert_int_eq(cid_of(before), 0);
	ck_assert_int_eq(cid_of(after), 77);
	ck_assert_int_eq(cid_of(other), 0);
	ck_assert_str_eq(text_of(after, "metadata", "uid"), text_of(before, "metadata", "uid"));
	ck_assert_str_ne(text_of(after, "metadata", "resourceVersion"),
			 text_of(before, "metadata", "resourceVersion"));
	ck_assert_str_eq(text_of(after, "spec", "hostname"), "populated-000001");
	json_decref(before);
	json_decref(after);
	json_decref(other);
	done(c);
}
END_TEST

START_TEST(a_population_that_makes_no_sense_is_refused_and_changes_nothing)
{
	static const struct {
		const char *query;
		int status;
	} rows[] = {
		{"resource=nothing&count=1", 400},
		{"resource=leases&count=1", 400},
		{"resource=virtualmachineinstances", 400},
		{"resource=virtualmachineinstances&count=1000001", 400},
		{"resource=virtualmachineinstances&count=2&first=999999", 400},
		{"resource=virtualmachineinstances&count=1&namespace=nowhere", 404},
		{"resource=virtualmachineinstances&count=5&first=2", 409},
	};
	struct client *c = given_client();
	json_t *list;

	populate(c, "&count=3");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		AUTO_BUF struct buf path;

		must_buf(&path);
		must_printf(&path, "/apisim/populate?%s", rows[i].query);
		ck_assert_msg(status_of(call(c, "POST", path.data, "{}")) == rows[i].status, "%s",
			      rows[i].query);
	}
	ck_assert_int_eq(status_of(call(c, "POST", POPULATE "&count=1&first=9", "[]")), 400);
	list = body_of(call(c, "GET", ALL, ""));
	ck_assert_uint_eq(json_array_size(json_object_get(list, "items")), 3);
	json_decref(list);
	done(c);
}
END_TEST

/* Of each item "NAME=CID " */
static char *items_of(const json_t *list)
{
	const json_t *vmi;
	struct buf out;
	size_t i;

	must_buf(&out);
	must_text(&out, "");
	json_array_foreach(json_object_get(list, "items"), i, vmi)
		must_printf(&out, "%s=%lld ", text_of(vmi, "metadata", "name"), (long long)cid_of(vmi));
	return buf_steal(&out);
}

static void write_cid(struct client *c, const char *name, int cid)
{
	AUTO_BUF struct buf path;
	AUTO_BUF struct buf body;

	must_buf(&path);
	must_buf(&body);
	must_printf(&path, "/apisim/objects/virtualmachineinstances/default/%s", name);
	must_printf(&body,
		    "{\"apiVersion\":\"kubevirt.io/"
		    "v1\",\"kind\":\"VirtualMachineInstance\",\"metadata\":{\"name\":"
		    "\"%s\"},\"status\":{\"VSOCKCID\":%d}}",
		    name, cid);
	ck_assert_int_eq(status_of(call(c, "PUT", path.data, body.data)), 200);
}

START_TEST(each_page_of_a_list_shows_the_revision_of_the_first_whatever_is_written_between)
{
	static const char *const wanted[] = {"populated-000000=0 populated-000001=0 ",
					     "populated-000002=0 populated-000003=0 ", "populated-000004=0 "};
	struct client *c = given_client();
	AUTO_BUF struct buf path;
	json_t *list;

	must_buf(&path);
	populate(c, "&count=5");
	must_text(&path, ALL "?limit=2");
	for (int page = 0; page < 3; page++) {
		AUTO_FREE char *items = NULL;

		list = body_of(call(c, "GET", path.data, ""));
		items = items_of(list);
		ck_assert_str_eq(items, wanted[page]);
		buf_reset(&path);
		must_printf(&path, ALL "?limit=2&continue=%s", text_of(list, "metadata", "continue"));
		json_decref(list);
		write_cid(c, "populated-000003", 70 + page);
		write_cid(c, page == 0 ? "populated-000002a" : "populated-000004", 80 + page);
	}
	list = body_of(call(c, "GET", ALL "?fieldSelector=metadata.name=populated-000003", ""));
	ck_assert_int_eq(cid_of(json_array_get(json_object_get(list, "items"), 0)), 72);
	json_decref(list);
	done(c);
}
END_TEST

/* A second connection, which only waits for its end. */
struct listener {
	struct client *c;
	uv_tcp_t tcp;
	uv_connect_t connect;
	uv_write_t write;
	char room[4096];
	bool ended;
};

static void on_room(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	struct listener *l = handle->data;

	(void)suggested;
	*buf = uv_buf_init(l->room, sizeof(l->room));
}

static void on_heard(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct listener *l = stream->data;

	(void)buf;
	l->ended = l->ended || n < 0;
}

static void on_connect(uv_connect_t *connect, int status)
{
	static char request[] = "GET " ALL "?watch=1 HTTP/1.1\r\nConnection: close\r\n\r\n";
	struct listener *l = connect->data;
	uv_buf_t text = uv_buf_init(request, sizeof(request) - 1);

	ck_assert_int_eq(status, 0);
	ck_assert_int_eq(uv_read_start((uv_stream_t *)&l->tcp, on_room, on_heard), 0);
	ck_assert_int_eq(uv_write(&l->write, (uv_stream_t *)&l->tcp, &text, 1, NULL), 0);
}

static void given_watch(struct listener *l, struct client *c)
{
	struct sockaddr_in address;

	*l = (struct listener){.c = c};
	l->tcp.data = l->connect.data = l;
	ck_assert_int_eq(uv_tcp_init(&c->loop, &l->tcp), 0);
	ck_assert_int_eq(uv_ip4_addr("127.0.0.1", apisim_port(&c->sim), &address), 0);
	ck_assert_int_eq(uv_tcp_connect(&l->connect, &l->tcp, (const struct sockaddr *)&address, on_connect),
			 0);
	while (list_empty(&c->sim.watches))
		uv_run(&c->loop, UV_RUN_ONCE);
}

START_TEST(a_population_ends_watches_and_makes_older_revisions_expire)
{
	struct client *c = given_client();
	AUTO_BUF struct buf path;
	json_t *list;
	struct listener l;
	const char *answer;

	must_buf(&path);
	populate(c, "&count=2");
	list = body_of(call(c, "GET", ALL "?limit=1", ""));
	must_printf(&path, ALL "?watch=1&resourceVersion=%s", text_of(list, "metadata", "resourceVersion"));
	given_watch(&l, c);
	populate(c, "&count=2&first=2");
	while (!l.ended)
		uv_run(&c->loop, UV_RUN_ONCE);
	uv_close((uv_handle_t *)&l.tcp, NULL);
	answer = call(c, "GET", path.data, "");
	ck_assert_msg(strstr(answer, "\"code\":410") != NULL, "%.400s", answer);
	buf_reset(&path);
	must_printf(&path, ALL "?continue=%s", text_of(list, "metadata", "continue"));
	ck_assert_int_eq(status_of(call(c, "GET", path.data, "")), 410);
	json_decref(list);
	done(c);
}
END_TEST

static size_t occurrences(const struct buf *text, const char *what)
{
	const char *end = text->data + text->len;
	size_t count = 0;

	for (const char *at = text->data; at != NULL; count++) {
		at = memmem(at, (size_t)(end - at), what, strlen(what));
		if (at == NULL)
			break;
		at += strlen(what);
	}
	return count;
}

/* More than all buffers between the two take. */
START_TEST(initial_events_arrive_whole_however_many_they_are)
{
	struct client *c = given_client();

	populate(c, "&count=100000");
	connect_client(c, "GET " ALL "?watch=1&allowWatchBookmarks=true&sendInitialEvents=true&"
			  "resourceVersionMatch=NotOlderThan HTTP/1.1\r\n\r\n");
	for (size_t seen = 0; c->got.len < 200 || strstr(c->got.data + seen, "initial-events-end") == NULL;) {
		seen = c->got.len > 200 ? c->got.len - 200 : 0;
		uv_run(&c->loop, UV_RUN_ONCE);
	}
	ck_assert_uint_eq(occurrences(&c->got, "{\"type\":\"ADDED\""), 100000);
	ck_assert_uint_eq(occurrences(&c->got, "populated-099999\""), 2);
	ck_assert_uint_eq(occurrences(&c->got, "{\"type\":\"BOOKMARK\""), 1);
	uv_close((uv_handle_t *)&c->tcp, NULL);
	done(c);
}
END_TEST

static json_int_t churn_figure(struct client *c, const char *key)
{
	json_t *stats = body_of(call(c, "GET", "/apisim/stats?brief", ""));
	json_int_t value = json_integer_value(json_object_get(json_object_get(stats, "churn"), key));

	ck_assert_ptr_null(json_object_get(stats, "writes"));
	json_decref(stats);
	return value;
}

START_TEST(churn_changes_populated_objects_and_a_watch_sees_each_change)
{
	struct client *c = given_client();

	populate(c, "&count=50&cids=true");
	connect_client(c, "GET " ALL "?watch=1&resourceVersion=155 HTTP/1.1\r\n\r\n");
	while (list_empty(&c->sim.watches))
		uv_run(&c->loop, UV_RUN_ONCE);
	churn_start(&c->sim.churn, &resource_table[RESOURCE_VMI], 0, 20000);
	while (c->sim.churn.took_ms == 0 || c->sim.stats.events_sent < 20000)
		uv_run(&c->loop, UV_RUN_ONCE);
	for (int turns = 0; turns < 100; turns++)
		uv_run(&c->loop, UV_RUN_NOWAIT);
	ck_assert_uint_eq(occurrences(&c->got, "{\"type\":\"MODIFIED\""), 20000);
	ck_assert_ptr_nonnull(strstr(c->got.data, "\"resourceVersion\":\"20155\""));
	ck_assert_ptr_null(strstr(c->got.data, "\"resourceVersion\":\"20156\""));
	uv_close((uv_handle_t *)&c->tcp, NULL);
	uv_run(&c->loop, UV_RUN_NOWAIT);
	ck_assert_int_eq(churn_figure(c, "made"), 20000);
	ck_assert_int_eq(churn_figure(c, "left"), 0);
	done(c);
}
END_TEST

START_TEST(churn_has_a_rate_and_can_be_ended)
{
	struct client *c = given_client();
	json_int_t made;

	populate(c, "&count=5");
	ck_assert_int_eq(status_of(call(c, "POST", "/apisim/churn?resource=nothing&count=1", "")), 400);
	ck_assert_int_eq(
		status_of(call(c, "POST", "/apisim/churn?" VMI_RESOURCE "&count=1000000&rate=1000", "")),
		200);
	while (c->sim.churn.made < 50)
		uv_run(&c->loop, UV_RUN_ONCE);
	ck_assert_uint_le(c->sim.churn.made * 1000, (uv_now(&c->loop) - c->sim.churn.started_ms) * 1000);
	ck_assert_int_eq(status_of(call(c, "POST", "/apisim/churn?" VMI_RESOURCE "&count=0", "")), 200);
	made = churn_figure(c, "made");
	ck_assert_int_eq(made, 0);
	ck_assert_int_eq(churn_figure(c, "left"), 0);
	/* Nothing to change: it ends. */
	ck_assert_int_eq(status_of(call(c, "POST", "/apisim/churn?resource=kubevirts&count=5", "")), 200);
	while (c->sim.churn.left > 0)
		uv_run(&c->loop, UV_RUN_ONCE);
	ck_assert_uint_eq(c->sim.churn.made, 0);
	done(c);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		populated_objects_are_sorted_and_each_has_its_own_name_uid_revision_and_cid,
		a_populated_object_can_be_patched_and_keeps_what_is_its_own,
		a_population_that_makes_no_sense_is_refused_and_changes_nothing,
		each_page_of_a_list_shows_the_revision_of_the_first_whatever_is_written_between,
		a_population_ends_watches_and_makes_older_revisions_expire,
		initial_events_arrive_whole_however_many_they_are,
		churn_changes_populated_objects_and_a_watch_sees_each_change,
		churn_has_a_rate_and_can_be_ended,
	};

	return suite_run("apisim_populate", tests, ARRAY_LEN(tests));
}
