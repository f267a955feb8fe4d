# The feature gate: who may switch it, how, and what it does to CIDs (I7).
# shellcheck shell=bash disable=SC2154,SC2119,SC2120

# A VMI made while the gate is closed, which the controller has seen and left alone.
stays_without() {
	"$vmis" create "$1" 1 e2e-a
	await "the controller to see the VMI" metric_is_at_least kubevirt_vsock_waiting_vmis 1
	is "CID while the gate is closed" - "$(cid_of e2e-a "$1-1")"
}

gate_is() {
	await_metric kubevirt_vsock_feature_gate_enabled "$1"
}

# edit SED-EXPRESSION: kubectl edit, with somebody at the editor who makes this change.
edit() {
	printf '#!/bin/sh\nexec sed -i -E "%s" "%s1"\n' "$1" \$ >"$folder/editor"
	chmod +x "$folder/editor"
	KUBE_EDITOR=$folder/editor kubectl edit kubevirt kubevirt --namespace kubevirt
}

it kube kubectl_edit_switches_the_gate_off_and_on
kubectl_edit_switches_the_gate_off_and_on() {
	local before
	set_gates '["LiveMigration", "VSOCK"]'
	start_ready_controller
	"$vmis" create before 10 "${namespaces[@]}"
	await "all to be served" all_served
	before=$(all_cids | sort)
	edit '/^ *- VSOCK$/d'
	gate_is 0
	stays_without late
	is "CIDs with the gate off" "$before" "$(all_cids | sort)"
	edit 's/^( *)- LiveMigration$/&\n\1- VSOCK/'
	await "the late one to be served" all_served
	is "CIDs kept" "$before" "$(all_cids | sort | grep -Fx "$before")"
	audit_is_clean 11
	await_agreement
	end_well
	grep -ho '"msg":"the gate is [^"]*' "$controller_log" | cut -d'"' -f4 >>"$folder/saw"
}

it both the_gate_follows_both_lists_of_the_kubevirt_cr
the_gate_follows_both_lists_of_the_kubevirt_cr() {
	start_ready_controller
	gate_is 1
	set_gates '["Other"]'
	gate_is 0
	set_gates '["VSOCK"]' '["VSOCK"]'
	gate_is 1
	set_gates '[]' '["VSOCK"]'
	gate_is 0
	log_has 'the gate is closed: disabledFeatureGates of the KubeVirt CR has VSOCK' || fail "no such log line"
	stays_without disabled
	set_gates '["VSOCK"]'
	await "it to be served" all_served
	audit_is_clean 1
	end_well
}

it both without_a_kubevirt_cr_nothing_is_written
without_a_kubevirt_cr_nothing_is_written() {
	api DELETE "$kubevirt_path/kubevirt" >/dev/null
	start_controller
	await "the controller to be ready" ready
	gate_is 0
	stays_without orphan
	set_gates '["VSOCK"]'
	await "it to be served" all_served
	audit_is_clean 1
	end_well
}

it both a_second_kubevirt_cr_closes_the_gate
a_second_kubevirt_cr_closes_the_gate() {
	start_ready_controller
	api POST /apis/kubevirt.io/v1/namespaces/e2e-b/kubevirts application/json \
		'{"apiVersion": "kubevirt.io/v1", "kind": "KubeVirt", "metadata": {"name": "second"}, "spec": {"configuration":
		  {"developerConfiguration": {"featureGates": ["VSOCK"]}}}}' >/dev/null
	"$vmis" create unhindered 1 e2e-a # nobody has deployed the second one
	await "it to be served" all_served
	deployed /apis/kubevirt.io/v1/namespaces/e2e-b/kubevirts/second
	gate_is 0
	stays_without ambiguous
	api DELETE /apis/kubevirt.io/v1/namespaces/e2e-b/kubevirts/second >/dev/null
	await "it to be served" all_served
	audit_is_clean 2
	end_well
}

it both the_flag_overrides_the_gate
the_flag_overrides_the_gate() {
	set_gates '[]'
	start_ready_controller --feature-gate=on
	"$vmis" create forced 5 "${namespaces[@]}"
	await "all to be served" all_served
	end_well
	set_gates '["VSOCK"]'
	start_ready_controller --feature-gate=off
	gate_is 0
	stays_without barred
	end_well
	start_ready_controller --feature-gate=auto
	await "all to be served" all_served
	audit_is_clean 6
	end_well
}
