#!/usr/bin/env bash
# run.sh: starts a server, runs the contract cases against it, and ends it. README.md says what they are.
set -euo pipefail
shopt -s inherit_errexit

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)

# How soon etcd forgets old revisions, so that a case can see what a forgotten one looks like. Every other case
# needs its revisions for much less than this.
compaction=5s

# How long a server may take to listen, in seconds: under valgrind on a busy machine, too.
ready_s=60

usage() {
	cat >&2 <<-END
		usage: run.sh BUILD apisim|kube

		  BUILD   the folder with the programs, as given to make
		  apisim  against BUILD/apisim; VSOCK_WRAPPER is a command to run it under, such as valgrind
		  kube    against the real kube-apiserver; VSOCK_CRDS=own|genuine chooses the CRDs

		CK_DEFAULT_TIMEOUT and Check's other variables work as usual.
	END
	exit 2
}

(($# == 2)) || usage
build=$(realpath -- "$1")
contract=$build/tests/contract/contract

# One case waits for a compaction, which takes three or four times the interval above.
export CK_DEFAULT_TIMEOUT=${CK_DEFAULT_TIMEOUT:-120}

if [[ $2 == kube ]]; then
	VSOCK_APISERVER_FLAGS="${VSOCK_APISERVER_FLAGS-} --etcd-compaction-interval=$compaction" \
		exec "$here/../controlplane/controlplane.sh" run -- "$contract" "contract-kube${VSOCK_CRDS:+-$VSOCK_CRDS}"
fi
[[ $2 == apisim ]] || usage

folder=$(mktemp -d -- "${TMPDIR:-/tmp}/contract.XXXXXX")
server=''

finish() {
	[[ -z $server ]] || kill -KILL "$server" 2>/dev/null || true
	rm -rf -- "$folder"
}
trap finish EXIT
trap 'exit 143' TERM HUP
trap 'exit 130' INT

read -ra wrapper <<<"${VSOCK_WRAPPER-}"
setpriv --pdeathsig KILL -- "${wrapper[@]}" "$build/apisim" --token "$RANDOM$RANDOM" \
	--kubeconfig "$folder/kubeconfig" --port-file "$folder/port" >"$folder/log" 2>&1 &
server=$!
end=$((SECONDS + ready_s))
until [[ -e $folder/port ]]; do
	if ! kill -0 "$server" 2>/dev/null || ((SECONDS >= end)); then
		cat "$folder/log" >&2
		exit 1
	fi
	sleep 0.05
done

status=0
KUBECONFIG=$folder/kubeconfig CONTRACT_FORGET=/apisim/compact setpriv --pdeathsig KILL -- "$contract" contract-apisim ||
	status=$?

# It must also end in order: that is when leaks show.
kill -TERM "$server"
wait "$server" || {
	echo "run.sh: apisim ended with exit status $?:" >&2
	cat "$folder/log" >&2
	status=1
}
server=''
((status == 0))
