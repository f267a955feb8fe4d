package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"sort"
	"strconv"
	"strings"
	"time"
)

// component is how the User-Agent of every controller begins; its identity stands in parentheses at the end.
const component = "vsock-cid-controller"

// lineBegins is how every line of the log does.
const lineBegins = `{"kind":"Event","apiVersion":"audit.k8s.io/v1"`

// request is one request that the API server has received.
type request struct {
	id       string
	writer   string // identity of the controller; "" for everybody else
	user     string
	verb     string
	resource string
	name     string // namespace/name
	received time.Time
	ended    time.Time // of the last stage that was logged
	complete bool      // it was answered, with code
	code     int
	rev      int64 // of the object in the answer, 0 where that is not in the log
	wanted   cid   // PATCH of a VMI: the CID that it sets
	strange  bool  // PATCH of a VMI: it sets something else
	uid      string
	lease    *leaseWrite // PUT or POST of the Lease
	landed   bool        // it has set a CID, as etcd shows
}

type leaseWrite struct {
	holder  string
	term    uint32
	renewed time.Time // by its sender's own word; zero: it says nothing
}

// isVMIWrite says whether it may have changed a VMI.
func (r *request) isVMIWrite() bool {
	return r.resource == "virtualmachineinstances" && !isRead(r.verb)
}

func (r *request) isLeaseWrite() bool {
	return r.resource == "leases" && !isRead(r.verb)
}

func isRead(verb string) bool {
	return verb == "get" || verb == "list" || verb == "watch"
}

func (r *request) done() bool {
	return r.complete && r.code >= 200 && r.code < 300
}

// mayBeLost says whether it may have been carried out without an answer that says so.
func (r *request) mayBeLost() bool {
	return !r.complete || r.code >= 500
}

// outcome says what came of a request.
func (r *request) outcome() string {
	switch {
	case r.landed && r.done():
		return "carried out"
	case r.landed:
		return "carried out, though its sender was not told so"
	case r.isVMIWrite() && r.code >= 500:
		return "given up by the server"
	case r.isVMIWrite():
		return fmt.Sprintf("refused with %d", r.code)
	case r.isLeaseWrite():
		return fmt.Sprintf("a write of the Lease, answered by %d", r.code)
	case isRead(r.verb):
		return "a read"
	}
	return fmt.Sprintf("%s %s, answered by %d", r.verb, r.resource, r.code)
}

// event is one line of the log.
type event struct {
	AuditID                  string
	Stage                    string
	Verb                     string
	UserAgent                string
	User                     struct{ Username string }
	ObjectRef                struct{ Resource, Namespace, Name string }
	ResponseStatus           struct{ Code int }
	RequestObject            json.RawMessage
	ResponseObject           json.RawMessage
	RequestReceivedTimestamp time.Time
	StageTimestamp           time.Time
}

// readAuditLog reads what controllers asked for, and what anybody asked of the Lease, in the order of receipt.
func readAuditLog(file string) ([]*request, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return parseAuditLog(f)
}

func parseAuditLog(from io.Reader) ([]*request, error) {
	known := map[string]*request{}
	lines := bufio.NewReaderSize(from, 1<<20)
	for n := 1; ; n++ {
		line, err := lines.ReadBytes('\n')
		if err == io.EOF {
			return sorted(known), nil
		}
		if err != nil {
			return nil, err
		}
		if !bytes.Contains(line, []byte(component)) {
			continue
		}
		// A server that was killed may have left half a line, which the next one has gone on with.
		if torn := bytes.LastIndex(line, []byte(lineBegins)); torn > 0 {
			line = line[torn:]
		}
		var e event
		if err := json.Unmarshal(line, &e); err != nil {
			return nil, fmt.Errorf("line %d of the audit log: %w", n, err)
		}
		if err := take(known, &e); err != nil {
			return nil, fmt.Errorf("line %d of the audit log: %w", n, err)
		}
	}
}

