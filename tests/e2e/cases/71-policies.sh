# The three admission policies by themselves: no way round them, what tenants can do, and what happens when one is edited.
# shellcheck shell=bash disable=SC2154,SC2119,SC2120

# path VERSION NAMESPACE [NAME]: of VMIs.
path() {
	echo "/apis/kubevirt.io/$1/namespaces/$2/virtualmachineinstances${3:+/$3}"
}

# vmi VERSION NAME STATUS: JSON.
vmi() {
	jq -nc --arg version "kubevirt.io/$1" --arg name "$2" --argjson status "$3" '{apiVersion: $version,
		kind: "VirtualMachineInstance", metadata: {name: $name}, spec: {domain: {devices: {autoattachVSOCK: true}}}} +
		if $status == null then {} else {status: $status} end'
}

# replaced VERSION NAME FILTER: the stored object, changed by a jq program, as a PUT wants it.
replaced() {
	api GET "$(path "$1" e2e-a "$2")" | jq -c "$3"
}

# No controller and no KubeVirt: what the policies do alone, with the hold closed.
policies_alone() {
	begin
	apply "$overlays/kubevirt"
	await_policies
}

# tried METHOD VERSION NAME BODY [TYPE]: as an account whose word virt-api takes.
tried() {
	as_user "$trusted" "$1" "$(path "$2" e2e-a "$3")" "$4" "${5-application/json}"
}

it kube guard_lets_nobody_create_a_vmi_with_a_cid_in_any_version
guard_lets_nobody_create_a_vmi_with_a_cid_in_any_version() {
	local version cid
	policies_alone
	for version in v1 v1alpha3; do
		for cid in 0 2 4242 4294967295; do
			as_user '' POST "$(path "$version" e2e-a)" "$(vmi "$version" seeded "{\"VSOCKCID\": $cid}")"
			answered 422 "status.VSOCKCID is assigned by vsock-cid-controller"
		done
		as_user '' POST "$(path "$version" e2e-a)" \
			"$(vmi "$version" seeded '{"VSOCKCID": 4242}' | jq -c 'del(.metadata.name) | .metadata.generateName = "seeded-"')"
		answered 422 "status.VSOCKCID is assigned by vsock-cid-controller"
		as_user '' PATCH "$(path "$version" e2e-a seeded)?fieldManager=tenant&force=true" \
			"$(vmi "$version" seeded '{"VSOCKCID": 4242}')" application/apply-patch+yaml
		answered 422 "status.VSOCKCID is assigned by vsock-cid-controller"
		as_user '' POST "$(path "$version" e2e-a)" "$(vmi "$version" seeded '{"migrationState": {"sourceState":
			{"virtualMachineInstanceUID": "11111111-2222-3333-4444-555555555555"}}}')"
		answered 422 "status.migrationState cannot be set"
		as_user '' POST "$(path "$version" e2e-a)" "$(vmi "$version" "null-$version" '{"VSOCKCID": null}')"
		answered 201
		as_user '' POST "$(path "$version" e2e-a)" "$(vmi "$version" "plain-$version" null)"
		answered 201
	done
	is "VMIs" 4 "$("$vmis" list | wc -l)"
}

it kube hold_lets_no_vmi_start_without_a_valid_stored_cid_in_any_version
hold_lets_no_vmi_start_without_a_valid_stored_cid_in_any_version() {
	local version phase cid refused="status.VSOCKCID is not assigned yet"
	policies_alone
	for version in v1 v1alpha3; do
		as_user '' POST "$(path "$version" e2e-a)" "$(vmi "$version" "$version" '{"phase": "Scheduling"}')"
		answered 201
		for phase in Scheduled Running; do
			tried PATCH "$version" "$version" "{\"status\": {\"phase\": \"$phase\"}}" "$merge"
			answered 422 "$refused"
			tried PATCH "$version" "$version" "{\"status\": {\"phase\": \"$phase\", \"VSOCKCID\": 4242}}" "$merge"
			answered 422 "$refused"
			tried PATCH "$version" "$version" "[{\"op\": \"replace\", \"path\": \"/status/phase\", \"value\": \"$phase\"}]" \
				"$json_patch"
			answered 422 "$refused"
			tried PUT "$version" "$version" "$(replaced "$version" "$version" ".status = {phase: \"$phase\", VSOCKCID: 4242}")"
			answered 422 "$refused"
		done
		for cid in 0 2 4294967295; do
			tried PATCH "$version" "$version" "{\"status\": {\"VSOCKCID\": $cid}}" "$merge"
			answered 200
			tried PATCH "$version" "$version" '{"status": {"phase": "Scheduled"}}' "$merge"
			answered 422 "$refused"
			tried PATCH "$version" "$version" '{"status": {"phase": "Scheduled", "VSOCKCID": 4242}}' "$merge"
			answered 422 "$refused"
		done
		tried PATCH "$version" "$version" '{"status": {"VSOCKCID": 4242}}' "$merge"
		answered 200
		tried PATCH "$version" "$version" '{"status": {"phase": "Scheduled"}}' "$merge"
		answered 200
	done
}

