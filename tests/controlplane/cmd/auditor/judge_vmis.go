package main

import (
	"fmt"
	"time"
)

// vmiState is a VMI as of one revision.
type vmiState struct {
	vmiChange
	wasStarted bool
	cidRev     int64     // at which it got its CID
	by         *writer   // and by whom, nil: unknown
	landed     time.Time // when the server received that write; zero: unknown
	raised     int64     // revision of its term; 0: unknown
}

// existing is all VMIs as of one revision.
type existing struct {
	byName  map[string]*vmiState
	holders map[uint32]map[*vmiState]bool // by CID
}

func (j *judgement) judgeVMIs() {
	now := existing{map[string]*vmiState{}, map[uint32]map[*vmiState]bool{}}
	for _, c := range j.vmis {
		j.report.VMIRevisions++
		before := now.byName[c.name]
		if before != nil && (c.deleted || before.uid != c.uid) {
			delete(now.holders[before.cid.value], before)
			delete(now.byName, c.name)
			j.report.VMIsDeleted++
			before = nil
		}
		if c.deleted {
			continue
		}
		after := &vmiState{vmiChange: c, wasStarted: c.started}
		if before == nil {
			j.report.VMIs++
			j.setCID(after, now)
		} else {
			after.wasStarted = c.started || before.wasStarted
			after.cidRev, after.by, after.landed, after.raised = before.cidRev, before.by, before.landed, before.raised
			delete(now.holders[before.cid.value], before)
			j.judgeFixed(before, after)
			if before.cid == after.cid {
				now.hold(after)
			} else {
				j.setCID(after, now)
			}
		}
		if !after.cid.present && after.wants && after.wasStarted && (before == nil || !before.wasStarted) {
			j.report.Missed++
		}
		now.byName[c.name] = after
	}
}

func (j *judgement) judgeFixed(before, after *vmiState) {
	switch {
	case before.cid == after.cid:
	case before.wasStarted:
		j.violated(ruleFixed, "%s (uid %s): from %s to %s at revision %d", after.name, after.uid, before.cid, after.cid,
			after.rev)
	case before.cid.present:
		j.report.ChangedBefore++
	}
}

// setCID judges a CID that is new in this revision.
func (j *judgement) setCID(v *vmiState, now existing) {
	if !v.cid.present {
		return
	}
	v.cidRev = v.rev
	v.by, v.landed = nil, time.Time{}
	j.report.CIDs++
	if !v.cid.valid || v.cid.value < j.cidMin || v.cid.value > j.cidMax {
		j.violated(ruleValid, "%s (uid %s): CID %s at revision %d", v.name, v.uid, v.cid, v.rev)
	}
	for _, r := range j.byRev[v.rev] {
		if r.isVMIWrite() && r.wanted == v.cid {
			v.by, v.landed = j.writer(r.writer), r.received
			r.landed = true
			if r.uid != v.uid || r.name != v.name {
				j.violated(ruleUnexpected, "revision %d wrote to %s (uid %s), but %s (uid %s) was meant", v.rev, v.name,
					v.uid, r.name, r.uid)
			}
		}
	}
	for _, r := range j.lost[v.uid] {
		if v.by == nil && r.wanted == v.cid && r.name == v.name {
			v.by, v.landed = j.writer(r.writer), r.received
			r.landed = true
			j.report.Unanswered++
		}
	}
	if v.by == nil {
		j.judgeUnlogged(v)
	}
	v.raised = raisedAt(v)
	j.countChances(v, now)
	if len(now.holders[v.cid.value]) == 0 && j.report.givenBefore[v.cid.value] {
		j.report.Reused++
	}
	j.report.givenBefore[v.cid.value] = true
	now.hold(v)
	if others := now.holders[v.cid.value]; len(others) > 1 {
		j.judgeDuplicate(v, others)
	}
}

// judgeUnlogged looks at a CID that no logged request has written. That can only be where the server was
// killed between doing it and writing it down; the stripe says whose it is.
func (j *judgement) judgeUnlogged(v *vmiState) {
	if !j.duringKill(v.rev) {
		j.violated(ruleUnknown, "%s (uid %s): CID %s at revision %d", v.name, v.uid, v.cid, v.rev)
		return
	}
	j.report.Unlogged++
	for _, w := range j.writers {
		for _, raise := range w.raises {
			if v.cid.valid && v.cid.value%stripes == raise.term%stripes && raise.rev < v.rev {
				v.by = w
				return
			}
		}
	}
	j.violated(ruleStripe, "somebody: CID %s for %s at revision %d, of nobody's term", v.cid, v.name, v.rev)
}

