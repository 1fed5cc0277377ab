#!/bin/sh
# Runs the tests of the arithmetic on emulated CPUs: what is learnt on one
# gateway must give the same bytes on another.
#
#   GO=go scripts/emulated.sh
#
# Cortex-A72 is the Raspberry Pi 4's; the 32-bit run is ARMv7 with NEON.
set -eu
cd "$(dirname "$0")/.."
go=${GO:-$(scripts/go.sh)}

packages=""
for p in ./quant/... ./model/... ./agent/detect/...; do
	d=${p%/...}
	if [ -d "$d" ] && [ -n "$(find "$d" -name '*_test.go' | head -n 1)" ]; then
		packages="$packages $p"
	fi
done

# emulator NAME: Debian's static one or, where that is not, the other.
emulator() {
	command -v "qemu-$1-static" || command -v "qemu-$1" || {
		echo "qemu-$1 is missing: run scripts/setup.sh" >&2
		return 1
	}
}

run() {
	echo "== $1: $2" >&2
	# shellcheck disable=SC2086 # a list of words
	GOOS=linux GOARCH=$1 CGO_ENABLED=0 GOARM=7 "$go" test -short -exec "$2" $packages
}

arm64=$(emulator aarch64)
arm=$(emulator arm)
run arm64 "$arm64 -cpu cortex-a72"
run arm "$arm -cpu cortex-a15"
