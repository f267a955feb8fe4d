/* vmis: makes, moves, lists and removes VMIs by ordinary API calls, many at once, for the scripts here. */
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "e2e/tally.h"
#include "support/api_vmi.h"

#define EXIT_USAGE 2

/* What fails because the server is away is tried again for so long. */
#define PATIENCE_MS 120000
#define PAUSE_MS    200

static const char usage[] =
	"usage: vmis COMMAND (the server is $KUBECONFIG's)\n\n"
	"  create [OPTION]... PREFIX COUNT NAMESPACE...   PREFIX-1, PREFIX-2 ..., by turns in these "
	"namespaces\n"
	"      --in-flight N    requests at a time (default 16)\n"
	"      --no-vsock       they do not ask for vsock\n"
	"      --phase PHASE    with this status.phase\n"
	"      --cid JSON       with this status.VSOCKCID\n"
	"      --large          about 6 KB each\n"
	"  delete [--in-flight N] PREFIX...               all whose name begins so (\"\": all)\n"
	"  phase [--in-flight N] PHASE PREFIX...          sets status.phase of them\n"
	"  patch [--in-flight N] JSON PREFIX...           merges JSON into them\n"
	"  list                                           namespace name uid wants phase cid, a line each\n"
	"  call METHOD PATH [CONTENT-TYPE [BODY]]         one request; prints the body, fails where not "
	"2xx\n";

struct request {
	size_t in_flight;
	bool no_vsock;
	bool large;
	const char *phase;
	const char *cid;
	struct api *api;
	char **args; /* behind the options */
	size_t args_len;
};

static bool fail(const struct error *err)
{
	(void)fprintf(stderr, "vmis: %s\n", err->message);
	return false;
}

/* ---- many calls ---- */

struct calls {
	struct api_call *list;
	size_t len;
};

static void calls_add(struct calls *c, const char *method, char *path, const char *content_type, char *body)
{
	c->list = reallocarray(c->list, c->len + 1, sizeof(*c->list));
	if (c->list == NULL)
		abort();
	c->list[c->len++] =
		(struct api_call){.method = method, .path = path, .content_type = content_type, .body = body};
}

static void calls_free(struct calls *c)
{
	for (size_t i = 0; i < c->len; i++) {
		api_answer_free(&c->list[i].answer);
		free((char *)(uintptr_t)c->list[i].path);
		free((char *)(uintptr_t)c->list[i].body);
	}
	free(c->list);
}

/* No answer, or one that asks for patience: the server is stopping or starting. */
static bool is_to_be_repeated(const struct api_call *call)
{
	return call->answer.status == 0 || call->answer.status == 429 || call->answer.status >= 500;
}

/* Done already: a call whose answer was lost, repeated. */
static bool has_done_its_work(const struct api_call *call)
{
	long status = call->answer.status;

	return (status >= 200 && status < 300) || (status == 409 && strcmp(call->method, "POST") == 0) ||
	       (status == 404 && strcmp(call->method, "POST") != 0);
}

/* Puts what has to be repeated to the front and forgets the rest. False: one of them was refused. */
static bool keep_failed(struct calls *c)
{
	size_t kept = 0;
	bool good = true;

	for (size_t i = 0; i < c->len; i++) {
		struct api_call call = c->list[i];
		bool repeat = is_to_be_repeated(&call);

		if (!repeat && !has_done_its_work(&call)) {
			(void)fprintf(stderr, "vmis: %s %s: %ld %s\n", call.method, call.path,
				      call.answer.status, api_text(call.answer.body, "message"));
			good = false;
		}
		if (repeat) {
			api_answer_free(&call.answer);
			call.done = false;
			c->list[i] = c->list[kept];
			c->list[kept++] = call;
		}
	}
	for (size_t i = kept; i < c->len; i++) {
		api_answer_free(&c->list[i].answer);
		free((char *)(uintptr_t)c->list[i].path);
		free((char *)(uintptr_t)c->list[i].body);
	}
	c->len = kept;
	return good;
}

