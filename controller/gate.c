#include "controller/gate.h"

#include <string.h>

#include "base/macros.h"
#include "controller/kubevirt_version.h"

void gate_init(struct gate *g, enum gate_override override)
{
	*g = (struct gate){.override = override};
}

static struct gate_cr *find(struct gate *g, const struct kubevirt *cr)
{
	for (size_t i = 0; i < g->count; i++)
		if (strcmp(g->crs[i].cr.namespace, cr->namespace) == 0 &&
		    strcmp(g->crs[i].cr.name, cr->name) == 0)
			return &g->crs[i];
	return NULL;
}

static struct gate_cr *add(struct gate *g)
{
	struct gate_cr *fresh = &g->crs[g->count++];

	*fresh = (struct gate_cr){0};
	return fresh;
}

void gate_cr_seen(struct gate *g, const struct kubevirt *cr, bool listed)
{
	struct gate_cr *known = find(g, cr);

	if (known == NULL && g->count == GATE_MAX_CRS) {
		g->overflow = true;
		return;
	}
	if (known == NULL)
		known = add(g);
	/* What it says once it is being deleted KubeVirt's components do not read any more. */
	if (cr->deleting && known->cr.deployed && strcmp(known->cr.uid, cr->uid) == 0)
		known->cr.deleting = true;
	else
		known->cr = *cr;
	known->in_list = listed;
}

static void drop(struct gate *g, struct gate_cr *known)
{
	*known = g->crs[--g->count];
}

void gate_cr_gone(struct gate *g, const struct kubevirt *cr)
{
	struct gate_cr *known = find(g, cr);

	if (known != NULL)
		drop(g, known);
}

void gate_list_started(struct gate *g)
{
	g->overflow = false;
	for (size_t i = 0; i < g->count; i++)
		g->crs[i].in_list = false;
}

void gate_list_done(struct gate *g)
{
	for (size_t i = g->count; i-- > 0;)
		if (!g->crs[i].in_list)
			drop(g, &g->crs[i]);
	g->informed = true;
}

/* ---- how far VSOCK is ---- */

enum stage { STAGE_UNKNOWN, STAGE_ALPHA, STAGE_BETA, STAGE_GA };

/* From which release on; compiled into KubeVirt, and nowhere to be read in a cluster. Beta, on by default, as
 * planned (KubeVirt's enhancement 222). */
static const struct {
	uint32_t major;
	uint32_t minor;
	enum stage stage;
} stages[] = {
	{0, 0, STAGE_ALPHA},
	{1, 10, STAGE_BETA},
};

static enum stage stage_of(const char *text)
{
	struct kubevirt_version version = kubevirt_version_parse(text);
	enum stage stage = STAGE_UNKNOWN;

	for (size_t i = 0; i < ARRAY_LEN(stages); i++)
		if (kubevirt_version_is_before(&version, stages[i].major, stages[i].minor))
			stage = STAGE_UNKNOWN;
		else if (kubevirt_version_at_least(&version, stages[i].major, stages[i].minor))
			stage = stages[i].stage;
	return stage;
}

/* ---- the verdict ---- */

static const struct {
	const char *name;
	const char *text;
} reasons[GATE_REASONS] = {
	[GATE_NOT_READ] = {"not_read", "the KubeVirt CR has not been read yet"},
	[GATE_NO_CR] = {"no_cr", "there is no KubeVirt CR"},
	[GATE_MANY_CRS] = {"many_crs", "there is more than one KubeVirt CR"},
	[GATE_NOT_DEPLOYED] = {"not_deployed", "the KubeVirt CR has no status.phase: it is not deployed yet"},
	[GATE_FLAG_ON] = {"flag_on", "--feature-gate=on"},
	[GATE_FLAG_OFF] = {"flag_off", "--feature-gate=off"},
	[GATE_GENERAL] = {"ga", KUBEVIRT_GATE " is generally available in this version of KubeVirt"},
	[GATE_ENABLED] = {"enabled", "featureGates of the KubeVirt CR has " KUBEVIRT_GATE},
	[GATE_DISABLED] = {"disabled", "disabledFeatureGates of the KubeVirt CR has " KUBEVIRT_GATE},
	[GATE_DEFAULT_ON] = {"default_on",
			     KUBEVIRT_GATE " is Beta in this version of KubeVirt, and so on by default"},
	[GATE_DEFAULT_OFF] = {"default_off", "featureGates of the KubeVirt CR lacks " KUBEVIRT_GATE
					     ", which is Alpha in this version"},
	[GATE_UNKNOWN_VERSION] = {"unknown_version",
				  "featureGates of the KubeVirt CR lacks " KUBEVIRT_GATE
				  ", and whether it is on by default in this version is not known"},
};

const char *gate_reason_name(enum gate_reason reason)
{
	return reasons[reason].name;
}

const char *gate_reason_text(enum gate_reason reason)
{
	return reasons[reason].text;
}

/* The one CR that counts. While it is being deleted, and there is no other, KubeVirt's components go on by
 * what it said last. NULL: none, or too many; *reason says which. */
static const struct kubevirt *counting_cr(const struct gate *g, enum gate_reason *reason)
{
	const struct kubevirt *found = NULL;
	const struct kubevirt *leaving = NULL;
	size_t deployed = 0;
	size_t live = 0;

	for (size_t i = 0; i < g->count; i++) {
		const struct kubevirt *cr = &g->crs[i].cr;

		live += !cr->deleting;
		if (!cr->deployed)
			continue;
		if (cr->deleting) {
			leaving = cr;
			continue;
		}
		found = cr;
		deployed++;
	}
	if (deployed == 1 && !g->overflow)
		return found;
	if (live == 0 && g->count == 1 && leaving != NULL)
		return leaving;
	*reason = GATE_NO_CR;
	if (deployed > 1 || g->overflow)
		*reason = GATE_MANY_CRS;
	else if (live > 0)
		*reason = GATE_NOT_DEPLOYED;
	return NULL;
}

/* Of two lists that both name it KubeVirt goes by featureGates. */
static enum gate_reason reason_of(const struct kubevirt *cr)
{
	enum stage stage = stage_of(cr->version);

	if (stage == STAGE_GA)
		return GATE_GENERAL;
	if (cr->gate_enabled)
		return GATE_ENABLED;
	if (cr->gate_disabled)
		return GATE_DISABLED;
	if (stage == STAGE_BETA)
		return GATE_DEFAULT_ON;
	return stage == STAGE_ALPHA ? GATE_DEFAULT_OFF : GATE_UNKNOWN_VERSION;
}

struct gate_verdict gate_verdict(const struct gate *g)
{
	struct gate_verdict verdict = {.reason = GATE_NOT_READ};

	if (!g->informed)
		return verdict;
	verdict.cr = counting_cr(g, &verdict.reason);
	if (verdict.cr == NULL)
		return verdict;
	if (g->override == GATE_AUTO)
		verdict.reason = reason_of(verdict.cr);
	else
		verdict.reason = g->override == GATE_ON ? GATE_FLAG_ON : GATE_FLAG_OFF;
	verdict.open = verdict.reason == GATE_FLAG_ON || verdict.reason == GATE_GENERAL ||
		       verdict.reason == GATE_ENABLED || verdict.reason == GATE_DEFAULT_ON;
	return verdict;
}
