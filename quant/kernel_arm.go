//go:build !purego

package quant

import "golang.org/x/sys/cpu"

// The portable loop quantises the input. 32-bit NEON has no division; with its reciprocal
// ties round to the wrong side, and it flushes subnormal numbers to zero. VFP divides one
// value at a time, as compiled code does. A caller that keeps its window of rows in int8
// needs only one division per channel and row.

var kernels = []kernel{{
	name:   "neon",
	needs:  "NEON",
	usable: func() bool { return cpu.ARM.HasNEON },
	inputs: 16, rows: 4, pack: packSixteen, run: runNEON,
	lanes: 1,
	peak:  peakNEON, peakMACs: 64, stream: streamNEON,
}}

var chain = chainARM

// runNEON is in internal/asmgen/src/neon_arm.S.
//
//go:noescape
func runNEON(first *job, n int)

// The measuring loops of internal/asmgen/src/limits_arm.S.

//go:noescape
func chainARM(n int)

//go:noescape
func peakNEON(n int)

//go:noescape
func streamNEON(p *int8, n int)
