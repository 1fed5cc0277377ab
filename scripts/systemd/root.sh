#!/bin/bash
# Prints the folder of a small Debian or Ubuntu with systemd, and makes it if it is not
# there yet, in .build/systemd. It needs root and debootstrap, and the network once. The
# packages of another processor are configured in emulation, by qemu-user-static.
#
#   scripts/systemd/root.sh SUITE [ARCHITECTURE [PACKAGE,...]]     bookworm, bullseye, trixie, jammy
set -euo pipefail
cd "$(dirname "$0")/../.."
suite=$1
here=$(dpkg --print-architecture)
arch=${2:-$here}
base=$PWD/.build/systemd/$suite
if [ "$arch" != "$here" ]; then base=$base-$arch; fi
packages=systemd,systemd-sysv,dbus,udev,curl,ca-certificates,openssl,mosquitto,mosquitto-clients,chrony,procps${3:+,$3}
case $suite in
jammy | noble)
	# Debian has no key of Ubuntu's archive; the root is thrown away and runs nothing of value
	mirror=${UBUNTU_MIRROR:-http://archive.ubuntu.com/ubuntu} more="--no-check-gpg --components=main,universe"
	;;
*) mirror=${MIRROR:-http://deb.debian.org/debian} more="" ;;
esac

# emulate lets the kernel run programs of the other processor until this script ends.
emulate() {
	local name misc=/proc/sys/fs/binfmt_misc
	case $arch in
	arm64) name=qemu-aarch64 ;;
	armhf) name=qemu-arm ;;
	*) echo "scripts/systemd/root.sh: no emulator for $arch" >&2 && exit 1 ;;
	esac
	scripts/setup.sh qemu-user-static
	[ -e $misc/register ] || mount -t binfmt_misc binfmt_misc $misc
	if [ ! -e $misc/$name ]; then
		cat "/usr/lib/binfmt.d/$name.conf" >$misc/register
		# shellcheck disable=SC2064 # now
		trap "echo -1 >$misc/$name" EXIT
	fi
}

# configure does for another processor what debootstrap's second stage does, in a tenth of
# the time: the dpkg of this machine unpacks, and only the packages' scripts are emulated.
configure() {
	local p root=$base/root
	mkdir -p "$root/var/lib/dpkg/updates" "$root/var/lib/dpkg/info"
	touch "$root/var/lib/dpkg/available"
	printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
	chmod 0755 "$root/usr/sbin/policy-rc.d"
	dpkg --root="$root" --force-depends --force-architecture --unpack "$root"/var/cache/apt/archives/*.deb
	for p in py3compile py3clean; do # Python compiles what it uses
		if [ -e "$root/usr/bin/$p" ]; then
			mv "$root/usr/bin/$p" "$root/usr/bin/$p.real"
			ln -s /bin/true "$root/usr/bin/$p"
		fi
	done
	if [ -L "$root/proc" ]; then rm "$root/proc"; fi # to /proc
	mkdir -p "$root/proc"
	mount -t proc proc "$root/proc"
	chroot "$root" dpkg --configure -a
	for p in "$root"/usr/bin/*.real; do if [ -e "$p" ]; then mv "$p" "${p%.real}"; fi; done
	rm "$root/usr/sbin/policy-rc.d"
}

if [ "$(cat "$base/ready" 2>/dev/null)" != "$packages" ]; then
	scripts/setup.sh debootstrap
	rm -rf --one-file-system "$base"
	mkdir -p "$base"
	# shellcheck disable=SC2086 # options are words
	debootstrap $more --foreign --arch="$arch" --variant=minbase --include="$packages" "$suite" "$base/root" "$mirror" >"$base/log" 2>&1 || {
		tail -n 20 "$base/log" >&2
		exit 1
	}
	if [ "$arch" != "$here" ]; then emulate; fi
	mkdir -p "$base/root/etc/dpkg/dpkg.cfg.d" "$base/root/usr/share/initramfs-tools/modules.d" "$base/root/etc/initramfs-tools/conf.d"
	echo force-unsafe-io >"$base/root/etc/dpkg/dpkg.cfg.d/fast"
	# what a disk of qemu needs, if a kernel is among the packages
	printf 'virtio_pci\nvirtio_blk\next4\ncrc32c\n' >"$base/root/usr/share/initramfs-tools/modules.d/qemu"
	echo MODULES=list >"$base/root/etc/initramfs-tools/conf.d/qemu"
	export LC_ALL=C HOME=/root DEBIAN_FRONTEND=noninteractive base
	export -f configure
	if [ "$arch" = "$here" ]; then
		unshare --mount --pid --fork --kill-child chroot "$base/root" env -i LC_ALL=C HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive \
			/debootstrap/debootstrap --second-stage >>"$base/log" 2>&1
	else
		unshare --mount --pid --fork --kill-child bash -euc configure >>"$base/log" 2>&1
	fi || {
		tail -n 20 "$base/log" >&2
		exit 1
	}
	rm -rf "$base/root/debootstrap"
	rm -f "$base"/root/var/cache/apt/archives/*.deb
	echo "$packages" >"$base/ready"
fi
echo "$base/root"
