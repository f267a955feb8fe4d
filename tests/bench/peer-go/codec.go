package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/mailru/easyjson/jlexer"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
)

// codec reads what the API server sends in one pass and keeps only what vmi and kubeVirt keep. apimachinery's own
// JSON serializer goes over the bytes of an event six times (frame, copy, event, raw object, kind, object) by
// reflection: with it, the same program takes several times the CPU and the memory.
type codec struct{}

func negotiatedSerializer() runtime.NegotiatedSerializer {
	return runtime.NewSimpleNegotiatedSerializer(runtime.SerializerInfo{
		MediaType:        runtime.ContentTypeJSON,
		MediaTypeType:    "application",
		MediaTypeSubType: "json",
		EncodesAsText:    true,
		Serializer:       codec{},
		StreamSerializer: &runtime.StreamSerializerInfo{EncodesAsText: true, Serializer: eventCodec{}, Framer: lineFramer{}},
	})
}

func (codec) Identifier() runtime.Identifier { return "peer-go" }

// Encode is never needed: bodies are made by hand.
func (codec) Encode(runtime.Object, io.Writer) error {
	return errors.New("nothing is encoded")
}

func (codec) Decode(data []byte, _ *schema.GroupVersionKind, into runtime.Object) (runtime.Object, *schema.GroupVersionKind, error) {
	kind := kindOf(data)
	gvk := groupVersion.WithKind(kind)
	l := jlexer.Lexer{Data: data}
	var out runtime.Object
	switch kind {
	case "VirtualMachineInstance":
		v, ok := into.(*vmi)
		if !ok {
			v = &vmi{}
		}
		v.decode(&l)
		out = v
	case "KubeVirt":
		k := &kubeVirt{}
		k.decode(&l)
		out = k
	case "VirtualMachineInstanceList":
		list := &vmiList{}
		list.ListMeta = decodeList(&l, func(l *jlexer.Lexer) {
			var v vmi
			v.decode(l)
			list.Items = append(list.Items, v)
		})
		out = list
	case "KubeVirtList":
		list := &kubeVirtList{}
		list.ListMeta = decodeList(&l, func(l *jlexer.Lexer) {
			var k kubeVirt
			k.decode(l)
			list.Items = append(list.Items, k)
		})
		out = list
	case "Status":
		status := &metav1.Status{}
		gvk = schema.GroupVersionKind{Version: "v1", Kind: kind}
		return status, &gvk, json.Unmarshal(data, status)
	default:
		return nil, nil, fmt.Errorf("unexpected kind %q", kind)
	}
	l.Consumed()
	return out, &gvk, l.Error()
}

// kindOf looks for the object's kind. The server writes it before metadata, spec and status.
func kindOf(data []byte) string {
	var kind string
	l := jlexer.Lexer{Data: data}
	l.Delim('{')
	for kind == "" && !l.IsDelim('}') && l.Ok() {
		key := l.UnsafeFieldName(false)
		l.WantColon()
		if key == "kind" && !l.IsNull() {
			kind = l.String()
			break
		}
		l.SkipRecursive()
		l.WantComma()
	}
	return kind
}

// fields calls field for each field of an object; field has to read the value.
func fields(l *jlexer.Lexer, field func(key string)) {
	if l.IsNull() {
		l.Skip()
		return
	}
	l.Delim('{')
	for !l.IsDelim('}') && l.Ok() {
		key := l.UnsafeFieldName(false)
		l.WantColon()
		field(key)
		l.WantComma()
	}
	l.Delim('}')
}

func text(l *jlexer.Lexer) string {
	if l.IsNull() {
		l.Skip()
		return ""
	}
	return l.String()
}

func isTrue(l *jlexer.Lexer) bool {
	if l.IsNull() {
		l.Skip()
		return false
	}
	return l.Bool()
}

func (m *meta) decode(l *jlexer.Lexer) {
	fields(l, func(key string) {
		switch key {
		case "namespace":
			m.namespace = namespaces.intern(l)
		case "name":
			m.name = text(l)
		case "uid":
			m.uid = types.UID(text(l))
		case "resourceVersion":
			m.resourceVersion = text(l)
		case "deletionTimestamp":
			m.deleting = !l.IsNull()
			l.SkipRecursive()
		case "annotations":
			// Those of a bookmark behind initial events; other objects are not asked for theirs.
			m.initialEnd = bytes.Contains(l.Raw(), []byte(metav1.InitialEventsAnnotationKey))
		default:
			l.SkipRecursive()
		}
	})
}

func (v *vmi) decode(l *jlexer.Lexer) {
	fields(l, func(key string) {
		switch key {
		case "metadata":
			v.meta.decode(l)
		case "spec":
			within(l, "domain", func() {
				within(l, "devices", func() {
					within(l, "autoattachVSOCK", func() { v.wants = isTrue(l) })
				})
			})
		case "status":
			fields(l, func(key string) {
				switch key {
				case "phase":
					v.started = isStarted(l)
				case "VSOCKCID":
					if l.IsNull() {
						l.Skip()
					} else {
						v.cid = l.Uint32()
					}
				default:
					l.SkipRecursive()
				}
			})
		default:
			l.SkipRecursive()
		}
	})
}

