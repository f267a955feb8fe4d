package main

import (
	"sync"

	"k8s.io/apimachinery/pkg/types"
)

// awaited is what a component's cache must show before it looks at a VMI again: caches lag behind one's own writes,
// and acting on what was there before would be answered by 409. The event that brings it makes the component look.
type awaited struct {
	mu       sync.Mutex
	versions map[string]version
	pods     map[string]types.UID // of VMIs for which a pod was made that is still to be seen
}

type version struct {
	uid    types.UID
	before string // the resourceVersion that was replaced
}

func newAwaited() *awaited {
	return &awaited{versions: map[string]version{}, pods: map[string]types.UID{}}
}

// wrote notes that old was replaced. A write that changed nothing brings no event, so nothing is awaited then.
func (a *awaited) wrote(old, written vmi) {
	gone := old.deleting() && len(written.GetFinalizers()) == 0
	if written.GetResourceVersion() == old.GetResourceVersion() && !gone {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.versions[old.key()] = version{old.GetUID(), old.GetResourceVersion()}
}

// pod says whether a pod for v is still to be seen; to be called before it is made.
func (a *awaited) pod(v vmi, made bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if made {
		a.pods[v.key()] = v.GetUID()
	} else {
		delete(a.pods, v.key())
	}
}

// sawPod is told of each pod that changes, by its VMI.
func (a *awaited) sawPod(key, uid string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if string(a.pods[key]) == uid {
		delete(a.pods, key)
	}
}

func (a *awaited) lagging(v vmi) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.pods[v.key()] == v.GetUID() || a.versions[v.key()] == version{v.GetUID(), v.GetResourceVersion()}
}

func (a *awaited) forget(key string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.versions, key)
	delete(a.pods, key)
}
