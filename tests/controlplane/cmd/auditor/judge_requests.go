package main

import (
	"fmt"
	"strings"
	"time"
)

// always is after all that is judged.
var always = time.Unix(1<<40, 0)

// judgeRequests: who has led asks for nothing after its right has ended, be it to write or to read; who never led
// writes nothing but the Lease.
func (j *judgement) judgeRequests() {
	for _, r := range j.requests {
		if r.writer == "" {
			continue
		}
		w := j.writer(r.writer)
		if r.isVMIWrite() {
			j.report.Patches++
			j.judgePatch(w, r)
		} else {
			j.report.Others++
		}
		switch had := w.rightAt(r.received); {
		case r.lease != nil && r.done():
			// judgeRights() has looked at it.
		case had == nil && !isRead(r.verb) && !r.isLeaseWrite():
			j.violated(ruleNoRight, "%s: %s %s %s", w.identity, r.verb, r.resource, r.name)
		case had != nil && r.received.After(had.endFor(r)) && (r.isVMIWrite() || w.knewOf(had, always)):
			j.late(w, had, r)
		}
	}
	if j.inSlack > maxInSlack {
		j.violated(ruleSlack, "%d requests were sent up to %v after the end", j.inSlack, j.slack)
	}
}

// judgePatch looks at what was asked for, whether it was done or not.
func (j *judgement) judgePatch(w *writer, r *request) {
	if r.strange {
		j.violated(ruleStrange, "%s: %s %s", w.identity, r.verb, r.name)
	}
	if !r.wanted.present {
		return
	}
	if r.wanted.valid && !w.mayDraw(r.wanted.value, r.received) {
		j.violated(ruleStripe, "%s: CID %s for %s, its terms are %s", w.identity, r.wanted, r.name, w.termList())
	}
	if !r.wanted.valid || r.wanted.value < j.cidMin || r.wanted.value > j.cidMax {
		j.violated(ruleValid, "%s: CID %s for %s", w.identity, r.wanted, r.name)
	}
}

// mayDraw says whether the CID lies in the stripe of a term that the process had raised until then.
func (w *writer) mayDraw(value uint32, until time.Time) bool {
	for _, raise := range w.raises {
		if value%stripes == raise.term%stripes && !raise.at.After(until) {
			return true
		}
	}
	return false
}

func (w *writer) termList() string {
	var list []string
	for _, raise := range w.raises {
		list = append(list, fmt.Sprintf("%d (stripe %d)", raise.term, raise.term%stripes))
	}
	return "[" + strings.Join(list, " ") + "]"
}

// judgeResumed looks at processes that were stopped (SIGSTOP) until their right had ended: once resumed they
// may not ask the server for anything.
func (j *judgement) judgeResumed() {
	for _, e := range j.record {
		if e.Kind != "signal" || e.Signal != "CONT" {
			continue
		}
		w := j.writer(e.Identity)
		if had := w.rightAt(e.time()); had == nil || had.until.After(e.time()) {
			continue
		}
		j.report.Resumed++
		for _, r := range j.requests {
			if r.writer == w.identity && r.received.After(e.time()) {
				j.violated(ruleResumed, "%s: %s %s %s, %d ms after", w.identity, r.verb, r.resource, r.name,
					ms(r.received.Sub(e.time())))
			}
		}
	}
}
