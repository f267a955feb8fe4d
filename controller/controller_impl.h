/**
 * controller_impl: the controller's inside, shared by controller.c (life, the turn of the loop),
 * controller_views.c (what the reflectors see), controller_lead.c (the election, and how fresh the view is),
 * controller_mode.c (how it lives with KubeVirt's allocator) and controller_settings.c (what may be given).
 * Private.
 */
#ifndef CONTROLLER_CONTROLLER_IMPL_H
#define CONTROLLER_CONTROLLER_IMPL_H

#include <stdbool.h>
#include <uv.h>

#include "base/rng.h"
#include "controller/allocator.h"
#include "controller/announcer.h"
#include "controller/assigner.h"
#include "controller/controller.h"
#include "controller/endpoints.h"
#include "controller/exporter.h"
#include "controller/gate.h"
#include "controller/kubevirt.h"
#include "controller/mode.h"
#include "controller/settings_watch.h"
#include "controller/takeover.h"
#include "controller/vmi.h"
#include "controller/write_identity.h"
#include "http/server.h"
#include "kube/elector.h"
#include "kube/events.h"
#include "kube/freshness.h"
#include "kube/reflector.h"

#define CONTROLLER_COMPONENT "vsock-cid-controller"

/** So long what is needed may be refused before that counts: a server that starts knows no RBAC rules. */
#define CONTROLLER_PATIENCE_MS 30000

struct controller {
	struct controller_options o;
	struct rng rng;
	/* in: what is seen */
	struct reflector *vmis;
	struct vmi vmi; /* the one that is being read */
	struct reflector *kubevirts;
	struct kubevirt kubevirt;
	struct gate gate;
	struct gate_verdict verdict; /* as acted upon last; its CR is the copy below */
	struct kubevirt kubevirt_cr; /* the one that counts; its names are "" where none does */
	/* what may be given */
	struct settings_watch *settings;
	uint64_t settings_told; /* settings_watch_verdict() that was told last */
	/* how it lives with KubeVirt's own allocator */
	struct mode_core mode;
	enum mode mode_told; /* in the log; MODE_COUNT: nothing yet */
	char mode_reason[MODE_TEXT_SIZE];
	bool mode_posted;     /* as an event */
	uint32_t write_limit; /* as the allocator was told last */
	char write_as[WRITE_IDENTITY_SIZE];
	uint64_t hold_since_ms; /* since when nobody may start without our CID; 0: not so */
	uint64_t held_since_ms; /* VMIs are held that are not served; 0: none is */
	struct takeover *takeover;
	uv_timer_t mode_timer;
	struct freshness *freshness;
	char collection[128]; /* path of the VMIs, for freshness */
	uint64_t list_started_ms;
	bool listing; /* a list of VMIs is under way */
	/* the right to write */
	struct kube_client *elector_client;
	struct elector *elector; /* NULL until KubeVirt's namespace is known */
	char lease_namespace[VMI_NAMESPACE_MAX + 1];
	uint64_t fresh_until_ms; /* as the elector was told last */
	bool hurried;            /* freshness was asked to look */
	bool pressed;
	bool has_led;
	/* the core */
	struct allocator *allocator;
	/* out: what is done and told */
	struct kube_client *client;
	struct assigner *assigner;
	struct kube_events *events;
	struct announcer announcer;
	struct exporter *exporter;
	struct endpoints endpoints;
	struct http_server_route routes[ENDPOINTS_COUNT];
	struct http_server *server;
	/* Once in each turn of the loop, outside of libcurl's callbacks: what the turn's facts call for. */
	uv_prepare_t prepare;
	bool relist; /* something could not be remembered, or the view is too old */
	bool fenced; /* nothing may leave any more */
	bool failed;
	bool misconfigured; /* that is why */
	bool told;          /* the owner knows that it failed */
	/* the end */
	bool closing;
	bool giving_up;
	void (*given_up)(void *data);
	bool parts_closing;
	unsigned int open_parts;
	void (*close_cb)(void *data);
	void *close_data;
};

/** The controller cannot go on: nothing leaves any more, and the owner is told in the next turn. The reason
 * has been logged. May be called inside libcurl. */
void controller_fail(struct controller *c);

/* controller_views.c */

extern const struct reflector_handler controller_vmi_handler;
extern const struct reflector_handler controller_kubevirt_handler;

/** rewound() of reflectors and freshness. */
void controller_on_rewound(void *data, const char *before, const char *now);

/* controller_lead.c */

/** kube_client_options.may_go_on: false once the right to write has ended or the controller has failed. */
bool controller_may_go_on(void *data);

/** The client of the election and what watches over freshness. Returns 0 or a negative errno with err. */
int controller_open_lead(struct controller *c, struct error *err);

/** What follows from the turn's facts for the election. */
void controller_follow_lead(struct controller *c);

/** Gives the Lease up where it is held, after the event about it; @cb from the loop, or at once where there
 * is no elector. Not called any more where the controller fails first. */
void controller_give_up(struct controller *c, void (*cb)(void *data));

bool controller_is_leading(const struct controller *c);

/* controller_settings.c */

/** What watches over the settings. Returns 0 or a negative errno with err. */
int controller_open_settings(struct controller *c, struct error *err);

/** Puts other settings in force, and tells of it. */
void controller_follow_settings(struct controller *c);

/* controller_mode.c */

/** What watches over the policies. Returns 0 or a negative errno with err. */
int controller_open_mode(struct controller *c, struct error *err);

/** What a notice means for the mode. May be called inside libcurl. */
void controller_mode_notice(struct controller *c, const struct notice *n);

/** What follows from the turn's facts for the mode, and from it. */
void controller_follow_mode(struct controller *c);

/** assigner_options.write_as. */
const char *controller_write_as(void *data);

#endif
