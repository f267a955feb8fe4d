package main

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

var groupVersion = schema.GroupVersion{Group: "kubevirt.io", Version: "v1"}

// object is what both kinds have in common for the codec.
type object interface {
	runtime.Object
	metadata() *meta
}

// vmi is what is kept of a VirtualMachineInstance.
type vmi struct {
	meta
	cid     uint32 // 0: none
	wants   bool   // spec.domain.devices.autoattachVSOCK
	started bool   // its phase is Scheduled or later
}

// kubeVirt is what is kept of a KubeVirt.
type kubeVirt struct {
	meta
	vsock bool // the feature gate
}

type vmiList struct {
	metav1.ListMeta
	Items []vmi
}

type kubeVirtList struct {
	metav1.ListMeta
	Items []kubeVirt
}

// waits is true for a VMI that is to be given a CID.
func (v *vmi) waits() bool {
	return v.wants && v.cid == 0 && !v.started && !v.deleting
}

func (v *vmi) metadata() *meta      { return &v.meta }
func (k *kubeVirt) metadata() *meta { return &k.meta }

func (v *vmi) DeepCopyObject() runtime.Object {
	c := *v
	return &c
}

func (k *kubeVirt) DeepCopyObject() runtime.Object {
	c := *k
	return &c
}

func (l *vmiList) DeepCopyObject() runtime.Object {
	return &vmiList{l.ListMeta, append([]vmi(nil), l.Items...)}
}

func (l *kubeVirtList) DeepCopyObject() runtime.Object {
	return &kubeVirtList{l.ListMeta, append([]kubeVirt(nil), l.Items...)}
}

func (l *vmiList) GetObjectKind() schema.ObjectKind      { return schema.EmptyObjectKind }
func (l *kubeVirtList) GetObjectKind() schema.ObjectKind { return schema.EmptyObjectKind }
