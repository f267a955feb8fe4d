#!/usr/bin/env bash
# e2e.sh: a real Prometheus scrapes two real replicas on the real kube-apiserver, and beside them what passes for virt-handler,
# whose metrics have names of ours. Each alert is made to fire by really causing its condition, and to clear by removing it; then
# every query of the dashboard is asked of the data that have come together.
set -euo pipefail
shopt -s inherit_errexit
export LC_ALL=C

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
monitoring=$here/../../manifests/monitoring

usage() {
	cat >&2 <<-END
		usage: e2e.sh BUILD [PICTURE]

		  BUILD     the folder with the programs, as given to make
		  PICTURE   where the dashboard is to be put as a picture of this run (SVG), besides BUILD/monitoring

		The rules are those of manifests/monitoring with their times cut by shorten.sh; BUILD/monitoring/short.diff
		is the difference. E2E_KEEP=1 keeps the run's folder.
	END
	exit 2
}

(($# == 1 || $# == 2)) || usage
build=$(realpath -- "$1")
picture=${2-}
evidence=$build/monitoring
server=kube
mkdir -p "$evidence"

e2e_here=$here
here=$e2e_here/../e2e
# shellcheck source-path=SCRIPTDIR source=../e2e/lib.sh
source "$here/lib.sh"
patience=120
# shellcheck source-path=SCRIPTDIR source=../e2e/kubevirt.sh
source "$here/kubevirt.sh"
here=$e2e_here
# shellcheck source-path=SCRIPTDIR source=replicas.sh
source "$here/replicas.sh"
# shellcheck source-path=SCRIPTDIR source=prometheus.sh
source "$here/prometheus.sh"
# shellcheck source-path=SCRIPTDIR source=conditions.sh
source "$here/conditions.sh"
# shellcheck source-path=SCRIPTDIR source=dashboard.sh
source "$here/dashboard.sh"

# --- running ----------------------------------------------------------------------------------------------------------

end_all() {
	local status=$? group
	set +e
	for group in "${groups[@]}"; do
		kill -KILL -- "-$group" 2>/dev/null
	done
	(exit "$status")
	finish
}

tries=0
test_count=0
failed_count=0

# try WHAT COMMAND...: in a shell of its own. Sets $status and $took; where it failed, that is shown.
try() {
	local what=$1 started=$SECONDS
	shift
	tries=$((tries + 1))
	folder=$work/test-$tries
	mkdir "$folder"
	status=0
	(
		trap end_jobs EXIT
		set -e
		"$@"
	) >"$folder/output" 2>&1 &
	wait $! || status=$?
	took=$((SECONDS - started))
	((status != 0)) || return 0
	echo "FAIL  $what ($took s, exit status $status)"
	show_failure | cut -c1-600 | sed 's/^/      /'
}

# run WHAT COMMAND...: one test.
run() {
	test_count=$((test_count + 1))
	try "$@"
	if ((status == 0)); then
		echo "ok    $1 ($took s)"
		[[ ! -e $folder/saw ]] || sed 's/^/      /' "$folder/saw"
	else
		failed_count=$((failed_count + 1))
	fi
}

# step WHAT COMMAND...: what is no test of its own, but fails like one; nothing that comes behind it means anything then.
step() {
	try "$@"
	if ((status == 0)); then
		echo "      $1 ($took s)"
	else
		test_count=$((test_count + 1))
		failed_count=$((failed_count + 1))
		report
		exit 1
	fi
}

report() {
	echo "monitoring-e2e: $((test_count - failed_count)) passed, $failed_count failed"
}

show_failure() {
	local name
	tail -n 200 "$folder/output"
	for name in a b; do
		echo "--- the end of the last log of replica $name:"
		find "$work/replica-$name" -name 'controller-*.log' -printf '%T@ %p\n' | sort -n | tail -n 1 | cut -d' ' -f2 |
			xargs -r tail -n 10
	done
	echo "--- the end of the logs of Prometheus and the API server:"
	tail -n 5 "$work/prometheus/log" "$server_dir/log" || true
}

# --- conditions -------------------------------------------------------------------------------------------------------

declare -A fired=() cleared=()
beside=()

# appear CAUSE ALERT...: they fire, and besides them at most what $beside names.
appear() {
	local cause=$1 alert
	shift
	step "${cause//_/ }" "$cause"
	for alert; do
		run "$alert fires" fires "$alert"
		((status != 0)) || fired[$alert]=1
	done
	run "nothing else fires then" nothing_but "$@" "${beside[@]}"
}

# disappear REMEDY ALERT...
disappear() {
	local remedy=$1 alert
	shift
	step "${remedy//_/ }" "$remedy"
	for alert; do
		run "$alert clears" clears "$alert"
		((status != 0)) || cleared[$alert]=1
	done
}

every_condition() {
	local waits=VSOCKVMIsWaitForCID stale=VSOCKCIDCacheStale
	step "virt handler fails" virt_handler_fails
	run "nothing fires while two replicas work and virt-handler fails" quiet
	step "virt handler works" virt_handler_works # and so hides nothing of what comes

	# It takes one and a half minutes until that is noticed; meanwhile, the rest goes on.
	step "stall standby" stall_standby
	beside=("$stale")
	appear starve VSOCKVMIsStarveForStripe "$waits"
	disappear feed VSOCKVMIsStarveForStripe "$waits"
	appear stop_server VSOCKCIDControllerRESTErrorsBurst
	disappear start_server VSOCKCIDControllerRESTErrorsBurst
	appear write_foreign_cid VSOCKCIDForeignWriter
	disappear end_foreign_writes VSOCKCIDForeignWriter
	beside=()
	appear nothing_more "$stale"

	# The next read that shows how old its view is may come a minute later.
	step "heal standby" heal_standby
	beside=("$stale" VSOCKCIDForeignWriter) # who else could have made such CIDs
	appear make_findings DuplicateVSOCKCID InvalidVSOCKCID MissedVSOCKCID
	disappear remove_findings DuplicateVSOCKCID InvalidVSOCKCID MissedVSOCKCID
	appear spoil_settings VSOCKCIDSettingsRefused
	disappear mend_settings VSOCKCIDSettingsRefused
	step "install takeover" install_takeover
	appear lose_a_policy VSOCKPoliciesNotInForce
	disappear install_the_policy_again VSOCKPoliciesNotInForce
	beside=("$stale" "$waits")
	background keep_refusing
	appear refuse_writes VSOCKVMIsHeldWithoutCID VSOCKCIDWritesRefused
	disappear accept_writes VSOCKVMIsHeldWithoutCID VSOCKCIDWritesRefused
	disappear nothing_more "$stale"

	beside=()
	appear end_leader LowReadyVSOCKCIDControllersCount
	disappear start_a LowReadyVSOCKCIDControllersCount
	appear end_both VSOCKCIDControllerDown
	disappear start_both VSOCKCIDControllerDown

	beside=(VSOCKCIDControllerRESTErrorsBurst) # half of them is not much where nobody has anything to do
	appear blind_standby "$stale"
	disappear heal_standby "$stale"
	beside=()

	step "change options" change_options
	appear fill_range VSOCKCIDRangeFilling
	disappear empty_range VSOCKCIDRangeFilling
	appear lose_lease NoLeadingVSOCKCIDController
	disappear allow_lease NoLeadingVSOCKCIDController
	beside=("$waits")
	background run_virt_api
	appear revert_writes VSOCKCIDWritesReverted
	disappear keep_writes VSOCKCIDWritesReverted
	beside=()
	step "end both" end_both # by itself it would try a single write ten minutes later
	step "start both" start_both
	step "virt handler fails" virt_handler_fails
	run "nothing fires in the end" quiet
}

# Every alert there is, and no name that is none.
all_were_seen() {
	local alerts
	alerts=$(sed -n 's/^ *- alert: //p' "$monitoring/alerts.yaml" | sort)
	is "alerts that fired" "$alerts" "$(printf '%s\n' "${!fired[@]}" | sort)"
	is "alerts that cleared" "$alerts" "$(printf '%s\n' "${!cleared[@]}" | sort)"
	saw "$(wc -l <<<"$alerts") alerts"
}

# --- the rules --------------------------------------------------------------------------------------------------------

# The rules that were loaded are those of the manifests: what remains without durations is the same.
only_durations_differ() {
	local kind
	for kind in recording alerts; do
		promtool check rules "$work/prometheus/$kind.yaml"
		diff "$work/prometheus/$kind.long.yaml" "$work/prometheus/$kind.yaml" >>"$folder/diff" || true
		diff <(without_durations "$work/prometheus/$kind.long.yaml") <(without_durations "$work/prometheus/$kind.yaml")
	done
	cp "$folder/diff" "$evidence/short.diff"
	saw "$(grep -c '^>' "$folder/diff") lines differ: $(grep -oE '^[<>].*for: [0-9]+[ms]|\[[0-9]+[ms]\]|> (180|90)\b' "$folder/diff" |
		sed 's/^[<>] *//' | sort | uniq -c | awk '{ printf "%s%s %s %s", sep, $1, $2, $3; sep = ", " }')"
}

without_durations() {
	sed -E 's/^( *for:) [0-9]+[ms]$/\1 DURATION/; s/\[[0-9]+[ms]\]/[DURATION]/g; s/(max\(kubevirt_vsock_cache_age_seconds\) >) (180|90)\b/\1 BOUND/' \
		"$1"
}

unknown_durations_are_refused() {
	local line
	for line in "for: 7m" "expr: 'rate(x[3m])'" "expr: 'x offset 5m > 0'" "expr: 'max_over_time(x[5m:1m])'" "interval: 5m"; do
		! "$here/shorten.sh" <<<"  $line" || fail "it takes $line"
	done
}

# --- all of it --------------------------------------------------------------------------------------------------------

work=$(mktemp -d -- "${TMPDIR:-/tmp}/vsock-monitoring.XXXXXX")
server_dir=$work/server
folder=$work
trap end_all EXIT
trap 'exit 143' TERM HUP
trap 'exit 130' INT
server_up
set_gates '["VSOCK"]'
write_prometheus_config
start_prometheus
printf '%s\n' "${first_options[@]}" >"$work/options"
mkfifo "$work/network"
start_virt_handler
background run_proxy
await "the network of replica b" grep -qs '^port' "$work/proxy.log"
touch "$work/rest-b"
background keep_replica a
background keep_replica b
run "the rules differ from the manifests in durations alone" only_durations_differ
run "a duration that is not known is refused" unknown_durations_are_refused
step "start replicas" start_replicas
began=$((EPOCHSECONDS + 2))
every_condition
run "each alert has fired and cleared" all_were_seen
every_query
report
((failed_count == 0))
