/**
 * stay: for programs that have said what they measured and are to be ended by who started them, as everybody
 * else who is measured is.
 */
#ifndef BENCH_STAY_H
#define BENCH_STAY_H

/** To be called first: from now on SIGTERM and SIGINT wait. */
void stay_begin(void);

/** Waits for one of them. Returns EXIT_SUCCESS. */
int stay_until_told(void);

#endif
