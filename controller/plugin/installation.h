/**
 * installation: the controller as it is installed: what its Deployment's arguments say, and what follows.
 */
#ifndef CONTROLLER_PLUGIN_INSTALLATION_H
#define CONTROLLER_PLUGIN_INSTALLATION_H

#include <stdbool.h>

#include "controller/mode.h"
#include "controller/options.h"
#include "controller/plugin/cluster.h"
#include "controller/write_identity.h"

#define INSTALLATION_NAME "vsock-cid-controller"

/** Where the settings come from. */
enum installation_settings {
	SETTINGS_OF_ARGUMENTS, /* there is no ConfigMap of settings, or it is empty */
	SETTINGS_OF_CONFIGMAP,
	SETTINGS_REFUSED, /* it is wrong: those in force are the ones before, which nobody can see from here
			   */
	SETTINGS_HIDDEN,  /* it may not be read */
};

struct installation {
	bool found; /* else the options are the defaults */
	bool odd;   /* likewise, since this program does not understand its arguments */
	int replicas, ready;
	char image[512];
	struct options
		options; /* with what the ConfigMap of settings makes of them, where that is not wrong */
	enum installation_settings settings;
	char settings_wrong[ERROR_MESSAGE_MAX]; /* with SETTINGS_REFUSED: key and reason */
	enum mode mode; /* that it is expected to take, as far as can be seen from here; see said.h */
	char mode_reason[MODE_TEXT_SIZE];
	char write_as[WRITE_IDENTITY_SIZE]; /* "": itself */
};

/** Looks in KubeVirt's namespace. A Deployment that may not be read counts as not found. Its --feature-gate
 * decides from then on what @c says of the gate. On success installation_free() is due. Returns 0 or -ENOMEM.
 */
int installation_read(struct installation *in, struct session *s, struct cluster *c, struct error *err);
void installation_free(struct installation *in);

#endif
