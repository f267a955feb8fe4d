# What the controller finds and cannot or must not repair: it says so, once, and goes on.
# shellcheck shell=bash disable=SC2154,SC2119,SC2120

it both invalid_and_shared_cids_are_replaced_before_the_start_of_a_vmi
invalid_and_shared_cids_are_replaced_before_the_start_of_a_vmi() {
	"$vmis" create --phase Pending --cid 2 reserved 3 e2e-a
	"$vmis" create --phase Scheduling --cid 1 low 3 e2e-b
	"$vmis" create --phase Pending --cid 70000 shared 3 e2e-c e2e-d e2e-e
	"$vmis" create --phase Pending --cid 80000 alone 1 e2e-e
	start_ready_controller
	await_metric kubevirt_vsock_waiting_vmis 0
	audit_is_clean 10
	is "CID of the one that was valid and alone" 80000 "$(cid_of e2e-e alone-1)"
	is "VMIs that kept the shared CID" 1 "$(all_cids | grep -cx 70000)"
	await_agreement 2
	end_well
}

it both running_duplicates_are_told_and_not_changed
running_duplicates_are_told_and_not_changed() {
	"$vmis" create --phase Running --cid 90000 twin 2 e2e-a e2e-b
	start_ready_controller
	await_metric kubevirt_vsock_duplicate_cids 1
	await "an event on the first" has_event e2e-a twin-1 DuplicateVSOCKCID
	await "an event on the second" has_event e2e-b twin-2 DuplicateVSOCKCID
	api GET /api/v1/namespaces/e2e-a/events | jq -r '.items[] | select(.involvedObject.name == "twin-1").message' |
		tee -a "$folder/saw" | grep 'e2e-b/twin-2' || fail "the event does not name the other VMI"
	"$vmis" create fine 10 "${namespaces[@]}"
	await "the others to be served" all_served
	is "CIDs of the twins" "90000 90000" "$(cid_of e2e-a twin-1) $(cid_of e2e-b twin-2)"
	is "CIDs of the others that are 90000" 2 "$(all_cids | grep -cx 90000)"
	await_agreement
	"$vmis" delete twin-2
	await_metric kubevirt_vsock_duplicate_cids 0
	is "events on the first" 1 "$(events e2e-a twin-1 DuplicateVSOCKCID)"
	end_well
}

it both a_running_vmi_with_an_invalid_cid_is_told_and_not_changed
a_running_vmi_with_an_invalid_cid_is_told_and_not_changed() {
	"$vmis" create --phase Running --cid 2 odd 1 e2e-a
	start_ready_controller
	await_metric kubevirt_vsock_invalid_vmis 1
	await "an event" has_event e2e-a odd-1 InvalidVSOCKCID
	"$vmis" create fine 5 "${namespaces[@]}"
	await "the others to be served" all_served
	is "CID" 2 "$(cid_of e2e-a odd-1)"
	await_agreement
	end_well
}

it both a_vmi_that_started_without_a_cid_is_told_and_left_alone
a_vmi_that_started_without_a_cid_is_told_and_left_alone() {
	"$vmis" create --phase Scheduled missed 1 e2e-a
	"$vmis" create --phase Running --no-vsock other 1 e2e-b
	start_ready_controller
	await_metric kubevirt_vsock_missed_vmis 1
	await "an event" has_event e2e-a missed-1 MissedVSOCKCID
	"$vmis" create fine 5 "${namespaces[@]}"
	await "the others to be served" all_served
	is "CID" - "$(cid_of e2e-a missed-1)"
	is "events on the one that asks for nothing" 0 "$(events e2e-b other-1 MissedVSOCKCID)"
	await_agreement
	end_well
}

it both a_foreign_change_is_told_once_and_adopted
a_foreign_change_is_told_once_and_adopted() {
	local before
	start_ready_controller
	"$vmis" create taken 1 e2e-a
	await "it to be served" all_served
	"$vmis" phase Running taken
	before=$(requests patch)
	api PATCH "$(vmi_path e2e-a taken-1)" "$merge" '{"status": {"VSOCKCID": 123456}}' >/dev/null
	await "an event" has_event e2e-a taken-1 ForeignVSOCKCID
	is "foreign writes counted" 1 "$(metric kubevirt_vsock_foreign_writes_total)"
	"$vmis" create fine 5 "${namespaces[@]}"
	await "the others to be served" all_served
	is "CID" 123456 "$(cid_of e2e-a taken-1)"
	[[ $server != kube ]] || is "writes of the controller" $((before + 5)) "$(requests patch)"
	await_agreement 1
	end_well
}

