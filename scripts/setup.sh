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

PACKAGES="curl mosquitto mosquitto-clients python3-pymodbus python3-serial-asyncio libmodbus5 python3-numpy python3-jsonschema python3-jinja2 python3-paho-mqtt python3-protobuf nodejs qemu-user-static binutils-aarch64-linux-gnu binutils-arm-linux-gnueabihf prometheus minisign"

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
	# RUNLEVEL=1 keeps a package's scripts from starting its daemon, and policy-rc.d does
	# where systemd runs. The tests start their own daemons, on free ports.
	apt() {
		# shellcheck disable=SC2086 # no sudo is no word
		$as_root env RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive \
			apt-get -q -y -o Dpkg::Use-Pty=0 -o Acquire::Retries=3 --no-install-recommends "$@" >&2
	}
	units=""
	for p in $missing; do
		case $p in
		nats-server) units="$units nats-server.service" ;;
		rabbitmq-server)
			units="$units rabbitmq-server.service"
			[ -e /lib/systemd/system/epmd.socket ] || units="$units epmd.service epmd.socket" # Erlang's
			;;
		esac
	done
	policy=/usr/sbin/policy-rc.d
	if [ -d /run/systemd/system ] && [ ! -e $policy ]; then
		# shellcheck disable=SC2064,SC2086 # now; no sudo is no word
		trap "$as_root rm -f $policy" EXIT
		# shellcheck disable=SC2086
		printf '#!/bin/sh\nexit 101\n' | $as_root tee $policy >/dev/null && $as_root chmod 755 $policy
	fi
	# shellcheck disable=SC2086 # a list of words
	apt install $missing 2>/dev/null || { apt update && apt install $missing; } || {
		echo "apt could not install:$missing" >&2
		exit 1
	}
	if [ -n "$units" ] && [ -d /run/systemd/system ]; then # nor do they start with the machine
		# shellcheck disable=SC2086 # a list of words
		$as_root systemctl -q disable $units >&2 || true
	fi
fi

if [ $# = 0 ]; then
	"$(dirname "$0")/go.sh" >/dev/null
fi
