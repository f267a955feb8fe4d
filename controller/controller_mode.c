/* How this program lives with KubeVirt's own allocator: the mode, what it is told, and what follows from it.
 * See controller_impl.h. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "controller/controller_impl.h"

/* So long a hold may stand against what it should be, before those that wait for it are told. */
#define HELD_PATIENCE_MS 5000

/* ---- facts ---- */

void controller_mode_notice(struct controller *c, const struct notice *n)
{
	uint64_t now_ms = clock_boot_ms();

	if (n->at_start && c->hold_since_ms != 0 && now_ms - c->hold_since_ms > MODE_GRACE_MS)
		mode_breach(&c->mode, now_ms);
	if (n->kind == NOTICE_REVERTED)
		mode_reverted(&c->mode, n->uid, now_ms);
	else if (n->kind == NOTICE_FOREIGN && n->was_ours)
		mode_overwritten(&c->mode, n->uid, now_ms);
	else if (n->kind == NOTICE_ASSIGNED)
		mode_assigned(&c->mode);
	else if (n->kind == NOTICE_LASTED)
		mode_lasted(&c->mode);
}

static void look_at_policies(struct controller *c, uint64_t now_ms)
{
	char lacking[MODE_TEXT_SIZE];
	struct error err = {0};
	enum mode_policies policies;

	takeover_set_namespace(c->takeover, c->kubevirt_cr.namespace, &err);
	if (err.code != 0 && !c->failed) {
		log_failure(c->o.log, LOG_LEVEL_ERROR, &err, "the policies' parameter cannot be watched");
		controller_fail(c);
	}
	policies = takeover_policies(c->takeover, lacking, sizeof(lacking));
	mode_set_policies(&c->mode, policies, lacking, now_ms);
}

/* ---- telling ---- */

/* Who begins to lead tells, and the leader where it changes; not before the policies are known. */
static void post_mode_event(struct controller *c)
{
	char message[MODE_TEXT_SIZE + 64];
	const struct kube_event event = {
		.namespace = c->kubevirt_cr.namespace,
		.kind = "KubeVirt",
		.api_version = "kubevirt.io/v1",
		.name = c->kubevirt_cr.name,
		.uid = c->kubevirt_cr.uid,
		.reason = "VSOCKCIDMode",
		.message = message,
		.warning = mode_of(&c->mode) == MODE_OBSERVE,
	};

	if (!controller_is_leading(c) || c->kubevirt_cr.name[0] == '\0' || c->mode_posted ||
	    (c->mode.policies == MODE_POLICIES_UNKNOWN && !mode_has_fallen(&c->mode)))
		return;
	c->mode_posted = true;
	(void)snprintf(message, sizeof(message), "VSOCK CIDs: mode %s: %s", mode_name(mode_of(&c->mode)),
		       c->mode_reason);
	kube_events_post(c->events, &event);
}

static void tell_mode(struct controller *c)
{
	char reason[MODE_TEXT_SIZE];
	enum mode mode = mode_of(&c->mode);

	(void)mode_reason(&c->mode, reason);
	if (mode != c->mode_told || strcmp(reason, c->mode_reason) != 0) {
		c->mode_posted = c->mode_posted && mode == c->mode_told;
		c->mode_told = mode;
		(void)snprintf(c->mode_reason, sizeof(c->mode_reason), "%s", reason);
		log_info(c->o.log, "mode %s: %s", mode_name(mode), reason);
	}
	post_mode_event(c);
}

/* ---- what follows ---- */

/* CIDs of the settings in force can be given. */
static bool has_settings(const struct controller *c)
{
	return settings_watch_good(c->settings) && cid_schema_allows(settings_watch_schema(c->settings));
}

static bool may_write(const struct controller *c)
{
	return mode_of(&c->mode) != MODE_OBSERVE && has_settings(c);
}

static void limit_writes(struct controller *c, uint64_t now_ms)
{
	bool may = may_write(c);
	bool tries = !may && has_settings(c) && mode_try(&c->mode, now_ms);
	uint32_t limit = may ? ALLOCATOR_UNLIMITED : 0;

	/* A try goes on until a VMI comes by. */
	if (tries || (!may && mode_has_fallen(&c->mode) && c->write_limit == 1))
		limit = 1;
	if (tries)
		log_info(c->o.log, "trying to write the CID of one VMI");
	if (tries || limit != c->write_limit)
		allocator_limit_writes(c->allocator, limit);
	c->write_limit = limit;
}

/* For so long that it is no server that has just started. */
static bool is_schema_failing(const struct controller *c, uint64_t now_ms)
{
	uint64_t since_ms = cid_schema_failing_since(settings_watch_schema(c->settings));

	return since_ms != 0 && now_ms - since_ms >= CONTROLLER_PATIENCE_MS;
}