# raw NAME JSON: apisim stores it as it is, in e2e-a.
raw() {
	api PUT "/apisim/objects/virtualmachineinstances/e2e-a/$1" application/json "$2" >/dev/null
}

raw_vmi() {
	raw "$1" '{"apiVersion": "kubevirt.io/v1", "kind": "VirtualMachineInstance", "metadata": {"namespace": "e2e-a", "name": "'"$1"'",
		"uid": "uid-of-'"$1"'", "resourceVersion": "@RV@", "creationTimestamp": "2026-01-01T00:00:00Z"},
		"spec": {"domain": {"devices": {"autoattachVSOCK": '"$2"'}}}, "status": '"$3"'}'
}

it apisim objects_that_no_api_should_have_are_counted_and_the_rest_goes_on
objects_that_no_api_should_have_are_counted_and_the_rest_goes_on() {
	local deep
	deep=$(printf '[%.0s' {1..1500})$(printf ']%.0s' {1..1500})
	raw_vmi cid-as-text true '{"VSOCKCID": "1234"}'
	raw_vmi cid-negative true '{"VSOCKCID": -1}'
	raw_vmi cid-fraction true '{"VSOCKCID": 3.5}'
	raw_vmi cid-huge true '{"VSOCKCID": 99999999999}'
	raw_vmi phase-number true '{"phase": 7}'
	raw_vmi status-list true '[]'
	raw_vmi wish-text '"yes"' '{}'
	raw_vmi nul-phase true '{"phase": "Running\u0000"}'
	raw_vmi deep true '{"phase": "Pending", "other": '"$deep"'}'
	raw no-metadata '{"apiVersion": "kubevirt.io/v1", "kind": "VirtualMachineInstance"}'
	start_ready_controller
	"$vmis" create fine 50 "${namespaces[@]}"
	await "the good ones to be served" metric_is_at_least 'kubevirt_vsock_allocations_total{result="assigned"}' 50
	"$vmis" list | awk '$2 ~ /^fine-/ && $6 ~ /^[0-9]+$/' | wc -l | grep -qx 50 || fail "not all of the good ones are served"
	# All but nul-phase and deep; of wish-text and no-metadata nobody knows whether they want vsock.
	is "unreadable looks" 8 "$(metric kubevirt_vsock_unreadable_objects_total)"
	is "unreadable VMIs that want vsock" 6 "$(metric kubevirt_vsock_unreadable_vmis)"
	raw_vmi cid-as-text true '{}'
	await "the first one, repaired, to be served" has_cid e2e-a cid-as-text
	for name in cid-as-text cid-negative cid-fraction cid-huge phase-number status-list wish-text nul-phase deep no-metadata; do
		api DELETE "/apisim/objects/virtualmachineinstances/e2e-a/$name" >/dev/null
	done
	await_metric kubevirt_vsock_unreadable_vmis 0
	end_well
}

it apisim reverted_writes_are_told_once_and_not_repeated_in_haste
reverted_writes_are_told_once_and_not_repeated_in_haste() {
	local before after
	fault '{"verb": "patch", "path": "/apis/kubevirt.io", "userAgent": "vsock-cid-controller"}' '{"revertStatus": true}'
	start_ready_controller
	"$vmis" create fought 1 e2e-a
	await "it to be counted" metric_is_at_least 'kubevirt_vsock_allocations_total{result="reverted"}' 1
	await "an event" has_event e2e-a fought-1 FailedSetVSOCKCID
	before=$(requests patch)
	sleep 10
	after=$(requests patch)
	saw "$((after - before)) writes in 10 s"
	((after - before <= 8)) || fail "$((after - before)) writes in 10 s"
	is "events" 1 "$(events e2e-a fought-1 FailedSetVSOCKCID)"
	heal
	await "it to be served" all_served
	audit_is_clean 1
	end_well
}
