# Settings without a restart: ConfigMap vsock-cid-controller.
# shellcheck shell=bash disable=SC2034,SC2154,SC2119,SC2120

settings_path=/api/v1/namespaces/kubevirt/configmaps/vsock-cid-controller

# settings JSON: the data of the ConfigMap, "null": it is not there.
settings() {
	local body
	api DELETE "$settings_path" >/dev/null 2>&1 || true
	[[ $1 != null ]] || return 0
	body=$(jq -nc --argjson data "$1" '{apiVersion: "v1", kind: "ConfigMap",
		metadata: {namespace: "kubevirt", name: "vsock-cid-controller"}, data: $data}')
	api POST /api/v1/namespaces/kubevirt/configmaps application/json "$body" >/dev/null
}

# change JSON: merges it into the data.
change() {
	api PATCH "$settings_path" "$merge" "{\"data\": $1}" >/dev/null
}

# edit_settings SED-EXPRESSION: kubectl edit, with somebody at the editor who makes this change.
edit_settings() {
	printf '#!/bin/sh\nexec sed -i -E "%s" "%s1"\n' "$1" \$ >"$folder/editor"
	chmod +x "$folder/editor"
	KUBE_EDITOR=$folder/editor kubectl edit configmap vsock-cid-controller --namespace kubevirt
}

# Messages of the events about the ConfigMap as it is now, with this reason.
settings_events() {
	local uid
	uid=$(api GET "$settings_path" | jq -r .metadata.uid)
	api GET /api/v1/namespaces/kubevirt/events | jq -r --arg uid "$uid" --arg reason "$1" \
		'.items[] | select(.involvedObject.uid == $uid and .involvedObject.kind == "ConfigMap" and .reason == $reason) | .message'
}

has_settings_event() {
	settings_events "$1" | grep -qF -- "$2"
}

# none_outside MIN MAX PREFIX: of the CIDs of VMIs so named.
none_outside() {
	is "CIDs of $3 outside of $1-$2" "" \
		"$("$vmis" list | awk -v min="$1" -v max="$2" -v prefix="$3" 'index($2, prefix) == 1 && ($6 < min || $6 > max) { print $2, $6 }')"
}

# in_force WORDS: the controller says so.
in_force() {
	await "the settings to be in force: $1" log_has "in force from now on: $1"
}

it both the_configmap_changes_the_range_at_once_and_from_the_start
the_configmap_changes_the_range_at_once_and_from_the_start() {
	after='settings null'
	settings '{}'
	start_ready_controller
	change '{"cid-min": "1500000000", "cid-max": "1600000000"}'
	in_force "CIDs 1500000000-1600000000, quarantine 60000 ms, 16 writes in flight"
	"$vmis" create one 20 "${namespaces[@]}"
	await "all to be served" all_served
	none_outside 1500000000 1600000000 one-
	change '{"exclude-cids": "1500000000-1598000000\n1599000000", "quarantine": "5s", "writes-in-flight": "2"}'
	in_force "CIDs 1500000000-1600000000 without 98000002 excluded ones, quarantine 5000 ms, 2 writes in flight"
	"$vmis" create two 20 "${namespaces[@]}"
	await "all to be served" all_served
	none_outside 1598000001 1600000000 two-
	end_well
	"$vmis" create three 20 "${namespaces[@]}"
	start_ready_controller
	await "all to be served" all_served
	none_outside 1598000001 1600000000 three-
	settings null
	in_force "CIDs 3-2147483647, quarantine 60000 ms, 16 writes in flight"
	"$vmis" create four 20 "${namespaces[@]}"
	await "all to be served" all_served
	(($("$vmis" list | awk 'index($2, "four-") == 1 && ($6 < 1500000000 || $6 > 1600000000)' | wc -l) > 0)) ||
		fail "20 CIDs of the whole range are all in a twentieth of it"
	audit_is_clean 80
	end_well
}

it both what_has_started_keeps_its_cid_and_what_has_not_is_given_another_one
what_has_started_keeps_its_cid_and_what_has_not_is_given_another_one() {
	local before
	after='settings null'
	settings '{"cid-max": "10000000"}'
	start_ready_controller
	"$vmis" create live 10 "${namespaces[@]}"
	"$vmis" create young 10 "${namespaces[@]}"
	await "all to be served" all_served
	"$vmis" phase Scheduling live- young-
	"$vmis" phase Scheduled live-
	"$vmis" phase Running live-
	before=$("$vmis" list | awk '$2 ~ /^live-/ { print $2, $6 }' | sort)
	change '{"cid-min": "20000000", "cid-max": "30000000"}'
	in_force "CIDs 20000000-30000000"
	await_metric kubevirt_vsock_outside_range_vmis 10
	await "those that have not started to be served" none_left_of young-
	is "CIDs of those that run" "$before" "$("$vmis" list | awk '$2 ~ /^live-/ { print $2, $6 }' | sort)"
	await "it to be told" log_has 'which is excluded or outside of the configured range; it stays'
	none_outside 20000000 30000000 young-
	change '{"cid-min": "3"}'
	await_metric kubevirt_vsock_outside_range_vmis 0
	end_well
}

