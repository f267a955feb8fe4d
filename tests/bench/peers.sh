#!/usr/bin/env bash
# peers.sh: builds the programs that the controller is measured against. peers.md says what they are.
set -euo pipefail
shopt -s inherit_errexit

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)

usage() {
  cat >&2 <<-END
usage: peers.sh COMMAND

  build       build what is missing; prints a line for each: \`peer-rs PATH\`, or \`peer-rs skipped (REASON)\`
  path PEER   print the path of peer-rs or peer-go where it has been built, else nothing
END
  exit 2
}

say() {
  echo "peers: $*" >&2
}

die() {
  say "$@"
  exit 1
}

# shellcheck source-path=SCRIPTDIR source=../tools/go.sh
source "$here/../tools/go.sh"

# Prints what peer $1 is made of.
sources_of() (
  cd "$here/$1"
  case $1 in
  peer-rs) ls Cargo.toml Cargo.lock src/*.rs ;;
  peer-go) ls go.mod go.sum ./*.go ;;
  esac
)

# The path at which `build` leaves a peer.
path_of() {
  # shellcheck disable=SC2046 # no source has a blank in its name
  echo "$cache/$1-$(sources_hash "$here/$1" $(sources_of "$1"))/$1"
}

# Prints the path of a cargo: that on PATH, or where rustup puts it.
find_cargo() {
  local cargo
  for cargo in "$(type -P cargo || true)" "${CARGO_HOME:-$HOME/.cargo}/bin/cargo"; do
    if [[ -x $cargo ]] && "$cargo" --version >/dev/null 2>&1; then
      echo "$cargo"
      return
    fi
  done
  return 1
}

# Prints why peer $1 cannot be built here; nothing where it can.
reason_against() {
  local cargo needed has
  [[ $1 == peer-rs ]] || return 0
  needed=$(sed -n 's/^rust-version = "\(.*\)"$/\1/p' "$here/peer-rs/Cargo.toml")
  if ! cargo=$(find_cargo); then
    echo "no cargo $needed or newer"
    return
  fi
  has=$("$cargo" --version | cut -d' ' -f2)
  [[ $(printf '%s\n' "$needed" "$has" | sort -V | head -n 1) == "$needed" ]] ||
    echo "cargo is $has, needed is $needed"
}

# compile_peer-NAME OUT, all dependencies as the lock files pin them.
compile_peer-go() {
  go_build "$here/peer-go" "$1" -ldflags "-s -w" .
}

compile_peer-rs() {
  local cargo
  cargo=$(find_cargo) || return
  (cd "$here/peer-rs" && CARGO_TARGET_DIR=$cache/cargo nice -n 5 "$cargo" build --quiet --locked --release \
    --jobs "$(jobs)") >&2 || return
  cp -- "$cache/cargo/release/peer-rs" "$1"
}

# build_peer NAME OUT: the lock is held.
build_peer() {
  local tmp=${2%/*}.tmp
  [[ ! -x $2 ]] || return 0
  mkdir -p -- "$tmp"
  "compile_$1" "$tmp/$1" || die "building $1 failed"
  rm -rf -- "${2%/*}"
  mv -- "$tmp" "${2%/*}"
}

build() {
  local peer path reason
  for peer in peer-rs peer-go; do
    path=$(path_of "$peer")
    if [[ ! -x $path ]]; then
      reason=$(reason_against "$peer")
      if [[ $reason ]]; then
        echo "$peer skipped ($reason)"
        continue
      fi
      say "building $peer into $cache (from nothing: peer-rs about 4 minutes of one core, peer-go 2)"
      with_cache_lock build_peer "$peer" "$path"
    fi
    echo "$peer $path"
  done
}

path() {
  local path
  [[ $1 == peer-rs || $1 == peer-go ]] || usage
  path=$(path_of "$1")
  [[ ! -x $path ]] || echo "$path"
}

case ${1-} in
build) (($# == 1)) || usage; build ;;
path) (($# == 2)) || usage; path "$2" ;;
*) usage ;;
esac
