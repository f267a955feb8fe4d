#!/usr/bin/env bash
# run.sh BUILD: the image that manifests/image/build.sh makes: what is in it, that it is the same when it is built again elsewhere,
# and that under the security settings of the manifests, started by runc, it gives VMs their CIDs on the real kube-apiserver.
set -euo pipefail
shopt -s inherit_errexit

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
root=$here/../..
controlplane=$here/../controlplane/controlplane.sh
(($# == 1)) || { echo "usage: run.sh BUILD" >&2; exit 2; }
build=$(realpath -- "$1")
archive=$build/image/vsock-cid-controller.oci.tar
work=$(mktemp -d -- "${TMPDIR:-/tmp}/vsock-image-test.XXXXXX")
bundle=$work/bundle
container=vsock-image-test-$$
passed=0
failed=0
skipped=0

finish() {
	local status=$?
	trap '' TERM INT HUP
	runc --root "$work/runc" delete --force "$container" 2>/dev/null || true
	[[ ! -e $work/server/port ]] || "$controlplane" down "$work/server" || true
	rm -rf -- "$work"
	exit "$status"
}
trap finish EXIT
trap 'exit 143' TERM HUP
trap 'exit 130' INT

# check NAME COMMAND...
check() {
	local name=$1
	shift
	if "$@" >"$work/out" 2>&1; then
		echo "ok    $name"
		passed=$((passed + 1))
	else
		echo "FAIL  $name" && tail -n 20 "$work/out"
		failed=$((failed + 1))
	fi
}

skip() {
	echo "skip  $1: $2"
	skipped=$((skipped + 1))
}

fail() {
	echo "$*"
	return 1
}

# --- what is in it --------------------------------------------------------------------------------

unpack() {
	local layer
	mkdir -p "$work/oci" "$bundle/rootfs"
	tar xf "$archive" -C "$work/oci"
	manifest=$work/oci/blobs/sha256/$(jq -r '.manifests[0].digest | ltrimstr("sha256:")' "$work/oci/index.json")
	config=$work/oci/blobs/sha256/$(jq -r '.config.digest | ltrimstr("sha256:")' "$manifest")
	layer=$work/oci/blobs/sha256/$(jq -r '.layers[0].digest | ltrimstr("sha256:")' "$manifest")
	tar xzf "$layer" -C "$bundle/rootfs"
}

digests_are_right() {
	local file
	for file in "$work"/oci/blobs/sha256/*; do
		[[ $(sha256sum "$file" | cut -d' ' -f1) == "${file##*/}" ]] || fail "$file is not what its name says" || return
	done
}

is_small() {
	local size
	size=$(stat -c %s "$archive")
	echo "$size bytes"
	((size <= 12 * 1024 * 1024))
}

has_no_more_than_it_needs() {
	local extra
	extra=$(find "$bundle/rootfs" -type f -path '*bin/*' -printf '%f\n' | grep -vxE 'vsock-cid-controller|kubectl-vsock' || true)
	[[ -z $extra ]] || fail "programs: $extra" || return
	extra=$(find "$bundle/rootfs" -perm /6000)
	[[ -z $extra ]] || fail "setuid: $extra" || return
	[[ $(jq -r .config.User "$config") == 65532:65532 ]] || fail "it runs as $(jq -r .config.User "$config")"
}

names_every_package() {
	local library missing=''
	jq -e '.spdxVersion == "SPDX-2.3" and (.packages | length > 10)' "$build/image/vsock-cid-controller.spdx.json" || return
	for library in libcurl4 libuv1 libssl3 libc6 libmicrohttpd12 ca-certificates; do
		jq -e --arg name "$library" '[.packages[].name] | index($name)' "$build/image/vsock-cid-controller.spdx.json" || missing+=" $library"
	done
	[[ -z $missing ]] || fail "missing:$missing"
}

is_the_same_again() {
	git clone --quiet "$root" "$work/again"
	make -s -C "$work/again" -j "$(nproc)" all
	"$work/again/manifests/image/build.sh" "$work/again/build"
	cmp "$archive" "$work/again/build/image/vsock-cid-controller.oci.tar"
}

# --- it runs --------------------------------------------------------------------------------------

# What the kubelet makes of the Deployment's security settings, for the process ARGS: JSON. On the host's network, since the server
# listens on loopback.
write_config() {
	runc spec --bundle "$bundle" 2>/dev/null || (cd "$bundle" && runc spec)
	jq --argjson args "$1" --arg work "$work" '.process.terminal = false | .process.args = $args | .process.cwd = "/" |
		.process.user = {uid: 65532, gid: 65532} | .process.capabilities = {} | .process.noNewPrivileges = true |
		.root.readonly = true | .linux.namespaces |= map(select(.type != "network")) |
		.mounts += [{destination: "/given", type: "bind", source: ($work + "/given"), options: ["rbind", "ro"]}]' \
		"$bundle/config.json" >"$bundle/config.new"
	mv -- "$bundle/config.new" "$bundle/config.json"
}

# The settings that write_config stands for are those of the manifests.
settings_are_the_manifests() {
	local have
	have=$(kubectl get deployment -n kubevirt vsock-cid-controller -o json | jq -c '.spec.template.spec as $pod |
		$pod.containers[0].securityContext as $c | [$pod.securityContext.runAsNonRoot, $c.readOnlyRootFilesystem,
		$c.allowPrivilegeEscalation, $c.capabilities.drop]')
	[[ $have == '[true,true,false,["ALL"]]' ]] || fail "the manifests have $have"
}

can_run() {
	mkdir -p "$work/given"
	write_config '["/usr/bin/vsock-cid-controller", "--version"]'
	runc --root "$work/runc" run --bundle "$bundle" "$container"
}

start_server() {
	"$controlplane" up --tie $$ "$work/server"
	# shellcheck source=/dev/null
	source "$work/server/env"
	"$controlplane" kubevirt "$work/server" install --feature-gates VSOCK
	kubectl apply --server-side -k "$root/manifests/base" >"$work/install.log"
	"$controlplane" token "$work/server" kubevirt vsock-cid-controller >"$work/given/token"
	cp "$work/server/pki/ca.crt" "$work/given/"
	cat >"$work/given/kubeconfig" <<-END
		apiVersion: v1
		kind: Config
		current-context: c
		clusters: [{name: c, cluster: {server: "$APISERVER_URL", certificate-authority: /given/ca.crt}}]
		contexts: [{name: c, context: {cluster: c, user: c}}]
		users: [{name: c, user: {tokenFile: /given/token}}]
	END
	chmod -R a+rX "$work" "$work/given"
}

gives_cids() {
	local i
	kubectl create namespace tenant
	write_config '["/usr/bin/vsock-cid-controller", "--kubeconfig", "/given/kubeconfig", "--listen", "127.0.0.1", "--port", "0"]'
	runc --root "$work/runc" run --bundle "$bundle" "$container" >"$work/log" 2>&1 &
	"$build/tests/e2e/vmis" create served 20 tenant
	for ((i = 0; i < 600; i++)); do
		! "$build/tests/e2e/audit" >"$work/audit" 2>&1 || break
		kill -0 "$!" 2>/dev/null || break
		sleep 0.1
	done
	runc --root "$work/runc" kill "$container" TERM
	wait "$!" || { tail -n 5 "$work/log" && fail "it ended with $?" || return; }
	tail -n 1 "$work/audit"
	grep -q ' 20 want vsock, 20 have a valid CID, 0 missing' "$work/audit"
}

"$root/manifests/image/build.sh" "$build"
unpack
check "the digests are right" digests_are_right
check "it has at most 12 MB" is_small
check "it has no shell and nothing to become root with" has_no_more_than_it_needs
check "its SBOM names every package" names_every_package
if [[ $(git -C "$root" status --porcelain 2>/dev/null || echo none) ]]; then
	skip "it is the same when it is built again elsewhere" "there are changes that are not committed"
else
	check "it is the same when it is built again elsewhere" is_the_same_again
fi
if can_run >"$work/out" 2>&1; then
	start_server >"$work/up.log" 2>&1 || { cat "$work/up.log" && exit 1; }
	check "its settings are those of the manifests" settings_are_the_manifests
	check "it gives CIDs as the manifests let it run" gives_cids
else
	skip "it gives CIDs as the manifests let it run" "runc cannot run here: $(tail -n 1 "$work/out")"
fi
echo "image: $passed passed, $failed failed$( ((skipped == 0)) || echo ", $skipped skipped")"
((failed == 0))
