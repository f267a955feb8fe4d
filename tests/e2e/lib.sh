# lib.sh: what the tests stand on. Sourced by run.sh, which sets $here, $build, $server and $suite. From top to bottom:
# judging, the API, the controller, the servers, and the loop over the tests.
# shellcheck shell=bash disable=SC2034,SC2119,SC2120

: "${here:?}" "${build:?}" "${server:?}" "${suite:=$server}"
controlplane=$here/../controlplane/controlplane.sh
manifests=$here/../../manifests/base
# What server_up installs by kubectl apply, and the program that runs as its Deployment would run it.
installation=(-k "$manifests")
program=$build/vsock-cid-controller
vmis=$build/tests/e2e/vmis
namespaces=(e2e-a e2e-b e2e-c e2e-d e2e-e)
crds=(virtualmachineinstances.kubevirt.io kubevirts.kubevirt.io)

# How long to wait for what must happen, in seconds: far more than it takes, since a machine may be busy.
patience=180

# Tests that run at the same time: they wait most of the time, but on the real server they share one.
parallel=1
[[ $server == kube ]] || parallel=6

seed=${E2E_SEED:-$((SRANDOM % 32768))}

# --- judging ----------------------------------------------------------------------------------------------------------

say() {
	echo "e2e: $*" >&2
}

# What was seen, for the line that a passed test gets.
saw() {
	echo "$*" >>"$folder/saw"
}

fail() {
	echo "FAILED: $*"
	exit 1
}

# skip PROBE: ends the test, since PROBE, which says so, has shown that this machine cannot run it.
skip() {
	echo "$*" >"$folder/skipped"
	exit 0
}

# is WHAT EXPECTED ACTUAL
is() {
	[[ $2 == "$3" ]] || fail "$1: expected $2, got $3"
}

# await WHAT COMMAND...: until it succeeds. COMMAND says by its status alone how it is.
await() {
	local what=$1 end=$((SECONDS + patience))
	shift
	until "$@"; do
		((SECONDS < end)) || fail "waited $patience s in vain: $what"
		sleep 0.1
	done
}

# --- the API ----------------------------------------------------------------------------------------------------------

# api METHOD PATH [CONTENT-TYPE [BODY]]: as admin; prints the answer.
api() {
	"$vmis" call "$@"
}

kubevirt_path=/apis/kubevirt.io/v1/namespaces/kubevirt/kubevirts
lease_path=/apis/coordination.k8s.io/v1/namespaces/kubevirt/leases/vsock-cid-controller
merge=application/merge-patch+json

vmi_path() {
	echo "/apis/kubevirt.io/v1/namespaces/$1/virtualmachineinstances/$2"
}

# set_gates FEATURE-GATES [DISABLED-FEATURE-GATES]: JSON each.
set_gates() {
	local body
	body=$(jq -nc --argjson on "$1" --argjson off "${2:-null}" '{apiVersion: "kubevirt.io/v1", kind: "KubeVirt",
		metadata: {namespace: "kubevirt", name: "kubevirt"},
		spec: {configuration: {developerConfiguration: {featureGates: $on, disabledFeatureGates: $off}}}}')
	api PATCH "$kubevirt_path/kubevirt" "$merge" "$body" >"$folder/kubevirt" 2>&1 || {
		api POST "$kubevirt_path" application/json "$(jq -c 'del(..|nulls)' <<<"$body")" >"$folder/kubevirt"
		deployed "$kubevirt_path/kubevirt"
	}
}

# deployed PATH [VERSION]: virt-operator has taken up the KubeVirt CR at PATH, and so much of KubeVirt runs.
deployed() {
	api PATCH "$1/status" "$merge" \
		"{\"status\": {\"phase\": \"Deployed\", \"observedKubeVirtVersion\": \"${2-v1.9.0}\"}}" >/dev/null
}

