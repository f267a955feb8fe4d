/* The election and how fresh the view is: what decides whether this process may write. See controller_impl.h.
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "controller/controller_impl.h"

/* A process campaigns with a view that is at most this old. What it lacks was written in the terms of the
 * last minutes, of which there can be far fewer than there are stripes (DESIGN "Term stripes"). */
#define MAX_STALENESS_MS 180000

/* So long the view may lack what the server had: then it is listed again, before it is too old to campaign.
 */
#define MAX_BEHIND_MS 100000

/* So long at most the Lease is kept for the event about its end: the next leader is waited for. */
#define EVENT_PATIENCE_MS 300

bool controller_is_leading(const struct controller *c)
{
	return c->elector != NULL && elector_is_leading(c->elector);
}

/* A process that stood still for longer than its right to write lasts finds its requests half sent when it
 * goes on; libcurl would send the rest before any timer of ours has run. */
bool controller_may_go_on(void *data)
{
	const struct controller *c = data;

	if (c->fenced)
		return false;
	/* Who has led and does not any more has no right, although nobody has been told of it yet. */
	if (!c->has_led && !controller_is_leading(c))
		return true;
	return c->elector != NULL && clock_boot_ms() < elector_right_until(c->elector);
}

/* ---- what the elector tells ---- */

/* LE-18 */
static void post_lease_event(struct controller *c, const char *what)
{
	char message[320];
	const struct kube_event event = {
		.namespace = c->lease_namespace,
		.kind = "Lease",
		.api_version = "coordination.k8s.io/v1",
		.name = c->o.options->lease_name,
		.uid = elector_lease_uid(c->elector),
		.reason = "LeaderElection",
		.message = message,
	};

	(void)snprintf(message, sizeof(message), "%s %s", c->o.options->identity, what);
	kube_events_post(c->events, &event);
}

static void on_led(void *data, uint32_t term)
{
	struct controller *c = data;

	allocator_set_term(c->allocator, term);
	c->pressed = false; /* as the election has it with a new term */
	if (c->has_led)
		return;
	c->has_led = true;
	post_lease_event(c, "became leader");
	/* What was found before had no events: a standby writes nothing. */
	allocator_tell_again(c->allocator);
}

static void on_extended(void *data, uint64_t until_ms)
{
	struct controller *c = data;

	allocator_set_right(c->allocator, until_ms);
}

static void on_lost(void *data, const char *reason)
{
	struct controller *c = data;

	log_error(c->o.log, "leader election lost: %s", reason);
	controller_fail(c);
}

static bool is_complete(const struct controller *c)
{
	return reflector_synced(c->vmis) && reflector_synced(c->kubevirts) &&
	       settings_watch_known(c->settings);
}

static uint64_t fresh_until_ms(const struct controller *c)
{
	uint64_t fresh_ms = freshness_ms(c->freshness);

	return is_complete(c) && fresh_ms != 0 ? fresh_ms + MAX_STALENESS_MS : 0;
}

/* I3: who would campaign with an old view lists first. */
static void on_stale(void *data)
{
	struct controller *c = data;

	if (c->listing || !is_complete(c) || clock_boot_ms() < fresh_until_ms(c))
		return; /* on its way, or there and not told yet */
	/* A small question first: in a quiet cluster the view is old by name only. */
	if (!c->hurried) {
		c->hurried = true;
		freshness_hurry(c->freshness);
		return;
	}
	c->hurried = false;
	log_info(c->o.log, "the view of the VMIs may be too old to campaign with: listing them again");
	c->relist = true;
}

static uint32_t on_step(void *data, uint32_t base)
{
	struct controller *c = data;

	return allocator_raise_step(c->allocator, base);
}

static const struct elector_handler elector_handler = {
	.led = on_led,
	.extended = on_extended,
	.lost = on_lost,
	.stale = on_stale,
	.step = on_step,
};

/* ---- freshness ---- */

