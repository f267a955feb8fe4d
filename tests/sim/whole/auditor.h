/**
 * auditor: judges. It reads what leaves each process, what the server commits, and what comes back,
 * and knows nothing else of the processes: their right to write, their terms, what they have seen and what
 * they asked for are books of its own.
 *
 * - *What leaves*: no request of one who leads after the end of his right (send time of the last renewal
 *   that was answered in time + renew deadline, by his own clock); no write to a VMI by one who never led;
 *   no write but to the Lease by a standby; of a VMI its CID and nothing else, while uid, phase and old CID
 *   are those that were read; a CID of the range, in a stripe of a term that he raised himself, or the one
 *   that he asked for before for the same VMI, and none that he may still give to another one; where it is
 *   not known what became of a write, not another one before a look (I4); no watch after a list that was not
 *   whole.
 * - *Each commit*: I1 unique, I2 fixed, I6 valid, and the CID is what was asked for. The Lease is freed by
 *   its holder alone, taken with a higher term, renewed with the last term that its holder has raised and
 *   knows of; it is never counted on from a term below one that the writer has seen on it.
 * - *Each answer that gives a term*: I3, the VMIs and the CR were listed consistently, and nothing older
 *   than three minutes was missing from the view of the VMIs when the raising was decided.
 * - *At rest*: one leader, whom the Lease names; all know all; each VMI that needs a CID has one of its own
 *   and, while the gate is closed, none gets a new one; nobody writes anything any more.
 *
 * Where a CID was drawn outside the own stripes because those were used up, DESIGN does not promise I1: such
 * draws and the duplicates that come of them are counted apart. So are the duplicates of tagged runs, and
 * among these the ones of a writer who could not know that the term had been set back.
 */
#ifndef SIM_WHOLE_AUDITOR_H
#define SIM_WHOLE_AUDITOR_H

#include <stdbool.h>
#include <stdint.h>

#include "apisim/object.h"
#include "sim/whole/letter.h"

struct process;
struct world;

/** A VMI as it is stored. */
struct book {
	char name[24]; /* "" : unused */
	char uid[LETTER_UID_MAX];
	bool wants;
	bool started;
	bool deleting;
	bool has_cid;
	uint32_t cid;
	uint32_t writer; /* process that wrote the CID; 0: somebody else */
	bool overflow;   /* it was drawn outside the own stripes */
	uint32_t writes; /* of ours */
};

#define AUDITOR_BOOKS 64
#define AUDITOR_TERMS 256

struct request {
	char uid[LETTER_UID_MAX];
	uint32_t cid;
	bool overflow;
	bool doubtful; /* it may have been done, or be done later: no answer has said */
	bool unseen;   /* nor has the VMI been looked at since it left */
};

/** A process, while it lives and after. */
struct writer {
	char identity[64];
	bool led;
	bool acts;      /* it has done what only a leader does */
	bool unknowing; /* it has counted on from a term that was set back before it could see the higher one
			 */
	uint64_t right_us;
	uint64_t right_world_us; /* the same in the world's time */
	bool listed_vmis;        /* once, all of them, consistently */
	bool listed_crs;
	bool listing;                  /* no whole list of VMIs has come since it began one */
	uint64_t vmis_rv;              /* newest revision that has reached it, by a whole list or its watch */
	uint64_t lease_rv;             /* likewise of the Lease */
	uint32_t lease_term;           /* then */
	bool lease_is_own;             /* and it was the holder */
	struct known known;            /* of the Lease only */
	uint32_t unanswered;           /* writes to VMIs */
	uint64_t leads_us;             /* since when */
	uint32_t lease_requests;       /* since then, raisings not counted */
	uint32_t terms[AUDITOR_TERMS]; /* that it raised itself; the last ones, in a ring */
	uint32_t term_count;
	struct request *asked;
	uint32_t asked_count, asked_room;
};

struct used {
	uint32_t cid;
	uint64_t until_us;
};

struct lease_book {
	bool exists;
	uint32_t object; /* 1 is the first Lease of the run, 2 the one after it was deleted */
	bool decorated;
	char holder[64];
	uint32_t term;
	uint32_t highest; /* that it has had since it was last taken with a random one */
};

/* A VMI has changed. */
struct change {
	uint64_t rv;
	uint64_t at_us;
};

/* The Lease from a revision on. */
struct lease_page {
	uint64_t rv;
	uint32_t object; /* 0: none */
	uint32_t term;
	char holder[64];
};

struct auditor {
	struct writer *writers; /* by serial */
	uint32_t writer_room;
	struct book books[AUDITOR_BOOKS];
	struct used *used; /* CIDs that somebody had, or was to have */
	uint32_t used_count, used_room;
	struct lease_book lease;
	uint32_t lease_objects; /* so far */
	struct change *changes; /* all, in order */
	uint32_t change_count, change_room;
	struct lease_page *lease_pages; /* all, in order */
	uint32_t lease_page_count, lease_page_room;
	uint64_t last_write_us; /* to a VMI, by one of us */
	bool awaiting;          /* a leader has ended, another process is ready to lead */
	uint64_t ended_us;
	uint64_t patience_us;
};

/** Empties all books. */
void auditor_reset(struct world *w);

void auditor_started(struct process *p);

/** @p begins to end, or is killed. */
void auditor_ending(struct process *p, bool killed);
void auditor_ended(struct process *p);

/** @p gives up by itself. */
void auditor_failed(struct process *p);

/** A request leaves @p now. */
struct posted {
	const char *method;
	const char *path; /* with the query */
	const char *body;
	size_t body_len;
	struct known known;
};

/** @p decides to send something: *out is what it knows now. */
void auditor_decided(struct process *p, struct known *out);

/** Fills in *letter. */
void auditor_sent(struct process *p, const struct posted *r, struct letter *letter);

/** @text has reached @p, in answer to @letter: all of an answer, or an event of a watch. */
void auditor_heard(struct process *p, const struct letter *letter, const char *text, size_t len);

/** @p will hear no more about @letter. @status: of the whole answer; 0: there was none that could be read. */
void auditor_answered(struct process *p, const struct letter *letter, int status);

/** Something is about to be stored or removed, because of @cause. */
void auditor_put(struct world *w, const struct object *o, struct letter *cause);
void auditor_removed(struct world *w, const struct object *last, const struct letter *cause);

/** Somebody does to the Lease what stands outside of I1. */
void auditor_tagged_act(struct world *w);

/** The VMI called @name, NULL where there is none. */
const struct book *auditor_book(const struct world *w, const char *name);

/** Whether all is as it should be at rest; else *why says what is not. */
bool auditor_is_settled(struct world *w, const char **why);

#endif
