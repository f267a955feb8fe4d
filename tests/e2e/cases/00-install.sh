# What kubectl apply -k manifests/base makes, and what its ServiceAccount may and may not do.
# shellcheck shell=bash disable=SC2154,SC2119,SC2120

# The versions of all that the manifests make.
versions() {
	kubectl get -k "$manifests" -o json | jq -r '.items[] | "\(.kind)/\(.metadata.name) \(.metadata.resourceVersion)"'
}

it kube the_manifests_apply_and_apply_again_without_a_change
the_manifests_apply_and_apply_again_without_a_change() {
	local before
	before=$(versions)
	[[ $before == *Deployment/vsock-cid-controller* ]] || fail "no Deployment in: $before"
	kubectl apply --server-side --validate=strict -k "$manifests"
	is "versions after a second apply" "$before" "$(versions)"
	kubectl apply --dry-run=server -k "$manifests"
	saw "$(wc -l <<<"$before") objects"
}

it kube the_manifests_take_nothing_but_their_own_namespace
the_manifests_take_nothing_but_their_own_namespace() {
	kubectl get -k "$manifests" -o json | jq -r '.items[] | "\(.kind) \(.metadata.namespace // "-")"' >"$folder/objects"
	! grep -vE '^(ClusterRole|ClusterRoleBinding) -$|^(ServiceAccount|Role|RoleBinding|ConfigMap|Deployment|NetworkPolicy|PodDisruptionBudget) kubevirt$' \
		"$folder/objects" || fail "unexpected objects"
	kubectl get -k "$manifests" -o json >"$folder/all"
	! grep -E 'app.kubernetes.io/managed-by' "$folder/all" || fail "virt-operator would delete it"
}

# may|may_not VERB RESOURCE [OPTION]...: as the ServiceAccount.
may() {
	is "may $*" yes "$(kubectl auth can-i "$@" --as "$us" 2>/dev/null)"
}

may_not() {
	is "may $*" no "$(kubectl auth can-i "$@" --as "$us" 2>/dev/null || true)"
}

# may_act_as SERVICEACCOUNT: what kubectl auth can-i cannot ask, as the resource is in no discovery.
may_act_as() {
	api POST /apis/authorization.k8s.io/v1/subjectaccessreviews application/json "$(jq -nc --arg name "$1" --arg us "$us" '{
		apiVersion: "authorization.k8s.io/v1", kind: "SubjectAccessReview",
		spec: {user: $us, resourceAttributes: {
			namespace: ($us / ":")[2], verb: "impersonate:serviceaccount", group: "authentication.k8s.io",
			resource: "serviceaccounts", name: $name}}}')" | jq .status.allowed
}

it kube the_service_account_may_do_what_it_needs_and_nothing_else
the_service_account_may_do_what_it_needs_and_nothing_else() {
	local verb
	for verb in get list watch impersonate-on:serviceaccount:patch; do
		may "$verb" virtualmachineinstances.kubevirt.io --all-namespaces
	done
	for verb in create update patch delete deletecollection impersonate-on:serviceaccount:update; do
		may_not "$verb" virtualmachineinstances.kubevirt.io --namespace e2e-a
	done
	may list kubevirts.kubevirt.io --all-namespaces
	for verb in patch update create delete; do
		may_not "$verb" kubevirts.kubevirt.io --namespace kubevirt
	done
	for verb in get list create patch delete; do
		may_not "$verb" secrets --namespace kubevirt
		may_not "$verb" pods --namespace kubevirt
	done
	for verb in get list watch update; do
		may "$verb" leases.coordination.k8s.io/vsock-cid-controller --namespace kubevirt
	done
	may_not watch leases.coordination.k8s.io --namespace kubevirt
	may_not update leases.coordination.k8s.io/virt-controller --namespace kubevirt
	may_not create leases.coordination.k8s.io --namespace e2e-a
	may_not delete leases.coordination.k8s.io --namespace kubevirt
	may_not impersonate serviceaccounts --namespace kubevirt
	is "may act as it" true "$(may_act_as kubevirt-synchronization-controller)"
	is "may act as another" false "$(may_act_as kubevirt-controller)"
	for verb in get list watch; do
		may "$verb" configmaps/vsock-cid-controller --namespace kubevirt
	done
	may_not patch configmaps/vsock-cid-controller --namespace kubevirt
	may_not patch configmaps/vsock-cid-controller-hold --namespace kubevirt
	may_not get configmaps --namespace kubevirt
	may_not escalate clusterroles.rbac.authorization.k8s.io
	may_not list namespaces
	may_not list nodes
}

it kube every_request_of_the_controller_is_allowed
every_request_of_the_controller_is_allowed() {
	"$vmis" create --phase Running --cid 95000 twin 2 e2e-a e2e-b # for an event
	start_ready_controller
	"$vmis" create one 5 "${namespaces[@]}"
	await "all to be served" all_served
	await "an event" has_event e2e-a twin-1 DuplicateVSOCKCID
	end_well
	tail -c "+$((audit_start + 1))" "$server_dir/audit.log" |
		jq -r 'select(.userAgent | startswith("vsock-cid-controller")) |
			"\(.user.username) \(.verb) \(.objectRef.resource // .requestURI) \(.responseStatus.code)"' | sort | uniq -c \
		>"$folder/requests"
	is "requests by anybody but the ServiceAccount" 0 \
		"$(grep -vc ' system:serviceaccount:kubevirt:vsock-cid-controller ' "$folder/requests" || true)"
	is "requests refused" 0 "$(grep -cE ' 40[13]$' "$folder/requests" || true)"
	sed 's/system:serviceaccount:kubevirt://' "$folder/requests" >>"$folder/saw"
}
