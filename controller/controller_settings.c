/* Which settings are in force, and what is told of that. See controller_impl.h. */
#include <inttypes.h>

#include "base/clock.h"
#include "controller/controller_impl.h"

static void on_restarted(void *data, bool watch, enum reflector_restart reason)
{
	struct controller *c = data;

	exporter_restart(c->exporter, "configmaps", watch, reflector_restart_name(reason));
}

static void on_misfit(void *data, const char *why)
{
	struct controller *c = data;

	log_error(c->o.log, "%s", why);
	c->misconfigured = true;
	controller_fail(c);
}

int controller_open_settings(struct controller *c, struct error *err)
{
	const struct settings_watch_options options = {
		.loop = c->o.loop,
		.client = c->client,
		.log = c->o.log,
		.rng = &c->rng,
		.base = &c->o.options->values,
		.restarted = on_restarted,
		.misfit = on_misfit,
		.data = c,
		.patience_ms = CONTROLLER_PATIENCE_MS,
	};

	return settings_watch_open(&c->settings, &options, err);
}

/* ---- telling ---- */

static void post(struct controller *c, const char *reason, bool warning, const char *message)
{
	const struct kube_event event = {
		.namespace = c->kubevirt_cr.namespace,
		.kind = "ConfigMap",
		.api_version = "v1",
		.name = SETTINGS_CONFIGMAP,
		.uid = settings_watch_uid(c->settings),
		.reason = reason,
		.message = message,
		.warning = warning,
	};

	/* There is nothing to hang it on where the ConfigMap was deleted. */
	if (event.uid[0] != '\0')
		kube_events_post(c->events, &event);
}

static void describe(struct controller *c, struct buf *out)
{
	struct allocator_stats stats;

	allocator_stats(c->allocator, &stats);
	(void)settings_describe(settings_watch_current(c->settings), out);
	if (stats.outside > 0)
		(void)buf_printf(out, "; VMIs that show other CIDs: %" PRIu64, stats.outside);
}

/* Who begins to lead tells what is wrong now; what was applied before was told by the leader before. */
static void tell_verdict(struct controller *c)
{
	const char *refusal = settings_watch_refusal(c->settings);
	uint64_t verdict = settings_watch_verdict(c->settings);
	AUTO_BUF struct buf message = {.max = 1024};

	if (verdict == c->settings_told)
		return;
	if (!controller_is_leading(c)) {
		if (refusal[0] == '\0')
			c->settings_told = verdict;
		return;
	}
	c->settings_told = verdict;
	if (refusal[0] != '\0') {
		(void)buf_printf(&message, "not in force, %s: %s",
				 settings_watch_good(c->settings) ? "the settings stay as they are"
								  : "and no CID is given before",
				 refusal);
		post(c, "InvalidVSOCKCIDSettings", true, buf_str(&message));
	} else {
		describe(c, &message);
		post(c, "AppliedVSOCKCIDSettings", false, buf_str(&message));
	}
}

/* ---- what follows ---- */

static void apply(struct controller *c)
{
	const struct settings *s = settings_watch_current(c->settings);
	AUTO_BUF struct buf message = {.max = 1024};

	/* First, since what follows may be more than the log takes. */
	(void)settings_describe(s, &message);
	log_info(c->o.log, "in force from now on: %s", buf_str(&message));
	allocator_set_range(c->allocator, &s->cids, clock_boot_ms());
	allocator_set_quarantine(c->allocator, s->quarantine_ms);
	allocator_set_in_flight(c->allocator, s->writes_in_flight);
}

void controller_follow_settings(struct controller *c)
{
	struct error err = {0};

	if (settings_watch_start(c->settings, c->kubevirt_cr.namespace, &err) != 0) {
		log_failure(c->o.log, LOG_LEVEL_ERROR, &err, "the settings cannot be watched");
		controller_fail(c);
		return;
	}
	if (settings_watch_follow(c->settings))
		apply(c);
	tell_verdict(c);
}
