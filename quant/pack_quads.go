//go:build !purego && (amd64 || arm64)

package quant

// packQuads brings (out, in) row-major to one sequential stream: blocks of 32
// rows, then of 8 for the rest, in each the first four weights of every row
// side by side, then the next four. Inputs are padded to a multiple of wide and
// rows to one of 8, with zeros.
func packQuads(in, out int, w []int8, wide int) []int8 {
	const quad, small, large = 4, 8, 32
	inputs, high := roundUp(in, wide), roundUp(out, small)
	p := aligned(inputs * high)
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
		first, at = first+n, at[n*inputs:]
	}
	return p
}
