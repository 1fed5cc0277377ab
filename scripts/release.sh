#!/bin/bash
# Makes what is released, in dist/release: packages (.deb, .rpm), tarballs, the
# container image, bills of materials (CycloneDX), release notes and SHA256SUMS. The
# binaries must be in dist/ (make cross). It needs no root, and the same commit gives the
# same bytes anywhere. scripts/release/sign.sh signs them.
#
#   VERSION=1.4.0 scripts/release.sh
#
# MINISIGN_PUBLIC is the public key (RW...) that install.sh verifies with.
set -euo pipefail
cd "$(dirname "$0")/.."
export LC_ALL=C TZ=UTC
go=${GO:-$(scripts/go.sh)}
version=${VERSION:-$(scripts/version.sh)}
name=iot-edge-anomaly
out=dist/release
work=.build/release

# the commit's time, or the newest file's in a copy without git
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || stat -c %Y CHANGELOG.md)}
# dpkg and rpm sort 1.4.0~rc.1 before 1.4.0, but 1.4.0-rc.1 after it
PACKAGE_VERSION=${version//-/\~}
export SOURCE_DATE_EPOCH PACKAGE_VERSION
umask 022
rm -rf "$out" "$work"
mkdir -p "$out" "$work"
"$go" build -C tools/nfpm -o "$PWD/$work/nfpm" github.com/goreleaser/nfpm/v2/cmd/nfpm

PATH=$(dirname "$(command -v "$go")"):$PATH "$go" run ./scripts/licenses >"$work/THIRD_PARTY_LICENSES"

# the page and the completion, from a program that runs here
"$go" build -ldflags "-X main.version=$version" -o "$work/here" ./agent
"$go" run ./scripts/manual -date "$SOURCE_DATE_EPOCH" man "$work/here" | gzip -n -9 >"$work/$name.1.gz"
"$go" run ./scripts/manual bash "$work/here" >"$work/$name.bash"

# tree ARCH: everything that is installed, below .build/release/ARCH.
tree() {
	local root=$work/$1 doc=$work/$1/usr/share/doc/$name
	make -s install-files BINARY="dist/${name}_linux_$1" DESTDIR="$root" PREFIX=/usr
	install -d "$doc/docs" "$doc/examples" "$doc/monitoring"
	install -m 0644 README.md CHANGELOG.md SECURITY.md "$work/THIRD_PARTY_LICENSES" "$doc/"
	install -m 0644 docs/*.md docs/*.json "$doc/docs/"
	install -m 0644 board/monitoring/* "$doc/monitoring/"
	install -D -m 0644 -t "$root/usr/share/man/man1" "$work/$name.1.gz"
	install -D -m 0644 "$work/$name.bash" "$root/usr/share/bash-completion/completions/$name"
	install -m 0644 board/debian/config.yaml board/examples/*.yaml board/container/compose.yaml board/firstboot/user-data "$doc/examples/"
	printf '%s (%s) stable; urgency=medium\n\n  * What changed is in CHANGELOG.md, in this folder.\n\n -- iot-edge-anomaly maintainers <maintainers@iot-edge-anomaly.invalid>  %s\n' \
		$name "$PACKAGE_VERSION" "$(date -R -d "@$SOURCE_DATE_EPOCH")" | gzip -n -9 >"$root.changelog.gz"
	find "$root" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
}

# package ARCH FORMAT: armhf is the armv6 binary, which runs on every Raspberry Pi and
# chooses the NEON kernels where the CPU has them.
package() {
	PACKAGE_TREE=$work/$1 PACKAGE_ARCH=$2 "$work/nfpm" package --config board/debian/nfpm.yaml --packager "$3" --target "$out" >"$work/nfpm.log" || {
		cat "$work/nfpm.log" >&2
		return 1
	}
}

for arch in amd64 arm64 armv7 armv6; do tree $arch; done
for format in deb rpm; do
	package amd64 amd64 $format
	package arm64 arm64 $format
	package armv6 arm6 $format
done
for arch in amd64 arm64 armv7 armv6; do
	install -m 0644 LICENSE "$work/$arch/usr/share/doc/$name/"
	install -D -m 0755 -t "$work/$arch/usr/lib/$name" board/debian/p* # install.sh calls them
	tar --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" -C "$work/$arch" -cf - usr |
		gzip -n -9 >"$out/${name}_${version}_linux_$arch.tar.gz"
done
"$go" run ./scripts/image -version "$version" -date "$SOURCE_DATE_EPOCH" -out "$out/${name}_${version}_oci.tar" "$work"/{amd64,arm64,armv7,armv6}
for arch in amd64 arm64 armv7 armv6; do
	"$go" run ./scripts/sbom -version "$version" -date "$SOURCE_DATE_EPOCH" "dist/${name}_linux_$arch" >"$out/${name}_${version}_linux_$arch.cdx.json"
done
sed "s|^KEY=''|KEY='${MINISIGN_PUBLIC:-}'|" scripts/release/install.sh >"$out/install.sh"
chmod 0755 "$out/install.sh"
scripts/notes.sh "${version%.dirty}" >"$out/RELEASE_NOTES.md"
(cd "$out" && sha256sum -- * >../SHA256SUMS && mv ../SHA256SUMS .)
cat "$out/SHA256SUMS"
