# Two replicas: who leads, who stands by, and what happens to the Lease.
# shellcheck shell=bash disable=SC2154,SC2119,SC2120

# start_replica NAME [OPTION]...: ready, whoever leads.
start_replica() {
	local name=$1
	shift
	as "$name" start_controller --identity "$name" "$@"
	await "replica $name to be ready" as "$name" ready
}

# Replica a leads, replica b stands by.
start_two() {
	start_replica a "$@"
	await "a to lead" as a metric_is kubevirt_vsock_leading_status 1
	start_replica b "$@"
	as b is_leading no
}

# is_leading yes|no: by /leader and by the metric.
is_leading() {
	local want=false gauge=0
	[[ $1 == no ]] || want=true gauge=1
	[[ $(get /leader | jq -r .apiserver.leader) == "$want" ]] && metric_is kubevirt_vsock_leading_status "$gauge"
}

holder() {
	api GET "$lease_path" | jq -r '.spec.holderIdentity // ""'
}

holder_is() {
	[[ $(holder) == "$1" ]]
}

edit_lease() {
	api PATCH "$lease_path" "$merge" "$1" >/dev/null
}

# new_vmi_is_served NAME WHEN: says how long it took from now on.
new_vmi_is_served() {
	local since=${EPOCHREALTIME/./} what=$2
	"$vmis" create "$1" 1 e2e-a
	await "VMI $1 to be served" has_cid e2e-a "$1-1"
	saw "$what: first CID after $(((${EPOCHREALTIME/./} - since) / 1000)) ms"
}

# Every CID of a VMI whose name begins with $1 lies in the stripe of term $2.
in_stripe() {
	"$vmis" list | while read -r _ name _ _ _ cid; do
		[[ $name != "$1"-* ]] || is "stripe of CID $cid" $(($2 % 32768)) $((cid % 32768))
	done
}

lease_events() {
	api GET /api/v1/namespaces/kubevirt/events | jq -r --arg message "$1" \
		'[.items[] | select(.involvedObject.kind == "Lease" and .reason == "LeaderElection" and .message == $message)] | length'
}

has_lease_event() {
	(($(lease_events "$1") > 0))
}

end_replica() {
	as "$1" stop_controller
	is "exit status of $1" 0 "$(as "$1" echo_status)"
}

echo_status() {
	echo "$exit_status"
}

ends_with_failure() {
	as "$1" await_end
	is "exit status of $1" 1 "$(as "$1" echo_status)"
	as "$1" log_has "$2" || fail "$1 does not say: $2"
}

it both the_standby_knows_everything_and_writes_nothing
the_standby_knows_everything_and_writes_nothing() {
	"$vmis" create --phase Running --cid 95000 twin 2 e2e-a e2e-b # for events
	start_two
	"$vmis" create many 50 "${namespaces[@]}"
	await "all to be served" all_served
	await "the standby to have seen it" as b metric_is kubevirt_vsock_cids_in_use 51
	await "the leader's event" has_event e2e-a twin-1 DuplicateVSOCKCID
	is "holder of the Lease" a "$(holder)"
	await "the event about the leader" has_lease_event "a became leader"
	as b is_leading no || fail "the standby says that it leads"
	as b get /readyz | tee "$folder/readyz"
	grep -q 'standby, a leads' "$folder/readyz" || fail "it does not say who leads"
	if [[ $server == kube ]]; then
		tail -c "+$((audit_start + 1))" "$server_dir/audit.log" | jq -r 'select(.userAgent | test("^vsock-cid-controller/.* \\(b\\)$")) |
			"\(.verb) \(.objectRef.resource // "-")"' | sort | uniq -c >"$folder/requests"
		is "writes of the standby" 0 "$(grep -cvE ' (get|list|watch) ' "$folder/requests" || true)"
		is "requests of the standby" true "$([[ -s $folder/requests ]] && echo true)"
	fi
	end_replica b
	is "holder after the standby's end" a "$(holder)"
	end_replica a
	is "holder after the leader's end" "" "$(holder)"
}

