#!/bin/bash
# Signs what make release made, with keys that the environment names:
#
#   MINISIGN_KEY   file of minisign's secret key: signs SHA256SUMS in dist/release
#   GPG_KEY        user id of gpg's secret key: makes dist/apt, a signed apt repository
#
# A key that is not named leaves its part out; without both it ends with 2. minisign and
# gpg ask for a passphrase if the key has one.
set -euo pipefail
cd "$(dirname "$0")/../.."
export LC_ALL=C TZ=UTC
release=${RELEASE:-dist/release}
version=${VERSION:-$(scripts/version.sh)}
if [ -z "${MINISIGN_KEY:-}${GPG_KEY:-}" ]; then
	echo "scripts/release/sign.sh: name a key: MINISIGN_KEY=FILE, GPG_KEY=ID" >&2
	exit 2
fi
if [ -n "${MINISIGN_KEY:-}" ]; then
	command -v minisign >/dev/null || scripts/setup.sh minisign
	minisign -S -s "$MINISIGN_KEY" -m "$release/SHA256SUMS" -t "iot-edge-anomaly $version"
	echo "$release/SHA256SUMS.minisig"
fi
if [ -n "${GPG_KEY:-}" ]; then
	scripts/setup.sh apt-utils gnupg
	apt=${release%/*}/apt
	rm -rf "$apt"
	mkdir -p "$apt/pool"
	cp -p "$release"/*.deb "$apt/pool/"
	cd "$apt"
	for arch in amd64 arm64 armhf; do
		mkdir -p "dists/stable/main/binary-$arch"
		apt-ftparchive --arch $arch packages pool >"dists/stable/main/binary-$arch/Packages"
		gzip -n -9 -k "dists/stable/main/binary-$arch/Packages"
	done
	apt-ftparchive -o APT::FTPArchive::Release::Origin=iot-edge-anomaly -o APT::FTPArchive::Release::Suite=stable \
		-o APT::FTPArchive::Release::Codename=stable -o APT::FTPArchive::Release::Components=main \
		-o APT::FTPArchive::Release::Architectures="amd64 arm64 armhf" release dists/stable >Release
	mv Release dists/stable/Release
	gpg --batch --yes -u "$GPG_KEY" --clearsign -o dists/stable/InRelease dists/stable/Release
	gpg --batch --yes -u "$GPG_KEY" -b -a -o dists/stable/Release.gpg dists/stable/Release
	gpg --batch --yes --export "$GPG_KEY" >iot-edge-anomaly.gpg
	echo "$apt"
fi