# cid_of NAMESPACE NAME: "-" where there is none.
cid_of() {
	api GET "$(vmi_path "$1" "$2")" | jq -r '.status.VSOCKCID // "-"'
}

has_cid() {
	[[ $(cid_of "$1" "$2") != - ]]
}

# All CIDs there are, one a line.
all_cids() {
	"$vmis" list | awk '$6 != "-" { print $6 }'
}

term_of_lease() {
	api GET "$lease_path" | jq -r .spec.leaseTransitions
}

# events NAMESPACE NAME REASON: how many event objects tell of it, of this VMI and not of an older one of its name.
events() {
	local uid
	uid=$(api GET "$(vmi_path "$1" "$2")" | jq -r .metadata.uid)
	api GET "/api/v1/namespaces/$1/events" | jq -r --arg uid "$uid" --arg reason "$3" \
		'[.items[] | select(.involvedObject.uid == $uid and .reason == $reason)] | length'
}

has_event() {
	(($(events "$@") > 0))
}

# Nobody who is due a CID lacks one. Whether they are right is for audit_is_clean.
all_served() {
	(($("$build/tests/e2e/audit" --json 2>>"$folder/audit.err" | jq .missing) == 0))
}

# audit_is_clean WANTS: so many VMIs want vsock, all of them have a valid CID and no two share one.
audit_is_clean() {
	local line
	line=$("$build/tests/e2e/audit" | tee "$folder/audit" | tail -n 1) || { cat "$folder/audit"; fail "the audit has findings"; }
	[[ $line == *" $1 want vsock, $1 have a valid CID, 0 missing, "* ]] || fail "$line"
	saw "$line"
}

# The patches of VMIs that the controller has sent in this test, as "NAMESPACE/NAME CODE" lines.
patches_sent() {
	if [[ $server == kube ]]; then
		tail -c "+$((audit_start + 1))" "$server_dir/audit.log" |
			jq -r 'select(.verb == "patch" and .objectRef.resource == "virtualmachineinstances" and
				(.userAgent | startswith("vsock-cid-controller"))) |
				"\(.objectRef.namespace)/\(.objectRef.name) \(.responseStatus.code)"'
	else
		fail "apisim does not tell"
	fi
}

# How many requests the server has seen with this verb in this test.
requests() {
	if [[ $server == kube ]]; then
		tail -c "+$((audit_start + 1))" "$server_dir/audit.log" |
			jq -r --arg verb "$1" 'select(.verb == $verb and .objectRef.resource == "virtualmachineinstances" and
				(.userAgent | startswith("vsock-cid-controller"))) | 1' | wc -l
	else
		api GET /apisim/stats | jq ".requests.$1"
	fi
}

# one_write_each COUNT: exactly so many VMIs were written to, each once, and no write was refused (I8).
one_write_each() {
	if [[ $server == kube ]]; then
		patches_sent | sort >"$folder/patches"
		is "writes" "$1" "$(wc -l <"$folder/patches")"
		is "VMIs written to" "$1" "$(cut -d' ' -f1 "$folder/patches" | uniq | wc -l)"
		is "writes that were not answered by 200" 0 "$(grep -vc ' 200$' "$folder/patches" || true)"
	else
		is "writes" "$1" "$(requests patch)"
		is "writes that changed nothing" 0 "$(api GET /apisim/stats | jq .unchanged)"
	fi
	saw "$1 writes for $1 VMIs"
}

# fault MATCH EFFECT: apisim bends requests; JSON both.
fault() {
	api POST /apisim/faults application/json "{\"match\":$1,\"effect\":$2}" >/dev/null
}

heal() {
	api DELETE /apisim/faults >/dev/null
}

# --- the controller ---------------------------------------------------------------------------------------------------

