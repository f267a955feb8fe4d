package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
)

// codec reads what the API server sends in one pass and keeps only what the types keep. apimachinery's own JSON
// serializer (--stock-codec) goes over the bytes of an event six times (frame, copy, event, raw object, kind,
// object), by reflection: peers.md says what that costs.
type codec struct{}

func leanSerializer() runtime.NegotiatedSerializer {
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
	r := reader{data: data}
	var out runtime.Object
	switch kind {
	case "VirtualMachineInstance":
		v, ok := into.(*VirtualMachineInstance)
		if !ok {
			v = &VirtualMachineInstance{}
		}
		v.decode(&r)
		out = v
	case "KubeVirt":
		k := &KubeVirt{}
		k.decode(&r)
		out = k
	case "VirtualMachineInstanceList":
		list := &VirtualMachineInstanceList{}
		list.ListMeta = decodeList(&r, func() {
			var v VirtualMachineInstance
			v.decode(&r)
			list.Items = append(list.Items, v)
		})
		out = list
	case "KubeVirtList":
		list := &KubeVirtList{}
		list.ListMeta = decodeList(&r, func() {
			var k KubeVirt
			k.decode(&r)
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
	return out, &gvk, r.err
}

// kindOf looks for the object's kind. The server writes it before metadata, spec and status.
func kindOf(data []byte) string {
	r := reader{data: data}
	for r.take('{') || r.take(',') {
		key, _ := r.raw()
		if !r.take(':') {
			break
		}
		if string(key) == "kind" {
			return r.text()
		}
		r.skip()
	}
	return ""
}

var (
	deleted          metav1.Time // when, nobody asks
	initialEventsEnd = map[string]string{metav1.InitialEventsAnnotationKey: "true"}
)

func (m *Meta) decode(r *reader) {
	r.fields(func(key string) {
		switch key {
		case "namespace":
			m.Namespace = names.intern(r.bytes())
		case "name":
			m.Name = r.text()
		case "uid":
			m.UID = types.UID(r.text())
		case "resourceVersion":
			m.ResourceVersion = r.text()
		case "deletionTimestamp":
			if !r.null() {
				m.DeletionTimestamp = &deleted
				r.skip()
			}
		case "annotations":
			// Those of a bookmark behind initial events; other objects are not asked for theirs.
			start := r.pos
			r.skip()
			if bytes.Contains(r.data[start:r.pos], []byte(metav1.InitialEventsAnnotationKey)) {
				m.Annotations = initialEventsEnd
			}
		default:
			r.skip()
		}
	})
}

func (v *VirtualMachineInstance) decode(r *reader) {
	r.fields(func(key string) {
		switch key {
		case "metadata":
			v.Meta.decode(r)
		case "spec":
			r.within("domain", func() {
				r.within("devices", func() {
					r.within("autoattachVSOCK", func() { v.Spec.Domain.Devices.AutoattachVSOCK = r.isTrue() })
				})
			})
		case "status":
			v.decodeStatus(r)
		default:
			r.skip()
		}
	})
}

func (v *VirtualMachineInstance) decodeStatus(r *reader) {
	r.fields(func(key string) {
		switch key {
		case "phase":
			v.Status.Phase = names.intern(r.bytes())
		case "VSOCKCID":
			v.Status.VSOCKCID = r.uint32()
		default:
			r.skip()
		}
	})
}

func (k *KubeVirt) decode(r *reader) {
	r.fields(func(key string) {
		switch key {
		case "metadata":
			k.Meta.decode(r)
		case "spec":
			r.within("configuration", func() {
				r.within("developerConfiguration", func() {
					r.within("featureGates", func() {
						gates := &k.Spec.Configuration.DeveloperConfiguration.FeatureGates
						r.items(func() { *gates = append(*gates, r.text()) })
					})
				})
			})
		default:
			r.skip()
		}
	})
}

func decodeList(r *reader, item func()) metav1.ListMeta {
	var meta metav1.ListMeta
	r.fields(func(key string) {
		switch key {
		case "metadata":
			r.fields(func(key string) {
				switch key {
				case "resourceVersion":
					meta.ResourceVersion = r.text()
				case "continue":
					meta.Continue = r.text()
				default:
					r.skip()
				}
			})
		case "items":
			r.items(item)
		default:
			r.skip()
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
	r := reader{data: data}
	r.fields(func(key string) {
		switch key {
		case "type":
			event.Type = r.text()
		case "object":
			start := r.pos
			r.skip()
			event.Object.Raw = data[start:r.pos]
		default:
			r.skip()
		}
	})
	return into, nil, r.err
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

// Read reads one line without its end, or as much of it as there is room for and then says io.ErrShortBuffer.
func (l *lineReader) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		if _, err := l.in.Peek(1); err != nil {
			if err == io.EOF && n > 0 {
				err = io.ErrUnexpectedEOF
			}
			return 0, err
		}
		chunk, _ := l.in.Peek(min(len(p)-n, l.in.Buffered()))
		if end := bytes.IndexByte(chunk, '\n'); end >= 0 {
			n += copy(p[n:], chunk[:end])
			_, _ = l.in.Discard(end + 1)
			if n > 0 {
				return n, nil
			}
			continue
		}
		n += copy(p[n:], chunk)
		_, _ = l.in.Discard(len(chunk))
	}
	return n, io.ErrShortBuffer
}
