package main

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// A made-up history, in the words of etcd, of the audit log and of the test's record, for the self-test. Times are
// milliseconds since its beginning.
type story struct {
	reader  *historyReader
	log     strings.Builder
	record  strings.Builder
	proxies map[string]*strings.Builder
	rev     int64
	current map[string]int64 // revision of each existing key
	ids     int
	err     error
	cidMax  uint32
	took    int // ms that the server needs for a request
}

var storyBegins = time.Unix(1_700_000_000, 0)

func newStory() *story {
	return &story{reader: newHistoryReader(), rev: 100, current: map[string]int64{},
		proxies: map[string]*strings.Builder{}, cidMax: 2147483647, took: 1}
}

func at(ms int) time.Time {
	return storyBegins.Add(time.Duration(ms) * time.Millisecond)
}

// put writes an object into etcd and returns its revision; "" deletes it.
func (s *story) put(key, value string) int64 {
	s.rev++
	c := rawChange{rev: s.rev, key: key, deleted: value == "", value: []byte(value), previous: s.current[key]}
	s.current[key] = s.rev
	if c.deleted {
		delete(s.current, key)
	}
	if err := s.reader.add(c); err != nil {
		s.err = err
	}
	return s.rev
}

func (s *story) vmi(name, uid, status string) int64 {
	return s.put(vmiPrefix+"ns/"+name, fmt.Sprintf(`{"metadata":{"namespace":"ns","name":%q,"uid":%q},
		"spec":{"domain":{"devices":{"autoattachVSOCK":true}}},"status":%s}`, name, uid, status))
}

func (s *story) gone(name string) int64 {
	return s.put(vmiPrefix+"ns/"+name, "")
}

func stamp(ms int) string {
	return at(ms).UTC().Format("2006-01-02T15:04:05.000000Z")
}

// logged adds a line to the audit log. who: an identity, or "" for the administrator.
func (s *story) logged(ms int, who, verb, resource, name string, code int, body string, rev int64) {
	s.ids++
	agent, user := "curl/8", "admin"
	if who != "" {
		agent, user = component+"/1.0 ("+who+")", "system:serviceaccount:kubevirt:"+component
	}
	namespace, base, _ := strings.Cut(name, "/")
	answer := ""
	if rev != 0 {
		answer = fmt.Sprintf(`,"responseObject":{"metadata":{"resourceVersion":"%d"}}`, rev)
	}
	if body != "" {
		body = `,"requestObject":` + body
	}
	fmt.Fprintf(&s.log, lineBegins+`,"auditID":"id-%d","stage":"ResponseComplete","verb":%q,"userAgent":%q,`+
		`"user":{"username":%q},"objectRef":{"resource":%q,"namespace":%q,"name":%q},"responseStatus":{"code":%d},`+
		`"requestReceivedTimestamp":%q,"stageTimestamp":%q%s%s}`+"\n",
		s.ids, verb, agent, user, resource, namespace, base, code, stamp(ms), stamp(ms+s.took),
		strings.ReplaceAll(body, "\n", ""), answer)
}

// lease writes the Lease, by a process or by hand.
func (s *story) lease(ms int, who, holder string, term uint32) {
	value := leaseOf(holder, term, "")
	s.logged(ms, who, "update", "leases", "kubevirt/"+component, 200, value, s.put(leaseKey, value))
}

// leaseOf is the Lease; renewed: when, by its writer's own word, "" for nothing.
func leaseOf(holder string, term uint32, renewed string) string {
	if renewed != "" {
		renewed = fmt.Sprintf(`,"renewTime":%q`, renewed)
	}
	return fmt.Sprintf(`{"metadata":{"uid":"lease-1"},"spec":{"holderIdentity":%q,"leaseTransitions":%d,`+
		`"leaseDurationSeconds":15%s}}`, holder, term, renewed)
}

// deleteLease does so by hand.
func (s *story) deleteLease(ms int) {
	s.logged(ms, "", "delete", "leases", "kubevirt/"+component, 200, "", 0)
	s.put(leaseKey, "")
}

