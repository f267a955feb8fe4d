/*
 * stripes: why term stripes keep CIDs unique (invariant I1), for spin.
 *
 * Three candidates for one Lease give CIDs to VMIs. Whatever time decides is left open: the Lease may be taken to
 * be expired at any moment; a leader may stop anywhere and go on later without noticing that it has lost; a write
 * lands late or never, its answer arrives or not; caches are stale; people edit the Lease. There is no clock, and
 * nothing rests on there being one leader at a time. All that is left of time is counted in *terms that go by*,
 * under three assumptions, LATE, STALE and STEP below. The claim, and its limit (one more, and it fails):
 *
 *     no two VMIs ever hold the same CID, if LATE + STALE + STEP <= K + 1
 *
 * The numbers of terms, leaders, crashes, edits and VMIs that follow each other under one name are not bounded:
 * what counts them wraps or saturates.
 *
 * What can only keep a candidate from writing is left out: here it may write where the code would wait or know
 * better. So there is no deadline of the right to write, no wait for the Lease to expire and no quarantine; a CID is
 * free for all the moment its VMI is gone, and for who asked for it the moment that its write can land no more; and
 * nothing is sent whose tests the server would find not to hold.
 *
 * Chosen by -D: bounds, assumptions, what people do by hand (HAND_*), what is outside the claim (OUTSIDE_*),
 * deliberate bugs (BUG_*), and what has to be reachable (WITNESS_*). claim.md explains them, run.sh runs them.
 */

/* What some bugs need besides. */
#if defined(BUG_NO_CAS) || defined(BUG_TRUST_UNKNOWN)
#define REMEMBERS_READ
#endif
#if defined(BUG_NO_UID) || defined(BUG_FREE_UNKNOWN)
#define FORGETS
#endif
#if defined(BUG_RENEW_OTHER) || defined(BUG_RENEW_BACK)
#define OLD_TERMS_MATTER
#endif

/* ---- bounds ---- */

#ifndef K
#define K 4 /* stripes, 3 .. 8; CID_STRIPES: 32,768 */
#endif
#ifndef SLOTS
#define SLOTS 1 /* CIDs of a stripe, 1 or 2; 65,536 of the default range */
#endif
#ifndef VMIS
#define VMIS 2 /* 2 or 3 */
#endif

/* ---- assumptions ---- */

/* A write lands before LATE terms have gone by since its writer's right was last confirmed, that is since its last
 * successful write of the Lease; or it never lands. (Renew deadline, a pause after the last look at the clock, the
 * network's own retries, the server's time-out.) */
#ifndef LATE
#define LATE 2
#endif
/* Who raises the term has a cache that lacks nothing but what landed while the last STALE terms went by; 1: in the
 * present term. (lib/kube/freshness: 3 minutes.) */
#ifndef STALE
#define STALE 2
#endif
/* A candidate raises the term by at most STEP, 1 .. 3, at once. (ELECTION_MAX_STEP: 64.) */
#ifndef STEP
#define STEP 1
#endif

/* After the largest term comes 0; their number is a multiple of K (2^31 of 2^15). */
#ifndef TERMS
#ifdef BUG_WRAP
#define TERMS (2 * K - 1)
#else
#define TERMS (2 * K)
#endif
#endif
#define STRIPE(term)  ((term) % K)
#define PLUS(term, d) (((term) + (d)) % TERMS)

/* ---- the API server ---- */

typedef Lease {
	byte term;   /* spec.leaseTransitions */
	byte holder; /* spec.holderIdentity: a candidate that lives, or NOBODY */
	bool absent; /* deleted */
	bool edited; /* its term was set by hand, and may be lower than one that was seen */
}
#define NOBODY 3

typedef Vmi {
	byte cid; /* status.VSOCKCID, 0: absent */
	byte age; /* terms that went by since that landed, at most STALE */
}

Lease lease;
Vmi vmi[VMIS]; /* by name: one object of each name exists */

/* ---- the candidates ---- */