func isStarted(l *jlexer.Lexer) bool {
	if l.IsNull() {
		l.Skip()
		return false
	}
	switch l.UnsafeString() {
	case "", "Pending", "Scheduling":
		return false
	}
	return true
}

func (k *kubeVirt) decode(l *jlexer.Lexer) {
	fields(l, func(key string) {
		switch key {
		case "metadata":
			k.meta.decode(l)
		case "spec":
			within(l, "configuration", func() {
				within(l, "developerConfiguration", func() {
					within(l, "featureGates", func() { k.vsock = hasVsock(l) })
				})
			})
		default:
			l.SkipRecursive()
		}
	})
}

func hasVsock(l *jlexer.Lexer) bool {
	has := false
	if l.IsNull() {
		l.Skip()
		return false
	}
	l.Delim('[')
	for !l.IsDelim(']') && l.Ok() {
		has = l.UnsafeString() == "VSOCK" || has
		l.WantComma()
	}
	l.Delim(']')
	return has
}

// within reads an object of which only the field name is wanted.
func within(l *jlexer.Lexer, name string, read func()) {
	fields(l, func(key string) {
		if key == name {
			read()
		} else {
			l.SkipRecursive()
		}
	})
}

func decodeList(l *jlexer.Lexer, item func(*jlexer.Lexer)) metav1.ListMeta {
	var meta metav1.ListMeta
	fields(l, func(key string) {
		switch key {
		case "metadata":
			fields(l, func(key string) {
				switch key {
				case "resourceVersion":
					meta.ResourceVersion = text(l)
				case "continue":
					meta.Continue = text(l)
				default:
					l.SkipRecursive()
				}
			})
		case "items":
			if l.IsNull() {
				l.Skip()
				return
			}
			l.Delim('[')
			for !l.IsDelim(']') && l.Ok() {
				item(l)
				l.WantComma()
			}
			l.Delim(']')
		default:
			l.SkipRecursive()
		}
	})
	return meta
}

// eventCodec reads the envelope of a watch event, without a look at the object in it.
type eventCodec struct{ codec }

var envelopes = []struct{ prefix, eventType string }{
	{`{"type":"MODIFIED","object":`, "MODIFIED"},
	{`{"type":"ADDED","object":`, "ADDED"},
	{`{"type":"DELETED","object":`, "DELETED"},
	{`{"type":"BOOKMARK","object":`, "BOOKMARK"},
}

// Decode leaves the object where it is, in the stream's buffer: it is decoded before the next event is read.
func (eventCodec) Decode(data []byte, _ *schema.GroupVersionKind, into runtime.Object) (runtime.Object, *schema.GroupVersionKind, error) {
	event, ok := into.(*metav1.WatchEvent)
	if !ok {
		return nil, nil, fmt.Errorf("no watch event: %T", into)
	}
	for _, e := range envelopes {
		if bytes.HasPrefix(data, []byte(e.prefix)) && data[len(data)-1] == '}' {
			event.Type = e.eventType
			event.Object.Raw = data[len(e.prefix) : len(data)-1]
			return into, nil, nil
		}
	}
	l := jlexer.Lexer{Data: data}
	fields(&l, func(key string) {
		switch key {
		case "type":
			event.Type = text(&l)
		case "object":
			event.Object.Raw = l.Raw()
		default:
			l.SkipRecursive()
		}
	})
	return into, nil, l.Error()
}

// lineFramer cuts a watch into its lines: one is one event.
type lineFramer struct{}

func (lineFramer) NewFrameWriter(w io.Writer) io.Writer { return w }

func (lineFramer) NewFrameReader(r io.ReadCloser) io.ReadCloser {
	return &lineReader{Closer: r, in: bufio.NewReaderSize(r, 16<<10)}
}

type lineReader struct {
	io.Closer
	in *bufio.Reader
}

// Read reads one line, without its end, or as much of it as there is room for and says io.ErrShortBuffer.
func (r *lineReader) Read(p []byte) (int, error) {
	n := 0
	for {
		room := len(p) - n
		if room == 0 {
			return n, io.ErrShortBuffer
		}
		if _, err := r.in.Peek(1); err != nil {
			if err == io.EOF && n > 0 {
				err = io.ErrUnexpectedEOF
			}
			return 0, err
		}
		chunk, _ := r.in.Peek(min(room, r.in.Buffered()))
		end := bytes.IndexByte(chunk, '\n')
		if end < 0 {
			n += copy(p[n:], chunk)
			_, _ = r.in.Discard(len(chunk))
			continue
		}
		n += copy(p[n:], chunk[:end])
		_, _ = r.in.Discard(end + 1)
		if n > 0 {
			return n, nil
		}
	}
}
