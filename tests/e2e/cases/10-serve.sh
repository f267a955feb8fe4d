# What it is for: every VMI gets a CID, once.
# shellcheck shell=bash disable=SC2154,SC2119,SC2120

it both every_one_of_200_vmis_in_five_namespaces_gets_a_cid_by_one_write
every_one_of_200_vmis_in_five_namespaces_gets_a_cid_by_one_write() {
	start_ready_controller
	"$vmis" create big 200 "${namespaces[@]}"
	"$vmis" create --no-vsock small 20 "${namespaces[@]}"
	await "all to be served" all_served
	audit_is_clean 200
	await_agreement
	end_well
	one_write_each 200
}

it both vmis_that_were_there_before_the_start_are_served
vmis_that_were_there_before_the_start_are_served() {
	"$vmis" create --large early 40 "${namespaces[@]}"
	"$vmis" create --phase Pending pending 40 "${namespaces[@]}"
	"$vmis" create --phase Scheduling scheduling 40 "${namespaces[@]}"
	start_controller
	await "all to be served" all_served
	audit_is_clean 120
	await_agreement
	end_well
}

it kube where_the_server_has_no_streaming_lists_pages_do
where_the_server_has_no_streaming_lists_pages_do() {
	own_server --feature-gates=WatchList=false
	"$vmis" create --large early 40 "${namespaces[@]}"
	start_ready_controller
	"$vmis" create late 20 "${namespaces[@]}"
	await "all to be served" all_served
	audit_is_clean 60
	await "both resources to be listed in pages" metric_is \
		'kubevirt_vsock_list_restarts_total{resource="virtualmachineinstances",reason="refused"}' 1
	is "the CRs, too" 1 "$(metric 'kubevirt_vsock_list_restarts_total{resource="kubevirts",reason="refused"}')"
	is "warnings" 0 "$(grep -c '"warning"' "$controller_log" || true)"
	end_well
}

it both a_vmi_recreated_under_its_name_gets_another_cid
a_vmi_recreated_under_its_name_gets_another_cid() {
	local round
	start_ready_controller
	for round in 1 2 3; do
		"$vmis" create again 20 "${namespaces[@]}"
		await "round $round to be served" all_served
		audit_is_clean 20
		all_cids >>"$folder/cids"
		"$vmis" delete again
	done
	is "different CIDs in three rounds" 60 "$(sort -u "$folder/cids" | wc -l)"
	end_well
}

it both a_vmi_recreated_while_the_controller_is_away_gets_another_cid
a_vmi_recreated_while_the_controller_is_away_gets_another_cid() {
	start_ready_controller "${quick[@]}"
	"$vmis" create again 20 "${namespaces[@]}"
	await "all to be served" all_served
	all_cids >"$folder/cids"
	stop_controller KILL
	"$vmis" delete again
	"$vmis" create again 20 "${namespaces[@]}"
	start_ready_controller
	await "all to be served" all_served
	audit_is_clean 20
	all_cids >>"$folder/cids"
	is "different CIDs in two rounds" 40 "$(sort -u "$folder/cids" | wc -l)"
	end_well
}

it both a_vmi_made_through_v1alpha3_is_served
a_vmi_made_through_v1alpha3_is_served() {
	start_ready_controller
	api POST /apis/kubevirt.io/v1alpha3/namespaces/e2e-a/virtualmachineinstances application/json \
		'{"apiVersion": "kubevirt.io/v1alpha3", "kind": "VirtualMachineInstance", "metadata": {"name": "old"},
		  "spec": {"domain": {"devices": {"autoattachVSOCK": true}, "resources": {"requests": {"memory": "64Mi"}}}}}'
	await "it to be served" all_served
	audit_is_clean 1
	end_well
}

it both every_start_raises_the_term_by_one_and_draws_from_its_stripe
every_start_raises_the_term_by_one_and_draws_from_its_stripe() {
	local start term before='' name
	for start in 1 2 3; do
		start_ready_controller
		term=$(term_of_lease)
		[[ -z $before ]] || is "term of start $start" $((before + 1)) "$term"
		before=$term
		"$vmis" create "start-$start" 10 "${namespaces[@]}"
		await "all to be served" all_served
		"$vmis" list | while read -r _ name _ _ _ cid; do
			[[ $name != "start-$start"-* ]] || is "stripe of CID $cid" $((term % 32768)) $((cid % 32768))
		done
		end_well
	done
	saw "terms up to $term"
	audit_is_clean 30
}
