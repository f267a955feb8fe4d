package main

import "sync"

// names keeps one copy of each namespace and phase rather than one a VMI.
var names interner

type interner struct {
	mu    sync.Mutex
	known map[string]string
}

func (i *interner) intern(name []byte) string {
	i.mu.Lock()
	defer i.mu.Unlock()
	if own, ok := i.known[string(name)]; ok {
		return own
	}
	if i.known == nil {
		i.known = map[string]string{}
	}
	own := string(name)
	i.known[own] = own
	return own
}