typedef Candidate {
	/* lib/kube/election */
	bool unanswered; /* it wrote the Lease; the answer is under way, and gives it ... */
	byte raised;     /* ... this term, of which ... */
	byte raised_age; /* ... so many terms have gone by since, at most LATE */
	bool leading;
	byte term;       /* the one that it raised last, by a write that was answered with success */
	byte age;        /* terms that went by since its right was confirmed, at most LATE */

	/* controller/allocator, assigner and the network */
	bool lacks[VMIS]; /* its cache does not show the CID that this VMI has */
	byte asked[VMIS]; /* the CID that it asked for for this VMI; 0: none */
	byte lives[VMIS]; /* that write lands before so many more terms have gone by, or never */

#ifdef OUTSIDE_DELETED
	bool orphan; /* the object that it took was deleted: another uid */
#endif
#ifdef REMEMBERS_READ
	bool has_read;
	byte known; /* the Lease's term then */
#endif
#ifdef FORGETS
	bool forgot[VMIS]; /* the write of asked is under way, but the CID is not held */
#endif
}

Candidate cand[3];

#define EACH_CANDIDATE(step) step(0) step(1) step(2)
#if VMIS == 3
#define EACH_VMI(step)          step(0) step(1) step(2)
#define EACH_VMI_OF(step, p)    step(p, 0) step(p, 1) step(p, 2)
#define ANY_VMI(test, p, x)     (test(p, 0, x) || test(p, 1, x) || test(p, 2, x))
#else
#define EACH_VMI(step)          step(0) step(1)
#define EACH_VMI_OF(step, p)    step(p, 0) step(p, 1)
#define ANY_VMI(test, p, x)     (test(p, 0, x) || test(p, 1, x))
#endif
#define MIN(a, b)   ((a) < (b) -> (a) : (b))
#define MINUS(a, b) ((a) > (b) -> (a) - (b) : 0)

#ifdef FORGETS
#define FORGOT(p, v)           cand[p].forgot[v]
#define SET_FORGOT(p, v, what) cand[p].forgot[v] = what;
#else
#define FORGOT(p, v)           false
#define SET_FORGOT(p, v, what)
#endif

/* ---- terms go by ---- */

/* A write that can land no more; only the bug that asks again for ever still knows of it. */
#ifdef BUG_ASK_AGAIN
#define IS_DEAD(p, v) (cand[p].lives[v] == 0 && !cand[p].leading)
#else
#define IS_DEAD(p, v) (cand[p].lives[v] == 0)
#endif
#define BURY(p, v) \
	cand[p].asked[v] = (IS_DEAD(p, v) -> 0 : cand[p].asked[v]); \
	SET_FORGOT(p, v, FORGOT(p, v) && !IS_DEAD(p, v))

/* A term from which nothing can land is as good as none. */
#ifdef OLD_TERMS_MATTER
#define IS_PAST(age) false
#else
#define IS_PAST(age) ((age) == LATE)
#endif

#define AGE_WRITE(p, v) \
	cand[p].lives[v] = MINUS(cand[p].lives[v], BY); \
	BURY(p, v)
#define AGE_CANDIDATE(p) \
	cand[p].age = (cand[p].leading -> MIN(cand[p].age + BY, LATE) : 0); \
	cand[p].raised_age = (cand[p].unanswered -> MIN(cand[p].raised_age + BY, LATE) : 0); \
	cand[p].term = (IS_PAST(cand[p].age) -> 0 : cand[p].term); \
	cand[p].raised = (IS_PAST(cand[p].raised_age) -> 0 : cand[p].raised); \
	EACH_VMI_OF(AGE_WRITE, p)
#define AGE_VMI(v) \
	vmi[v].age = (vmi[v].cid != 0 -> MIN(vmi[v].age + BY, STALE) : 0);

#ifdef ONLY_CLEAR
/* Terms that went by since the Lease had a term of this stripe that a candidate had raised. */
#define RECENT (LATE + STALE - 1)
byte since[K] = RECENT;
#define IS_CLEAR(t)   (since[STRIPE(t)] == RECENT)
#define AGE_STRIPE(s) since[s] = MIN(since[s] + BY, RECENT);
#define SET_SINCE(t)  since[STRIPE(t)] = 0;
#else
#define IS_CLEAR(t)   true
#define AGE_STRIPE(s)
#define SET_SINCE(t)
#endif

