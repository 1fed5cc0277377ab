//go:build !purego

package quant

import "golang.org/x/sys/cpu"

var kernels = []kernel{
	{
		name:   "avx2",
		needs:  "AVX2",
		usable: func() bool { return cpu.X86.HasAVX2 },
		inputs: 4, rows: 8, pack: packAVX2, run: runAVX2, run4: run4AVX2,
		quantise: quantiseAVX2, lanes: 8,
		sumRows: sumRowsAVX2, sumLanes: 8,
		peak: peakAVX2, peakMACs: 8 * 32, stream: streamAVX2,
	},
	{
		name:   "vnni",
		needs:  "AVX-512 F, BW, VL, DQ and VNNI",
		usable: hasVNNI,
		inputs: 8, rows: 16, pack: packVNNI, run: runVNNI, run4: run4VNNI, shifted: true,
		quantise: quantise512, lanes: 1,
		sumRows: sumRowsAVX2, sumLanes: 8,
		peak: peakVNNI, peakMACs: 16 * 64, stream: streamVNNI,
	},
}

var chain = chainAMD64

// hasVNNI tells whether CPU and operating system support AVX-512 with the byte dot product
// and AVX2, which sumRowsAVX2 needs. x/sys/cpu sets none of these if the system does not
// save the registers.
func hasVNNI() bool {
	x := &cpu.X86
	return x.HasAVX2 && x.HasAVX512F && x.HasAVX512BW && x.HasAVX512VL && x.HasAVX512DQ && x.HasAVX512VNNI
}

// packAVX2 is packQuads, because VPMADDUBSW and VPMADDWD sum four products of a row into
// its 32-bit lane.
func packAVX2(in, out int, w []int8) []int8 { return packQuads(in, out, w, 4, 32, 8) }

// packVNNI is packQuads, because VPDPBUSD does the same for sixteen rows at once.
func packVNNI(in, out int, w []int8) []int8 { return packQuads(in, out, w, 8, 256, 64, 32, 16) }

// runAVX2 is in avx2_amd64.s.
//
//go:noescape
func runAVX2(first *job, n int)

// run4AVX2 is in four_amd64.s.
//
//go:noescape
func run4AVX2(first *job, n int)

// quantiseAVX2 is in quantise_amd64.s.
//
//go:noescape
func quantiseAVX2(dst *int8, src *float32, n int, scale float32)

// sumRowsAVX2 is in sumrows_amd64.s; both kernels use it.
//
//go:noescape
func sumRowsAVX2(dst, rows, weights *float32, n, count int)

// quantise512 is in quantise512_amd64.s.
//
//go:noescape
func quantise512(dst *int8, src *float32, n int, scale float32)

// runVNNI is in vnni_amd64.s.
//
//go:noescape
func runVNNI(first *job, n int)

// run4VNNI is in vnni_amd64.s.
//
//go:noescape
func run4VNNI(first *job, n int)

// The measuring loops of limits_amd64.s.

//go:noescape
func chainAMD64(n int)

//go:noescape
func peakAVX2(n int)

//go:noescape
func streamAVX2(p *int8, n int)

//go:noescape
func peakVNNI(n int)

//go:noescape
func streamVNNI(p *int8, n int)
