# faults.sh: what is done to the replicas, and what must come of it. Sourced by run.sh. Whether a CID was ever given twice
# is for the auditor.
# shellcheck shell=bash disable=SC2154,SC2034

faults_short() {
	run "5 times SIGKILL, Lease of 3 s" end_leaders KILL 5
	run "2 times SIGTERM, Lease of 3 s" end_leaders TERM 2
	run "stopped for 5 s, then resumed" pause_leader 5
	run "what the leader sends is held for 2.5 s" isolate_leader hold 2.5
	run "the leader's network stalls for 4 s" isolate_leader stall 4
	run "the leader's network is cut for 4 s" isolate_leader cut 4
	run "the API server stops and starts" restart_server
	run "the Lease is deleted" edit_lease delete
	run "the Lease gets a holder that does not exist" edit_lease foreign
	run "the Lease gets the standby as its holder" edit_lease standby
	run "the term is raised by hand" edit_lease raise
	run "the term is lowered by hand" edit_lease lower
}

faults_long() {
	run "50 times SIGKILL, Lease of 3 s" end_leaders KILL 50
	run "20 times SIGTERM, Lease of 3 s" end_leaders TERM 20
	run "now with the default Lease of 15 s" change_lease default
	times_of_lease
	run "5 times SIGKILL, Lease of 15 s" end_leaders KILL 5
	run "5 times SIGTERM, Lease of 15 s" end_leaders TERM 5
	all_faults 20 11.5 12.5
	run "now with the Lease of 3 s again" change_lease quick
	times_of_lease
	all_faults 5 2.2 2.7
}

# all_faults SECONDS MIDDLE LATER: MIDDLE and LATER are after the end of the right, but before another can take the Lease.
all_faults() {
	local s=$1 middle=$2 later=$3 mode
	run "stopped for $s s, then resumed, Lease of $lease_s s" pause_leader "$s"
	run "both stopped for $s s, then resumed, Lease of $lease_s s" pause_both "$s"
	run "the standby is stopped for $s s, then resumed, Lease of $lease_s s" pause_standby "$s"
	for mode in hold mute stall cut; do
		run "network: $mode for $s s, Lease of $lease_s s" isolate_leader "$mode" "$s"
	done
	run "network: hold for $middle s, Lease of $lease_s s" isolate_leader hold "$middle"
	run "network: stall for $later s, Lease of $lease_s s" isolate_leader stall "$later"
	run "network: both held for $s s and let go together, Lease of $lease_s s" isolate_both "$s"
	run "the API server stops and starts, Lease of $lease_s s" restart_server
	run "the API server is killed and starts, Lease of $lease_s s" restart_server --kill
	run "the right to the Lease is taken from both, Lease of $lease_s s" forbid_renewals
	for mode in delete foreign standby nobody raise lower; do
		run "the Lease by hand: $mode, Lease of $lease_s s" edit_lease "$mode"
	done
}

# --- the end of processes ---------------------------------------------------------------------------------------------

# end_leaders SIGNAL COUNT: how long the next CID takes is for the auditor, who knows it to the microsecond.
end_leaders() {
	local i ended
	for ((i = 1; i <= $2; i++)); do
		settled
		sleep "0.$((RANDOM % 10))"
		send "$1" "$leader"
		ended=$identity
		probe "after-${1,,}"
		await "$ended to end" has_ended_as "$ended"
		[[ $1 == KILL ]] || is "exit status after SIG$1" 0 "$exit_status"
	done
	settled
}

# Both end and start with other times: no two processes with different ones shall run.
change_lease() {
	local name ended=()
	settled
	use_lease "$1"
	touch "$work/rest"
	leader='' # nobody takes over from it
	for name in a b; do
		send TERM "$name"
		ended+=("$identity")
	done
	for name in "${ended[@]}"; do
		await "$name to end" has_ended_as "$name"
	done
	rm "$work/rest"
	settled
}

