/* /apisim/...: what the real server does not have. faults.md has the list. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apisim/draft.h"
#include "apisim/handlers.h"
#include "apisim/list_options.h"
#include "apisim/metadata.h"
#include "apisim/must.h"
#include "apisim/watch.h"

#define RV_MARK "@RV@" /* in a raw object: becomes its revision */

static bool is(const struct exchange *x, const char *method, const char *path)
{
	return strcmp(x->request->method, method) == 0 && strcmp(x->route.admin, path) == 0;
}

static void ok(struct exchange *x)
{
	must_text(&x->response.body, "{}\n");
}

uint64_t handle_admin_number(const struct exchange *x, const char *key, uint64_t otherwise)
{
	uint64_t value;

	return list_options_parse_rv(query_text(&x->request->query, key), &value) ? value : otherwise;
}

static const struct resource *named_resource(struct exchange *x, const char *plural)
{
	for (size_t i = 0; i < RESOURCE_COUNT; i++)
		if (strcmp(resource_table[i].plural, plural) == 0)
			return &resource_table[i];
	status_bad_request(&x->response, "no such resource: \"%s\"", plural);
	return NULL;
}

const struct resource *handle_admin_resource(struct exchange *x)
{
	return named_resource(x, query_text(&x->request->query, "resource"));
}

/* --- faults and counters --- */

static void write_stats(struct exchange *x)
{
	struct buf *out = &x->response.body;
	const struct apisim *s = x->sim;
	size_t watches = 0;

	list_for_each (it, &s->watches)
		watches++;
	must_text(out, "{");
	stats_write(&s->stats, query_get(&x->request->query, "brief") == NULL, out);
	must_printf(
		out,
		",\"revision\":%llu,\"faultsApplied\":%llu,\"watches\":%zu,\"connections\":%zu,\"objects\":{",
		(unsigned long long)s->store.revision, (unsigned long long)s->faults.applied, watches,
		s->http.open_conns);
	for (size_t i = 0; i < RESOURCE_COUNT; i++)
		must_printf(out, "%s\"%s\":%zu", i > 0 ? "," : "", resource_table[i].plural,
			    s->store.collections[i].objects.count);
	must_text(out, "},\"churn\":");
	churn_write(&s->churn, out);
	must_text(out, ",\"faults\":");
	faults_write(&s->faults, out);
	must_text(out, "}\n");
}

/* One rule, an array of rules, or {"seed":N,"rules":[...]}. */
static void add_faults(struct exchange *x)
{
	struct faults *f = &x->sim->faults;
	struct tree t;
	struct buf why;
	struct buf ids;
	struct node *root;
	const struct node *rules;
	int64_t seed;

	tree_init(&t);
	must_buf(&why);
	must_buf(&ids);
	root = tree_parse(&t, buf_str(&x->request->body), x->request->body.len);
	if (root == NULL)
		must_text(&why, t.error);
	if (node_to_int(node_get(root, "seed"), &seed))
		faults_seed(f, (uint64_t)seed);
	rules = node_get(root, "rules") != NULL ? node_get(root, "rules") : root;
	for (uint32_t i = 0; root != NULL && why.len == 0; i++) {
		const struct node *rule = rules->kind != NODE_ARRAY ? rules
					  : i < rules->count        ? rules->items[i]
								    : NULL;
		uint64_t id = rule != NULL ? faults_add(f, &t, rule, &why) : 0;

		if (id != 0)
			must_printf(&ids, "%s%llu", i > 0 ? "," : "", (unsigned long long)id);
		if (rule == NULL || rules->kind != NODE_ARRAY)
			break;
	}
	if (why.len > 0)
		status_bad_request(&x->response, "%s", why.data);
	else
		must_printf(&x->response.body, "{\"ids\":[%s]}\n", buf_str(&ids));
	buf_free(&ids);
	buf_free(&why);
	tree_free(&t);
}

/* --- watches --- */

static void close_watches(struct exchange *x)
{
	bool abrupt = query_true(&x->request->query, "abrupt");

	list_for_each_safe (it, &x->sim->watches) {
		struct watch *w = container_of(it, struct watch, link);

		if (abrupt)
			http_conn_close(w->x->conn);
		else
			watch_end(w);
	}
	ok(x);
}

void handle_admin_end_watches(struct exchange *x, const struct resource *r)
{
	list_for_each_safe (it, &x->sim->watches) {
		struct watch *w = container_of(it, struct watch, link);

		if (w->from->resource == r)
			watch_end(w);
	}
}

/* The body goes to all watches of a resource as it is. */
static void inject(struct exchange *x)
{
	const struct resource *r = handle_admin_resource(x);
	const struct buf *body = &x->request->body;
	size_t told = 0;

	if (r == NULL)
		return;
	list_for_each_safe (it, &x->sim->watches) {
		struct watch *w = container_of(it, struct watch, link);

		if (w->from->resource != r)
			continue;
		watch_inject(w, buf_str(body), body->len);
		told++;
	}
	must_printf(&x->response.body, "{\"watches\":%zu}\n", told);
}

/* --- objects --- */

static void start_churn(struct exchange *x)
{
	const struct resource *r = handle_admin_resource(x);

	if (r == NULL)
		return;
	churn_start(&x->sim->churn, r, handle_admin_number(x, "rate", 0), handle_admin_number(x, "count", 0));
	ok(x);
}