#if K == 3
#define EACH_STRIPE(step) step(0) step(1) step(2)
#elif K == 4
#define EACH_STRIPE(step) step(0) step(1) step(2) step(3)
#elif K == 5
#define EACH_STRIPE(step) step(0) step(1) step(2) step(3) step(4)
#elif K == 6
#define EACH_STRIPE(step) step(0) step(1) step(2) step(3) step(4) step(5)
#elif K == 7
#define EACH_STRIPE(step) step(0) step(1) step(2) step(3) step(4) step(5) step(6)
#elif K == 8
#define EACH_STRIPE(step) step(0) step(1) step(2) step(3) step(4) step(5) step(6) step(7)
#endif

#define BY d
inline go_by(d)
{
	EACH_VMI(AGE_VMI)
	EACH_CANDIDATE(AGE_CANDIDATE)
	EACH_STRIPE(AGE_STRIPE)
}

/* ---- the Lease ---- */

/* Every write of the Lease is a compare-and-swap on the version (resourceVersion and uid) that was read: it is applied
 * if nobody has written in between, so that reading and writing are as one step, and else changes nothing. */
#ifdef BUG_NO_CAS
#define BASE(p)      cand[p].known
#define MAY_WRITE_LEASE(p) cand[p].has_read
#else
#define BASE(p)      lease.term
#define MAY_WRITE_LEASE(p) true
#endif
#ifdef REMEMBERS_READ
#define SET_READ(p, yes, t) cand[p].has_read = yes; cand[p].known = t;
#else
#define SET_READ(p, yes, t)
#endif

/* The write of p is applied; d terms go by. The answer is a step of its own. (raised comes first: the arguments of an
 * inline are text.) */
inline raise_lease(p, to, d)
{
	go_by(d);
	cand[p].raised = to;
	cand[p].raised_age = 0;
	cand[p].unanswered = true;
	lease.term = cand[p].raised;
	lease.holder = p;
	SET_SINCE(lease.term)
	SET_READ(p, false, 0)
}

inline close_answer(p)
{
	cand[p].unanswered = false;
	cand[p].raised = 0;
	cand[p].raised_age = 0;
}

/* I3. The cache of who campaigns lacks at most what is recent. It is set as bad as it may be: it may see more at
 * once. */
#ifdef BUG_STALE_CAMPAIGN
#define MAY_LACK(v) (vmi[v].cid != 0)
#else
#define MAY_LACK(v) (vmi[v].cid != 0 && vmi[v].age < STALE)
#endif
#define REFRESH(p, v) cand[p].lacks[v] = MAY_LACK(v);

#define LACKS_OLD(p, v, x) (cand[p].lacks[v] && vmi[v].age == STALE)
#ifdef BUG_STALE_RAISE
#define IS_FRESH(p) true
#else
#define IS_FRESH(p) (!ANY_VMI(LACKS_OLD, p, 0))
#endif

/* The cache of a standby is of no use before it campaigns. */
#define FORGET_CACHE(p, v) cand[p].lacks[v] = false;

/* ---- CIDs ---- */

/* In use as far as p knows: shown by its cache, or asked for (I5). */
#define HOLDS(p, v, c) ((vmi[v].cid == (c) && !cand[p].lacks[v]) || (cand[p].asked[v] == (c) && !FORGOT(p, v)))
#ifdef BUG_DRAW_BLIND
#define IS_FREE(p, c)  true
#else
#define IS_FREE(p, c)  (!ANY_VMI(HOLDS, p, c))
#endif

#ifdef BUG_NO_STRIPES
#define CID(stripe, slot) (1 + (slot)) /* one range for all */
#else
#define CID(stripe, slot) (1 + (stripe) + K * (slot))
#endif

/* What a write needs to land: it is not too late, and the tests (this uid, no CID yet) hold. */
#define MAY_WRITE(p, v) (cand[p].leading && cand[p].age < LATE && vmi[v].cid == 0)

