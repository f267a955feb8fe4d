package main

import (
	"fmt"
	"time"
)

// termsSeen is what judgeLeases() has gone through.
type termsSeen struct {
	last     *leaseChange // nil: there is none
	highest  uint32       // since the Lease was created
	owners   map[uint32]raise
	past     []raise // of this Lease: which term was there from when on
	lowering []raise // by hand, to this term
}

// judgeLeases goes through the history of the Lease: whose terms are whose, and were they come by honestly?
func (j *judgement) judgeLeases() {
	t := termsSeen{owners: map[uint32]raise{}}
	for i := range j.leases {
		l := &j.leases[i]
		j.report.LeaseRevisions++
		if l.deleted {
			j.episode(l.rev, "the Lease was deleted")
			t = termsSeen{owners: t.owners}
			continue
		}
		by := j.author(l)
		now := raise{l.term, l.rev, by.received}
		switch {
		case t.last == nil:
			t.highest = l.term
		case l.term != t.last.term && !isAfter(l.term, t.last.term) && by.writer == "":
			j.episode(l.rev, fmt.Sprintf("the term was lowered from %d to %d by hand", t.last.term, l.term))
			t.lowering = append(t.lowering, now)
		}
		if t.last == nil || l.term != t.last.term {
			j.judgeRaise(&t, l, by)
			t.past = append(t.past, now)
		}
		j.judgeClaim(l, by)
		if isAfter(l.term, t.highest) {
			t.highest = l.term
		}
		t.last = l
	}
}

// isAfter compares terms as serial numbers.
func isAfter(a, b uint32) bool {
	d := (a - b) % terms
	return d != 0 && d < terms/2
}

func (j *judgement) episode(rev int64, what string) {
	j.episodes = append(j.episodes, rev)
	j.report.Episodes = append(j.report.Episodes, fmt.Sprintf("revision %d: %s", rev, what))
}

// author finds the request that made this revision of the Lease, whether its sender was told so or not. Without
// one (the server was killed before it could write it down) it is taken for the holder's.
func (j *judgement) author(l *leaseChange) *request {
	for _, r := range j.byRev[l.rev] {
		if r.resource == "leases" {
			return r
		}
	}
	for _, r := range j.requests {
		if r.lease != nil && r.mayBeLost() && r.lease.holder == l.holder && r.lease.term == l.term {
			return r
		}
	}
	return &request{writer: l.holder}
}

func (j *judgement) judgeRaise(t *termsSeen, l *leaseChange, by *request) {
	if by.writer == "" {
		j.report.HandTerms++
		return
	}
	if by.id == "" {
		j.report.Unlogged++
	}
	w := j.writer(by.writer)
	before := w.lastRaise()
	at := raise{term: l.term, rev: l.rev, at: by.received}
	w.raises = append(w.raises, at)
	j.report.Raises++
	if l.holder != w.identity {
		j.violated(ruleTerm, "revision %d: %s raised the term to %d for %q", l.rev, w.identity, l.term, l.holder)
	}
	if other, taken := t.owners[l.term]; taken && !j.episodeBetween(other.rev, l.rev) {
		j.violated(ruleTerm, "revisions %d and %d: term %d was raised twice", other.rev, l.rev, l.term)
	}
	t.owners[l.term] = at
	lowered := t.last != nil && isAfter(t.highest, t.last.term)
	if t.last != nil {
		if step := (l.term - t.last.term) % terms; step != 0 && step <= maxStep {
			if higher, saw := j.sawHigher(t, w, before); lowered && saw {
				j.violated(ruleTerm, "revision %d: %s counted on from %s to %d, though it had seen %d", l.rev, w.identity,
					t.last, l.term, higher)
			}
			return
		}
	}
	if (t.last != nil && !lowered) || l.term >= maxRandom {
		j.violated(ruleTerm, "revision %d: %s went to term %d from %s", l.rev, w.identity, l.term, t.last)
		return
	}
	j.report.RandomTerms++
}

// judgeClaim: who holds the Lease does so with the term that it raised itself last, and with no other that it
// found there.
func (j *judgement) judgeClaim(l *leaseChange, by *request) {
	if by.writer == "" || l.holder == "" {
		return
	}
	own := j.writer(by.writer).lastRaise()
	if own == nil || own.term != l.term || l.holder != by.writer {
		j.violated(ruleClaim, "revision %d: %s holds it for %q with term %d, its terms are %s", l.rev, by.writer, l.holder,
			l.term, j.writer(by.writer).termList())
	}
}

// lastRaise is nil where there is none.
func (w *writer) lastRaise() *raise {
	if len(w.raises) == 0 {
		return nil
	}
	return &w.raises[len(w.raises)-1]
}

// settling is how long a process may take to read what it was sent.
const settling = time.Second

// sawHigher says whether the process knew of a term higher than the one that is there now: its own last one, or
// one that it had asked for or was watching when the term was lowered by hand. A term of its own makes it forget
// what was before.
func (j *judgement) sawHigher(t *termsSeen, w *writer, own *raise) (uint32, bool) {
	if own != nil && len(t.past) > 0 && own.rev >= t.past[0].rev && isAfter(own.term, t.last.term) {
		return own.term, true
	}
	for _, lowering := range t.lowering {
		if own != nil && own.rev > lowering.rev {
			continue
		}
		for _, r := range w.requests {
			if seen, saw := j.sawBy(t, w, r, lowering.at); saw && isAfter(seen, t.last.term) {
				return seen, true
			}
		}
	}
	return 0, false
}

// sawBy is the term that this request has shown to its sender for certain, before the term was lowered: a list or
// a get the one that was there, a watch that was open all the time the one of the second before.
func (j *judgement) sawBy(t *termsSeen, w *writer, r *request, lowered time.Time) (uint32, bool) {
	at := r.received.Add(-settling)
	if r.resource != "leases" || !isRead(r.verb) {
		return 0, false
	}
	if r.verb == "watch" {
		at = lowered.Add(-settling)
		if r.received.After(at) || (r.complete && r.ended.Before(lowered)) || j.serverWent(r.received, lowered) {
			return 0, false
		}
	} else if !r.done() || r.ended.After(lowered.Add(-settling)) {
		return 0, false
	}
	for i := len(t.past) - 1; i >= 0; i-- {
		if past := t.past[i]; !past.at.IsZero() && !past.at.After(at) {
			return past.term, j.undisturbed(w, at, lowered)
		}
	}
	return 0, false
}

// serverWent says whether the server was stopped or killed in between.
func (j *judgement) serverWent(from, to time.Time) bool {
	for _, e := range j.record {
		if e.Kind == "server" && e.time().After(from) && e.time().Before(to) {
			return true
		}
	}
	return false
}

// undisturbed says whether the process ran and had a network all the time.
func (j *judgement) undisturbed(w *writer, from, to time.Time) bool {
	stopped := false
	for _, e := range j.record {
		if e.Kind != "signal" || e.Identity != w.identity || e.time().After(to) {
			continue
		}
		if e.Signal == "STOP" || (e.Signal == "CONT" && e.time().Before(from)) {
			stopped = e.Signal == "STOP"
		}
	}
	return !stopped && j.network(w, from, to) == ""
}

func (l *leaseChange) String() string {
	if l == nil {
		return "no Lease"
	}
	return fmt.Sprintf("term %d", l.term)
}

func (j *judgement) episodeBetween(a, b int64) bool {
	for _, rev := range j.episodes {
		if rev > min(a, b) && rev <= max(a, b) {
			return true
		}
	}
	return false
}
