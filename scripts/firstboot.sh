#!/bin/bash
# From a blank card to a running gateway: boots a Debian arm64 that has never been started,
# with Debian's kernel and cloud-init, in qemu-system-aarch64. board/firstboot/user-data lies
# on a volume of its own, as on the boot partition of a card. cloud-init downloads the
# release over HTTP, verifies it and installs it. Then systemd hangs, and then the kernel, with
# the watchdog of docs/troubleshooting.md switched on, which must start the gateway again.
#
# It needs root, dist/release (make release), and the network for the first root, which
# stays in .build/systemd. It ends with 1 if a line that it wants is missing. A boot has 20
# minutes (LIMIT, in seconds).
set -euo pipefail
cd "$(dirname "$0")/.."
name=iot-edge-anomaly
go=${GO:-$(scripts/go.sh)}
limit=${LIMIT:-1200}
fail() {
	echo "scripts/firstboot.sh: $*" >&2
	exit 1
}
[ "$(id -u)" = 0 ] || fail "needs root, for debootstrap"
ls dist/release/${name}_*_arm64.deb >/dev/null || fail "dist/release has no package for arm64: make release"
scripts/setup.sh qemu-system-arm minisign busybox-static e2fsprogs dosfstools mtools mosquitto

from=$SECONDS
base=$(scripts/systemd/root.sh bookworm arm64 cloud-init,python3-cffi-backend,minisign,linux-image-arm64,initramfs-tools,iproute2,netbase)
echo "Debian arm64: made or found in $((SECONDS - from)) s"
mkdir -p .build
work=$(mktemp -d "$PWD/.build/firstboot.XXXXXX")
trap 'rm -rf --one-file-system "$work"' EXIT
root=$work/root
cp -a "$base" "$root"

# A release that a key of this run has signed.
mkdir "$work/site"
cp dist/release/*.deb dist/release/SHA256SUMS "$work/site/"
minisign -G -W -p "$work/key.pub" -s "$work/key" >/dev/null
minisign -S -s "$work/key" -m "$work/site/SHA256SUMS" >/dev/null

# The marked lines of user-data are changed. There is no mirror of Debian: the packages that
# it asks for are on the card.
mkdir "$work/card"
sed "s|https://example[^ ]*|http://10.0.2.100|; s|key=RWQ[^ ]*|key='$(sed -n 2p "$work/key.pub")'|; /^package/d
	s|tcp://10.1.2.3:502|tcp://127.0.0.1:1502|; s|holding:40|holding:0|; s|mqtts://broker.plant:8883|mqtt://127.0.0.1:1883|" board/firstboot/user-data >"$work/card/user-data"
[ "$(diff board/firstboot/user-data "$work/card/user-data" | grep -c '^<')" = 7 ] || fail "user-data has other lines than this script changes"
: >"$work/card/meta-data"
truncate -s 8M "$work/card.img"
mkfs.vfat -n CIDATA "$work/card.img" >/dev/null
mcopy -i "$work/card.img" "$work/card/user-data" "$work/card/meta-data" ::

# What the gateway is connected with runs beside the agent: a Modbus device and a broker.
CGO_ENABLED=0 GOOS=linux GOARCH=arm64 "$go" build -o "$root/root/plc" ./scripts/systemd/plc
printf '[Service]\nExecStart=/root/plc\n[Install]\nWantedBy=multi-user.target\n' >"$root/etc/systemd/system/plc.service"
mosquitto_passwd -b -c "$root/etc/mosquitto/pw" gw7 change-me
chmod 0644 "$root/etc/mosquitto/pw"
printf 'listener 1883 127.0.0.1\npassword_file /etc/mosquitto/pw\n' >"$root/etc/mosquitto/conf.d/gateway.conf"
cp scripts/systemd/firstboot.sh "$root/root/trial.sh"
cat >"$root/etc/systemd/system/trial.service" <<'UNIT'
[Unit]
After=multi-user.target cloud-final.service
[Service]
Type=oneshot
ExecStart=/bin/bash /root/trial.sh
StandardOutput=append:/root/trial.out
StandardError=append:/root/trial.out
ExecStopPost=/bin/systemctl --no-block poweroff
[Install]
WantedBy=graphical.target
UNIT
mkdir -p "$root/etc/systemd/system/graphical.target.wants" "$root/etc/systemd/system/multi-user.target.wants"
ln -s ../trial.service "$root/etc/systemd/system/graphical.target.wants/"
ln -s ../plc.service "$root/etc/systemd/system/multi-user.target.wants/"
ln -s /lib/systemd/system/systemd-networkd.service "$root/etc/systemd/system/multi-user.target.wants/"
ln -sf /lib/systemd/system/graphical.target "$root/etc/systemd/system/default.target"
: >"$root/etc/machine-id"
echo card >"$root/etc/hostname"
printf '127.0.0.1 localhost\n' >"$root/etc/hosts"
echo '/dev/vda / ext4 defaults 0 1' >"$root/etc/fstab"
rm -f "$root/etc/resolv.conf"

cp "$root"/boot/vmlinuz-* "$work/vmlinuz"
cp "$root"/boot/initrd.img-* "$work/initrd"
truncate -s 3G "$work/disk.img"
mkfs.ext4 -q -d "$root" "$work/disk.img"
rm -rf --one-file-system "$root"

# It reaches the release at 10.0.2.100, and nothing else. The watchdog's
# reset starts it again.
from=$SECONDS
timeout "$limit" qemu-system-aarch64 -M virt -cpu cortex-a72 -smp 2 -m 1024 -nodefaults -display none -serial "file:$work/console" \
	-kernel "$work/vmlinuz" -initrd "$work/initrd" -append "root=/dev/vda rw console=ttyAMA0 loglevel=4" \
	-drive "if=none,id=d0,format=raw,cache=unsafe,file=$work/disk.img" -device virtio-blk-pci,drive=d0 \
	-drive "if=none,id=d1,format=raw,readonly=on,file=$work/card.img" -device virtio-blk-pci,drive=d1 \
	-netdev "user,id=n0,restrict=on,guestfwd=tcp:10.0.2.100:80-cmd:busybox httpd -i -h $work/site" \
	-device virtio-net-pci,romfile=,netdev=n0 -device virtio-rng-pci -device i6300esb -action watchdog=reset </dev/null || echo "qemu ended with $? after $((SECONDS - from)) s" >&2
debugfs -R 'cat /root/trial.out' "$work/disk.img" 2>/dev/null >"$work/trial.out" || true
cat "$work/trial.out"
while read -r want; do
	grep -q -- "$want" "$work/trial.out" || {
		tail -n 40 "$work/console" >&2
		debugfs -R 'cat /var/log/cloud-init-output.log' "$work/disk.img" 2>/dev/null | tail -n 20 >&2
		fail "the first boot lacks: $want"
	}
done <<'WANTED'
^package: iot-edge-anomaly
^machine: aarch64$
^service: active, enabled$
^health: {"status":".*"mqtt":{"status":"healthy"
^status: .* on gw7.*, site plant-3: 
^rows: [1-9]
^mode of the password: 600$
^watchdog: RuntimeWatchdogUSec=1min, i6300ESB timer is active$
^systemd hangs
^started again by the watchdog after systemd
^service: active, enabled, after systemd$
^kernel hangs
^started again by the watchdog after kernel
^service: active, enabled, after kernel$
WANTED
echo "from a blank card to a running gateway, and back after systemd and the kernel have hung: $((SECONDS - from)) s in emulation"
