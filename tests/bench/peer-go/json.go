package main

import (
	"encoding/json"
	"errors"
	"strconv"
)

// reader goes over JSON once and in order; values that nobody wants are passed over without being looked at (so what
// they hold is not checked), and nothing is copied but the texts that are asked for. The first error stays, and ends
// all that follows. easyjson's lexer, the usual choice, validates what it skips a second time with encoding/json,
// which costs more than all the rest.
type reader struct {
	data []byte
	pos  int
	err  error
}

var errSyntax = errors.New("no valid JSON")

func (r *reader) fail() {
	if r.err == nil {
		r.err = errSyntax
	}
	r.pos = len(r.data)
}

// next returns the first byte of what comes next, without taking it, or 0 at the end.
func (r *reader) next() byte {
	for ; r.pos < len(r.data); r.pos++ {
		switch c := r.data[r.pos]; c {
		case ' ', '\t', '\r', '\n':
		default:
			return c
		}
	}
	return 0
}

// take takes this byte if it comes next.
func (r *reader) take(c byte) bool {
	if r.next() != c {
		return false
	}
	r.pos++
	return true
}

// null takes a null, if one comes next.
func (r *reader) null() bool {
	if r.next() != 'n' {
		return false
	}
	r.skip()
	return true
}

// raw takes a string as it stands between its quotes; true where it has escapes.
func (r *reader) raw() ([]byte, bool) {
	if !r.take('"') {
		r.fail()
		return nil, false
	}
	start, escapes := r.pos, false
	for i := start; i < len(r.data); i++ {
		switch r.data[i] {
		case '"':
			r.pos = i + 1
			return r.data[start:i], escapes
		case '\\':
			escapes = true
			i++
		}
	}
	r.fail()
	return nil, false
}

// bytes takes a string or a null, which counts as "". The bytes are borrowed from the data, as a rule.
func (r *reader) bytes() []byte {
	if r.null() {
		return nil
	}
	start := r.pos
	text, escapes := r.raw()
	if !escapes {
		return text
	}
	var plain string
	if json.Unmarshal(r.data[start:r.pos], &plain) != nil {
		r.fail()
	}
	return []byte(plain)
}

func (r *reader) text() string {
	return string(r.bytes())
}

// isTrue takes a bool or a null.
func (r *reader) isTrue() bool {
	is := r.next() == 't'
	r.skip()
	return is
}

// uint32 takes a number or a null, which counts as 0.
func (r *reader) uint32() uint32 {
	if r.null() {
		return 0
	}
	start := r.pos
	r.skip()
	n, err := strconv.ParseUint(string(r.data[start:r.pos]), 10, 32)
	if err != nil {
		r.fail()
	}
	return uint32(n)
}

// What the bytes outside of strings mean to skip.
const (
	other = iota
	quote
	open
	shut
	between
)

var classes = [256]uint8{
	'"': quote, '{': open, '[': open, '}': shut, ']': shut,
	',': between, ' ': between, '\t': between, '\r': between, '\n': between,
}

// skip passes over one value.
func (r *reader) skip() {
	r.next()
	data, depth := r.data, 0
	for i := r.pos; i < len(data); i++ {
		switch classes[data[i]] {
		case quote:
			for i++; i < len(data) && data[i] != '"'; i++ {
				if data[i] == '\\' {
					i++
				}
			}
			if depth == 0 && i < len(data) {
				r.pos = i + 1
				return
			}
		case open:
			depth++
		case shut:
			if depth == 0 {
				r.pos = i
				return
			}
			if depth--; depth == 0 {
				r.pos = i + 1
				return
			}
		case between:
			if depth == 0 {
				r.pos = i
				return
			}
		}
	}
	if depth > 0 || r.pos == len(data) {
		r.fail()
	}
	r.pos = len(data)
}

// fields takes an object, or a null, and calls field for each of its fields; field has to take the value.
func (r *reader) fields(field func(key string)) {
	if r.null() {
		return
	}
	if !r.take('{') {
		r.fail()
	}
	for r.err == nil && !r.take('}') {
		key, _ := r.raw()
		if !r.take(':') {
			r.fail()
			return
		}
		field(string(key))
		r.take(',')
	}
}

// items takes an array, or a null, and calls item for each of its items; item has to take it.
func (r *reader) items(item func()) {
	if r.null() {
		return
	}
	if !r.take('[') {
		r.fail()
	}
	for r.err == nil && !r.take(']') {
		item()
		r.take(',')
	}
}

// within takes an object of which only the field name is wanted.
func (r *reader) within(name string, read func()) {
	r.fields(func(key string) {
		if key == name {
			read()
		} else {
			r.skip()
		}
	})
}
