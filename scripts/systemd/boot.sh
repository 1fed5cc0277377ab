#!/bin/bash
# Boots a root as a container of systemd-nspawn, with a network of its own, runs the script
# in it that lies at /root/trial.sh, and prints what that wrote. It ends with 1 unless a line
# says "all steps passed".
#
#   scripts/systemd/boot.sh ROOT [SECONDS]     the most that it may take; 600
set -euo pipefail
cd "$(dirname "$0")/../.."
root=$1
scripts/setup.sh systemd-container
cp scripts/systemd/steps.sh "$root/root/"
cat >"$root/etc/systemd/system/trial.service" <<UNIT
[Unit]
After=multi-user.target cloud-final.service
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
ln -sf /lib/systemd/system/graphical.target "$root/etc/systemd/system/default.target"
rm -f "$root/etc/systemd/system/multi-user.target.wants/mosquitto.service" # its own is started

# its own network: a port that is taken here is free there
timeout "${2:-600}" systemd-nspawn -q -D "$root" --machine="trial-$$" --boot --register=no --keep-unit --private-network </dev/null >"$root/root/console" 2>&1 || true
cat "$root/root/trial.out" || true
if ! grep -qx 'all steps passed' "$root/root/trial.out"; then
	tail -n 30 "$root/root/trial.err" "$root/root/console" >&2
	exit 1
fi
