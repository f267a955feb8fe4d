/*
 * contract: what the controller and its tests rely on, asked of the server that $KUBECONFIG names. README.md
 * says how to run it; the only argument is the name under which results are reported.
 */
#include "contract/talk.h"
#include "support/suite.h"

int main(int argc, char **argv)
{
	struct cases cases = {.len = 0};

	protocol_cases(&cases);
	objects_cases(&cases);
	deletes_cases(&cases);
	patches_cases(&cases);
	writes_cases(&cases);
	lists_cases(&cases);
	watches_cases(&cases);
	kubevirts_cases(&cases);
	leases_cases(&cases);
	events_cases(&cases);
	return suite_run(argc > 1 ? argv[1] : "contract", cases.all, cases.len);
}
