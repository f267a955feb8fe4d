/**
 * observer: somebody who watches all VMIs beside the program that is measured, and notes when each was seen
 * first, and when first with a CID.
 *
 * A thread of its own, so that the moments are those at which the bytes came in. What it notes may be read
 * while it runs. Numbers are those in the VMIs' names.
 */
#ifndef BENCH_OBSERVER_H
#define BENCH_OBSERVER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct observer;

/** Watches from the present state on (the watch runs when it returns), for VMIs with the numbers below
 * @count. On success observer_close() is due. Returns 0, -EIO (the server's fault), -EINVAL and its like (the
 * kubeconfig's), -ENOMEM. */
int observer_open(struct observer **out, const char *kubeconfig, size_t count, struct error *err);

void observer_close(struct observer *o); /* NULL is fine */

/** 0, or a negative errno once the watch has ended for good. */
int observer_state(const struct observer *o);

/** How often the watch has ended and was begun anew where it had ended: events were late then. */
unsigned int observer_restarts(const struct observer *o);

/** Waits until so many changes of VMIs were seen that hold a CID afterwards. Errors as
 * observer_await_served(). */
int observer_await_updates(const struct observer *o, size_t updates, int timeout_ms);

/** How many of the VMIs @from .. @to - 1 have been seen with a CID. */
size_t observer_served(const struct observer *o, size_t from, size_t to);

/** Waits until all of them have been. Returns 0, -ETIMEDOUT, or observer_state(). */
int observer_await_served(const struct observer *o, size_t from, size_t to, int timeout_ms);

/** When the first of them was added, and when the last of them got its CID; 0: none was. */
long long observer_first_added_us(const struct observer *o, size_t from, size_t to);
long long observer_last_served_us(const struct observer *o, size_t from, size_t to);

/** From added to served in milliseconds, ascending, of all of them that were both. The caller's to free(); *n
 * says how many. NULL without memory. */
double *observer_latencies_ms(const struct observer *o, size_t from, size_t to, size_t *n);

/** How many of them hold a CID that a lower number holds, too. */
size_t observer_duplicates(const struct observer *o, size_t from, size_t to);

#endif
