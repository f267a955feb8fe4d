#!/usr/bin/env bash
# run.sh: measures the controller beside its peers and beside raw requests, and says whether the targets are reached. README.md
# says what is measured, measuring.md how. Builds nothing but the peers.
set -euo pipefail
shopt -s inherit_errexit

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
controlplane=$here/../controlplane/controlplane.sh

usage() {
	cat >&2 <<-END
		usage: run.sh BUILD

		  BUILD   the folder with the programs, as given to make

		BENCH_ROUNDS=N    rounds, 6 unless it says otherwise; from 6 on there is a 95 % interval
		BENCH_ONLY=WORD   only scenarios whose name has it
		BENCH_QUICK=1     small sizes, to see that it works: no results
		BENCH_PEERS=no    without kube-rs and client-go
	END
	exit 2
}

say() {
	echo "bench: $*" >&2
}

die() {
	say "$@"
	exit 1
}

(($# == 1)) || usage
[[ -d $1 ]] || die "there is no folder $1"
build=$(realpath -- "$1")
rounds=${BENCH_ROUNDS:-6}
only=${BENCH_ONLY-}
quick=${BENCH_QUICK-}
[[ $rounds =~ ^[1-9][0-9]?$ ]] || die "BENCH_ROUNDS must be 1 to 99, not $rounds"

out=$build/bench${quick:+-quick}
samples=$out/samples.tsv
results=$here/results
bench=$build/tests/bench/bench

# Far more than the server needs for 20,000 VMIs (3 GB live, 6 GB with garbage), so that its garbage collector does not decide
# the figures: with 6GiB a list of pages cost it 30 s of CPU instead of 7.
export VSOCK_CONTROLPLANE_MEMORY=${VSOCK_CONTROLPLANE_MEMORY:-12GiB}
# Bodies are not logged, which would cost the server as much as the request; history is short, so that it is the same for all.
export VSOCK_APISERVER_FLAGS="${VSOCK_APISERVER_FLAGS-} --etcd-compaction-interval=2m --audit-policy-file=$here/audit-policy.yaml"

server=''
kind=''
child=''

finish() {
	local status=$?
	trap '' TERM INT HUP
	[[ -z $child ]] || kill "$child" 2>/dev/null || true
	[[ -z $server ]] || "stop_$kind" || true
	[[ -z ${work-} ]] || rm -rf -- "$work"
	exit "$status"
}
trap finish EXIT
trap 'exit 143' TERM HUP
trap 'exit 130' INT

# --- what is there --------------------------------------------------------------------------------

need_programs() {
	local program
	for program in "$build/vsock-cid-controller" "$bench" "$build/apisim" "$build/tests/bench/raw" \
		"$build/tests/bench/report"; do
		[[ -x $program ]] || die "$program is missing: make bench builds it"
	done
}

# The program as it is shipped. What a sanitizer has built is not measured.
ship_program() {
	! ldd "$build/vsock-cid-controller" | grep -q 'lib[a-z]*san' || die "$build has sanitizers in it"
	strip -o "$out/vsock-cid-controller" "$build/vsock-cid-controller"
}

# What a peer is made with, as its lock file has it.
library_of() {
	case $1 in
	peer-go) sed -nE 's/^\s*k8s\.io\/(client-go) (v[^ ]*).*/\1 \2/p' "$here/peer-go/go.mod" | head -n 1 ;;
	peer-rs) sed -n '/^name = "kube"$/{n; s/^version = "\(.*\)"$/kube-rs \1/p}' "$here/peer-rs/Cargo.lock" ;;
	esac
}

