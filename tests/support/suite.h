/**
 * suite: runs a Check suite the same way in every test program.
 */
#ifndef SUPPORT_SUITE_H
#define SUPPORT_SUITE_H

#include <check.h>
#include <stddef.h>

/** Runs @tests under @name and prints Check's summary. Returns EXIT_SUCCESS or EXIT_FAILURE. Each test may
 * take CK_DEFAULT_TIMEOUT seconds (60 where the environment does not say; Check's own 4 s are too few under
 * valgrind). The last line is `name: N passed, N failed`, which tests/run sums up. */
int suite_run(const char *name, const TTest *const *tests, size_t count);

#endif
