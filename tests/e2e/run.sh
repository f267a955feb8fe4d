#!/usr/bin/env bash
# run.sh: the controller as a whole against a running API server. README.md says what is tested and how to add to it.
set -euo pipefail
shopt -s inherit_errexit

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)

usage() {
	cat >&2 <<-END
		usage: run.sh BUILD apisim|kube|kube134 [WORD]

		  BUILD    the folder with the programs, as given to make
		  apisim   against BUILD/apisim
		  kube     against the real kube-apiserver, with kubectl and RBAC
		  kube134  what is different there in Kubernetes 1.34
		  WORD     only tests whose name has it

		E2E_SEED=N repeats the random choices of a run; E2E_KEEP=1 keeps its folder.
	END
	exit 2
}

(($# == 2 || $# == 3)) || usage
case $2 in
apisim | kube) server=$2 ;;
kube134) server=kube && export VSOCK_KUBERNETES=1.34 ;;
*) usage ;;
esac
suite=$2
build=$(realpath -- "$1")
word=${3-}

# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$here/lib.sh"
# shellcheck source-path=SCRIPTDIR source=kubevirt.sh
source "$here/kubevirt.sh"
# shellcheck source-path=SCRIPTDIR source=history.sh
source "$here/history.sh"
for file in "$here"/cases/*.sh; do
	# shellcheck source=/dev/null
	source "$file"
done

run_tests "$word"
