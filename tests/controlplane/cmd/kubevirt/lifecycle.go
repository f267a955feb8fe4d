package main

import (
	"fmt"
	"log"
	"reflect"
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// unprocessed VMIs have no pod yet.
func unprocessed(v vmi) bool {
	return v.phase() == "" || v.phase() == phasePending
}

// awaitsSource says that v is the target of a decentralised migration about which its source has not told all yet.
func awaitsSource(v vmi) bool {
	_, ready := v.GetLabels()[migrationTargetNodeLabel]
	return v.GetAnnotations()[migrationTarget] == "true" && !ready
}

func needsPod(v vmi) bool {
	return !awaitsSource(v) && (unprocessed(v) || v.phase() == phaseWaitingForSync)
}

// advance changes next, a copy of old, into what the VMI should be now, given its pods and the one that counts.
func (c *controller) advance(old, next vmi, pod *corev1.Pod, pods []*corev1.Pod) error {
	active := map[string]any{}
	for _, p := range pods {
		active[string(p.UID)] = p.Spec.NodeName
	}
	if len(active) > 0 || old.statusField("activePods") != nil {
		next.setStatusField("activePods", active)
	}
	syncReady(next, pod)
	switch old.phase() {
	case "", phasePending:
		switch {
		case pod != nil:
			next.setPhase(phaseScheduling)
		case old.deleting():
			next.setPhase(phaseFailed)
		case awaitsSource(old):
			next.setPhase(phaseWaitingForSync)
		default:
			next.setPhase(phasePending)
		}
	case phaseScheduling:
		return c.schedule(old, next, pod)
	case phaseScheduled, phaseRunning:
		if pod == nil {
			next.setPhase(phaseFailed)
		}
	case phaseSucceeded, phaseFailed:
		if len(pods) == 0 {
			removeFinalizers(next)
		}
	case phaseWaitingForSync:
		if old.deleting() {
			removeFinalizers(next)
		} else if pod != nil {
			next.setPhase(phaseScheduling)
		}
	default:
		return fmt.Errorf("unknown phase %q", old.phase())
	}
	return nil
}

// schedule hands a VMI whose pod is ready over to virt-handler, and with it a CID: whatever the status says there.
func (c *controller) schedule(old, next vmi, pod *corev1.Pod) error {
	if pod == nil {
		next.setPhase(phaseFailed)
		return nil
	}
	next.setStatusField("qosClass", string(pod.Status.QOSClass))
	switch {
	case isReady(pod) && !old.deleting():
		next.setPhase(phaseScheduled)
		labels := next.GetLabels()
		if labels == nil {
			labels = map[string]string{}
		}
		labels[nodeNameLabel] = pod.Spec.NodeName
		next.SetLabels(labels)
		next.setStatusField("nodeName", pod.Spec.NodeName)
		if c.cids == nil || !old.wantsVSOCK() {
			return nil
		}
		cid, err := c.cids.allocate(old.key())
		if err != nil {
			return err
		}
		if had := old.cid(); had >= 0 && had != int64(cid) {
			log.Printf("%s: overwriting CID %d with %d", old.key(), had, cid)
		}
		next.setStatusField(cidField, int64(cid))
	case isGoing(pod):
		next.setPhase(phaseFailed)
	}
	return nil
}

func syncReady(v vmi, pod *corev1.Pod) {
	switch {
	case pod == nil:
		v.setReady("False", "PodNotExists", "virt-launcher pod has not yet been scheduled")
	case isGoing(pod):
		v.setReady("False", "PodTerminating", "virt-launcher pod is terminating")
	case v.phase() != phaseRunning:
		v.setReady("False", "GuestNotRunning", "Guest VM is not reported as running")
	case isReady(pod):
		v.setReady("True", "", "")
	default:
		v.setReady("False", "PodConditionMissing", "virt-launcher pod is missing the Ready condition")
	}
}

// removeFinalizers lets the VMI go. There are no VMs here whose controller could still need one.
func removeFinalizers(v vmi) {
	v.SetFinalizers(slices.DeleteFunc(v.GetFinalizers(), func(name string) bool {
		return name == vmiFinalizer || name == oldVMIFinalizer || name == vmFinalizer
	}))
}

// same says whether there is anything to write.
func same(old, next vmi) bool {
	return reflect.DeepEqual(old.Object["status"], next.Object["status"]) &&
		slices.Equal(old.GetFinalizers(), next.GetFinalizers()) &&
		reflect.DeepEqual(old.GetLabels(), next.GetLabels())
}

// changes lists, as a JSON patch, the fields that virt-controller still writes when a VMI is virt-handler's.
func changes(old, next vmi) []patchOperation {
	var operations []patchOperation
	for _, field := range []string{"conditions", "activePods", "phase"} {
		was, is := old.statusField(field), next.statusField(field)
		if reflect.DeepEqual(was, is) {
			continue
		}
		if was != nil {
			operations = append(operations, patchOperation{"test", "/status/" + field, was})
		}
		operations = append(operations, patchOperation{"add", "/status/" + field, is})
	}
	return operations
}
