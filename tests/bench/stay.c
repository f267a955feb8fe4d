#include "bench/stay.h"

#include <signal.h>
#include <stddef.h>
#include <stdlib.h>

static void signals(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGINT);
}

void stay_begin(void)
{
	sigset_t set;

	signals(&set);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
}

int stay_until_told(void)
{
	sigset_t set;
	int which;

	signals(&set);
	(void)sigwait(&set, &which);
	return EXIT_SUCCESS;
}
