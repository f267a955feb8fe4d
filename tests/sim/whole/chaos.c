#include "sim/whole/chaos.h"

#include <stdio.h>
#include <string.h>

#include "apisim/must.h"
#include "sim/whole/world.h"

#define CONFIGMAPS "/api/v1/namespaces/kubevirt/configmaps"
#define SETTINGS   "vsock-cid-controller"
#define LEASE      "/apis/coordination.k8s.io/v1/namespaces/kubevirt/leases/vsock-cid-controller"

/* ---- processes ---- */

static struct process *any_process(struct world *w)
{
	return &w->processes[world_below(w, w->profile.processes)];
}

/* Mostly seconds, now and then minutes. */
static uint64_t any_time_us(struct world *w)
{
	uint64_t below_ms = world_below(w, 4) == 0 ? 300000 : 25000;

	return (uint64_t)world_below(w, (uint32_t)below_ms) * 1000;
}

static void cut_off(struct world *w)
{
	uint32_t slot = world_below(w, w->profile.processes);
	uint64_t time_us = any_time_us(w);

	NOTE(w, "net", "slot %u is cut off for %llu ms", slot, (unsigned long long)time_us / 1000);
	wire_cut(&w->wire, slot, w->agenda.now_us + time_us);
}

static void trouble_processes(struct world *w)
{
	if (world_strikes(w, FAULT_KILLED))
		process_kill(any_process(w));
	if (world_strikes(w, FAULT_TERMINATED))
		process_terminate(any_process(w));
	if (world_strikes(w, FAULT_PAUSED))
		process_pause(any_process(w), any_time_us(w), false);
	if (world_strikes(w, FAULT_SUSPENDED))
		process_pause(any_process(w), any_time_us(w), true);
	if (world_strikes(w, FAULT_CUT_OFF))
		cut_off(w);
}

/* ---- the server ---- */

static void on_server_goes_on(struct moment *m)
{
	struct world *w = container_of(m, struct chaos, server_goes_on)->world;

	if (w->server.loop.stopped)
		vloop_go_on(&w->server.loop, 0);
}

static void stall(struct world *w)
{
	if (w->server.loop.stopped)
		return;
	vloop_stop(&w->server.loop);
	agenda_at(&w->agenda, &w->chaos.server_goes_on, w->agenda.now_us + any_time_us(w) / 4);
}

static void post(struct world *w, const char *target)
{
	(void)server_call(&w->server, "POST", target, NULL, NULL);
}

static void restart(struct world *w)
{
	char target[64];

	(void)snprintf(target, sizeof(target), "/apisim/restart?ms=%u", world_between(w, 1, 30000));
	NOTE(w, "api", "restarts: %s", target);
	post(w, target);
}

static void trouble_server(struct world *w)
{
	if (world_strikes(w, FAULT_RESTARTED))
		restart(w);
	if (world_strikes(w, FAULT_STALLED))
		stall(w);
	if (world_strikes(w, FAULT_COMPACTED))
		post(w, "/apisim/compact");
	if (world_strikes(w, FAULT_WATCHES_ENDED))
		post(w, world_below(w, 2) == 0 ? "/apisim/watches/close" : "/apisim/watches/close?abrupt=1");
	if (world_strikes(w, FAULT_FORGOTTEN)) {
		post(w, "/apisim/compact");
		post(w, "/apisim/watches/close");
	}
	if (world_strikes(w, FAULT_NOT_SERVED))
		w->server.bare_until_us = w->agenda.now_us + any_time_us(w);
}

/* ---- the Lease, by hand ---- */

static void edit_lease(struct world *w, const char *part, const char *members)
{
	char body[256];

	NOTE(w, "hand", "edits the Lease: %s", members);
	(void)snprintf(body, sizeof(body), "{\"%s\":{%s}}", part, members);
	(void)server_call(&w->server, "PATCH", LEASE, "application/merge-patch+json", body);
}

static void edit_holder(struct world *w)
{
	const struct process *p = any_process(w);
	char spec[128];

	(void)snprintf(spec, sizeof(spec), "\"holderIdentity\":\"%s\"",
		       world_below(w, 2) == 0 ? p->identity : "somebody");
	edit_lease(w, "spec", spec);
}