# How it reaches the server: as its ServiceAccount, never as admin.
write_kubeconfig() {
	local from=$1 to=$2
	if [[ $server == apisim ]]; then
		cp "$from" "$to"
		return
	fi
	cat >"$to" <<-END
		apiVersion: v1
		kind: Config
		current-context: controller
		clusters:
		- name: controlplane
		  cluster:
		    server: $(awk '$1 == "server:" { print $2 }' "$from")
		    certificate-authority: $server_dir/pki/ca.crt
		contexts:
		- name: controller
		  context: {cluster: controlplane, user: controller}
		users:
		- name: controller
		  user:
		    tokenFile: $folder/token
	END
	[[ -e $folder/token ]] || cp "$server_dir/sa.token" "$folder/token"
}

# Times of a Lease that a test can wait for, and such that no outage in a test costs the Lease.
quick=(--lease-duration 3s --renew-deadline 2s --retry-period 400ms)
patient=(--lease-duration 600s --renew-deadline 500s)

# start_controller [OPTION]...: returns when its port is known. A log file for each start.
start_controller() {
	controller_starts=$((controller_starts + 1))
	controller_log=$folder/controller-$controller_starts.log
	[[ -e $folder/kubeconfig ]] || write_kubeconfig "$KUBECONFIG" "$folder/kubeconfig"
	env -u KUBECONFIG setpriv --pdeathsig KILL -- "$program" --kubeconfig "$folder/kubeconfig" \
		--listen 127.0.0.1 --port 0 --log-level debug "$@" >>"$controller_log" 2>&1 &
	controller=$!
	await "the controller to serve metrics" knows_port
}

knows_port() {
	kill -0 "$controller" 2>/dev/null || fail "the controller has ended: $(tail -n 1 "$controller_log")"
	port=$(sed -nE 's/.*, port ([0-9]+)".*/\1/p' "$controller_log" | head -n 1)
	[[ $port ]]
}

# stop_controller [SIGNAL]: prints nothing; $exit_status is how it ended.
stop_controller() {
	kill "-${1:-TERM}" "$controller" 2>/dev/null || true
	await_end
}

await_end() {
	await "the controller to end" has_ended
	exit_status=0
	wait "$controller" || exit_status=$?
	controller=''
}

has_ended() {
	[[ ! -e /proc/$controller/stat ]] || [[ $(sed 's/.*) //' "/proc/$controller/stat" 2>/dev/null) == Z* ]]
}

# as NAME COMMAND...: with $controller, $port, $controller_log and $exit_status those of the replica NAME. Where COMMAND
# fails, the test does.
declare -A replicas=()
as() {
	local name=$1
	shift
	read -r controller port controller_log exit_status <<<"${replicas[$name]-}" || true
	[[ ${replicas[$name]+x} ]] || controller=''
	"$@" || return
	replicas[$name]="${controller:--} $port $controller_log ${exit_status:--}"
}

# get PATH: from the controller's own server.
get() {
	curl --silent --show-error --insecure --noproxy '*' --max-time 10 "https://127.0.0.1:$port$1"
}

status_of() {
	curl --silent --insecure --noproxy '*' --max-time 10 --output /dev/null --write-out '%{http_code}' \
		"https://127.0.0.1:$port$1" || true
}

is_status() {
	[[ $(status_of "$1") == "$2" ]]
}

# metric NAME[{LABELS}]: empty where there is none.
metric() {
	get /metrics 2>/dev/null | awk -v name="$1" 'substr($0, 1, length(name) + 1) == name " " { print $NF }'
}

metric_is() {
	[[ $(metric "$1") == "$2" ]]
}

metric_is_at_least() {
	local value
	value=$(metric "$1")
	[[ $value ]] && ((value >= $2))
}

await_metric() {
	await "metric $1 to be $2" metric_is "$1" "$2"
}

ready() {
	is_status /readyz 200
}

start_ready_controller() {
	start_controller "$@"
	await "the controller to be ready" ready
	await_metric kubevirt_vsock_leading_status 1
}

# log_has PATTERN: one of its lines.
log_has() {
	grep -qE -- "$1" "$controller_log"
}