it both a_clean_end_of_the_leader_costs_a_moment
a_clean_end_of_the_leader_costs_a_moment() {
	local term
	start_two
	new_vmi_is_served first "a leads"
	term=$(term_of_lease)
	end_replica a
	new_vmi_is_served second "after SIGTERM of a"
	is "term" $((term + 1)) "$(term_of_lease)"
	is "holder" b "$(holder)"
	in_stripe first "$term"
	in_stripe second $((term + 1))
	await "the event about the new leader" has_lease_event "b became leader"
	has_lease_event "a stopped leading" || fail "no event about the end of a"
	end_replica b
	audit_is_clean 2
}

it both who_leads_is_told_without_a_kubevirt_too
who_leads_is_told_without_a_kubevirt_too() {
	start_two
	api DELETE "$kubevirt_path/kubevirt" >/dev/null
	await "a to have seen it" as a log_has 'there is no KubeVirt CR'
	await "b to have seen it" as b log_has 'there is no KubeVirt CR'
	end_replica a
	has_lease_event "a stopped leading" || fail "no event about the end of a"
	await "the event about the new leader" has_lease_event "b became leader"
	end_replica b
}

it both a_killed_leader_is_followed_when_its_lease_has_run_out
a_killed_leader_is_followed_when_its_lease_has_run_out() {
	local term
	start_two "${quick[@]}"
	new_vmi_is_served first "a leads"
	term=$(term_of_lease)
	as a stop_controller KILL
	new_vmi_is_served second "after SIGKILL of a, with a Lease of 3 s"
	is "term" $((term + 1)) "$(term_of_lease)"
	in_stripe second $((term + 1))
	end_replica b
	audit_is_clean 2
}

it both a_leader_that_stood_still_sends_nothing_any_more
a_leader_that_stood_still_sends_nothing_any_more() {
	local stopped resumed
	start_two "${quick[@]}"
	new_vmi_is_served first "a leads"
	stopped=$(as a echo_pid)
	kill -STOP "$stopped"
	new_vmi_is_served second "while a stands still"
	"$vmis" create third 5 "${namespaces[@]}"
	await "all to be served" all_served
	resumed=$(date -u +%Y-%m-%dT%H:%M:%S.%6NZ)
	kill -CONT "$stopped"
	ends_with_failure a 'leader election lost'
	if [[ $server == kube ]]; then
		is "requests of a after it went on" 0 "$(tail -c "+$((audit_start + 1))" "$server_dir/audit.log" |
			jq -r --arg since "$resumed" 'select((.userAgent | test("^vsock-cid-controller/.* \\(a\\)$")) and
				.requestReceivedTimestamp >= $since) | .verb' | wc -l)"
	fi
	is "holder" b "$(holder)"
	end_replica b
	audit_is_clean 7
}

echo_pid() {
	echo "$controller"
}

it both a_holder_that_was_edited_ends_the_leader
a_holder_that_was_edited_ends_the_leader() {
	local term
	start_two "${quick[@]}"
	term=$(term_of_lease)
	edit_lease '{"spec": {"holderIdentity": "b"}}'
	ends_with_failure a 'leader election lost'
	new_vmi_is_served one "after the holder was set to b"
	is "holder" b "$(holder)"
	is "term: by a write of its own" $((term + 1)) "$(term_of_lease)"
	in_stripe one $((term + 1))
	end_replica b
}

it apisim a_lease_that_is_lost_while_the_last_writes_are_awaited_is_a_failure
a_lease_that_is_lost_while_the_last_writes_are_awaited_is_a_failure() {
	start_replica a
	await "a to lead" as a is_leading yes
	fault '{"verb": "patch", "path": "/apis/kubevirt.io/"}' '{"stall": true}'
	"$vmis" create one 1 e2e-a
	await "a write in flight" write_is_stalled
	kill -TERM "$(as a echo_pid)"
	await "a to wait for it" as a log_has 'waiting for those in flight'
	edit_lease '{"spec": {"holderIdentity": "b"}}'
	ends_with_failure a 'leader election lost'
}

write_is_stalled() {
	(($(api GET /apisim/faults | jq '.[0].applied') == 1))
}

it both a_deleted_lease_ends_the_leader_and_begins_at_a_random_term
a_deleted_lease_ends_the_leader_and_begins_at_a_random_term() {
	start_two "${quick[@]}"
	api DELETE "$lease_path" >/dev/null
	ends_with_failure a 'leader election lost'
	new_vmi_is_served one "after the Lease was deleted"
	is "holder" b "$(holder)"
	(($(term_of_lease) < 1 << 30)) || fail "term $(term_of_lease)"
	saw "new term $(term_of_lease)"
	in_stripe one "$(term_of_lease)"
	end_replica b
}

