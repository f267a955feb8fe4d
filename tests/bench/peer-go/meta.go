package main

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
)

// Meta is what an informer needs of an object's metadata, and what we need: a third of metav1.ObjectMeta in size,
// and nothing to decode for labels, owners and managed fields. The rest of metav1.Object is answered as for an
// object that has none of it.
type Meta struct {
	Namespace         string            `json:"namespace"`
	Name              string            `json:"name"`
	UID               types.UID         `json:"uid"`
	ResourceVersion   string            `json:"resourceVersion"`
	DeletionTimestamp *metav1.Time      `json:"deletionTimestamp"`
	Annotations       map[string]string `json:"annotations"` // only until the object is stored
}

func (m *Meta) GetNamespace() string                { return m.Namespace }
func (m *Meta) GetName() string                     { return m.Name }
func (m *Meta) GetUID() types.UID                   { return m.UID }
func (m *Meta) GetResourceVersion() string          { return m.ResourceVersion }
func (m *Meta) GetDeletionTimestamp() *metav1.Time  { return m.DeletionTimestamp }
func (m *Meta) GetAnnotations() map[string]string   { return m.Annotations }
func (m *Meta) SetNamespace(v string)               { m.Namespace = v }
func (m *Meta) SetName(v string)                    { m.Name = v }
func (m *Meta) SetUID(v types.UID)                  { m.UID = v }
func (m *Meta) SetResourceVersion(v string)         { m.ResourceVersion = v }
func (m *Meta) SetDeletionTimestamp(v *metav1.Time) { m.DeletionTimestamp = v }
func (m *Meta) SetAnnotations(v map[string]string)  { m.Annotations = v }
func (m *Meta) GetObjectKind() schema.ObjectKind    { return schema.EmptyObjectKind }

func (m *Meta) GetGenerateName() string                       { return "" }
func (m *Meta) GetGeneration() int64                          { return 0 }
func (m *Meta) GetSelfLink() string                           { return "" }
func (m *Meta) GetCreationTimestamp() metav1.Time             { return metav1.Time{} }
func (m *Meta) GetDeletionGracePeriodSeconds() *int64         { return nil }
func (m *Meta) GetLabels() map[string]string                  { return nil }
func (m *Meta) GetFinalizers() []string                       { return nil }
func (m *Meta) GetOwnerReferences() []metav1.OwnerReference   { return nil }
func (m *Meta) GetManagedFields() []metav1.ManagedFieldsEntry { return nil }
func (m *Meta) SetGenerateName(string)                        {}
func (m *Meta) SetGeneration(int64)                           {}
func (m *Meta) SetSelfLink(string)                            {}
func (m *Meta) SetCreationTimestamp(metav1.Time)              {}
func (m *Meta) SetDeletionGracePeriodSeconds(*int64)          {}
func (m *Meta) SetLabels(map[string]string)                   {}
func (m *Meta) SetFinalizers([]string)                        {}
func (m *Meta) SetOwnerReferences([]metav1.OwnerReference)    {}
func (m *Meta) SetManagedFields([]metav1.ManagedFieldsEntry)  {}
