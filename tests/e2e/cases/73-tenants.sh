# What users of a namespace can do to CIDs while virt-api and virt-controller run: nothing.
# shellcheck shell=bash disable=SC2154,SC2119,SC2120

# A user who has KubeVirt's role edit in e2e-a.
let_tenant_in() {
	as_user '' POST /apis/rbac.authorization.k8s.io/v1/namespaces/e2e-a/rolebindings '{"metadata": {"name": "tenant"},
		"roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "kubevirt.io:edit"},
		"subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "tenant"}]}'
	[[ $code == 201 || $code == 409 ]] || fail "$code $answer"
	await "the tenant to be let in" tenant_may_list
}

tenant_may_list() {
	as_user tenant GET "$(path v1 e2e-a)"
	[[ $code == 200 ]]
}

it kube a_tenant_can_neither_choose_a_cid_nor_change_one
a_tenant_can_neither_choose_a_cid_nor_change_one() {
	local version cid
	takeover
	let_tenant_in
	follow_history
	for version in v1 v1alpha3; do
		as_user tenant POST "$(path "$version" e2e-a)" "$(vmi "$version" seeded '{"VSOCKCID": 4242}')"
		answered 422 "status.VSOCKCID is assigned by vsock-cid-controller"
		as_user tenant POST "$(path "$version" e2e-a)" \
			"$(vmi "$version" seeded '{"VSOCKCID": 4242}' | jq -c 'del(.metadata.name) | .metadata.generateName = "seeded-"')"
		answered 422 "status.VSOCKCID is assigned by vsock-cid-controller"
		as_user tenant POST "$(path "$version" e2e-a)" "$(vmi "$version" "plain-$version" null)"
		answered 201
	done
	await_running 2
	for version in v1 v1alpha3; do
		cid=$(cid_of e2e-a "plain-$version")
		as_user tenant PATCH "$(path "$version" e2e-a "plain-$version")" '{"status": {"VSOCKCID": 4242}}' "$merge"
		answered 200
		is "CID in the answer" "$cid" "$(jq .status.VSOCKCID <<<"$answer")"
		as_user tenant PATCH "$(path "$version" e2e-a "plain-$version")" '{"status": null}' "$merge"
		answered 200
		is "CID afterwards" "$cid" "$(cid_of e2e-a "plain-$version")"
	done
	audit_is_clean 2
	given_by us plain 2
	history_is_clean us
	end_well
}

it kube cids_that_tenants_seeded_before_the_install_are_replaced_before_the_start
cids_that_tenants_seeded_before_the_install_are_replaced_before_the_start() {
	local name cid
	begin
	stand_in virt-api
	stand_in virt-controller
	let_tenant_in
	for name in reserved-1:2 reserved-2:2 broadcast:4294967295 shared-1:70000 shared-2:70000 alone:80000; do
		as_user tenant POST "$(path v1 e2e-a)" "$(vmi v1 "seeded-${name%:*}" "{\"VSOCKCID\": ${name#*:}}")"
		answered 201
	done
	await "their pods" in_phase Scheduling 6
	# Now it believes what it sees.
	end_stand_in virt-controller
	stand_in virt-controller
	follow_history
	apply "$overlays/kubevirt"
	start_ready_controller
	await_mode takeover
	await_policies
	await_metric kubevirt_vsock_waiting_vmis 0
	stand_in kubelet
	await_running 6
	audit_is_clean 6
	for name in $(cids_of seeded); do
		[[ $name != 2 && $name != 4294967295 ]] || fail "CID $name is still there"
	done
	is "CID that was valid and nobody else's" 80000 "$(cid_of e2e-a seeded-alone)"
	is "VMIs that kept the shared one" 1 "$(cids_of seeded | grep -cx 70000)"
	history_is_clean us
	end_well
}

# KubeVirt keeps what a VMI's creator has put into its status, and hold lets through who was Scheduled before.
it kube a_tenant_cannot_get_past_the_hold_by_a_forged_past
a_tenant_cannot_get_past_the_hold_by_a_forged_past() {
	local version phase past
	takeover
	let_tenant_in
	follow_history
	for version in v1 v1alpha3; do
		for phase in Pending Scheduled Running; do
			past="{\"phase\": \"$phase\", \"phaseTransitionTimestamps\": [
				{\"phase\": \"$phase\", \"phaseTransitionTimestamp\": \"2026-01-01T00:00:00Z\"}]}"
			as_user tenant POST "$(path "$version" e2e-a)" "$(vmi "$version" "past-${phase,,}-$version" "$past")"
			if [[ $phase == Scheduled ]]; then
				answered 422 "status.phaseTransitionTimestamps cannot say Scheduled"
			else
				answered 201
			fi
		done
	done
	await_running 4
	given_by us past 4
	history_is_clean us
	end_well
}