it both a_lowered_term_is_followed_by_a_random_one_of_the_same_leader
a_lowered_term_is_followed_by_a_random_one_of_the_same_leader() {
	local term lowered
	start_two "${quick[@]}"
	term=$(term_of_lease)
	lowered=$((term > 0 ? term - 1 : 2147483647))
	edit_lease "{\"spec\": {\"leaseTransitions\": $lowered}}"
	await "another term" lease_term_is_not "$lowered"
	is "holder" a "$(holder)"
	term=$(term_of_lease)
	((term < 1 << 30)) || fail "term $term"
	await "a to draw from it" as a log_has "raised the term of the Lease .* to $term"
	new_vmi_is_served one "after the term was lowered"
	in_stripe one "$term"
	end_replica b
	end_replica a
}

lease_term_is_not() {
	(($(term_of_lease) != $1))
}

it apisim a_restored_server_ends_both_though_its_revisions_are_ahead
a_restored_server_ends_both_though_its_revisions_are_ahead() {
	local revision
	start_two "${quick[@]}"
	revision=$(api GET /apisim/stats | jq .revision)
	new_vmi_is_served lost "before the restore"
	await "a renewal" revision_is_beyond $((revision + 5))
	api POST "/apisim/rollback?to=$revision" >/dev/null || true # it drops all connections
	api POST "/apisim/revision?skip=100000" >/dev/null
	ends_with_failure a 'gone back in time'
	ends_with_failure b 'gone back in time'
}

revision_is_beyond() {
	(($(api GET /apisim/stats | jq .revision) > $1))
}

it both what_others_write_into_the_lease_stays
what_others_write_into_the_lease_stays() {
	start_replica a "${quick[@]}"
	await "a to lead" as a is_leading yes
	edit_lease '{"metadata": {"labels": {"team": "x"}, "annotations": {"note": "y"}}}'
	edit_lease '{"spec": {"leaseTransitions": 41}}'
	api GET "$lease_path" | jq -r .metadata.resourceVersion >"$folder/version"
	await "a renewal after it" lease_moved_on
	is "label and annotation" "x y" "$(api GET "$lease_path" | jq -r '"\(.metadata.labels.team) \(.metadata.annotations.note)"')"
	end_replica a
	edit_lease '{"metadata": {"labels": {"team": null}, "annotations": {"note": null}}}'
}

lease_moved_on() {
	[[ $(api GET "$lease_path" | jq -r .metadata.resourceVersion) != "$(cat "$folder/version")" ]]
}

it both an_update_of_three_replicas_leaves_nobody_unserved
an_update_of_three_replicas_leaves_nobody_unserved() {
	local creating
	start_two
	"$vmis" create --in-flight 2 rolling 300 "${namespaces[@]}" &
	creating=$!
	start_replica c
	end_replica a
	start_replica d
	end_replica b
	wait "$creating" || fail "not all could be created"
	await "all to be served" all_served
	audit_is_clean 300
	end_replica c
	end_replica d
}

it both in_the_smallest_range_the_term_is_raised_before_a_stripe_is_full
in_the_smallest_range_the_term_is_raised_before_a_stripe_is_full() {
	local term cid
	start_replica a --cid-min 3 --cid-max 1048578
	await "a to lead" as a is_leading yes
	"$vmis" create --in-flight 8 small 200 "${namespaces[@]}"
	await "all to be served" all_served
	declare -A own=()
	for term in $(as a raised_terms); do
		own[$((term % 32768))]=1
	done
	for cid in $(all_cids); do
		[[ ${own[$((cid % 32768))]-} ]] || fail "CID $cid is of no term that was raised"
	done
	((${#own[@]} >= 200 / 32)) || fail "only ${#own[@]} terms for 200 CIDs"
	saw "200 CIDs in ${#own[@]} stripes of 32"
	end_replica a
}

raised_terms() {
	sed -nE 's/.*raised the term of the Lease [^ ]* to ([0-9]+).*/\1/p' "$controller_log"
}
