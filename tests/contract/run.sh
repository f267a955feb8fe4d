#!/usr/bin/env bash
# run.sh: starts a server, runs the contract cases against it, and ends it. README.md says what they are.
set -euo pipefail
shopt -s inherit_errexit

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)

# How soon etcd forgets old revisions, so that a case can see what a forgotten one looks like. Every other case
# needs its revisions for much less than this.
compaction=5s

usage() {
	cat >&2 <<-END
		usage: run.sh BUILD apisim|kube

		  BUILD   the folder with the programs, as given to make
		  apisim  against BUILD/apisim
		  kube    against the real kube-apiserver; VSOCK_CRDS=own|genuine chooses the CRDs

		CK_RUN_CASE and Check's other variables work as usual.
	END
	exit 2
}

(($# == 2)) || usage
build=$(realpath -- "$1")
contract=$build/tests/contract/contract

# One case waits for a compaction, which takes three or four times the interval above.
export CK_DEFAULT_TIMEOUT=${CK_DEFAULT_TIMEOUT:-120}

case $2 in
kube)
	VSOCK_APISERVER_FLAGS="${VSOCK_APISERVER_FLAGS-} --etcd-compaction-interval=$compaction" \
		exec "$here/../controlplane/controlplane.sh" run -- "$contract" "contract-kube${VSOCK_CRDS:+-$VSOCK_CRDS}"
	;;
*) usage ;;
esac