static void edit_term(struct world *w, uint32_t term)
{
	char spec[64];

	(void)snprintf(spec, sizeof(spec), "\"leaseTransitions\":%u", term & INT32_MAX);
	edit_lease(w, "spec", spec);
}

/* To one of a moment ago, mostly the one before: whoever counts on from there gets the leader's own. */
static uint32_t recent_term(struct world *w)
{
	return w->auditor.lease.term - (world_below(w, 4) != 0 ? 1 : world_between(w, 1, 4));
}

/* What stands outside of I1. */
static void break_rules(struct world *w)
{
	if (world_strikes(w, FAULT_LEASE_DELETED)) {
		NOTE(w, "hand", "deletes the Lease");
		auditor_tagged_act(w);
		(void)server_call(&w->server, "DELETE", LEASE, NULL, NULL);
	}
	if (world_strikes(w, FAULT_TERM_LOWERED)) {
		auditor_tagged_act(w);
		edit_term(w, world_below(w, 2) == 0 ? recent_term(w)
						    : w->auditor.lease.term - world_between(w, 1, 100));
	}
}

static void trouble_lease(struct world *w)
{
	if (world_strikes(w, FAULT_HOLDER_EDITED))
		edit_holder(w);
	if (world_strikes(w, FAULT_HOLDER_REMOVED))
		edit_lease(w, "spec", "\"holderIdentity\":\"\"");
	if (world_strikes(w, FAULT_TERM_RAISED))
		edit_term(w, w->auditor.lease.term + world_between(w, 1, 100));
	if (world_strikes(w, FAULT_LEASE_DECORATED))
		edit_lease(w, "metadata", "\"annotations\":{\"somebody\":\"was here\"}");
	break_rules(w);
}

/* ---- the settings ---- */

static void write_settings(struct world *w, const char *data)
{
	static const char empty[] = "{\"metadata\":{\"name\":\"" SETTINGS "\"}}";
	char body[512];

	NOTE(w, "hand", "sets the settings to %s", data);
	(void)snprintf(body, sizeof(body), "{\"data\":%s}", data);
	(void)server_call(&w->server, "POST", CONFIGMAPS, NULL, empty); /* in vain where it is there */
	(void)server_call(&w->server, "PATCH", CONFIGMAPS "/" SETTINGS, "application/merge-patch+json", body);
}

/* Good ones. */
static void set_settings(struct world *w)
{
	const struct profile *p = &w->profile;
	char own[32] = "";
	char forbidden[32] = "";
	char data[256];

	w->is_narrow = world_below(w, 2) == 0;
	if (p->excluded_count > 0)
		(void)snprintf(own, sizeof(own), "%u-%u", p->excluded.first, p->excluded.last);
	if (w->is_narrow)
		(void)snprintf(forbidden, sizeof(forbidden), "\\n%u-%u", p->forbidden.first,
			       p->forbidden.last);
	(void)snprintf(data, sizeof(data),
		       "{\"exclude-cids\":\"%s%s\",\"quarantine\":\"%ums\",\"writes-in-flight\":\"%u\",\"cid-"
		       "max\":null}",
		       own, forbidden, world_below(w, 2) == 0 ? p->quarantine_ms : 0,
		       world_between(w, 1, 32));
	write_settings(w, data);
}

static void move_settings(struct world *w)
{
	switch (world_below(w, 6)) {
	case 0:
		w->is_narrow = false;
		NOTE(w, "hand", "deletes the settings");
		(void)server_call(&w->server, "DELETE", CONFIGMAPS "/" SETTINGS, NULL, NULL);
		break;
	case 1: /* whoever starts before the next ones goes by the command line */
		write_settings(w, "{\"cid-max\":\"many\",\"writes-in-flight\":\"1\"}");
		break;
	default:
		set_settings(w);
	}
}

/* ---- amid a burst ---- */

static struct process *leader_of(struct world *w)
{
	for (uint32_t i = 0; i < w->profile.processes; i++)
		if (process_runs(&w->processes[i]) &&
		    strcmp(w->processes[i].identity, w->auditor.lease.holder) == 0)
			return &w->processes[i];
	return NULL;
}

