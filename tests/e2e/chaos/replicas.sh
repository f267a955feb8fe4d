# replicas.sh: two replicas, each with a kubelet's care and a network of its own, and the record of what is done to them.
# Sourced by run.sh. What has to be known everywhere stands in files, since tests run in shells of their own.
# shellcheck shell=bash disable=SC2154,SC2034

# --- the record -------------------------------------------------------------------------------------------------------

# note KIND [KEY VALUE]...: with the time of the call. Values are JSON. The auditor reads it.
note() {
	local line="{\"t\":${EPOCHREALTIME/[.,]/}000,\"kind\":\"$1\""
	shift
	while (($# > 0)); do
		line+=",\"$1\":$2"
		shift 2
	done
	echo "$line}" >>"$work/record"
}

# --- the Lease's times ------------------------------------------------------------------------------------------------

# use_lease quick|default: for all processes that start from now on.
use_lease() {
	case $1 in
	quick) echo 3 2 400 ;;
	default) echo 15 10 2000 ;;
	esac >"$work/lease"
	times_of_lease
}

times_of_lease() {
	read -r lease_s deadline_s retry_ms <"$work/lease"
}

# --- the CIDs ---------------------------------------------------------------------------------------------------------

# The smallest range that is allowed: a stripe has 32 CIDs, and most draws meet some that are in use.
cid_min=3
cid_max=1048578
# In the long form CIDs are given again soon, and often to a VMI of the name that had them.
quarantine=60s
short_quarantine=1s

# --- networks ---------------------------------------------------------------------------------------------------------

run_proxy() {
	exec setpriv --pdeathsig KILL -- "$build/tests/e2e/chaos/proxy" "$(cat "$server_dir/port")" <>"$work/network-$1" \
		>"$work/proxy-$1.log" 2>&1
}

# network NAME MODE: see proxy.c.
network() {
	note fault what "\"network of $1: $2\""
	echo "$2" >"$work/network-$1"
	await "the network of $1 to $2" network_is "$1" "$2"
}

network_is() {
	[[ $(grep '^mode' "$work/proxy-$1.log" | tail -n 1) == *" $2" ]]
}

# --- processes --------------------------------------------------------------------------------------------------------

# As a kubelet would: whatever ends is started again, by another name. $work/rest: not for now.
keep_replica() {
	local name=$1 n=0 pid status proxy
	folder=$work/replica-$name
	set +e
	mkdir "$folder"
	exec 2>"$folder/shell" # it comments on how processes end
	proxy=$(sed -n 's/^port //p' "$work/proxy-$name.log")
	write_kubeconfig "$KUBECONFIG" "$folder/kubeconfig"
	sed -i -E "s|(server: .*):[0-9]+|\1:$proxy|" "$folder/kubeconfig"
	while :; do
		n=$((n + 1))
		times_of_lease
		note process identity "\"$name-$n\"" replica "\"$name\"" lease_ms $((lease_s * 1000)) \
			deadline_ms $((deadline_s * 1000))
		env -u KUBECONFIG setpriv --pdeathsig KILL -- "$build/vsock-cid-controller" --kubeconfig "$folder/kubeconfig" \
			--listen 127.0.0.1 --port 0 --log-level debug --identity "$name-$n" --lease-duration "${lease_s}s" \
			--renew-deadline "${deadline_s}s" --retry-period "${retry_ms}ms" --cid-min "$cid_min" --cid-max "$cid_max" \
			--quarantine "$quarantine" >"$folder/controller-$n.log" 2>&1 &
		pid=$!
		echo "$pid $name-$n $folder/controller-$n.log" >"$folder/process.new"
		mv "$folder/process.new" "$folder/process"
		status=0
		wait "$pid" || status=$?
		note ended identity "\"$name-$n\"" replica "\"$name\"" status "$status"
		echo "$status" >"$folder/ended-$name-$n"
		rm -f "$folder/process"
		((status != 2)) || break # it does not like its command line
		until [[ ! -e $work/rest ]]; do
			sleep 0.1
		done
		sleep 0.2
	done
}

# of NAME: sets $pid, $identity, $controller_log, and $port, as soon as the process has one. False: none runs, or not yet.
of() {
	pid='' identity='' controller_log='' port=''
	read -r pid identity controller_log 2>/dev/null <"$work/replica-$1/process" || return 1
	port=$(sed -nE 's/.*, port ([0-9]+)".*/\1/p' "$controller_log" | head -n 1)
	[[ $port ]]
}

is_ready() {
	of "$1" && ready
}

leads() {
	of "$1" && metric_is kubevirt_vsock_leading_status 1
}

# Sets $leader and $standby; one of each, both ready.
find_leader() {
	local name other
	for name in a b; do
		other=$([[ $name == a ]] && echo b || echo a)
		if is_ready "$name" && is_ready "$other" && leads "$name" && ! leads "$other"; then
			leader=$name standby=$other
			return
		fi
	done
	return 1
}

# has_ended_as IDENTITY: sets $exit_status.
has_ended_as() {
	exit_status=$(cat "$work/replica-${1%-*}/ended-$1" 2>/dev/null)
}

# send SIGNAL NAME: to the process that runs there. $pid and $identity are its.
send() {
	local leading=false
	of "$2" || fail "no process runs as replica $2"
	[[ $2 != "${leader-}" ]] || leading=true
	note signal identity "\"$identity\"" signal "\"$1\"" leading "$leading"
	kill "-$1" "$pid"
}

# ends_badly IDENTITY: as one that has lost the Lease does.
ends_badly() {
	await "$1 to end" has_ended_as "$1"
	((exit_status != 0)) || fail "$1 has ended with status 0"
	grep -q 'leader election lost' "$work/replica-${1%-*}/controller-${1#*-}.log" ||
		fail "$1 does not say that it has lost the Lease: status $exit_status"
}

# --- VMIs -------------------------------------------------------------------------------------------------------------

# probe NAME: a VMI that waits from now on, and is served.
probe() {
	"$vmis" create "probe-$1" 1 e2e-a
	await "VMI $1 to be served" has_cid e2e-a "probe-$1-1"
	"$vmis" delete "probe-$1"
}

# VMIs of the same names again and again, still being created when this returns: writes are in flight when something
# happens. burst_done waits for it.
burst() {
	"$vmis" delete burst-
	"$vmis" create --in-flight 4 burst 40 "${namespaces[@]}" &
	burst=$!
	sleep "0.$((1 + RANDOM % 3))"
}

burst_done() {
	wait "$burst" || fail "not all could be created"
}

# All is well again: one leads, the other is ready, and VMIs are served.
settled() {
	local who=''
	until [[ $who ]] && leads "$leader" && [[ $identity == "$who" ]]; do
		await "one leader and one standby" find_leader
		of "$leader" || continue
		who=$identity
		probe settled
	done
}
