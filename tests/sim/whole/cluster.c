#include "sim/whole/cluster.h"

#include <stdio.h>
#include <string.h>

#include "apisim/must.h"
#include "cid/pool.h"
#include "sim/whole/world.h"

#define VMIS  "/apis/kubevirt.io/v1/namespaces/default/virtualmachineinstances"
#define CRS   "/apis/kubevirt.io/v1/namespaces/kubevirt/kubevirts"
#define MERGE "application/merge-patch+json"

enum phase { UNSET, PENDING, SCHEDULING, SYNCING, SCHEDULED, RUNNING, SUCCEEDED, FAILED };

static const char *const phase_names[] = {
	[UNSET] = "",
	[PENDING] = "Pending",
	[SCHEDULING] = "Scheduling",
	[SYNCING] = "WaitingForSync",
	[SCHEDULED] = "Scheduled",
	[RUNNING] = "Running",
	[SUCCEEDED] = "Succeeded",
	[FAILED] = "Failed",
};

/* ---- requests ---- */

static struct guest *guest_of(struct world *w, uint32_t slot)
{
	return &w->cluster.guests[slot];
}

static const char *path_of(struct world *w, uint32_t slot)
{
	buf_reset(&w->cluster.path);
	must_printf(&w->cluster.path, VMIS "/vm-%u", slot);
	return buf_str(&w->cluster.path);
}

static struct buf *new_body(struct world *w)
{
	buf_reset(&w->cluster.body);
	return &w->cluster.body;
}

static int patch(struct world *w, uint32_t slot)
{
	return server_call(&w->server, "PATCH", path_of(w, slot), MERGE, buf_str(&w->cluster.body));
}

static const struct book *book_of(struct world *w, uint32_t slot)
{
	char name[24];

	(void)snprintf(name, sizeof(name), "vm-%u", slot);
	return auditor_book(w, name);
}

/* ---- CIDs of others ---- */

/* One that the present leader or the next one could draw. */
static uint32_t likely_cid(struct world *w)
{
	uint32_t stripe = cid_stripe_of(w->auditor.lease.term + world_below(w, 2));
	uint32_t room = (w->range.max - w->range.min) / CID_STRIPES + 1;

	return w->range.min - cid_stripe_of(w->range.min) + stripe + world_below(w, room) * CID_STRIPES;
}

static uint32_t foreign_cid(struct world *w)
{
	static const uint32_t reserved[] = {0, 1, 2, UINT32_MAX};
	const struct book *other = book_of(w, world_below(w, w->profile.slots));

	switch (world_below(w, 6)) {
	case 0:
		return reserved[world_below(w, ARRAY_LEN(reserved))];
	case 1:
		return (uint32_t)rng_u64(&w->rng);
	case 2:
	case 3:
		return other != NULL && other->has_cid ? other->cid : likely_cid(w);
	default:
		return likely_cid(w);
	}
}

/* ---- VMIs ---- */

/* "phase" and the timestamps of all phases so far, as members of a status. */
static void write_phase(struct buf *out, const struct guest *g)
{
	const char *comma = "";

	must_printf(out, "\"phase\":\"%s\",\"phaseTransitionTimestamps\":[", phase_names[g->phase]);
	for (unsigned int i = PENDING; i <= FAILED; i++) {
		if ((g->passed >> i & 1) == 0)
			continue;
		must_printf(out, "%s{\"phase\":\"%s\",\"phaseTransitionTimestamp\":\"2026-01-01T00:00:00Z\"}",
			    comma, phase_names[i]);
		comma = ",";
	}
	must_text(out, "]");
}

static void enter(struct guest *g, enum phase phase)
{
	g->phase = (uint8_t)phase;
	g->passed |= (uint8_t)(1u << phase);
}

