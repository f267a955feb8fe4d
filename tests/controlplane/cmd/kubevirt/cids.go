package main

import (
	"errors"
	"math"
	"math/rand/v2"
	"sync"
)

// lowestCID is the first one that a guest may have.
const lowestCID = 3

// cidMap is virt-controller's own record of CIDs, by namespace/name. It lives and dies with the process. It believes
// whatever the VMIs show when it starts, and afterwards nothing but itself: not what others have written since, and
// not the status of the VMI that it gives one to. As in KubeVirt, 4294967295 may come out, which no guest can have.
type cidMap struct {
	lowest uint32

	mu     sync.Mutex
	cids   map[string]uint32
	owners map[uint32]string
}

func newCIDMap(lowest uint32) *cidMap {
	return &cidMap{lowest: lowest, cids: map[string]uint32{}, owners: map[uint32]string{}}
}

// learn takes what a VMI shows.
func (m *cidMap) learn(key string, cid uint32) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.cids[key] = cid
	m.owners[cid] = key
}

// allocate returns the CID that the key has already, or else a random one that no other key has.
func (m *cidMap) allocate(key string) (uint32, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if cid, has := m.cids[key]; has {
		return cid, nil
	}
	first := m.lowest + rand.Uint32N(math.MaxUint32-m.lowest)
	for cid := first; ; {
		if _, taken := m.owners[cid]; !taken {
			m.cids[key] = cid
			m.owners[cid] = key
			return cid, nil
		}
		if cid++; cid < m.lowest { // past 4294967295
			cid = m.lowest
		}
		if cid == first {
			return 0, errors.New("CIDs exhausted")
		}
	}
}

// remove forgets a key, and that its CID is taken, whoever else may have it.
func (m *cidMap) remove(key string) (cid uint32, had bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if cid, had = m.cids[key]; had {
		delete(m.owners, cid)
		delete(m.cids, key)
	}
	return cid, had
}
