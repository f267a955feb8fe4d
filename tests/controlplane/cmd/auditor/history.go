package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// Where the API server keeps them. Custom resources are JSON; the Lease is, too, where the server runs with
// --storage-media-type=application/json, as it must for this audit.
const (
	vmiPrefix = "/registry/kubevirt.io/virtualmachineinstances/"
	leaseKey  = "/registry/leases/kubevirt/vsock-cid-controller"
)

// cid is what status.VSOCKCID says. The zero value: nothing.
type cid struct {
	present bool
	valid   bool // an integer of 32 bits
	value   uint32
}

func (c cid) String() string {
	switch {
	case !c.present:
		return "none"
	case !c.valid:
		return "unreadable"
	}
	return strconv.FormatUint(uint64(c.value), 10)
}

// vmiChange is one revision of one VMI.
type vmiChange struct {
	rev     int64
	name    string // namespace/name
	deleted bool
	uid     string
	wants   bool
	leaving bool // has a deletionTimestamp
	started bool // Scheduled or later, now or before
	phase   string
	cid     cid
}

// leaseChange is one revision of the Lease.
type leaseChange struct {
	rev      int64
	deleted  bool
	uid      string
	holder   string
	term     uint32
	duration int
}

// rawChange is what etcd tells of one revision of one key.
type rawChange struct {
	rev      int64
	key      string
	deleted  bool
	value    []byte
	previous int64 // revision of the value before, 0 for none
}

// historyReader checks that nothing is missing between what it is given.
type historyReader struct {
	last   map[string]int64 // revision of each existing key
	vmis   []vmiChange
	leases []leaseChange
	rev    int64
}

func newHistoryReader() *historyReader {
	return &historyReader{last: map[string]int64{}}
}

// add takes the changes in the order in which they happened.
func (h *historyReader) add(c rawChange) error {
	if c.previous != h.last[c.key] {
		return fmt.Errorf("a hole in the history of %s: revision %d came after %d, but %d was read last",
			c.key, c.rev, c.previous, h.last[c.key])
	}
	if c.rev < h.rev {
		return fmt.Errorf("revision %d of %s came after %d", c.rev, c.key, h.rev)
	}
	h.rev = c.rev
	if c.deleted {
		delete(h.last, c.key)
	} else {
		h.last[c.key] = c.rev
	}
	if c.key == leaseKey {
		change, err := readLease(c)
		h.leases = append(h.leases, change)
		return err
	}
	change, err := readVMI(c)
	h.vmis = append(h.vmis, change)
	return err
}

func readVMI(c rawChange) (vmiChange, error) {
	change := vmiChange{rev: c.rev, name: c.key[len(vmiPrefix):], deleted: c.deleted}
	if c.deleted {
		return change, nil
	}
	var object struct {
		Metadata struct {
			UID               string
			DeletionTimestamp *string
		}
		Spec struct {
			Domain struct {
				Devices struct{ AutoattachVSOCK *bool }
			}
		}
		Status struct {
			Phase                     string
			VSOCKCID                  json.RawMessage
			PhaseTransitionTimestamps []struct{ Phase string }
		}
	}
	if err := json.Unmarshal(c.value, &object); err != nil {
		return change, fmt.Errorf("%s at revision %d: %w", c.key, c.rev, err)
	}
	change.uid = object.Metadata.UID
	change.leaving = object.Metadata.DeletionTimestamp != nil
	wants := object.Spec.Domain.Devices.AutoattachVSOCK
	change.wants = wants != nil && *wants
	change.phase = object.Status.Phase
	change.started = hasStarted(change.phase)
	for _, t := range object.Status.PhaseTransitionTimestamps {
		change.started = change.started || t.Phase == "Scheduled"
	}
	change.cid = readCID(object.Status.VSOCKCID)
	return change, nil
}

// hasStarted says whether a VMI of this phase is Scheduled or later. WaitingForSync comes before, and what is
// not known counts as later.
func hasStarted(phase string) bool {
	switch phase {
	case "", "Pending", "Scheduling", "WaitingForSync":
		return false
	}
	return true
}

