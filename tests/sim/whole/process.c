#include "sim/whole/process.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "sim/whole/world.h"

/* kubelet starts a container again after a while. */
#define RESTART_MIN_MS 200
#define RESTART_MAX_MS 10000

/* ---- random numbers ---- */

void __wrap_rng_init_secure(struct rng *rng);

/* What the product believes to be secure comes from the seed; in some runs all processes get the same. */
void __wrap_rng_init_secure(struct rng *rng)
{
	struct process *p = vloop_running()->owner;
	uint32_t who = p->world->profile.same_seed ? 0 : p->serial;

	rng_init_seeded(rng, p->world->seed ^ (uint64_t)who << 40 ^ (uint64_t)++p->rngs << 56);
}

/* ---- the end ---- */

static void free_process(struct process *p)
{
	if (p->loop.handles != 0)
		world_fail(p->world, "lifecycle", "%s has ended with %u open handles", p->name,
			   p->loop.handles);
	vloop_free(&p->loop);
	agenda_cancel(&p->world->agenda, &p->resume);
	p->serial = 0;
	p->controller = NULL;
	if (!p->world->over)
		process_start_in(p, world_between(p->world, RESTART_MIN_MS, RESTART_MAX_MS));
}

static void on_ended(void *data)
{
	struct process *p = data;

	p->ended = true;
}

static void begin_end(struct process *p)
{
	struct vloop *before = vloop_enter(&p->loop);

	p->ending = true;
	controller_close(p->controller, on_ended, p);
	vloop_leave(before);
	vloop_schedule(&p->loop);
}

/* As main.c: closes it in order and exits with an error. */
static void on_failed(void *data, bool misconfigured)
{
	struct process *p = data;

	(void)misconfigured;
	if (p->dead) /* nobody is there any more to fail */
		return;
	NOTE(p->world, p->name, "fails");
	auditor_failed(p);
	p->failing = true;
	if (!p->ending)
		begin_end(p);
}

void process_kill(struct process *p)
{
	if (!process_runs(p))
		return;
	NOTE(p->world, p->name, "is killed");
	if (!p->world->over)
		auditor_ending(p, true);
	auditor_ended(p);
	p->dead = true;
	p->loop.stopped = false;
	if (!p->ending)
		begin_end(p);
	if (!vloop_drain(&p->loop) || !p->ended)
		world_fail(p->world, "lifecycle", "%s does not end", p->name);
	free_process(p);
}

void process_terminate(struct process *p)
{
	if (!process_runs(p) || p->ending)
		return;
	NOTE(p->world, p->name, "is sent SIGTERM");
	vloop_arrive(&p->loop, &p->sigterm);
}

static void on_sigterm(struct arrival *a)
{
	struct process *p = container_of(a, struct process, sigterm);

	NOTE(p->world, p->name, "is told to end");
	if (p->ending)
		return;
	auditor_ending(p, false);
	begin_end(p);
}

/* ---- turns ---- */

/* Between a decision and its sending; most of all while it is open whether its right will last. */
static bool halts(struct process *p)
{
	uint32_t tries = p->decided == 0 ? 0 : p->renewing == 0 ? 1 : 64;

	while (tries-- > 0)
		if (world_strikes(p->world, FAULT_HALTED))
			return true;
	return false;
}

static void on_wake(struct moment *m)
{
	struct process *p = container_of(container_of(m, struct vloop, wake), struct process, loop);

	vloop_turn(&p->loop);
	if (p->ended && p->loop.handles == 0) {
		NOTE(p->world, p->name, "has ended");
		auditor_ended(p);
		free_process(p);
	} else if (halts(p)) {
		process_pause(p, (uint64_t)world_below(p->world, 60000) * 1000,
			      world_below(p->world, 3) == 0);
	}
}

static void on_resume(struct moment *m)
{
	process_resume(container_of(m, struct process, resume));
}

void process_pause(struct process *p, uint64_t duration_us, bool suspended)
{
	if (!process_runs(p) || p->loop.stopped)
		return;
	NOTE(p->world, p->name, "is %s for %llu ms", suspended ? "suspended" : "paused",
	     (unsigned long long)duration_us / 1000);
	p->stopped_us = p->world->agenda.now_us;
	p->suspended = suspended;
	vloop_stop(&p->loop);
	agenda_at(&p->world->agenda, &p->resume, p->stopped_us + duration_us);
}

