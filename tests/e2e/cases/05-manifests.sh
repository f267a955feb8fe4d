# Every variant of the manifests on a server that has nothing of ours: it applies whole, fits together, and goes without a trace.
# shellcheck shell=bash disable=SC2034,SC2154,SC2119,SC2120

# What each variant is made of, "NAME RESOURCE COMPONENT...", below manifests/. All overlays, and each component on what it is for.
variants_136() {
	cat <<-END_OF_LIST
		base base
		observe overlays/observe
		kubevirt overlays/kubevirt
		openshift overlays/openshift
		dev overlays/dev
		base-network base network-policy
		base-classic base classic-impersonation
		base-self base write-as-self
		observe-monitored overlays/observe monitoring
		kubevirt-monitored overlays/kubevirt monitoring
		kubevirt-classic overlays/kubevirt classic-impersonation
		kubevirt-self-anywhere overlays/kubevirt write-as-self any-node monitoring
	END_OF_LIST
}

variants_134() {
	cat <<-END_OF_LIST
		kubevirt-v1beta1 overlays/kubevirt-v1beta1
		kubevirt-v1beta1-monitored overlays/kubevirt-v1beta1 monitoring
		takeover-v1beta1 base takeover takeover-v1beta1 classic-impersonation
		observe overlays/observe
		base-classic base classic-impersonation
	END_OF_LIST
}

# ours [LABEL]: all there is of ours on the server, whatever its kind, "KIND NAMESPACE/NAME" a line: by its name, or by LABEL. Events
# are let out: they go by themselves.
ours() {
	local kinds
	kinds=$(kubectl api-resources --verbs=list -o name | grep -vE '^(events|endpoints|componentstatuses)(\.|$)' | paste -sd,)
	kubectl get "$kinds" --all-namespaces --ignore-not-found -o json ${1:+-l "$1"} | jq -r --arg by "${1-}" '.items[]? |
		select($by != "" or (.metadata.name | startswith("vsock-cid-controller"))) |
		"\(.kind) \(.metadata.namespace // "-")/\(.metadata.name)"' | sort
}

nothing_is_left() {
	yields "what is left" "" ours
	yields "what is left with our label" "" ours app.kubernetes.io/part-of=vsock-cid-controller
}

# yields WHAT EXPECTED COMMAND...: unlike is, fails where COMMAND does.
yields() {
	local actual
	actual=$("${@:3}")
	is "$1" "$2" "$actual"
}

# objects_in FILE: as one JSON list.
objects_in() {
	kubectl create --dry-run=client --validate=false -o json -f "$1" | jq -sS '{items: map(.items? // [.]) | add}'
}

# render FOLDER TO: TO.yaml and TO.json.
render() {
	kubectl kustomize "$1" >"$2.yaml"
	objects_in "$2.yaml" >"$2.json"
	is "objects in the JSON of $1" "$(grep -c '^kind: ' "$2.yaml")" "$(jq '.items | length' "$2.json")"
}

ids() {
	jq -r '.items[] | "\(.kind) \(.metadata.namespace // "-")/\(.metadata.name)"' "$1" | sort
}

twice() {
	ids "$1" | uniq -d
}

stored() {
	kubectl get -f "$1.yaml" -o json | jq '{items: (.items? // [.])}' >"$1.stored"
}

# holds_all RENDERED STORED: nothing that was asked for is missing from what the server keeps, or different in it. Prints what is.
holds_all() {
	jq -rn --slurpfile asked "$1" --slurpfile have "$2" '
		def id: "\(.kind) \(.metadata.namespace // "-")/\(.metadata.name)";
		def missing($have; $path):
			if type == "object" and ($have | type) == "object" then
				to_entries[] | .key as $key | .value | missing($have[$key]; $path + [$key])
			elif type == "array" and ($have | type) == "array" and length == ($have | length) then
				to_entries[] | .key as $key | .value | missing($have[$key]; $path + [$key])
			elif . == $have then empty
			else "\($path | map(tostring) | join(".")): \(.) became \($have)" end;
		($have[0].items | map({(id): .}) | add) as $by_id | $asked[0].items[] | id as $id | missing($by_id[$id]; [$id])'
}

