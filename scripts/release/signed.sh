#!/bin/bash
# Signs a copy of dist/release with keys made for this run, and uses the signatures as a
# user does: minisign verifies, and a bare Debian installs the package from the signed
# apt repository and refuses one that somebody has changed. It needs root, and the
# network for the first root (.build/systemd, which scripts/systemd.sh uses too).
#
#   scripts/release/signed.sh [SUITE]
set -euo pipefail
cd "$(dirname "$0")/../.."
suite=${1:-bookworm}
name=iot-edge-anomaly
scripts/setup.sh minisign apt-utils gnupg
base=$(scripts/systemd/root.sh "$suite")
work=$(mktemp -d "$PWD/.build/signed.XXXXXX")
chmod 0755 "$work"
trap 'gpgconf --kill all >/dev/null 2>&1 || true; rm -rf --one-file-system "$work"' EXIT
cp -r dist/release "$work/release"

export GNUPGHOME=$work/gnupg
mkdir -m 0700 "$GNUPGHOME"
gpg -q --batch --passphrase '' --quick-generate-key 'test <test@example.invalid>' ed25519 sign never
minisign -G -W -p "$work/key.pub" -s "$work/key" >/dev/null
RELEASE=$work/release MINISIGN_KEY=$work/key GPG_KEY=test@example.invalid scripts/release/sign.sh >/dev/null

verify() { minisign -V -q -p "$work/key.pub" -m "$work/release/SHA256SUMS"; }
verify
(cd "$work/release" && sha256sum --quiet -c SHA256SUMS)
echo >>"$work/release/SHA256SUMS"
if verify 2>/dev/null; then
	echo "minisign takes a file that has changed" >&2
	exit 1
fi
echo "minisign: verifies, and refuses one byte more"

root=$work/root
cp -a "$base" "$root"
cp -r "$work/apt" "$root/srv/apt"
cp "$work/apt/$name.gpg" "$root/usr/share/keyrings/"
rm -f "$root/etc/apt/sources.list"
echo "deb [signed-by=/usr/share/keyrings/$name.gpg] file:/srv/apt stable main" >"$root/etc/apt/sources.list.d/$name.list"
inside() { chroot "$root" env -i LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive "$@"; }
inside apt-get -q update
inside apt-get -q -y install $name
inside $name version
inside dpkg-query -W $name
echo "apt-get update and install from the signed repository: done"

# the first byte of a description: a valid file with another meaning
sed -i 's/^Description: A/Description: B/' "$root"/srv/apt/dists/stable/main/binary-*/Packages
rm -f "$root"/srv/apt/dists/stable/main/binary-*/Packages.gz
rm -rf "$root"/var/lib/apt/lists/*
if inside apt-get -q update >"$work/log" 2>&1; then
	cat "$work/log" >&2
	echo "apt takes an index that has changed" >&2
	exit 1
fi
grep -m 1 -i 'mismatch\|hash' "$work/log"
cp "$work/apt/dists/stable/main/binary-amd64/"* "$root/srv/apt/dists/stable/main/binary-amd64/"
cp "$work/apt/dists/stable/main/binary-arm64/"* "$root/srv/apt/dists/stable/main/binary-arm64/"
cp "$work/apt/dists/stable/main/binary-armhf/"* "$root/srv/apt/dists/stable/main/binary-armhf/"
sed -i 's/^Suite: stable/Suite: stablo/' "$root/srv/apt/dists/stable/InRelease"
rm -rf "$root"/var/lib/apt/lists/* "$root/srv/apt/dists/stable/Release.gpg"
if inside apt-get -q update >"$work/log" 2>&1 && ! grep -q 'not signed\|BADSIG\|invalid' "$work/log"; then
	cat "$work/log" >&2
	echo "apt takes a release file that has changed" >&2
	exit 1
fi
echo "apt refuses an index and a release file that have changed"
