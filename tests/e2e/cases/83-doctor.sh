# kubectl vsock doctor: what it finds, and what it says where it cannot look.
# shellcheck shell=bash disable=SC2034,SC2154,SC2119,SC2120

it kube the_plugin_checks_what_safety_rests_on
the_plugin_checks_what_safety_rests_on() {
	api POST /api/v1/nodes application/json '{"metadata": {"name": "old"}}' >/dev/null
	api PATCH /api/v1/nodes/old/status "$merge" \
		'{"status": {"nodeInfo": {"containerRuntimeVersion": "containerd://1.6.8"}}}' >/dev/null
	after="api DELETE /api/v1/nodes/old"
	start_ready_controller
	"$vmis" create some 1 e2e-a
	await "it to be served" all_served
	is "exit status" 1 "$(status_after vsock doctor -o json)"
	is "the old node" bad "$(jq -r '.checks[] | select(.message | startswith("old: ")).verdict' "$folder/out")"
	is "the leader" ok "$(jq -r '.checks[] | select(.check == "leader").verdict' "$folder/out")"
	is "the last write" ok "$(jq -r '.checks[] | select(.check == "last write").verdict' "$folder/out")"
	is "the policies" bad "$(jq -r '.checks[] | select(.check == "policies").verdict' "$folder/out")"
	! vsock doctor | grep -q $'\033' || fail "colours where there is no terminal"
	end_well
}

# checked CHECK: its verdict, after doctor -o json.
checked() {
	jq -r --arg check "$1" '.checks[] | select(.check == $check).verdict' "$folder/out"
}

it apisim the_doctor_says_by_its_exit_status_where_it_could_not_look
the_doctor_says_by_its_exit_status_where_it_could_not_look() {
	fault '{"path": "/api", "userAgent": "kubectl-vsock"}' '{"status": 403}'
	is "exit status" 2 "$(status_after vsock doctor -o json)"
	is "what is bad" 0 "$(jq '[.checks[] | select(.verdict == "bad")] | length' "$folder/out")"
	is "the gate" unknown "$(checked gate)"
	is "the policies" unknown "$(checked policies)"
	is "the leader" unknown "$(checked leader)"
	grep -q "could not be looked at" "$folder/err" || fail "$(cat "$folder/err")"
	heal
	is "exit status where something is bad besides" 1 "$(status_after vsock doctor -o json)"
}

it apisim the_doctor_goes_by_how_long_the_lease_lasts
the_doctor_goes_by_how_long_the_lease_lasts() {
	local renewed
	start_ready_controller "${patient[@]}"
	stop_controller KILL
	renewed=$(date -u -d '60 seconds ago' +%Y-%m-%dT%H:%M:%S.000000Z)
	api PATCH "$lease_path" "$merge" "{\"spec\": {\"renewTime\": \"$renewed\"}}" >/dev/null
	status_after vsock doctor -o json >/dev/null
	is "a Lease of 600 s, a minute after it was renewed" ok "$(checked leader)"
	api PATCH "$lease_path" "$merge" '{"spec": {"leaseDurationSeconds": 15}}' >/dev/null
	status_after vsock doctor -o json >/dev/null
	is "one of 15 s" bad "$(checked leader)"
}

it kube the_doctor_finds_an_observer_well
the_doctor_finds_an_observer_well() {
	local options
	begin
	delete "$lease_path"
	apply "$overlays/observe"
	kubectl patch deployment -n kubevirt vsock-cid-controller --subresource=status --type=merge \
		-p '{"status": {"replicas": 2, "readyReplicas": 2}}' >/dev/null
	mapfile -t options < <(arguments "$overlays/observe")
	start_controller "${options[@]}"
	await_mode observe "--mode=observe"
	is "exit status ($(vsock doctor))" 0 "$(status_after vsock doctor -o json)"
	is "the policies" ok "$(checked policies)"
	is "the leader" ok "$(checked leader)"
	is "the mode" ok "$(checked mode)"
	is "by what" arguments "$(vsock audit -o json | jq -r .cluster.controller.modeSource)"
	api PATCH /apis/apps/v1/namespaces/kubevirt/deployments/vsock-cid-controller/status "$merge" \
		'{"status": {"replicas": null, "readyReplicas": null}}' >/dev/null
	stop_controller
}

# tells_mode SECONDS WORDS: as an event of the controller, so long from now.
tells_mode() {
	local kubevirt
	kubevirt=$(api GET "$kubevirt_path/kubevirt" | jq -c '{kind: "KubeVirt", apiVersion: "kubevirt.io/v1", namespace: "kubevirt",
		name: "kubevirt", uid: .metadata.uid}')
	api POST /api/v1/namespaces/kubevirt/events application/json "$(jq -nc --argjson object "$kubevirt" --arg message "VSOCK CIDs: mode $2" \
		--arg time "$(date -u -d "$1 seconds" +%Y-%m-%dT%H:%M:%SZ)" --arg name "mode-$1" '{metadata: {name: $name}, involvedObject: $object,
		reason: "VSOCKCIDMode", type: "Normal", source: {component: "vsock-cid-controller"}, lastTimestamp: $time, message: $message}')" >/dev/null
	status_after vsock doctor -o json >/dev/null
}