it kube hold_goes_by_phase_past_and_configmap_and_by_nothing_else
hold_goes_by_phase_past_and_configmap_and_by_nothing_else() {
	local status cid number=0 refused="status.VSOCKCID is not assigned yet"
	policies_alone
	for status in null '{}' '{"phase": ""}' '{"phase": "Pending"}' '{"phase": "Scheduling"}' '{"phase": "WaitingForSync"}' \
		'{"phase": "Pending", "phaseTransitionTimestamps": [{"phase": "Pending", "phaseTransitionTimestamp": "2026-01-01T00:00:00Z"}]}'; do
		((++number))
		as_user '' POST "$(path v1 e2e-a)" "$(vmi v1 "early-$number" "$status")"
		answered 201
		tried PATCH v1 "early-$number" '{"status": {"phase": "Scheduled"}}' "$merge"
		answered 422 "$refused"
		# What is not the start passes.
		tried PATCH v1 "early-$number" '{"status": {"phase": "Failed"}}' "$merge"
		answered 200
	done
	for cid in 3 4294967294; do
		as_user '' POST "$(path v1 e2e-a)" "$(vmi v1 "with-$cid" null)"
		tried PATCH v1 "with-$cid" "{\"status\": {\"phase\": \"Scheduling\", \"VSOCKCID\": $cid}}" "$merge"
		tried PATCH v1 "with-$cid" '{"status": {"phase": "Scheduled"}}' "$merge"
		answered 200
	done
	api PATCH "$hold_path" "$merge" '{"data": {"hold": null, "other": "on"}}' >/dev/null
	await "the hold to be open" starts_without_a_cid
	as_user '' POST "$(path v1 e2e-a)" "$(vmi v1 fallen null)"
	tried PATCH v1 fallen '{"status": {"phase": "Scheduled", "phaseTransitionTimestamps":
		[{"phase": "Scheduled", "phaseTransitionTimestamp": "2026-01-01T00:00:00Z"}]}}' "$merge"
	tried PATCH v1 fallen '{"status": {"phase": "WaitingForSync"}}' "$merge"
	answered 200
	api PATCH "$hold_path" "$merge" '{"data": {"hold": "on"}}' >/dev/null
	as_user '' POST "$(path v1 e2e-a)" "$(vmi v1 late '{"phase": "Scheduling"}')"
	await "the hold to be closed" starts_not late
	# It has no CID, and never will; nobody keeps it.
	tried PATCH v1 fallen '{"status": {"phase": "Scheduled"}}' "$merge"
	answered 200
}

starts_not() {
	tried PATCH v1 "$1" '{"status": {"phase": "Scheduled"}}' "$merge"
	[[ $code == 422 ]] || {
		tried PATCH v1 "$1" '{"status": {"phase": "Scheduling"}}' "$merge"
		return 1
	}
}

it kube sticky_lets_a_bad_cid_be_replaced_before_the_start
sticky_lets_a_bad_cid_be_replaced_before_the_start() {
	local phase cid
	policies_alone
	for phase in '' Pending Scheduling WaitingForSync; do
		as_user '' POST "$(path v1 e2e-a)" "$(vmi v1 "vmi${phase,,}" null)"
		tried PATCH v1 "vmi${phase,,}" "{\"status\": {\"phase\": \"$phase\", \"VSOCKCID\": 70000}}" "$merge"
		for cid in 4242 5 null; do
			tried PATCH v1 "vmi${phase,,}" "{\"status\": {\"VSOCKCID\": $cid}}" "$merge"
			answered 200
			is "CID of vmi${phase,,}" "${cid/null/-}" "$(cid_of e2e-a "vmi${phase,,}")"
		done
	done
}

