package main

import "fmt"

// cannotBeRead stands for a story that no judgement may come of.
const cannotBeRead = "cannot be read"

// afterTheEnd goes with everything that a process asks for after it was resumed.
var afterTheEnd = []string{ruleRight}

var cases = []selfTest{
	{name: "a leader, its end and its successor", story: with(taken, func(s *story) {
		s.give(17000, "b-1", "two", "uid-2", 8+stripes)
	}), check: func(r *report) string {
		if len(r.Failovers) != 1 || len(r.Failovers[0].TimesMs) != 1 || r.Failovers[0].TimesMs[0] != 15001 {
			return "the failover took 15001 ms"
		}
		return expect("CIDs", 2, r.CIDs) + expect("terms", 2, r.Raises) + expect("late", 0, len(r.Late))
	}},
	{name: "a failover that took too long is said to", story: with(taken, func(s *story) {
		s.lease(21000, "b-1", "b-1", 8)
		s.give(21500, "b-1", "two", "uid-2", 8+stripes)
	}), check: func(r *report) string { return expect("over", 1, r.Failovers[0].Over) }},

	// Uniqueness.
	{name: "two VMIs with one CID", rule: ruleUnique, story: with(begin, func(s *story) {
		s.give(1600, "a-1", "two", "uid-2", 7+stripes*3)
	})},
	{name: "one CID for a VMI that is leaving and another", rule: ruleUnique, story: with(begin, func(s *story) {
		s.put(vmiPrefix+"ns/one", `{"metadata":{"uid":"uid-1","deletionTimestamp":"2026-01-01T00:00:00Z"},
			"status":{"phase":"Succeeded","VSOCKCID":98311}}`)
		s.give(1600, "a-1", "two", "uid-2", 7+stripes*3)
	})},
	{name: "a CID that two VMIs share for one revision only", rule: ruleUnique, story: with(begin, func(s *story) {
		s.give(1600, "a-1", "two", "uid-2", 7+stripes*3)
		s.gone("two")
	})},
	{name: "a CID given again after its VMI was deleted", story: with(begin, func(s *story) {
		s.gone("one")
		s.give(1600, "a-1", "two", "uid-2", 7+stripes*3)
	}), check: func(r *report) string { return expect("reused", 1, r.Reused) }},
	{name: "a VMI created anew under its name starts without a CID", story: with(begin, func(s *story) {
		s.gone("one")
		s.vmi("one", "uid-1b", `{"phase":"Pending"}`)
		s.give(1600, "a-1", "one", "uid-1b", 7+stripes*4)
		s.give(1700, "a-1", "two", "uid-2", 7+stripes*3)
	})},
	{name: "a shared CID after the Lease was deleted, by a chance that is too small", rule: ruleChance,
		story: with(begin, func(s *story) {
			s.deleteLease(1600)
			s.lease(1700, "b-1", "b-1", 7+stripes)
			s.give(1800, "b-1", "two", "uid-2", 7+stripes*3)
		}), check: func(r *report) string {
			return expect("by chance", 1, len(r.ByChance)) + expect("episodes", 1, len(r.Episodes)) +
				expect("pairs", 1, r.ChancePairs)
		}},
	{name: "a shared CID after the Lease was deleted, where very many were given", story: crowded(func(s *story) {
		s.give(2500, "b-1", "twice", "uid-twice", 14)
	}), check: func(r *report) string { return expect("by chance", 1, len(r.ByChance)) }},
	{name: "two such CIDs are too many", rule: ruleChance, story: crowded(func(s *story) {
		s.give(2500, "b-1", "twice", "uid-twice", 14)
		s.give(2501, "b-1", "again", "uid-again", 14+stripes)
	}), check: func(r *report) string { return expect("by chance", 2, len(r.ByChance)) }},
	{name: "a shared CID after the Lease was deleted that had long been there to be seen", rule: ruleUnique,
		story: with(begin, func(s *story) {
			s.deleteLease(11600)
			s.lease(11700, "b-1", "b-1", 7+stripes)
			s.give(11800, "b-1", "two", "uid-2", 7+stripes*3)
		})},
	{name: "a shared CID within one term is none, whatever happened before", rule: ruleUnique,
		story: with(begin, func(s *story) {
			s.deleteLease(1600)
			s.lease(1700, "b-1", "b-1", 9)
			s.give(1800, "b-1", "two", "uid-2", 9+stripes)
			s.give(1900, "b-1", "three", "uid-3", 9+stripes)
		})},
	{name: "a shared CID after the term was lowered, by a chance that is too small", rule: ruleChance,
		story: with(begin, func(s *story) {
			s.lease(1600, "", "", 6)
			s.process(1700, "a-2", "a")
			s.lease(1800, "a-2", "a-2", 7)
			s.give(1900, "a-2", "two", "uid-2", 7+stripes*3)
		}), check: func(r *report) string {
			return expect("by chance", 1, len(r.ByChance)) + expect("set by hand", 1, r.HandTerms)
		}},

	// From Scheduled on.
	{name: "a CID that changes while Running", rule: ruleFixed, story: with(begin, func(s *story) {
		s.vmi("one", "uid-1", `{"phase":"Running","VSOCKCID":98311}`)
		s.give(1600, "a-1", "one", "uid-1", 7+stripes*4)
	})},
	{name: "a CID that is taken away after Scheduled", rule: ruleFixed, story: with(begin, func(s *story) {
		s.vmi("one", "uid-1", `{"phase":"Scheduled","VSOCKCID":98311}`)
		s.vmi("one", "uid-1", `{"phase":"Scheduled"}`)
	})},
	{name: "a CID that comes after Scheduled", rule: ruleFixed, story: with(begin, func(s *story) {
		s.vmi("two", "uid-2", `{"phase":"Scheduled"}`)
		s.give(1600, "a-1", "two", "uid-2", 7+stripes*4)
	})},
	{name: "a CID that changes when the phase has fallen back", rule: ruleFixed, story: with(begin, func(s *story) {
		s.vmi("one", "uid-1", `{"phase":"WaitingForSync","VSOCKCID":98311,
			"phaseTransitionTimestamps":[{"phase":"Scheduled"}]}`)
		s.give(1600, "a-1", "one", "uid-1", 7+stripes*4)
	})},
	{name: "a CID that changes before Scheduled is only counted", story: with(begin, func(s *story) {
		s.give(1600, "a-1", "one", "uid-1", 7+stripes*4)
	}), check: func(r *report) string { return expect("changed before", 1, r.ChangedBefore) }},

	// Values and stripes.
	{name: "CID 2", rule: ruleValid, story: with(taken, func(s *story) {
		s.lease(16600, "", "b-1", 1+stripes)
		s.lease(16700, "b-1", "b-1", 2+stripes)
		s.give(17000, "b-1", "two", "uid-2", 2)
	})},
	{name: "a CID above the range of this run", rule: ruleValid, story: with(begin, func(s *story) {
		s.cidMax = 3 + 1<<20 - 1
		s.give(1600, "a-1", "two", "uid-2", 7+1<<20)
	})},
	{name: "a CID above the range", rule: ruleValid, story: with(begin, func(s *story) {
		s.give(1600, "a-1", "two", "uid-2", 7+1<<31)
	})},
	{name: "a refused CID above the range", rule: ruleValid, story: with(begin, func(s *story) {
		s.refused(1600, "a-1", "two", "uid-2", 7+1<<31)
	})},
	{name: "a CID above the range that no log has", rule: ruleValid, story: with(begin, func(s *story) {
		s.note(1550, `"kind":"server","what":"kill"`)
		s.vmi("two", "uid-2", fmt.Sprintf(`{"phase":"Scheduling","VSOCKCID":%d}`, uint32(7+1<<31)))
	})},
	{name: "a CID of the stripe beside", rule: ruleStripe, story: with(begin, func(s *story) {
		s.give(1600, "a-1", "two", "uid-2", 8+stripes)
	})},
	{name: "a refused CID of another's stripe", rule: ruleStripe, story: with(taken, func(s *story) {
		s.refused(17000, "b-1", "two", "uid-2", 7+stripes)
	})},
	{name: "a CID of a term that is raised later", rule: ruleStripe, story: with(begin, func(s *story) {
		s.give(1600, "a-1", "two", "uid-2", 8+stripes)
		s.lease(1700, "a-1", "a-1", 8)
	})},
	{name: "a term found under one's own name", rule: ruleStripe, also: []string{ruleNoRight, ruleClaim},
		story: with(begin, func(s *story) {
			s.lease(1600, "", "b-1", 9)
			s.lease(1700, "b-1", "b-1", 9)
			s.give(1800, "b-1", "two", "uid-2", 9+stripes)
		})},
	{name: "a CID that no request has written", rule: ruleUnknown, story: with(begin, func(s *story) {
		s.vmi("two", "uid-2", `{"phase":"Scheduling","VSOCKCID":32775}`)
	})},
	{name: "a CID that no request has written, but the server was killed", story: with(begin, func(s *story) {
		s.note(1550, `"kind":"server","what":"kill"`)
		s.vmi("two", "uid-2", `{"phase":"Scheduling","VSOCKCID":32775}`)
	}), check: func(r *report) string { return expect("unlogged", 1, r.Unlogged) }},
	{name: "a CID that no request has written, long before the server was killed", rule: ruleUnknown,
		story: with(begin, func(s *story) {
			s.note(30000, `"kind":"server","what":"kill"`)
			s.vmi("two", "uid-2", `{"phase":"Scheduling","VSOCKCID":32775}`)
			s.lease(4000, "a-1", "a-1", 7)
		})},
	{name: "a CID that no request has written, while the server was being killed", story: with(begin, func(s *story) {
		s.note(1550, `"kind":"server","what":"kill"`)
		s.lease(1560, "a-1", "a-1", 7)
		s.vmi("two", "uid-2", `{"phase":"Scheduling","VSOCKCID":32775}`)
		s.note(1600, `"kind":"server","what":"start"`)
		s.lease(4000, "a-1", "a-1", 7)
	}), check: func(r *report) string { return expect("unlogged", 1, r.Unlogged) }},
	{name: "a CID that no request has written, after the server was started again", rule: ruleUnknown,
		story: with(begin, func(s *story) {
			s.note(1550, `"kind":"server","what":"kill"`)
			s.note(1600, `"kind":"server","what":"start"`)
			s.lease(4000, "a-1", "a-1", 7)
			s.vmi("two", "uid-2", `{"phase":"Scheduling","VSOCKCID":32775}`)
		})},
	{name: "a CID that no request has written, after the server was killed", rule: ruleUnknown,
		story: with(begin, func(s *story) {
			s.note(1550, `"kind":"server","what":"kill"`)
			s.lease(4000, "a-1", "a-1", 7)
			s.vmi("two", "uid-2", `{"phase":"Scheduling","VSOCKCID":32775}`)
		})},
	{name: "a CID of nobody's stripe that no request has written", rule: ruleStripe, story: with(begin, func(s *story) {
		s.note(1550, `"kind":"server","what":"kill"`)
		s.vmi("two", "uid-2", `{"phase":"Scheduling","VSOCKCID":32776}`)
	})},
	{name: "a CID whose writer was told of a timeout", story: with(begin, func(s *story) {
		s.vmi("two", "uid-2", `{"phase":"Scheduling","VSOCKCID":32775}`)
		s.logged(1600, "a-1", "patch", "virtualmachineinstances", "ns/two", 504, patchOf("uid-2", 32775), 0)
	}), check: func(r *report) string { return expect("unanswered", 1, r.Unanswered) }},
	{name: "a CID of another than was asked for in vain", rule: ruleUnknown, story: with(begin, func(s *story) {
		s.vmi("two", "uid-2", `{"phase":"Scheduling","VSOCKCID":32775}`)
		s.logged(1600, "a-1", "patch", "virtualmachineinstances", "ns/two", 504, patchOf("uid-2b", 32775), 0)
		s.logged(1600, "a-1", "patch", "virtualmachineinstances", "ns/two", 422, patchOf("uid-2", 32775), 0)
	})},
	{name: "a patch of something else", rule: ruleStrange, story: with(begin, func(s *story) {
		s.logged(1600, "a-1", "patch", "virtualmachineinstances", "ns/one", 200,
			`[{"op":"test","path":"/metadata/uid","value":"uid-1"},{"op":"remove","path":"/status/VSOCKCID"}]`, 0)
	})},
	{name: "a patch that reached another object than was meant", rule: ruleUnexpected, story: with(begin, func(s *story) {
		rev := s.vmi("two", "uid-2", `{"phase":"Scheduling","VSOCKCID":32775}`)
		s.logged(1600, "a-1", "patch", "virtualmachineinstances", "ns/two", 200, patchOf("uid-1", 32775), rev)
	})},

	// Terms.
	{name: "one term for two", rule: ruleTerm, story: with(taken, func(s *story) {
		s.process(16900, "a-2", "a")
		s.lease(17000, "", "b-1", 15)
		s.lease(17001, "", "b-1", 6+1<<30)
		s.lease(17002, "", "b-1", 6+1<<30+1<<29)
		s.lease(17003, "", "b-1", 7+1<<31-10)
		s.lease(17004, "", "b-1", 6)
		s.lease(33000, "a-2", "a-2", 7)
	})},
	{name: "a term raised for somebody else", rule: ruleTerm, also: []string{ruleClaim},
		story: with(begin, func(s *story) {
			s.lease(16500, "b-1", "c-1", 8)
		})},
	{name: "a renewal of what was found under one's own name", rule: ruleNoRight, also: []string{ruleClaim},
		story: with(begin, func(s *story) {
			s.lease(1600, "", "b-1", 9)
			s.lease(1700, "b-1", "b-1", 9)
		})},
	{name: "a renewal with a term that was set by hand", rule: ruleClaim, story: with(begin, func(s *story) {
		s.lease(1600, "", "a-1", 9)
		s.lease(1700, "a-1", "a-1", 9)
		s.give(1800, "a-1", "two", "uid-2", 7+stripes)
	})},
	{name: "a renewal with a term that was set by hand, of which nobody was told", rule: ruleClaim,
		story: with(begin, func(s *story) {
			s.lease(1600, "", "a-1", 9)
			value := leaseOf("a-1", 9, "")
			s.put(leaseKey, value)
			s.logged(1700, "a-1", "update", "leases", "kubevirt/"+component, 504, value, 0)
		})},
	{name: "a term that was set by hand, and raised by its holder", story: with(begin, func(s *story) {
		s.lease(1600, "", "a-1", 9)
		s.lease(1700, "a-1", "a-1", 10)
		s.lease(1750, "a-1", "a-1", 10)
		s.give(1800, "a-1", "two", "uid-2", 10+stripes)
	})},
	{name: "the Lease given back with a term that was set by hand", story: with(begin, func(s *story) {
		s.lease(1600, "", "a-1", 9)
		s.lease(1700, "a-1", "", 9)
	})},
	{name: "who had the higher term counts on from a lowered one", rule: ruleTerm, story: with(begin, func(s *story) {
		s.lease(1600, "a-1", "a-1", 8)
		s.lease(1700, "", "a-1", 6)
		s.lease(1800, "a-1", "a-1", 7)
	})},
	{name: "who watched the higher term counts on from a lowered one", rule: ruleTerm,
		story: with(begin, func(s *story) {
			s.watches(500, "b-1")
			s.lease(3000, "", "a-1", 5)
			s.lease(19000, "b-1", "b-1", 6)
		})},
	{name: "who asked for the higher term counts on from a lowered one", rule: ruleTerm,
		story: with(begin, func(s *story) {
			s.asks(3000, "b-1", "list", "leases")
			s.lease(5000, "", "a-1", 5)
			s.lease(21000, "b-1", "b-1", 6)
		})},
	{name: "who was cut off from the higher term counts on from a lowered one", story: with(begin, func(s *story) {
		s.watches(500, "b-1")
		s.mode(900, "b", "stall")
		s.mode(2500, "b", "pass")
		s.lease(3000, "", "a-1", 5)
		s.lease(19000, "b-1", "b-1", 6)
	})},
	{name: "who was stopped during the higher term counts on from a lowered one", story: with(begin, func(s *story) {
		s.watches(500, "b-1")
		s.note(900, `"kind":"signal","identity":"b-1","signal":"STOP","leading":false`)
		s.lease(3000, "", "a-1", 5)
		s.note(4000, `"kind":"signal","identity":"b-1","signal":"CONT","leading":false`)
		s.lease(19000, "b-1", "b-1", 6)
	})},
	{name: "who watched the higher term starts at random from a lowered one, and counts on", story: with(begin,
		func(s *story) {
			s.watches(500, "b-1")
			s.lease(3000, "", "a-1", 5)
			s.lease(19000, "b-1", "b-1", 1)
			s.lease(19500, "b-1", "b-1", 2)
		}), check: func(r *report) string { return expect("random starts", 2, r.RandomTerms) }},
	{name: "who came after the term was lowered counts on from it", story: with(begin, func(s *story) {
		s.lease(3000, "", "a-1", 5)
		s.process(4000, "b-2", "b")
		s.watches(4500, "b-2")
		s.lease(19000, "b-2", "b-2", 6)
	})},
	{name: "a term raised by too much", rule: ruleTerm, story: with(begin, func(s *story) {
		s.lease(16500, "b-1", "b-1", 7+maxStep+1)
	})},
	{name: "a term that goes back", rule: ruleTerm, story: with(begin, func(s *story) {
		s.lease(16500, "b-1", "b-1", 6)
	})},
	{name: "the term after the last is 0", story: func() *story {
		s := newStory()
		s.process(0, "a-1", "a")
		s.lease(900, "", "nobody", 1<<31-1)
		s.lease(1000, "a-1", "a-1", 0)
		s.give(1500, "a-1", "one", "uid-1", stripes)
		return s
	}},

	// The right to write.
	{name: "a write 10.05 s after the last renewal: within the slack", story: with(begin, func(s *story) {
		s.give(11050, "a-1", "two", "uid-2", 7+stripes)
	}), check: func(r *report) string { return expect("late", 1, len(r.Late)) }},
	{name: "four writes 10.05 s after the last renewal", rule: ruleSlack, story: with(begin, func(s *story) {
		s.give(11050, "a-1", "two", "uid-2", 7+stripes)
		s.give(11051, "a-1", "three", "uid-3", 7+stripes*2)
		s.give(11052, "a-1", "four", "uid-4", 7+stripes*4)
		s.give(11053, "a-1", "five", "uid-5", 7+stripes*5)
	})},
	{name: "a write 10.2 s after the last renewal", rule: ruleRight, story: with(begin, func(s *story) {
		s.give(11200, "a-1", "two", "uid-2", 7+stripes)
	})},
	{name: "a renewal counts from when its sender says that it was sent, if that is earlier", rule: ruleRight,
		story: with(begin, func(s *story) {
			value := leaseOf("a-1", 7, stamp(3000))
			s.logged(9000, "a-1", "update", "leases", "kubevirt/"+component, 200, value, s.put(leaseKey, value))
			s.give(13500, "a-1", "two", "uid-2", 7+stripes)
		})},
	{name: "a renewal does not count from later, whatever its sender says", rule: ruleRight, story: with(begin,
		func(s *story) {
			value := leaseOf("a-1", 7, stamp(9000))
			s.logged(3000, "a-1", "update", "leases", "kubevirt/"+component, 200, value, s.put(leaseKey, value))
			s.give(13500, "a-1", "two", "uid-2", 7+stripes)
		})},
	{name: "a write 12 s after the last renewal", rule: ruleRight, story: with(begin, func(s *story) {
		s.give(13000, "a-1", "two", "uid-2", 7+stripes)
	})},
	{name: "a refused write 12 s after the last renewal", rule: ruleRight, story: with(begin, func(s *story) {
		s.refused(13000, "a-1", "two", "uid-2", 7+stripes)
	})},
	{name: "a write 12 s after the term was raised, but it was renewed", story: with(begin, func(s *story) {
		s.lease(4000, "a-1", "a-1", 7)
		s.give(13000, "a-1", "two", "uid-2", 7+stripes)
	})},
	{name: "a renewal that came too late brings nothing back", rule: ruleRight, story: with(begin, func(s *story) {
		s.lease(14000, "a-1", "a-1", 7)
		s.give(14500, "a-1", "two", "uid-2", 7+stripes)
	})},
	{name: "a write that the network held back", story: with(begin, func(s *story) {
		s.heldBack(9000)
		s.give(13001, "a-1", "two", "uid-2", 7+stripes)
	}), check: func(r *report) string {
		if len(r.Late) != 1 || r.Late[0].Why != "sent before the end, then held by the network (hold)" {
			return "not explained"
		}
		return ""
	}},
	{name: "a write that was sent after the end, into a network that held it", rule: ruleRight,
		story: with(begin, func(s *story) {
			s.heldBack(12500)
			s.give(13001, "a-1", "two", "uid-2", 7+stripes)
		})},
	{name: "what another process of the replica has sent is no excuse", rule: ruleRight,
		story: with(begin, func(s *story) {
			s.note(11000, `"kind":"ended","identity":"a-1","replica":"a","status":1`)
			s.open(10, "a", 1)
			s.open(11500, "a", 2)
			s.up(999, 999, "a", 1, 500)
			s.up(12500, 13000, "a", 1, 500)
			s.up(9000, 12999, "a", 2, 500)
			s.give(13001, "a-1", "two", "uid-2", 7+stripes)
		})},
	{name: "a write after the Lease was given back", rule: ruleRight, story: with(begin, func(s *story) {
		s.lease(2000, "a-1", "", 7)
		s.give(2100, "a-1", "two", "uid-2", 7+stripes)
	})},
	{name: "a list after the right has ended", rule: ruleRight, story: with(begin, func(s *story) {
		s.asks(11200, "a-1", "list", "virtualmachineinstances")
	})},
	{name: "a watch after the right has ended", rule: ruleRight, story: with(begin, func(s *story) {
		s.asks(11200, "a-1", "watch", "kubevirts")
	})},
	{name: "a look at the Lease after the right has ended", rule: ruleRight, story: with(begin, func(s *story) {
		s.asks(11200, "a-1", "get", "leases")
	})},
	{name: "an event after the right has ended", rule: ruleRight, story: with(begin, func(s *story) {
		s.tells(11200, "a-1")
	})},
	{name: "a refused renewal after the right has ended", rule: ruleRight, story: with(begin, func(s *story) {
		s.logged(11200, "a-1", "update", "leases", "kubevirt/"+component, 409, leaseOf("a-1", 7, ""), 0)
	})},
	{name: "the Lease given back after the right has ended", rule: ruleRight, story: with(begin, func(s *story) {
		s.lease(11200, "a-1", "", 7)
	})},
	{name: "a list that the network held back", story: with(begin, func(s *story) {
		s.heldBack(9000)
		s.asks(13001, "a-1", "list", "virtualmachineinstances")
	}), check: func(r *report) string { return expect("late", 1, len(r.Late)) }},
	{name: "a list that was sent after the end, into a network that held it", rule: ruleRight,
		story: with(begin, func(s *story) {
			s.heldBack(11200)
			s.asks(13001, "a-1", "list", "virtualmachineinstances")
		})},
	{name: "a standby reads when it likes", story: with(begin, func(s *story) {
		s.asks(1600, "b-1", "list", "virtualmachineinstances")
		s.asks(40000, "b-1", "get", "leases")
		s.watches(50000, "b-1")
	})},
	{name: "a standby that was never told of its right reads when it likes", story: with(taken, func(s *story) {
		s.asks(27000, "b-1", "get", "leases")
		s.logged(27100, "b-1", "update", "leases", "kubevirt/"+component, 409, leaseOf("b-1", 9, ""), 0)
		s.asks(27200, "b-1", "watch", "leases")
	})},
	{name: "an event by one who never led", rule: ruleNoRight, story: with(begin, func(s *story) {
		s.tells(1600, "b-1")
	})},
	{name: "a read while the Lease is given back", story: with(begin, func(s *story) {
		s.took = 500
		s.lease(2000, "a-1", "", 7)
		s.asks(2400, "a-1", "watch", "leases")
	})},
	{name: "a read after the Lease was given back", rule: ruleRight, story: with(begin, func(s *story) {
		s.lease(2000, "a-1", "", 7)
		s.asks(2200, "a-1", "watch", "leases")
	})},
	{name: "the Lease taken again after it was given back", rule: ruleRight, story: with(begin, func(s *story) {
		s.lease(2000, "a-1", "", 7)
		s.lease(2050, "a-1", "a-1", 8)
	})},
	{name: "the Lease taken again by one who had done nothing but give it back", rule: ruleRight,
		story: with(taken, func(s *story) {
			s.lease(16550, "", "b-1", 9)
			s.lease(16600, "b-1", "", 9)
			s.lease(17000, "b-1", "b-1", 10)
		})},
	{name: "a write by one who never led", rule: ruleNoRight, story: with(begin, func(s *story) {
		s.logged(1600, "b-1", "patch", "virtualmachineinstances", "ns/one", 422, "", 0)
	})},
	{name: "a second raising, since the answer to the first was lost", story: with(taken, func(s *story) {
		s.lease(28000, "b-1", "b-1", 9)
		s.give(37000, "b-1", "two", "uid-2", 9+stripes)
	})},
	{name: "a second raising by one who had written under the first", rule: ruleRight,
		story: with(taken, func(s *story) {
			s.give(17000, "b-1", "two", "uid-2", 8+stripes)
			s.lease(28000, "b-1", "b-1", 9)
		})},
	{name: "a write under the second raising of one who had written under the first", rule: ruleRight,
		story: with(taken, func(s *story) {
			s.open(10, "b", 1)
			s.up(16500, 16500, "b", 1, 500)
			s.give(17000, "b-1", "two", "uid-2", 8+stripes)
			s.mode(17500, "b", "hold")
			s.up(18000, 28000, "b", 1, 500)
			s.mode(28000, "b", "pass")
			s.lease(28000, "b-1", "b-1", 9)
			s.up(37000, 37000, "b", 1, 500)
			s.give(37000, "b-1", "three", "uid-3", 9+stripes)
		}), check: func(r *report) string { return expect("late", 1, len(r.Late)) }},
	{name: "a second raising by one who had renewed the first", rule: ruleRight, story: with(taken, func(s *story) {
		s.lease(18000, "b-1", "b-1", 8)
		s.lease(30000, "b-1", "b-1", 9)
	})},
	{name: "a second raising by one who had said that it leads", rule: ruleRight, story: with(taken, func(s *story) {
		s.tells(16600, "b-1")
		s.lease(28000, "b-1", "b-1", 9)
	})},
	{name: "a leader that raises its term in time goes on", story: with(begin, func(s *story) {
		s.lease(9000, "a-1", "a-1", 8)
		s.give(18000, "a-1", "two", "uid-2", 8+stripes)
		s.lease(18500, "a-1", "a-1", 9)
		s.give(28000, "a-1", "three", "uid-3", 9+stripes)
	})},
	{name: "a read after the process was resumed", rule: ruleResumed, also: afterTheEnd, story: with(begin, func(s *story) {
		s.note(2000, `"kind":"signal","identity":"a-1","signal":"STOP","leading":true`)
		s.note(22000, `"kind":"signal","identity":"a-1","signal":"CONT","leading":true`)
		s.logged(22001, "a-1", "get", "leases", "kubevirt/"+component, 200, "", 0)
	})},
	{name: "a write after the process was resumed in time", story: with(begin, func(s *story) {
		s.note(2000, `"kind":"signal","identity":"a-1","signal":"STOP","leading":true`)
		s.note(4000, `"kind":"signal","identity":"a-1","signal":"CONT","leading":true`)
		s.give(4500, "a-1", "two", "uid-2", 7+stripes)
	}), check: func(r *report) string { return expect("resumed", 0, r.Resumed) }},

	// The evidence itself.
	{name: "a writer that the record does not know", rule: ruleUnexpected, story: with(taken, func(s *story) {
		s.lease(33000, "c-1", "c-1", 9)
		s.give(33100, "c-1", "two", "uid-2", 9+stripes)
	})},
	{name: "a reader that the record does not know", rule: ruleUnexpected, story: with(begin, func(s *story) {
		s.asks(1600, "c-1", "list", "virtualmachineinstances")
	})},
	{name: "a User-Agent without an identity is one of its own", rule: ruleNoRight, also: []string{ruleUnexpected},
		story: with(begin, func(s *story) {
			s.log.WriteString(lineBegins + `,"auditID":"x","stage":"ResponseComplete","verb":"patch","userAgent":` +
				`"vsock-cid-controller/1.0","user":{"username":"u"},"objectRef":{"resource":"virtualmachineinstances",` +
				`"namespace":"ns","name":"one"},"responseStatus":{"code":200},"requestReceivedTimestamp":"` + stamp(1600) +
				`","stageTimestamp":"` + stamp(1600) + `"}` + "\n")
		})},
	{name: "the ServiceAccount under another User-Agent", rule: ruleAnonymous, story: with(begin, func(s *story) {
		s.log.WriteString(lineBegins + `,"auditID":"x","stage":"ResponseComplete","verb":"update","userAgent":"curl",` +
			`"user":{"username":"system:serviceaccount:kubevirt:vsock-cid-controller"},"objectRef":{"resource":"leases",` +
			`"namespace":"kubevirt","name":"vsock-cid-controller"},"responseStatus":{"code":409},` +
			`"requestReceivedTimestamp":"` + stamp(1600) + `","stageTimestamp":"` + stamp(1600) + `"}` + "\n")
	})},
	{name: "a request that was never answered counts", rule: ruleResumed, also: afterTheEnd,
		story: with(begin, func(s *story) {
			s.note(22000, `"kind":"signal","identity":"a-1","signal":"CONT","leading":true`)
			s.log.WriteString(lineBegins + `,"auditID":"x","stage":"RequestReceived","verb":"get","userAgent":` +
				`"vsock-cid-controller/1.0 (a-1)","user":{"username":"u"},"objectRef":{"resource":"virtualmachineinstances"},` +
				`"requestReceivedTimestamp":"` + stamp(22002) + `","stageTimestamp":"` + stamp(22002) + `"}` + "\n")
		})},
	{name: "a line of the log that was torn", story: with(begin, func(s *story) {
		s.log.WriteString(lineBegins + `,"auditID":"to`)
		s.give(1600, "a-1", "two", "uid-2", 7+stripes)
	}), check: func(r *report) string { return expect("patches", 2, r.Patches) }},
	{name: "a hole in the history", rule: cannotBeRead, story: with(begin, func(s *story) {
		s.current[vmiPrefix+"ns/one"]++
		s.vmi("one", "uid-1", `{"phase":"Running","VSOCKCID":98311}`)
	})},
	{name: "a VMI that cannot be read", rule: cannotBeRead, story: with(begin, func(s *story) {
		s.put(vmiPrefix+"ns/two", "k8s\x00")
	})},
}
