# Things that end in the middle: the controller, the API server, answers.
# shellcheck shell=bash disable=SC2154,SC2119,SC2120

# burst PREFIX COUNT IN-FLIGHT: created in the background; burst_done waits for it.
burst() {
	"$vmis" create --in-flight "$3" "$1" "$2" "${namespaces[@]}" &
	burst=$!
}

burst_done() {
	wait "$burst" || fail "not all could be created"
}

# No VMI was given a CID twice.
no_second_write() {
	patches_sent >"$folder/patches"
	is "VMIs written twice" "" "$(grep ' 200$' "$folder/patches" | sort | uniq -d)"
}

it both twenty_sigkills_during_a_burst_leave_one_cid_each
twenty_sigkills_during_a_burst_leave_one_cid_each() {
	local first='' last kill cid ms
	burst big 500 1
	for ((kill = 1; kill <= 20; kill++)); do
		start_controller --lease-duration 1s --renew-deadline 700ms --retry-period 200ms
		await_metric kubevirt_vsock_leading_status 1
		ms=$((RANDOM % 250))
		sleep "$(printf '0.%03d' "$ms")"
		stop_controller KILL
		[[ $first ]] || first=$(sed -nE 's/.*raised the term of the Lease [^ ]* to ([0-9]+).*/\1/p' "$controller_log")
	done
	start_ready_controller
	burst_done
	await "all to be served" all_served
	audit_is_clean 500
	await_agreement
	last=$(term_of_lease)
	saw "seed $seed, terms $first to $last"
	for cid in $(all_cids); do
		(((cid - first) % 32768 <= last - first)) || fail "CID $cid is of no term from $first to $last"
	done
	[[ $server != kube ]] || no_second_write
	end_well
}

it kube the_api_server_stops_and_starts_during_a_burst
the_api_server_stops_and_starts_during_a_burst() {
	restart_during_a_burst stop
}

it kube the_api_server_is_killed_and_starts_during_a_burst
the_api_server_is_killed_and_starts_during_a_burst() {
	restart_during_a_burst stop --kill
}

restart_during_a_burst() {
	start_ready_controller "${patient[@]}"
	burst big 300 4
	await "a third to be served" metric_is_at_least kubevirt_vsock_cids_in_use 100
	"$controlplane" "$@" "$server_dir"
	kill -0 "$controller" || fail "the controller has ended with the server"
	is_status /healthz 200 || fail "/healthz says $(status_of /healthz) while the API server is away"
	is_status /readyz 200 || fail "/readyz says $(status_of /readyz) while the API server is away"
	"$controlplane" start "$server_dir"
	burst_done
	await "all to be served" all_served
	audit_is_clean 300
	await_agreement
	no_second_write
	# Not end_well: a server that starts refuses everything until it knows its RBAC rules.
	stop_controller
	is "exit status" 0 "$exit_status"
}

it apisim the_api_server_goes_away_three_times_during_a_burst
the_api_server_goes_away_three_times_during_a_burst() {
	local time
	start_ready_controller
	burst big 3000 2
	for time in 100 700 1400; do
		await "$time to be served" metric_is_at_least kubevirt_vsock_cids_in_use "$time"
		api POST '/apisim/restart?ms=500' || true # all connections are cut, this one too
	done
	burst_done
	await "all to be served" all_served
	audit_is_clean 3000
	await_agreement
	end_well
}

it apisim answers_lost_after_the_write_do_not_lead_to_a_second_cid
answers_lost_after_the_write_do_not_lead_to_a_second_cid() {
	fault '{"verb": "patch", "path": "/apis/kubevirt.io", "userAgent": "vsock-cid-controller", "nth": 3}' '{"dropAfter": true}'
	start_ready_controller
	"$vmis" create lost 200 "${namespaces[@]}"
	await "all to be served" all_served
	audit_is_clean 200
	is "VMIs written a second time" 0 "$(api GET /apisim/stats |
		jq '[.writes | to_entries[] | select((.key | startswith("virtualmachineinstances/")) and .value > 2)] | length')"
	await_agreement
	saw "unknown outcomes: $(metric 'kubevirt_vsock_allocations_total{result="unknown"}')"
	end_well
}

it apisim storms_of_409_429_and_500_pass
storms_of_409_429_and_500_pass() {
	local status
	for status in 409 429 500 503; do
		fault '{"userAgent": "vsock-cid-controller", "probability": 0.04}' "{\"status\": $status, \"retryAfter\": 1}"
	done
	start_controller
	"$vmis" create storm 50 "${namespaces[@]}"
	await "all to be served" all_served
	heal
	await "the controller to be ready" ready
	audit_is_clean 50
	await_agreement
	end_well
}

it apisim watches_that_end_and_a_forgotten_past_are_overcome
watches_that_end_and_a_forgotten_past_are_overcome() {
	local round
	start_ready_controller
	for round in 1 2 3 4; do
		"$vmis" create "round-$round" 20 "${namespaces[@]}"
		api POST "/apisim/watches/close?abrupt=$((round % 2))"
		((round < 3)) || api POST /apisim/compact
		"$vmis" delete "round-$round-1"
	done
	await "all to be served" all_served
	"$vmis" create last 20 "${namespaces[@]}"
	await "all to be served" all_served
	"$build/tests/e2e/audit" | tail -n 1 >>"$folder/saw"
	await_agreement
	end_well
}
