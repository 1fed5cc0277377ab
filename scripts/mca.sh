#!/bin/sh
# Prints how many multiply-accumulates a cycle llvm-mca expects of the Arm kernels'
# inner loops on the cores of common gateways. It is a static estimate: it assumes
# that loads hit the first-level cache and that nothing else runs. Nobody has
# measured it on a board.
#
# The loops are assembled from their sources; `go test ./quant/internal/asmgen`
# checks that the Go linker builds the same instructions.
set -eu
cd "$(dirname "$0")/../quant/internal/asmgen/src"

mca=$(command -v llvm-mca-19) || {
	../../../../scripts/setup.sh llvm-19 binutils-aarch64-linux-gnu binutils-arm-linux-gnueabihf
	mca=$(command -v llvm-mca-19)
}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

# loop SOURCE LABEL: the instructions from the label to the branch back to it.
loop() {
	"$tools"as -o "$dir/o" "$1.S"
	"$tools"objdump -d --no-show-raw-insn "$dir/o" |
		awk -v label="<$2>:" '
			$2 == label { on = 1; next }
			!on || NF == 0 { next }
			{
				sub(/^ *[0-9a-f]+:\t/, ""); sub(/ *(\/\/|@).*/, "")
				end = /^b\.?ne/
				sub(/[0-9a-f]+ <.*>/, "#-60")
				print
				if (end) exit
			}'
}

# estimate SOURCE LABEL MACS CORE LEAST [FLAG]: ends the script with 1 if the
# estimate is below LEAST MAC/cycle.
estimate() {
	loop "$1" "$2" >"$dir/loop"
	cycles=$("$mca" -mtriple="$triple" -mcpu="$4" ${6:+"$6"} -iterations=1000 "$dir/loop" | awk '/^Total Cycles/ { print $3 }')
	awk -v name="$1" -v loop="$2" -v core="$4" -v macs="$3" -v least="$5" -v cycles="$cycles" 'BEGIN {
		rate = 1000*macs/cycles
		printf "%-12s %-9s %-12s %5d %8.1f %10.2f\n", name, loop, core, macs, cycles/1000, rate
		if (rate < least) { print "want at least", least, "MAC/cycle" >"/dev/stderr"; exit 1 }
	}'
}

printf '%-12s %-9s %-12s %5s %8s %10s\n' kernel loop core MAC cycles MAC/cycle
tools=aarch64-linux-gnu- triple=aarch64
estimate smull_arm64 inputs 64 cortex-a53 0
estimate smull_arm64 inputs 64 cortex-a57 7
estimate smull_arm64 inputs 64 cortex-a72 7
# LLVM has no model of the Cortex-A76; neoverse-n1 is its nearest relative.
estimate sdot_arm64 inputs32 512 neoverse-n1 28 -mattr=+dotprod
estimate sdot_arm64 inputs8 128 neoverse-n1 28 -mattr=+dotprod
# Weighted sums of float32 rows, equation (9).
estimate sumrows_arm64 step16 16 cortex-a53 0
estimate sumrows_arm64 step16 16 cortex-a72 0
estimate sumrows_arm64 step8 8 cortex-a72 0
estimate sumrows_arm64 step16 16 neoverse-n1 0
# Four windows at once: a quarter of the weights for each product.
estimate sdot4_arm64 inputs16 1024 neoverse-n1 28 -mattr=+dotprod
estimate sdot4_arm64 inputs8 512 neoverse-n1 28 -mattr=+dotprod
tools=arm-linux-gnueabihf- triple=armv7
# LLVM has no model of the Cortex-A7 and A15.
estimate neon_arm inputs 64 cortex-a9 0 -mattr=+neon
