package main

import (
	"encoding/json"
	"maps"
	"net/http"
	"reflect"
	"slices"

	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// reservedLabels are KubeVirt's own: nobody else may set or change them on a VMI.
var reservedLabels = []string{
	createdByLabel, nodeNameLabel, migrationTargetNodeLabel, "kubevirt.io/migrationJobUID", "kubevirt.io/schedulable",
	"kubevirt.io/install-strategy",
}

// request is what a webhook is asked about.
type request struct {
	*admissionv1.AdmissionRequest
	vmi, old vmi
}

type patchOperation struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value"`
}

func encode(operations []patchOperation) []byte {
	text, err := json.Marshal(operations)
	must(err)
	return text
}

func decode(review *admissionv1.AdmissionRequest) (*request, error) {
	r := &request{AdmissionRequest: review, vmi: vmi{&unstructured.Unstructured{}}, old: vmi{&unstructured.Unstructured{}}}
	if err := r.vmi.UnmarshalJSON(review.Object.Raw); err != nil {
		return nil, err
	}
	if len(review.OldObject.Raw) == 0 {
		return r, nil
	}
	return r, r.old.UnmarshalJSON(review.OldObject.Raw)
}

// trusted says whether it is one of KubeVirt's components that asks.
func (a *api) trusted(r *request) bool {
	return slices.ContainsFunc(accounts, func(account string) bool {
		return r.UserInfo.Username == username(a.namespace, account)
	})
}

// mutate: a VMI begins as Pending and with KubeVirt's finalizer; whatever else its creator put into the status stays.
// In an update the status is what it was before, unless a component of KubeVirt asks. The caller is not told.
func (a *api) mutate(r *request) *admissionv1.AdmissionResponse {
	switch r.Operation {
	case admissionv1.Create:
		r.vmi.setPhase(phasePending)
		finalizers := r.vmi.GetFinalizers()
		if !slices.Contains(finalizers, vmiFinalizer) {
			finalizers = append(finalizers, vmiFinalizer)
		}
		return patched(patchOperation{"add", "/status", r.vmi.status()},
			patchOperation{"add", "/metadata/finalizers", finalizers})
	case admissionv1.Update:
		before := r.old.status()
		if a.trusted(r) || reflect.DeepEqual(r.vmi.status(), before) {
			break
		}
		if before == nil {
			before = map[string]any{}
		}
		return patched(patchOperation{"add", "/status", before})
	}
	return allowed()
}

// validateCreate: no VSOCK while its gate is off.
func (a *api) validateCreate(r *request) *admissionv1.AdmissionResponse {
	if r.vmi.wantsVSOCK() && !gateOn(a.crs, a.betaStage) {
		return denied("spec.domain.devices.autoattachVSOCK", metav1.CauseTypeFieldValueInvalid,
			"VSOCK feature gate is not enabled in kubevirt-config")
	}
	if !a.trusted(r) && len(reserved(r.vmi)) > 0 {
		return denied("metadata.labels", metav1.CauseTypeFieldValueNotSupported,
			"creation of the following reserved kubevirt.io/ labels on a VMI object is prohibited")
	}
	return allowed()
}

// validateUpdate: the spec of a VMI and the reserved labels are only for KubeVirt to change.
func (a *api) validateUpdate(r *request) *admissionv1.AdmissionResponse {
	switch {
	case a.trusted(r):
		return allowed()
	case !reflect.DeepEqual(r.vmi.Object["spec"], r.old.Object["spec"]):
		return denied("", metav1.CauseTypeFieldValueNotSupported, "update of VMI object is restricted")
	case !maps.Equal(reserved(r.vmi), reserved(r.old)):
		return denied("metadata.labels", metav1.CauseTypeFieldValueNotSupported,
			"modification of the following reserved kubevirt.io/ labels on a VMI object is prohibited")
	}
	return allowed()
}

func reserved(v vmi) map[string]string {
	labels := v.GetLabels()
	maps.DeleteFunc(labels, func(name, _ string) bool { return !slices.Contains(reservedLabels, name) })
	return labels
}

func allowed() *admissionv1.AdmissionResponse {
	return &admissionv1.AdmissionResponse{Allowed: true}
}

func patched(operations ...patchOperation) *admissionv1.AdmissionResponse {
	return &admissionv1.AdmissionResponse{Allowed: true, Patch: encode(operations),
		PatchType: new(admissionv1.PatchTypeJSONPatch)}
}

// denied answers 422, as KubeVirt does.
func denied(field string, cause metav1.CauseType, message string) *admissionv1.AdmissionResponse {
	return &admissionv1.AdmissionResponse{Result: &metav1.Status{
		Status:  metav1.StatusFailure,
		Message: message,
		Reason:  metav1.StatusReasonInvalid,
		Code:    http.StatusUnprocessableEntity,
		Details: &metav1.StatusDetails{Causes: []metav1.StatusCause{{Type: cause, Message: message, Field: field}}},
	}}
}
