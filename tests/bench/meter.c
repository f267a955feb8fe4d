#include "bench/meter.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

static long long to_us(const struct timespec *t)
{
	return (long long)t->tv_sec * 1000000 + t->tv_nsec / 1000;
}

long long meter_now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return to_us(&now);
}

long long meter_cpu_us(pid_t pid)
{
	struct timespec used;
	clockid_t clock;

	if (pid <= 0 || clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &used) != 0)
		return -1;
	return to_us(&used);
}

int meter_memory_read(pid_t pid, struct meter_memory *out)
{
	char path[64];
	char line[256];
	FILE *file;

	*out = (struct meter_memory){0};
	(void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	file = fopen(path, "re");
	if (file == NULL)
		return -ESRCH;
	while (fgets(line, sizeof(line), file) != NULL) {
		char name[32];
		long kb;

		if (sscanf(line, "%31[^:]: %ld kB", name, &kb) != 2)
			continue;
		if (strcmp(name, "VmRSS") == 0)
			out->rss = kb;
		else if (strcmp(name, "RssAnon") == 0)
			out->anon = kb;
		else if (strcmp(name, "VmHWM") == 0)
			out->peak = kb;
	}
	fclose(file);
	return out->rss > 0 ? 0 : -ESRCH;
}

static long file_kb(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 ? (long)((st.st_size + 1023) / 1024) : 0;
}

int meter_files_read(pid_t pid, struct meter_files *out)
{
	char last[PATH_MAX] = "";
	char line[PATH_MAX + 256];
	char path[64];
	FILE *file;

	*out = (struct meter_files){0};
	(void)snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
	file = fopen(path, "re");
	if (file == NULL)
		return errno == EACCES ? -EACCES : -ESRCH;
	/* All mappings of a file stand together. */
	while (fgets(line, sizeof(line), file) != NULL) {
		char *name = strchr(line, '/');

		if (name == NULL)
			continue;
		name[strcspn(name, "\n")] = '\0';
		if (strcmp(name, last) != 0)
			out->all += file_kb(name);
		(void)snprintf(last, sizeof(last), "%s", name);
	}
	fclose(file);
	(void)snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
	out->program = file_kb(path);
	return 0;
}