static enum takeover_hold wanted_hold(const struct controller *c, uint64_t now_ms)
{
	/* Nobody is let through before it is known that nothing holds him rightly. */
	if (!controller_is_leading(c) || c->mode.policies == MODE_POLICIES_UNKNOWN)
		return TAKEOVER_LEAVE;
	if (!cid_schema_allows(settings_watch_schema(c->settings)))
		return is_schema_failing(c, now_ms) ? TAKEOVER_OPEN : TAKEOVER_LEAVE;
	/* Whoever is let through now gets a CID of KubeVirt's, which knows nothing of what the settings want.
	 */
	if (mode_of(&c->mode) == MODE_TAKEOVER && c->verdict.open)
		return settings_watch_good(c->settings) ? TAKEOVER_CLOSED : TAKEOVER_LEAVE;
	/* Whoever may not look changes nothing, as long as those that are held are served. */
	if (c->mode.policies == MODE_POLICIES_HIDDEN && c->verdict.open && mode_of(&c->mode) != MODE_OBSERVE)
		return TAKEOVER_LEAVE;
	return TAKEOVER_OPEN;
}

/* KubeVirt shows nothing of a VMI that the policy holds: where we do not serve it either, we have to say so.
 */
static void follow_held(struct controller *c, uint64_t now_ms)
{
	bool holds = takeover_is_holding(c->takeover);
	const char *why = NULL;

	if (!holds || mode_of(&c->mode) != MODE_TAKEOVER || !c->verdict.open)
		c->hold_since_ms = 0;
	else if (c->hold_since_ms == 0)
		c->hold_since_ms = now_ms;
	if (holds && !c->verdict.open)
		why = "the VSOCK feature gate is off, yet the admission policy holds it: see the ConfigMap "
		      "vsock-cid-controller-hold";
	else if (holds && mode_of(&c->mode) == MODE_OBSERVE)
		why = "this controller only observes, yet the admission policy holds it: see the ConfigMap "
		      "vsock-cid-controller-hold";
	else if (holds && !cid_schema_allows(settings_watch_schema(c->settings)))
		why = "the CRD of VMIs cannot be read, without which no CID above 2147483647 may be given";
	else if (holds && !settings_watch_good(c->settings))
		why = "the settings are wrong, and no others are known: see the events of the "
		      "ConfigMap " SETTINGS_CONFIGMAP;
	if (why == NULL || c->held_since_ms == 0)
		c->held_since_ms = why != NULL ? now_ms : 0;
	if (why != NULL && now_ms - c->held_since_ms < HELD_PATIENCE_MS)
		why = NULL;
	allocator_set_held(c->allocator, why);
}

static void on_timer(uv_timer_t *timer)
{
	(void)timer; /* it only wakes the loop */
}

/* For what follows from time alone. */
static void arm_timer(struct controller *c, uint64_t now_ms)
{
	uint64_t at_ms = mode_deadline(&c->mode);
	uint64_t held_ms = c->held_since_ms + HELD_PATIENCE_MS;

	if (c->held_since_ms != 0 && held_ms > now_ms && held_ms < at_ms)
		at_ms = held_ms;
	if (at_ms == UINT64_MAX) {
		(void)uv_timer_stop(&c->mode_timer);
		return;
	}
	uv_update_time(c->o.loop);                                                              /* T3 */
	(void)uv_timer_start(&c->mode_timer, on_timer, at_ms > now_ms ? at_ms - now_ms : 1, 0); /* T4 */
}

void controller_follow_mode(struct controller *c)
{
	uint64_t now_ms = clock_boot_ms();

	look_at_policies(c, now_ms);
	tell_mode(c);
	limit_writes(c, now_ms);
	takeover_follow(c->takeover, wanted_hold(c, now_ms), now_ms);
	follow_held(c, now_ms);
	arm_timer(c, now_ms);
}

const char *controller_write_as(void *data)
{
	struct controller *c = data;

	return c->write_as[0] != '\0' ? c->write_as : NULL;
}

/* ---- wiring ---- */

static void on_restarted(void *data, const char *resource, bool watch, enum reflector_restart reason)
{
	struct controller *c = data;

	exporter_restart(c->exporter, resource, watch, reflector_restart_name(reason));
}

int controller_open_mode(struct controller *c, struct error *err)
{
	const struct takeover_options takeover = {
		.loop = c->o.loop,
		.client = c->client,
		.log = c->o.log,
		.rng = &c->rng,
		.restarted = on_restarted,
		.data = c,
		.patience_ms = CONTROLLER_PATIENCE_MS,
	};

	c->write_limit = ALLOCATOR_UNLIMITED; /* as the allocator begins */
	c->mode_told = MODE_COUNT;
	return takeover_open(&c->takeover, &takeover, err);
}
