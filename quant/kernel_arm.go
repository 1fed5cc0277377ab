//go:build !purego

package quant

import "golang.org/x/sys/cpu"

// The portable loop quantises the input. NEON on 32 bits has no division, its
// reciprocal's error turns ties, and it flushes subnormal numbers; VFP divides
// one value after the other, as the compiler's code does. A window that keeps
// its rows in int8 leaves one division a channel and row.
var kernels = []kernel{{
	name:   "neon",
	needs:  "NEON",
	usable: func() bool { return cpu.ARM.HasNEON },
	inputs: 16, rows: 4, pack: packSixteen, run: runNEON,
	lanes: 1,
	peak:  peakNEON, peakMACs: 64, stream: streamNEON,
}}

var chain = chainARM

// runNEON is internal/asmgen/src/neon_arm.S.
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