// unfinished is how long a request may take that a killed server had no time to log.
const unfinished = 10 * time.Second

// duringKill says whether a revision can have been made by a request that the server was killed in: after all
// that was logged well before a kill, and before all that was received after it. A kill is written down before it is
// done, so the server may go on for a while; it is dead for certain when it is started again.
func (j *judgement) duringKill(rev int64) bool {
	for i, e := range j.record {
		if e.Kind != "server" || e.What != "kill" {
			continue
		}
		dead := e.time()
		for _, next := range j.record[i+1:] {
			if next.Kind == "server" {
				dead = next.time()
				break
			}
		}
		fits := true
		for _, r := range j.requests {
			before := r.ended.Before(e.time().Add(-unfinished))
			after := r.received.After(dead)
			if r.rev != 0 && r.done() && !isRead(r.verb) && (before && r.rev >= rev || after && r.rev <= rev) {
				fits = false
			}
		}
		if fits {
			return true
		}
	}
	return false
}

func (e existing) hold(v *vmiState) {
	if !v.cid.valid {
		return
	}
	if e.holders[v.cid.value] == nil {
		e.holders[v.cid.value] = map[*vmiState]bool{}
	}
	e.holders[v.cid.value][v] = true
}

// unseen is how long a leader may not have seen what another wrote. A CID that was there for longer was known to
// whoever drew the same: its right to write had ended else.
const unseen = 10 * time.Second

// mayMeet says whether only chance keeps the CID that v got from being the other's: their terms lie on different
// sides of a deletion or lowering, and v was drawn before its writer can be asked to have seen the other.
func (j *judgement) mayMeet(v, other *vmiState) bool {
	return other.raised != 0 && v.raised != 0 && j.episodeBetween(other.raised, v.raised) &&
		!other.landed.IsZero() && !v.landed.IsZero() && v.by.sentBy(v.landed).Sub(other.landed) < unseen
}

// countChances counts the pairs of CIDs that might have met.
func (j *judgement) countChances(v *vmiState, now existing) {
	for _, other := range now.byName {
		if other.uid != v.uid && other.cid.valid && j.mayMeet(v, other) {
			j.report.ChancePairs++
		}
	}
}

// judgeChance: two CIDs of which only chance keeps the one from being the other are equal once in as many pairs as
// there are CIDs, since the stripe is random and the draw in it is. How often that happened must be what can be
// expected of so many pairs.
func (j *judgement) judgeChance() {
	j.report.Chance = float64(j.report.ChancePairs) / j.size()
	tail := 1.0 // at least the chance of so many
	for n := range j.report.ByChance {
		tail *= j.report.Chance / float64(n+1)
	}
	if tail < unlikely {
		j.violated(ruleChance, "%d, of %d pairs that might have met: the chance of one was %.2g", len(j.report.ByChance),
			j.report.ChancePairs, j.report.Chance)
	}
}

// judgeDuplicate: v got a CID that others hold. Where only chance kept them apart, that is the chance which the
// design names, and is counted apart.
func (j *judgement) judgeDuplicate(v *vmiState, others map[*vmiState]bool) {
	for other := range others {
		if other == v {
			continue
		}
		what := fmt.Sprintf("CID %s: %s (uid %s) since revision %d and %s (uid %s) since revision %d", v.cid, other.name,
			other.uid, other.cidRev, v.name, v.uid, v.cidRev)
		if j.mayMeet(v, other) {
			j.report.ByChance = append(j.report.ByChance, what)
		} else {
			j.violated(ruleUnique, "%s", what)
		}
	}
}

// raisedAt is the revision at which the term of the CID was raised by its writer; 0 where that is not known.
func raisedAt(v *vmiState) int64 {
	rev := int64(0)
	if v.by != nil {
		for _, raise := range v.by.raises {
			if raise.term%stripes == v.cid.value%stripes && raise.rev < v.cidRev {
				rev = raise.rev
			}
		}
	}
	return rev
}