static const char *collection_path(void *data)
{
	struct controller *c = data;

	if (!reflector_synced(c->vmis) || reflector_version(c->vmis) == NULL)
		return NULL;
	(void)snprintf(c->collection, sizeof(c->collection), "/apis/kubevirt.io/%s/virtualmachineinstances",
		       reflector_version(c->vmis));
	return c->collection;
}

static const char *view_position(void *data)
{
	struct controller *c = data;

	return reflector_resource_version(c->vmis);
}

static void on_behind(void *data)
{
	struct controller *c = data;

	if (c->listing)
		return; /* the view does not move before its end, however long that takes */
	log_warning(c->o.log, "the view of the VMIs has fallen behind: listing them again");
	c->relist = true;
}

/* ---- wiring ---- */

int controller_open_lead(struct controller *c, struct error *err)
{
	const struct freshness_options options = {
		.loop = c->o.loop,
		.client = c->client,
		.log = c->o.log,
		.rng = &c->rng,
		.path = collection_path,
		.position = view_position,
		.behind_ms = MAX_BEHIND_MS,
		.rewound = controller_on_rewound,
		.behind = on_behind,
		.data = c,
	};

	return freshness_open(&c->freshness, &options, err);
}

static void open_elector(struct controller *c)
{
	const struct options *o = c->o.options;
	const struct elector_options options = {
		.loop = c->o.loop,
		.client = c->elector_client,
		.log = c->o.log,
		.rng = &c->rng,
		.namespace = c->kubevirt_cr.namespace,
		.name = o->lease_name,
		.identity = o->identity,
		.lease_duration_ms = o->lease_duration_ms,
		.renew_deadline_ms = o->renew_deadline_ms,
		.retry_period_ms = o->retry_period_ms,
		.handler = &elector_handler,
		.data = c,
	};
	struct error err = {0};

	(void)snprintf(c->lease_namespace, sizeof(c->lease_namespace), "%s", c->kubevirt_cr.namespace);
	if (elector_open(&c->elector, &options, &err) == 0)
		return;
	log_failure(c->o.log, LOG_LEVEL_ERROR, &err, "cannot take part in the election");
	controller_fail(c);
}

/* Only what is new: each of these wakes the elector. */
static void tell_fresh(struct controller *c, uint64_t until_ms)
{
	if (until_ms == c->fresh_until_ms)
		return;
	c->fresh_until_ms = until_ms;
	c->hurried = false;
	elector_set_fresh(c->elector, until_ms);
}

static void tell_pressed(struct controller *c, bool pressed)
{
	if (pressed == c->pressed)
		return;
	c->pressed = pressed;
	elector_set_pressed(c->elector, pressed);
}

void controller_follow_lead(struct controller *c)
{
	freshness_moved(c->freshness);
	if (c->elector == NULL) {
		/* The Lease lives where KubeVirt does. Who only observes needs none. */
		if (c->kubevirt_cr.namespace[0] != '\0' && mode_campaigns(&c->mode))
			open_elector(c);
		return;
	}
	if (c->kubevirt_cr.namespace[0] != '\0' &&
	    strcmp(c->kubevirt_cr.namespace, c->lease_namespace) != 0) {
		log_error(c->o.log, "KubeVirt has moved from namespace %s to %s", c->lease_namespace,
			  c->kubevirt_cr.namespace);
		controller_fail(c);
		return;
	}
	tell_fresh(c, fresh_until_ms(c));
	tell_pressed(c, allocator_is_pressed(c->allocator));
}

static void on_told(void *data)
{
	struct controller *c = data;

	elector_give_up(c->elector, c->given_up, c);
}

/* The end is told before it comes: whose Lease it is not writes nothing. */
void controller_give_up(struct controller *c, void (*cb)(void *data))
{
	c->given_up = cb;
	if (c->elector == NULL) {
		cb(c);
	} else if (controller_is_leading(c)) {
		post_lease_event(c, "stopped leading");
		kube_events_flush(c->events, EVENT_PATIENCE_MS, on_told, c);
	} else {
		on_told(c);
	}
}
