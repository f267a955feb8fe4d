#!/usr/bin/env bash
# previous.sh: the version that the tests of an upgrade come from. What it installs is kept in previous/, so that a checkout without
# history can be tested, too; its program is built from git where the commit is there.
set -euo pipefail

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)

usage() {
	cat >&2 <<-END
		usage: previous.sh has | render COMMIT [FOLDER] | program BUILD

		  has      exit status 0 where git has the commit that previous/commit names; says why not
		  render   write FOLDER (default: previous/) anew from COMMIT: after a release, its tag
		  program  build the controller of that commit below BUILD, once, and print its path
	END
	exit 2
}

commit() {
	cat "$here/previous/commit"
}

of_repository() {
	git -C "$here" "$@"
}

has() {
	of_repository cat-file -e "$(commit)^{commit}"
}

# render COMMIT FOLDER
render() {
	local to overlay from
	to=$(realpath -m -- "$2")
	work=$(mktemp -d)
	trap 'rm -rf -- "$work"' EXIT
	mkdir -p "$to"
	of_repository rev-parse --verify "$1^{commit}" >"$to/commit"
	git -C "$here/../.." archive "$(cat "$to/commit")" manifests | tar -x -C "$work"
	for overlay in kubevirt kubevirt-v1beta1; do
		from=$work/manifests/overlays/$overlay
		[[ -d $from ]] || from=${from/overlays\/kubevirt/overlays\/takeover} # its name until there was an openshift beside it
		kubectl kustomize "$from" >"$to/$overlay.yaml"
	done
}

# program BUILD: make's own variables are not for it, nor is our VERSION.
program() {
	local to
	mkdir -p "$1"
	to=$(realpath -- "$1")/previous-$(commit)
	if [[ ! -x $to/build/vsock-cid-controller ]]; then
		rm -rf -- "$to"
		mkdir -p "$to"
		git -C "$here/../.." archive "$(commit)" | tar -x -C "$to"
		env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS make -s -j"$(nproc)" -C "$to" BUILD=build VERSION="$(commit)" \
			build/vsock-cid-controller >&2
	fi
	echo "$to/build/vsock-cid-controller"
}

case "${1-} $#" in
"has 1") has ;;
"render 2") render "$2" "$here/previous" ;;
"render 3") render "$2" "$3" ;;
"program 2") program "$2" ;;
*) usage ;;
esac
