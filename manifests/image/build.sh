#!/usr/bin/env bash
# build.sh: an OCI archive with our programs, the libraries they need and the CA certificates, made from this machine's own
# files: no registry, no daemon, no root. The same commit on the same packages gives the same bytes. Beside it an SPDX document
# that names the image by its digest, and every package in it. README.md says what the bytes hang on.
set -euo pipefail
shopt -s inherit_errexit

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
root=$here/../..

usage() {
	cat >&2 <<-END
		usage: build.sh BUILD

		  BUILD  the folder with the programs, as given to make

		Writes BUILD/image/vsock-cid-controller.oci.tar and BUILD/image/vsock-cid-controller.spdx.json.
	END
	exit 2
}

die() {
	echo "image: $*" >&2
	exit 1
}

(($# == 1)) || usage
build=$(realpath -- "$1")
out=$build/image
programs=(vsock-cid-controller kubectl-vsock)
# As the programs say themselves.
version=$(cat "$build/version" 2>/dev/null) || version=unknown
# reproducible-builds.org: times are those of the commit.
epoch=${SOURCE_DATE_EPOCH:-$(git -C "$root" log -1 --format=%ct 2>/dev/null || echo 0)}
created=$(date -u -d "@$epoch" +%Y-%m-%dT%H:%M:%SZ)
case $(uname -m) in
x86_64) arch=amd64 ;;
aarch64) arch=arm64 ;;
*) die "no name is known for $(uname -m)" ;;
esac

work=$(mktemp -d -- "${TMPDIR:-/tmp}/vsock-image.XXXXXX")
trap 'rm -rf -- "$work"' EXIT

# --- files ----------------------------------------------------------------------------------------

# Shared libraries, with the loader, by the paths at which the loader looks for them.
libraries() {
	local program
	for program in "${programs[@]}"; do
		ldd "$build/$program"
	done | sed -nE 's/^\s*(\S+ => )?(\/\S+) \(0x.*/\2/p' | sort -u
}

# name resolution of libc (NSS): files and dns are in libc itself since glibc 2.34.
fill_root() {
	local program library
	mkdir -p "$work/rootfs"/{etc/ssl/certs,usr/bin,usr/lib,tmp,var/run}
	ln -s usr/lib "$work/rootfs/lib"
	ln -s usr/lib "$work/rootfs/lib64"
	ln -s usr/bin "$work/rootfs/bin"
	for program in "${programs[@]}"; do
		strip -o "$work/rootfs/usr/bin/$program" "$build/$program"
	done
	while read -r library; do
		# /lib/x86_64-linux-gnu/x and /usr/lib/x86_64-linux-gnu/x are one on Debian; the loader stands in /lib64.
		mkdir -p "$work/rootfs/usr/${library%/*}"
		install -D -m 755 -- "$(realpath -- "$library")" "$(image_path "$library")"
	done < <(libraries)
	cp -- /etc/ssl/certs/ca-certificates.crt "$work/rootfs/etc/ssl/certs/"
	printf 'root:x:0:0::/:/sbin/nologin\nnonroot:x:65532:65532::/:/sbin/nologin\n' >"$work/rootfs/etc/passwd"
	printf 'root:x:0:\nnonroot:x:65532:\n' >"$work/rootfs/etc/group"
	printf 'hosts: files dns\n' >"$work/rootfs/etc/nsswitch.conf"
	find "$work/rootfs" -type d -empty -path '*/usr/usr*' -delete
	chmod -R u=rwX,go=rX "$work/rootfs"
	chmod 1777 "$work/rootfs/tmp"
}

image_path() {
	case $1 in
	/lib64/*) echo "$work/rootfs/usr/lib/${1##*/}" ;;
	/usr/lib/*) echo "$work/rootfs$1" ;;
	/lib/*) echo "$work/rootfs/usr$1" ;;
	*) die "a library in an odd place: $1" ;;
	esac
}

# --- packages -------------------------------------------------------------------------------------

# The packages that the files come from: NAME VERSION ARCHITECTURE SOURCE, a line each.
packages() {
	{
		while read -r library; do
			dpkg-query --search "$(realpath -- "$library")" 2>/dev/null || dpkg-query --search "$library"
		done < <(libraries)
		echo "ca-certificates: x"
	} | sed 's/:.*//' | sort -u | while read -r name; do
		dpkg-query --show --showformat '${Package} ${Version} ${Architecture} ${source:Package}\n' "$name" | head -n 1
	done
}

