package main

import (
	"errors"
	"math/rand"
	"sync"
)

// What every pair of KubeVirt and Kubernetes accepts: some take status.VSOCKCID for an int32.
const (
	minCID = 3
	maxCID = 2147483647
)

// cids says which VMI holds which CID, by namespace/name, and which CIDs are in use: the pair of maps of KubeVirt's
// pkg/virt-controller/watch/vsock. But for this, it behaves alike: CIDs are learnt from every event rather than at the
// start only, and where others have made duplicates, only the VMI seen first frees the CID.
type cids struct {
	mu    sync.Mutex
	byKey map[string]uint32
	byCID map[uint32]string
}

func newCIDs() *cids {
	return &cids{byKey: map[string]uint32{}, byCID: map[uint32]string{}}
}

// learn notes that a VMI has this CID, be it ours or not.
func (c *cids) learn(key string, cid uint32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byKey[key] == cid {
		return
	}
	c.free(key)
	c.byKey[key] = cid
	if _, taken := c.byCID[cid]; !taken {
		c.byCID[cid] = key
	}
}

// allocate returns the CID that the VMI holds; where it holds none, the first free one from a random start on.
func (c *cids) allocate(key string) (uint32, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if cid, held := c.byKey[key]; held {
		return cid, nil
	}
	start := minCID + uint32(rand.Int63n(maxCID-minCID+1))
	cid := start
	for {
		if _, taken := c.byCID[cid]; !taken {
			c.byKey[key] = cid
			c.byCID[cid] = key
			return cid, nil
		}
		if cid++; cid > maxCID {
			cid = minCID
		}
		if cid == start {
			return 0, errors.New("no CID is free")
		}
	}
}

// remove frees what a VMI that is gone held.
func (c *cids) remove(key string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.free(key)
}

func (c *cids) free(key string) {
	cid, held := c.byKey[key]
	if !held {
		return
	}
	delete(c.byKey, key)
	if c.byCID[cid] == key {
		delete(c.byCID, cid)
	}
}
