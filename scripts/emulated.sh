#!/bin/sh
# Runs the tests of the arithmetic on emulated CPUs: a model must give the same
# bytes on every gateway.
#
#   GO=go scripts/emulated.sh
#
# The Raspberry Pi 4 has a Cortex-A72; the 32-bit run is ARMv7 with NEON. The
# kernels also run on a Cortex-A53 (Pi 3) and an A76 (Pi 5). Only the A76 has the
# dot product: qemu ends a program that uses it on the other cores.
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

# emulator NAME: the statically linked qemu of Debian if there is one, else the other.
emulator() {
	command -v "qemu-$1-static" || command -v "qemu-$1" || {
		echo "qemu-$1 is missing: run scripts/setup.sh" >&2
		return 1
	}
}

# run ARCH KERNEL EMULATOR PACKAGE...: the program must choose KERNEL by itself.
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