inline send(p, v, c)
{
	cand[p].asked[v] = c;
	cand[p].lives[v] = LATE - cand[p].age;
}

#define DROP_WRITE(p, v) \
	cand[p].asked[v] = 0; \
	cand[p].lives[v] = 0; \
	SET_FORGOT(p, v, false)

/* The others do not see it yet. Whoever wrote it held it as asked for, and holds it on as shown. No other write for
 * this object can land after it, unless somebody else removes the CID again. */
#define HAS_CACHE(p) (cand[p].leading || cand[p].unanswered)
#define DID_WRITE(p) (cand[p].asked[NEW] == vmi[NEW].cid)
#define MISS(p) \
	cand[p].lacks[NEW] = (HAS_CACHE(p) && (!DID_WRITE(p) || FORGOT(p, NEW))); \
	END_WRITE(p)
#ifdef HAND_REMOVE
#define END_WRITE(p) \
	cand[p].lives[NEW] = (DID_WRITE(p) -> 0 : cand[p].lives[NEW]); \
	BURY(p, NEW)
#else
#define END_WRITE(p) DROP_WRITE(p, NEW)
#endif

#define SAME_CID(v, w, x) (v != w && vmi[v].cid == vmi[w].cid)

/* States without which the check would prove little: each has to be reachable, so each of these has to fail. */
#ifdef WITNESS_REUSE
byte giver[K * SLOTS + 1];
#endif
#if defined(WITNESS_LATE)
#define CHECK_WITNESS(p, v) assert(HAS_CACHE(p)); /* nothing lands after its writer has ended */
#elif defined(WITNESS_OVERLAP)
#define CHECK_WITNESS(p, v) assert(!cand[p].leading || cand[p].age == 0); /* nor after the next term was raised */
#elif defined(WITNESS_STALE)
#define CHECK_WITNESS(p, v) assert(!ANY_VMI(LACKS, p, 0)); /* nor of a writer with a stale cache */
#define LACKS(p, v, x)      cand[p].lacks[v]
#elif defined(WITNESS_REUSE)
#define CHECK_WITNESS(p, v) /* nor one CID of two writers */ \
	assert(giver[cand[p].asked[v]] == 0 || giver[cand[p].asked[v]] == p + 1); \
	giver[cand[p].asked[v]] = p + 1;
#else
#define CHECK_WITNESS(p, v)
#endif

/* The server applies the write of p. */
#define NEW v
inline land(p, v)
{
	CHECK_WITNESS(p, v)
	vmi[v].cid = cand[p].asked[v];
	vmi[v].age = 0;
	EACH_CANDIDATE(MISS)
	assert(!ANY_VMI(SAME_CID, v, 0)); /* I1 */
}

/* ---- what a candidate does: any of this, in any order, at any time ---- */

/* Standbys are alike, their names matter to leaders only: of two idle neighbours the first one moves. */
#if defined(OLD_TERMS_MATTER) || defined(REMEMBERS_READ)
#define IS_NEXT(p) true
#else
#define IS_IDLE(p) (!HAS_CACHE(p) && !ANY_VMI(HAS_ASKED, p, 0))
#define IS_NEXT(p) (p == 0 || !IS_IDLE(p - 1) || !IS_IDLE(p))
#define HAS_ASKED(p, v, x) (cand[p].asked[v] != 0)
#endif
#define IS_STANDBY(p) (!cand[p].leading && !cand[p].unanswered && IS_NEXT(p))

/* By its own name in the object (uid) that it took. */
#ifdef OUTSIDE_DELETED
#define IS_ORPHAN(p)        cand[p].orphan
#define SET_ORPHAN(p, what) cand[p].orphan = what;
#else
#define IS_ORPHAN(p)        false
#define SET_ORPHAN(p, what)
#endif
#define OWNS_LEASE(p) \
	(cand[p].leading && !cand[p].unanswered && lease.holder == p && !lease.absent && !IS_ORPHAN(p))

