package main

import (
	"fmt"
	"sort"
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

// rules are what the judgement depends on besides the evidence.
type rules struct {
	cidMin, cidMax uint32
	slack          time.Duration
}

// evidence is all that was read.
type evidence struct {
	vmis     []vmiChange
	leases   []leaseChange
	revision int64
	requests []*request
	record   []entry
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
	ruleTerm       = "a term that was not raised as it must be"
	ruleRight      = "a request started after the end of the right"
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
}

// raise is one write of the Lease that raised its term.
type raise struct {
	term uint32
	rev  int64
	at   time.Time // received
}

// right is the right to write, from the raising of a term on.
type right struct {
	from, until time.Time
	released    bool
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
	rights   []right // one; more where the answer to its first raising was lost
	sent     sentTimes
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
			j.writer(r.writer)
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

// ---- the Lease ----

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

// ---- the right ----

// judgeRights finds out when each process had the right to write: until it sent its last good renewal, and the
// renew deadline. What was received after that end brings it back no more; only a term raised anew does, and that
// is not asked of a process that knew of the first.
func (j *judgement) judgeRights() {
	for _, r := range j.requests {
		if r.writer == "" || r.lease == nil || !r.done() {
			continue
		}
		w := j.writer(r.writer)
		until := w.sentBy(r.received).Add(w.deadline)
		if w.deadline == 0 {
			until = time.Unix(1<<40, 0) // no record, no judgement
		}
		last := w.rightAt(r.received)
		switch {
		case r.lease.holder != w.identity:
			if last != nil && !last.released {
				last.released = true
				last.until = r.received
			}
		case w.raisedAt(r.rev):
			w.rights = append(w.rights, right{from: r.received, until: until})
		case last == nil:
			j.violated(ruleNoRight, "%s: %s of the Lease", w.identity, r.verb)
		case r.received.After(last.until):
			j.late(w, last, r)
		default:
			last.until = until
		}
	}
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

// late judges a write that was received after the right of its writer had ended: was it sent before?
func (j *judgement) late(w *writer, had *right, r *request) {
	sent := w.sentBy(r.received)
	l := landing{
		Writer:  w.identity,
		What:    r.verb + " " + r.resource + " " + r.name,
		Outcome: r.outcome(),
		LateMs:  ms(r.received.Sub(had.until)),
		AfterMs: ms(sent.Sub(had.until)),
		WayMs:   ms(r.received.Sub(sent)),
	}
	switch {
	case had.released && r.isVMIWrite():
		j.violated(ruleRight, "%s: %s, %d ms after it had given the Lease back", w.identity, l.What, l.LateMs)
		return
	case sent.Sub(had.until) > j.slack:
		j.violated(ruleRight, "%s: %s was sent %d ms after the end and received %d ms after it",
			w.identity, l.What, l.AfterMs, l.LateMs)
		return
	case sent.After(had.until):
		l.Why = "sent within the slack after the end: the process was kept off the CPU after it had looked at the clock"
	default:
		l.Why = j.whatHeld(w, sent, r.received)
	}
	j.report.Late = append(j.report.Late, l)
}

// whatHeld says what kept a request on its way from sent to received.
func (j *judgement) whatHeld(w *writer, sent, received time.Time) string {
	for _, p := range j.proxies {
		if p.replica != w.replica {
			continue
		}
		for i, m := range p.modes {
			until := received
			if i+1 < len(p.modes) {
				until = p.modes[i+1].at
			}
			if m.mode != "pass" && m.at.Before(received) && until.After(sent) {
				return "sent before the end, then held by the network (" + m.mode + ")"
			}
		}
	}
	return "sent before the end, the server was slow to read it"
}

// ---- requests ----

func (j *judgement) judgeRequests() {
	for _, r := range j.requests {
		if r.writer == "" || !r.isVMIWrite() {
			continue
		}
		w := j.writer(r.writer)
		j.report.Patches++
		j.judgePatch(w, r)
		switch had := w.rightAt(r.received); {
		case had == nil:
			j.violated(ruleNoRight, "%s: %s %s", w.identity, r.verb, r.name)
		case r.received.After(had.until):
			j.late(w, had, r)
		}
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

// ---- VMIs ----

// vmiState is a VMI as of one revision.
type vmiState struct {
	vmiChange
	wasStarted bool
	cidRev     int64   // at which it got its CID
	by         *writer // and by whom, nil: unknown
}

func (j *judgement) judgeVMIs() {
	now := map[string]*vmiState{}
	holders := map[uint32]map[*vmiState]bool{}
	for _, c := range j.vmis {
		j.report.VMIRevisions++
		before := now[c.name]
		if before != nil && (c.deleted || before.uid != c.uid) {
			delete(holders[before.cid.value], before)
			delete(now, c.name)
			j.report.VMIsDeleted++
			before = nil
		}
		if c.deleted {
			continue
		}
		after := &vmiState{vmiChange: c, wasStarted: c.started}
		if before == nil {
			j.report.VMIs++
			j.setCID(after, cid{}, holders)
		} else {
			after.wasStarted = c.started || before.wasStarted
			after.cidRev, after.by = before.cidRev, before.by
			delete(holders[before.cid.value], before)
			j.judgeFixed(before, after)
			if before.cid == after.cid {
				j.hold(after, holders)
			} else {
				j.setCID(after, before.cid, holders)
			}
		}
		if !after.cid.present && after.wants && after.wasStarted && (before == nil || !before.wasStarted) {
			j.report.Missed++
		}
		now[c.name] = after
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
func (j *judgement) setCID(v *vmiState, before cid, holders map[uint32]map[*vmiState]bool) {
	if !v.cid.present {
		return
	}
	v.cidRev = v.rev
	v.by = nil
	j.report.CIDs++
	if !v.cid.valid || v.cid.value < j.cidMin || v.cid.value > j.cidMax {
		j.violated(ruleValid, "%s (uid %s): CID %s at revision %d", v.name, v.uid, v.cid, v.rev)
	}
	for _, r := range j.byRev[v.rev] {
		if r.isVMIWrite() && r.wanted == v.cid {
			v.by = j.writer(r.writer)
			r.landed = true
			if r.uid != v.uid || r.name != v.name {
				j.violated(ruleUnexpected, "revision %d wrote to %s (uid %s), but %s (uid %s) was meant", v.rev, v.name,
					v.uid, r.name, r.uid)
			}
		}
	}
	for _, r := range j.lost[v.uid] {
		if v.by == nil && r.wanted == v.cid && r.name == v.name {
			v.by = j.writer(r.writer)
			r.landed = true
			j.report.Unanswered++
		}
	}
	if v.by == nil {
		j.judgeUnlogged(v)
	}
	if len(holders[v.cid.value]) == 0 && j.report.givenBefore[v.cid.value] {
		j.report.Reused++
	}
	j.report.givenBefore[v.cid.value] = true
	j.hold(v, holders)
	if others := holders[v.cid.value]; len(others) > 1 {
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
// that was logged well before a kill, and before all that was received after it.
func (j *judgement) duringKill(rev int64) bool {
	for _, e := range j.record {
		if e.Kind != "server" || e.What != "kill" {
			continue
		}
		fits := true
		for _, r := range j.requests {
			before := r.ended.Before(e.time().Add(-unfinished))
			after := r.received.After(e.time())
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

func (j *judgement) hold(v *vmiState, holders map[uint32]map[*vmiState]bool) {
	if !v.cid.valid {
		return
	}
	if holders[v.cid.value] == nil {
		holders[v.cid.value] = map[*vmiState]bool{}
	}
	holders[v.cid.value][v] = true
}

// judgeDuplicate: v got a CID that others hold. Where the terms of the two writers lie on different sides of a
// deletion or lowering, that is the chance which the design names, and is counted apart.
func (j *judgement) judgeDuplicate(v *vmiState, others map[*vmiState]bool) {
	for other := range others {
		if other == v {
			continue
		}
		what := fmt.Sprintf("CID %s: %s (uid %s) since revision %d and %s (uid %s) since revision %d", v.cid, other.name,
			other.uid, other.cidRev, v.name, v.uid, v.cidRev)
		if a, b := raisedAt(other), raisedAt(v); a != 0 && b != 0 && j.episodeBetween(a, b) {
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

// ---- when bytes were sent ----

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

// ---- failover ----

// measureFailovers: from a signal that ended a leader to the answer to the first CID that another wrote.
func (j *judgement) measureFailovers() {
	for _, e := range j.record {
		if e.Kind != "signal" || !e.Leading || (e.Signal != "KILL" && e.Signal != "TERM") {
			continue
		}
		lease := j.writer(e.Identity).lease
		f := j.report.failover(e.Signal, lease)
		found := false
		for _, r := range j.requests {
			if r.writer != "" && r.writer != e.Identity && r.isVMIWrite() && r.done() && r.received.After(e.time()) {
				f.add(r.ended.Sub(e.time()))
				found = true
				break
			}
		}
		if !found {
			f.Never++
		}
	}
}

func (j *judgement) sumUp() {
	for _, w := range j.writers {
		written := 0
		for _, r := range j.requests {
			if r.writer == w.identity && r.isVMIWrite() && r.done() {
				written++
			}
		}
		if len(w.raises) == 0 && written == 0 {
			j.report.Standbys++
			continue
		}
		j.report.Writers = append(j.report.Writers, summary{w.identity, w.replica, len(w.raises), written})
	}
	sort.Slice(j.report.Writers, func(a, b int) bool {
		return j.report.Writers[a].Writer < j.report.Writers[b].Writer
	})
}

func ms(d time.Duration) int64 {
	return d.Milliseconds()
}