# none_left_of PREFIX: with a CID below the new range.
none_left_of() {
	[[ ! $("$vmis" list | awk -v prefix="$1" 'index($2, prefix) == 1 && ($6 == "-" || $6 < 20000000)') ]]
}

it both an_invalid_setting_is_refused_whole_with_an_event_that_names_it
an_invalid_setting_is_refused_whole_with_an_event_that_names_it() {
	after='settings null'
	settings '{"cid-min": "1000000", "cid-max": "9000000"}'
	start_ready_controller
	change '{"cid-min": "20000000", "cid-max": "many"}'
	await_metric kubevirt_vsock_settings_refused_status 1
	await "an event" has_settings_event InvalidVSOCKCIDSettings \
		"not in force, the settings stay as they are: cid-max: 'many' is not a number from 3 to 4294967294"
	"$vmis" create one 20 "${namespaces[@]}"
	await "all to be served" all_served
	none_outside 1000000 9000000 one-
	change '{"cid-max": "21000000"}'
	await "an event" has_settings_event InvalidVSOCKCIDSettings "cid-min 20000000 and cid-max 21000000: fewer than 1048576 CIDs"
	change '{"cid-max": "30000000", "cid_min": "7"}'
	await "an event" has_settings_event InvalidVSOCKCIDSettings "cid_min: there is no such setting"
	change '{"cid_min": null}'
	await_metric kubevirt_vsock_settings_refused_status 0
	await "an event" has_settings_event AppliedVSOCKCIDSettings "CIDs 20000000-30000000"
	"$vmis" create two 20 "${namespaces[@]}"
	await "all to be served" all_served
	none_outside 20000000 30000000 two-
	saw "$(settings_events InvalidVSOCKCIDSettings)"
	end_well
}

it both who_starts_while_the_settings_are_wrong_gives_no_cid_until_they_are_mended
who_starts_while_the_settings_are_wrong_gives_no_cid_until_they_are_mended() {
	after='settings null'
	settings '{"cluster-count": "4", "cluster-index": "three"}'
	"$vmis" create one 5 "${namespaces[@]}"
	start_controller
	await_metric kubevirt_vsock_leading_status 1
	await "an event" has_settings_event InvalidVSOCKCIDSettings \
		"not in force, and no CID is given before: cluster-index: 'three' is not a number from 0 to 4094"
	is "/readyz" 503 "$(status_of /readyz)"
	get /readyz | grep -qx "settings refused: cluster-index: 'three' is not a number from 0 to 4094" || fail "$(get /readyz)"
	await_metric kubevirt_vsock_waiting_vmis 5
	is "CIDs" "" "$(all_cids)"
	change '{"cluster-index": "3"}'
	await "all to be served" all_served
	none_outside 1610612736 2147483647 one-
	await "it to be ready" ready
	stop_controller
	is "exit status" 0 "$exit_status"
}

it both a_part_of_the_cids_for_each_cluster
a_part_of_the_cids_for_each_cluster() {
	after='settings null'
	settings '{"cluster-count": "2047", "cluster-index": "2046"}'
	start_ready_controller
	"$vmis" create one 20 "${namespaces[@]}"
	await "all to be served" all_served
	none_outside 2146434559 2147483647 one-
	change '{"cluster-count": "2048"}'
	await "an event" has_settings_event InvalidVSOCKCIDSettings "cluster-count 2048: fewer than 1048576 of the CIDs 3-2147483647"
	change '{"cluster-count": "2", "cluster-index": "0"}'
	in_force "CIDs 3-1073741824"
	"$vmis" create two 20 "${namespaces[@]}"
	await "all to be served" all_served
	none_outside 3 1073741824 two-
	end_well
}

# As the manifests make them.
restore_settings() {
	settings null
	kubectl apply --server-side --force-conflicts -k "$manifests" >/dev/null
}

