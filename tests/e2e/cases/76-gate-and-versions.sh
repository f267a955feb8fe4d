# Takeover, the feature gate, and what is different in other versions of KubeVirt and Kubernetes.
# shellcheck shell=bash disable=SC2154,SC2119,SC2120

gate_reason_is() {
	metric_is "kubevirt_vsock_feature_gate_reason{reason=\"$1\"}" 1
}

it kube kubectl_edit_switches_the_gate_and_the_hold_in_the_middle_of_takeover
kubectl_edit_switches_the_gate_and_the_hold_in_the_middle_of_takeover() {
	local gate
	set_gates '["LiveMigration", "VSOCK"]'
	takeover
	follow_history
	"$vmis" create ours 5 "${namespaces[@]}"
	await_running 5
	# These are admitted, but held, as there is nobody to serve them when the gate goes off.
	stop_controller
	"$vmis" create late 5 "${namespaces[@]}"
	await "the late ones to wait" the_rest_waits
	edit '/^ *- VSOCK$/d'
	start_ready_controller
	await "the hold to be opened" hold_says off
	await_metric kubevirt_vsock_holding_status 0
	gate_reason_is default_off || fail "$(get /readyz)"
	mode_is takeover || fail "$(get /readyz)"
	await_running 10
	given_by kubevirt late 5
	await_metric kubevirt_vsock_cids_in_use 10
	as_user '' POST "$(path v1 e2e-a)" "$(vmi v1 refused null)"
	answered 422 "VSOCK feature gate is not enabled"
	edit 's/^( *)- LiveMigration$/&\n\1- VSOCK/'
	await "the hold to be closed" hold_says on
	gate_reason_is enabled || fail "$(get /readyz)"
	"$vmis" create again 5 "${namespaces[@]}"
	await_running 15
	for gate in '/^ *- VSOCK$/d' 's/^( *)- LiveMigration$/&\n\1- VSOCK/'; do
		edit "$gate"
		await "the hold to follow" hold_says "$([[ $gate == /* ]] && echo off || echo on)"
	done
	given_by us ours 5
	given_by kubevirt late 5
	given_by us again 5
	history_is_clean any
	end_well
}

it kube from_kubevirt_1_10_on_the_hold_is_closed_without_a_listed_gate
from_kubevirt_1_10_on_the_hold_is_closed_without_a_listed_gate() {
	begin
	set_gates '[]'
	apply "$overlays/kubevirt"
	start_ready_controller
	await "the reason" gate_reason_is default_off
	await "the hold to be open" hold_says nothing
	deployed "$kubevirt_path/kubevirt" v1.10.0
	await "the reason" gate_reason_is default_on
	await "the hold to be closed" hold_says on
	set_gates '[]' '["VSOCK"]'
	await "the reason" gate_reason_is disabled
	await "the hold to be opened" hold_says off
	deployed "$kubevirt_path/kubevirt" devel
	set_gates '[]' '[]'
	await "the reason" gate_reason_is unknown_version
	await "the hold to stay open" hold_says off
	end_well
}

# cid_format FORMAT: in all versions of the CRD, as KubeVirt before 1.8.4 had int32.
cid_format() {
	local crd=/apis/apiextensions.k8s.io/v1/customresourcedefinitions/virtualmachineinstances.kubevirt.io
	as_user '' GET "$crd"
	as_user '' PATCH "$crd" "$(jq -c --arg format "$1" '[.spec.versions | keys[] | {op: "replace", value: {type: "integer", format: $format}, path:
		"/spec/versions/\(.)/schema/openAPIV3Schema/properties/status/properties/VSOCKCID"}]' <<<"$answer")" "$json_patch"
	answered 200
}

it kube a_range_that_the_crd_does_not_take_is_refused_at_the_start
a_range_that_the_crd_does_not_take_is_refused_at_the_start() {
	local status=0
	own_server
	"$vmis" create before 1 e2e-a
	cid_format int32
	write_kubeconfig "$KUBECONFIG" "$folder/kubeconfig"
	timeout 60 env -u KUBECONFIG "$build/vsock-cid-controller" --kubeconfig "$folder/kubeconfig" --listen 127.0.0.1 --port 0 \
		--log-level error --cid-max=4294967294 >"$folder/refused" 2>&1 || status=$?
	is "exit status" 2 "$status"
	is "lines" 1 "$(wc -l <"$folder/refused")"
	jq -er 'select(.level == "error").msg' "$folder/refused" | tee -a "$folder/saw" |
		grep 'cid-max: CIDs up to 4294967294 are more than the CRD of VMIs allows, 2147483647' || fail "it does not say why"
	is "CID" - "$(cid_of e2e-a before-1)"
	start_ready_controller
	await "the default range to be served" all_served
	end_well
	cid_format int64
	start_ready_controller --cid-max=4294967294
	"$vmis" create wide 60 "${namespaces[@]}"
	await "all to be served" all_served
	"$build/tests/e2e/audit" --max 4294967294 >"$folder/audit" || fail "$(cat "$folder/audit")"
	(($(all_cids | awk '$1 > 2147483647' | wc -l) > 0)) || fail "none of 60 CIDs is in the upper half"
	end_well
}

