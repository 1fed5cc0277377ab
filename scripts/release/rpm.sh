#!/bin/bash
# Installs, upgrades and erases the .rpm of dist/release by rpm, on a real systemd: a Debian
# in a container, whose rpm knows none of the packages that are there (--nodeps). Fedora,
# openSUSE and RHEL themselves, and dnf, are not tried. It needs root and the network.
#
#   scripts/release/rpm.sh [SUITE]
set -euo pipefail
cd "$(dirname "$0")/../.."
suite=${1:-bookworm}
name=iot-edge-anomaly
scripts/setup.sh rpm
case $(dpkg --print-architecture) in
amd64) arch=amd64 rpm=x86_64 ;;
arm64) arch=arm64 rpm=aarch64 ;;
*) echo "scripts/release/rpm.sh: no .rpm is tried on $(dpkg --print-architecture)" >&2 && exit 1 ;;
esac
base=$(scripts/systemd/root.sh "$suite")
work=$(mktemp -d "$PWD/.build/rpm.XXXXXX")
trap 'rm -rf --one-file-system "$work"' EXIT
new=$(ls dist/release/*"$rpm".rpm)

# What each package says and has, as the .deb of the same processor. armhf has no other name in rpm.
for pair in amd64:x86_64 arm64:aarch64 armhf:armv6hl; do
	p=$(ls dist/release/*"${pair#*:}".rpm)
	rpm -K --nosignature "$p" >/dev/null
	rpm -qp --requires "$p" | grep -qx 'systemd >= 247'
	rpm -qp --qf '[%{FILEMODES:octal} %{FILENAMES}\n]' "$p" | sed -n 's/^100//p' | sort -k 2 >"$work/rpm.list"
	dpkg-deb --fsys-tarfile "$(ls dist/release/*_"${pair%:*}".deb)" | tar -tv | awk '/^-/ { print $1, substr($6, 2) }' | sed 's/^-rwxr-xr-x/0755/; s/^-rw-r--r--/0644/' | sort -k 2 >"$work/deb.list"
	if ! diff <(sed 's/^0*//' "$work/rpm.list" | grep -v '/usr/share/licenses/') <(sed 's/^0*//' "$work/deb.list" | grep -v "/lintian/\|/$name/copyright$\|/$name/changelog.gz$"); then
		echo "scripts/release/rpm.sh: $p has other files than the .deb" >&2
		exit 1
	fi
	echo "${p##*/}: digests are right, $(wc -l <"$work/rpm.list") files, the same as in the .deb"
done

# An older version, with a file that the new one no longer has.
cp -a ".build/release/$arch" "$work/tree"
cp ".build/release/$arch.changelog.gz" "$work/tree.changelog.gz"
echo "no longer shipped" >"$work/tree/usr/share/doc/$name/OLD"
mkdir "$work/old"
PACKAGE_VERSION=0.0.0~older PACKAGE_TREE=$work/tree PACKAGE_ARCH=$arch .build/release/nfpm package --config board/debian/nfpm.yaml --packager rpm --target "$work/old" >/dev/null

root=$work/root
cp -a "$base" "$root"
cp -L /etc/resolv.conf "$root/etc/resolv.conf"
chroot "$root" env -i LC_ALL=C.UTF-8 HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive \
	apt-get -q -y -o Dpkg::Use-Pty=0 install --no-install-recommends rpm >"$work/log" 2>&1 || {
	tail "$work/log" >&2
	exit 1
}
cp "$new" "$root/root/new.rpm"
cp "$work"/old/*.rpm "$root/root/old.rpm"
cp scripts/systemd/rpm.sh "$root/root/trial.sh"
scripts/systemd/boot.sh "$root"