# Sets $programs, the options that name the programs, and notes why a peer is left out.
programs=()
find_programs() {
	local name path
	programs=(--controller "$out/vsock-cid-controller" --raw "$build/tests/bench/raw")
	if [[ ${BENCH_PEERS-} == no ]]; then
		meta skipped-peer-rs "BENCH_PEERS=no"
		meta skipped-peer-go "BENCH_PEERS=no"
		return
	fi
	"$here/peers.sh" build >"$work/peers" || die "a peer cannot be built: BENCH_PEERS=no leaves both out"
	# kube-rs goes by these, and not by NO_PROXY; they were for building.
	unset HTTP_PROXY http_proxy HTTPS_PROXY https_proxy ALL_PROXY all_proxy
	while read -r name path; do
		case $name in
		peer-rs | peer-go) ;;
		*) continue ;;
		esac
		if [[ $path == skipped* ]]; then
			path=${path#skipped }
			path=${path#(}
			meta "skipped-$name" "${path%)}"
			say "$name is left out: ${path%)}"
		else
			programs+=("--$name" "$path")
			meta "$name" "$(library_of "$name")"
		fi
	done <"$work/peers"
}

# --- conditions -----------------------------------------------------------------------------------

started=$(date -u +%Y-%m-%dT%H:%M:%SZ)

# meta KEY TEXT: a condition, as tests/bench/samples.h has it.
meta() {
	printf '%s\tmeta\t-\t0\t%s\t%s\n' "$started" "$1" "$(printf '%.200s' "${2:--}" | tr '\t\n' '  ')" >>"$samples"
}

note_conditions() {
	local cpu
	cpu=$(sed -nE 's/^model name\s*: (.*)/\1/p' /proc/cpuinfo | head -n 1)
	meta machine "$(nproc) × ${cpu:-CPU}, $(awk '/MemTotal/ { printf "%.0f GB", $2 / 1048576 }' /proc/meminfo)"
	meta kernel "$(uname -sr)"
	meta controller "$("$build/vsock-cid-controller" --version | head -n 1)"
	meta compiler "$(${CC:-cc} --version | head -n 1)"
	meta libcurl "$(curl --version | head -n 1 | cut -d' ' -f2)"
	meta rounds "$rounds, ABBA"
	[[ -z $quick ]] || meta quick yes
}

# From a running server.
note_server() {
	meta kubernetes "$(curl --silent --noproxy '*' --cacert "$server/pki/ca.crt" --header "@$server/pki/admin.header" \
		"$APISERVER_URL/version" | jq -r .gitVersion)"
	meta crds "$crds"
}

# Milliseconds of CPU that everything on this machine has used so far.
machine_cpu() {
	awk -v hz="$(getconf CLK_TCK)" '/^cpu / { printf "%d", ($2 + $3 + $4 + $7 + $8 + $9) * 1000 / hz }' /proc/stat
}

# The same of the server.
server_cpu() {
	[[ -n $server ]] || { echo 0 && return; }
	sed 's/.*) //' "/proc/$(cat "$server/pid")/stat" |
		awk -v hz="$(getconf CLK_TCK)" '{ printf "%d", ($12 + $13) * 1000 / hz }'
}

# And of what this shell has started and seen the end of. A subshell would have seen nothing: hence the file.
children_cpu() {
	awk -F'[ms ]+' 'NR == 2 { printf "%d", ($1 * 60 + $2 + $3 * 60 + $4) * 1000 }' "$work/times"
}

# how_busy COMMAND...: runs it, and notes under others-$name how busy all others kept the machine meanwhile, in percent of one core.
how_busy() {
	local status=0 machine server_ms children from=${EPOCHREALTIME/[^0-9]/} others
	times >"$work/times"
	machine=$(machine_cpu) server_ms=$(server_cpu) children=$(children_cpu)
	"$@" & # in the background, so that a signal to us is seen at once
	child=$!
	wait "$child" || status=$?
	child=''
	times >"$work/times"
	others=$(($(machine_cpu) - machine - ($(server_cpu) - server_ms) - ($(children_cpu) - children)))
	others=$((others * 100000 / (${EPOCHREALTIME/[^0-9]/} - from)))
	meta "others-$name" "$others"
	((others <= 10)) || disturbed=1
	((others <= 10)) || say "others kept this machine busy meanwhile, by $others % of a core: mind that"
	return "$status"
}

# --- scenarios ------------------------------------------------------------------------------------

# Each gets a server of its own, so that none measures what another has left behind. Not 0 where it does not start.
start_kube() {
	"$controlplane" up --tie $$ "$server" 2>&1 | tee "$work/up.log" >&2 || return
	crds=$(sed -nE 's/.*CRDs from (.*); use it .*/\1/p' "$work/up.log")
	crds=$([[ $crds == */controlplane/crds ]] && echo "own (tests/controlplane/crds)" || echo "KubeVirt's own")
	# shellcheck source=/dev/null
	source "$server/env"
	[[ ${noted-} ]] || note_server
	noted=1
}

stop_kube() {
	"$controlplane" down "$server"
}

start_apisim() {
	local i
	mkdir -p "$server"
	setpriv --pdeathsig KILL -- "$build/apisim" --kubeconfig "$server/kubeconfig" --port-file "$server/port" \
		>"$out/log/apisim.log" 2>&1 &
	echo $! >"$server/pid"
	for ((i = 0; i < 600; i++)); do
		[[ ! -e $server/port ]] || break
		sleep 0.05
	done
	[[ -e $server/port ]] || return
	export KUBECONFIG=$server/kubeconfig
}

stop_apisim() {
	kill "$(cat "$server/pid")" 2>/dev/null || true
	wait "$(cat "$server/pid")" || true
}

failed=0
disturbed=''
run_scenario() {
	local name=$1 args=()
	kind=$2
	say "scenario $name"
	[[ -z $quick ]] || args+=(--quick)
	server=$work/$kind-$name
	if ! "start_$kind"; then
		say "the server of $name does not start: that scenario is left out"
		"stop_$kind" || true
		server=''
		failed=1
		return 0
	fi
	how_busy setpriv --pdeathsig TERM -- "$bench" --samples "$samples" --logs "$out/log" --rounds "$rounds" \
		--server-pid "$(cat "$server/pid")" "${args[@]}" "${programs[@]}" "$name" || failed=1
	"stop_$kind"
	rm -rf -- "$server"
	server=''
}

main() {
	local name on ran=0
	need_programs
	mkdir -p "$out/log"
	rm -f "$out"/log/*.log "$out"/log/*.pipe "$out"/*.svg "$out/results.md"
	[[ ! -e $samples ]] || mv -- "$samples" "$out/samples.previous.tsv"
	work=$(mktemp -d -- "${TMPDIR:-/tmp}/vsock-bench.XXXXXX")
	note_conditions
	ship_program
	find_programs
	while IFS=$'\t' read -r name on _; do
		[[ $name == *"$only"* ]] || continue
		ran=$((ran + 1))
		run_scenario "$name" "$on" </dev/null
	done < <("$bench" --list)
	((ran > 0)) || die "no scenario has '$only' in its name"
	"$build/tests/bench/report" "$samples" "$out" >"$out/verdicts"
	if ((failed)); then
		say "a scenario went wrong: see above, and $out/log"
	elif [[ $disturbed ]]; then
		say "others kept this machine too busy for results: what was measured is in $out"
	elif [[ -z $quick && -z $only ]] && ((rounds >= 6)); then
		mkdir -p "$results"
		cp -- "$samples" "$out/results.md" "$out"/*.svg "$results/"
		say "results are in $results"
	else
		say "results are in $out"
	fi
	cat "$out/verdicts"
	return "$failed"
}

main