// asks lets a process read something.
func (s *story) asks(ms int, who, verb, resource string) {
	s.logged(ms, who, verb, resource, "ns/", 200, "", 0)
}

// watches lets a process watch the Lease, from then on and without end.
func (s *story) watches(ms int, who string) {
	s.ids++
	fmt.Fprintf(&s.log, lineBegins+`,"auditID":"id-%d","stage":"ResponseStarted","verb":"watch","userAgent":`+
		`"vsock-cid-controller/1.0 (%s)","user":{"username":"u"},"objectRef":{"resource":"leases",`+
		`"namespace":"kubevirt"},"responseStatus":{"code":200},"requestReceivedTimestamp":%q,"stageTimestamp":%q}`+"\n",
		s.ids, who, stamp(ms), stamp(ms))
}

// tells lets a process write an event.
func (s *story) tells(ms int, who string) {
	s.logged(ms, who, "create", "events", "ns/", 201, "", 0)
}

func patchOf(uid string, value uint32) string {
	return fmt.Sprintf(`[{"op":"test","path":"/metadata/uid","value":%q},{"op":"test","path":"/status/VSOCKCID",`+
		`"value":null},{"op":"add","path":"/status/VSOCKCID","value":%d}]`, uid, value)
}

// give lets a process write a CID.
func (s *story) give(ms int, who, name, uid string, value uint32) {
	rev := s.vmi(name, uid, fmt.Sprintf(`{"phase":"Scheduling","VSOCKCID":%d}`, value))
	s.logged(ms, who, "patch", "virtualmachineinstances", "ns/"+name, 200, patchOf(uid, value), rev)
}

// refused lets a process ask for a CID and be told off.
func (s *story) refused(ms int, who, name, uid string, value uint32) {
	s.logged(ms, who, "patch", "virtualmachineinstances", "ns/"+name, 422, patchOf(uid, value), 0)
}

func (s *story) note(ms int, format string, args ...any) {
	fmt.Fprintf(&s.record, `{"t":%d,%s}`+"\n", at(ms).UnixNano(), fmt.Sprintf(format, args...))
}

// process: it runs on a replica of that name, with a lease of 15 s and a renew deadline of 10 s.
func (s *story) process(ms int, identity, replica string) {
	s.note(ms, `"kind":"process","identity":%q,"replica":%q,"lease_ms":15000,"deadline_ms":10000`, identity, replica)
}

func (s *story) proxy(replica, format string, args ...any) {
	if s.proxies[replica] == nil {
		s.proxies[replica] = &strings.Builder{}
	}
	fmt.Fprintf(s.proxies[replica], format+"\n", args...)
}

func (s *story) open(ms int, replica string, connection int) {
	s.proxy(replica, "open %d %d", at(ms).UnixNano(), connection)
}

func (s *story) up(in, out int, replica string, connection, bytes int) {
	s.proxy(replica, "up %d %d %d %d", at(in).UnixNano(), at(out).UnixNano(), connection, bytes)
}

func (s *story) mode(ms int, replica, mode string) {
	s.proxy(replica, "mode %d %s", at(ms).UnixNano(), mode)
}

// heldBack: what replica a sends at sent is let through with the end of the hold, at 13 s.
func (s *story) heldBack(sent int) {
	s.open(10, "a", 1)
	s.up(999, 999, "a", 1, 500)
	s.mode(8000, "a", "hold")
	s.up(sent, 13000, "a", 1, 500)
	s.mode(13000, "a", "pass")
}

func (s *story) judged() (*report, error) {
	e := evidence{vmis: s.reader.vmis, leases: s.reader.leases, revision: s.rev, recorded: true}
	err := s.err
	if err == nil {
		e.requests, err = parseAuditLog(strings.NewReader(s.log.String()))
	}
	if err == nil {
		e.record, err = parseRecord(s.record.String())
	}
	for replica, text := range s.proxies {
		if err == nil {
			var p *proxyLog
			p, err = parseProxyLog(replica, strings.NewReader(text.String()))
			e.proxies = append(e.proxies, p)
		}
	}
	if err != nil {
		return nil, err
	}
	return judge(&e, rules{cidMin: 3, cidMax: s.cidMax, slack: 100 * time.Millisecond}), nil
}

