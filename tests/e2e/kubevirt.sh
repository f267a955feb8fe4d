# kubevirt.sh: what the tests of takeover, coexist and observe stand on: installations, the stand-ins for KubeVirt, and what is
# so with them. Sourced by run.sh after lib.sh. A test that calls begin leaves the server as it found it.
# shellcheck shell=bash disable=SC2034,SC2119,SC2120,SC2154

overlays=$here/../../manifests/overlays
components=$here/../../manifests/components
us=system:serviceaccount:kubevirt:vsock-cid-controller
# One of the accounts whose word about a VMI's status virt-api takes.
trusted=system:serviceaccount:kubevirt:kubevirt-synchronization-controller
hold_path=/api/v1/namespaces/kubevirt/configmaps/vsock-cid-controller-hold
json_patch=application/json-patch+json

# The stand-in for virt-controller gives CIDs from here on, we give lower ones.
first_foreign_cid=2147483648

# as_user USER METHOD PATH [BODY [TYPE]]: as admin where USER is "". Sets $code, and $answer to the body.
as_user() {
	local user=$1 method=$2 path=$3 body=${4-} type=${5-application/json}
	local args=(--silent --show-error --noproxy '*' --max-time 60 --cacert "$server_dir/pki/ca.crt"
		--header "@$server_dir/pki/admin.header" --request "$method" --output "$folder/answer" --write-out '%{http_code}')
	[[ ! $user ]] || args+=(--header "Impersonate-User: $user")
	[[ ! $body ]] || args+=(--header "Content-Type: $type" --data-binary "$body")
	: >"$folder/answer"
	code=$(curl "${args[@]}" "$APISERVER_URL$path")
	answer=$(<"$folder/answer")
}

# answered CODE [WORDS]: what as_user was told.
answered() {
	is "answer ($answer)" "$1" "$code"
	[[ $answer == *"${2-}"* ]] || fail "the answer does not say \"${2-}\": $answer"
}

# --- installations ----------------------------------------------------------------------------------------------------

# apply FOLDER: as the README says, and over what somebody has changed by hand.
apply() {
	kubectl apply --server-side --force-conflicts -k "$1" >"$folder/apply" 2>&1 || fail "$(cat "$folder/apply")"
}

# overlay COMPONENT...: prints a folder with the base and these.
overlay() {
	overlay_of "$manifests" "$@"
}

# overlay_of FOLDER COMPONENT...: prints a folder with that one and these.
overlay_of() {
	local to=$folder/overlay-${1##*/}-$2 component
	mkdir -p "$to"
	{
		printf 'apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources:\n'
		printf -- '- %s\ncomponents:\n' "$(realpath --relative-to="$to" "$1")"
		for component in "${@:2}"; do
			printf -- '- %s\n' "$(realpath --relative-to="$to" "$components/$component")"
		done
	} >"$to/kustomization.yaml"
	echo "$to"
}

# arguments FOLDER: those of the program in its Deployment, a line each.
arguments() {
	kubectl get -k "$1" -o json | jq -r '.items[] | select(.kind == "Deployment") |
		.spec.template.spec.containers[0].args[] | select(startswith("--port") | not)'
}

takeover_objects() {
	local kind
	echo "$hold_path"
	echo /apis/rbac.authorization.k8s.io/v1/namespaces/kubevirt/{roles,rolebindings}/vsock-cid-controller-{hold,impersonation}
	echo /apis/rbac.authorization.k8s.io/v1/{clusterroles,clusterrolebindings}/vsock-cid-controller-writes
	for kind in validatingadmissionpolicies validatingadmissionpolicybindings mutatingadmissionpolicies \
		mutatingadmissionpolicybindings; do
		echo /apis/admissionregistration.k8s.io/v1/"$kind"/vsock-cid-controller-{guard,hold,sticky}
	done
}

# delete PATH...: what there is of them.
delete() {
	local path
	for path; do
		as_user '' DELETE "$path"
		[[ $code == 200 || $code == 404 ]] || fail "DELETE $path: $code $answer"
	done
}

# Objects of VMIs that no component does anything about, to try policies on by requests that change nothing.
probes=/apis/kubevirt.io/v1/namespaces/e2e-e/virtualmachineinstances
make_probes() {
	local vmi='{"apiVersion": "kubevirt.io/v1", "kind": "VirtualMachineInstance", "metadata": {"name": "probe-hold"},
		"spec": {"domain": {"devices": {}}}, "status": {"phase": "WaitingForSync"}}'
	api POST "$probes" application/json "$vmi" >/dev/null
	api POST "$probes" application/json "$(jq -c '.metadata.name = "probe-sticky" |
		.status = {phase: "Failed", VSOCKCID: 5}' <<<"$vmi")" >/dev/null
}

