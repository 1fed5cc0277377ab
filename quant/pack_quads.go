//go:build !purego && (amd64 || arm64)

package quant

// packQuads brings (out, in) row-major to one sequential stream: blocks of as
// many rows as the first of heights, then of the next for the rest, and so on;
// in each the first four weights of every row side by side, then the next four.
// Inputs are padded to a multiple of wide and rows to one of the last height,
// with zeros. heights fall, each a multiple of the last.
func packQuads(in, out int, w []int8, wide int, heights ...int) []int8 {
	const quad = 4
	inputs, high := roundUp(in, wide), roundUp(out, heights[len(heights)-1])
	p := aligned(inputs * high)
	at := p
	for first := 0; first < high; {
		for heights[0] > high-first {
			heights = heights[1:]
		}
		n := heights[0]
		for r := range min(n, out-first) {
			for k, v := range w[(first+r)*in : (first+r+1)*in] {
				at[(k/quad*n+r)*quad+k%quad] = v
			}
		}
		first, at = first+n, at[n*inputs:]
	}
	return p
}
