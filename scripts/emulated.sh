#!/bin/sh
# Runs the tests of the arithmetic on emulated CPUs: what is learnt on one
# gateway must give the same bytes on another.
#
#   GO=go scripts/emulated.sh
#
# Cortex-A72 is the Raspberry Pi 4's; the 32-bit run is ARMv7 with NEON. The
# kernels run on an A53 (Pi 3) and an A76 (Pi 5) too: only that one has the dot
# product, and qemu ends a program that tries it elsewhere.
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

# run ARCH KERNEL EMULATOR PACKAGE...: KERNEL is what the program must choose.
run() {
	echo "== $1: $3: $2" >&2
	arch=$1 kernel=$2 exec=$3
	shift 3
	EDGE_KERNEL=$kernel GOOS=linux GOARCH=$arch CGO_ENABLED=0 GOARM=7 "$go" test -timeout 30m -short -exec "$exec" "$@"
}

arm64=$(emulator aarch64)
arm=$(emulator arm)
# shellcheck disable=SC2086 # a list of words
run arm64 smull "$arm64 -cpu cortex-a72" $packages
# shellcheck disable=SC2086
run arm neon "$arm -cpu cortex-a7" $packages
run arm64 smull "$arm64 -cpu cortex-a53" ./quant
run arm64 sdot "$arm64 -cpu cortex-a76" ./quant ./model

# From rows to the bytes of the events, with each kernel of the CPU.
run arm64 sdot "$arm64 -cpu cortex-a76" ./agent/judge -run TestGoldenEvents
run arm neon "$arm -cpu cortex-a7" ./agent/judge -run TestGoldenEvents
