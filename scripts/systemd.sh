#!/bin/bash
# Installs the package on a real systemd and goes through the life of the service
# (scripts/systemd/trial.sh). It boots a small Debian or Ubuntu in a container of
# systemd-nspawn, with mosquitto and a Modbus device beside the agent.
#
#   scripts/systemd.sh [SUITE...]      bookworm (systemd 252), jammy (249), bullseye (247); default: all
#
# It needs root, dist/release (make release), and the network for the first roots, which
# stay in .build/systemd. It prints a line for each step and ends with 1 if one fails.
set -euo pipefail
cd "$(dirname "$0")/.."
name=iot-edge-anomaly
go=${GO:-$(scripts/go.sh)}

if [ "$(id -u)" != 0 ]; then
	echo "scripts/systemd.sh: needs root, for debootstrap and systemd-nspawn" >&2
	exit 1
fi
deb=$PWD/$(ls dist/release/${name}_*_"$(dpkg --print-architecture)".deb)
scripts/setup.sh minisign
work=$(mktemp -d "$PWD/.build/systemd-run.XXXXXX")
trap 'rm -rf --one-file-system "$work"' EXIT
CGO_ENABLED=0 "$go" build -o "$work/" ./scripts/systemd/plc ./scripts/runbook
# an older version of the same package, to upgrade from and to go back to
dpkg-deb -R "$deb" "$work/older"
sed -i 's/^Version: .*/Version: 0.0.0~older/' "$work/older/DEBIAN/control"
dpkg-deb -b --root-owner-group -Zgzip "$work/older" "$work/older.deb" >/dev/null
# a release for install.sh, signed by a key of this run
mkdir "$work/release"
cp dist/release/SHA256SUMS dist/release/install.sh dist/release/*_linux_"$(dpkg --print-architecture | sed s/armhf/armv7/)".tar.gz "$work/release/"
minisign -G -W -p "$work/release/key.pub" -s "$work/key" >/dev/null
minisign -S -s "$work/key" -m "$work/release/SHA256SUMS" >/dev/null

trial() {
	local suite=$1 base root
	base=$(scripts/systemd/root.sh "$suite")
	root=$work/$suite
	cp -a "$base" "$root"
	cp "$deb" "$root/root/new.deb"
	cp "$work/older.deb" "$work/plc" "$work/runbook" docs/runbook.md scripts/systemd/trial.sh "$root/root/"
	cp -r "$work/release" "$root/root/"
	scripts/systemd/boot.sh "$root" 1200
	rm -rf --one-file-system "$root"
}

for suite in "${@:-bookworm jammy bullseye}"; do
	for s in $suite; do
		echo "== $s"
		from=$SECONDS
		trial "$s"
		echo "== $s: $((SECONDS - from)) s"
	done
done
