# conditions.sh: how each condition is brought about, and how it is removed. Sourced by e2e.sh; in the order in which they
# come. Everything is really done, to the real API server: nothing is pushed into Prometheus.
# shellcheck shell=bash disable=SC2154,SC2034

# The smallest range, so that a stripe has 32 CIDs; a Lease that no outage in here costs.
first_options=(--cid-min 3 --cid-max 1048578 --quarantine 1s "${patient[@]}")
# Fifty CIDs, and a Lease that is soon lost.
second_options=(--cid-min 3 --cid-max 1048578 --exclude-cids 3-1048528 --quarantine 1s --write-as=self "${quick[@]}")

# --- two replicas and nothing wrong -----------------------------------------------------------------------------------

nothing_more() {
	:
}

start_replicas() {
	await "replica a to be ready" is_ready a
	await "replica a to lead" leads a
	rm "$work/rest-b"
	await "replica b to be ready" is_ready b
	await "Prometheus to see both" replicas_are 2
	await "what it said before to clear" nothing_fires
}

replicas_are() {
	[[ $(value 'cluster:kubevirt_vsock_replicas:count') == "$1" ]]
}

# Over so many evaluations that everything with a condition would fire, nothing does. VMs come and go meanwhile.
quiet() {
	local from now
	await "Prometheus to see both" replicas_are 2
	await "the last alert to clear" nothing_fires
	from=$(evaluations)
	"$vmis" create quiet 10 "${namespaces[@]}"
	await "all to be served" all_served
	await "twenty evaluations" evaluated $((from + 20))
	nothing_but
	now=$(value 'count(count by (alertname) (count_over_time(ALERTS{alertstate="firing"}[15s]))) or vector(0)')
	is "alerts that fired within 15 s" 0 "$now"
	is "replicas" 2 "$(value 'cluster:kubevirt_vsock_replicas:count')"
	saw "$(value 'count({job="kubevirt-prometheus-metrics"})') series of $(value 'count(count by (pod) (kubevirt_vsock_build_info))') pods"
	"$vmis" delete quiet
	is "VMs that are left" "" "$("$vmis" list)"
	await "replica a to know that none is left" says_of a kubevirt_vsock_vmis 0
	await "replica b to know that none is left" says_of b kubevirt_vsock_vmis 0
}

nothing_fires() {
	firing >"$folder/firing" && [[ ! -s $folder/firing ]]
}

# --- the network of a standby stands still ----------------------------------------------------------------------------

stall_standby() {
	network stall
}

heal_standby() {
	network pass
}

# --- a ConfigMap that is wrong ----------------------------------------------------------------------------------------

settings=/api/v1/namespaces/kubevirt/configmaps

spoil_settings() {
	api DELETE "$settings/vsock-cid-controller" >/dev/null 2>&1 || true
	api POST "$settings" application/json '{"metadata": {"name": "vsock-cid-controller"}, "data": {"quarantine": "soon"}}' >/dev/null
}

mend_settings() {
	api PATCH "$settings/vsock-cid-controller" "$merge" '{"data": {"quarantine": null}}' >/dev/null
}

# --- no right to the Lease --------------------------------------------------------------------------------------------

role=/apis/rbac.authorization.k8s.io/v1/namespaces/kubevirt/roles/vsock-cid-controller

# take_right FILTER: leaves of the Role only the rules that jq's FILTER holds for.
take_right() {
	api GET "$role" >"$work/role"
	api PATCH "$role" "$merge" "$(jq -c "{rules: [.rules[] | select($1)]}" "$work/role")" >/dev/null
}

give_right_back() {
	api PATCH "$role" "$merge" "$(jq -c '{rules}' "$work/role")" >/dev/null
}

lease_is_refused() {
	of a && log_has 'leases.*(403|forbidden)'
}

# The stripe has 32 CIDs, and who may not raise the term gets no other.
starve() {
	take_right '.resources != ["leases"]'
	await "the Lease to be refused" lease_is_refused
	"$vmis" create starve 50 "${namespaces[@]}"
}

feed() {
	give_right_back
	await "all to be served" all_served
	"$vmis" delete starve
}

# --- no API server ----------------------------------------------------------------------------------------------------

stop_server() {
	"$controlplane" stop "$server_dir"
}

start_server() {
	"$controlplane" start "$server_dir"
}

# --- somebody else writes a CID ---------------------------------------------------------------------------------------

write_foreign_cid() {
	"$vmis" create taken 1 e2e-a
	await "it to be served" all_served
	"$vmis" phase Running taken
	api PATCH "$(vmi_path e2e-a taken-1)" "$merge" '{"status": {"VSOCKCID": 123456}}' >/dev/null
}

end_foreign_writes() {
	"$vmis" delete taken
}

# --- VMs that show what must not be -----------------------------------------------------------------------------------

