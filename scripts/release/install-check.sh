#!/bin/bash
# Runs install.sh of dist/release in bare roots: busybox alone under each architecture's
# name, and a Debian with dash, where signature, upgrade and removal are tried. It needs
# root, and the network for the first Debian root.
#
#   scripts/release/install-check.sh [SUITE]
set -euo pipefail
cd "$(dirname "$0")/../.."
suite=${1:-bookworm}
name=iot-edge-anomaly
scripts/setup.sh minisign busybox-static qemu-user-static binutils
base=$(scripts/systemd/root.sh "$suite")
busybox=$(dpkg -L busybox-static | grep -m 1 'bin/busybox$')
work=$(mktemp -d "$PWD/.build/install.XXXXXX")
server=""
trap '[ -z "$server" ] || kill "$server"; rm -rf --one-file-system "$work"' EXIT
chmod 0755 "$work"
fail() {
	echo "scripts/release/install-check.sh: $*" >&2
	exit 1
}

# A release and an older one, signed by a key of this run.
minisign -G -W -p "$work/key.pub" -s "$work/key" >/dev/null
key=$(sed -n 2p "$work/key.pub")
sign() { (cd "$1" && sha256sum -- *.tar.gz >SHA256SUMS && minisign -S -s "$work/key" -m SHA256SUMS >/dev/null); }
mkdir -p "$work/site/new" "$work/site/old" "$work/tree"
cp dist/release/*.tar.gz dist/release/install.sh "$work/site/new/"
tar -xzf dist/release/*_linux_amd64.tar.gz -C "$work/tree"
echo "no longer shipped" >"$work/tree/usr/share/doc/$name/OLD"
tar -czf "$work/site/old/${name}_0.0.1_linux_amd64.tar.gz" -C "$work/tree" usr
sign "$work/site/new"
sign "$work/site/old"

# bare MACHINE SHELL: a root with busybox, for ash with a uname that says MACHINE, and
# whose /bin/sh is the file SHELL.
bare() {
	root=$work/bare machine=$1
	rm -rf "$root"
	mkdir -p "$root/bin" "$root/tmp" "$root/dev" "$root/proc"
	cp "$busybox" "$root/bin/busybox"
	chroot "$root" /bin/busybox --install -s /bin
	rm -f "$root/bin/sh"
	cp "$2" "$root/bin/sh"
	mkdir "$root/sbin"
	ln -s /bin/busybox "$root/sbin/sh" # one that this machine can run
	cp -r "$work/site/new" "$root/release"
}
ash() { chroot "$root" /bin/busybox env -i PATH=/sbin:/bin /bin/ash -c "uname() { echo $machine; }; . /release/install.sh" install.sh "$@"; }

narrow=dist/${name}_linux_armv7
for c in x86_64:wide:amd64 aarch64:wide:arm64 aarch64:narrow:armv7 armv8l:narrow:armv7 armv7l:narrow:armv7 armv6l:narrow:armv6; do
	IFS=: read -r machine class want <<<"$c"
	case $class in wide) bare "$machine" "$busybox" ;; narrow) bare "$machine" "$narrow" ;; esac
	ash --from /release --checksum-only >"$work/log" 2>&1 || fail "$c: $(cat "$work/log")"
	cmp "dist/${name}_linux_$want" "$root/usr/bin/$name" || fail "$c: another binary"
	case $want in
	amd64) version=$("$root/usr/bin/$name" version) ;;
	arm64) version=$(qemu-aarch64-static "$root/usr/bin/$name" version) ;;
	armv7) version=$(qemu-arm-static -cpu cortex-a7 "$root/usr/bin/$name" version) ;;
	armv6) version=$(qemu-arm-static -cpu arm1176 "$root/usr/bin/$name" version) ;;
	esac
	[ -e "$root/etc/$name/config.yaml" ] || fail "$c: no configuration"
	ash uninstall --purge >"$work/log" 2>&1 || fail "$c: uninstall: $(cat "$work/log")"
	left=$(find "$root" -name "*$name*" -not -path "$root/release/*")
	[ -z "$left" ] || fail "$c: uninstall leaves $left"
	echo "busybox ash, $machine, $(echo "$class" | sed 's/wide/64/; s/narrow/32/')-bit programs: $(head -n 1 <<<"$version") for $want, and removed"
done
for machine in i686 riscv64 armv5tel ppc64le; do
	bare $machine "$narrow"
	if ash --from /release --checksum-only >"$work/log" 2>&1; then fail "$machine: installs"; fi
	grep -q "no build for the machine \"$machine\"" "$work/log" || fail "$machine: $(cat "$work/log")"
done
echo "i686, riscv64, armv5tel, ppc64le: refused by name"

# A Debian with dash and openssl, downloads by curl, its own network.
root=$work/debian
cp -a "$base" "$root"
cp -r "$work/site" "$work/key.pub" "$root/srv/"
port=$((20000 + RANDOM % 20000))
busybox httpd -f -p "127.0.0.1:$port" -h "$work/site" &
server=$!
deb() { chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin dash /srv/site/new/install.sh "$@"; }
refused() {
	local text=$1
	shift
	if deb "$@" >"$work/log" 2>&1; then fail "installs: $*"; fi
	grep -q "$text" "$work/log" || fail "$*: $(cat "$work/log")"
	[ ! -e "$root/usr/bin/$name" ] || fail "$*: installed all the same"
}
refused 'no key to verify' --from /srv/site/new
other=$(minisign -G -W -f -p "$work/other.pub" -s "$work/other" >/dev/null && sed -n 2p "$work/other.pub")
refused 'signature of SHA256SUMS is wrong' --from /srv/site/new --key "$other"
cp -r "$root/srv/site/new" "$root/srv/changed"
echo >>"$root/srv/changed/SHA256SUMS"
refused 'signature of SHA256SUMS is wrong' --from /srv/changed --key "$key"
cp "$root/srv/site/new/SHA256SUMS" "$root/srv/changed/"
printf x >>"$(ls "$root"/srv/changed/*amd64.tar.gz)"
refused 'another checksum' --from /srv/changed --key "$key"
rm "$root/srv/changed/SHA256SUMS.minisig"
refused 'cannot get SHA256SUMS.minisig' --from /srv/changed --key "$key"
refused 'cannot get SHA256SUMS from' --from "http://127.0.0.1:$port/absent" --key "$key"
echo "dash: no key, another key, a changed list, a changed archive, no signature: refused, nothing installed"

deb --from "http://127.0.0.1:$port/old" --key "$key" >"$work/log" 2>&1 || fail "$(cat "$work/log")"
[ -e "$root/usr/share/doc/$name/OLD" ] || fail "the older release lacks its file"
[ "$(stat -c %a "$root/etc/$name/credentials" 2>/dev/null || echo 700)" = 700 ] || fail "credentials may be read"
echo "# mine" >>"$root/etc/$name/config.yaml"
deb --from "http://127.0.0.1:$port/new" --key /srv/key.pub >"$work/log" 2>&1 || fail "$(cat "$work/log")"
grep -q 'in place of the older one' "$work/log" || fail "$(cat "$work/log")"
[ ! -e "$root/usr/share/doc/$name/OLD" ] || fail "the upgrade leaves a file of the older release"
grep -qx '# mine' "$root/etc/$name/config.yaml" || fail "the upgrade changes the configuration"
chroot "$root" $name version >/dev/null
deb uninstall >"$work/log" 2>&1 || fail "$(cat "$work/log")"
if [ -e "$root/usr/bin/$name" ] || [ ! -e "$root/etc/$name/config.yaml" ]; then fail "uninstall without --purge"; fi
deb --from "http://127.0.0.1:$port/new" --key "$key" >/dev/null 2>&1
deb uninstall --purge >"$work/log" 2>&1 || fail "$(cat "$work/log")"
left=$(find "$root" -xdev -name "*$name*" -not -path "$root/srv/*")
[ -z "$left" ] || fail "uninstall --purge leaves $left"
echo "dash: download, verify by openssl, upgrade, uninstall, purge: done"
cp "$(ls dist/release/*_amd64.deb)" "$root/srv/p.deb"
chroot "$root" dpkg -i /srv/p.deb >/dev/null 2>&1
if deb --from /srv/site/new --key "$key" >"$work/log" 2>&1 || ! grep -q 'installed by dpkg' "$work/log"; then fail "beside the package: $(cat "$work/log")"; fi
echo "beside the package of dpkg: refused"

# Into the folder of an image, verified by minisign.
image=$work/image
mkdir -p "$image"
sh "$work/site/new/install.sh" --from "$work/site/new" --key "$key" --root "$image" >/dev/null
cmp "dist/${name}_linux_$(dpkg --print-architecture | sed s/armhf/armv7/)" "$image/usr/bin/$name"
if sh "$work/site/new/install.sh" --from "$work/site/new" --key "$other" --root "$image" >"$work/log" 2>&1 || ! grep -q 'signature of SHA256SUMS is wrong' "$work/log"; then fail "minisign: $(cat "$work/log")"; fi
sh "$work/site/new/install.sh" uninstall --purge --root "$image" >/dev/null
left=$(find "$image" -name "*$name*")
[ -z "$left" ] || fail "uninstall --root leaves $left"
echo "--root, verified by minisign: installed and removed"
