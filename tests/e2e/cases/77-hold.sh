# The hold while things come and go: nobody opens it by accident.
# shellcheck shell=bash disable=SC2154,SC2119,SC2120

it kube a_hold_stays_closed_while_controllers_come_and_go
a_hold_stays_closed_while_controllers_come_and_go() {
	hold_outlives_controllers "$overlays/kubevirt"
}

# A server that starts refuses everything until it knows its RBAC rules.
it kube a_hold_stays_closed_while_the_api_server_comes_and_goes
a_hold_stays_closed_while_the_api_server_comes_and_goes() {
	local before round
	begin
	apply "$overlays/kubevirt"
	start_ready_controller "${patient[@]}"
	await "the hold to be closed" hold_says on
	before=$(hold_version)
	for round in stop "stop --kill"; do
		# shellcheck disable=SC2086 # an option, too
		"$controlplane" $round "$server_dir"
		"$controlplane" start "$server_dir"
		"$vmis" create "after-${round##*-}" 1 e2e-a
		await "a VMI to be served" all_served
		await_mode takeover
		is "version of the ConfigMap" "$before" "$(hold_version)"
	done
	stop_controller
	is "exit status" 0 "$exit_status"
}

it kube134 a_hold_stays_closed_while_controllers_come_and_go_on_kubernetes_1_34
a_hold_stays_closed_while_controllers_come_and_go_on_kubernetes_1_34() {
	own_server "${beta_policies[@]}"
	hold_outlives_controllers "$overlays/kubevirt-v1beta1"
}

# hold_outlives_controllers OVERLAY: who begins to lead before he has read the policies leaves the hold as it is.
hold_outlives_controllers() {
	local before round
	[[ $server_dir == "$folder"* ]] || begin
	apply "$1"
	start_ready_controller
	await "the hold to be closed" hold_says on
	stop_controller
	before=$(hold_version)
	for round in {1..10}; do
		start_ready_controller
		await_mode takeover
		await_metric kubevirt_vsock_holding_status 1
		stop_controller
		is "version of the ConfigMap after $round restarts" "$before" "$(hold_version)"
	done
}

our_rules=/apis/rbac.authorization.k8s.io/v1/clusterroles/vsock-cid-controller

may_list_no_more() {
	[[ $(kubectl auth can-i list validatingadmissionpolicies.admissionregistration.k8s.io --as "$us" 2>/dev/null || true) == no ]]
}

lists_are_refused() {
	(($(grep -c 'admissionpolicies.*403' "$controller_log" || true) >= $1))
}

# As on a server that has just started: who begins to lead has seen nothing but 403 of the policies.
it kube a_hold_stays_closed_where_the_leader_may_not_read_the_policies
a_hold_stays_closed_where_the_leader_may_not_read_the_policies() {
	local before
	begin
	apply "$overlays/kubevirt"
	start_ready_controller
	await "the hold to be closed" hold_says on
	await_policies
	stop_controller
	before=$(hold_version)
	as_user '' GET "$our_rules"
	as_user '' PUT "$our_rules" "$(jq -c '.rules |= map(select(.apiGroups != ["admissionregistration.k8s.io"]))' <<<"$answer")"
	answered 200
	await "the right to be gone" may_list_no_more
	start_ready_controller
	await "two refusals each" lists_are_refused 8
	is "version of the ConfigMap after them" "$before" "$(hold_version)"
	await_mode coexist "validatingadmissionpolicies may not be read"
	start_kubevirt
	"$vmis" create held 5 "${namespaces[@]}"
	await_running 5
	given_by us held 5
	is "version of the ConfigMap" "$before" "$(hold_version)"
	apply "$overlays/kubevirt"
	await_mode takeover
	is "version of the ConfigMap afterwards" "$before" "$(hold_version)"
	stop_controller
	is "exit status" 0 "$exit_status"
}