/* A term that was counted up from one that was lowered, or from none, would be a recent one again. */
#ifdef BUG_PLAIN_COMPARE
#define SEEMS_SET_BACK (lease.term < K) /* lower than those before 0 came again */
#else
#define SEEMS_SET_BACK lease.edited
#endif

/* A leader reads the Lease and finds its own name and the uid that it knows. It renews, which changes nothing here;
 * or it raises the term: for room, and always where the Lease has another term than its own. */
#define RAISE(d) \
	:: d_step { OWNS_LEASE(p) && MAY_WRITE_LEASE(p) && IS_FRESH(p) && IS_CLEAR(PLUS(BASE(p), d)) -> \
		printf("%d, leading, raises the term by %d\n", p, d); \
		raise_lease(p, PLUS(BASE(p), d), d) }

/* It finds no Lease, or one whose term was set back: it starts from a random term (below half of all). */
#define RESTART(t) \
	:: d_step { IS_STANDBY(p) && (lease.absent || SEEMS_SET_BACK) && IS_CLEAR(t) -> \
		printf("%d starts anew with term %d\n", p, t); \
		EACH_VMI_OF(REFRESH, p) \
		SET_ORPHAN(p, false) \
		raise_lease(p, t, 1); \
		lease.absent = false; \
		lease.edited = false } \
	:: d_step { OWNS_LEASE(p) && SEEMS_SET_BACK && IS_FRESH(p) && IS_CLEAR(t) -> \
		printf("%d, leading, starts anew with term %d\n", p, t); \
		raise_lease(p, t, 1); \
		lease.edited = false }

#define SEE(v) \
	:: d_step { cand[p].lacks[v] -> \
		printf("%d sees the CID of VMI %d\n", p, v); \
		cand[p].lacks[v] = false }

#define DRAW(v, stripe, slot) \
	:: d_step { MAY_WRITE(p, v) && cand[p].asked[v] == 0 && IS_FREE(p, CID(stripe, slot)) -> \
		printf("%d asks for CID %d for VMI %d\n", p, CID(stripe, slot), v); \
		send(p, v, CID(stripe, slot)) }
#if SLOTS == 2 || defined(BUG_NO_STRIPES)
#define DRAW_OWN(v) DRAW(v, STRIPE(cand[p].term), 0) DRAW(v, STRIPE(cand[p].term), 1)
#else
#define DRAW_OWN(v) DRAW(v, STRIPE(cand[p].term), 0)
#endif

/* Its own stripe is used up: any other one. */
#define DRAW_OTHER(s) EACH_VMI_OF(DRAW_OTHER_FOR, s)
#define DRAW_OTHER_FOR(s, v) \
	:: d_step { MAY_WRITE(p, v) && cand[p].asked[v] == 0 && IS_FREE(p, CID(s, 0)) && \
		    !IS_FREE(p, CID(STRIPE(cand[p].term), 0)) -> \
		printf("%d asks for CID %d of another stripe for VMI %d\n", p, CID(s, 0), v); \
		send(p, v, CID(s, 0)) }

#define LAND(v) \
	:: d_step { cand[p].lives[v] > 0 && vmi[v].cid == 0 -> \
		printf("CID %d, asked for by %d, lands on VMI %d\n", cand[p].asked[v], p, v); \
		land(p, v) }

#define ASK_AGAIN(v) \
	:: d_step { MAY_WRITE(p, v) && cand[p].asked[v] != 0 && cand[p].lives[v] < LATE - cand[p].age -> \
		printf("%d asks again for CID %d for VMI %d\n", p, cand[p].asked[v], v); \
		send(p, v, cand[p].asked[v]) }

#define LET_GO(v) \
	:: d_step { cand[p].leading && cand[p].lives[v] > 0 && !FORGOT(p, v) -> \
		printf("%d does not hold CID %d any more\n", p, cand[p].asked[v]); \
		SET_FORGOT(p, v, true) }

#define TAKE_FOR_GONE(v) \
	:: d_step { cand[p].leading && vmi[v].cid != 0 && !cand[p].lacks[v] -> \
		printf("%d takes VMI %d for gone\n", p, v); \
		cand[p].lacks[v] = true }