# --- pauses -----------------------------------------------------------------------------------------------------------

# resume PID IDENTITY
resume() {
	note signal identity "\"$2\"" signal '"CONT"'
	kill -CONT "$1"
}

pause_leader() {
	local was was_pid resumed
	settled
	burst
	send STOP "$leader"
	was=$identity was_pid=$pid
	burst_done
	sleep "$1"
	probe paused
	await "the other to lead" leads "$standby"
	resumed=${EPOCHREALTIME/[.,]/}
	resume "$was_pid" "$was"
	ends_badly "$was"
	saw "$was ended with status $exit_status, $(((${EPOCHREALTIME/[.,]/} - resumed) / 1000)) ms after it was resumed"
	settled
}

pause_both() {
	local was was_pid other other_pid
	settled
	burst
	send STOP "$standby"
	other=$identity other_pid=$pid
	send STOP "$leader"
	was=$identity was_pid=$pid
	sleep "$1"
	resume "$was_pid" "$was"
	ends_badly "$was"
	resume "$other_pid" "$other"
	settled
}

# It has no right that could end: it goes on.
pause_standby() {
	local was was_pid
	settled
	send STOP "$standby"
	was=$identity was_pid=$pid
	sleep "$1"
	probe paused
	resume "$was_pid" "$was"
	settled
	of "${was%-*}" && is "the standby" "$was" "$identity"
}

# --- the network ------------------------------------------------------------------------------------------------------

# isolate_leader MODE SECONDS: longer than its right can last.
isolate_leader() {
	local was name
	settled
	name=$leader
	of "$name"
	was=$identity
	burst
	network "$name" "$1"
	sleep "$2"
	burst_done
	network "$name" pass
	ends_badly "$was"
	saw "$was ended with status $exit_status"
	settled
}

# The writes of the one land while the other takes over.
isolate_both() {
	local was
	settled
	of "$leader"
	was=$identity
	burst
	network "$leader" hold
	burst_done
	network "$standby" hold
	sleep "$1"
	network "$standby" pass
	network "${was%-*}" pass
	ends_badly "$was"
	settled
}

# --- the API server ---------------------------------------------------------------------------------------------------

# restart_server [--kill]
restart_server() {
	local what=stop
	settled
	burst
	[[ ${1-} != --kill ]] || what="kill"
	note server what "\"$what\""
	"$controlplane" stop "$@" "$server_dir"
	note server what '"start"'
	"$controlplane" start "$server_dir"
	burst_done
	settled
}

# --- the Lease --------------------------------------------------------------------------------------------------------

# has_ended_busily IDENTITY: it always had something to write.
has_ended_busily() {
	burst
	burst_done
	has_ended_as "$1"
}

# Writes to VMIs are possible until the right ends, and not for longer, though nothing is wrong with the network.
forbid_renewals() {
	local role was
	settled
	of "$leader"
	was=$identity
	role=/apis/rbac.authorization.k8s.io/v1/namespaces/kubevirt/roles/vsock-cid-controller
	api GET "$role" >"$folder/role"
	note rights what '"no Lease"'
	api PATCH "$role" "$merge" "$(jq -c '{rules: [.rules[] | select(.resources != ["leases"])]}' "$folder/role")"
	await "$was to end" has_ended_busily "$was"
	ends_badly "$was"
	api PATCH "$role" "$merge" "$(jq -c '{rules: .rules}' "$folder/role")"
	settled
}

# The leader has no reason to raise its term for a while.
has_room() {
	of "$leader" && (($(metric kubevirt_vsock_stripe_used_cids) < 5))
}

