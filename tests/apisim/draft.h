/**
 * draft: an object on its way into the store: parsed from a request, checked, completed, committed.
 *
 * Each step returns false where it has put the answer into x->response. Messages and their order are those of
 * kube-apiserver.
 */
#ifndef APISIM_DRAFT_H
#define APISIM_DRAFT_H

#include "apisim/exchange.h"
#include "apisim/tree.h"

struct draft {
	struct exchange *x;
	const struct resource *resource;
	struct tree tree;
	struct node *root;  /* the new object */
	struct node *meta;  /* its metadata */
	struct object *old; /* what is stored, a reference; NULL on creation */
	struct buf old_text;
	struct node *old_root, *old_meta;
	bool dry_run;
	bool patched; /* the object comes from a patch: other words, 422 instead of 400 */
};

void draft_init(struct draft *d, struct exchange *x);
void draft_free(struct draft *d);

/** Content type, dryRun and the like. */
bool draft_read_options(struct draft *d, const char *kind);

/** Parses the body: JSON, kind and apiVersion. */
bool draft_parse(struct draft *d);

/** The types of metadata and of built-in objects; then drops what the server does not keep. */
bool draft_decode(struct draft *d);

/** The namespace of the object is that of the path, and is filled in. */
bool draft_check_namespace(struct draft *d);

/** Like draft_check_namespace(), for the name, which must be there. */
bool draft_check_name(struct draft *d);

/** The namespace exists and takes new objects. */
bool draft_admit(struct draft *d);

/** Takes a reference to what is stored under @name and parses it. False where there is nothing (no answer).
 */
bool draft_load(struct draft *d, const char *name);

/** Creates: sets the system's fields, validates, commits, answers 201. */
void draft_create(struct draft *d);

/** Updates the loaded object with d->root: preconditions, immutable fields, validation, commit, answer. */
void draft_update(struct draft *d);

/** Answers with @o. */
void draft_answer(struct draft *d, int code, const struct object *o);

/** A new object from d->root with the next revision. */
struct object *draft_object(struct draft *d, uint64_t rv, const char *name);

/** A random uid. */
#define DRAFT_UID_SIZE 37
void draft_uid(struct rng *rng, char out[static DRAFT_UID_SIZE]);

#endif
