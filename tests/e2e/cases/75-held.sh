# A VMI that the hold keeps waiting is told why, since KubeVirt shows nothing; and guests that have another's CID.
# shellcheck shell=bash disable=SC2154,SC2119,SC2120

waits_in_scheduling() {
	is "phase and CID of $2" "Scheduling null" "$(api GET "$(vmi_path "$1" "$2")" | jq -r '"\(.status.phase) \(.status.VSOCKCID)"')"
}

it kube a_held_vmi_is_told_that_no_cid_is_left
a_held_vmi_is_told_that_no_cid_is_left() {
	takeover --cid-max 1048578 --exclude-cids 3-1048576
	"$vmis" create scarce 3 e2e-a
	await "the two CIDs to be given" in_phase Running 2
	await "the third to wait" in_phase Scheduling 1
	waiting=$("$vmis" list | awk '$6 == "-" { print $2 }')
	await "an event" says e2e-a "$waiting" FailedAllocateVSOCKCID "no VSOCK CID is free in the whole range"
	waits_in_scheduling e2e-a "$waiting"
	is "events about it" 1 "$(events e2e-a "$waiting" FailedAllocateVSOCKCID)"
	is "CIDs" "1048577 1048578" "$(all_cids | sort | tr '\n' ' ' | sed 's/ $//')"
	message e2e-a "$waiting" FailedAllocateVSOCKCID >>"$folder/saw"
	end_well
}

# The rule by which we may act as KubeVirt's account.
impersonation_rule=/apis/rbac.authorization.k8s.io/v1/namespaces/kubevirt/roles/vsock-cid-controller

it kube a_held_vmi_is_told_that_the_server_refuses_its_cid
a_held_vmi_is_told_that_the_server_refuses_its_cid() {
	takeover
	as_user '' GET "$impersonation_rule"
	as_user '' PUT "$impersonation_rule" "$(jq -c '.rules |= map(select(.apiGroups != ["authentication.k8s.io"]))' <<<"$answer")"
	answered 200
	await "the right to be gone" may_act_no_more
	"$vmis" create refused 2 e2e-a
	await "the first to be told" says e2e-a refused-1 FailedSetVSOCKCID "the API server refuses the VSOCK CID"
	await "the second to be told" says e2e-a refused-2 FailedSetVSOCKCID "the API server refuses the VSOCK CID"
	await "both to wait" in_phase Scheduling 2
	waits_in_scheduling e2e-a refused-1
	message e2e-a refused-1 FailedSetVSOCKCID >>"$folder/saw"
	mode_is takeover || fail "a refusal has changed the mode"
	saw "$(patches_sent | wc -l) writes were refused"
	apply "$overlays/kubevirt"
	await_running 2
	audit_is_clean 2
	given_by us refused 2
	stop_controller
	is "exit status" 0 "$exit_status"
}

# The server believes for 10 s what it has found out about impersonation.
may_act_no_more() {
	[[ $(curl --silent --noproxy '*' --cacert "$server_dir/pki/ca.crt" --header "Authorization: Bearer $(cat "$folder/token")" \
		--header "Impersonate-User: $trusted" --request PATCH --header "Content-Type: $merge" --data '{}' --output /dev/null \
		--write-out '%{http_code}' "$APISERVER_URL$(vmi_path e2e-a nobody)?dryRun=All") == 403 ]]
}

# VMIs that were admitted while the gate was on, and a hold that the leader may not open. Without virt-api, as if so.
it kube a_held_vmi_is_told_that_the_gate_is_off
a_held_vmi_is_told_that_the_gate_is_off() {
	begin
	apply "$overlays/kubevirt"
	await_policies
	delete /apis/rbac.authorization.k8s.io/v1/namespaces/kubevirt/rolebindings/vsock-cid-controller-hold
	set_gates '[]'
	stand_in virt-controller
	stand_in kubelet
	start_ready_controller
	await "it to be refused the ConfigMap" log_has 'cannot write ConfigMap kubevirt/vsock-cid-controller-hold'
	"$vmis" create held 2 e2e-a
	await "both to wait" in_phase Scheduling 2
	await "the first to be told" says e2e-a held-1 FailedAllocateVSOCKCID "the VSOCK feature gate is off, yet the admission policy holds it"
	await "the second to be told" says e2e-a held-2 FailedAllocateVSOCKCID "the VSOCK feature gate is off"
	waits_in_scheduling e2e-a held-1
	message e2e-a held-1 FailedAllocateVSOCKCID >>"$folder/saw"
	apply "$overlays/kubevirt"
	await "the hold to be opened" hold_says off
	await_running 2
	given_by kubevirt held 2
	is "events about the first" 1 "$(events e2e-a held-1 FailedAllocateVSOCKCID)"
	stop_controller
	is "exit status" 0 "$exit_status"
}

