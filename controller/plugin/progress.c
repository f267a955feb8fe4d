#include "controller/plugin/progress.h"

#include <stdio.h>
#include <unistd.h>

#define WIDTH 40

void progress_begin(struct progress *p, const char *what)
{
	*p = (struct progress){.on = isatty(STDERR_FILENO) == 1, .what = what};
}

void progress_step(struct progress *p, size_t done, size_t left)
{
	size_t all = done + left;
	size_t full = all > 0 ? done * WIDTH / all : WIDTH;

	if (!p->on || (left == 0 && !p->shown))
		return; /* one page: nobody has to wait */
	p->shown = true;
	(void)fprintf(stderr, "\r[%.*s%*s] %zu of %zu %s", (int)full,
		      "########################################", (int)(WIDTH - full), "", done, all,
		      p->what);
	(void)fflush(stderr);
}

void progress_end(struct progress *p)
{
	if (p->shown)
		(void)fputs("\r\033[K", stderr);
	p->shown = false;
}