# The audit's figures are what /metrics says (as soon as the last watch event has come in). $1: so many CIDs are held
# besides by VMIs that showed them before.
metrics_agree() {
	local figures want have
	figures=$("$build/tests/e2e/audit" --json || true)
	want=$(jq -r --argjson more "$1" \
		'"in use \(.cids + $more), duplicates \(.duplicates), invalid \(.invalid), outside \(.outside), waiting \(.missing), missed \(.missed)"' <<<"$figures")
	have="in use $(metric kubevirt_vsock_cids_in_use), duplicates $(metric kubevirt_vsock_duplicate_cids), "
	have+="invalid $(metric kubevirt_vsock_invalid_vmis), outside $(metric kubevirt_vsock_outside_range_vmis), "
	have+="waiting $(metric kubevirt_vsock_waiting_vmis), missed $(metric kubevirt_vsock_missed_vmis)"
	echo "by the audit: $want; by /metrics: $have" >"$folder/agreement"
	[[ $want == "$have" ]]
}

await_agreement() {
	await "the audit and /metrics to agree (see $folder/agreement)" metrics_agree "${1:-0}"
	saw "$(cat "$folder/agreement")"
}

# Exit status 0 within patience, no refused request, and nothing left open.
end_well() {
	stop_controller
	is "exit status" 0 "$exit_status"
	! grep -hE 'HTTP 403|forbidden: User|a handle was left open|Sanitizer' "$folder"/controller-*.log || fail "see the log"
}

# --- the servers ------------------------------------------------------------------------------------------------------

server_up() {
	local name
	if [[ $server == kube ]]; then
		controlplane_up
	else
		mkdir -p "$server_dir"
		setpriv --pdeathsig KILL -- "$build/apisim" --kubeconfig "$server_dir/kubeconfig" \
			--port-file "$server_dir/port" >"$server_dir/log" 2>&1 &
		export KUBECONFIG=$server_dir/kubeconfig
		await "apisim to listen" test -e "$server_dir/port"
	fi
	for name in "${namespaces[@]}"; do
		api POST /api/v1/namespaces application/json "{\"metadata\":{\"name\":\"$name\"}}" >/dev/null
	done
}

