package main

import (
	"sort"
	"time"
)

// judgeRights finds out when each process had the right to write: until it sent its last good renewal, and the
// renew deadline. What was received after that end brings it back no more; only a term raised anew does, and only
// where nothing shows that the process knew of its right: then the answer that gave it was lost.
func (j *judgement) judgeRights() {
	for _, r := range j.requests {
		if r.writer == "" || r.lease == nil || !r.done() {
			continue
		}
		w := j.writer(r.writer)
		last := w.rightAt(r.received)
		raises := w.raisedAt(r.rev)
		switch {
		case last == nil && !raises:
			j.violated(ruleNoRight, "%s: %s of the Lease", w.identity, r.verb)
		case last != nil && r.received.After(last.until) && !(raises && !w.knewOf(last, r.received)):
			j.late(w, last, r)
		case r.lease.holder != w.identity:
			if last != nil {
				last.released = true
				last.until, last.told = r.received, r.ended
			}
		case raises:
			w.rights = append(w.rights, right{term: r.lease.term, from: r.received, until: w.untilBy(r)})
		default:
			last.until = w.untilBy(r)
		}
	}
}

// untilBy is the end of the right that this claim gives. Of what the proxy has seen the last that may be the claim
// counts; the sender's own word can only bring the end forward.
func (w *writer) untilBy(r *request) time.Time {
	if w.deadline == 0 {
		return always // no record, no judgement
	}
	sent := w.sentBy(r.received)
	if !r.lease.renewed.IsZero() && r.lease.renewed.Before(sent) {
		sent = r.lease.renewed
	}
	return sent.Add(w.deadline)
}

// knewOf says whether the process has made use of this right until then: it has written something, or renewed the
// Lease with the term that it had been given.
func (w *writer) knewOf(had *right, until time.Time) bool {
	if had.released {
		return true
	}
	for _, r := range w.requests {
		if w.rightAt(r.received) == had && r.received.After(had.from) && r.received.Before(until) && !isRead(r.verb) &&
			(r.lease == nil || r.lease.term == had.term) {
			return true
		}
	}
	return false
}

// rightAt is the right that began last until then; nil: none has begun.
func (w *writer) rightAt(t time.Time) *right {
	for i := len(w.rights) - 1; i >= 0; i-- {
		if !w.rights[i].from.After(t) {
			return &w.rights[i]
		}
	}
	return nil
}

func (w *writer) raisedAt(rev int64) bool {
	for _, raise := range w.raises {
		if raise.rev == rev {
			return true
		}
	}
	return false
}

// late judges a request that was received after the right of its sender had ended: was it sent before?
func (j *judgement) late(w *writer, had *right, r *request) {
	sent := w.sentBy(r.received)
	end := had.endFor(r)
	l := landing{
		Writer:  w.identity,
		What:    r.verb + " " + r.resource + " " + r.name,
		Outcome: r.outcome(),
		LateMs:  ms(r.received.Sub(end)),
		AfterMs: ms(sent.Sub(end)),
		WayMs:   ms(r.received.Sub(sent)),
	}
	switch {
	case had.released && (r.isVMIWrite() || r.lease != nil && r.done()):
		j.violated(ruleRight, "%s: %s, %d ms after it had given the Lease back", w.identity, l.What, l.LateMs)
		return
	case sent.Sub(end) > j.slack:
		j.violated(ruleRight, "%s: %s was sent %d ms after the end and received %d ms after it",
			w.identity, l.What, l.AfterMs, l.LateMs)
		return
	case sent.After(end):
		j.inSlack++
		l.Why = "sent within the slack after the end: the process was kept off the CPU after it had looked at the clock"
	default:
		l.Why = j.whatHeld(w, sent, r.received)
	}
	j.report.Late = append(j.report.Late, l)
}

// whatHeld says what kept a request on its way from sent to received.
func (j *judgement) whatHeld(w *writer, sent, received time.Time) string {
	if mode := j.network(w, sent, received); mode != "" {
		return "sent before the end, then held by the network (" + mode + ")"
	}
	return "sent before the end, the server was slow to read it"
}

// network says what was wrong with the network of a process in that time, "" for nothing.
func (j *judgement) network(w *writer, from, to time.Time) string {
	for _, p := range j.proxies {
		if p.replica != w.replica {
			continue
		}
		for i, m := range p.modes {
			until := to
			if i+1 < len(p.modes) {
				until = p.modes[i+1].at
			}
			if m.mode != "pass" && m.at.Before(to) && until.After(from) {
				return m.mode
			}
		}
	}
	return ""
}

// sentTimes says, for each time, when the last bytes had been sent that could have reached the server until
// then. Both ascend.
type sentTimes struct {
	out, in []time.Time
}

// sentTimesOf goes through what the proxy saw of this process: the chunks of connections that were opened while
// it ran.
func sentTimesOf(p *proxyLog, w *writer) sentTimes {
	var s sentTimes
	var last time.Time
	for _, c := range p.chunks { // by out
		if c.bytes < tooSmall || c.opened.Before(w.started) || (!w.ended.IsZero() && c.opened.After(w.ended)) {
			continue
		}
		if c.in.After(last) {
			last = c.in
		}
		s.out = append(s.out, c.out)
		s.in = append(s.in, last)
	}
	return s
}

// sentBy is the latest time at which a request that was received then can have been sent. Without a proxy's log
// that is the time of receipt itself.
func (w *writer) sentBy(received time.Time) time.Time {
	n := sort.Search(len(w.sent.out), func(i int) bool { return w.sent.out[i].After(received) })
	if n == 0 {
		return received
	}
	return w.sent.in[n-1]
}
