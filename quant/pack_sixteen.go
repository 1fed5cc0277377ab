//go:build !purego && (arm64 || arm)

package quant

// packSixteen converts weights (out, in) row-major to one sequential stream of blocks of
// four rows. A block has sixteen weights of the first row, of the second, third and fourth,
// then the next sixteen. Inputs and rows are padded with zeros.
func packSixteen(in, out int, w []int8) []int8 {
	const wide, high = 16, 4
	inputs := roundUp(in, wide)
	p := aligned(inputs * roundUp(out, high))
	for o := range out {
		block := p[o/high*high*inputs+o%high*wide:]
		for k, v := range w[o*in : (o+1)*in] {
			block[k/wide*wide*high+k%wide] = v
		}
	}
	return p
}
