package main

import (
	"fmt"
)

// judgeLeases goes through the history of the Lease: whose terms are whose, and were they come by honestly?
func (j *judgement) judgeLeases() {
	var last *leaseChange // nil: there is none
	highest := uint32(0)
	owners := map[uint32]raise{}
	for i := range j.leases {
		l := &j.leases[i]
		j.report.LeaseRevisions++
		switch {
		case l.deleted:
			j.episode(l.rev, "the Lease was deleted")
			last = nil
			continue
		case last == nil:
			highest = l.term
		case l.term != last.term && !isAfter(l.term, last.term) && j.author(l).writer == "":
			j.episode(l.rev, fmt.Sprintf("the term was lowered from %d to %d by hand", last.term, l.term))
		}
		if last == nil || l.term != last.term {
			j.judgeRaise(last, l, highest, owners)
		}
		if isAfter(l.term, highest) {
			highest = l.term
		}
		last = l
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
		if r.lease != nil && r.mayBeLost() && *r.lease == (leaseWrite{l.holder, l.term}) {
			return r
		}
	}
	return &request{writer: l.holder}
}

func (j *judgement) judgeRaise(last, l *leaseChange, highest uint32, owners map[uint32]raise) {
	by := j.author(l)
	if by.writer == "" {
		j.report.HandTerms++
		return
	}
	if by.id == "" {
		j.report.Unlogged++
	}
	w := j.writer(by.writer)
	at := raise{term: l.term, rev: l.rev, at: by.received}
	w.raises = append(w.raises, at)
	j.report.Raises++
	if l.holder != w.identity {
		j.violated(ruleTerm, "revision %d: %s raised the term to %d for %q", l.rev, w.identity, l.term, l.holder)
	}
	if other, taken := owners[l.term]; taken && !j.episodeBetween(other.rev, l.rev) {
		j.violated(ruleTerm, "revisions %d and %d: term %d was raised twice", other.rev, l.rev, l.term)
	}
	owners[l.term] = at
	if last != nil {
		if step := (l.term - last.term) % terms; step != 0 && step <= maxStep {
			return
		}
	}
	if (last != nil && !isAfter(highest, last.term)) || l.term >= maxRandom {
		j.violated(ruleTerm, "revision %d: %s went to term %d from %s", l.rev, w.identity, l.term, last)
		return
	}
	j.report.RandomTerms++
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