make_findings() {
	"$vmis" create --phase Running --cid 90000 twin 2 e2e-a e2e-b
	"$vmis" create --phase Running --cid 90001 other-twin 2 e2e-a e2e-b
	"$vmis" create --phase Running --cid 90002 third-twin 2 e2e-a e2e-b
	"$vmis" create --phase Running --cid 2 odd 2 e2e-c
	"$vmis" create --phase Running missed 1 e2e-d
}

remove_findings() {
	"$vmis" delete twin other-twin third-twin odd missed
}

# --- takeover ---------------------------------------------------------------------------------------------------------

install_takeover() {
	api POST "$probes" application/json '{"apiVersion": "kubevirt.io/v1", "kind": "VirtualMachineInstance",
		"metadata": {"name": "probe-hold"}, "spec": {"domain": {"devices": {}}}, "status": {"phase": "WaitingForSync"}}' >/dev/null
	apply "$overlays/kubevirt"
	await "mode takeover" says_of a 'kubevirt_vsock_mode{mode="takeover"}' 1
	await "the hold to be closed" says_of a kubevirt_vsock_holding_status 1
	await "hold to be in force" hold_is on
	"$vmis" delete probe-
}

guard=/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies/vsock-cid-controller-guard

lose_a_policy() {
	delete "$guard"
}

install_the_policy_again() {
	apply "$overlays/kubevirt"
	await "mode takeover" says_of a 'kubevirt_vsock_mode{mode="takeover"}' 1
	await "the hold to be closed" says_of a kubevirt_vsock_holding_status 1
}

# Writes are refused while virt-controller may not schedule a VM without CID.
refuse_writes() {
	take_right '.apiGroups != ["authentication.k8s.io"]'
	await "a write to be refused" says_more_than a 'kubevirt_vsock_allocations_total{result="refused"}' 0
	as_user "$trusted" PATCH "$(vmi_path e2e-a "$("$vmis" list | awk '$6 == "-" { print $2; exit }')")" \
		'{"status": {"phase": "Scheduled"}}' "$merge"
	answered 422 "not assigned yet"
}

# For as long as $work/accepted is not there. Each VM is tried again ever later: in ten minutes there is always one, in ten
# seconds only if new ones come. Until the server has forgotten what it knows about impersonation (10 s), they are served.
keep_refusing() {
	local n=0
	folder=$work
	until [[ -e $work/accepted ]]; do
		n=$((n + 1))
		"$vmis" create "refused-$n" 1 e2e-a
		sleep 1
	done >"$work/refusing.log" 2>&1
	touch "$work/refused-all"
}

says_more_than() {
	local value
	of "$1" && value=$(metric "$2") && [[ $value ]] && ((value > $3))
}

accept_writes() {
	touch "$work/accepted"
	await "no more VMs to come" test -e "$work/refused-all"
	give_right_back
	await "all to be served" all_served
	"$vmis" delete refused
}

# --- replicas are away ------------------------------------------------------------------------------------------------

end_leader() {
	rest a
	await "replica b to lead" leads b
}

end_both() {
	rest a b
}

start_a() {
	work_again a
}

start_both() {
	work_again a b
}

# The other cause of an old view: there never was one.
blind_standby() {
	rest b
	network cut
	rm "$work/rest-b"
	await "replica b to serve metrics" says_of b 'kubevirt_vsock_cache_synced{resource="virtualmachineinstances"}' 0
}

# --- other options ----------------------------------------------------------------------------------------------------

# Without policies, as itself.
change_options() {
	rest a b
	# shellcheck disable=SC2046 # no path has a blank
	delete $(takeover_objects)
	apply "$(overlay write-as-self)"
	await "guard to be gone" guard_is off
	printf '%s\n' "${second_options[@]}" >"$work/options"
	work_again a b
	await "one of them to lead" one_leads
}

fill_range() {
	"$vmis" create filling 48 "${namespaces[@]}"
	await "all to be served" all_served
}

empty_range() {
	"$vmis" delete filling
}

lose_lease() {
	take_right '.resources != ["leases"]'
}

allow_lease() {
	give_right_back
	await "one of them to lead" one_leads
}

# KubeVirt's webhook puts back the status that we write as ourselves.
revert_writes() {
	await "virt-api to work" test -e "$work/virt-api.ready"
	"$vmis" create reverted 3 e2e-a
}

# For as long as the whole run takes.
run_virt_api() {
	exec setpriv --pdeathsig KILL -- "$controlplane" kubevirt "$server_dir" virt-api --ready-file "$work/virt-api.ready" \
		>"$work/kubevirt-virt-api.log" 2>&1
}

keep_writes() {
	delete /apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/virt-api-mutator \
		/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/virt-api-validator
	"$vmis" patch '{"metadata": {"finalizers": null}}' reverted # virt-api's
	"$vmis" delete reverted
}
