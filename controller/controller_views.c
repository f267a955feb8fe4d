/* What the reflectors see, handed to the core. These handlers run inside libcurl: they note facts and start
 * nothing. See controller_impl.h. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "controller/controller_impl.h"

/* ---- VMIs ---- */

static void vmi_on_begin(void *data)
{
	struct controller *c = data;

	vmi_begin(&c->vmi);
}

static void vmi_on_value(void *data, int field, const struct json_value *value)
{
	struct controller *c = data;

	vmi_value(&c->vmi, field, value);
}

static void vmi_on_object(void *data, enum reflector_event event, const char *rv)
{
	struct controller *c = data;
	uint64_t now_ms = clock_boot_ms();

	if (strlen(rv) < sizeof(c->vmi.resource_version))
		memcpy(c->vmi.resource_version, rv, strlen(rv) + 1);
	vmi_end(&c->vmi);
	if (event == REFLECTOR_DELETED)
		allocator_vmi_gone(c->allocator, &c->vmi, now_ms);
	else
		allocator_vmi_seen(c->allocator, &c->vmi, event == REFLECTOR_LISTED, now_ms);
}

static void vmi_on_list_started(void *data)
{
	struct controller *c = data;

	c->listing = true;
	c->list_started_ms = clock_boot_ms();
	allocator_list_started(c->allocator);
}

static void vmi_on_list_done(void *data, const char *rv)
{
	struct controller *c = data;

	c->listing = false;
	allocator_list_done(c->allocator, rv, clock_boot_ms());
	freshness_listed(c->freshness, c->list_started_ms);
}

static void vmi_on_restarted(void *data, bool watch, enum reflector_restart reason)
{
	struct controller *c = data;

	exporter_restart(c->exporter, "virtualmachineinstances", watch, reflector_restart_name(reason));
}

void controller_on_rewound(void *data, const char *before, const char *now)
{
	struct controller *c = data;

	log_error(c->o.log,
		  "the API server has gone back from resourceVersion %s to %s, as after a restore from a "
		  "backup",
		  before, now);
	controller_fail(c);
}

const struct reflector_handler controller_vmi_handler = {
	.begin = vmi_on_begin,
	.value = vmi_on_value,
	.object = vmi_on_object,
	.list_started = vmi_on_list_started,
	.list_done = vmi_on_list_done,
	.rewound = controller_on_rewound,
	.restarted = vmi_on_restarted,
};

/* ---- KubeVirt CRs ---- */

/* What the CRs mean now. Only what needs no request; the election follows in the turn of the loop. */
static void follow_gate(struct controller *c)
{
	struct gate_verdict verdict = gate_verdict(&c->gate);

	if (verdict.open != c->verdict.open || verdict.reason != c->verdict.reason)
		log_info(c->o.log, "the gate is %s: %s", verdict.open ? "open" : "closed",
			 gate_reason_text(verdict.reason));
	allocator_set_gate(c->allocator, verdict.open);
	c->verdict = verdict;
	if (verdict.cr != NULL) {
		c->kubevirt_cr = *verdict.cr;
		(void)write_identity(c->write_as, c->o.options->write_as, verdict.cr);
	} else {
		c->kubevirt_cr = (struct kubevirt){0};
	}
	c->verdict.cr = NULL; /* borrowed only until the next change */
}

static void kubevirt_on_begin(void *data)
{
	struct controller *c = data;

	kubevirt_begin(&c->kubevirt);
}

static void kubevirt_on_value(void *data, int field, const struct json_value *value)
{
	struct controller *c = data;

	kubevirt_value(&c->kubevirt, field, value);
}

static void kubevirt_on_object(void *data, enum reflector_event event, const char *rv)
{
	struct controller *c = data;

	(void)rv;
	if (c->kubevirt.unreadable != NULL)
		log_about(c->o.log, LOG_LEVEL_WARNING,
			  (&(struct log_object){.kind = "KubeVirt",
						.namespace = c->kubevirt.namespace,
						.name = c->kubevirt.name}),
			  NULL, "%s is not as the API promises and counts as empty", c->kubevirt.unreadable);
	if (c->kubevirt.namespace[0] == '\0' || c->kubevirt.name[0] == '\0')
		return;
	if (event == REFLECTOR_DELETED)
		gate_cr_gone(&c->gate, &c->kubevirt);
	else
		gate_cr_seen(&c->gate, &c->kubevirt, event == REFLECTOR_LISTED);
	follow_gate(c);
}

static void kubevirt_on_list_started(void *data)
{
	struct controller *c = data;

	gate_list_started(&c->gate);
}

static void kubevirt_on_list_done(void *data, const char *rv)
{
	struct controller *c = data;

	(void)rv;
	gate_list_done(&c->gate);
	follow_gate(c);
}

static void kubevirt_on_restarted(void *data, bool watch, enum reflector_restart reason)
{
	struct controller *c = data;

	exporter_restart(c->exporter, "kubevirts", watch, reflector_restart_name(reason));
}

const struct reflector_handler controller_kubevirt_handler = {
	.begin = kubevirt_on_begin,
	.value = kubevirt_on_value,
	.object = kubevirt_on_object,
	.list_started = kubevirt_on_list_started,
	.list_done = kubevirt_on_list_done,
	.rewound = controller_on_rewound,
	.restarted = kubevirt_on_restarted,
};
