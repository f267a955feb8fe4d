// Command auditor judges what a set of vsock-cid-controllers did to the VMIs of a control plane, from what etcd
// and the API server have written down themselves. It shares no code with the controller.
//
//	auditor --etcd URL --audit-log FILE [--record FILE] [--proxy NAME=FILE]... [--cid-min N] [--cid-max N] [--json FILE]
//	auditor --self-test
//
// What it reads:
//   - etcd's history of all VMIs and of the Lease, from revision 1 on, with previous values (history.go);
//   - the API server's audit log: who asked for what and when (auditlog.go);
//   - the test's own record: which process ran where, and what was done to it (record.go);
//   - the logs of the proxies between the processes and the server: when bytes came in and were passed on.
//
// judge.go and its parts have the rules. Exit status: 0 nothing found, 1 a rule was broken, 2 the audit could not be done.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"
)

// reading bounds how long reading the history may take.
const reading = 5 * time.Minute

type options struct {
	etcd     string
	auditLog string
	record   string
	proxies  map[string]string
	json     string
	rules    rules
}

func main() {
	os.Exit(run())
}

func run() int {
	o := options{proxies: map[string]string{}}
	selfTest := flag.Bool("self-test", false, "show that each rule fires where it must")
	flag.StringVar(&o.etcd, "etcd", "", "URL of etcd")
	flag.StringVar(&o.auditLog, "audit-log", "", "the API server's audit log")
	flag.StringVar(&o.record, "record", "", "the test's own record, JSON lines")
	flag.StringVar(&o.json, "json", "", "file that gets the figures as JSON")
	flag.DurationVar(&o.rules.slack, "slack", 100*time.Millisecond,
		"how long a process may be kept off the CPU between looking at the clock and sending")
	cidMin := flag.Uint("cid-min", 3, "smallest CID that may be given")
	cidMax := flag.Uint("cid-max", 2147483647, "largest CID that may be given")
	flag.Func("proxy", "NAME=FILE: log of the proxy of replica NAME", func(value string) error {
		name, file, found := strings.Cut(value, "=")
		if !found {
			return fmt.Errorf("not NAME=FILE")
		}
		o.proxies[name] = file
		return nil
	})
	flag.Parse()
	o.rules.cidMin, o.rules.cidMax = uint32(*cidMin), uint32(*cidMax)
	if *selfTest {
		return selfTests()
	}
	report, err := audit(o)
	if err != nil {
		fmt.Fprintf(os.Stderr, "auditor: %v\n", err)
		return 2
	}
	report.print(os.Stdout)
	if o.json != "" {
		if err := report.save(o.json); err != nil {
			fmt.Fprintf(os.Stderr, "auditor: %v\n", err)
			return 2
		}
	}
	if len(report.Violations) > 0 {
		return 1
	}
	return 0
}

func audit(o options) (*report, error) {
	ctx, cancel := context.WithTimeout(context.Background(), reading)
	defer cancel()
	var e evidence
	var err error
	if e.vmis, e.leases, e.revision, err = readHistory(ctx, o.etcd); err != nil {
		return nil, err
	}
	if e.requests, err = readAuditLog(o.auditLog); err != nil {
		return nil, err
	}
	if e.record, err = readRecord(o.record); err != nil {
		return nil, err
	}
	e.recorded = o.record != ""
	for name, file := range o.proxies {
		log, err := readProxyLog(name, file)
		if err != nil {
			return nil, err
		}
		e.proxies = append(e.proxies, log)
	}
	return judge(&e, o.rules), nil
}

func (r *report) save(file string) error {
	text, err := json.MarshalIndent(r, "", "\t")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(text, '\n'), 0o600)
}