it kube134 on_kubernetes_1_34_with_its_beta_policies_takeover_gives_every_cid
on_kubernetes_1_34_with_its_beta_policies_takeover_gives_every_cid() {
	local before
	own_server "${beta_policies[@]}"
	make_probes
	apply "$overlays/kubevirt-v1beta1"
	start_ready_controller
	await_mode takeover "the three admission policies are in force"
	await_metric kubevirt_vsock_holding_status 1
	await_policies
	start_kubevirt
	follow_history
	"$vmis" create burst 50 "${namespaces[@]}"
	await_running 50
	audit_is_clean 50
	given_by us burst 50
	stop_controller
	"$vmis" create late 5 "${namespaces[@]}"
	await "the late ones to wait" the_rest_waits
	before=$(hold_version)
	start_ready_controller
	await_running 55
	given_by us late 5
	is "version of the ConfigMap: nobody opens the hold while the policies are not read" "$before" "$(hold_version)"
	stands_still 5
	history_is_clean us
	no_storm 55
	end_well
}

it kube134 on_kubernetes_1_34_without_them_takeover_observes_and_says_so
on_kubernetes_1_34_without_them_takeover_observes_and_says_so() {
	own_server
	# kubectl tells what the server does not know, and applies the rest.
	! kubectl apply --server-side -k "$overlays/kubevirt" >"$folder/apply" 2>&1 || fail "it could be applied: $(cat "$folder/apply")"
	grep -q 'no matches for kind "MutatingAdmissionPolicy"' "$folder/apply" || fail "$(cat "$folder/apply")"
	api PATCH "$hold_path" "$merge" '{"data": {"hold": "on"}}' >/dev/null
	start_ready_controller
	await_mode observe "this API server has no mutatingadmissionpolicies"
	await "the hold to be opened" hold_says off
	await "an event on the KubeVirt CR" has_mode_event "mode observe: this API server has no mutatingadmissionpolicies"
	is_status /readyz 200 || fail "/readyz says $(status_of /readyz)"
	start_kubevirt
	left_alone first 10
	end_well
}

# There is no constrained impersonation yet, and the base has no other.
it kube134 on_kubernetes_1_34_the_base_alone_cannot_write_and_says_so
on_kubernetes_1_34_the_base_alone_cannot_write_and_says_so() {
	own_server
	apply "$manifests"
	start_ready_controller
	stand_in virt-api
	stand_in virt-controller
	"$vmis" create first 3 e2e-a
	await "an event" says e2e-a first-1 FailedSetVSOCKCID 'cannot impersonate resource "serviceaccounts"'
	stand_in kubelet
	await_running 3
	given_by kubevirt first 3
	await_metric kubevirt_vsock_waiting_vmis 0
	is "writes that were carried out" 0 "$(patches_sent | grep -c ' 200$' || true)"
	stop_controller
	is "exit status" 0 "$exit_status"
}

it kube134 on_kubernetes_1_34_without_policies_it_observes_after_three_overwritten_cids
on_kubernetes_1_34_without_policies_it_observes_after_three_overwritten_cids() {
	local with
	own_server
	with=$(overlay classic-impersonation)
	apply "$with"
	gives_up_after_three
	end_well
}

another_starts() {
	local number=$1
	"$vmis" create "one-$number" 1 e2e-a
	await_running "$number"
}

# Served, but the feature gate is off: policies are stored and never run, which only a VMI shows that starts with another CID.
it kube134 on_kubernetes_1_34_policies_that_are_stored_and_never_run_are_found_out
on_kubernetes_1_34_policies_that_are_stored_and_never_run_are_found_out() {
	local number=0
	own_server --runtime-config=admissionregistration.k8s.io/v1beta1=true
	apply "$overlays/kubevirt-v1beta1"
	start_ready_controller
	await_mode takeover "the three admission policies are in force"
	await "the hold to be closed" hold_says on
	start_kubevirt
	until says_mode coexist "the API server does not run them"; do
		((++number <= 60)) || fail "$number VMIs have shown nothing: $(get /readyz)"
		another_starts "$number"
		sleep 1
	done
	await "the hold to be opened" hold_says off
	metric_is kubevirt_vsock_policies_in_force 0 || fail "the metric says that they are in force"
	while ! mode_is observe; do
		((++number <= 80)) || fail "it goes on: $(get /readyz)"
		another_starts "$number"
	done
	says_mode observe "VMIs in a row were overwritten by another component" || fail "$(get /readyz)"
	saw "found out after $number VMIs"
	end_well
}