#define FORGET_DEAD(p, v) \
	cand[p].lacks[v] = false; \
	BURY(p, v)

proctype candidate(byte p)
{
end:	do
	/* A standby reads the Lease and writes: holder = p, the next term. */
	:: d_step { IS_STANDBY(p) && MAY_WRITE_LEASE(p) && !lease.absent && IS_CLEAR(PLUS(BASE(p), 1)) ->
		printf("%d takes the Lease\n", p);
		EACH_VMI_OF(REFRESH, p)
		SET_ORPHAN(p, false)
		raise_lease(p, PLUS(BASE(p), 1), 1) }

	RAISE(1)
#if STEP > 1
	RAISE(2)
#endif
#if STEP > 2
	RAISE(3)
#endif
#if defined(OUTSIDE_DELETED) || defined(OUTSIDE_EDITED) || defined(BUG_PLAIN_COMPARE)
	EACH_STRIPE(RESTART)
#endif

	/* The answer to that write: now it has the term. */
	:: d_step { cand[p].unanswered ->
		printf("%d leads with term %d\n", p, cand[p].raised);
		cand[p].leading = true;
		cand[p].term = cand[p].raised;
		cand[p].age = cand[p].raised_age;
		close_answer(p) }

	/* No answer: that gives it nothing, whatever the Lease says; it has to write again. */
	:: d_step { cand[p].unanswered && cand[p].leading ->
		printf("%d, leading, gets no answer\n", p);
		close_answer(p) }
	:: d_step { cand[p].unanswered && !cand[p].leading ->
		printf("%d, a standby, gets no answer\n", p);
		EACH_VMI_OF(FORGET_CACHE, p)
		close_answer(p) }

	/* The end: it has lost the Lease and noticed it; or it crashes. A new process takes its place, with another name
	 * (LE-2). What it sent stays under way. */
	:: d_step { cand[p].leading ->
		printf("%d ends\n", p);
		cand[p].leading = false;
		cand[p].term = 0;
		cand[p].age = 0;
		close_answer(p);
		SET_ORPHAN(p, false)
		SET_READ(p, false, 0)
		EACH_VMI_OF(FORGET_DEAD, p)
		lease.holder = (lease.holder == p -> NOBODY : lease.holder) }

	/* Watching, and giving CIDs. Asking for the same CID again, while the term is the same, is the same write. */
	EACH_VMI(SEE)
	EACH_VMI(DRAW_OWN)
	EACH_VMI(LAND)
#ifdef OUTSIDE_FULL
	EACH_STRIPE(DRAW_OTHER)
#endif

	/* Deliberate bugs. */
#ifdef REMEMBERS_READ
	:: d_step { !cand[p].unanswered && !cand[p].has_read ->
		printf("%d reads the Lease\n", p);
		SET_READ(p, true, lease.term) }
#endif
#ifdef BUG_TRUST_UNKNOWN
	:: d_step { IS_STANDBY(p) && cand[p].has_read && cand[p].known != lease.term ->
		printf("%d is refused the Lease, does not learn it, and leads with term %d\n", p, PLUS(cand[p].known, 1));
		EACH_VMI_OF(REFRESH, p)
		cand[p].leading = true;
		cand[p].term = PLUS(cand[p].known, 1);
		SET_READ(p, false, 0) }
#endif
#ifdef BUG_LEAD_BY_NAME
	:: d_step { IS_STANDBY(p) && lease.holder == p ->
		printf("%d finds its name and leads with term %d\n", p, lease.term);
		EACH_VMI_OF(REFRESH, p)
		cand[p].leading = true;
		cand[p].term = lease.term }
#endif
#ifdef BUG_ADOPT_TERM
	:: d_step { OWNS_LEASE(p) && cand[p].term != lease.term ->
		printf("%d, leading, finds its name and takes on term %d\n", p, lease.term);
		cand[p].term = lease.term;
		cand[p].age = 0 }
#endif
#ifdef BUG_RENEW_OTHER
	:: d_step { OWNS_LEASE(p) && cand[p].term != lease.term ->
		printf("%d, leading with term %d, renews the Lease with term %d\n", p, cand[p].term, lease.term);
		cand[p].age = 0 }
#endif
#ifdef BUG_RENEW_BACK
	:: d_step { OWNS_LEASE(p) && cand[p].term != lease.term ->
		printf("%d, leading, writes its term %d over term %d\n", p, cand[p].term, lease.term);
		cand[p].age = 0;
		lease.term = cand[p].term }
#endif
#ifdef BUG_ASK_AGAIN
	EACH_VMI(ASK_AGAIN)
#endif
#ifdef BUG_FREE_UNKNOWN
	EACH_VMI(LET_GO)
#endif
#ifdef BUG_TAKE_FOR_GONE
	EACH_VMI(TAKE_FOR_GONE)
#endif
	od
}

