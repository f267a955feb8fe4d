#include "apisim/merge_patch.h"

static void prune_nulls(struct node *n)
{
	uint32_t kept = 0;

	if (n->kind == NODE_ARRAY) {
		for (uint32_t i = 0; i < n->count; i++)
			prune_nulls(n->items[i]);
		return;
	}
	if (n->kind != NODE_OBJECT)
		return;
	for (uint32_t i = 0; i < n->count; i++) {
		if (n->members[i].value->kind == NODE_NULL)
			continue;
		prune_nulls(n->members[i].value);
		n->members[kept++] = n->members[i];
	}
	n->count = kept;
}

void merge_patch_apply(struct tree *t, struct node *doc, struct node *patch)
{
	for (uint32_t i = 0; i < patch->count; i++) {
		struct member *m = &patch->members[i];
		struct node *old = node_find(doc, m->key, m->len);

		if (m->value->kind == NODE_NULL) {
			(void)node_drop(doc, m->key, m->len);
			continue;
		}
		if (old != NULL && old->kind == NODE_OBJECT && m->value->kind == NODE_OBJECT) {
			merge_patch_apply(t, old, m->value);
			continue;
		}
		if (old == NULL || old->kind != NODE_OBJECT)
			prune_nulls(m->value);
		node_put(t, doc, m->key, m->len, m->value);
	}
}