guard_is() {
	as_user '' POST "$probes?dryRun=All" '{"apiVersion": "kubevirt.io/v1", "kind": "VirtualMachineInstance",
		"metadata": {"name": "probe-guard"}, "spec": {"domain": {"devices": {}}}, "status": {"VSOCKCID": 5}}'
	[[ $1 == on && $code == 422 && $answer == *"assigned by vsock-cid-controller"* || $1 == off && $code == 201 ]]
}

hold_is() {
	as_user "$trusted" PATCH "$probes/probe-hold?dryRun=All" \
		'{"spec": {"domain": {"devices": {"autoattachVSOCK": true}}}, "status": {"phase": "Scheduled"}}' "$merge"
	[[ $1 == on && $code == 422 && $answer == *"not assigned yet"* || $1 == off && $code == 200 ]]
}

sticky_is() {
	as_user "$trusted" PATCH "$probes/probe-sticky?dryRun=All" '{"status": {"VSOCKCID": 7}}' "$merge"
	[[ $code == 200 && $(jq .status.VSOCKCID <<<"$answer") == "$([[ $1 == on ]] && echo 5 || echo 7)" ]]
}

# The server needs a moment for what it was told about policies. Without a controller the hold is closed by hand.
await_policies() {
	[[ $controller ]] || api PATCH "$hold_path" "$merge" '{"data": {"hold": "on"}}' >/dev/null
	await "guard to be in force" guard_is on
	await "sticky to be in force" sticky_is on
	await "hold to be in force" hold_is on
	"$vmis" delete probe-
}

# --- the stand-ins ----------------------------------------------------------------------------------------------------

# Kubernetes never looks at ConfigMaps again once the last policy that goes by one had no binding for a second
# (kubernetes/kubernetes#130887), so that hold would work in one test only. This one keeps it looking, and does nothing else.
keep_parameters_alive() {
	kubectl apply --server-side -f - >/dev/null <<-END
		apiVersion: admissionregistration.k8s.io/v1
		kind: ValidatingAdmissionPolicy
		metadata: {name: e2e-keeps-parameters-alive}
		spec:
		  paramKind: {apiVersion: v1, kind: ConfigMap}
		  matchConstraints:
		    resourceRules: [{apiGroups: [e2e.invalid], apiVersions: [v1], operations: [CREATE], resources: [nothing]}]
		  validations: [{expression: "true"}]
		---
		apiVersion: admissionregistration.k8s.io/v1
		kind: ValidatingAdmissionPolicyBinding
		metadata: {name: e2e-keeps-parameters-alive}
		spec:
		  policyName: e2e-keeps-parameters-alive
		  paramRef: {selector: {}, parameterNotFoundAction: Allow}
		  validationActions: [Deny]
	END
}

# begin: first of all, before virt-api runs.
begin() {
	after=leave
	delete /api/v1/namespaces/kubevirt/events
	keep_parameters_alive
	make_probes
}

declare -A stand_ins=()

# stand_in NAME [OPTION]...: works when it returns, and ends with the test.
stand_in() {
	local name=$1
	shift
	rm -f "$folder/$name.ready"
	[[ $name != virt-controller ]] || set -- --min-cid "$first_foreign_cid" "$@"
	setpriv --pdeathsig KILL -- "$controlplane" kubevirt "$server_dir" "$name" --ready-file "$folder/$name.ready" "$@" \
		>>"$folder/kubevirt-$name.log" 2>&1 &
	stand_ins[$name]=$!
	await "$name to work" test -e "$folder/$name.ready"
}

# end_stand_in NAME [SIGNAL]
end_stand_in() {
	kill "-${2:-TERM}" "${stand_ins[$1]}"
	wait "${stand_ins[$1]}" || true
}

start_kubevirt() {
	stand_in virt-api
	stand_in virt-controller
	stand_in kubelet
}

