package quant

// The portable kernel. Weights are packed so that the inner loop reads one sequential
// stream: for each group of four rows and each input, the four weights side by side. An
// activation is loaded and widened once for four products. Blocks are fixed-size arrays,
// so indices are constants and the compiler removes every bounds check (TestBoundsChecks).
// dot_wide.go and dot_narrow.go have the packing and the loop itself.

const (
	rows  = 4 // output rows per group
	block = 8 // inputs are padded to a multiple of this: the short inner loop
)

// padded rounds a number of inputs up to whole blocks.
func padded(n int) int { return (n + block - 1) &^ (block - 1) }

// forward is equations (3) and (5). src is (in) or, faster, (padded(in)); the padding may
// hold anything, because its weights are zero.
func (d *Dense) forward(dst, src []int8) {
	for o := 0; o < len(dst); o += rows {
		var acc [rows]int32
		d.sums(&acc, o, src)
		m := (*[rows]float32)(d.mult[o:])
		if len(dst)-o >= rows {
			q := (*[rows]int8)(dst[o:])
			q[0] = requantise(acc[0], m[0])
			q[1] = requantise(acc[1], m[1])
			q[2] = requantise(acc[2], m[2])
			q[3] = requantise(acc[3], m[3])
			continue
		}
		for r := range dst[o:] {
			dst[o+r] = requantise(acc[r], m[r])
		}
	}
}

// forwardFloat is equations (3) and (6).
func (d *Dense) forwardFloat(dst []float32, src []int8) {
	for o := 0; o < len(dst); o += rows {
		var acc [rows]int32
		d.sums(&acc, o, src)
		m := d.mult[o : o+rows]
		for r := range dst[o:min(o+rows, len(dst))] {
			dst[o+r] = float32(float32(acc[r]) * m[r])
		}
	}
}

// sums sets acc to equation (3) for rows o to o+3.
func (d *Dense) sums(acc *[rows]int32, o int, src []int8) {
	wide := padded(d.in)
	w := d.weights[o/rows*wide*perInput : (o/rows+1)*wide*perInput]
	*acc = [rows]int32(d.bias[o : o+rows])
	whole := len(src) &^ (block - 1)
	dot(acc, w, src[:whole])
	if whole < len(src) {
		var tail [block]int8
		copy(tail[:], src[whole:])
		dot(acc, w[whole*perInput:], tail[:])
	}
}