# What does not fit together in a variant, a line each: who is bound and to what, which pods are meant, where hold looks.
misfits() {
	jq -r --arg namespace "$2" '
		.items as $all | def there($kind; $name): any($all[]; .kind == $kind and .metadata.name == $name);
		($all[] | select(.kind == "Deployment") | .spec.template) as $pod |
		def selects: to_entries | all(.[]; $pod.metadata.labels[.key] == .value);
		$all[] | "\(.kind) \(.metadata.name)" as $id |
		(select(.kind | endswith("RoleBinding")) |
			(select(there(.roleRef.kind; .roleRef.name) | not) | "\($id): no such role"),
			(select(.kind == "RoleBinding" and .metadata.namespace != $namespace) | "\($id): is elsewhere"),
			(.subjects[] | select(.kind != "ServiceAccount" or .namespace != $namespace or (there(.kind; .name) | not)) |
				"\($id): no such account: \(.)")),
		(select(.kind == "Deployment") |
			(select(there("ServiceAccount"; .spec.template.spec.serviceAccountName) | not) | "\($id): no such account"),
			(select(.spec.selector.matchLabels | selects | not) | "\($id): selects no pod of its own")),
		(select(.kind == "PodDisruptionBudget") | select(.spec.selector.matchLabels | selects | not) | "\($id): selects no pod"),
		(select(.kind == "NetworkPolicy") | select(.spec.podSelector.matchLabels | selects | not) | "\($id): selects no pod"),
		(select(.kind | endswith("AdmissionPolicyBinding")) |
			(select(there(.kind | sub("Binding$"; ""); .spec.policyName) | not) | "\($id): no such policy"),
			(.spec.paramRef | values | select(.namespace != $namespace or (there("ConfigMap"; .name) | not)) | "\($id): no such \(.)")),
		(select(.kind == "PrometheusRule") | .spec.groups[].rules[] | select((.labels.namespace // $namespace) != $namespace) |
			"\($id): \(.alert) names another namespace"),
		(select(.metadata.labels["app.kubernetes.io/part-of"] != "vsock-cid-controller") | "\($id): is not labelled as ours"),
		(select(.metadata.labels["app.kubernetes.io/managed-by"]) | "\($id): virt-operator would delete it"),
		(select((.metadata.namespace // $namespace) != $namespace) | "\($id): is in \(.metadata.namespace)")' "$1"
}

applied_versions() {
	jq -r '.items[] | "\(.kind)/\(.metadata.name) \(.metadata.uid) \(.metadata.resourceVersion) \(.metadata.generation // "-")"' "$1"
}

# variant_comes_and_goes NAME FOLDER [NAMESPACE]: from nothing, and back to nothing.
variant_comes_and_goes() {
	local name=$1 from=$2 namespace=${3:-kubevirt} as=$folder/$1
	[[ $name != openshift ]] || namespace=openshift-cnv
	render "$from" "$as"
	yields "objects of $name that are there twice" "" twice "$as.json"
	kubectl apply --server-side --field-manager=e2e-manifests --validate=strict -k "$from" >"$as.apply" 2>&1 ||
		fail "$name does not apply: $(cat "$as.apply")"
	is "what $name applied" "$(jq '.items | length' "$as.json")" "$(grep -c ' serverside-applied$' "$as.apply")"
	# That v1beta1 goes one day is known.
	is "what was said besides of $name" "" "$(grep -vE ' serverside-applied$|v1beta1 MutatingAdmissionPolicy.* is deprecated' "$as.apply" || true)"
	yields "what is there of $name" "$(ids "$as.json")" ours
	stored "$as"
	yields "what the server has not kept of $name" "" holds_all "$as.json" "$as.stored"
	yields "misfits of $name" "" misfits "$as.stored" "$namespace"
	applied_versions "$as.stored" >"$as.before"
	kubectl apply --server-side --field-manager=e2e-manifests --validate=strict -k "$from" >"$as.apply" 2>&1
	stored "$as"
	yields "versions of $name after a second apply" "$(cat "$as.before")" applied_versions "$as.stored"
	kubectl delete -k "$from" >"$as.delete" 2>&1 || fail "$name does not go: $(cat "$as.delete")"
	nothing_is_left
	saw "$name: $(wc -l <"$as.before") objects"
}

# What overlays name that is neither Kubernetes' nor KubeVirt's.
addons() {
	kubectl apply -f "$here/../controlplane/crds/addons" >/dev/null
	kubectl wait --for=condition=Established --timeout="${patience}s" crd/prometheusrules.monitoring.coreos.com >/dev/null
	kubectl create namespace openshift-cnv >/dev/null
}

# all_come_and_go VARIANTS
all_come_and_go() {
	local words from
	addons
	while read -ra words; do
		from=$here/../../manifests/${words[1]}
		((${#words[@]} == 2)) || from=$(overlay_of "$from" "${words[@]:2}")
		variant_comes_and_goes "${words[0]}" "$from"
	done <<<"$1"
}

# The overlay of one's own that manifests/installing.md shows, beside the folder manifests in FOLDER; prints its folder.
overlay_of_ones_own() {
	local to=$1/overlay-of-ones-own
	mkdir "$to"
	ln -s "$(realpath "$1/manifests")" "$to/manifests"
	awk '/^```yaml$/ { block = 1; next } /^```$/ { block = 0 } block' "$1/manifests/installing.md" >"$to/kustomization.yaml"
	echo "$to"
}

bare_server() {
	installation=()
	own_server "$@"
	nothing_is_left
}

it kube every_variant_of_the_manifests_applies_whole_and_goes_without_a_trace
every_variant_of_the_manifests_applies_whole_and_goes_without_a_trace() {
	bare_server
	all_come_and_go "$(variants_136)"
	ln -s "$(realpath "$manifests/..")" "$folder/manifests"
	variant_comes_and_goes own "$(overlay_of_ones_own "$folder")"
	is "the image" registry.example/vsock-cid-controller:v1 "$(image_of "$folder/own.yaml")"
}

image_of() {
	sed -nE 's/^ +image: //p' "$1"
}

# The command by which tests/contributing.md puts a release's image into its manifests.
release_command() {
	sed -nE 's/^ +\$ (sed .*manifests\/base\/.*)$/\1/p' "$here/../contributing.md"
}

# After a release the image has another name in base. Whoever names one gets that one all the same, and who names none the release's.
it kube in_the_manifests_of_a_release_everybody_gets_the_image_that_is_named_last
in_the_manifests_of_a_release_everybody_gets_the_image_that_is_named_last() {
	local released command overlay expected to=$folder/release
	released=reg.example/v/vsock-cid-controller@sha256:$(sha256sum <<<x | cut -d' ' -f1)
	mkdir "$to"
	cp -r "$manifests/.." "$to/manifests"
	command=$(release_command)
	command=${command/REGISTRY\/vsock-cid-controller/${released%@*}}
	(cd "$to" && bash -euc "${command/sha256:DIGEST/${released#*@}}")
	for overlay in "$to"/manifests/overlays/*/ "$(overlay_of_ones_own "$to")"; do
		case $(basename "$overlay") in
		dev) expected=vsock-cid-controller:dev ;;
		overlay-of-ones-own) expected=registry.example/vsock-cid-controller:v1 ;;
		*) expected=$released ;;
		esac
		kubectl kustomize "$overlay" >"$folder/rendered.yaml"
		is "the image of $(basename "$overlay")" "$expected" "$(image_of "$folder/rendered.yaml")"
	done
}

it kube134 every_variant_for_kubernetes_1_34_applies_whole_and_goes_without_a_trace
every_variant_for_kubernetes_1_34_applies_whole_and_goes_without_a_trace() {
	bare_server "${beta_policies[@]}"
	all_come_and_go "$(variants_134)"
}

it kube no_overlay_and_no_component_is_left_out_of_tests_and_readme
no_overlay_and_no_component_is_left_out_of_tests_and_readme() {
	local path name variants
	variants=$(variants_136 && variants_134)
	for path in "$overlays"/*/ "$components"/*/; do
		name=$(basename "$(dirname "$path")")/$(basename "$path")
		grep -qF "| \`$name\` |" "$manifests/../README.md" || fail "manifests/README.md does not list $name"
		grep -qwE -- "$name|${name#components/}" <<<"$variants" || fail "no variant has $name"
	done
}

# What needs the Prometheus operator is refused without it, by name, and all else of the overlay is there; the recommended install
# does not need it.
it kube without_the_prometheus_operator_kubevirt_applies_and_of_monitoring_only_the_rules_are_refused
without_the_prometheus_operator_kubevirt_applies_and_of_monitoring_only_the_rules_are_refused() {
	local from all
	bare_server
	apply "$overlays/kubevirt"
	all=$({ ours && echo "ConfigMap kubevirt/vsock-cid-controller-dashboard"; } | sort)
	from=$(overlay_of "$overlays/kubevirt" monitoring)
	! kubectl apply --server-side -k "$from" >"$folder/refused" 2>&1 || fail "rules could be applied"
	grep 'no matches for kind "PrometheusRule"' "$folder/refused" || fail "it does not say why: $(cat "$folder/refused")"
	yields "what is there" "$all" ours
	! kubectl delete -k "$from" >"$folder/deleted" 2>&1 || fail "deleting says nothing of the rules"
	nothing_is_left
}

# overlay_elsewhere NAMESPACE: the copy of overlays/openshift that manifests/installing.md tells of; prints its folder.
overlay_elsewhere() {
	local to=$folder/elsewhere
	mkdir "$to"
	cp -r "$manifests/.." "$to/manifests"
	cp -r "$to/manifests/overlays/openshift" "$to/manifests/overlays/$1"
	sed -i "s/namespace: openshift-cnv/namespace: $1/; /^components:\$/,/^  - /d" "$to/manifests/overlays/$1/kustomization.yaml"
	echo "$to/manifests/overlays/$1"
}

it kube without_the_prometheus_operator_a_copy_of_openshift_applies_in_another_namespace
without_the_prometheus_operator_a_copy_of_openshift_applies_in_another_namespace() {
	bare_server
	kubectl create namespace virt >/dev/null
	variant_comes_and_goes elsewhere "$(overlay_elsewhere virt)" virt
}

# KubeVirt is in openshift-cnv there: the rights are where they are needed and nowhere else, and a controller with them takes over.
it kube the_overlay_for_openshift_takes_over_in_its_namespace
the_overlay_for_openshift_takes_over_in_its_namespace() {
	local us=system:serviceaccount:openshift-cnv:vsock-cid-controller options
	bare_server
	api DELETE "$kubevirt_path/kubevirt" >/dev/null
	addons
	apply "$overlays/openshift"
	may patch configmaps/vsock-cid-controller-hold --namespace openshift-cnv
	may update leases.coordination.k8s.io/vsock-cid-controller --namespace openshift-cnv
	may watch virtualmachineinstances.kubevirt.io --all-namespaces
	may_not patch configmaps/vsock-cid-controller-hold --namespace kubevirt
	is "may act as KubeVirt's account there" true "$(may_act_as kubevirt-synchronization-controller)"
	kubectl get deployment -n openshift-cnv vsock-cid-controller -o json | jq -e '.spec.template |
		.metadata.annotations["openshift.io/required-scc"] == "restricted-v2" and
		([.. | objects | select(has("runAsUser") or has("fsGroup") or has("seLinuxOptions"))] == [])' >/dev/null ||
		fail "the SCC restricted-v2 would not let it in"
	kubectl apply -f - >/dev/null <<-END
		apiVersion: kubevirt.io/v1
		kind: KubeVirt
		metadata: {namespace: openshift-cnv, name: kubevirt-hyperconverged}
		spec: {configuration: {developerConfiguration: {featureGates: [VSOCK]}}}
	END
	kubectl create clusterrolebinding --clusterrole=kubevirt-synchronization-controller \
		--serviceaccount=openshift-cnv:kubevirt-synchronization-controller kubevirt-is-in-openshift-cnv
	deployed "${kubevirt_path/namespaces\/kubevirt/namespaces\/openshift-cnv}/kubevirt-hyperconverged"
	"$controlplane" token "$server_dir" openshift-cnv vsock-cid-controller >"$server_dir/sa.token"
	mapfile -t options < <(arguments "$overlays/openshift")
	start_ready_controller "${options[@]}"
	await_mode takeover
	hold_path=${hold_path/namespaces\/kubevirt/namespaces\/openshift-cnv}
	await "the hold to be closed" hold_says on
	"$vmis" create one 5 "${namespaces[@]}"
	await "all to be served" all_served
	audit_is_clean 5
	end_well
}

# One node is enough, an image that no registry has, and nothing keeps the node from being drained.
it kube the_overlay_for_developers_fits_a_cluster_of_one_node
the_overlay_for_developers_fits_a_cluster_of_one_node() {
	local options
	render "$overlays/dev" "$folder/dev"
	jq -e '.items as $all | .items[] | select(.kind == "Deployment").spec |
		.replicas == 1 and (.template.spec | .priorityClassName == null and
			.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution == null and
			.affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution == null and
			(.containers[0] | .image == "vsock-cid-controller:dev" and .imagePullPolicy == "Never" and
				(.args | contains(["--log-level=debug"])))) and
		all($all[]; .kind != "PodDisruptionBudget")' "$folder/dev.json" >/dev/null || fail "$(cat "$folder/dev.yaml")"
	mapfile -t options < <(jq -r '.items[] | select(.kind == "Deployment").spec.template.spec.containers[0].args[]' "$folder/dev.json")
	"$program" "${options[@]}" --version || fail "the program does not take ${options[*]}"
}