static void create(struct world *w, uint32_t slot)
{
	struct guest *g = guest_of(w, slot);
	struct buf *body = new_body(w);
	uint32_t form = world_below(w, 8);
	bool preseeded = world_strikes(w, FAULT_PRESEEDED);

	*g = (struct guest){
		.exists = true,
		.wants = world_below(w, 8) != 0,
		.finalizer = world_below(w, 2) == 0,
		.falls_back = world_below(w, 8) == 0,
	};
	must_printf(
		body,
		"{\"apiVersion\":\"kubevirt.io/v1\",\"kind\":\"VirtualMachineInstance\",\"metadata\":{"
		"\"name\":\"vm-%u\",\"namespace\":\"default\"%s%s},\"spec\":{\"domain\":{\"devices\":{%s}}}",
		slot, g->finalizer ? ",\"finalizers\":[\"kubevirt.io/foreground\"]" : "",
		g->falls_back ? ",\"annotations\":{\"kubevirt.io/create-migration-target\":\"true\"}" : "",
		g->wants ? "\"autoattachVSOCK\":true" : "");
	/* As made by hand, with an empty status, and as virt-api's webhook makes them. */
	if (form > 1 || preseeded)
		must_text(body, ",\"status\":{");
	if (form > 2) {
		enter(g, PENDING);
		write_phase(body, g);
	}
	if (preseeded)
		must_printf(body, "%s\"VSOCKCID\":%u", form > 2 ? "," : "", foreign_cid(w));
	must_text(body, form > 1 || preseeded ? "}}" : "}");
	if (server_call(&w->server, "POST", VMIS, NULL, buf_str(body)) != 201)
		world_fail(w, "rig", "vm-%u could not be created", slot);
}

static enum phase next_phase(struct world *w, const struct guest *g)
{
	bool falls_back = g->falls_back && world_below(w, 3) == 0;
	bool ends = world_below(w, 20) == 0;

	switch ((enum phase)g->phase) {
	case UNSET:
		return PENDING;
	case PENDING:
		return ends ? FAILED : SCHEDULING;
	case SCHEDULING:
	case SYNCING:
		if (ends)
			return FAILED;
		if (falls_back)
			return g->phase == SCHEDULING ? SYNCING : SCHEDULING;
		return SCHEDULED;
	case SCHEDULED:
		return falls_back ? SYNCING : RUNNING;
	case RUNNING:
		return world_below(w, 4) == 0 ? SUCCEEDED : RUNNING;
	default:
		return (enum phase)g->phase;
	}
}

static void advance(struct world *w, uint32_t slot)
{
	struct guest *g = guest_of(w, slot);
	const struct book *b = book_of(w, slot);
	enum phase phase = next_phase(w, g);
	struct buf *body;

	/* In most clusters something holds it back until it has a CID. */
	if (phase == SCHEDULED && g->wants && b != NULL && !b->has_cid && world_below(w, 4) != 0)
		return;
	if (phase == (enum phase)g->phase)
		return;
	enter(g, phase);
	body = new_body(w);
	must_text(body, "{\"status\":{");
	write_phase(body, g);
	if (phase == SCHEDULED && world_strikes(w, FAULT_OVERWRITTEN))
		must_printf(body, ",\"VSOCKCID\":%u", foreign_cid(w));
	must_text(body, "}}");
	(void)patch(w, slot);
}

/* An update without meaning to us. */
static void touch(struct world *w, uint32_t slot)
{
	must_printf(new_body(w), "{\"metadata\":{\"labels\":{\"touched\":\"%u\"}}}", ++w->cluster.touches);
	(void)patch(w, slot);
}

static void end_of_finalizer(struct world *w, uint32_t slot)
{
	must_text(new_body(w), "{\"metadata\":{\"finalizers\":null}}");
	(void)patch(w, slot);
	guest_of(w, slot)->exists = false;
}

static void delete(struct world *w, uint32_t slot)
{
	struct guest *g = guest_of(w, slot);

	if (g->deleting) {
		end_of_finalizer(w, slot);
		return;
	}
	(void)server_call(&w->server, "DELETE", path_of(w, slot), NULL, NULL);
	g->deleting = g->finalizer;
	g->exists = g->finalizer;
}

/* As fast as a restart of a VM does it: the new object may come before anybody has seen the old one end. */
static void recreate(struct world *w, uint32_t slot)
{
	delete (w, slot);
	if (guest_of(w, slot)->exists)
		end_of_finalizer(w, slot);
	create(w, slot);
}

/* Under all names at once, as when a whole rack is restarted. */
static void burst(struct world *w)
{
	for (uint32_t slot = 0; slot < w->profile.slots; slot++) {
		if (!guest_of(w, slot)->exists)
			create(w, slot);
		else if (world_below(w, 2) == 0)
			recreate(w, slot);
	}
	chaos_burst(w);
}

static void write_foreign(struct world *w, uint32_t slot)
{
	const struct book *b = book_of(w, slot);
	struct buf *body = new_body(w);

	if (b != NULL && b->has_cid && world_below(w, 3) == 0)
		must_text(body, "{\"status\":{\"VSOCKCID\":null}}");
	else
		must_printf(body, "{\"status\":{\"VSOCKCID\":%u}}", foreign_cid(w));
	(void)patch(w, slot);
}

/* ---- the KubeVirt CR ---- */

