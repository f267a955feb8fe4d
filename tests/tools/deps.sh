#!/usr/bin/env bash
# deps.sh GROUP...: installs the Debian packages that the named groups need and that are missing.
#
#   build  compiler and libraries of the program
#   image  what make image needs besides
#   test   what the test suites run besides
#   lint   formatters and static analysis
#
# Says what it installs, uses sudo only where it is needed, and does nothing (and asks nobody) where all is there.
set -euo pipefail

declare -A packages=(
  [build]="gcc libc6-dev make pkg-config git libuv1-dev libcurl4-openssl-dev libjansson-dev libssl-dev
    libmicrohttpd-dev libgnutls28-dev libyaml-dev"
  [image]="binutils ca-certificates jq"
  [test]="check valgrind jq curl patch spin openssl python3-pip unzip procps ca-certificates util-linux iproute2
    prometheus runc"
  [lint]="clang-16 clang-format-16 clang-tidy-16 libclang-rt-16-dev cppcheck shellcheck universal-ctags patch mandoc"
)

missing=()
for group in "$@"; do
  [[ -v packages[$group] ]] || { echo "deps: no group '$group'" >&2; exit 2; }
  for package in ${packages[$group]}; do
    status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
    [[ $status == installed ]] || missing+=("$package")
  done
done
((${#missing[@]} > 0)) || exit 0

if ! command -v apt-get >/dev/null; then
  echo "deps: this is no Debian; please install what corresponds to: ${missing[*]}" >&2
  exit 1
fi
as_root=()
if ((EUID != 0)); then
  command -v sudo >/dev/null || { echo "deps: as root, please: apt-get install ${missing[*]}" >&2; exit 1; }
  as_root=(sudo)
fi
echo "deps: installing ${missing[*]}"
log=$(mktemp)
trap 'rm -f -- "$log"' EXIT
if ! { "${as_root[@]}" apt-get update -q &&
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}"; } \
  >"$log" 2>&1; then
  cat "$log" >&2
  exit 1
fi
