#!/usr/bin/env bash
# run.sh BUILD: the image that manifests/image/build.sh makes: what is in it, that it is the same when it is built again elsewhere,
# and that under the security settings of the manifests, started by runc, it gives VMs their CIDs on the real kube-apiserver; and
# that `kubectl vsock probe` says what a container there can do with AF_VSOCK.
set -euo pipefail
shopt -s inherit_errexit

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
root=$here/../..
controlplane=$here/../controlplane/controlplane.sh
(($# == 1)) || { echo "usage: run.sh BUILD" >&2; exit 2; }
build=$(realpath -- "$1")
archive=$build/image/vsock-cid-controller.oci.tar
sbom=$build/image/vsock-cid-controller.spdx.json
work=$(mktemp -d -- "${TMPDIR:-/tmp}/vsock-image-test.XXXXXX")
bundle=$work/bundle
profiles=$work/profiles
user=65532
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
	jq -e '.spdxVersion == "SPDX-2.3" and (.packages | length > 10)' "$sbom" || return
	for library in libcurl4 libuv1 libssl3 libc6 libmicrohttpd12 ca-certificates; do
		jq -e --arg name "$library" '[.packages[].name] | index($name)' "$sbom" || missing+=" $library"
	done
	[[ -z $missing ]] || fail "missing:$missing" || return
	missing=$(jq -r '.packages[] | select(.sourceInfo) | .externalRefs[].referenceLocator' "$sbom" |
		grep -vE '^pkg:deb/[a-z]+/[^@/?:+ ]+@[^@/?:+ ]+\?arch=(amd64|arm64|all)&distro=[a-z]+-[0-9a-z.]+$' || true)
	[[ -z $missing ]] || fail "no purl of a Debian package: $missing"
}

# What the document describes is the image with this manifest, as registries name it.
names_the_image() {
	jq -e --arg digest "$(sha256sum "$manifest" | cut -d' ' -f1)" '
		[.relationships[] | select(.relationshipType == "DESCRIBES").relatedSpdxElement] as $described |
		[.packages[] | select(.SPDXID | IN($described[]))] | length == 1 and .[0].checksums[0].checksumValue == $digest and
		(.[0].externalRefs[0].referenceLocator | startswith("pkg:oci/vsock-cid-controller@sha256%3A\($digest)?"))' "$sbom" || return
	# No reference leads nowhere.
	jq -e '[.SPDXID, .packages[].SPDXID] as $ids | ($ids | length) == ($ids | unique | length) and
		([.relationships[] | .spdxElementId, .relatedSpdxElement] - $ids == [])' "$sbom"
}

# The same programs with other packages: a package of another version is another document, and so has another namespace.
has_a_namespace_of_its_own() {
	local mine other path=$work/other-packages
	mkdir -p "$path/build/image" "$path/bin"
	cp "$build"/{vsock-cid-controller,kubectl-vsock,version} "$path/build/"
	printf '#!/bin/bash\n%q "$@" | sed "s/^libuv1 /&9:/"\n' "$(command -v dpkg-query)" >"$path/bin/dpkg-query"
	chmod +x "$path/bin/dpkg-query"
	PATH=$path/bin:$PATH "$root/manifests/image/build.sh" "$path/build" || return
	cmp "$archive" "$path/build/image/vsock-cid-controller.oci.tar" || return
	mine=$(jq -r .documentNamespace "$sbom")
	other=$(jq -r .documentNamespace "$path/build/image/vsock-cid-controller.spdx.json")
	echo "$mine, $other"
	[[ $mine == https://*[0-9a-f] && $other == https://*[0-9a-f] && $mine != "$other" ]]
}

# From a clone without history, which has only the tags of this commit and makes other abbreviations.
is_the_same_again() {
	git clone --quiet --depth 1 --config core.abbrev=20 "file://$(realpath -- "$root")" "$work/again"
	make -s -C "$work/again" -j "$(nproc)" all
	"$work/again/manifests/image/build.sh" "$work/again/build"
	cmp "$archive" "$work/again/build/image/vsock-cid-controller.oci.tar" || return
	cmp "$sbom" "$work/again/build/image/vsock-cid-controller.spdx.json"
}

# The Containerfile needs base images, which are not asked for here. What it copies is enough to build and install.
is_all_that_the_containerfile_copies() {
	local from to
	while read -r from to; do
		mkdir -p "$work/copied$(dirname "${to}_")"
		cp -r -- "$root/$from" "$work/copied$to"
	done < <(sed -nE 's/^COPY ([a-zA-Z][^ ]*) (.*)$/\1 \2/p' "$root/manifests/image/Containerfile")
	make -s -C "$work/copied/src" -j "$(nproc)" CFLAGS=-O0 VERSION=v0 install DESTDIR="$work/copied/out" prefix=/usr || return
	[[ $("$work/copied/out/usr/bin/vsock-cid-controller" --version) == *' v0'* ]]
}

# --- it runs --------------------------------------------------------------------------------------

# can_run PROFILE: whether runc can run anything here, under as few settings as there can be. PROFILE is JSON.
can_run() {
	rm -f -- "$bundle/config.json"
	runc spec --bundle "$bundle"
	jq --argjson profile "$1" '.process.terminal = false | .process.args = ["/usr/bin/vsock-cid-controller", "--version"] |
		.linux.namespaces |= map(select(.type != "network")) | .linux.seccomp = $profile' \
		<"$bundle/config.json" >"$bundle/config.new"
	mv -- "$bundle/config.new" "$bundle/config.json"
	runc --root "$work/runc" run --bundle "$bundle" "$container" </dev/null
}

least_profile='{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["acct"], "action": "SCMP_ACT_ERRNO"}]}'

# What the container is given to read, and to leave its last words in.
give() {
	mkdir -p "$work/given" "$profiles"
	install -m 755 "$build/tests/image/sockets" "$work/given/"
	: >"$work/given/termination-log"
	chmod 666 "$work/given/termination-log"
	chmod a+rx "$work"
	echo null >"$profiles/none"
}

# RuntimeDefault as containerd has it for a container without capabilities, and what someone may make of it who wants AF_VSOCK
# (40) in a pod.
write_profiles() {
	"$controlplane" seccomp-profile >"$profiles/default"
	jq '.syscalls += [{names: ["socket"], action: "SCMP_ACT_ALLOW", args: [{index: 0, value: 40, op: "SCMP_CMP_EQ"}]}]' \
		"$profiles/default" >"$profiles/with-vsock"
	jq '.syscalls |= map(.names -= ["bind"])' "$profiles/with-vsock" >"$profiles/without-bind"
}

# What the kubelet and containerd make of the Deployment's security settings: write_config PROFILE CAPABILITIES ARGUMENT..., the
# second as JSON. On the host's network, since the server listens on loopback.
write_config() {
	local profile=$1 capabilities=$2
	shift 2
	rm -f -- "$bundle/config.json"
	runc spec --bundle "$bundle" || return
	jq --slurpfile profile "$profiles/$profile" --argjson capabilities "$capabilities" --argjson user "$user" --arg given "$work/given" '
		.process.terminal = false | .process.args = $ARGS.positional | .process.cwd = "/" | .process.user = {uid: $user, gid: $user} |
		.process.capabilities = $capabilities | .process.noNewPrivileges = true | .linux.seccomp = $profile[0] |
		.root.readonly = true | .linux.namespaces |= map(select(.type != "network")) | .mounts += [
		{destination: "/given", type: "bind", source: $given, options: ["rbind", "ro"]},
		{destination: "/dev/termination-log", type: "bind", source: ($given + "/termination-log"), options: ["rbind", "rw"]}]' \
		--args -- "$@" <"$bundle/config.json" >"$bundle/config.new" || return
	mv -- "$bundle/config.new" "$bundle/config.json"
}

# start PROFILE CAPABILITIES ARGUMENT...: in the container; ends as the program in it does.
start() {
	write_config "$@" || return
	runc --root "$work/runc" run --bundle "$bundle" "$container" </dev/null
}

# The settings that write_config stands for are those of the manifests.
settings_are_the_manifests() {
	local have
	have=$(kubectl get deployment -n kubevirt vsock-cid-controller -o json | jq -c '.spec.template.spec as $pod |
		$pod.containers[0].securityContext as $c | [$pod.securityContext.runAsNonRoot, $c.readOnlyRootFilesystem,
		$c.allowPrivilegeEscalation, $c.capabilities, $pod.securityContext.seccompProfile, $c.seccompProfile]')
	[[ $have == '[true,true,false,{"drop":["ALL"]},{"type":"RuntimeDefault"},{"type":"RuntimeDefault"}]' ]] ||
		fail "the manifests have $have"
}

# They are in force: confined MODE, that of seccomp.
confined() {
	local pid
	pid=$(runc --root "$work/runc" state "$container" | jq .pid) || return
	grep -E '^(Uid|CapEff|CapPrm|CapBnd|CapAmb|NoNewPrivs|Seccomp):' "/proc/$pid/status"
	[[ $(sed -nE 's/^(Uid|Cap(Eff|Prm|Bnd|Amb)|NoNewPrivs|Seccomp):\s+(\w+).*/\3/p' "/proc/$pid/status" | xargs) == \
		"$user 0000000000000000 0000000000000000 0000000000000000 0000000000000000 1 $1" ]]
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
	local i status=0 mode=0
	[[ $1 == none ]] || mode=2
	kubectl create namespace tenant
	start "$1" {} /usr/bin/vsock-cid-controller --kubeconfig /given/kubeconfig --listen 127.0.0.1 --port 0 >"$work/log" 2>&1 &
	"$build/tests/e2e/vmis" create served 20 tenant
	for ((i = 0; i < 600; i++)); do
		! "$build/tests/e2e/audit" >"$work/audit" 2>&1 || break
		kill -0 "$!" 2>/dev/null || break
		sleep 0.1
	done
	confined "$mode" || status=1
	runc --root "$work/runc" kill "$container" TERM
	wait "$!" || { tail -n 5 "$work/log" && fail "it ended with $?" || return; }
	tail -n 1 "$work/audit"
	((status == 0)) || fail "it is not confined as it should be" || return
	grep -q ' 20 want vsock, 20 have a valid CID, 0 missing' "$work/audit"
}

# --- what kubectl vsock probe says in it ----------------------------------------------------------

# A capability as containerd adds it, and as a process needs it that is not root: Kubernetes has no means for the second.
added='{"bounding": ["CAP_NET_BIND_SERVICE"], "effective": ["CAP_NET_BIND_SERVICE"], "permitted": ["CAP_NET_BIND_SERVICE"]}'
ambient=$(jq -c '.inheritable = .bounding | .ambient = .bounding' <<<"$added")

# What the kernel gives to a process of this machine with the same user: kernel_gives OPTION..., of setpriv. A port that somebody
# holds could be bound.
kernel_gives() {
	setpriv --reuid "$user" --regid "$user" --clear-groups "$@" "$work/given/sockets" | sed 's/EADDRINUSE/ok/g'
}

# The word that the probe has for that.
word_for() {
	case $1 in
	'ok ok ok '*) echo open ;;
	'ok EACCES ok '*) echo privileged-port-refused ;;
	'EAFNOSUPPORT '*) echo unsupported ;;
	*) echo "a word for: $1" ;;
	esac
}

