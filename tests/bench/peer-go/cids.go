package main

import (
	"math/rand/v2"
	"sync"

	"k8s.io/apimachinery/pkg/types"
)

const (
	minCID = 3
	maxCID = 2147483647
)

// cids is KubeVirt's pair of maps (pkg/virt-controller/watch/vsock), by uid rather than by name and filled by every
// event rather than at the start only. Where others have made duplicates, the CID belongs to the one seen first and
// passes to nobody when that one is gone; as in KubeVirt, but a holder that is not the owner frees nothing.
type cids struct {
	mu    sync.Mutex
	byUID map[types.UID]holding
	byCID map[uint32]types.UID
}

type holding struct {
	cid     uint32
	written bool // the server has answered that it has it
}

func newCIDs() *cids {
	return &cids{byUID: map[types.UID]holding{}, byCID: map[uint32]types.UID{}}
}

// show notes that an event shows the VMI with this CID, be it ours or not.
func (c *cids) show(uid types.UID, cid uint32) {
	c.hold(uid, holding{cid: cid})
}

// wrote notes that the server has answered a write so.
func (c *cids) wrote(uid types.UID, cid uint32) {
	c.hold(uid, holding{cid: cid, written: true})
}

func (c *cids) hold(uid types.UID, h holding) {
	c.mu.Lock()
	defer c.mu.Unlock()
	old, known := c.byUID[uid]
	if known && old == h {
		return
	}
	if known && old.cid != h.cid {
		c.free(uid, old.cid)
	}
	c.byUID[uid] = h
	if _, taken := c.byCID[h.cid]; !taken {
		c.byCID[h.cid] = uid
	}
}

// draw returns the CID to write for a VMI that shows none: the one it had, or a random free one. False where one has
// been written already and the event that shows it is still to come.
func (c *cids) draw(uid types.UID) (uint32, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if h, known := c.byUID[uid]; known {
		return h.cid, !h.written
	}
	cid := minCID + rand.Uint32N(maxCID-minCID+1)
	for c.byCID[cid] != "" {
		if cid++; cid > maxCID {
			cid = minCID
		}
	}
	c.byUID[uid] = holding{cid: cid}
	c.byCID[cid] = uid
	return cid, true
}

// remove frees what a VMI that is gone held.
func (c *cids) remove(uid types.UID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if h, known := c.byUID[uid]; known {
		delete(c.byUID, uid)
		c.free(uid, h.cid)
	}
}

func (c *cids) free(uid types.UID, cid uint32) {
	if c.byCID[cid] == uid {
		delete(c.byCID, cid)
	}
}
