package main

import (
	"fmt"
	"strings"
	"time"
)

// stripes is how many stripes the CIDs are divided into; a CID lies in the stripe of every term that is equal to
// it modulo this.
const stripes = 32768

// terms is how many terms there are: after the last comes 0.
const terms = 1 << 31

// The steps by which a term may be raised, and how high a term may start that nobody counted up to.
const (
	maxStep   = 64
	maxRandom = 1 << 30
)

// maxInSlack is how many requests may have been sent within the slack after the end of a right: one process that
// was kept off the CPU has no more under way that it had looked at the clock for.
const maxInSlack = 3

// unlikely is the chance below which a duplicate is not taken for one by chance.
const unlikely = 0.05

// rules are what the judgement depends on besides the evidence.
type rules struct {
	cidMin, cidMax uint32
	slack          time.Duration
}

// size is how many CIDs there are.
func (r rules) size() float64 {
	return float64(r.cidMax) - float64(r.cidMin) + 1
}

// evidence is all that was read.
type evidence struct {
	vmis     []vmiChange
	leases   []leaseChange
	revision int64
	requests []*request
	record   []entry
	recorded bool // there is a record, so every process is in it
	proxies  []*proxyLog
}

// violation is one breach of a rule. The names are those of the constants below.
type violation struct {
	Rule string
	What string
}

const (
	ruleUnique     = "two existing VMIs held one CID"
	ruleFixed      = "a CID changed after Scheduled"
	ruleValid      = "an invalid CID was written"
	ruleStripe     = "a CID outside the stripes of the writer's own terms"
	ruleUnknown    = "a CID that nobody known has written"
	ruleStrange    = "a write of something else than a CID"
	ruleChance     = "a duplicate that chance does not explain"
	ruleTerm       = "a term that was not raised as it must be"
	ruleClaim      = "a claim of the Lease with another term than the writer's own"
	ruleRight      = "a request started after the end of the right"
	ruleSlack      = "more requests just after the end of the right than a busy machine explains"
	ruleResumed    = "a request started after a process was resumed"
	ruleNoRight    = "a write without ever having had the right"
	ruleAnonymous  = "a request of the ServiceAccount without an identity"
	ruleUnexpected = "the evidence does not fit together"
)

// judgement is the work in progress.
type judgement struct {
	*evidence
	rules
	report  *report
	writers map[string]*writer
	byRev   map[int64][]*request  // writes that were done, by the revision that they made
	lost    map[string][]*request // writes of CIDs that may have been done, though nobody was told so, by uid
	// episodes are the revisions at which the Lease was deleted or its term lowered by hand: terms before and
	// after may be equal by chance.
	episodes []int64
	inSlack  int
}

// raise is one write of the Lease that raised its term.
type raise struct {
	term uint32
	rev  int64
	at   time.Time // received
}

// right is the right to write, from the raising of a term on.
type right struct {
	term        uint32
	from, until time.Time
	released    bool      // at until, by its owner
	told        time.Time // and when the owner was told that it was
}

// endFor is when the right ends for this request. Who gives the Lease back has stopped to write, and asks for other
// things until it is told that it is done.
func (h *right) endFor(r *request) time.Time {
	if h.released && !r.isVMIWrite() {
		return h.told
	}
	return h.until
}

// writer is one process.
type writer struct {
	identity string
	replica  string
	started  time.Time
	ended    time.Time // zero: it never was seen to end
	lease    time.Duration
	deadline time.Duration
	raises   []raise
	rights   []right // one for each raising; a new one after a gap only where nobody knew of the one before
	sent     sentTimes
	requests []*request
}

func judge(e *evidence, r rules) *report {
	j := &judgement{evidence: e, rules: r, report: newReport(), writers: map[string]*writer{},
		byRev: map[int64][]*request{}, lost: map[string][]*request{}}
	j.report.Revision = e.revision
	j.indexRequests()
	j.readProcesses()
	j.judgeLeases()
	j.judgeVMIs()
	j.judgeRights()
	j.judgeRequests()
	j.judgeResumed()
	j.judgeChance()
	j.judgeRecord()
	j.measureFailovers()
	j.sumUp()
	return j.report
}

func (j *judgement) violated(rule, format string, args ...any) {
	j.report.Violations = append(j.report.Violations, violation{rule, fmt.Sprintf(format, args...)})
}

func (j *judgement) writer(identity string) *writer {
	w := j.writers[identity]
	if w == nil {
		w = &writer{identity: identity}
		j.writers[identity] = w
	}
	return w
}

func (j *judgement) indexRequests() {
	for _, r := range j.requests {
		if r.writer == "" && strings.HasSuffix(r.user, ":"+component) {
			j.violated(ruleAnonymous, "%s %s %s", r.verb, r.resource, r.name)
		}
		if r.writer != "" {
			w := j.writer(r.writer)
			w.requests = append(w.requests, r)
		}
		if r.rev != 0 && r.done() && !isRead(r.verb) {
			j.byRev[r.rev] = append(j.byRev[r.rev], r)
		}
		if r.isVMIWrite() && r.mayBeLost() {
			j.lost[r.uid] = append(j.lost[r.uid], r)
		}
	}
}

// readProcesses takes from the record who ran when, and gives each process what its replica's proxy saw of it.
func (j *judgement) readProcesses() {
	for _, e := range j.record {
		switch e.Kind {
		case "process":
			w := j.writer(e.Identity)
			w.replica = e.Replica
			w.started = e.time()
			w.lease = time.Duration(e.Lease) * time.Millisecond
			w.deadline = time.Duration(e.Deadline) * time.Millisecond
			j.report.Processes++
		case "ended":
			if w := j.writers[e.Identity]; w != nil && w.ended.IsZero() {
				w.ended = e.time()
			}
		}
	}
	for _, p := range j.proxies {
		for _, w := range j.writers {
			if w.replica == p.replica {
				w.sent = sentTimesOf(p, w)
			}
		}
	}
}

// judgeRecord looks for writers that the record does not know: nothing can be said about their right.
func (j *judgement) judgeRecord() {
	for _, w := range j.writers {
		if j.recorded && w.started.IsZero() && len(w.requests)+len(w.raises) > 0 {
			j.violated(ruleUnexpected, "%s is not in the record, but has sent %d requests and raised %d terms", w.identity,
				len(w.requests), len(w.raises))
		}
	}
}
