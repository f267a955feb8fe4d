/**
 * bench: what all scenarios share: the server, the programs that are compared, and where the measurements go.
 *
 * A scenario is a function. It prepares the server, and in each round gives every subject its turn in the
 * order of bench_subject(); turn.h has the common parts of a turn. What a scenario needs of the server is its
 * own to make, and it may leave whatever it likes: each gets a server of its own.
 */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "bench/samples.h"
#include "bench/subject.h"
#include "support/api.h"

#define BENCH_CONTROLLER "controller"
#define BENCH_PEER_RS    "peer-rs"
#define BENCH_PEER_GO    "peer-go"
#define BENCH_RAW        "raw"

#define BENCH_READY_MS 300000
#define BENCH_WAIT_MS  300000

enum bench_subject {
	BENCH_SUBJECT_CONTROLLER,
	BENCH_SUBJECT_PEER_RS,
	BENCH_SUBJECT_PEER_GO,
	BENCH_SUBJECT_RAW,
	BENCH_SUBJECTS
};

struct bench {
	const char *kubeconfig;
	const char *logs; /* folder of the subjects' output */
	struct api *api;
	pid_t server; /* the API server's process */
	struct samples *samples;
	struct subject subjects[BENCH_SUBJECTS]; /* path NULL: not there */
	unsigned int rounds;
	bool quick;   /* smaller sizes, to see that it works */
	bool warming; /* what is measured now does not count */
	bool failed;  /* a turn went wrong: said, and left out of the samples */
};

/** What came of a turn whose observer did not see all of it, through no fault of the subject. */
#define BENCH_UNSEEN (-ESTALE)

/** A scenario whose rounds are all alike. */
struct bench_rounds {
	const char *name;
	/** Before each turn: the server as every subject is to find it. NULL: the turns leave it so. Returns
	 * 0 or a negative errno. */
	int (*reset)(struct bench *b, struct error *err);
	/** One subject's turn. Returns 0 or a negative errno. */
	int (*turn)(struct bench *b, unsigned int round, const struct subject *subject, struct error *err);
};

struct bench_scenario {
	const char *name;
	const char *server; /* that it runs on: "kube" */
	const char *what;   /* in a few words */
	/** Returns 0, or a negative errno where it cannot go on. */
	int (*run)(struct bench *b, struct error *err);
};

/** The subject whose turn is the @i-th of a round, by turns from first to last and from last to first (ABBA),
 * without those that are not there; NULL: the round is over. */
const struct subject *bench_subject(const struct bench *b, unsigned int round, size_t i);

/** The same for any list of @n things: the place of the @i-th. */
size_t bench_place(unsigned int round, size_t i, size_t n);

/** All the rounds of a scenario; and before the first one turn (raw's, where it is there) that does not
 * count: a server that has just started is slow (p50 of the first storm 4.6 s instead of 0.4, measured). A
 * turn that goes wrong is told and left out; one whose observer lost sight is taken once more. Returns 0, or
 * a negative errno where the server cannot be reset.
 */
int bench_run_rounds(struct bench *b, const struct bench_rounds *r, struct error *err);

/** @full, or @small where it is only tried out. */
size_t bench_size(const struct bench *b, size_t full, size_t small);

/** Says on standard error what goes on. */
void bench_say(const char *fmt, ...) PRINTF_FORMAT(1, 2);

/** Says whose turn it is, or that it does not count. */
void bench_say_turn(const struct bench *b, const char *scenario, unsigned int round,
		    const struct subject *subject);

/** Says that the turn of @subject in @round went wrong, and why, and remembers it. */
void bench_turn_failed(struct bench *b, const char *scenario, const char *subject, unsigned int round,
		       const struct error *err);

#endif
