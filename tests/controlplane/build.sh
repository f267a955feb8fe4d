# shellcheck shell=bash
# build.sh: where the binaries come from. Sourced by controlplane.sh, which sets $here (this folder) and say()
# and die().
: "${here:?}"
# shellcheck source-path=SCRIPTDIR source=../tools/go.sh
source "$here/../tools/go.sh"

# The oldest kubectl that has all that the tests ask for.
kubectl_min_minor=27

# What can be built, and from which package.
declare -A packages=([controlplane]=. [kubectl]=./cmd/kubectl [auditor]=./cmd/auditor
	[kubevirt]=./cmd/kubevirt [seccomp]=.)

# The Kubernetes that the server is: the default, or an older one that differs in nothing but its modules.
case ${VSOCK_KUBERNETES-} in
'' | 1.36) server_modules=go.mod ;;
1.34) server_modules=kubernetes-1.34.mod ;;
*) die "VSOCK_KUBERNETES must be 1.36 or 1.34, not $VSOCK_KUBERNETES" ;;
esac

# Prints the folder of the module that has binary NAME. containerd is apart: it wants newer modules than Kubernetes has, and
# would be tested with.
module_folder() {
	if [[ $1 == seccomp ]]; then echo "$here/cmd/seccomp"; else echo "$here"; fi
}

# Prints which file of that folder says what modules binary NAME is made of. Its sums are beside it.
module_file() {
	if [[ $1 == controlplane ]]; then echo "$server_modules"; else echo go.mod; fi
}

# The path at which `build` leaves a binary: binary_path NAME.
binary_path() {
	local folder modules sources
	folder=$(module_folder "$1")
	modules=$(module_file "$1")
	sources=$(cd "$folder" && echo "${packages[$1]}"/*.go)
	# shellcheck disable=SC2086 # no source has a blank in its name
	echo "$cache/$1-$(sources_hash "$folder" "$modules" "${modules%.mod}.sum" $sources)/$1"
}

# The version of Kubernetes (or containerd) that the modules of binary NAME stand for, as its makers write it.
stands_for() {
	sed -nE 's#^.*(k8s\.io/kubernetes|github\.com/containerd/containerd/v2) (v[0-9.]+)$#\2#p' \
		"$(module_folder "$1")/$(module_file "$1")"
}

# build_binary NAME: the lock is held.
build_binary() {
	local out version tmp
	version=$(stands_for "$1")
	out=$(binary_path "$1")
	[[ -x $out ]] && return
	tmp=$(dirname -- "$out").tmp
	mkdir -p -- "$tmp"
	go_build "$(module_folder "$1")" "$tmp/$1" -modfile="$(module_file "$1")" \
		-ldflags "-s -w -X k8s.io/component-base/version.gitVersion=$version" "${packages[$1]}" ||
		die "building $1 failed"
	rm -rf -- "${out%/*}"
	mv -- "$tmp" "${out%/*}"
}

# True when the installed kubectl will do. VSOCK_KUBECTL=built says not to look.
kubectl_installed() {
	local minor
	[[ ${VSOCK_KUBECTL-} != built ]] || return 1
	minor=$(kubectl version --client -o json 2>/dev/null |
		sed -n 's/^ *"minor": *"\([0-9]*\).*/\1/p') || return 1
	[[ -n $minor ]] && ((minor >= kubectl_min_minor))
}

# Prints the folder that must be in front of PATH for a good kubectl, or nothing when PATH is good as it is.
kubectl_folder() {
	kubectl_installed || dirname -- "$(binary_path kubectl)"
}

# build_missing NAME...: prints one line on what it does, and nothing where there is nothing to do.
build_missing() {
	local name missing=() versions=()
	for name; do
		[[ -x $(binary_path "$name") ]] || missing+=("$name") versions+=("$name@$(stands_for "$name")")
	done
	((${#missing[@]} > 0)) || return 0
	say "building into $cache: ${versions[*]} (about 5 minutes from nothing, then not again)"
	with_cache_lock build_binaries "${missing[@]}"
}

build_binaries() {
	local name
	for name; do
		build_binary "$name"
	done
}

# The server always, kubectl where the installed one will not do.
build_server() {
	local names=(controlplane)
	kubectl_installed || names+=(kubectl)
	build_missing "${names[@]}"
}

# All there is, the older server included.
build() {
	build_server
	build_missing auditor kubevirt seccomp
	[[ $server_modules != go.mod ]] || server_modules=kubernetes-1.34.mod build_missing controlplane
	say "all is built in $cache"
}
