package main

import (
	"cmp"
	"log"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/tools/cache"
)

// vsockGate is the gate's name, exactly.
const vsockGate = "VSOCK"

// gateOn decides as KubeVirt does: featureGates before disabledFeatureGates before what the stage of the gate says,
// which is compiled in. A KubeVirt CR that is being deleted, or that its operator has not looked at yet, does not
// count.
func gateOn(crs cache.Store, betaStage bool) bool {
	var counting []*unstructured.Unstructured
	for _, obj := range crs.List() {
		cr := obj.(*unstructured.Unstructured)
		phase, _, _ := unstructured.NestedString(cr.Object, "status", "phase")
		if cr.GetDeletionTimestamp() == nil && phase != "" {
			counting = append(counting, cr)
		}
	}
	if len(counting) == 0 {
		return betaStage
	}
	if len(counting) > 1 {
		log.Printf("there are %d KubeVirt CRs; the oldest counts", len(counting))
		slices.SortFunc(counting, func(a, b *unstructured.Unstructured) int {
			older := a.GetCreationTimestamp().Compare(b.GetCreationTimestamp().Time)
			return cmp.Or(older, cmp.Compare(a.GetNamespace()+"/"+a.GetName(), b.GetNamespace()+"/"+b.GetName()))
		})
	}
	return listed(counting[0], "featureGates") || !listed(counting[0], "disabledFeatureGates") && betaStage
}

func listed(cr *unstructured.Unstructured, field string) bool {
	gates, _, _ := unstructured.NestedStringSlice(cr.Object, "spec", "configuration", "developerConfiguration", field)
	return slices.Contains(gates, vsockGate)
}