# takeover [OPTION]...: all of it, with a controller that leads.
takeover() {
	begin
	apply "$overlays/kubevirt"
	start_ready_controller "$@"
	await_mode takeover
	await_metric kubevirt_vsock_holding_status 1
	await_policies
	start_kubevirt
}

# What takeover, its variants and KubeVirt have left, so that the next test finds a server without policies and webhooks.
leave() {
	local namespace
	wait 2>/dev/null
	controller=''
	delete /apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/virt-api-mutator \
		/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/virt-api-validator
	# shellcheck disable=SC2046 # no path has a blank
	delete $(takeover_objects)
	apply "$manifests"
	deployed "$kubevirt_path/kubevirt"
	await "guard and webhooks to be gone" guard_is off
	"$vmis" delete probe-
	make_probes
	await "sticky to be gone" sticky_is off
	"$vmis" patch --in-flight 32 '{"metadata": {"finalizers": null}}' ''
	"$vmis" delete --in-flight 32 ''
	for namespace in "${namespaces[@]}"; do
		delete "/api/v1/namespaces/$namespace/pods?gracePeriodSeconds=0"
	done
}

# own_server [FLAG...]: for what a test cannot do to the one that all share.
own_server() {
	after=end_own_server
	server_dir=$folder/server
	audit_start=0
	VSOCK_APISERVER_FLAGS=$* server_up
}

end_own_server() {
	wait 2>/dev/null
	"$controlplane" down "$server_dir"
}

# The two that switch mutating admission policies on in 1.34 and 1.35.
beta_policies=(--feature-gates=MutatingAdmissionPolicy=true --runtime-config=admissionregistration.k8s.io/v1beta1=true)

# --- what is so -------------------------------------------------------------------------------------------------------

mode_is() {
	metric_is "kubevirt_vsock_mode{mode=\"$1\"}" 1
}

# await_mode MODE [WORDS]: and it says why.
await_mode() {
	await "mode $1 (${2-})" says_mode "$@"
}

says_mode() {
	mode_is "$1" && [[ $(get /readyz) == *"mode $1: "*"${2-}"* ]]
}

mode_events() {
	api GET /api/v1/namespaces/kubevirt/events | jq -r --arg words "$1" '[.items[] | select(.involvedObject.kind == "KubeVirt" and
		.reason == "VSOCKCIDMode" and (.message | contains($words))) | .count // 1] | add // 0'
}

has_mode_event() {
	(($(mode_events "$1") > 0))
}

hold_says() {
	[[ $(api GET "$hold_path" | jq -r '.data.hold // "nothing"') == "$1" ]]
}

hold_version() {
	api GET "$hold_path" | jq -r .metadata.resourceVersion
}

# in_phase PHASE COUNT: so many VMIs that want vsock.
in_phase() {
	sleep 0.2
	[[ $("$vmis" list | awk -v phase="$1" '$4 == "yes" && $5 == phase' | wc -l) == "$2" ]]
}

await_running() {
	await "$1 VMIs to run" in_phase Running "$1"
}

# cids_of PREFIX: of all whose name begins so, a line each.
cids_of() {
	"$vmis" list | awk -v prefix="$1" 'index($2, prefix) == 1 { print $6 }'
}

# given_by us|kubevirt PREFIX COUNT: so many VMIs have that name, and a CID of that origin.
given_by() {
	is "CIDs of $2 given by $1" "$3" "$(cids_of "$2" | awk -v first="$first_foreign_cid" -v by="$1" \
		'$1 != "-" && ($1 < first) == (by == "us")' | wc -l)"
	is "VMIs named $2" "$3" "$(cids_of "$2" | wc -l)"
}

# message NAMESPACE NAME REASON: of the first event that tells so of the VMI.
message() {
	local uid
	uid=$(api GET "$(vmi_path "$1" "$2")" | jq -r .metadata.uid)
	api GET "/api/v1/namespaces/$1/events" | jq -r --arg uid "$uid" --arg reason "$3" \
		'[.items[] | select(.involvedObject.uid == $uid and .reason == $reason)][0].message // ""'
}

# says NAMESPACE NAME REASON WORDS: an event of the VMI.
says() {
	[[ $(message "$1" "$2" "$3") == *"$4"* ]]
}