it kube the_doctor_doubts_policies_that_the_controller_does_not_rely_on
the_doctor_doubts_policies_that_the_controller_does_not_rely_on() {
	begin
	apply "$overlays/kubevirt"
	api PATCH "$hold_path" "$merge" '{"data": {"hold": "on"}}' >/dev/null
	tells_mode 1 "takeover: the three admission policies are in force"
	is "in force" "ok ok" "$(checked policies) $(checked mode)"
	tells_mode 2 "coexist: the API server does not run them"
	is "stored, but not run" "bad ok" "$(checked policies) $(checked mode)"
	jq -r '.checks[].message' "$folder/out" | grep -qx "stored, but not relied on: the API server does not run them" || fail "$(cat "$folder/out")"
	tells_mode 3 "observe: the CIDs of 3 VMIs in a row were put back"
	is "a hold that nobody opens" "bad bad" "$(checked policies) $(checked mode)"
	jq -r '.checks[].message' "$folder/out" | grep -q "wait for one, and the controller only observes" || fail "$(cat "$folder/out")"
	is "the newest event, though others come behind it" observe "$(tells_mode 0 "coexist: before" && vsock audit -o json | jq -r .cluster.controller.mode)"
}

# pod NAME STATUS: one of the controller's, as its kubelet would have it; JSON.
pod() {
	kubectl create serviceaccount -n kubevirt default >/dev/null 2>&1 || true
	kubectl create -f - >/dev/null <<-END
		apiVersion: v1
		kind: Pod
		metadata: {name: $1, namespace: kubevirt, labels: {kubevirt.io: vsock-cid-controller}}
		spec:
		  automountServiceAccountToken: false
		  containers: [{name: vsock-cid-controller, image: vsock-cid-controller}]
	END
	kubectl patch pod -n kubevirt "$1" --subresource=status --type=merge -p "{\"status\": $2}" >/dev/null
}

# said NAME: what doctor -o json says of that pod.
said() {
	jq -r --arg name "$1" '.checks[] | select(.check == "pod" and (.message | startswith($name))) | "\(.verdict) \(.message)"' \
		"$folder/out"
}

# The API server connects to no pod whose address is a loopback one: this test runs in a network of its own, where lo has another.
it kube the_doctor_shows_what_each_pod_says_of_itself
the_doctor_shows_what_each_pod_says_of_itself() {
	local in_network='ip link set lo up && ip address add 192.0.2.1/32 dev lo'
	if [[ ! ${E2E_POD_NETWORK-} ]]; then
		unshare --map-root-user --net sh -c "$in_network" 2>"$folder/err" || skip "no network of its own: $(cat "$folder/err")"
		E2E_POD_NETWORK=yes unshare --map-root-user --net sh -c "$in_network && exec \"\$0\" \"\$@\"" \
			"$here/run.sh" "$build" kube "${FUNCNAME[0]}" >"$folder/nested" 2>&1 || fail "$(cat "$folder/nested")"
		saw "$(grep -o '192.0.2.1.*' "$folder/nested" || true)"
		return
	fi
	after=forget_settings
	settings '{"cid-min": "none"}'
	start_controller --listen 0.0.0.0 --port 8443
	await "the settings to be refused" log_has "is not in force, and no CID is given before"
	pod stuck '{"phase": "Running", "podIP": "192.0.2.1"}'
	pod gone '{"phase": "Running", "podIP": "192.0.2.99"}'
	pod pulling '{"phase": "Pending", "containerStatuses": [{"name": "vsock-cid-controller", "image": "x", "imageID": "", "ready": false,
		"restartCount": 0, "state": {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}}]}'
	status_after vsock doctor -o json >/dev/null
	[[ $(said stuck) == "bad stuck: not ready; [+]list"*"[-]settings not complete"* ]] || fail "$(said stuck)"
	saw "192.0.2.1: $(said stuck)"
	[[ $(said gone) == "unknown gone cannot be asked: "* ]] || fail "$(said gone)"
	is "one that does not run" "bad pulling: Pending, ImagePullBackOff: no such image" "$(said pulling)"
	settings '{}'
	await "it to be ready" ready
	await_metric kubevirt_vsock_leading_status 1
	status_after vsock doctor -o json >/dev/null
	is "one that is ready" "ok stuck: ready, leads" "$(said stuck)"
	is "who says which mode is in force" pod "$(vsock audit -o json | jq -r .cluster.controller.modeSource)"
	kubectl create serviceaccount -n e2e-a tenant >/dev/null
	is "exit status for who may nothing" 2 "$(status_after as_tenant doctor -o json)"
	is "what is bad then" 0 "$(jq '[.checks[] | select(.verdict == "bad")] | length' "$folder/out")"
	end_well
}

# as_tenant COMMAND...: as a ServiceAccount without rights.
as_tenant() {
	"$controlplane" token "$server_dir" e2e-a tenant >"$folder/tenant.token"
	sed "s|$folder/token|$folder/tenant.token|" "$folder/kubeconfig" >"$folder/tenant"
	KUBECONFIG=$folder/tenant vsock "$@"
}