# edit_lease HOW: by hand, amid a burst. Not so where a higher term is to be renewed or not: to make room for a burst the
# leader would raise it anyway.
edit_lease() {
	local was term
	settled
	of "$leader"
	was=$identity
	if [[ $1 == raise ]]; then
		await "room in the leader's stripe" has_room
	else
		burst
	fi
	of "$standby"
	term=$(term_of_lease) # not before: the leader raises it for room
	note lease what "\"$1\""
	case $1 in
	delete) api DELETE "$lease_path" ;;
	foreign) patch_lease '{"holderIdentity": "nobody-that-exists"}' ;;
	standby) patch_lease "{\"holderIdentity\": \"$identity\"}" ;;
	nobody) patch_lease '{"holderIdentity": ""}' ;;
	raise) patch_lease "{\"leaseTransitions\": $(((term + 5) % 2147483648))}" ;;
	lower) patch_lease "{\"leaseTransitions\": $((term > 3 ? term - 3 : 2147483640))}" ;;
	esac >"$folder/lease"
	[[ $1 == raise ]] || burst_done
	[[ $1 == raise || $1 == lower ]] || ends_badly "$was"
	settled
	saw "term $term, then $(term_of_lease)"
}

patch_lease() {
	api PATCH "$lease_path" "$merge" "{\"spec\": $1}"
}

# --- the end ----------------------------------------------------------------------------------------------------------

# the_end CHURN: nobody lacks a CID, and both end well.
the_end() {
	settled
	kill -TERM "$1"
	await "churn to end" grep -q rounds: "$work/churn.log"
	cat "$work/churn.log" >>"$folder/saw"
	await "all VMIs to be served" all_served
	"$build/tests/e2e/audit" | tail -n 1 | tee -a "$folder/saw"
	settled
	change_lease quick
	! grep -lE 'a handle was left open|Sanitizer|lines dropped' "$work"/replica-*/controller-*.log || fail "see the logs"
}

# kinds_of COMMAND ARGUMENT...: what a test does, as "COUNT KIND" lines, in the auditor's words.
kinds_of() {
	case $1 in
	end_leaders) echo "$3 SIG$2" ;;
	pause_both) echo "2 SIGSTOP" ;;
	pause_*) echo "1 SIGSTOP" ;;
	isolate_leader) echo "1 network: $2" ;;
	isolate_both) echo "2 network: hold" ;;
	restart_server) echo "1 server: $([[ ${2-} == --kill ]] && echo kill || echo stop)" ;;
	forbid_renewals) echo "1 rights: no Lease" ;;
	edit_lease) echo "1 lease: $2" ;;
	esac
	# Stopped until its right had ended.
	[[ $1 != pause_leader && $1 != pause_both ]] || echo "1 resumed"
}

# all_injected: the auditor has seen as much of each kind as the tests have claimed to do.
all_injected() {
	local kind claimed seen
	[[ -s $work/claims ]] || fail "nothing was done"
	while read -r claimed kind; do
		seen=$(jq --arg kind "$kind" 'if $kind == "resumed" then .Resumed else .Faults[$kind] // 0 end' "$work/figures")
		((seen >= claimed)) || fail "$kind: claimed to be done $claimed times, the auditor has seen $seen"
	done < <(awk '{ n = $1; $1 = ""; sum[substr($0, 2)] += n } END { for (kind in sum) print sum[kind], kind }' "$work/claims")
}

judge_all() {
	local status=0
	"$controlplane" audit "$server_dir" --record "$work/record" --proxy a="$work/proxy-a.log" --proxy b="$work/proxy-b.log" \
		--cid-min "$cid_min" --cid-max "$cid_max" --json "$work/figures" >"$folder/saw" || status=$?
	((status == 0)) || { cat "$folder/saw"; fail "the auditor's exit status is $status"; }
	# An audit of nothing finds nothing.
	(($(jq .CIDs "$work/figures") > 100)) || fail "too few CIDs were given"
	(($(jq .Raises "$work/figures") > test_count)) || fail "the term was raised too seldom"
	[[ $quarantine != "$short_quarantine" ]] || (($(jq .Reused "$work/figures") > 0)) || fail "no CID was given again"
	all_injected
}
