#!/usr/bin/env bash
# run.sh: two replicas on the real kube-apiserver, and everything that can happen to them, one after the other, while VMIs
# come and go. In the end the auditor judges all of it. README.md says what is done, judging.md how it is judged.
set -euo pipefail
shopt -s inherit_errexit
export LC_ALL=C

chaos=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
here=$(dirname -- "$chaos")

usage() {
	cat >&2 <<-END
		usage: run.sh BUILD short|long [WORD]

		  BUILD   the folder with the programs, as given to make
		  short   a minute and a half: a Lease of 3 s, each kind of fault once
		  long    a quarter of an hour: also the default Lease of 15 s, and 50 times SIGKILL
		  WORD    only what has it in its name

		E2E_SEED=N repeats the random choices of a run; E2E_KEEP=1 keeps its folder.
	END
	exit 2
}

(($# == 2 || $# == 3)) || usage
[[ $2 == short || $2 == long ]] || usage
build=$(realpath -- "$1")
length=$2
word=${3-}
server=kube

# shellcheck source-path=SCRIPTDIR source=../lib.sh
source "$here/lib.sh"
# shellcheck source-path=SCRIPTDIR source=replicas.sh
source "$chaos/replicas.sh"
# shellcheck source-path=SCRIPTDIR source=faults.sh
source "$chaos/faults.sh"

# --- running ----------------------------------------------------------------------------------------------------------

# The server is to keep its past, and to tell who did what. JSON, so that the Lease can be read from etcd.
start_server() {
	export VSOCK_APISERVER_FLAGS="--etcd-compaction-interval=0 --storage-media-type=application/json \
--audit-policy-file=$chaos/audit-policy.yaml"
	server_up
	set_gates '["VSOCK"]'
}

end_background() {
	local status=$? group
	set +e # or a status that is not 0 would end the trap here, and leave the run's folder behind
	for group in "${groups[@]}"; do
		kill -KILL -- "-$group" 2>/dev/null || true
	done
	return "$status"
}

start_all() {
	local name
	for name in a b; do
		mkfifo "$work/network-$name"
		background run_proxy "$name"
		await "the network of replica $name" grep -qs '^port' "$work/proxy-$name.log"
		background keep_replica "$name"
	done
	background run_churn
	churn=${groups[-1]}
}

run_churn() {
	exec setpriv --pdeathsig TERM -- "$build/tests/e2e/chaos/churn" --seed "$seed" "${namespaces[@]}" >"$work/churn.log" 2>&1
}

test_count=0
failed_count=0

# run WHAT COMMAND...: one test, in a shell of its own.
run() {
	local what=$1 status=0 started=$SECONDS
	shift
	[[ $what == *"$word"* ]] || return 0
	test_count=$((test_count + 1))
	folder=$work/test-$test_count
	mkdir "$folder"
	note fault what "\"$what\""
	kinds_of "$@" >>"$work/claims"
	set -m
	(
		trap end_jobs EXIT
		RANDOM=$((seed + test_count))
		set -e
		"$@"
	) >"$folder/output" 2>&1 &
	set +m
	wait $! || status=$?
	if ((status == 0)); then
		echo "ok    $what ($((SECONDS - started)) s)"
		[[ ! -e $folder/saw ]] || sed 's/^/      /' "$folder/saw"
	else
		failed_count=$((failed_count + 1))
		echo "FAIL  $what ($((SECONDS - started)) s, exit status $status)"
		show_failure | cut -c1-600 | sed 's/^/      /'
	fi
}

show_failure() {
	local name
	tail -n 200 "$folder/output"
	for name in a b; do
		echo "--- the end of the logs of replica $name:"
		find "$work/replica-$name" -name 'controller-*.log' -printf '%T@ %p\n' | sort -n | tail -n 2 | cut -d' ' -f2 |
			xargs -r tail -n 15
	done
	echo "--- the end of the server's log:"
	tail -n 10 "$server_dir/log" || true
}

work=$(mktemp -d -- "${TMPDIR:-/tmp}/vsock-chaos.XXXXXX")
server_dir=$work/server
folder=$work
trap 'end_background; finish' EXIT
trap 'exit 143' TERM HUP
trap 'exit 130' INT
say "seed $seed (E2E_SEED=$seed repeats the choices)"
start_server
use_lease quick
[[ $length != long ]] || quarantine=$short_quarantine
start_all
"faults_$length"
run "the VMIs of the end are all served" the_end "$churn"
run "the auditor finds nothing" judge_all
echo "e2e-chaos: $((test_count - failed_count)) passed, $failed_count failed"
((failed_count == 0))