# probe_says WORD PROFILE CAPABILITIES: what the calls gave is as the test's own program sees it there, and the pod's last words
# are what is printed.
probe_says() {
	local seen said
	seen=$(start "$2" "$3" /given/sockets | sed 's/EADDRINUSE/ok/g') || fail "$seen" || return
	: >"$work/given/termination-log"
	start "$2" "$3" /usr/bin/kubectl-vsock probe --here -o json >"$work/probe.json" || return
	cat "$work/probe.json"
	said=$(jq -r '[.socket, .bind80, .bind1024, if .seccompFilter then 2 else 0 end] | join(" ")' "$work/probe.json" |
		sed 's/EADDRINUSE/ok/g; s/not tried/none/g')
	[[ $said == "$seen" ]] || fail "it saw $said, and sockets $seen" || return
	[[ $(jq -cS . "$work/given/termination-log") == "$(jq -cS . "$work/probe.json")" ]] || fail "its last words are others" || return
	jq -e '.vhostDevice == false' "$work/probe.json" || return
	[[ $(jq -r .result "$work/probe.json") == "$1" ]] || fail "it should say: $1"
}

is_blocked_by_the_default_profile() {
	probe_says blocked default {} || return
	jq -e '.socket == "EPERM" and (.message | startswith("blocked by seccomp"))' "$work/probe.json"
}

