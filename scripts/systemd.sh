#!/bin/bash
# Installs the package on a real systemd and goes through the life of the service:
# install, start, reload (good and bad), kill -9, a stopped process, upgrade, remove,
# purge. It boots a small Debian in a container of systemd-nspawn.
#
#   scripts/systemd.sh [SUITE]      Debian's suite; default: bookworm
#
# It needs root, dist/release (make release), and the network for the first root, which
# stays in .build/systemd. It prints a line for each step and ends with 1 if one fails.
set -euo pipefail
cd "$(dirname "$0")/.."
suite=${1:-bookworm}
name=iot-edge-anomaly

if [ "$(id -u)" != 0 ]; then
	echo "scripts/systemd.sh: needs root, for debootstrap and systemd-nspawn" >&2
	exit 1
fi
deb=$(ls dist/release/${name}_*_"$(dpkg --print-architecture)".deb)
scripts/setup.sh systemd-container
base=$(scripts/systemd/root.sh "$suite")
root=$(mktemp -d "$PWD/.build/systemd/run.XXXXXX")
trap 'rm -rf --one-file-system "$root"' EXIT
cp -a "$base/." "$root/"

cp "$deb" "$root/root/new.deb"
cp scripts/systemd/trial.sh "$root/root/trial.sh"
cat >"$root/etc/systemd/system/trial.service" <<UNIT
[Unit]
After=multi-user.target
[Service]
Type=oneshot
ExecStart=/bin/bash /root/trial.sh
StandardOutput=file:/root/trial.out
StandardError=file:/root/trial.err
ExecStopPost=/bin/systemctl --no-block poweroff
[Install]
WantedBy=graphical.target
UNIT
mkdir -p "$root/etc/systemd/system/graphical.target.wants"
ln -s ../trial.service "$root/etc/systemd/system/graphical.target.wants/trial.service"
ln -sf /usr/lib/systemd/system/graphical.target "$root/etc/systemd/system/default.target"

# its own network: a port that is taken here is free there
timeout 300 systemd-nspawn -q -D "$root" --boot --register=no --keep-unit --private-network </dev/null >"$root/root/console" 2>&1 || true
cat "$root/root/trial.out"
if ! grep -qx 'all steps passed' "$root/root/trial.out"; then
	tail -n 30 "$root/root/trial.err" "$root/root/console" >&2
	exit 1
fi
