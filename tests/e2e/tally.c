#include "e2e/tally.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/macros.h"
#include "support/api_vmi.h"

static bool is_one_of(const char *text, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(text, names[i]) == 0)
			return true;
	return false;
}

bool tally_has_started(const json_t *vmi)
{
	static const char *const early[] = {"", "Pending", "Scheduling", "WaitingForSync"};
	const json_t *stamps = api_member(vmi, "status.phaseTransitionTimestamps");

	for (size_t i = 0; i < json_array_size(stamps); i++)
		if (strcmp(api_text(json_array_get(stamps, i), "phase"), "Scheduled") == 0)
			return true;
	return !is_one_of(api_text(vmi, "status.phase"), early, ARRAY_LEN(early));
}

/* Over, or on its way out: nobody gives it anything any more. */
static bool has_ended(const json_t *vmi)
{
	static const char *const final[] = {"Succeeded", "Failed"};

	return is_one_of(api_text(vmi, "status.phase"), final, ARRAY_LEN(final)) ||
	       api_member(vmi, "metadata.deletionTimestamp") != NULL;
}

/* api_vmi_cid() gives 0 for what is no CID. */
static bool is_usable(long long cid)
{
	return cid > 2 && cid < UINT32_MAX;
}

static void report(struct tally *t, const char *finding, const json_t *vmi)
{
	json_t *cid = api_member(vmi, "status.VSOCKCID");
	json_t *entry = json_pack("{s:s, s:s, s:s, s:O}", "finding", finding, "namespace",
				  api_text(vmi, "metadata.namespace"), "name", api_text(vmi, "metadata.name"),
				  "cid", cid != NULL ? cid : json_null());

	json_array_append_new(t->findings, entry);
}

/* @shown: key is the CID, value an array of the VMIs that show it. */
static void count_cid(struct tally *t, const json_t *vmi, const json_t *cid, json_t *shown,
		      struct tally_range range)
{
	char key[32];
	json_t *owners;

	if (json_is_integer(cid)) {
		(void)snprintf(key, sizeof(key), "%lld", json_integer_value(cid));
		owners = json_object_get(shown, key);
		if (owners == NULL) {
			owners = json_array();
			json_object_set_new(shown, key, owners);
		}
		json_array_append(owners, (json_t *)(uintptr_t)vmi);
	}
	if (!is_usable(api_vmi_cid(vmi))) {
		t->invalid++;
		report(t, "invalid", vmi);
	} else if (api_vmi_cid(vmi) < range.min || api_vmi_cid(vmi) > range.max) {
		t->outside++;
		report(t, "outside the range", vmi);
	} else if (api_vmi_wants_vsock(vmi)) {
		t->have++;
	}
}

static void count_vmi(struct tally *t, const json_t *vmi, json_t *shown, struct tally_range range)
{
	const json_t *cid = api_member(vmi, "status.VSOCKCID");
	bool absent = cid == NULL || json_is_null(cid);
	bool wants = api_vmi_wants_vsock(vmi);

	t->vmis++;
	t->wants += wants;
	if (!absent) {
		count_cid(t, vmi, cid, shown, range);
	} else if (wants && !has_ended(vmi)) {
		bool late = tally_has_started(vmi);

		t->missed += late;
		t->missing += !late;
		report(t, late ? "missed" : "missing", vmi);
	}
}

int tally_count(struct tally *t, const json_t *items, struct tally_range range)
{
	json_t *shown = json_object();
	const char *key;
	json_t *owners;

	*t = (struct tally){.findings = json_array()};
	for (size_t i = 0; i < json_array_size(items); i++)
		count_vmi(t, json_array_get(items, i), shown, range);
	json_object_foreach(shown, key, owners)
	{
		t->cids++;
		t->duplicates += json_array_size(owners) > 1;
		for (size_t i = 0; json_array_size(owners) > 1 && i < json_array_size(owners); i++)
			report(t, "duplicate", json_array_get(owners, i));
	}
	json_decref(shown);
	return t->findings != NULL ? 0 : -ENOMEM;
}

void tally_free(struct tally *t)
{
	json_decref(t->findings);
	t->findings = NULL;
}

bool tally_is_clean(const struct tally *t)
{
	return t->missing == 0 && t->duplicates == 0 && t->invalid == 0 && t->outside == 0;
}
