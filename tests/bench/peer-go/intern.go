package main

import (
	"sync"

	"github.com/mailru/easyjson/jlexer"
)

// namespaces keeps one copy of each namespace's name rather than one a VMI.
var namespaces interner

type interner struct {
	mu    sync.Mutex
	known map[string]string
}

func (i *interner) intern(l *jlexer.Lexer) string {
	if l.IsNull() {
		l.Skip()
		return ""
	}
	name := l.UnsafeString()
	i.mu.Lock()
	defer i.mu.Unlock()
	if own, ok := i.known[name]; ok {
		return own
	}
	if i.known == nil {
		i.known = map[string]string{}
	}
	own := string([]byte(name))
	i.known[own] = own
	return own
}
