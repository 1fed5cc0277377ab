#!/bin/bash
# Prints the folder of a small Debian or Ubuntu with systemd, and makes it if it is not
# there yet, in .build/systemd. It needs root and debootstrap, and the network once.
#
#   scripts/systemd/root.sh SUITE [ARCHITECTURE]     bookworm, bullseye, trixie, jammy
set -euo pipefail
cd "$(dirname "$0")/../.."
suite=$1
arch=${2:-$(dpkg --print-architecture)}
base=$PWD/.build/systemd/$suite
if [ "$arch" != "$(dpkg --print-architecture)" ]; then base=$base-$arch; fi
packages=systemd,systemd-sysv,dbus,udev,curl,ca-certificates,openssl,mosquitto,mosquitto-clients,chrony
case $suite in
jammy | noble)
	# Debian has no key of Ubuntu's archive; the root is thrown away and runs nothing of value
	mirror=${UBUNTU_MIRROR:-http://archive.ubuntu.com/ubuntu} more="--no-check-gpg --components=main,universe"
	;;
*) mirror=${MIRROR:-http://deb.debian.org/debian} more="" ;;
esac
if [ ! -e "$base/ready" ]; then
	scripts/setup.sh debootstrap
	rm -rf --one-file-system "$base"
	mkdir -p "$base"
	# shellcheck disable=SC2086 # options are words
	debootstrap $more --arch="$arch" --variant=minbase --include=$packages "$suite" "$base/root" "$mirror" >"$base/log" 2>&1 || {
		tail -n 20 "$base/log" >&2
		exit 1
	}
	touch "$base/ready"
fi
echo "$base/root"
