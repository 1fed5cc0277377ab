#!/bin/sh
# Installs iot-edge-anomaly on a host without a package manager that it has packages for.
# Where apt or rpm is, use the packages. It needs root, tar, gzip, sha256sum, and
# minisign or openssl 3 for the signature; curl or wget to download.
#
#   install.sh --from URL|FOLDER [--key KEY]   installs, or upgrades what is installed
#   install.sh uninstall [--purge]             removes it; --purge also configuration, models and queue
#
#   --from   where SHA256SUMS, SHA256SUMS.minisig and the archives of a release are
#   --key    minisign's public key (RW...) or a file with it; a release has its own inside
#   --root   folder that stands for /, for images
#   --checksum-only   does without a signature: whoever changes the archive can change the sum
#
# The same command upgrades. It keeps /etc/iot-edge-anomaly and /var/lib/iot-edge-anomaly.
set -eu

KEY='' # scripts/release.sh writes it here
name=iot-edge-anomaly
from='' root='' signed=yes purge='' what=install

fail() {
	echo "install.sh: $*" >&2
	exit 1
}
usage() {
	sed -n '2,/^$/s/^# \{0,1\}//p' "$0"
	exit "$1"
}

while [ $# -gt 0 ]; do
	case $1 in
	--from | --key | --root)
		[ $# -ge 2 ] || fail "$1 wants a value"
		case $1 in --from) from=$2 ;; --key) KEY=$2 ;; --root) root=${2%/} ;; esac
		shift
		;;
	--checksum-only) signed='' ;;
	--purge) purge=yes ;;
	install | uninstall) what=$1 ;;
	-h | --help) usage 0 ;;
	*) fail "unknown argument $1; install.sh --help lists them" ;;
	esac
	shift
done
lib=$root/usr/lib/$name
list=$lib/installed

# wide says whether the programs of this host are 64-bit: a 64-bit kernel may run a
# 32-bit system, as on many a Raspberry Pi.
wide() { [ "$(dd if="$root/bin/sh" bs=5 count=1 2>/dev/null | tail -c 1)" = "$(printf '\002')" ]; }

# architecture names the archive for this host.
architecture() {
	machine=$(uname -m)
	case $machine in
	x86_64 | amd64) echo amd64 ;;
	aarch64 | arm64) if wide; then echo arm64; else echo armv7; fi ;;
	armv8* | armv7*) echo armv7 ;;
	armv6*) echo armv6 ;;
	*) fail "there is no build for the machine \"$machine\": x86_64, aarch64, armv7l and armv6l are known" ;;
	esac
}

# get FILE: copies or downloads it into the work folder.
get() {
	case $from in
	http://* | https://*)
		if command -v curl >/dev/null; then
			curl -fsSL --retry 3 -o "$work/$1" "$from/$1"
		elif command -v wget >/dev/null; then
			wget -q -O "$work/$1" "$from/$1"
		else
			fail "neither curl nor wget is here: download the release and name its folder with --from"
		fi
		;;
	*) cp "$from/$1" "$work/$1" ;;
	esac || fail "cannot get $1 from $from"
}

# verify: the signature of SHA256SUMS.
verify() {
	if [ -f "$KEY" ]; then KEY=$(grep -v '^untrusted comment' "$KEY"); fi
	[ -n "$KEY" ] || fail "no key to verify the signature: give --key"
	if command -v minisign >/dev/null; then
		minisign -V -q -P "$KEY" -m "$work/SHA256SUMS" || fail "the signature of SHA256SUMS is wrong: nothing is installed"
	elif openssl pkeyutl -help 2>&1 | grep -q rawin; then
		by_openssl || fail "the signature of SHA256SUMS is wrong: nothing is installed"
	else
		fail "neither minisign nor openssl 3 is here to verify the signature: install one of them"
	fi
}

