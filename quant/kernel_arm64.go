//go:build !purego

package quant

import "golang.org/x/sys/cpu"

var kernels = []kernel{
	{
		name:   "smull",
		needs:  "ASIMD",
		usable: func() bool { return true }, // part of Armv8.0-A
		inputs: 16, rows: 4, pack: packSixteen, run: runSMULL,
		quantise: quantiseNEON, lanes: 16,
		sumRows: sumRowsNEON, sumLanes: 4,
		peak: peakSMULL, peakMACs: 64, stream: streamARM64,
	},
	{
		name:   "sdot",
		needs:  "ASIMDDP",
		usable: func() bool { return cpu.ARM64.HasASIMDDP },
		inputs: 16, rows: 8, pack: packSDOT, run: runSDOT, run4: run4SDOT,
		quantise: quantiseNEON, lanes: 16,
		sumRows: sumRowsNEON, sumLanes: 4,
		peak: peakSDOT, peakMACs: 256, stream: streamARM64,
	},
}

var chain = chainARM64

// packSDOT is packQuads in blocks of 32 rows with inputs padded to sixteen, because SDOT by
// element takes four weights of each of four rows.
func packSDOT(in, out int, w []int8) []int8 { return packQuads(in, out, w, 16, 32, 8) }

// runSMULL is in internal/asmgen/src/smull_arm64.S.
//
//go:noescape
func runSMULL(first *job, n int)

// runSDOT is in internal/asmgen/src/sdot_arm64.S.
//
//go:noescape
func runSDOT(first *job, n int)

// run4SDOT is in internal/asmgen/src/sdot4_arm64.S.
//
//go:noescape
func run4SDOT(first *job, n int)

// quantiseNEON is in internal/asmgen/src/smull_arm64.S.
//
//go:noescape
func quantiseNEON(dst *int8, src *float32, n int, scale float32)

// sumRowsNEON is in internal/asmgen/src/sumrows_arm64.S.
//
//go:noescape
func sumRowsNEON(dst, rows, weights *float32, n, count int)

// The measuring loops of internal/asmgen/src/limits_arm64.S.

//go:noescape
func chainARM64(n int)

//go:noescape
func peakSMULL(n int)

//go:noescape
func peakSDOT(n int)

//go:noescape
func streamARM64(p *int8, n int)