# A CID that a VMI has started with is still there after this request, which is answered with 200.
in_vain() {
	tried "$@"
	answered 200
	is "CID in the answer to $*" 4242 "$(jq .status.VSOCKCID <<<"$answer")"
	is "CID after $*" 4242 "$(cid_of e2e-a "${3%%\?*}")"
}

it kube sticky_keeps_the_cid_of_a_started_vmi_against_any_write_in_any_version
sticky_keeps_the_cid_of_a_started_vmi_against_any_write_in_any_version() {
	local version phase name put
	policies_alone
	for version in v1 v1alpha3; do
		for phase in Scheduled Running Succeeded Unknown; do
			name=$version-${phase,,}
			as_user '' POST "$(path "$version" e2e-a)" "$(vmi "$version" "$name" null)"
			tried PATCH "$version" "$name" '{"status": {"phase": "Scheduling", "VSOCKCID": 4242}}' "$merge"
			# In the very write that makes it start, as virt-controller does.
			in_vain PATCH "$version" "$name" "{\"status\": {\"phase\": \"$phase\", \"VSOCKCID\": 99, \"phaseTransitionTimestamps\":
				[{\"phase\": \"Scheduled\", \"phaseTransitionTimestamp\": \"2026-01-01T00:00:00Z\"}]}}" "$merge"
			in_vain PATCH "$version" "$name" '{"status": {"VSOCKCID": 99}}' "$merge"
			in_vain PATCH "$version" "$name" '{"status": {"VSOCKCID": null}}' "$merge"
			in_vain PATCH "$version" "$name" '[{"op": "replace", "path": "/status/VSOCKCID", "value": 99}]' "$json_patch"
			in_vain PATCH "$version" "$name" '[{"op": "remove", "path": "/status/VSOCKCID"}]' "$json_patch"
			for put in '.status.VSOCKCID = 99' 'del(.status.VSOCKCID)'; do
				in_vain PUT "$version" "$name" "$(replaced "$version" "$name" "$put")"
			done
			in_vain PATCH "$version" "$name?fieldManager=other&force=true" \
				"$(vmi "$version" "$name" '{"VSOCKCID": 99}')" application/apply-patch+yaml
			# It has fallen back, as a target of a migration may.
			in_vain PATCH "$version" "$name" '{"status": {"phase": "WaitingForSync", "VSOCKCID": 99}}' "$merge"
			in_vain PATCH "$version" "$name" '{"status": {"VSOCKCID": 99}}' "$merge"
		done
		for put in 'del(.status)' '.status = {}' '.status = null'; do
			in_vain PUT "$version" "$version-scheduled" "$(replaced "$version" "$version-scheduled" "$put")"
			tried PATCH "$version" "$version-scheduled" '{"status": {"phase": "Scheduled"}}' "$merge"
		done
		in_vain PATCH "$version" "$version-running" '{"status": null}' "$merge"
		in_vain PATCH "$version" "$version-succeeded" '[{"op": "remove", "path": "/status"}]' "$json_patch"
	done
}

it kube sticky_keeps_no_reserved_cid_in_the_write_that_starts_a_vmi
sticky_keeps_no_reserved_cid_in_the_write_that_starts_a_vmi() {
	local version cid
	policies_alone
	api PATCH "$hold_path" "$merge" '{"data": {"hold": "off"}}' >/dev/null
	await "the hold to be open" starts_without_a_cid
	for version in v1 v1alpha3; do
		for cid in 0 1 2 4294967295; do
			as_user '' POST "$(path "$version" e2e-a)" "$(vmi "$version" "$version-$cid" null)"
			tried PATCH "$version" "$version-$cid" "{\"status\": {\"phase\": \"Scheduling\", \"VSOCKCID\": $cid}}" "$merge"
			tried PATCH "$version" "$version-$cid" '{"status": {"phase": "Scheduled", "VSOCKCID": 4242}}' "$merge"
			in_vain PATCH "$version" "$version-$cid" "{\"status\": {\"VSOCKCID\": $cid}}" "$merge"
		done
	done
}

starts_without_a_cid() {
	as_user '' POST "$(path v1 e2e-a)" "$(vmi v1 free '{"phase": "Scheduling"}')"
	[[ $code == 201 || $code == 409 ]] || fail "$code $answer"
	tried PATCH v1 free '{"status": {"phase": "Scheduled"}}' "$merge"
	[[ $code == 200 ]]
}

# edit_policy KIND NAME JSON-PATCH
edit_policy() {
	as_user '' PATCH "/apis/admissionregistration.k8s.io/v1/$1/vsock-cid-controller-$2" "$3" "$json_patch"
	answered 200
}

# put_back KIND NAME OBJECT: its spec as it was. kubectl apply would not do: it leaves what somebody else has added.
put_back() {
	local path=/apis/admissionregistration.k8s.io/v1/$1/vsock-cid-controller-$2
	as_user '' GET "$path"
	if [[ $code == 200 ]]; then
		as_user '' PUT "$path" "$(jq -c --argjson was "$3" '.spec = $was.spec' <<<"$answer")"
		answered 200
	else
		as_user '' POST "${path%/*}" "$(jq -c '.metadata = {name: .metadata.name, labels: .metadata.labels}' <<<"$3")"
		answered 201
	fi
}

# spoiled KIND NAME JSON-PATCH|delete: it is not takeover any more, says which it is, and is again when that is put back.
spoiled() {
	local kind words was
	as_user '' GET "/apis/admissionregistration.k8s.io/v1/$1/vsock-cid-controller-$2"
	was=$answer
	kind=$(jq -r .kind <<<"$was")
	if [[ $3 == delete ]]; then
		delete "/apis/admissionregistration.k8s.io/v1/$1/vsock-cid-controller-$2"
		words="is not installed"
	else
		edit_policy "$@"
		words="is not the one of this version"
	fi
	await_mode coexist "$kind vsock-cid-controller-$2 $words"
	await_metric kubevirt_vsock_policies_in_force 0
	await "the hold to be opened" hold_says off
	await_metric kubevirt_vsock_holding_status 0
	put_back "$1" "$2" "$was"
	await_mode takeover "the three admission policies are in force"
	await_metric kubevirt_vsock_policies_in_force 1
	await "the hold to be closed" hold_says on
	await_metric kubevirt_vsock_holding_status 1
	echo "$kind $2: $3" >>"$folder/spoiled"
}

it kube a_policy_that_was_edited_or_deleted_ends_takeover_until_it_is_put_back
a_policy_that_was_edited_or_deleted_ends_takeover_until_it_is_put_back() {
	local vap=validatingadmissionpolicies map=mutatingadmissionpolicies name
	begin
	apply "$overlays/kubevirt"
	start_ready_controller
	await_mode takeover "the three admission policies are in force"
	await "the hold to be closed" hold_says on
	for name in guard hold; do
		spoiled ${vap%ies}ybindings $name '[{"op": "replace", "path": "/spec/validationActions", "value": ["Warn"]}]'
		spoiled $vap $name '[{"op": "replace", "path": "/spec/failurePolicy", "value": "Ignore"}]'
		spoiled ${vap%ies}ybindings $name delete
		spoiled $vap $name delete
	done
	spoiled ${vap%ies}ybindings hold '[{"op": "replace", "path": "/spec/paramRef/namespace", "value": "e2e-a"}]'
	spoiled ${vap%ies}ybindings guard '[{"op": "add", "path": "/spec/matchResources",
		"value": {"namespaceSelector": {"matchLabels": {"vsock": "yes"}}}}]'
	spoiled $vap hold '[{"op": "add", "path": "/spec/matchConstraints/namespaceSelector/matchLabels", "value": {"vsock": "yes"}}]'
	spoiled $vap hold '[{"op": "replace", "path": "/spec/validations/0/expression", "value": "true"}]'
	spoiled $map sticky '[{"op": "replace", "path": "/spec/matchConstraints/matchPolicy", "value": "Exact"}]'
	spoiled $map sticky '[{"op": "add", "path": "/spec/matchConditions/-", "value": {"name": "never", "expression": "false"}}]'
	spoiled $map sticky delete
	spoiled ${map%ies}ybindings sticky delete
	saw "$(wc -l <"$folder/spoiled") ways, told and healed"
	edit_policy ${vap%ies}ybindings hold '[{"op": "replace", "path": "/spec/validationActions", "value": ["Deny", "Audit"]}]'
	edit_policy ${vap%ies}ybindings guard '[{"op": "replace", "path": "/spec/validationActions", "value": ["Audit", "Deny"]}]'
	# These two are fine, or it would not be takeover at the end of this one.
	spoiled $map sticky '[{"op": "replace", "path": "/spec/reinvocationPolicy", "value": "Never"}]'
	end_well
}
