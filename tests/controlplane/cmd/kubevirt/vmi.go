package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/tools/cache"
)

// The phases of a VMI.
const (
	phasePending        = "Pending"
	phaseScheduling     = "Scheduling"
	phaseScheduled      = "Scheduled"
	phaseRunning        = "Running"
	phaseSucceeded      = "Succeeded"
	phaseFailed         = "Failed"
	phaseWaitingForSync = "WaitingForSync"
)

// What KubeVirt writes into the metadata of VMIs and of their pods.
const (
	createdByLabel           = "kubevirt.io/created-by"
	nodeNameLabel            = "kubevirt.io/nodeName"
	migrationTargetNodeLabel = "kubevirt.io/migrationTargetNodeName"
	migrationTarget          = "kubevirt.io/create-migration-target"
	vmiFinalizer             = "kubevirt.io/foregroundDeleteVirtualMachine"
	oldVMIFinalizer          = "foregroundDeleteVirtualMachine"
	vmFinalizer              = "kubevirt.io/virtualMachineControllerFinalize"
)

const cidField = "VSOCKCID"

// vmi is a VirtualMachineInstance of which nothing gets lost in a full PUT, whoever wrote it. What does not have the
// type that it should have counts as absent; the CRD's schema does not let that happen.
type vmi struct{ *unstructured.Unstructured }

// vmiIn is the VMI behind what an informer hands out, safe to change.
func vmiIn(obj any) vmi {
	return vmi{obj.(*unstructured.Unstructured).DeepCopy()}
}

func (v vmi) key() string {
	return v.GetNamespace() + "/" + v.GetName()
}

func (v vmi) status() map[string]any {
	status, _, _ := unstructured.NestedMap(v.Object, "status")
	return status
}

func (v vmi) statusField(name string) any {
	value, _, _ := unstructured.NestedFieldNoCopy(v.Object, "status", name)
	return value
}

// setStatusField takes what JSON can say.
func (v vmi) setStatusField(name string, value any) {
	status, ok := v.Object["status"].(map[string]any)
	if !ok {
		status = map[string]any{}
		v.Object["status"] = status
	}
	status[name] = value
}

func (v vmi) phase() string {
	phase, _ := v.statusField("phase").(string)
	return phase
}

func (v vmi) deleting() bool {
	return v.GetDeletionTimestamp() != nil
}

func (v vmi) wantsVSOCK() bool {
	wants, _, _ := unstructured.NestedBool(v.Object, "spec", "domain", "devices", "autoattachVSOCK")
	return wants
}

// cid is the one stored; -1 where there is none.
func (v vmi) cid() int64 {
	if cid, ok := v.statusField(cidField).(int64); ok {
		return cid
	}
	return -1
}

// setPhase also notes when, the first time that a VMI gets into this phase.
func (v vmi) setPhase(phase string) {
	v.setStatusField("phase", phase)
	times, _ := v.statusField("phaseTransitionTimestamps").([]any)
	for _, entry := range times {
		if known, ok := entry.(map[string]any); ok && known["phase"] == phase {
			return
		}
	}
	v.setStatusField("phaseTransitionTimestamps", append(slices.Clone(times), map[string]any{
		"phase": phase, "phaseTransitionTimestamp": now()}))
}

// setReady sets the condition Ready, unless it says so already.
func (v vmi) setReady(status, reason, message string) {
	conditions, _ := v.statusField("conditions").([]any)
	conditions = slices.Clone(conditions)
	fresh := map[string]any{"type": "Ready", "status": status, "lastProbeTime": nil, "lastTransitionTime": now()}
	if reason != "" {
		fresh["reason"], fresh["message"] = reason, message
	}
	for i, entry := range conditions {
		if known, ok := entry.(map[string]any); ok && known["type"] == "Ready" {
			if known["status"] == fresh["status"] && known["reason"] == fresh["reason"] {
				return
			}
			conditions[i] = fresh
			v.setStatusField("conditions", conditions)
			return
		}
	}
	v.setStatusField("conditions", append(conditions, fresh))
}

func now() string {
	return time.Now().UTC().Format(time.RFC3339)
}

// put replaces the object as a whole, if it is still the one that was read.
func (v vmi) put(ctx context.Context, objects dynamic.Interface) (vmi, error) {
	written, err := objects.Resource(vmiResource).Namespace(v.GetNamespace()).Update(ctx, v.Unstructured,
		metav1.UpdateOptions{})
	if err != nil {
		return vmi{}, fmt.Errorf("%s -> %s refused: %w", v.GetResourceVersion(), v.phase(), err)
	}
	return vmi{written}, nil
}

// unlessGone: what no longer exists needs nothing any more.
func unlessGone(err error) error {
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

// vmiInformer watches all VMIs, or those that the label selector names.
func vmiInformer(objects dynamic.Interface, selector string) cache.SharedIndexInformer {
	informer := dynamicinformer.NewFilteredDynamicInformer(objects, vmiResource, metav1.NamespaceAll, 0, cache.Indexers{},
		func(o *metav1.ListOptions) { o.LabelSelector = selector }).Informer()
	must(informer.SetTransform(withoutManagedFields))
	return informer
}

// must is for what can only fail by a mistake in here.
func must(err error) {
	if err != nil {
		panic(err)
	}
}
