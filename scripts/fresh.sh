#!/bin/bash
# Shows that the two commands of the README work on a minimal Debian without Go: it
# makes such a root, clones HEAD of this repository into it and runs them there.
#
#   scripts/fresh.sh [STEP...]      steps: run, test, build; default: run test
#
# It needs root, debootstrap, the network, about 3 GB below TMPDIR, and ten minutes.
# It passes on proxies, GOPROXY and added certificates of this machine. All mounts
# are in a mount namespace of their own, so that nothing is left behind, however
# the script ends.
set -euo pipefail
cd "$(dirname "$0")/.."

EVENT='OPEN  process anomaly' # what the demonstration's terminal shows when it finds the fault
SHOWN_WITHIN=60         # seconds from the demonstration's start
suite=${SUITE:-bookworm}
mirror=${MIRROR:-http://deb.debian.org/debian}

if [ "$(id -u)" != 0 ]; then
	echo "scripts/fresh.sh: needs root, for debootstrap and chroot" >&2
	exit 1
fi
if [ "${FRESH_ROOT:-}" = "" ]; then
	scripts/setup.sh debootstrap git
	FRESH_ROOT=$(mktemp -d "${TMPDIR:-/var/tmp}/fresh.XXXXXX")
	chmod 0755 "$FRESH_ROOT" # it becomes /, and daemons give up root
	export FRESH_ROOT
	trap 'rm -rf --one-file-system "$FRESH_ROOT"' EXIT
	trap 'exit 1' INT TERM
	# The rest runs as the first process of a new namespace: when it ends, its
	# children and mounts end too.
	unshare --mount --pid --fork --kill-child "$0" "$@"
	exit
fi

root=$FRESH_ROOT
here=/root/iot-edge-anomaly

say() { echo "== $(date +%T) $*" >&2; }

# inside COMMAND...: runs it in the bare root, in the clone, with this machine's
# proxies and nothing else of its environment.
inside() {
	local pass=() name
	for name in http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY GOPROXY GOSUMDB GONOSUMDB GOINSECURE; do
		if [ -n "${!name:-}" ]; then pass+=("$name=${!name}"); fi
	done
	chroot "$root" env -i "${pass[@]}" HOME=/root LANG=C.UTF-8 TERM=dumb \
		PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
		sh -c "cd $here && exec \"\$@\"" sh "$@"
}

make_root() {
	say "a bare $suite in $root"
	debootstrap --variant=minbase --include=git,make,ca-certificates "$suite" "$root" "$mirror" >"$root.log" 2>&1 || {
		tail -n 20 "$root.log" >&2
		rm -f "$root.log"
		exit 1
	}
	rm -f "$root.log"
	mount -t proc proc "$root/proc"
	mount --rbind /dev "$root/dev"
	cp -L /etc/resolv.conf "$root/etc/resolv.conf"
	# An installer writes these lines too. mosquitto (libwrap) refuses clients whose
	# address has no name.
	printf '127.0.0.1\tlocalhost\n::1\tlocalhost\n127.0.1.1\t%s\n' "$(uname -n)" >"$root/etc/hosts"
	# Settings that apt needs to reach the network, such as a proxy, but no hooks.
	local f
	for f in /etc/apt/apt.conf /etc/apt/apt.conf.d/*; do
		if [ -f "$f" ] && grep -qi 'proxy' "$f" && ! grep -q 'Invoke' "$f"; then
			cp "$f" "$root/etc/apt/apt.conf.d/"
		fi
	done
	if [ -n "$(ls /usr/local/share/ca-certificates 2>/dev/null)" ]; then
		cp -r /usr/local/share/ca-certificates/. "$root/usr/local/share/ca-certificates/"
		chroot "$root" update-ca-certificates >/dev/null 2>&1
	fi
	git clone -q --no-hardlinks . "$root$here"
}

# demonstrate waits for the event on the terminal of `make run`.
demonstrate() {
	local log=$root/run.log binary=$root$here/.build/iot-edge-anomaly-demo started="" pid
	say "make run"
	: >"$log"
	set -m
	inside make run </dev/null >"$log" 2>&1 &
	pid=$!
	set +m
	while ! grep -q "$EVENT" "$log"; do
		sleep 1
		if [ -z "$started" ] && [ -x "$binary" ]; then
			started=$SECONDS
			say "built; the demonstration begins"
		fi
		if ! kill -0 "$pid" 2>/dev/null || { [ -n "$started" ] && [ $((SECONDS - started)) -gt $SHOWN_WITHIN ]; }; then
			tail -n 40 "$log" >&2
			say "no $EVENT within $SHOWN_WITHIN s"
			kill -TERM -- "-$pid" 2>/dev/null || true
			return 1
		fi
	done
	say "the event, $((SECONDS - ${started:-SECONDS})) s after the start:"
	grep -m 1 "$EVENT" "$log"
	kill -INT -- "-$pid" 2>/dev/null || true
	wait "$pid" || true
}

make_root
for step in "${@:-run test}"; do
	for s in $step; do
		case $s in
		run) demonstrate ;;
		test | build) say "make $s" && inside make "$s" </dev/null ;;
		*) echo "unknown step $s" >&2 && exit 2 ;;
		esac
	done
done
say "done"
