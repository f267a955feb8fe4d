# Observe: the first step that the README recommends changes nothing in the cluster.
# shellcheck shell=bash disable=SC2154,SC2119,SC2120

# sets_cid NAME CID: as a component of KubeVirt, of a VMI that runs.
sets_cid() {
	as_user "$trusted" PATCH "$(vmi_path e2e-a "$1")" "{\"status\": {\"VSOCKCID\": $2}}" "$merge"
	answered 200
}

it kube observing_next_to_kubevirt_shows_findings_and_writes_nothing
observing_next_to_kubevirt_shows_findings_and_writes_nothing() {
	local options name
	begin
	"$vmis" delete probe-
	start_kubevirt
	"$vmis" create odd 4 e2e-a
	await_running 4
	sets_cid odd-1 90000
	sets_cid odd-2 90000
	sets_cid odd-3 2
	sets_cid odd-4 null
	delete "$lease_path"
	apply "$overlays/observe"
	mapfile -t options < <(arguments "$overlays/observe")
	is "options" --mode=observe "${options[*]}"
	may_not update leases.coordination.k8s.io/vsock-cid-controller --namespace kubevirt
	may_not create leases.coordination.k8s.io --namespace kubevirt
	may_not create events --namespace e2e-a
	may_not patch virtualmachineinstances.kubevirt.io --namespace e2e-a
	may_not impersonate-on:serviceaccount:patch virtualmachineinstances.kubevirt.io --namespace e2e-a
	is "may act as it" false "$(may_act_as kubevirt-synchronization-controller)"
	for name in a b; do
		as "$name" start_controller --identity "$name" "${options[@]}"
		as "$name" await_mode observe "--mode=observe"
		await "replica $name to be ready" as "$name" ready
	done
	"$vmis" create fine 20 "${namespaces[@]}"
	await_running 24
	given_by kubevirt fine 20
	for name in a b; do
		as "$name" await_metric kubevirt_vsock_duplicate_cids 1
		as "$name" await_metric kubevirt_vsock_missed_vmis 1
		as "$name" await_metric kubevirt_vsock_cids_in_use 22
		as "$name" await_agreement
		as "$name" metric_is kubevirt_vsock_leading_status 0 || fail "$name says that it leads"
		as "$name" log_has "VSOCK CID 90000 is also shown by VMI" || fail "$name does not tell of odd-1 and odd-2"
	done
	as a stop_controller
	as b stop_controller
	is "what was not only read" "" "$(writes_of_ours)"
	is "requests that were refused" 0 "$(audit_log | jq -r 'select((.userAgent | startswith("vsock-cid-controller")) and
		.responseStatus.code >= 400) | 1' | wc -l)"
	is "events" 0 "$(events e2e-a odd-1 DuplicateVSOCKCID)"
	as_user '' GET "$lease_path"
	answered 404
}
