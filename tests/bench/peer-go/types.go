package main

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

var groupVersion = schema.GroupVersion{Group: "kubevirt.io", Version: "v1"}

// VirtualMachineInstance is what is read and kept of one.
type VirtualMachineInstance struct {
	Meta `json:"metadata"`
	Spec struct {
		Domain struct {
			Devices struct {
				AutoattachVSOCK bool `json:"autoattachVSOCK"`
			} `json:"devices"`
		} `json:"domain"`
	} `json:"spec"`
	Status struct {
		Phase    string `json:"phase"`
		VSOCKCID uint32 `json:"VSOCKCID"` // 0: none
	} `json:"status"`
}

// KubeVirt is what is read and kept of one.
type KubeVirt struct {
	Meta `json:"metadata"`
	Spec struct {
		Configuration struct {
			DeveloperConfiguration struct {
				FeatureGates []string `json:"featureGates"`
			} `json:"developerConfiguration"`
		} `json:"configuration"`
	} `json:"spec"`
}

// VirtualMachineInstanceList is read only from servers without streaming lists.
type VirtualMachineInstanceList struct {
	metav1.ListMeta `json:"metadata"`
	Items           []VirtualMachineInstance `json:"items"`
}

// KubeVirtList, too.
type KubeVirtList struct {
	metav1.ListMeta `json:"metadata"`
	Items           []KubeVirt `json:"items"`
}

// waits is true for a VMI that is to be given a CID: it wants one, has none, is not being deleted and has not started.
func (v *VirtualMachineInstance) waits() bool {
	if !v.Spec.Domain.Devices.AutoattachVSOCK || v.Status.VSOCKCID != 0 || v.DeletionTimestamp != nil {
		return false
	}
	switch v.Status.Phase {
	case "", "Pending", "Scheduling":
		return true
	}
	return false
}

func (v *VirtualMachineInstance) DeepCopyObject() runtime.Object {
	c := *v
	return &c
}

func (k *KubeVirt) DeepCopyObject() runtime.Object {
	c := *k
	return &c
}

func (l *VirtualMachineInstanceList) DeepCopyObject() runtime.Object {
	return &VirtualMachineInstanceList{l.ListMeta, append([]VirtualMachineInstance(nil), l.Items...)}
}

func (l *KubeVirtList) DeepCopyObject() runtime.Object {
	return &KubeVirtList{l.ListMeta, append([]KubeVirt(nil), l.Items...)}
}

func (l *VirtualMachineInstanceList) GetObjectKind() schema.ObjectKind { return schema.EmptyObjectKind }
func (l *KubeVirtList) GetObjectKind() schema.ObjectKind               { return schema.EmptyObjectKind }

func newScheme() *runtime.Scheme {
	scheme := runtime.NewScheme()
	scheme.AddKnownTypes(groupVersion, &VirtualMachineInstance{}, &VirtualMachineInstanceList{}, &KubeVirt{}, &KubeVirtList{})
	metav1.AddToGroupVersion(scheme, groupVersion)
	return scheme
}
