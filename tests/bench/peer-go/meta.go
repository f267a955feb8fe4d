package main

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
)

// meta is what an informer needs of an object's metadata, and what we need: a fraction of metav1.ObjectMeta in
// size, and nothing to decode for labels, annotations, owners and managed fields. The rest of metav1.Object is
// answered as for an object that has none of it.
type meta struct {
	namespace       string
	name            string
	uid             types.UID
	resourceVersion string
	deleting        bool
	initialEnd      bool // the bookmark behind the initial events
}

var initialEndAnnotations = map[string]string{metav1.InitialEventsAnnotationKey: "true"}

func (m *meta) GetNamespace() string       { return m.namespace }
func (m *meta) GetName() string            { return m.name }
func (m *meta) GetUID() types.UID          { return m.uid }
func (m *meta) GetResourceVersion() string { return m.resourceVersion }

func (m *meta) SetNamespace(v string)       { m.namespace = v }
func (m *meta) SetName(v string)            { m.name = v }
func (m *meta) SetUID(v types.UID)          { m.uid = v }
func (m *meta) SetResourceVersion(v string) { m.resourceVersion = v }

func (m *meta) GetAnnotations() map[string]string {
	if m.initialEnd {
		return initialEndAnnotations
	}
	return nil
}

func (m *meta) GetDeletionTimestamp() *metav1.Time {
	if m.deleting {
		return &metav1.Time{}
	}
	return nil
}

func (m *meta) GetGenerateName() string                       { return "" }
func (m *meta) GetGeneration() int64                          { return 0 }
func (m *meta) GetSelfLink() string                           { return "" }
func (m *meta) GetCreationTimestamp() metav1.Time             { return metav1.Time{} }
func (m *meta) GetDeletionGracePeriodSeconds() *int64         { return nil }
func (m *meta) GetLabels() map[string]string                  { return nil }
func (m *meta) GetFinalizers() []string                       { return nil }
func (m *meta) GetOwnerReferences() []metav1.OwnerReference   { return nil }
func (m *meta) GetManagedFields() []metav1.ManagedFieldsEntry { return nil }
func (m *meta) SetGenerateName(string)                        {}
func (m *meta) SetGeneration(int64)                           {}
func (m *meta) SetSelfLink(string)                            {}
func (m *meta) SetCreationTimestamp(metav1.Time)              {}
func (m *meta) SetDeletionTimestamp(*metav1.Time)             {}
func (m *meta) SetDeletionGracePeriodSeconds(*int64)          {}
func (m *meta) SetLabels(map[string]string)                   {}
func (m *meta) SetAnnotations(map[string]string)              {}
func (m *meta) SetFinalizers([]string)                        {}
func (m *meta) SetOwnerReferences([]metav1.OwnerReference)    {}
func (m *meta) SetManagedFields([]metav1.ManagedFieldsEntry)  {}
func (m *meta) GetObjectKind() schema.ObjectKind              { return schema.EmptyObjectKind }