static bool calls_run(struct calls *c, const struct request *r)
{
	uint64_t end_ms = clock_boot_ms() + PATIENCE_MS;
	struct error err = {0};

	while (c->len > 0) {
		if (api_parallel(r->api, c->list, c->len, r->in_flight, &err) != 0)
			return fail(&err);
		if (!keep_failed(c))
			return false;
		if (c->len > 0 && clock_boot_ms() > end_ms) {
			(void)fprintf(stderr, "vmis: %zu requests find no server\n", c->len);
			return false;
		}
		if (c->len > 0)
			poll(NULL, 0, PAUSE_MS);
	}
	return true;
}

/* ---- commands ---- */

static bool add_status(const struct request *r, json_t *vmi)
{
	json_t *status = json_object_get(vmi, "status");
	json_t *cid = NULL;

	if (r->cid != NULL) {
		cid = json_loads(r->cid, JSON_DECODE_ANY, NULL);
		if (cid == NULL) {
			(void)fprintf(stderr, "vmis: not JSON: %s\n", r->cid);
			return false;
		}
	}
	if (status == NULL && (cid != NULL || r->phase != NULL)) {
		status = json_object();
		json_object_set_new(vmi, "status", status);
	}
	if (cid != NULL)
		json_object_set_new(status, "VSOCKCID", cid);
	if (r->phase != NULL)
		json_object_set_new(status, "phase", json_string(r->phase));
	return true;
}

static bool command_create(struct request *r)
{
	struct calls calls = {0};
	bool good = r->args_len >= 3;
	size_t count = good ? strtoul(r->args[1], NULL, 10) : 0;

	if (!good)
		(void)fputs(usage, stderr);
	for (size_t i = 0; i < count && good; i++) {
		const char *ns = r->args[2 + i % (r->args_len - 2)];
		char name[128];
		json_t *vmi;

		(void)snprintf(name, sizeof(name), "%s-%zu", r->args[0], i + 1);
		vmi = r->large ? api_vmi_new_large(ns, name, !r->no_vsock)
			       : api_vmi_new(ns, name, !r->no_vsock);
		good = add_status(r, vmi);
		calls_add(&calls, "POST", api_vmi_path(ns, NULL), NULL, json_dumps(vmi, JSON_COMPACT));
		json_decref(vmi);
	}
	good = good && calls_run(&calls, r);
	calls_free(&calls);
	return good;
}

static bool has_prefix(const struct request *r, size_t first_prefix, const json_t *vmi)
{
	const char *name = api_text(vmi, "metadata.name");

	for (size_t i = first_prefix; i < r->args_len; i++)
		if (strncmp(name, r->args[i], strlen(r->args[i])) == 0)
			return true;
	return false;
}

/* One call for each VMI whose name begins with one of the arguments from @first_prefix on. */
static bool call_each(struct request *r, size_t first_prefix, const char *method, const char *body)
{
	struct calls calls = {0};
	struct error err = {0};
	json_t *items;
	bool good;

	if (r->args_len <= first_prefix) {
		(void)fputs(usage, stderr);
		return false;
	}
	if (api_vmi_list(r->api, &items, &err) != 0)
		return fail(&err);
	for (size_t i = 0; i < json_array_size(items); i++) {
		const json_t *vmi = json_array_get(items, i);

		if (has_prefix(r, first_prefix, vmi))
			calls_add(&calls, method,
				  api_vmi_path(api_text(vmi, "metadata.namespace"),
					       api_text(vmi, "metadata.name")),
				  body != NULL ? API_MERGE_PATCH : NULL, body != NULL ? strdup(body) : NULL);
	}
	json_decref(items);
	good = calls_run(&calls, r);
	calls_free(&calls);
	return good;
}

static bool command_delete(struct request *r)
{
	return call_each(r, 0, "DELETE", NULL);
}

static bool command_phase(struct request *r)
{
	AUTO_FREE char *body = NULL;

	if (r->args_len < 1 || asprintf(&body, "{\"status\":{\"phase\":\"%s\"}}", r->args[0]) < 0)
		body = NULL;
	return call_each(r, 1, "PATCH", body);
}