# spdx_without_namespace DIGEST: of the image with that manifest.
spdx_without_namespace() {
	local distribution
	# shellcheck source=/dev/null
	distribution=$(. /etc/os-release && echo "$ID $VERSION_ID")
	packages | jq -Rn --arg version "$version" --arg created "$created" --arg digest "$1" --arg arch "$arch" \
		--arg vendor "${distribution% *}" --arg distro "${distribution/ /-}" '
		def id: "SPDXRef-\(gsub("[^A-Za-z0-9.-]"; "-"))";
		def unsaid: {downloadLocation: "NOASSERTION", filesAnalyzed: false, licenseConcluded: "NOASSERTION",
			licenseDeclared: "NOASSERTION", copyrightText: "NOASSERTION"};
		def purl(locator): {externalRefs: [{referenceCategory: "PACKAGE-MANAGER", referenceType: "purl", referenceLocator: locator}]};
		def related($type): {spdxElementId: .[0], relationshipType: $type, relatedSpdxElement: .[1]};
		[inputs | split(" ") | {name: .[0], version: .[1], arch: .[2], source: .[3], id: (.[0] | id)}] as $packages | {
			spdxVersion: "SPDX-2.3", dataLicense: "CC0-1.0", SPDXID: "SPDXRef-DOCUMENT",
			name: "vsock-cid-controller-\($version)",
			creationInfo: {created: $created, creators: ["Tool: manifests/image/build.sh"]},
			packages: ([
				unsaid + {name: "vsock-cid-controller", SPDXID: "SPDXRef-image", versionInfo: $version,
					primaryPackagePurpose: "CONTAINER",
					checksums: [{algorithm: "SHA256", checksumValue: ($digest | ltrimstr("sha256:"))}]} +
					purl("pkg:oci/vsock-cid-controller@\($digest | @uri)?arch=\($arch)"),
				unsaid + {name: "vsock-cid-controller", SPDXID: "SPDXRef-controller", versionInfo: $version,
					primaryPackagePurpose: "APPLICATION", licenseConcluded: "Apache-2.0", licenseDeclared: "Apache-2.0"}] +
				($packages | map(unsaid + {name, SPDXID: .id, versionInfo: .version, sourceInfo: "Debian source package \(.source)"} +
					purl("pkg:deb/\($vendor)/\(.name | @uri)@\(.version | @uri)?arch=\(.arch)&distro=\($distro)")))),
			relationships: ([(["SPDXRef-DOCUMENT", "SPDXRef-image"] | related("DESCRIBES")),
				(["SPDXRef-image", "SPDXRef-controller"] | related("CONTAINS"))] +
				($packages | map((["SPDXRef-image", .id] | related("CONTAINS")),
					(["SPDXRef-controller", .id] | related("DEPENDS_ON")))))
		}'
}

# A namespace stands for one document, so it comes from all that is in this one.
write_spdx() {
	local document
	document=$(spdx_without_namespace "$1")
	jq --arg version "$version" --arg content "$(sha256sum <<<"$document" | cut -d' ' -f1)" \
		'.documentNamespace = "https://spdx.org/spdxdocs/vsock-cid-controller-\($version)-\($content)"' <<<"$document"
}

# --- the archive ----------------------------------------------------------------------------------

# pack FOLDER: a tar of it in which nothing depends on when or by whom it was made.
pack() {
	tar --create --directory "$1" --sort=name --mtime="@$epoch" --owner=0 --group=0 --numeric-owner \
		--format=ustar .
}

# blob FILE: moves it among the blobs; prints its digest.
blob() {
	local digest
	digest=$(sha256sum "$1" | cut -d' ' -f1)
	mv -- "$1" "$work/oci/blobs/sha256/$digest"
	echo "sha256:$digest"
}

size_of() {
	stat -c %s "$work/oci/blobs/sha256/${1#sha256:}"
}

write_layout() {
	local diff layer config manifest
	mkdir -p "$work/oci/blobs/sha256"
	pack "$work/rootfs" >"$work/layer.tar"
	diff=sha256:$(sha256sum "$work/layer.tar" | cut -d' ' -f1)
	gzip --no-name --best "$work/layer.tar"
	layer=$(blob "$work/layer.tar.gz")
	jq -cn --arg arch "$arch" --arg diff "$diff" --arg created "$created" --arg version "$version" '{
		architecture: $arch, os: "linux", created: $created,
		config: {User: "65532:65532", Entrypoint: ["/usr/bin/vsock-cid-controller"], WorkingDir: "/",
			Env: ["PATH=/usr/bin", "SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt"],
			Labels: {"org.opencontainers.image.title": "vsock-cid-controller",
				"org.opencontainers.image.version": $version,
				"org.opencontainers.image.licenses": "Apache-2.0"}},
		rootfs: {type: "layers", diff_ids: [$diff]}, history: [{created: $created, created_by: "manifests/image/build.sh"}]
	}' >"$work/config.json"
	config=$(blob "$work/config.json")
	jq -cn --arg config "$config" --argjson config_size "$(size_of "$config")" --arg layer "$layer" \
		--argjson layer_size "$(size_of "$layer")" '{schemaVersion: 2,
		mediaType: "application/vnd.oci.image.manifest.v1+json",
		config: {mediaType: "application/vnd.oci.image.config.v1+json", digest: $config, size: $config_size},
		layers: [{mediaType: "application/vnd.oci.image.layer.v1.tar+gzip", digest: $layer, size: $layer_size}]
	}' >"$work/manifest.json"
	manifest=$(blob "$work/manifest.json")
	jq -cn --arg manifest "$manifest" --argjson size "$(size_of "$manifest")" --arg arch "$arch" --arg version "$version" '{
		schemaVersion: 2, mediaType: "application/vnd.oci.image.index.v1+json",
		manifests: [{mediaType: "application/vnd.oci.image.manifest.v1+json", digest: $manifest, size: $size,
			platform: {architecture: $arch, os: "linux"},
			annotations: {"org.opencontainers.image.ref.name": $version}}]}' >"$work/oci/index.json"
	echo '{"imageLayoutVersion":"1.0.0"}' >"$work/oci/oci-layout"
}

for program in "${programs[@]}"; do
	[[ -x $build/$program ]] || die "$program is missing: make image builds it"
done
mkdir -p "$out"
fill_root
write_layout
digest=$(jq -r '.manifests[0].digest' "$work/oci/index.json")
write_spdx "$digest" >"$out/vsock-cid-controller.spdx.json"
pack "$work/oci" >"$out/vsock-cid-controller.oci.tar"
echo "image: $out/vsock-cid-controller.oci.tar, $(($(stat -c %s "$out/vsock-cid-controller.oci.tar") / 1024)) KiB, $version"
echo "image: $digest"
