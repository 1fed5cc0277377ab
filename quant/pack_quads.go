//go:build !purego && (amd64 || arm64)

package quant

// packQuads converts weights (out, in) row-major to one sequential stream of blocks: as
// many blocks of heights[0] rows as fit, then of the next height for the rest, and so on.
// A block has the first four weights of each of its rows side by side, then the next four.
// Inputs are padded with zeros to a multiple of wide, rows to a multiple of the last height.
// heights must fall, and each be a multiple of the last.
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
