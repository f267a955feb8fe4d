# Takeover: three admission policies make us the only allocator next to KubeVirt's own, whatever ends in the middle.
# shellcheck shell=bash disable=SC2154,SC2119,SC2120

# What it cost: each VMI is written to once, and nobody else is sent round for long.
no_storm() {
	local conflicts refusals writes
	conflicts=$(answers virt- update 409)
	refusals=$(answers virt-controller update 422)
	writes=$(patches_sent | wc -l)
	is "writes that were carried out" "$1" "$(patches_sent | grep -c ' 200$')"
	((writes <= 2 * $1)) || fail "$writes writes for $1 VMIs"
	((conflicts <= 2 * $1)) || fail "$conflicts times 409 for $1 VMIs"
	saw "$writes writes for $1 VMIs; KubeVirt was told 409 $conflicts times, and $refusals times that there is no CID yet"
}

it kube under_takeover_500_vmis_get_our_cids_and_none_starts_without_one
under_takeover_500_vmis_get_our_cids_and_none_starts_without_one() {
	takeover
	follow_history
	"$vmis" create --in-flight 32 burst 500 "${namespaces[@]}"
	await_running 500
	audit_is_clean 500
	given_by us burst 500
	stands_still 30
	history_is_clean us
	no_storm 500
	await_agreement
	end_well
}

# Who has a CID runs, who has none waits in Scheduling, and was refused to be Scheduled.
the_rest_waits() {
	"$vmis" list >"$folder/vmis"
	awk '$5 != ($6 == "-" ? "Scheduling" : "Running") { bad = 1 } END { exit bad }' "$folder/vmis" &&
		(($(answers virt-controller update 422) >= $(grep -c ' -$' "$folder/vmis")))
}

it kube while_no_replica_runs_new_vms_wait_and_the_next_one_serves_them
while_no_replica_runs_new_vms_wait_and_the_next_one_serves_them() {
	local creating waiting
	takeover "${quick[@]}"
	follow_history
	"$vmis" create --in-flight 4 burst 500 "${namespaces[@]}" &
	creating=$!
	await "a fifth to be served" metric_is_at_least kubevirt_vsock_cids_in_use 100
	stop_controller KILL
	wait "$creating" || fail "not all could be created"
	await "the rest to wait" the_rest_waits
	waiting=$(cids_of burst | grep -cx -)
	end_stand_in virt-controller KILL
	stand_in virt-controller
	await "the rest to wait still" the_rest_waits
	is "VMIs that wait, also after a restart of virt-controller" "$waiting" "$(cids_of burst | grep -cx -)"
	saw "$waiting of 500 waited while no replica ran"
	start_ready_controller
	await_running 500
	audit_is_clean 500
	given_by us burst 500
	history_is_clean us
	no_second_write
	end_well
}

# virt-launcher waits for 4 to 6 minutes.
it kube a_vmi_that_is_held_for_longer_than_its_launcher_waits_fails_and_its_successor_starts
a_vmi_that_is_held_for_longer_than_its_launcher_waits_fails_and_its_successor_starts() {
	takeover
	end_stand_in kubelet
	stand_in kubelet --launcher-timeout 5s
	stop_controller
	"$vmis" create vm 3 e2e-a
	await "the launchers to give up" in_phase Failed 3
	start_ready_controller
	await_metric kubevirt_vsock_waiting_vmis 0
	"$vmis" delete vm
	await "them to be gone" nobody_is_left
	"$vmis" create vm 3 e2e-a
	await_running 3
	audit_is_clean 3
	given_by us vm 3
	end_well
}

it kube a_restart_of_virt_controller_in_a_burst_changes_no_cid
a_restart_of_virt_controller_in_a_burst_changes_no_cid() {
	local creating
	takeover
	follow_history
	"$vmis" create --in-flight 4 burst 500 "${namespaces[@]}" &
	creating=$!
	await "a fifth to be served" metric_is_at_least kubevirt_vsock_cids_in_use 100
	end_stand_in virt-controller KILL
	stand_in virt-controller
	wait "$creating" || fail "not all could be created"
	await_running 500
	end_stand_in virt-controller
	"$vmis" create late 10 "${namespaces[@]}"
	stand_in virt-controller
	await_running 510
	audit_is_clean 510
	given_by us burst 500
	given_by us late 10
	stands_still 5
	history_is_clean us
	no_storm 510
	end_well
}

nobody_is_left() {
	[[ ! $("$vmis" list) ]]
}

it kube a_vm_that_is_stopped_and_started_gets_another_cid_under_takeover
a_vm_that_is_stopped_and_started_gets_another_cid_under_takeover() {
	local round
	takeover
	follow_history
	for round in 1 2 3; do
		"$vmis" create vm 10 "${namespaces[@]}"
		await_running 10
		audit_is_clean 10
		all_cids >>"$folder/cids"
		"$vmis" delete vm
		await "round $round to be gone" nobody_is_left
	done
	is "different CIDs in three rounds" 30 "$(sort -u "$folder/cids" | wc -l)"
	history_is_clean us
	end_well
}

it kube without_its_configmap_the_hold_is_open_for_good_and_kubevirt_decides
without_its_configmap_the_hold_is_open_for_good_and_kubevirt_decides() {
	takeover
	follow_history
	"$vmis" create first 5 "${namespaces[@]}"
	await_running 5
	stop_controller
	delete "$hold_path"
	"$vmis" create second 5 "${namespaces[@]}"
	await_running 10
	given_by kubevirt second 5
	start_ready_controller
	await_mode coexist "ConfigMap kubevirt/vsock-cid-controller-hold is not there"
	await_metric kubevirt_vsock_cids_in_use 10 # KubeVirt's are adopted
	apply "$overlays/kubevirt"
	await_mode takeover
	await "the hold to be closed" hold_says on
	"$vmis" create third 5 "${namespaces[@]}"
	await_running 15
	given_by us first 5
	given_by kubevirt second 5
	given_by us third 5
	history_is_clean any
	end_well
}

it kube the_leader_closes_a_hold_that_somebody_has_opened
the_leader_closes_a_hold_that_somebody_has_opened() {
	local data
	begin
	apply "$overlays/kubevirt"
	start_ready_controller
	await "the hold to be closed" hold_says on
	await_policies
	for data in '{"hold": "off"}' '{"hold": "perhaps"}' '{"hold": null}' null; do
		api PATCH "$hold_path" "$merge" "{\"data\": $data}" >/dev/null
		await "the hold to be closed again after $data" hold_says on
	done
	await_metric kubevirt_vsock_holding_status 1
	end_well
}
