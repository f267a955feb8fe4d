/**
 * meter: what a process has used so far, by its pid, and the clock that all of tests/bench measures with.
 *
 * Any process of this user can be asked, not only a child. Linux only.
 */
#ifndef BENCH_METER_H
#define BENCH_METER_H

#include <sys/types.h>

/** CLOCK_MONOTONIC in microseconds. */
long long meter_now_us(void);

/** CPU time of the process in microseconds, user and system, of all its threads, ended ones included: the
 * scheduler's own figure, which is finer than the clock ticks of /proc/PID/stat. -1 where there is no such
 * process. */
long long meter_cpu_us(pid_t pid);

/** In KiB, as /proc/PID/status has them. */
struct meter_memory {
	long rss;
	long anon; /* RssAnon: without the pages of files such as shared libraries */
	long peak; /* VmHWM */
};

/** Returns 0, or -ESRCH with *out zeroed. */
int meter_memory_read(pid_t pid, struct meter_memory *out);

/** Bytes of the files that a process has mapped, in KiB: of its program alone, and with all shared libraries.
 */
struct meter_files {
	long program;
	long all;
};

/** Returns 0, -ESRCH or -EACCES with *out zeroed. */
int meter_files_read(pid_t pid, struct meter_files *out);

#endif