// begin: process a-1 leads with term 7 from 1000 ms on and has served VMI one; b-1 stands by.
func begin() *story {
	s := newStory()
	s.process(0, "a-1", "a")
	s.process(0, "b-1", "b")
	s.vmi("one", "uid-1", `{"phase":"Scheduling"}`)
	s.lease(1000, "a-1", "a-1", 7)
	s.give(1500, "a-1", "one", "uid-1", 7+stripes*3)
	return s
}

// taken: a-1 is killed, and b-1 takes the Lease.
func taken() *story {
	s := begin()
	s.note(2000, `"kind":"signal","identity":"a-1","signal":"KILL","leading":true`)
	s.note(2001, `"kind":"ended","identity":"a-1","replica":"a","status":137`)
	s.lease(16500, "b-1", "b-1", 8)
	return s
}

// crowded: in a range of 2^20 CIDs a-1 gives 256 of them at once, the Lease is deleted, and b-1 gives as many. One pair
// in 2^20 is equal by chance; there are 65,536 pairs, and more.
func crowded(change func(s *story)) func() *story {
	const each, ofStripe = 8, 32
	many := func(s *story, ms int, who string, term uint32) {
		for i := uint32(0); i < each; i++ {
			s.lease(ms, who, who, term+i)
			for k := uint32(0); k < ofStripe; k++ {
				ms++
				name := fmt.Sprintf("%s-%d-%d", who, i, k)
				s.give(ms, who, name, "uid-"+name, (term+i)%stripes+k*stripes)
			}
			ms++
		}
	}
	return func() *story {
		s := newStory()
		s.cidMax = 3 + 1<<20 - 1
		s.process(0, "a-1", "a")
		s.process(0, "b-1", "b")
		many(s, 1000, "a-1", 7)
		s.deleteLease(1900)
		s.lease(1950, "b-1", "b-1", 14+stripes)
		many(s, 2000, "b-1", 15+stripes)
		change(s)
		return s
	}
}

// selfTests prints how each case went; the last line is for the suite runner.
func selfTests() int {
	failed := 0
	for _, c := range cases {
		if what := c.run(); what != "" {
			failed++
			fmt.Printf("FAIL  %s: %s\n", c.name, what)
		} else {
			fmt.Printf("ok    %s\n", c.name)
		}
	}
	fmt.Printf("auditor: %d passed, %d failed\n", len(cases)-failed, failed)
	if failed > 0 {
		return 1
	}
	return 0
}

// selfTest is a story and what must be found in it: one breach of rule, or none where that is "".
type selfTest struct {
	name  string
	story func() *story
	rule  string
	also  []string               // rules that may be broken besides
	check func(r *report) string // more to look at, may be nil
}

func (c *selfTest) run() string {
	report, err := c.story().judged()
	if c.rule == cannotBeRead {
		if err == nil {
			return "it was read nevertheless"
		}
		return ""
	}
	if err != nil {
		return err.Error()
	}
	if c.rule != "" && report.count(c.rule) == 0 {
		return "not found: " + c.rule
	}
	for _, v := range report.Violations {
		if v.Rule != c.rule && !slices.Contains(c.also, v.Rule) {
			return "found " + v.Rule + ": " + v.What
		}
	}
	if c.check != nil {
		return c.check(report)
	}
	return ""
}

func expect(what string, want, have int) string {
	if want == have {
		return ""
	}
	return fmt.Sprintf("%s: %d instead of %d", what, have, want)
}

// with changes a story.
func with(from func() *story, change func(s *story)) func() *story {
	return func() *story {
		s := from()
		change(s)
		return s
	}
}
