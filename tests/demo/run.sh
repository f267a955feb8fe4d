#!/usr/bin/env bash
# run.sh: starts an API server, shows the controller at work on it, and ends it. README.md says what is shown.
set -euo pipefail
shopt -s inherit_errexit

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)

usage() {
	cat >&2 <<-END
		usage: run.sh BUILD apisim|kube

		  BUILD   the folder with the programs, as given to make
		  apisim  on BUILD/apisim
		  kube    on the real kube-apiserver
	END
	exit 2
}

(($# == 2)) || usage
build=$(realpath -- "$1")
folder=$(mktemp -d -- "${TMPDIR:-/tmp}/vsock-demo.XXXXXX")

finish() {
	local job
	trap '' TERM INT HUP
	for job in $(jobs -pr); do
		kill -TERM "$job" 2>/dev/null || true
	done
	wait
	rm -rf -- "$folder"
}
trap finish EXIT
trap 'exit 143' TERM HUP
trap 'exit 130' INT

# Starts apisim, which ends with us however that happens, and waits until it listens.
start_apisim() {
	setpriv --pdeathsig KILL -- "$build/apisim" --kubeconfig "$folder/kubeconfig" \
		--port-file "$folder/port" >"$folder/apisim.log" 2>&1 &
	local i server=$!
	for ((i = 0; i < 600; i++)); do
		[[ ! -e $folder/port ]] || return 0
		kill -0 "$server" 2>/dev/null || break
		sleep 0.05
	done
	cat "$folder/apisim.log" >&2
	exit 1
}

# In the background, so that a signal to us is seen at once.
case $2 in
apisim)
	start_apisim
	"$build/tests/demo/demo" "$build/vsock-cid-controller" "$folder/kubeconfig" "$folder" &
	;;
kube)
	# shellcheck disable=SC2016
	"$here/../controlplane/controlplane.sh" run -- bash -c 'exec "$1" "$2" "$KUBECONFIG" "$3"' demo \
		"$build/tests/demo/demo" "$build/vsock-cid-controller" "$folder" &
	;;
*) usage ;;
esac
wait $!