static bool command_patch(struct request *r)
{
	return call_each(r, 1, "PATCH", r->args_len > 0 ? r->args[0] : NULL);
}

static bool command_list(struct request *r)
{
	struct error err = {0};
	json_t *items;

	if (api_vmi_list(r->api, &items, &err) != 0)
		return fail(&err);
	for (size_t i = 0; i < json_array_size(items); i++) {
		const json_t *vmi = json_array_get(items, i);
		const char *phase = api_text(vmi, "status.phase");
		json_t *cid = api_member(vmi, "status.VSOCKCID");
		char *text = json_dumps(cid, JSON_ENCODE_ANY);

		printf("%s %s %s %s %s %s\n", api_text(vmi, "metadata.namespace"),
		       api_text(vmi, "metadata.name"), api_text(vmi, "metadata.uid"),
		       api_vmi_wants_vsock(vmi) ? "yes" : "no", phase[0] != '\0' ? phase : "-",
		       text != NULL ? text : "-");
		free(text);
	}
	json_decref(items);
	return true;
}

static bool command_call(struct request *r)
{
	AUTO_API_ANSWER struct api_answer answer;
	struct error err = {0};

	if (r->args_len < 2 || r->args_len > 4) {
		(void)fputs(usage, stderr);
		return false;
	}
	if (api_request_text(r->api, r->args[0], r->args[1], r->args_len > 2 ? r->args[2] : NULL,
			     r->args_len > 3 ? r->args[3] : NULL, &answer, &err) != 0)
		return fail(&err);
	if (answer.body != NULL) {
		(void)json_dumpf(answer.body, stdout, JSON_ENCODE_ANY | JSON_COMPACT);
		(void)putchar('\n');
	}
	if (answer.status >= 200 && answer.status < 300)
		return true;
	(void)fprintf(stderr, "vmis: %s %s: %ld\n", r->args[0], r->args[1], answer.status);
	return false;
}

static const struct {
	const char *name;
	bool (*run)(struct request *r);
} commands[] = {
	{"create", command_create}, {"delete", command_delete}, {"phase", command_phase},
	{"patch", command_patch},   {"list", command_list},     {"call", command_call},
};

/* ---- the command line ---- */

static bool read_options(struct request *r, int argc, char **argv)
{
	static const struct option table[] = {
		{"in-flight", required_argument, NULL, 'i'}, {"no-vsock", no_argument, NULL, 'n'},
		{"phase", required_argument, NULL, 'p'},     {"cid", required_argument, NULL, 'c'},
		{"large", no_argument, NULL, 'l'},           {NULL, 0, NULL, 0},
	};
	int c;

	*r = (struct request){.in_flight = 16};
	while ((c = getopt_long(argc, argv, "+", table, NULL)) != -1) {
		if (c == 'i')
			r->in_flight = strtoul(optarg, NULL, 10);
		else if (c == 'n')
			r->no_vsock = true;
		else if (c == 'p')
			r->phase = optarg;
		else if (c == 'c')
			r->cid = optarg;
		else if (c == 'l')
			r->large = true;
		else
			return false;
	}
	r->args = argv + optind;
	r->args_len = (size_t)(argc - optind);
	return r->in_flight > 0;
}

int main(int argc, char **argv)
{
	struct error err = {0};
	struct request r;
	bool good = false;
	size_t which = 0;

	while (argc > 1 && which < ARRAY_LEN(commands) && strcmp(commands[which].name, argv[1]) != 0)
		which++;
	if (argc < 2 || which == ARRAY_LEN(commands) || !read_options(&r, argc - 1, argv + 1)) {
		(void)fputs(usage, stderr);
		return EXIT_USAGE;
	}
	if (api_open(&r.api, NULL, &err) == 0) {
		good = commands[which].run(&r);
		api_close(r.api);
	} else {
		(void)fail(&err);
	}
	return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