static void set_gate(struct world *w, bool open)
{
	w->cluster.gate_open = open;
	w->cluster.gate_us = w->agenda.now_us;
	must_printf(new_body(w),
		    "{\"spec\":{\"configuration\":{\"developerConfiguration\":{\"featureGates\":[%s]}}}}",
		    open ? "\"VSOCK\"" : "");
	(void)server_call(&w->server, "PATCH", CRS "/kubevirt", MERGE, buf_str(&w->cluster.body));
}

static void create_cr(struct world *w)
{
	static const char cr[] =
		"{\"apiVersion\":\"kubevirt.io/"
		"v1\",\"kind\":\"KubeVirt\",\"metadata\":{\"name\":\"kubevirt\","
		"\"namespace\":\"kubevirt\"},\"spec\":{\"configuration\":{\"developerConfiguration\":{"
		"\"featureGates\":[\"VSOCK\"]}}}}";

	static const char status[] =
		"{\"status\":{\"phase\":\"Deployed\",\"observedKubeVirtVersion\":\"v1.9.0\"}}";

	if (server_call(&w->server, "POST", CRS, NULL, cr) != 201 ||
	    server_call(&w->server, "PATCH", CRS "/kubevirt/status", MERGE, status) != 200)
		world_fail(w, "rig", "no KubeVirt CR");
	w->cluster.gate_open = true;
}

/* As the last leader has left it, in order or not. */
static void create_lease(struct world *w)
{
	struct buf *body = new_body(w);
	bool held = world_below(w, 2) == 0;

	must_printf(
		body,
		"{\"apiVersion\":\"coordination.k8s.io/v1\",\"kind\":\"Lease\",\"metadata\":{\"name\":"
		"\"vsock-cid-controller\",\"namespace\":\"kubevirt\"},\"spec\":{\"holderIdentity\":\"%s\","
		"\"leaseDurationSeconds\":%u,\"acquireTime\":\"2026-01-01T00:00:00.000000Z\","
		"\"renewTime\":\"2026-01-01T00:00:00.000000Z\",\"leaseTransitions\":%u}}",
		held ? "yesterday" : "", held ? w->profile.lease_ms / 1000 : 1, w->profile.first_term);
	if (server_call(&w->server, "POST", "/apis/coordination.k8s.io/v1/namespaces/kubevirt/leases", NULL,
			buf_str(body)) != 201)
		world_fail(w, "rig", "no Lease");
}

/* virt-api's webhook undoes what foreigners write to a status (kubevirt.md 0.1). */
static void revert_some(struct world *w)
{
	struct buf *body = new_body(w);

	if (w->profile.chance[FAULT_REVERTED] == 0)
		return;
	must_printf(body,
		    "{\"match\":{\"verb\":\"patch\",\"path\":\"/apis/kubevirt.io/\",\"userAgent\":"
		    "\"vsock-cid-controller/\",\"probability\":%.4f},\"effect\":{\"revertStatus\":true}}",
		    (double)w->profile.chance[FAULT_REVERTED] / CHANCES);
	if (server_call(&w->server, "POST", "/apisim/faults", NULL, buf_str(body)) != 200)
		world_fail(w, "rig", "no faults");
}

/* ---- all of it ---- */

void cluster_start(struct world *w)
{
	struct cluster *c = &w->cluster;

	memset(c->guests, 0, sizeof(c->guests));
	c->touches = 0;
	if (c->path.max == 0) {
		must_buf(&c->path);
		must_buf(&c->body);
	}
	create_cr(w);
	revert_some(w);
	if (!w->profile.first_install)
		create_lease(w);
}

void cluster_free(struct world *w)
{
	buf_free(&w->cluster.path);
	buf_free(&w->cluster.body);
}

void cluster_act(struct world *w)
{
	uint32_t slot = world_below(w, w->profile.slots);
	uint32_t what = world_below(w, 100);

	if (world_strikes(w, FAULT_BURST))
		burst(w);
	else if (!guest_of(w, slot)->exists)
		create(w, slot);
	else if (what < 50)
		advance(w, slot);
	else if (what < 60)
		touch(w, slot);
	else if (what < 75)
		delete (w, slot);
	else if (what < 80)
		recreate(w, slot);
	if (guest_of(w, slot)->exists && world_strikes(w, FAULT_FOREIGN))
		write_foreign(w, slot);
	if (world_strikes(w, FAULT_GATE_MOVED))
		set_gate(w, !w->cluster.gate_open);
}

void cluster_repair(struct world *w)
{
	if (!w->cluster.gate_open && world_below(w, 4) != 0)
		set_gate(w, true);
}
