#!/usr/bin/env bash
# run.sh: the controller as a whole against a running API server. README.md says what is tested and how to add to it.
set -euo pipefail
shopt -s inherit_errexit

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)

usage() {
	cat >&2 <<-END
		usage: run.sh BUILD apisim|kube [WORD]

		  BUILD   the folder with the programs, as given to make
		  apisim  against BUILD/apisim
		  kube    against the real kube-apiserver, with kubectl and RBAC
		  WORD    only tests whose name has it

		E2E_SEED=N repeats the random choices of a run; E2E_KEEP=1 keeps its folder.
	END
	exit 2
}

(($# == 2 || $# == 3)) || usage
[[ $2 == apisim || $2 == kube ]] || usage
build=$(realpath -- "$1")
server=$2
word=${3-}

# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$here/lib.sh"
for file in "$here"/cases/*.sh; do
	# shellcheck source=/dev/null
	source "$file"
done

run_tests "$word"
