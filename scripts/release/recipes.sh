#!/bin/bash
# Tries what is shipped as a recipe, in a bare Debian: docker-compose reads compose.yaml,
# cloud-init validates user-data; then a container of systemd-nspawn boots with it, and
# installs a release that is signed by a key of this run. It needs root and the network.
#
#   scripts/release/recipes.sh [SUITE]
set -euo pipefail
cd "$(dirname "$0")/../.."
suite=${1:-bookworm}
scripts/setup.sh minisign
base=$(scripts/systemd/root.sh "$suite")
work=$(mktemp -d "$PWD/.build/recipes.XXXXXX")
trap 'umount -q "$work/root/proc" || true; rm -rf --one-file-system "$work"' EXIT
root=$work/root
cp -a "$base" "$root"
cp -L /etc/resolv.conf "$root/etc/resolv.conf"
printf '127.0.0.1 localhost\n' >"$root/etc/hosts"
mount -t proc proc "$root/proc"
inside() { chroot "$root" env -i LC_ALL=C.UTF-8 HOME=/root PATH=/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive "$@"; }
inside apt-get -q -y -o Dpkg::Use-Pty=0 install --no-install-recommends cloud-init docker-compose minisign >"$work/log" 2>&1 || {
	tail "$work/log" >&2
	exit 1
}
mkdir "$root/recipes"
cp board/container/compose.yaml board/firstboot/user-data "$root/recipes/"

inside docker-compose -f /recipes/compose.yaml config -q
echo "compose.yaml: docker-compose reads it"
inside cloud-init schema --config-file /recipes/user-data
sed 's/^packages: .*/packages: 5/' board/firstboot/user-data >"$root/recipes/wrong"
if inside cloud-init schema --config-file /recipes/wrong >/dev/null 2>&1; then
	echo "cloud-init takes a number for a list of packages" >&2
	exit 1
fi
echo "user-data: cloud-init validates it"

# The first boot, by a real cloud-init on a real systemd. It has no network: the release
# lies in a folder, and the packages that it asks for are there.
umount "$root/proc"
site=$root/srv/site
mkdir -p "$site" "$root/var/lib/cloud/seed/nocloud"
cp dist/release/*.deb dist/release/SHA256SUMS "$site/"
minisign -G -W -p "$work/key.pub" -s "$work/key" >/dev/null
minisign -S -s "$work/key" -m "$site/SHA256SUMS" >/dev/null
sed "s|https://example[^ ]*|file:///srv/site|; s|key=RWQ[^ ]*|key='$(sed -n 2p "$work/key.pub")'|; /^package/d" board/firstboot/user-data >"$root/var/lib/cloud/seed/nocloud/user-data"
echo 'instance-id: first' >"$root/var/lib/cloud/seed/nocloud/meta-data"
echo 'datasource_list: [NoCloud]' >"$root/etc/cloud/cloud.cfg.d/99.cfg"
cat >"$root/root/trial.sh" <<'TRIAL'
cloud-init status --wait >/dev/null
systemctl is-active iot-edge-anomaly || journalctl -u iot-edge-anomaly --no-pager | tail
iot-edge-anomaly status
stat -c 'mode of the password %a' /etc/iot-edge-anomaly/credentials/mqtt
grep -c 'driver: modbus' /etc/iot-edge-anomaly/config.yaml
tail -n 5 /var/log/cloud-init-output.log
echo 'all steps passed'
TRIAL
scripts/systemd/boot.sh "$root" 300 >/dev/null
for want in '^active$' ' on gw7-.*, site plant-3: ' '^main  *learning' '^mode of the password 600$' '^1$'; do
	grep -q -- "$want" "$root/root/trial.out" || {
		echo "the first boot lacks $want" >&2
		cat "$root/root/trial.out" >&2
		exit 1
	}
done
grep ' on gw7-' "$root/root/trial.out"
echo "user-data: after the first boot the service runs with the configuration"