/* ---- what others do ---- */

/* A VMI is deleted and created anew under its name: another uid. A write for the old one fails on its test. */
#ifdef BUG_NO_UID
#define MISS_TARGET(p) SET_FORGOT(p, GONE, cand[p].lives[GONE] > 0)
#else
#define MISS_TARGET(p) DROP_WRITE(p, GONE)
#endif
#define LOSE_SIGHT(p) \
	cand[p].lacks[GONE] = false; \
	MISS_TARGET(p)
#define GONE v
inline replace(v)
{
	vmi[v].cid = 0;
	vmi[v].age = 0;
	EACH_CANDIDATE(LOSE_SIGHT)
}
#define REPLACE(v) \
	:: d_step { vmi[v].cid != 0 || cand[0].asked[v] != 0 || cand[1].asked[v] != 0 || cand[2].asked[v] != 0 -> \
		printf("VMI %d is replaced\n", v); \
		replace(v) }

/* Somebody else removes the CID from the status. (Nobody else sets one: uniqueness is about our own writes.) */
#define OVERLOOK(p) cand[p].lacks[GONE] = false;
inline remove(v)
{
	vmi[v].cid = 0;
	vmi[v].age = 0;
	EACH_CANDIDATE(OVERLOOK)
}
#define REMOVE(v) \
	:: d_step { vmi[v].cid != 0 -> \
		printf("by hand: CID %d removed from VMI %d\n", vmi[v].cid, v); \
		remove(v) }

#define EDIT_HOLDER(who) \
	:: d_step { !lease.absent && lease.holder != who -> \
		printf("by hand: holder %d\n", who); \
		lease.holder = who }

/* Raised by hand: terms go by that are nobody's. */
#define HAND_RAISE(d) \
	:: d_step { !lease.absent -> \
		printf("by hand: term + %d\n", d); \
		go_by(d); \
		lease.term = PLUS(lease.term, d) }

/* Set by hand, lower or far higher, so that recent stripes come again. */
#define SET_TERM(d) \
	:: d_step { !lease.absent && d != 0 -> \
		printf("by hand: term %d\n", PLUS(lease.term, d)); \
		lease.term = PLUS(lease.term, d); \
		lease.edited = true }

#define MAKE_ORPHAN(p) SET_ORPHAN(p, HAS_CACHE(p))

proctype others()
{
end:	do
	EACH_VMI(REPLACE)
#ifdef HAND_REMOVE
	EACH_VMI(REMOVE)
#endif
#ifdef HAND_HOLDER
	EACH_CANDIDATE(EDIT_HOLDER)
#endif
#ifdef HAND_RAISE_TERM
	HAND_RAISE(1)
	HAND_RAISE((K - 1))
#endif
#ifdef OUTSIDE_EDITED
	EACH_STRIPE(SET_TERM)
#endif
#ifdef OUTSIDE_DELETED
	:: d_step { !lease.absent ->
		printf("by hand: the Lease is deleted\n");
		lease.absent = true;
		lease.term = 0;
		lease.holder = NOBODY;
		EACH_CANDIDATE(MAKE_ORPHAN) }
#endif
	od
}

init
{
	atomic {
		lease.holder = NOBODY;
		run candidate(0);
		run candidate(1);
		run candidate(2);
		run others()
	}
}
