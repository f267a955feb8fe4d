#include "metrics/process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* Fields of /proc/self/stat (proc(5)) that are used here. */
struct process_stat {
	uint64_t user_ticks;
	uint64_t system_ticks;
	uint64_t start_ticks; /* since boot */
	uint64_t virtual_bytes;
	uint64_t resident_pages;
};

static struct metrics_series *declare(struct metrics_registry *m, const char *name, enum metrics_type type,
				      const char *help)
{
	struct metrics_spec spec = {.name = name, .help = help, .type = type};

	return metrics_series(metrics_declare(m, &spec), NULL);
}

int process_metrics_init(struct process_metrics *p, struct metrics_registry *m)
{
	p->cpu_seconds = declare(m, "process_cpu_seconds_total", METRICS_COUNTER,
				 "Total user and system CPU time spent in seconds.");
	p->open_fds = declare(m, "process_open_fds", METRICS_GAUGE, "Number of open file descriptors.");
	p->max_fds = declare(m, "process_max_fds", METRICS_GAUGE, "Maximum number of open file descriptors.");
	p->virtual_bytes =
		declare(m, "process_virtual_memory_bytes", METRICS_GAUGE, "Virtual memory size in bytes.");
	p->resident_bytes =
		declare(m, "process_resident_memory_bytes", METRICS_GAUGE, "Resident memory size in bytes.");
	p->start_seconds = declare(m, "process_start_time_seconds", METRICS_GAUGE,
				   "Start time of the process since unix epoch in seconds.");
	if (p->cpu_seconds == NULL || p->open_fds == NULL || p->max_fds == NULL || p->virtual_bytes == NULL ||
	    p->resident_bytes == NULL || p->start_seconds == NULL)
		return -EINVAL;
	process_metrics_refresh(p);
	return 0;
}

/* The name of the program stands in parentheses and may hold anything, parentheses too: fields are counted
 * from the last one. */
static bool read_stat(struct process_stat *out)
{
	char text[1024];
	const char *rest;
	ssize_t n;
	int fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return false;
	n = read(fd, text, sizeof(text) - 1);
	(void)close(fd);
	if (n <= 0)
		return false;
	text[n] = '\0';
	rest = strrchr(text, ')');
	return rest != NULL && sscanf(rest,
				      ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %" SCNu64 " %" SCNu64
				      " %*d %*d %*d %*d %*d %*d %" SCNu64 " %" SCNu64 " %" SCNu64,
				      &out->user_ticks, &out->system_ticks, &out->start_ticks,
				      &out->virtual_bytes, &out->resident_pages) == 5;
}

/* Seconds since 1970 at which the machine was started. */
static bool read_boot_time(uint64_t *out)
{
	char line[256];
	bool found = false;
	FILE *f = fopen("/proc/stat", "re");

	if (f == NULL)
		return false;
	while (!found && fgets(line, sizeof(line), f) != NULL)
		found = sscanf(line, "btime %" SCNu64, out) == 1;
	(void)fclose(f);
	return found;
}

static void refresh_stat(struct process_metrics *p)
{
	double ticks = (double)sysconf(_SC_CLK_TCK);
	struct process_stat stat;
	uint64_t boot;

	if (!read_stat(&stat))
		return;
	metrics_set(p->cpu_seconds, (double)(stat.user_ticks + stat.system_ticks) / ticks);
	metrics_set(p->virtual_bytes, (double)stat.virtual_bytes);
	metrics_set(p->resident_bytes, (double)stat.resident_pages * (double)sysconf(_SC_PAGESIZE));
	if (metrics_value(p->start_seconds) == 0 && read_boot_time(&boot))
		metrics_set(p->start_seconds, (double)boot + (double)stat.start_ticks / ticks);
}

static void refresh_fds(struct process_metrics *p)
{
	size_t count = 0;
	struct rlimit limit;
	DIR *dir = opendir("/proc/self/fd");

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
		metrics_set(p->max_fds, (double)limit.rlim_cur);
	if (dir == NULL)
		return;
	while (readdir(dir) != NULL)
		count++;
	(void)closedir(dir);
	/* Without ".", ".." and the folder's own descriptor. */
	metrics_set(p->open_fds, count > 3 ? (double)(count - 3) : 0);
}

void process_metrics_refresh(struct process_metrics *p)
{
	refresh_stat(p);
	refresh_fds(p);
}