/* Whoever follows may count up to the term of the one who still writes. */
static void set_back(struct world *w)
{
	char spec[96];

	auditor_tagged_act(w);
	(void)snprintf(spec, sizeof(spec), "\"holderIdentity\":\"\",\"leaseTransitions\":%u",
		       recent_term(w) & INT32_MAX);
	edit_lease(w, "spec", spec);
}

static void on_strike(struct moment *m)
{
	struct world *w = container_of(m, struct chaos, strike)->world;
	struct process *p = leader_of(w);

	if (p == NULL || w->at_rest)
		return;
	if (world_strikes(w, FAULT_SET_BACK)) {
		set_back(w);
		return;
	}
	switch (world_below(w, 6)) {
	case 0:
		process_kill(p);
		break;
	case 1:
		process_pause(p, any_time_us(w), false);
		break;
	case 2:
	case 3:
		process_terminate(p);
		break;
	default: /* until it has noticed, there are two */
		edit_lease(w, "spec", "\"holderIdentity\":\"\"");
		break;
	}
}

void chaos_burst(struct world *w)
{
	if (w->profile.tagged)
		w->chaos.hurry = w->profile.slots;
	/* Some round trips later. */
	if (world_strikes(w, FAULT_STRUCK))
		agenda_at(&w->agenda, &w->chaos.strike,
			  w->agenda.now_us +
				  world_below(w, (w->profile.tagged ? 6 : 16) * w->profile.delay_us));
}

/* ---- one action ---- */

/* Many new VMIs go through their first phases at once. */
static uint64_t draw_pause_us(struct world *w)
{
	struct chaos *c = &w->chaos;

	if (c->hurry == 0)
		return (uint64_t)world_below(w, 2 * w->profile.pace_ms + 1) * 1000;
	c->hurry--;
	return world_below(w, w->profile.delay_us);
}

static void on_next(struct moment *m)
{
	struct chaos *c = container_of(m, struct chaos, next);
	struct world *w = c->world;

	w->events++;
	cluster_act(w);
	if (w->auditor.lease.exists)
		trouble_lease(w);
	trouble_processes(w);
	trouble_server(w);
	if (world_strikes(w, FAULT_SETTINGS_MOVED))
		move_settings(w);
	if (--c->left == 0)
		c->over = true;
	else
		agenda_at(&w->agenda, m, w->agenda.now_us + draw_pause_us(w));
}

void chaos_start(struct world *w)
{
	w->chaos = (struct chaos){
		.world = w,
		.next = {.run = on_next},
		.server_goes_on = {.run = on_server_goes_on},
		.strike = {.run = on_strike},
		.left = w->profile.actions,
	};
	agenda_at(&w->agenda, &w->chaos.next, w->agenda.now_us);
}

/* Who has given up against those that undid what it wrote, and would try again only now and then, is started
 * anew by somebody who has seen to them. */
static void restart_observer(struct process *p)
{
	AUTO_BUF struct buf body = {.max = 65536};

	if (process_runs(p) && !p->ending && process_probe(p, "/readyz", &body) != 0 &&
	    strstr(buf_str(&body), "mode observe") != NULL) {
		p->world->tally.observers++;
		process_terminate(p);
	}
}

void chaos_restart_observers(struct world *w)
{
	for (uint32_t i = 0; i < w->profile.processes; i++)
		restart_observer(&w->processes[i]);
}

void chaos_repair(struct world *w)
{
	for (uint32_t i = 0; i < w->profile.processes; i++)
		process_resume(&w->processes[i]);
	if (w->server.loop.stopped)
		vloop_go_on(&w->server.loop, 0);
	if (!server_is_up(&w->server))
		post(w, "/apisim/restart?ms=0");
	w->server.bare_until_us = 0;
	if (w->profile.chance[FAULT_SETTINGS_MOVED] > 0)
		set_settings(w);
	wire_repair(&w->wire);
	(void)server_call(&w->server, "DELETE", "/apisim/faults", NULL, NULL);
}