func readCID(text json.RawMessage) cid {
	if len(text) == 0 || bytes.Equal(text, []byte("null")) {
		return cid{}
	}
	value, err := strconv.ParseUint(string(text), 10, 32)
	return cid{present: true, valid: err == nil, value: uint32(value)}
}

func readLease(c rawChange) (leaseChange, error) {
	change := leaseChange{rev: c.rev, deleted: c.deleted}
	if c.deleted {
		return change, nil
	}
	var object struct {
		Metadata struct{ UID string }
		Spec     struct {
			HolderIdentity       string
			LeaseDurationSeconds int
			LeaseTransitions     uint32
		}
	}
	if err := json.Unmarshal(c.value, &object); err != nil {
		return change, fmt.Errorf("%s at revision %d (is it stored as JSON?): %w", c.key, c.rev, err)
	}
	change.uid = object.Metadata.UID
	change.holder = object.Spec.HolderIdentity
	change.term = object.Spec.LeaseTransitions
	change.duration = object.Spec.LeaseDurationSeconds
	return change, nil
}

// readHistory reads what happened to the VMIs and to the Lease since revision 1. It fails where a part of the
// past has been compacted away.
func readHistory(ctx context.Context, url string) ([]vmiChange, []leaseChange, int64, error) {
	client, err := clientv3.New(clientv3.Config{Endpoints: []string{url}, DialTimeout: 10 * time.Second})
	if err != nil {
		return nil, nil, 0, fmt.Errorf("etcd at %s: %w", url, err)
	}
	defer client.Close()
	now, err := client.Get(ctx, leaseKey)
	if err != nil {
		return nil, nil, 0, fmt.Errorf("etcd at %s: %w", url, err)
	}
	end := now.Header.Revision
	vmis, err := readKeys(ctx, client, vmiPrefix, end, clientv3.WithPrefix())
	if err != nil {
		return nil, nil, 0, err
	}
	leases, err := readKeys(ctx, client, leaseKey, end)
	if err != nil {
		return nil, nil, 0, err
	}
	return vmis.vmis, leases.leases, end, nil
}

// readKeys follows a watch from revision 1 to end.
func readKeys(ctx context.Context, client *clientv3.Client, key string, end int64, how ...clientv3.OpOption) (
	*historyReader, error) {
	ctx, cancel := context.WithCancel(clientv3.WithRequireLeader(ctx))
	defer cancel()
	how = append(how, clientv3.WithRev(1), clientv3.WithPrevKV(), clientv3.WithFragment())
	watch := client.Watch(ctx, key, how...)
	reader := newHistoryReader()
	// The server answers a request for progress only once the watch has caught up, and forgets it else.
	ask := time.NewTicker(100 * time.Millisecond)
	defer ask.Stop()
	for {
		select {
		case answer, open := <-watch:
			if !open {
				return nil, errors.New("etcd has ended the watch")
			}
			if err := answer.Err(); err != nil {
				return nil, fmt.Errorf("the history of %s from revision 1 on: %w", key, err)
			}
			for _, event := range answer.Events {
				if event.Kv.ModRevision > end {
					return reader, nil
				}
				if err := reader.add(raw(event)); err != nil {
					return nil, err
				}
			}
			if answer.IsProgressNotify() && answer.Header.Revision >= end {
				return reader, nil
			}
		case <-ask.C:
			if err := client.RequestProgress(ctx); err != nil {
				return nil, fmt.Errorf("etcd: %w", err)
			}
		}
	}
}

func raw(event *clientv3.Event) rawChange {
	c := rawChange{
		rev:     event.Kv.ModRevision,
		key:     string(event.Kv.Key),
		deleted: event.Type == clientv3.EventTypeDelete,
		value:   event.Kv.Value,
	}
	if event.PrevKv != nil {
		c.previous = event.PrevKv.ModRevision
	}
	return c
}