it kube under_takeover_only_one_configmap_may_be_written
under_takeover_only_one_configmap_may_be_written() {
	begin
	apply "$overlays/kubevirt"
	may patch configmaps/vsock-cid-controller-hold --namespace kubevirt
	may_not patch configmaps/another --namespace kubevirt
	may_not patch configmaps/vsock-cid-controller-hold --namespace e2e-a
	may_not create configmaps --namespace kubevirt
	may_not update configmaps/vsock-cid-controller-hold --namespace kubevirt
	may_not delete configmaps/vsock-cid-controller-hold --namespace kubevirt
}

hold_writes() {
	grep -c "the hold is set" "$controller_log" || true
}

it kube of_two_replicas_only_the_leader_writes_the_hold_and_it_outlives_him
of_two_replicas_only_the_leader_writes_the_hold_and_it_outlives_him() {
	local round version
	begin
	apply "$overlays/kubevirt"
	start_two "${quick[@]}"
	await "the hold to be closed" hold_says on
	await_policies
	for round in 1 2 3; do
		api PATCH "$hold_path" "$merge" '{"data": {"hold": "off"}}' >/dev/null
		await "the hold to be closed again" hold_says on
	done
	as b await_metric kubevirt_vsock_holding_status 1
	is "writes of the leader" 4 "$(as a hold_writes)"
	is "writes of the standby" 0 "$(as b hold_writes)"
	version=$(hold_version)
	start_kubevirt
	follow_history
	as a stop_controller KILL
	"$vmis" create after 20 "${namespaces[@]}"
	await_running 20
	audit_is_clean 20
	given_by us after 20
	is "version of the ConfigMap" "$version" "$(hold_version)"
	history_is_clean us
	as b stop_controller
}

it kube whoever_does_not_want_takeover_opens_the_hold_or_says_that_it_is_closed
whoever_does_not_want_takeover_opens_the_hold_or_says_that_it_is_closed() {
	begin
	apply "$overlays/kubevirt"
	start_ready_controller
	await "the hold to be closed" hold_says on
	stop_controller
	# Nothing is written in this mode, and so nothing is opened.
	start_controller --mode=observe
	await "the controller to be ready" ready
	"$vmis" create held 1 e2e-a
	await "it to be told" log_has 'this controller only observes, yet the admission policy holds it.*"held-1"'
	stop_controller
	hold_says on || fail "an observer has changed the hold"
	start_ready_controller --mode=coexist
	await_mode coexist "--mode=coexist"
	await "the hold to be opened" hold_says off
	stop_controller
	start_ready_controller --mode=takeover
	await "the hold to be closed" hold_says on
	# Where writes do not last nobody is to be held.
	stop_controller
	api PATCH "$(vmi_path e2e-a held-1)" "$merge" '{"status": {"VSOCKCID": null}}' >/dev/null
	stand_in virt-api
	apply "$(overlay write-as-self)"
	start_ready_controller --write-as=self
	await_mode takeover
	"$vmis" create reverted 2 e2e-a
	await_mode observe "VMIs in a row were put back by another component"
	await "the hold to be opened" hold_says off
	stand_in virt-controller
	stand_in kubelet
	await_running 3
	end_well
}

# Kubernetes reads ConfigMaps no more once hold had no binding (kubernetes/kubernetes#130887): who removes takeover and installs
# it again has to restart the API server in between, or hold lets all pass or none. Fine, too, where it is repaired.
it kube takeover_that_was_removed_works_again_after_a_restart_of_the_api_server
takeover_that_was_removed_works_again_after_a_restart_of_the_api_server() {
	own_server
	make_probes
	apply "$overlays/kubevirt"
	await_policies
	# shellcheck disable=SC2046 # no path has a blank
	delete $(takeover_objects)
	await "guard to be gone" guard_is off
	make_probes
	await "sticky to be gone" sticky_is off
	"$controlplane" stop "$server_dir"
	"$controlplane" start "$server_dir"
	apply "$overlays/kubevirt"
	await_policies
}
