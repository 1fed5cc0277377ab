//go:build !purego

package quant

import "golang.org/x/sys/cpu"

var kernels = []kernel{{
	name:   "avx2",
	usable: func() bool { return cpu.X86.HasAVX2 },
	inputs: 4, rows: 8, pack: packAVX2, run: runAVX2,
	quantise: quantiseAVX2, lanes: 32,
}}

// packAVX2 brings (out, in) row-major to blocks of 32 rows, then of 8 for the
// rest. In a block four weights of one row stand together, then those of the
// next row, then the next four inputs: what VPMADDUBSW and VPMADDWD sum into
// one 32-bit lane a row.
func packAVX2(in, out int, w []int8) []int8 {
	const quad, small, large = 4, 8, 32
	wide, high := roundUp(in, quad), roundUp(out, small)
	p := aligned(wide * high)
	at := p
	for first := 0; first < high; {
		n := small
		if high-first >= large {
			n = large
		}
		for r := range min(n, out-first) {
			for k, v := range w[(first+r)*in : (first+r+1)*in] {
				at[(k/quad*n+r)*quad+k%quad] = v
			}
		}
		first, at = first+n, at[n*wide:]
	}
	return p
}

// runAVX2 is avx2_amd64.s.
//
//go:noescape
func runAVX2(first *job, n int)

// quantiseAVX2 is avx2_amd64.s.
//
//go:noescape
func quantiseAVX2(dst *int8, src *float32, n int, scale float32)
