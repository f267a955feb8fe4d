#include "sim/whole/letter.h"

#include <stdio.h>
#include <string.h>

#include "apisim/must.h"
#include "apisim/tree.h"
#include "sim/whole/auditor.h"

static bool starts_with(const char *text, const char *start)
{
	return strncmp(text, start, strlen(start)) == 0;
}

/* What the tests of a JSON patch so far make sure of. */
struct guard {
	bool uid;
	bool phase;
	bool cid;
	bool no_status;
};

static void read_test(struct tree *t, const struct node *op, struct guard *guard, struct letter *letter)
{
	const struct node *path = node_get(op, "path");
	const struct node *value = node_get(op, "value");

	if (node_is(t, path, "/metadata/uid") && node_str(t, value, NULL) != NULL) {
		(void)snprintf(letter->uid, sizeof(letter->uid), "%s", node_str(t, value, NULL));
		guard->uid = true;
	}
	guard->phase = guard->phase || node_is(t, path, "/status/phase");
	guard->cid = guard->cid || node_is(t, path, "/status/VSOCKCID");
	guard->no_status = guard->no_status ||
			   (node_is(t, path, "/status") && value != NULL && value->kind == NODE_NULL);
}

/* False where it adds something else. */
static bool read_add(struct tree *t, const struct node *op, const struct guard *guard, struct letter *letter)
{
	const struct node *path = node_get(op, "path");
	const struct node *value = node_get(op, "value");
	int64_t cid;

	if (node_is(t, path, "/status") && node_to_int(node_get(value, "VSOCKCID"), &cid))
		letter->guarded = guard->uid && guard->no_status && value->count == 1;
	else if (node_is(t, path, "/status/VSOCKCID") && node_to_int(value, &cid))
		letter->guarded = guard->uid && guard->phase && guard->cid;
	else
		return false;
	letter->cid = (uint32_t)cid;
	return true;
}

/* A JSON patch: tests, then the one thing that it does. */
static void read_patch(struct tree *t, const struct node *root, struct letter *letter)
{
	struct guard guard = {0};
	bool sound = root != NULL && root->kind == NODE_ARRAY && root->count > 0;

	for (uint32_t i = 0; sound && i < root->count; i++) {
		const struct node *op = root->items[i];

		if (node_is(t, node_get(op, "op"), "test"))
			read_test(t, op, &guard, letter);
		else
			sound = i == root->count - 1 && node_is(t, node_get(op, "op"), "add") &&
				read_add(t, op, &guard, letter);
	}
	letter->guarded = letter->guarded && sound;
}

static void read_claim(struct tree *t, const struct node *root, const char *identity, struct letter *letter)
{
	const struct node *spec = node_get(root, "spec");
	const struct node *holder = node_get(spec, "holderIdentity");
	int64_t term = 0;

	letter->claims = node_is(t, holder, identity);
	letter->frees = holder == NULL || holder->kind == NODE_NULL || node_is(t, holder, "");
	(void)node_to_int(node_get(spec, "leaseTransitions"), &term);
	letter->term = (uint32_t)term;
}

static void read_body(const struct posted *r, const char *identity, struct letter *letter)
{
	struct tree t;
	struct node *root;

	tree_init(&t);
	root = tree_parse(&t, r->body, r->body_len);
	if (letter->kind == LETTER_VMI)
		read_patch(&t, root, letter);
	else if (letter->kind == LETTER_LEASE)
		read_claim(&t, root, identity, letter);
	tree_free(&t);
}

/* One object, as the question how far the server has come asks for it. */
static bool is_cut_short(const char *path)
{
	const char *limit = strstr(path, "limit=1");

	return limit != NULL && (limit[7] == '\0' || limit[7] == '&');
}

/* I3: a list with a resourceVersion may be of any age. */
static void read_query(const struct posted *r, struct letter *letter)
{
	const char *vmis = strstr(r->path, "/virtualmachineinstances?");
	bool consistent = strstr(r->path, "resourceVersion=") == NULL;

	letter->shows_vmi = strstr(r->path, "/virtualmachineinstances/") != NULL;
	letter->watches = strstr(r->path, "watch=1") != NULL;
	letter->shows_vmis = vmis != NULL && !is_cut_short(vmis);
	letter->streams = strstr(r->path, "sendInitialEvents=true") != NULL;
	letter->lists_vmis = letter->shows_vmis && (!letter->watches || letter->streams) && consistent;
	letter->lists_crs = consistent && (strstr(r->path, "/kubevirts?limit=") != NULL ||
					   (strstr(r->path, "/kubevirts?") != NULL && letter->streams));
}

void letter_read(struct letter *letter, const struct posted *r, const char *identity)
{
	letter->custom = starts_with(r->path, "/apis/kubevirt.io");
	letter->about_lease = strstr(r->path, "/leases/") != NULL;
	letter->shows_lease = letter->about_lease || strstr(r->path, "/leases?") != NULL;
	letter->repeatable = strcmp(r->method, "POST") != 0;
	if (strcmp(r->method, "GET") == 0)
		letter->kind = LETTER_READ;
	else if (strstr(r->path, "/virtualmachineinstances") != NULL)
		letter->kind = LETTER_VMI;
	else if (strstr(r->path, "/leases") != NULL)
		letter->kind = LETTER_LEASE;
	else
		letter->kind = LETTER_OTHER;
	if (letter->kind != LETTER_READ)
		read_body(r, identity, letter);
	else
		read_query(r, letter);
}