controlplane_up() {
	"$controlplane" up --tie $$ "$server_dir" 2>&1 | tee "$work/up.log" >&2
	crds_folder=$(sed -nE 's/.*CRDs from (.*); use it .*/\1/p' "$work/up.log")
	# shellcheck source=/dev/null
	source "$server_dir/env"
	"$controlplane" kubevirt "$server_dir" install --feature-gates VSOCK >&2
	((${#installation[@]} == 0)) || install_controller "${installation[@]}"
}

# install_controller OPTION...: by kubectl apply; and the token that the controller has there.
install_controller() {
	kubectl apply --server-side "$@" >"$work/install.log" 2>&1 || {
		cat "$work/install.log" >&2
		exit 1
	}
	"$controlplane" token "$server_dir" kubevirt vsock-cid-controller >"$server_dir/sa.token"
}

# Leaves nothing of the test before, and the gate on. A controller that was killed still holds the Lease.
server_reset() {
	if [[ $server == kube ]]; then
		audit_start=$(stat -c %s "$server_dir/audit.log")
		"$vmis" delete '' >/dev/null
		api DELETE /api/v1/namespaces/kubevirt/events >/dev/null # what the test before was told of the mode
		api PATCH "$lease_path" "$merge" '{"spec":{"holderIdentity":""}}' >"$folder/lease" 2>&1 ||
			grep -q 404 "$folder/lease" || fail "cannot free the Lease: $(cat "$folder/lease")"
	fi
	set_gates '["VSOCK"]'
	[[ $server == kube ]] || api DELETE /apisim/stats >/dev/null
}

# --- the tests --------------------------------------------------------------------------------------------------------

tests=()

# it SUITE NAME: the function NAME is a test of apisim, kube, both of them, or kube134.
it() {
	[[ $1 != "$suite" && ($1 != both || $suite == kube134) ]] || tests+=("$2")
}

show_logs() {
	local log
	for log in "$folder"/controller-*.log "$folder"/kubevirt-*.log; do
		[[ ! -s $log ]] || { echo "--- the end of ${log##*/}:" && tail -n 40 "$log"; }
	done
	echo "--- the end of the server's log:"
	tail -n 20 "$server_dir/log" || true
}

# background COMMAND...: for the whole run, in a process group of its own, so that all of it can be ended.
groups=()
background() {
	set -m
	"$@" &
	set +m
	groups+=($!)
	disown # the shell shall not comment on how it ends
}

end_jobs() {
	local job
	for job in $(jobs -p); do
		kill -KILL "$job" 2>/dev/null || true
	done
}

# In a shell of its own. What it starts ends with it (pdeathsig); $after is what the test wants to be done then, and fails it
# where it fails.
run_test() (
	after=true
	trap 'end_jobs; $after' EXIT
	RANDOM=$seed
	controller_starts=0
	controller=''
	set -e
	[[ $suite != apisim ]] || server_up
	[[ $suite == kube134 ]] || server_reset
	"$1"
)

# Runs one test in its own folder (on apisim with a server of its own) and prints how it went.
judge() {
	local name=$1 status started=$SECONDS
	folder=$work/$name
	[[ $suite == kube ]] || server_dir=$folder/server
	mkdir "$folder"
	set +e
	run_test "$name" >"$folder/output" 2>&1
	status=$?
	set -e
	if ((status == 0)) && [[ -e $folder/skipped ]]; then
		echo "skip  ${name//_/ }: $(cat "$folder/skipped")"
	elif ((status == 0)); then
		touch "$folder/passed"
		echo "ok    ${name//_/ } ($((SECONDS - started)) s)"
		[[ ! -e $folder/saw ]] || sed 's/^/      /' "$folder/saw"
	else
		rm -f "$folder/skipped"
		echo "FAIL  ${name//_/ } ($((SECONDS - started)) s, exit status $status)"
		{ cat "$folder/output" && show_logs; } | cut -c1-600 | sed 's/^/      /'
	fi >"$folder/report"
	flock "$work" cat "$folder/report"
}

# run_tests WORD: those whose names have it.
run_tests() {
	local name chosen=0 passed skipped
	work=$(mktemp -d -- "${TMPDIR:-/tmp}/vsock-e2e.XXXXXX")
	server_dir=$work/server
	folder=$work
	trap finish EXIT
	trap 'exit 143' TERM HUP
	trap 'exit 130' INT
	say "seed $seed (E2E_SEED=$seed repeats it)"
	[[ $suite != kube ]] || server_up
	for name in "${tests[@]}"; do
		[[ $name == *"$1"* ]] || continue
		chosen=$((chosen + 1))
		((chosen <= parallel)) || wait -n
		# Each in a process group of its own, so that finish() can end all of it.
		set -m
		judge "$name" &
		set +m
	done
	wait
	passed=$(find "$work" -name passed | wc -l)
	skipped=$(find "$work" -mindepth 2 -maxdepth 2 -name skipped | wc -l)
	echo "e2e-$suite: $passed passed, $((chosen - passed - skipped)) failed$( ((skipped == 0)) || echo ", $skipped skipped")"
	((passed + skipped == chosen && passed > 0))
}

finish() {
	local status=$? job
	trap '' TERM INT HUP
	for job in $(jobs -p); do
		kill -KILL -- "-$job" 2>/dev/null || true
	done
	[[ $server != kube || ! -e $server_dir/port ]] || "$controlplane" down "$server_dir"
	if [[ ${E2E_KEEP-} ]]; then
		say "kept $work"
	else
		rm -rf -- "$work"
	fi
	exit "$status"
}