# As virt-controller and virt-handler do it, with a full PUT from each node.
it kube a_live_migration_keeps_the_cid_and_is_no_duplicate
a_live_migration_keeps_the_cid_and_is_no_duplicate() {
	local cid uid filter name=mover-1
	takeover
	"$vmis" create mover 1 e2e-a
	await_running 1
	await "the last writes" rests 2
	cid=$(cid_of e2e-a $name)
	uid=$(api GET "$(vmi_path e2e-a $name)" | jq -r .metadata.uid)
	end_stand_in virt-controller
	follow_history
	# shellcheck disable=SC2016 # $uid is jq's
	for filter in '.status.migrationState = {migrationUid: "m", sourceNode: "node01", targetNode: "node02",
			sourceState: {virtualMachineInstanceUID: $uid, node: "node01"}, targetState: {virtualMachineInstanceUID: $uid}} |
			.status.activePods["11111111-2222-3333-4444-555555555555"] = "node02"' \
		'.status.nodeName = "node02" | .metadata.labels["kubevirt.io/nodeName"] = "node02"' \
		'.status.migrationState.completed = true | .status.VSOCKCID = 99' \
		'.status.migrationState.endTimestamp = "2026-01-01T00:00:00Z" | del(.status.VSOCKCID)'; do
		as_user system:serviceaccount:kubevirt:kubevirt-handler PUT "$(vmi_path e2e-a $name)" \
			"$(api GET "$(vmi_path e2e-a $name)" | jq -c --arg uid "$uid" "$filter")"
		answered 200
		is "CID" "$cid" "$(cid_of e2e-a $name)"
	done
	await_agreement
	is "duplicates" 0 "$(metric kubevirt_vsock_duplicate_cids)"
	is "CIDs in use" 1 "$(metric kubevirt_vsock_cids_in_use)"
	is "events" "" "$(message e2e-a $name MigrationVSOCKCID)$(message e2e-a $name ForeignVSOCKCID)"
	is "writes" 1 "$(patches_sent | wc -l)"
	history_is_clean us
	end_well
}

# target NAME SOURCE-UID: a VMI that a decentralised migration goes to, in e2e-b.
target() {
	as_user '' POST "$(path v1 e2e-b)" "$(vmi v1 "$1" null |
		jq -c '.metadata.annotations["kubevirt.io/create-migration-target"] = "true"')"
	answered 201
	await "$1 to wait for its source" is_in e2e-b "$1" WaitingForSync
	as_user "$trusted" PATCH "$(vmi_path e2e-b "$1")" "{\"status\": {\"migrationState\": {\"sourceState\":
		{\"virtualMachineInstanceUID\": \"$2\"}}}}" "$merge"
	answered 200
}

is_in() {
	[[ $(api GET "$(vmi_path "$1" "$2")" | jq -r .status.phase) == "$3" ]]
}

# The source has told all: the target gets its pod.
go_on() {
	as_user "$trusted" PATCH "$(vmi_path e2e-b "$1")" '{"metadata": {"labels": {"kubevirt.io/migrationTargetNodeName": "node01"}}}' \
		"$merge"
	answered 200
	await "$1 to run" is_in e2e-b "$1" Running
}

it kube a_migration_target_is_told_which_cid_its_guest_has_and_both_stay_held
a_migration_target_is_told_which_cid_its_guest_has_and_both_stay_held() {
	local source own
	takeover --quarantine 1s
	follow_history
	"$vmis" create source 1 e2e-a
	await_running 1
	source=$(cid_of e2e-a source-1)
	target target "$(api GET "$(vmi_path e2e-a source-1)" | jq -r .metadata.uid)"
	await "the target to be served while it waits" has_cid e2e-b target
	own=$(cid_of e2e-b target)
	[[ $own != "$source" ]] || fail "both have CID $own"
	await "an event" says e2e-b target MigrationVSOCKCID \
		"has VSOCK CID $source, that of its source e2e-a/source-1; the $own of its status is not used"
	message e2e-b target MigrationVSOCKCID >>"$folder/saw"
	go_on target
	# Fallen back, as Scheduled may; nothing is written to it then.
	as_user "$trusted" PATCH "$(vmi_path e2e-b target)" '{"status": {"phase": "WaitingForSync", "VSOCKCID": null}}' "$merge"
	answered 200
	await "the target to run again" is_in e2e-b target Running
	is "CID of the target" "$own" "$(cid_of e2e-b target)"
	# The migration has succeeded; whoever starts now knows of it by the source's UID alone.
	api PATCH "$(vmi_path e2e-b target)" "$merge" '{"metadata": {"annotations": {"kubevirt.io/create-migration-target": null}}}' \
		>/dev/null
	stop_controller
	start_ready_controller --quarantine 1s
	await_metric kubevirt_vsock_cids_in_use 2
	"$vmis" delete source
	await "the source to be gone" in_phase Running 1
	await_metric kubevirt_vsock_vmis 1
	is "CIDs in use" 2 "$(metric kubevirt_vsock_cids_in_use)"
	is "CIDs that rest" 0 "$(metric kubevirt_vsock_cids_quarantined)"
	is "duplicates" 0 "$(metric kubevirt_vsock_duplicate_cids)"
	"$vmis" delete target
	await_metric kubevirt_vsock_cids_in_use 0
	is "writes" 2 "$(patches_sent | grep -c ' 200$')"
	history_is_clean us
	end_well
}

it kube a_migration_target_from_elsewhere_is_told_that_its_cid_is_not_known_here
a_migration_target_from_elsewhere_is_told_that_its_cid_is_not_known_here() {
	local own
	takeover
	follow_history
	target target 11111111-2222-3333-4444-555555555555
	await "the target to be served while it waits" has_cid e2e-b target
	own=$(cid_of e2e-b target)
	await "an event" says e2e-b target MigrationVSOCKCID \
		"the VSOCK CID of its source, which is not known in this cluster; the $own of its status is not used"
	message e2e-b target MigrationVSOCKCID >>"$folder/saw"
	go_on target
	is "events about it" 1 "$(events e2e-b target MigrationVSOCKCID)"
	audit_is_clean 1
	history_is_clean us
	end_well
}