func sorted(known map[string]*request) []*request {
	all := make([]*request, 0, len(known))
	for _, r := range known {
		all = append(all, r)
	}
	sort.Slice(all, func(i, j int) bool { return all[i].received.Before(all[j].received) })
	return all
}

// take adds a line to what is known of its request: there is one for each stage.
func take(known map[string]*request, e *event) error {
	writer := writerOf(e.UserAgent)
	ofLease := e.ObjectRef.Resource == "leases" && e.ObjectRef.Name == component
	if writer == "" && !ofLease {
		return nil
	}
	r := known[e.AuditID]
	if r == nil {
		r = &request{
			id:       e.AuditID,
			writer:   writer,
			user:     e.User.Username,
			verb:     e.Verb,
			resource: e.ObjectRef.Resource,
			name:     e.ObjectRef.Namespace + "/" + e.ObjectRef.Name,
			received: e.RequestReceivedTimestamp,
		}
		known[e.AuditID] = r
	}
	if e.StageTimestamp.After(r.ended) {
		r.ended = e.StageTimestamp
	}
	if e.Stage == "ResponseComplete" || e.Stage == "Panic" {
		r.complete = true
		r.code = e.ResponseStatus.Code
	}
	if err := r.readBodies(e); err != nil {
		return fmt.Errorf("request %s: %w", e.AuditID, err)
	}
	return nil
}

// writerOf takes the identity out of "vsock-cid-controller/VERSION (IDENTITY)". A User-Agent without one is an
// identity of its own: what it does shall not go unseen.
func writerOf(agent string) string {
	if !strings.HasPrefix(agent, component+"/") {
		return ""
	}
	_, comment, found := strings.Cut(agent, " (")
	if !found || !strings.HasSuffix(comment, ")") {
		return agent
	}
	return strings.TrimSuffix(comment, ")")
}

func (r *request) readBodies(e *event) error {
	if len(e.ResponseObject) > 0 && r.done() {
		var object struct {
			Metadata struct{ ResourceVersion string }
		}
		if err := json.Unmarshal(e.ResponseObject, &object); err != nil {
			return err
		}
		r.rev, _ = strconv.ParseInt(object.Metadata.ResourceVersion, 10, 64)
	}
	if len(e.RequestObject) == 0 {
		return nil
	}
	if r.isLeaseWrite() && (r.verb == "create" || r.verb == "update") {
		var object struct {
			Spec struct {
				HolderIdentity   string
				LeaseTransitions uint32
				RenewTime        time.Time
			}
		}
		if err := json.Unmarshal(e.RequestObject, &object); err != nil {
			return err
		}
		r.lease = &leaseWrite{holder: object.Spec.HolderIdentity, term: object.Spec.LeaseTransitions,
			renewed: object.Spec.RenewTime}
	}
	if r.isVMIWrite() && r.writer != "" {
		r.readPatch(e.RequestObject)
	}
	return nil
}

// readPatch reads the JSON patch of a controller. Each but the one kind that it may send is strange.
func (r *request) readPatch(body json.RawMessage) {
	var steps []struct {
		Op, Path string
		Value    json.RawMessage
	}
	if r.verb != "patch" || json.Unmarshal(body, &steps) != nil {
		r.strange = true
		return
	}
	for _, step := range steps {
		switch {
		case step.Op == "test" && step.Path == "/metadata/uid":
			_ = json.Unmarshal(step.Value, &r.uid)
		case step.Op == "test":
		case step.Op == "add" && step.Path == "/status/VSOCKCID" && !r.wanted.present:
			r.wanted = readCID(step.Value)
		case step.Op == "add" && step.Path == "/status" && !r.wanted.present:
			var status map[string]json.RawMessage
			if json.Unmarshal(step.Value, &status) != nil || len(status) != 1 {
				r.strange = true
			}
			r.wanted = readCID(status["VSOCKCID"])
		default:
			r.strange = true
		}
	}
	r.strange = r.strange || !r.wanted.present || !r.wanted.valid || r.uid == ""
}