void process_resume(struct process *p)
{
	uint64_t stopped_us = p->world->agenda.now_us - p->stopped_us;

	if (!process_runs(p) || !p->loop.stopped)
		return;
	agenda_cancel(&p->world->agenda, &p->resume);
	NOTE(p->world, p->name, "goes on");
	vloop_go_on(&p->loop, p->suspended ? stopped_us : 0);
}

/* ---- the start ---- */

static void set_options(struct process *p)
{
	static char lease_name[] = "vsock-cid-controller";
	static char write_as[] = "auto";
	static char listen[] = "127.0.0.1";
	static char server[] = "http://10.0.0.1:6443";
	const struct profile *f = &p->world->profile;

	p->options = (struct options){
		.mode = MODE_AUTO,
		.write_as = write_as,
		.feature_gate = GATE_AUTO,
		.values = {.cid_min = f->min,
			   .cid_max = f->max,
			   .excluded = {.spans = {f->excluded}, .count = f->excluded_count},
			   .cluster_count = 1,
			   .quarantine_ms = f->quarantine_ms,
			   .writes_in_flight = f->window},
		.settings = {.cids = p->world->range,
			     .quarantine_ms = f->quarantine_ms,
			     .writes_in_flight = f->window},
		.lease_name = lease_name,
		.identity = p->identity,
		.lease_duration_ms = f->lease_ms,
		.renew_deadline_ms = f->deadline_ms,
		.retry_period_ms = f->retry_ms,
		.listen = listen,
		.plain_http = true,
		.log_level = LOG_LEVEL_DEBUG,
	};
	p->config = (struct kube_config){.server = server};
	log_init(&p->log, -1, LOG_LEVEL_DEBUG, "vsock-cid-controller");
}

static void set_clocks(struct process *p)
{
	struct world *w = p->world;

	p->loop.boot_us = 1000000 + world_below(w, 4000000000);
	p->loop.wall_us = 1700000000000000 + (uint64_t)world_below(w, 4000000000) * 1000;
	p->loop.rate = VLOOP_RATE * (1024 - w->profile.skew + world_below(w, 2 * w->profile.skew + 1)) / 1024;
	p->loop.cpu_us = 1 + world_below(w, w->profile.cpu_us);
}

static void start(struct process *p)
{
	struct world *w = p->world;
	struct controller_options options = {
		.loop = &p->loop.uv,
		.options = &p->options,
		.config = &p->config,
		.log = &p->log,
		.failed = on_failed,
		.data = p,
	};
	struct error err = {0};
	struct vloop *before;

	p->serial = ++w->serials;
	p->ending = p->ended = p->failing = p->dead = false;
	p->decided = p->renewing = 0;
	p->sigterm.deliver = on_sigterm;
	list_init(&p->sigterm.link);
	p->rngs = 0;
	(void)snprintf(p->name, sizeof(p->name), "p%u", p->serial);
	(void)snprintf(p->identity, sizeof(p->identity), "replica-%u_%08x-%04u", p->slot,
		       (unsigned int)world_below(w, UINT32_MAX), p->serial);
	vloop_init(&p->loop, w, p, on_wake);
	set_clocks(p);
	auditor_started(p);
	NOTE(w, p->name, "starts in slot %u as %s", p->slot, p->identity);
	before = vloop_enter(&p->loop);
	set_options(p);
	uv_update_time(&p->loop.uv);
	if (controller_open(&p->controller, &options, &err) != 0)
		world_fail(w, "lifecycle", "%s cannot start: %s", p->name, err.message);
	vloop_leave(before);
	agenda_at(&w->agenda, &p->loop.wake, w->agenda.now_us);
}

static void on_start(struct moment *m)
{
	start(container_of(m, struct process, start));
}

void process_init(struct process *p, struct world *w, uint32_t slot)
{
	*p = (struct process){
		.world = w, .slot = slot, .start = {.run = on_start}, .resume = {.run = on_resume}};
}

void process_start_in(struct process *p, uint64_t delay_ms)
{
	agenda_at(&p->world->agenda, &p->start, p->world->agenda.now_us + delay_ms * 1000);
}

bool process_runs(const struct process *p)
{
	return p->serial != 0;
}