static void replace_mark(const struct buf *body, uint64_t rv, struct buf *out)
{
	const char *at = buf_str(body);
	const char *end = at + body->len;

	for (;;) {
		const char *mark = memmem(at, (size_t)(end - at), RV_MARK, strlen(RV_MARK));

		must_add(out, at, (size_t)((mark != NULL ? mark : end) - at));
		if (mark == NULL)
			return;
		must_number(out, rv);
		at = mark + strlen(RV_MARK);
	}
}

/* objects/PLURAL/NAMESPACE/NAME, cut at its slashes. False and an answer where it is wrong. */
static bool object_path(struct exchange *x, char *path, const struct resource **r, char **namespace,
			char **name)
{
	char *slash = strchr(path, '/');

	*namespace = NULL;
	*name = NULL;
	if (slash != NULL) {
		*slash = '\0';
		*namespace = slash + 1;
		*name = strchr(*namespace, '/');
	}
	if (*name == NULL || strchr(*name + 1, '/') != NULL || strlen(*namespace) > 600) {
		status_bad_request(&x->response, "wanted /apisim/objects/RESOURCE/NAMESPACE/NAME");
		return false;
	}
	**name = '\0';
	(*name)++;
	*r = named_resource(x, path);
	return *r != NULL;
}

/* Stores the body as it is: whatever the validation would refuse. */
static void put_raw(struct exchange *x, const struct resource *r, const char *namespace, const char *name)
{
	struct store *s = &x->sim->store;
	uint64_t rv = store_next_revision(s);
	const char *uid = query_text(&x->request->query, "uid");
	const struct object *old = store_get(s, r, namespace, name);
	char new_uid[DRAFT_UID_SIZE];
	struct buf text;

	draft_uid(&x->sim->rng, new_uid);
	if (uid[0] == '\0')
		uid = old != NULL ? old->uid : new_uid;
	must_buf(&text);
	replace_mark(&x->request->body, rv, &text);
	store_put(s,
		  object_new_raw(r, r->namespaced ? namespace : "", name, uid, rv, buf_str(&text), text.len));
	buf_free(&text);
	must_printf(&x->response.body, "{\"resourceVersion\":\"%llu\"}\n", (unsigned long long)rv);
}

static void handle_object(struct exchange *x)
{
	AUTO_FREE char *path =
		must_copy(x->route.admin + strlen("objects/"), strlen(x->route.admin) - strlen("objects/"));
	struct store *s = &x->sim->store;
	const struct resource *r;
	char *namespace;
	char *name;
	struct object *o;

	if (!object_path(x, path, &r, &namespace, &name))
		return;
	if (strcmp(x->request->method, "PUT") == 0) {
		put_raw(x, r, namespace, name);
		return;
	}
	o = store_get(s, r, namespace, name);
	if (o == NULL) {
		status_not_found(&x->response, r, name);
		return;
	}
	store_remove(s, object_at_rv(o, store_next_revision(s)));
	ok(x);
}

static void set_crd(struct exchange *x)
{
	const struct resource *r = handle_admin_resource(x);

	if (r == NULL)
		return;
	store_set_present(&x->sim->store, r, query_true(&x->request->query, "present"));
	handle_admin_end_watches(x, r);
	ok(x);
}

/* The state of an older revision comes back, as after a restore of etcd: revisions are used twice. */
static void roll_back(struct exchange *x)
{
	if (store_roll_back(&x->sim->store, handle_admin_number(x, "to", 0)) != 0) {
		status_bad_request(&x->response, "no such revision, or compacted");
		return;
	}
	http_server_drop_all(&x->sim->http);
}

void handle_admin(struct exchange *x)
{
	struct apisim *s = x->sim;

	if (is(x, "GET", "stats")) {
		write_stats(x);
	} else if (is(x, "DELETE", "stats")) {
		stats_reset(&s->stats);
		ok(x);
	} else if (is(x, "POST", "faults")) {
		add_faults(x);
	} else if (is(x, "GET", "faults")) {
		faults_write(&s->faults, &x->response.body);
		must_text(&x->response.body, "\n");
	} else if (is(x, "DELETE", "faults")) {
		faults_clear(&s->faults);
		ok(x);
	} else if (is(x, "POST", "compact")) {
		store_compact(&s->store);
		ok(x);
	} else if (is(x, "POST", "watches/close")) {
		close_watches(x);
	} else if (is(x, "POST", "watches/inject")) {
		inject(x);
	} else if (is(x, "POST", "populate")) {
		handle_populate(x);
	} else if (is(x, "POST", "churn")) {
		start_churn(x);
	} else if (is(x, "POST", "crds")) {
		set_crd(x);
	} else if (is(x, "POST", "revision")) {
		store_skip_revision(&s->store, handle_admin_number(x, "skip", 1));
		ok(x);
	} else if (is(x, "POST", "rollback")) {
		roll_back(x);
	} else if (is(x, "POST", "restart")) {
		http_server_pause(&s->http, handle_admin_number(x, "ms", 0));
	} else if (strncmp(x->route.admin, "objects/", 8) == 0 &&
		   (strcmp(x->request->method, "PUT") == 0 || strcmp(x->request->method, "DELETE") == 0)) {
		handle_object(x);
	} else {
		status_answer(&x->response, 404, "NotFound", "no such admin call, see faults.md", NULL);
	}
}
