//go:build !purego

package quant

import "golang.org/x/sys/cpu"

var kernels = []kernel{{
	name:   "avx2",
	usable: func() bool { return cpu.X86.HasAVX2 },
	inputs: 4, rows: 8, pack: packAVX2, run: runAVX2,
	quantise: quantiseAVX2, lanes: 32,
	peak: peakAVX2, peakMACs: 8 * 32, stream: streamAVX2,
}}

var chain = chainAMD64

// packAVX2 is packQuads: VPMADDUBSW and VPMADDWD sum four products of a row
// into its 32-bit lane.
func packAVX2(in, out int, w []int8) []int8 { return packQuads(in, out, w, 4) }

// runAVX2 is avx2_amd64.s.
//
//go:noescape
func runAVX2(first *job, n int)

// quantiseAVX2 is avx2_amd64.s.
//
//go:noescape
func quantiseAVX2(dst *int8, src *float32, n int, scale float32)

// The measuring loops of limits_amd64.s.

//go:noescape
func chainAMD64(n int)

//go:noescape
func peakAVX2(n int)

//go:noescape
func streamAVX2(p *int8, n int)
