#include "controller/write_identity.h"

#include <stdio.h>
#include <string.h>

#include "controller/kubevirt_version.h"

const char *write_identity(char out[static WRITE_IDENTITY_SIZE], const char *choice,
			   const struct kubevirt *cr)
{
	struct kubevirt_version version = kubevirt_version_parse(cr->version);

	out[0] = '\0';
	if (strcmp(choice, "self") == 0)
		return out;
	if (strcmp(choice, "auto") != 0)
		(void)snprintf(out, WRITE_IDENTITY_SIZE, "%s", choice);
	else if (!version.known || kubevirt_version_at_least(&version, 1, 6))
		(void)snprintf(out, WRITE_IDENTITY_SIZE,
			       "system:serviceaccount:%s:kubevirt-synchronization-controller", cr->namespace);
	return out;
}
