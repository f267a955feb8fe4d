package main

import (
	"io"
	"reflect"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
)

const head = `{"apiVersion":"kubevirt.io/v1","kind":"VirtualMachineInstance",`

var texts = []string{
	head + `"metadata":{"name":"a","namespace":"n","uid":"u","resourceVersion":"7"}}`,
	head + `"metadata":{"name":"a"},"spec":{"domain":{"devices":{"disks":[{"a":"}]"},[],{}],"autoattachVSOCK":true}}},"status":{"phase":"Pending"}}`,
	head + `"metadata":{"name":"q\"\\\u00e9\/","labels":{"autoattachVSOCK":"true","x\"":"{"}},"status":{"VSOCKCID":4294967295,"phase":"Running"}}`,
	head + `"metadata":null,"spec":null,"status":null}`,
	head + `"metadata":{"name":null,"deletionTimestamp":null},"spec":{"domain":{"devices":{"autoattachVSOCK":false}}},"status":{"VSOCKCID":null}}`,
	" " + head + "\n \"spec\" : { \"domain\" : { \"x\" : -1.5e3 , \"devices\" : { \"autoattachVSOCK\" : true } } } , \"status\" : { } }\n",
	`{"apiVersion":"kubevirt.io/v1","kind":"KubeVirt","spec":{"configuration":{"developerConfiguration":{"featureGates":["a","VSOCK"]}}}}`,
	`{"apiVersion":"kubevirt.io/v1","kind":"KubeVirtList","metadata":{"resourceVersion":"9","continue":"c"},"items":[]}`,
	`{"apiVersion":"kubevirt.io/v1","kind":"VirtualMachineInstanceList","metadata":{"resourceVersion":"9"},"items":[{"metadata":{"name":"a"}},{"status":{"VSOCKCID":3}}]}`,
	head + `"metadata":{"name":"a"`,
	head + `"metadata":{"name":"a}}`,
	head + `"status":{"VSOCKCID":-1}}`,
}

func TestReadsAsApimachineryDoes(t *testing.T) {
	stock := serializer.NewCodecFactory(newScheme()).UniversalDeserializer()
	for _, text := range texts {
		want, _, wantErr := stock.Decode([]byte(text), nil, nil)
		got, _, gotErr := codec{}.Decode([]byte(text), nil, nil)
		if (wantErr != nil) != (gotErr != nil) {
			t.Errorf("%s: %v, not %v", text, gotErr, wantErr)
		} else if gotErr == nil && !reflect.DeepEqual(got, want) && !emptyLists(got, want) {
			t.Errorf("%s: %+v, not %+v", text, got, want)
		}
	}
}

// emptyLists forgives nil where apimachinery has an empty slice.
func emptyLists(got, want runtime.Object) bool {
	a, ok := got.(*KubeVirtList)
	b, too := want.(*KubeVirtList)
	return ok && too && a.ListMeta == b.ListMeta && len(a.Items)+len(b.Items) == 0
}

func TestTellsABookmarkAndADeletion(t *testing.T) {
	text := head + `"metadata":{"deletionTimestamp":"2026-01-01T00:00:00Z","annotations":{"k8s.io/initial-events-end":"true"}}}`
	obj, _, err := codec{}.Decode([]byte(text), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	v := obj.(*VirtualMachineInstance)
	if v.DeletionTimestamp == nil || v.Annotations[metav1.InitialEventsAnnotationKey] != "true" {
		t.Errorf("%+v", v)
	}
}

func TestCutsEventsWhateverTheBuffer(t *testing.T) {
	object := head + `"metadata":{"name":"` + strings.Repeat("x", 40000) + `"}}`
	stream := `{"type":"ADDED","object":` + object + "}\n\n" + ` {"object":` + object + `,"type":"DELETED"}` + "\n"
	frames := lineFramer{}.NewFrameReader(io.NopCloser(strings.NewReader(stream)))
	for _, want := range []string{"ADDED", "DELETED"} {
		var line []byte
		for err := io.ErrShortBuffer; err != nil; {
			var n int
			part := make([]byte, 1000)
			if n, err = frames.Read(part); err != nil && err != io.ErrShortBuffer {
				t.Fatal(err)
			}
			line = append(line, part[:n]...)
		}
		var event metav1.WatchEvent
		if _, _, err := (eventCodec{}).Decode(line, nil, &event); err != nil {
			t.Fatal(err)
		}
		if event.Type != want || string(event.Object.Raw) != object {
			t.Errorf("%s of %d bytes, not %s of %d", event.Type, len(event.Object.Raw), want, len(object))
		}
	}
	if n, err := frames.Read(make([]byte, 10)); n != 0 || err != io.EOF {
		t.Errorf("%d bytes and %v at the end", n, err)
	}
}
