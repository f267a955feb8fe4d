#include "controller/gate.h"

#include <string.h>

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

void gate_cr_seen(struct gate *g, const struct kubevirt *cr, bool listed)
{
	struct gate_cr *known = find(g, cr);

	if (known == NULL && g->count == GATE_MAX_CRS) {
		g->overflow = true;
		return;
	}
	if (known == NULL)
		known = &g->crs[g->count++];
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

/* The one CR that counts. NULL: none, or too many; *reason says which. */
static const struct kubevirt *counting_cr(const struct gate *g, const char **reason)
{
	const struct kubevirt *found = NULL;
	size_t live = 0;

	for (size_t i = 0; i < g->count; i++) {
		if (g->crs[i].cr.deleting)
			continue;
		found = &g->crs[i].cr;
		live++;
	}
	if (live == 1 && !g->overflow)
		return found;
	*reason = live == 0 ? "there is no KubeVirt CR" : "there is more than one KubeVirt CR";
	return NULL;
}

/* featureGates wins over disabledFeatureGates (kubevirt.md section 3: Precedence). */
static bool gate_of(const struct kubevirt *cr, const char **reason)
{
	if (cr->gate_enabled)
		*reason = "featureGates of the KubeVirt CR has " KUBEVIRT_GATE;
	else if (cr->gate_disabled)
		*reason = "disabledFeatureGates of the KubeVirt CR has " KUBEVIRT_GATE;
	else
		*reason = "featureGates of the KubeVirt CR lacks " KUBEVIRT_GATE;
	return cr->gate_enabled;
}

struct gate_verdict gate_verdict(const struct gate *g)
{
	struct gate_verdict verdict = {.reason = "the KubeVirt CR has not been read yet", .namespace = ""};
	const struct kubevirt *cr;

	if (!g->informed)
		return verdict;
	cr = counting_cr(g, &verdict.reason);
	if (cr == NULL)
		return verdict;
	verdict.namespace = cr->namespace;
	verdict.open = gate_of(cr, &verdict.reason);
	if (g->override == GATE_AUTO)
		return verdict;
	verdict.open = g->override == GATE_ON;
	verdict.reason = verdict.open ? "--feature-gate=on" : "--feature-gate=off";
	return verdict;
}