# by_openssl: minisign's format is Ed25519 over BLAKE2b-512 of the file. The key has 2
# bytes "Ed", 8 of its number and 32 of the key; the signature 2, 8 and 64.
by_openssl() {
	echo "$KEY" | openssl base64 -d -A >"$work/key" &&
		sed -n 2p "$work/SHA256SUMS.minisig" | openssl base64 -d -A >"$work/signature" &&
		[ "$(wc -c <"$work/key")" -eq 42 ] && [ "$(wc -c <"$work/signature")" -eq 74 ] &&
		[ "$(head -c 2 "$work/signature")" = ED ] &&
		{ printf '\060\052\060\005\006\003\053\145\160\003\041\000' && tail -c 32 "$work/key"; } >"$work/key.der" &&
		openssl dgst -blake2b512 -binary "$work/SHA256SUMS" >"$work/digest" &&
		tail -c 64 "$work/signature" >"$work/raw" &&
		openssl pkeyutl -verify -pubin -keyform DER -inkey "$work/key.der" -rawin -in "$work/digest" -sigfile "$work/raw" >/dev/null 2>&1
}

managed() {
	if [ -e "$root/var/lib/dpkg/info/$name.list" ]; then fail "$name is installed by dpkg: use apt"; fi
	if [ -z "$root" ] && command -v rpm >/dev/null && rpm -q "$name" >/dev/null 2>&1; then fail "$name is installed by rpm: use it"; fi
}

[ -n "$root" ] || [ "$(id -u)" = 0 ] || fail "needs root"

if [ "$what" = uninstall ]; then
	[ -e "$list" ] || fail "$list is missing: install.sh has installed nothing here"
	if [ -z "$root" ]; then sh "$lib/prerm" remove; fi
	cp "$lib/postrm" "${TMPDIR:-/tmp}/$name.postrm.$$"
	while read -r file; do rm -f "$root/$file"; done <"$list"
	rm -f "$list"
	# folders of its own; the others are not empty or not its
	find "$root/usr/share/doc/$name" "$lib" -depth -type d -exec rmdir {} \; 2>/dev/null || true
	if [ -z "$root" ]; then
		sh "${TMPDIR:-/tmp}/$name.postrm.$$" "${purge:+purge}"
	elif [ -n "$purge" ]; then
		rm -rf "${root:?}/etc/$name" "$root/var/lib/$name"
	fi
	rm -f "${TMPDIR:-/tmp}/$name.postrm.$$"
	echo "$name is removed${purge:+, with its configuration and state}"
	exit
fi

[ -n "$from" ] || usage 2 >&2
managed
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
arch=$(architecture)
get SHA256SUMS
if [ -n "$signed" ]; then
	get SHA256SUMS.minisig
	verify
fi
line=$(grep "^[0-9a-f]*  ${name}_[^/ ]*_linux_$arch\.tar\.gz\$" "$work/SHA256SUMS") || fail "SHA256SUMS has no archive for $arch"
archive=${line#*  }
get "$archive"
(cd "$work" && echo "$line" | sha256sum -c - >/dev/null 2>&1) || fail "$archive has another checksum than SHA256SUMS says: nothing is installed"
mkdir "$work/new"
gzip -dc "$work/$archive" | tar -xf - -C "$work/new"
(cd "$work/new" && find usr -type f | sort) >"$work/new.list"
old=''
if [ -e "$list" ]; then
	old=yes
	cp "$list" "$work/old.list"
fi
# beside the old file, then in its place: the running program keeps its own
while read -r file; do
	mkdir -p "$root/${file%/*}"
	cp "$work/new/$file" "$root/$file.new"
	if [ -x "$work/new/$file" ]; then chmod 0755 "$root/$file.new"; else chmod 0644 "$root/$file.new"; fi
	mv -f "$root/$file.new" "$root/$file"
done <"$work/new.list"
if [ -n "$old" ]; then
	while read -r file; do
		grep -qxF "$file" "$work/new.list" || rm -f "$root/$file"
	done <"$work/old.list"
fi
cp "$work/new.list" "$list"
if [ ! -e "$root/etc/$name/config.yaml" ]; then
	mkdir -p "$root/etc/$name"
	cp "$root/usr/share/doc/$name/examples/config.yaml" "$root/etc/$name/config.yaml"
	chmod 0644 "$root/etc/$name/config.yaml"
fi
if [ -z "$root" ]; then
	sh "$lib/postinst" configure "$old"
	if [ ! -d /run/systemd/system ]; then
		echo "no systemd runs here: start \"$name run\" by your own service manager, as a user of the groups i2c and dialout"
	fi
fi
echo "$archive is installed${old:+, in place of the older one}"
