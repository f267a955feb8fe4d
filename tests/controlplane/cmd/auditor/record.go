package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"sort"
	"strconv"
	"strings"
	"time"
)

// entry is one line of the test's own record. Which fields count depends on Kind:
//
//	process   Replica, Identity, Lease, Deadline: from here on this process runs there
//	ended     Replica, Identity, Status: it has ended
//	signal    Identity, Signal, Leading: written before a signal was sent
//	server    What ("stop", "kill", "start"): written before it was done
//	lease     What: written before the Lease was changed by hand
//	rights    What: written before the ServiceAccount lost some
//	fault     What: anything else, for people
type entry struct {
	T        int64  `json:"t"` // nanoseconds since 1970
	Kind     string `json:"kind"`
	Replica  string `json:"replica"`
	Identity string `json:"identity"`
	Lease    int64  `json:"lease_ms"`
	Deadline int64  `json:"deadline_ms"`
	Status   int    `json:"status"`
	Signal   string `json:"signal"`
	Leading  bool   `json:"leading"`
	What     string `json:"what"`
}

func (e *entry) time() time.Time {
	return time.Unix(0, e.T)
}

func readRecord(file string) ([]entry, error) {
	if file == "" {
		return nil, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	return parseRecord(string(text))
}

func parseRecord(text string) ([]entry, error) {
	var all []entry
	for n, line := range strings.Split(strings.TrimSpace(text), "\n") {
		if line == "" {
			continue
		}
		var e entry
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			return nil, fmt.Errorf("line %d of the record: %w", n+1, err)
		}
		all = append(all, e)
	}
	sort.SliceStable(all, func(i, j int) bool { return all[i].T < all[j].T })
	return all, nil
}

// chunk is some bytes on their way from a process to the server: when the kernel got them, and when the proxy
// passed them on.
type chunk struct {
	in, out time.Time
	bytes   int
	opened  time.Time // of its connection
}

// proxyLog is what one proxy wrote down.
type proxyLog struct {
	replica string
	chunks  []chunk // by out
	modes   []proxyMode
}

type proxyMode struct {
	at   time.Time
	mode string
}

// tooSmall is how many bytes are no request: closing a TLS connection or acknowledging a frame needs fewer.
const tooSmall = 64

func readProxyLog(replica, file string) (*proxyLog, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return parseProxyLog(replica, f)
}

func parseProxyLog(replica string, from io.Reader) (*proxyLog, error) {
	log := &proxyLog{replica: replica}
	opened := map[string]time.Time{}
	lines := bufio.NewScanner(from)
	for n := 1; lines.Scan(); n++ {
		if err := log.take(opened, strings.Fields(lines.Text())); err != nil {
			return nil, fmt.Errorf("line %d of the log of proxy %s: %w", n, replica, err)
		}
	}
	sort.SliceStable(log.chunks, func(i, j int) bool { return log.chunks[i].out.Before(log.chunks[j].out) })
	return log, lines.Err()
}

// take reads "mode TIME MODE", "open TIME CONNECTION", "up TIME-IN TIME-OUT CONNECTION BYTES". Others are for
// people.
func (p *proxyLog) take(opened map[string]time.Time, words []string) error {
	times := []time.Time{}
	for _, word := range words[min(1, len(words)):] {
		ns, err := strconv.ParseInt(word, 10, 64)
		if err != nil {
			break
		}
		times = append(times, time.Unix(0, ns))
	}
	switch {
	case len(words) == 3 && words[0] == "mode" && len(times) == 1:
		p.modes = append(p.modes, proxyMode{at: times[0], mode: words[2]})
	case len(words) == 3 && words[0] == "open":
		opened[words[2]] = times[0]
	case len(words) == 5 && words[0] == "up" && len(times) == 4:
		size, _ := strconv.Atoi(words[4])
		p.chunks = append(p.chunks, chunk{in: times[0], out: times[1], bytes: size, opened: opened[words[3]]})
	case len(words) > 0 && (words[0] == "mode" || words[0] == "open" || words[0] == "up"):
		return fmt.Errorf("cannot read %q", words)
	}
	return nil
}
