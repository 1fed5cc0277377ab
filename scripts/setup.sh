#!/bin/sh
# Installs the packages that the tests need, or those named as arguments.
#
#   scripts/setup.sh                what `make test` needs, and a Go toolchain
#   scripts/setup.sh PACKAGE...     these packages only
#
# It uses apt as root, or through sudo if that needs no password. Otherwise it
# prints one line that names the missing packages and ends with 1. If everything is
# installed it does and prints nothing. It starts no daemon.
set -eu

PACKAGES="mosquitto mosquitto-clients python3-pymodbus python3-serial-asyncio libmodbus5 python3-numpy python3-jsonschema python3-jinja2 nodejs qemu-user-static binutils-aarch64-linux-gnu binutils-arm-linux-gnueabihf prometheus"

# A browser, for the tests of the HTML pages. Ubuntu has none as a package.
# shellcheck source=/dev/null
case $(. /etc/os-release 2>/dev/null && echo "$ID") in
debian | raspbian) PACKAGES="$PACKAGES chromium" ;;
esac

want="${*:-$PACKAGES}"

missing=""
for p in $want; do
	if [ "$(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null || true)" != installed ]; then
		missing="$missing $p"
	fi
done

if [ -n "$missing" ]; then
	as_root=""
	if [ "$(id -u)" != 0 ]; then
		as_root="sudo -n"
	fi
	if ! command -v apt-get >/dev/null || { [ -n "$as_root" ] && ! $as_root true 2>/dev/null; }; then
		echo "install these packages, then try again:$missing (Debian's names: apt-get install$missing)" >&2
		exit 1
	fi
	echo "installing$missing" >&2
	# RUNLEVEL=1 keeps a package's scripts from starting its daemon. The tests start
	# their own daemons, on free ports.
	apt() {
		# shellcheck disable=SC2086 # no sudo is no word
		$as_root env RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive \
			apt-get -q -y -o Dpkg::Use-Pty=0 -o Acquire::Retries=3 --no-install-recommends "$@" >&2
	}
	# shellcheck disable=SC2086 # a list of words
	apt install $missing 2>/dev/null || { apt update && apt install $missing; } || {
		echo "apt could not install:$missing" >&2
		exit 1
	}
fi

if [ $# = 0 ]; then
	"$(dirname "$0")/go.sh" >/dev/null
fi
