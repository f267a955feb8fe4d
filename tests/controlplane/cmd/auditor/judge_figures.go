package main

import (
	"sort"
	"time"
)

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

// countFaults counts what was done to the processes.
func (j *judgement) countFaults() {
	for _, e := range j.record {
		switch e.Kind {
		case "signal":
			if e.Signal != "CONT" {
				j.report.Faults["SIG"+e.Signal]++
			}
		case "server":
			if e.What != "start" {
				j.report.Faults["server: "+e.What]++
			}
		case "lease", "rights":
			j.report.Faults[e.Kind+": "+e.What]++
		}
	}
	for _, p := range j.proxies {
		for _, m := range p.modes {
			if m.mode != "pass" {
				j.report.Faults["network: "+m.mode]++
			}
		}
	}
}

func (j *judgement) sumUp() {
	j.countFaults()
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
