#include "demo/witness.h"

#include <stdio.h>
#include <string.h>

#include "support/api_vmi.h"

void witness_init(struct witness *w)
{
	*w = (struct witness){.cid_of = json_object(), .uid_of = json_object()};
}

void witness_close(struct witness *w)
{
	json_decref(w->cid_of);
	json_decref(w->uid_of);
}

static void look_at(struct witness *w, const char *uid, long long cid)
{
	json_t *before = json_object_get(w->cid_of, uid);
	json_t *owner;
	char key[32];

	if (before != NULL && json_integer_value(before) != cid)
		w->changed++;
	if (cid < 0)
		return;
	(void)snprintf(key, sizeof(key), "%lld", cid);
	owner = json_object_get(w->uid_of, key);
	if (owner != NULL && strcmp(json_string_value(owner), uid) != 0)
		w->reused++;
	json_object_set_new(w->cid_of, uid, json_integer(cid));
	json_object_set_new(w->uid_of, key, json_string(uid));
}

void witness_look(struct witness *w, const json_t *items)
{
	for (size_t i = 0; i < json_array_size(items); i++) {
		const json_t *vmi = json_array_get(items, i);

		look_at(w, api_text(vmi, "metadata.uid"), api_vmi_cid(vmi));
	}
}