# probe_checks: as far as the kernel goes, whatever it is that it gives.
probe_checks() {
	local without with
	check "the probe says that containerd's default profile blocks AF_VSOCK" is_blocked_by_the_default_profile
	without=$(kernel_gives --inh-caps=-all --bounding-set=-all)
	with=$(kernel_gives --inh-caps=+net_bind_service --ambient-caps=+net_bind_service)
	if [[ ${without%% *} != @(ok|EAFNOSUPPORT) ]]; then
		skip "the probe says what there is where the profile allows AF_VSOCK" "outside any container: ${without%% *}"
		return
	fi
	without=$(word_for "$without")
	with=$(word_for "$with")
	check "where the profile allows AF_VSOCK, it says without capabilities: $without" probe_says "$without" with-vsock {}
	check "with CAP_NET_BIND_SERVICE added: $without, since the user is not root" probe_says "$without" with-vsock "$added"
	user=0 check "with it added and as root: $with" probe_says "$with" with-vsock "$added"
	check "with it in the ambient set: $with" probe_says "$with" with-vsock "$ambient"
	if [[ $with == open ]]; then
		check "it says that it knows nothing where the profile refuses bind" probe_says unknown without-bind "$ambient"
	else
		skip "it says that it knows nothing where the profile refuses bind" "the kernel has no AF_VSOCK"
	fi
}

