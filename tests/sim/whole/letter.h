/**
 * letter: what a request says, as the auditor read it when it left its process. It travels with the request,
 * so that whatever the server commits can be held against who asked for it, when and by what right.
 */
#ifndef SIM_WHOLE_LETTER_H
#define SIM_WHOLE_LETTER_H

#include <stdbool.h>
#include <stdint.h>

#define LETTER_UID_MAX 40

enum letter_kind {
	LETTER_READ,
	LETTER_VMI,   /* a write to a VMI */
	LETTER_LEASE, /* a write to a Lease */
	LETTER_OTHER, /* any other write */
};

/* What the auditor has seen reach a process when that decided to send a request. */
struct known {
	uint64_t
		stale_us; /* by its clock: since the first change of a VMI that has not reached it; 0: none */
	uint32_t lease_object; /* the Lease that it has seen last (struct lease_book); 0: none */
	uint32_t highest;      /* term that it has seen of that one, or raised to itself after */
};

struct letter {
	enum letter_kind kind;
	uint32_t process; /* serial; 0: the cluster itself */
	uint64_t sent_us; /* boot clock of the process */
	uint64_t left_us; /* the same in the world's time */
	bool repeatable;  /* a proxy may send it again: all but POST */
	bool about_lease; /* by its name */
	bool custom;      /* about kubevirt.io */
	struct known known;
	/* READ: what the answer shows. */
	bool watches;     /* it is a stream of events */
	bool streams;     /* and begins with a list, up to an end mark */
	bool shows_vmis;  /* a list of all of them, or their watch */
	bool shows_vmi;   /* one of them */
	bool shows_lease; /* likewise, or the Lease alone; also of what a write answers */
	bool lists_vmis;  /* a consistent list of all of them: I3 */
	bool lists_crs;   /* likewise of the KubeVirt CRs */
	/* VMI: what it asks for. */
	char uid[LETTER_UID_MAX];
	uint32_t cid;
	bool guarded; /* only if uid, phase and CID, or its absence, are still those that were read */
	/* LEASE: what it writes. */
	bool claims; /* holder is the process */
	bool frees;  /* holder is nobody */
	uint32_t term;
	/* Filled in by the server. */
	bool raised;       /* it has changed the term */
	uint64_t lease_rv; /* of the Lease that it has written */
};

struct posted;

/** Fills in what the request @r of the process called @identity says; the rest stays as it is. */
void letter_read(struct letter *letter, const struct posted *r, const char *identity);

#endif
