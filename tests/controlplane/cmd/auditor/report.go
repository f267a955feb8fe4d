package main

import (
	"fmt"
	"io"
	"sort"
	"strings"
	"time"
)

// shown is how many findings of a kind are printed.
const shown = 20

const writersInLine = 10

// report is what is left of it all. Its exported fields are the figures that --json writes.
type report struct {
	Revision       int64
	VMIRevisions   int
	LeaseRevisions int
	VMIs           int // by uid
	VMIsDeleted    int
	CIDs           int // written, as etcd tells
	Reused         int // given again after their VMI was gone
	ChangedBefore  int // before Scheduled
	Missed         int // wanted one and was Scheduled without
	Faults         map[string]int
	Processes      int
	Standbys       int // that never led
	Patches        int // asked for, whatever the answer
	Others         int // requests that were none
	Raises         int
	RandomTerms    int
	HandTerms      int
	Resumed        int // processes that were resumed after their right had ended
	Unanswered     int // CIDs whose writer was not told that they were written
	Unlogged       int // revisions that the server had no time to log
	Episodes       []string
	ByChance       []string
	ChancePairs    int     // pairs of CIDs that only chance kept apart
	Chance         float64 // how many of these can be expected to be equal
	Writers        []summary
	Late           []landing
	Failovers      []*failover
	Violations     []violation

	givenBefore map[uint32]bool
}

type summary struct {
	Writer  string
	Replica string
	Terms   int
	Written int
}

// landing is a request that was received after the right of its writer had ended, and sent before.
type landing struct {
	Writer, What, Why string
	Outcome           string
	LateMs            int64 // received after the end
	AfterMs           int64 // sent after the end; negative: before
	WayMs             int64
}

// failover is how long it took to the next CID after leaders had ended in one way.
type failover struct {
	Signal  string
	Lease   time.Duration
	Bound   time.Duration
	TimesMs []int64
	Never   int
	Over    int // took longer than Bound
}

func newReport() *report {
	return &report{givenBefore: map[uint32]bool{}, Faults: map[string]int{}}
}

func (r *report) failover(signal string, lease time.Duration) *failover {
	for _, f := range r.Failovers {
		if f.Signal == signal && f.Lease == lease {
			return f
		}
	}
	f := &failover{Signal: signal, Lease: lease, Bound: time.Second}
	if signal == "KILL" {
		f.Bound = lease + 3*time.Second
	}
	r.Failovers = append(r.Failovers, f)
	return f
}

func (f *failover) add(took time.Duration) {
	f.TimesMs = append(f.TimesMs, ms(took))
	sort.Slice(f.TimesMs, func(a, b int) bool { return f.TimesMs[a] < f.TimesMs[b] })
	if took > f.Bound {
		f.Over++
	}
}

func (f *failover) String() string {
	if len(f.TimesMs) == 0 {
		return fmt.Sprintf("SIG%s, lease %v: %d times, no CID ever came", f.Signal, f.Lease, f.Never)
	}
	verdict := "kept"
	if f.Over > 0 {
		verdict = fmt.Sprintf("not kept %d times", f.Over)
	}
	text := fmt.Sprintf("SIG%s, lease %v: %d times, first CID after min %d, median %d, max %d ms; bound of %v %s",
		f.Signal, f.Lease, len(f.TimesMs), f.TimesMs[0], f.TimesMs[len(f.TimesMs)/2], f.TimesMs[len(f.TimesMs)-1],
		f.Bound, verdict)
	if f.Never > 0 {
		text += fmt.Sprintf("; %d times no CID came", f.Never)
	}
	return text
}

// count says how many violations of a rule there are.
func (r *report) count(rule string) int {
	n := 0
	for _, v := range r.Violations {
		if v.Rule == rule {
			n++
		}
	}
	return n
}

func (r *report) print(to io.Writer) {
	line := func(format string, args ...any) { fmt.Fprintf(to, format+"\n", args...) }
	line("etcd: %d revisions; %d of VMIs, %d of the Lease", r.Revision, r.VMIRevisions, r.LeaseRevisions)
	line("VMIs: %d, of which %d were deleted; %d CIDs given, %d of them to a second VMI after the first was gone; %d Scheduled without one",
		r.VMIs, r.VMIsDeleted, r.CIDs, r.Reused, r.Missed)
	line("faults: %s", r.faults())
	line("processes: %d recorded, %d wrote or led, %d only stood by", r.Processes, len(r.Writers), r.Standbys)
	line("terms: %d raised by processes (%d random starts), %d set by hand", r.Raises, r.RandomTerms, r.HandTerms)
	line("patches: %d asked for; %d carried out without an answer, %d that no log has (server killed)", r.Patches,
		r.Unanswered, r.Unlogged)
	line("other requests: %d, events, reads, lists, watches and the Lease", r.Others)
	line("processes that were stopped, and resumed after the end of their right: %d", r.Resumed)
	for i := 0; i < len(r.Writers); i += writersInLine {
		text := "  terms/CIDs written by"
		for _, w := range r.Writers[i:min(i+writersInLine, len(r.Writers))] {
			text += fmt.Sprintf(" %s %d/%d", w.Writer, w.Terms, w.Written)
		}
		line("%s", text)
	}
	for _, f := range r.Failovers {
		line("failover: %s", f)
	}
	r.printLate(line)
	line("outside I1 by design: %d episodes; %d pairs of CIDs might have met by a chance of %.2g, %d did", len(r.Episodes),
		r.ChancePairs, r.Chance, len(r.ByChance))
	for _, e := range r.Episodes {
		line("  %s", e)
	}
	for _, c := range r.ByChance {
		line("  %s", c)
	}
	line("changed before Scheduled: %d", r.ChangedBefore)
	for _, rule := range allRules {
		line("%s: %d", rule, r.count(rule))
		n := 0
		for _, v := range r.Violations {
			if v.Rule == rule && n < shown {
				line("  VIOLATION: %s", v.What)
				n++
			}
		}
	}
}

func (r *report) faults() string {
	var list []string
	sum := 0
	for what, n := range r.Faults {
		list = append(list, fmt.Sprintf("%s %d", what, n))
		sum += n
	}
	sort.Strings(list)
	return fmt.Sprintf("%d (%s)", sum, strings.Join(list, ", "))
}

var allRules = []string{ruleUnique, ruleChance, ruleFixed, ruleValid, ruleStripe, ruleUnknown, ruleStrange, ruleTerm,
	ruleClaim, ruleRight, ruleSlack, ruleResumed, ruleNoRight, ruleAnonymous, ruleUnexpected}

func (r *report) printLate(line func(string, ...any)) {
	type key struct {
		why, outcome string
	}
	kinds := map[key]int{}
	longest := map[key]int64{}
	var order []key
	for _, l := range r.Late {
		k := key{l.Why, l.Outcome}
		if kinds[k] == 0 {
			order = append(order, k)
		}
		kinds[k]++
		longest[k] = max(longest[k], l.LateMs)
	}
	line("late landings: %d", len(r.Late))
	for _, k := range order {
		line("  %d up to %d ms after the end, %s: %s", kinds[k], longest[k], k.outcome, k.why)
	}
}