"$root/manifests/image/build.sh" "$build"
unpack
check "the digests are right" digests_are_right
check "it has at most 12 MB" is_small
check "it has no shell and nothing to become root with" has_no_more_than_it_needs
check "its SBOM names every package" names_every_package
check "its SBOM names the image" names_the_image
check "an SBOM of other packages has another namespace" has_a_namespace_of_its_own
check "the Containerfile copies all that is built from" is_all_that_the_containerfile_copies
if [[ $(git -C "$root" status --porcelain 2>/dev/null || echo none) ]]; then
	skip "it is the same when it is built again elsewhere" "there are changes that are not committed"
else
	check "it is the same when it is built again elsewhere" is_the_same_again
fi
give
if ! can_run null >"$work/out" 2>&1; then
	skip "it gives CIDs as the manifests let it run" "runc cannot run here: $(tail -n 1 "$work/out")"
	skip "the probe says what a container can do" "the same"
else
	start_server >"$work/up.log" 2>&1 || { cat "$work/up.log" && exit 1; }
	check "its settings are those of the manifests" settings_are_the_manifests
	if can_run "$least_profile" >"$work/why" 2>&1; then
		write_profiles
		check "it gives CIDs as the manifests let it run" gives_cids default
		probe_checks
	else
		check "it gives CIDs as the manifests let it run, but for seccomp" gives_cids none
		skip "it does so under RuntimeDefault" "runc cannot set the least of profiles here: $(tail -n 1 "$work/why")"
		skip "the probe says what a container can do" "the same"
	fi
fi
echo "image: $passed passed, $failed failed$( ((skipped == 0)) || echo ", $skipped skipped")"
((failed == 0))
