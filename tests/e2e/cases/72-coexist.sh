# Without the policies, next to KubeVirt's own allocator: no fight, and it is said why.
# shellcheck shell=bash disable=SC2154,SC2119,SC2120

# Nothing is written to VMIs of this name, whatever becomes of them.
left_alone() {
	local before
	before=$(patches_sent | wc -l)
	"$vmis" create "$1" 10 "${namespaces[@]}"
	await "$1 to run" in_phase Running "$2"
	given_by kubevirt "$1" 10
	is "writes" "$before" "$(patches_sent | wc -l)"
}

# Three VMIs were written to, and each again at most where it had just changed.
three_were_tried() {
	patches_sent | sort >"$folder/patches"
	is "VMIs written to" 3 "$(cut -d' ' -f1 "$folder/patches" | uniq | wc -l)"
	(($(wc -l <"$folder/patches") <= 6)) || fail "a fight: $(cat "$folder/patches")"
	saw "$(wc -l <"$folder/patches") writes for 3 VMIs"
}

# keeps_its_cid NAME: where sticky works, of a VMI that runs in e2e-a.
keeps_its_cid() {
	as_user "$trusted" PATCH "$(vmi_path e2e-a "$1")?dryRun=All" '{"status": {"VSOCKCID": 7}}' "$merge"
	[[ $code == 200 && $(jq .status.VSOCKCID <<<"$answer") != 7 ]]
}

# What a controller without policies comes to next to a KubeVirt that allocates.
gives_up_after_three() {
	start_ready_controller
	await_mode coexist "vsock-cid-controller-guard is not installed"
	stand_in virt-api
	stand_in virt-controller
	"$vmis" create first 3 "${namespaces[@]}"
	await "all to be served" all_served
	given_by us first 3
	stand_in kubelet
	await_mode observe "the CIDs of 3 VMIs in a row were overwritten by another component"
	await_running 3
	given_by kubevirt first 3
	left_alone second 13
	three_were_tried
	await "an event on the KubeVirt CR" has_mode_event "mode observe: the CIDs of 3 VMIs in a row were overwritten"
	is "events about it" 1 "$(mode_events "mode observe")"
}

it kube next_to_kubevirt_without_policies_it_observes_after_three_overwritten_cids
next_to_kubevirt_without_policies_it_observes_after_three_overwritten_cids() {
	begin
	"$vmis" delete probe-
	gives_up_after_three
	await "an event on a VMI" has_event e2e-a first-1 ForeignVSOCKCID
	is_status /readyz 200 || fail "/readyz says $(status_of /readyz)"
	# The policies make it try again at once.
	apply "$overlays/kubevirt"
	await_mode takeover
	await "an event on the KubeVirt CR" has_mode_event "mode takeover"
	await "the hold to be closed" hold_says on
	# Whoever comes before the server goes by them may lose his CID to KubeVirt; that is no reason to give up.
	"$vmis" create early 5 "${namespaces[@]}"
	await_running 18
	await "sticky to be in force" keeps_its_cid first-1
	mode_is takeover || fail "$(get /readyz)"
	"$vmis" create third 5 "${namespaces[@]}"
	await_running 23
	given_by us third 5
	given_by kubevirt first 3
	given_by kubevirt second 10
	end_well
}

it kube writes_as_itself_are_put_back_by_kubevirt_and_it_observes_after_three
writes_as_itself_are_put_back_by_kubevirt_and_it_observes_after_three() {
	local with options
	begin
	"$vmis" delete probe-
	with=$(overlay write-as-self)
	apply "$with"
	mapfile -t options < <(arguments "$with")
	is "options" --write-as=self "${options[*]}"
	start_ready_controller "${options[@]}"
	get /readyz | grep -qx 'writes as itself' || fail "$(get /readyz)"
	stand_in virt-api
	stand_in virt-controller
	"$vmis" create first 3 "${namespaces[@]}"
	await_mode observe "the CIDs of 3 VMIs in a row were put back by another component"
	await "an event on a VMI" has_event e2e-a first-1 FailedSetVSOCKCID
	await "an event on the KubeVirt CR" has_mode_event "mode observe: the CIDs of 3 VMIs in a row were put back"
	stand_in kubelet
	await_running 3
	given_by kubevirt first 3
	left_alone second 13
	three_were_tried
	end_well
}

# A virt-controller without an allocator; VMIs whose pods take a while, since nothing holds them.
it kube next_to_a_virt_controller_without_an_allocator_cids_last
next_to_a_virt_controller_without_an_allocator_cids_last() {
	begin
	"$vmis" delete probe-
	start_ready_controller
	await_mode coexist "vsock-cid-controller-guard is not installed"
	stand_in virt-api
	stand_in virt-controller --no-allocator
	follow_history
	"$vmis" create burst 60 "${namespaces[@]}"
	await "all to be served" all_served
	stand_in kubelet
	await_running 60
	audit_is_clean 60
	given_by us burst 60
	mode_is coexist || fail "$(get /readyz)"
	stands_still 3
	history_is_clean us
	no_storm 60
	end_well
}
