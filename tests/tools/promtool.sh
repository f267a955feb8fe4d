#!/usr/bin/env bash
# promtool.sh: prints the path of promtool. Where none is installed, it is taken out of Debian's package prometheus into the
# cache: installing that package would start a Prometheus on the machine of whoever runs the tests.
set -euo pipefail

if command -v promtool; then
  exit
fi
cache=${VSOCK_CACHE_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/vsock-cid-controller}/prometheus
if [[ ! -x $cache/usr/bin/promtool ]]; then
  echo "promtool: taking it out of Debian's package prometheus into $cache" >&2
  tmp=$(mktemp -d)
  trap 'rm -rf -- "$tmp"' EXIT
  chmod 755 "$tmp" # apt fetches as a user of its own
  (cd "$tmp" && apt-get download -q prometheus >&2) ||
    { echo "promtool: not to be had; apt-get update may help, or install prometheus" >&2; exit 1; }
  mkdir -p "$cache"
  dpkg-deb -x "$tmp"/prometheus_*.deb "$cache"
fi
echo "$cache/usr/bin/promtool"