it kube kubectl_edit_changes_the_settings_of_both_replicas
kubectl_edit_changes_the_settings_of_both_replicas() {
	local name
	after=restore_settings
	restore_settings
	for name in a b; do
		as "$name" start_controller --identity "$name" "${quick[@]}"
		as "$name" await "replica $name to be ready" ready
	done
	as a await_metric kubevirt_vsock_leading_status 1
	edit_settings 's/^metadata:$/data:\n  cid-max: \"9000000\"\n&/'
	for name in a b; do
		as "$name" in_force "CIDs 3-9000000"
	done
	await "an event" has_settings_event AppliedVSOCKCIDSettings "CIDs 3-9000000"
	is "events of what was applied" 1 "$(settings_events AppliedVSOCKCIDSettings | wc -l)"
	# Applying the manifests again leaves the settings alone.
	kubectl apply --server-side -k "$manifests" >/dev/null
	is "cid-max" 9000000 "$(kubectl get configmap -n kubevirt vsock-cid-controller -o jsonpath='{.data.cid-max}')"
	kubectl apply -k "$manifests" >/dev/null 2>&1
	is "cid-max" 9000000 "$(kubectl get configmap -n kubevirt vsock-cid-controller -o jsonpath='{.data.cid-max}')"
	edit_settings 's/cid-max: .*/cid-max: \"90\"/'
	for name in a b; do
		as "$name" await_metric kubevirt_vsock_settings_refused_status 1
	done
	await "an event" has_settings_event InvalidVSOCKCIDSettings "cid-min 3 and cid-max 90: fewer than"
	as a stop_controller
	as b await_metric kubevirt_vsock_leading_status 1
	await "the new leader to tell it too" told_by b
	"$vmis" create one 20 "${namespaces[@]}"
	await "all to be served" all_served
	none_outside 3 9000000 one-
	as b end_well
}

# told_by IDENTITY
told_by() {
	api GET /api/v1/namespaces/kubevirt/events | jq -e --arg who "$1" '[.items[] |
		select(.reason == "InvalidVSOCKCIDSettings" and .reportingInstance == $who)] | length > 0' >/dev/null
}

it kube a_cid_max_that_the_crd_does_not_take_is_refused_with_an_event
a_cid_max_that_the_crd_does_not_take_is_refused_with_an_event() {
	own_server
	cid_format int32
	settings '{}'
	start_ready_controller
	change '{"cid-max": "4294967294", "cid-min": "4200000000"}'
	await "an event" has_settings_event InvalidVSOCKCIDSettings \
		"cid-max: CIDs up to 4294967294 are more than the CRD of VMIs allows, 2147483647"
	"$vmis" create one 10 e2e-a
	await "all to be served" all_served
	none_outside 3 2147483647 one-
	cid_format int64
	change '{"cid-min": "4200000001"}'
	in_force "CIDs 4200000001-4294967294"
	"$vmis" create two 10 e2e-a
	await "all to be served" all_served
	none_outside 4200000001 4294967294 two-
	end_well
}

it kube who_may_not_read_the_configmap_goes_on_with_the_command_line
who_may_not_read_the_configmap_goes_on_with_the_command_line() {
	own_server
	settings '{"cid-min": "20000000"}'
	kubectl get role -n kubevirt vsock-cid-controller -o json |
		jq '.rules |= map(select(.resources != ["configmaps"]))' | kubectl replace -f - >/dev/null
	start_controller --cid-max 9000000
	await "it to go on without" log_has "ConfigMap kubevirt/vsock-cid-controller is not in force, .*: it may not be read"
	await_metric kubevirt_vsock_settings_refused_status 1
	await_metric kubevirt_vsock_leading_status 1
	"$vmis" create one 10 e2e-a
	await "all to be served" all_served
	none_outside 3 9000000 one-
	kubectl apply --server-side --force-conflicts -k "$manifests" >/dev/null
	await_metric kubevirt_vsock_settings_refused_status 1
	settings '{"cid-min": "5000000"}'
	in_force "CIDs 5000000-9000000"
	stop_controller
	is "exit status" 0 "$exit_status"
}

it both the_plugin_judges_by_the_settings_of_the_configmap
the_plugin_judges_by_the_settings_of_the_configmap() {
	after='settings null'
	settings '{"cid-max": "9000000"}'
	"$vmis" create --phase Running --cid 20000000 live 1 e2e-a
	is "exit status of an audit" 1 "$(status_after vsock audit -o json)"
	is "VMIs outside of the range" 1 "$(jq '[.findings[] | select(.finding == "outside")] | length' "$folder/out")"
	is "range" '3 9000000 ' "$(jq -r '"\(.cluster.range.min) \(.cluster.range.max) \(.cluster.range.configMapRefused)"' "$folder/out")"
	(vsock doctor -o json || true) | jq -r '.checks[] | "\(.verdict) \(.check) \(.message)"' >"$folder/doctor"
	grep -E '^ok +settings +CIDs 3-9000000, .* by ConfigMap' "$folder/doctor" || fail "$(cat "$folder/doctor")"
	change '{"cid-max": "x"}'
	(vsock doctor -o json || true) | jq -r '.checks[] | "\(.verdict) \(.check) \(.message)"' >"$folder/doctor"
	grep -E "^bad +settings +ConfigMap vsock-cid-controller is refused; who has older ones keeps them, .*: cid-max: 'x' is not" \
		"$folder/doctor" || fail "$(cat "$folder/doctor")"
	is "exit status of an audit" 0 "$(status_after vsock audit)"
	tr -s ' \n' ' ' <"$folder/out" | grep -F "but the ConfigMap vsock-cid-controller is refused: cid-max: 'x'" || fail "$(cat "$folder/out")"
}
