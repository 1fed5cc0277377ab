package quant

// The plain kernel. Weights are packed so that the inner loop walks one
// sequential stream: for each group of four rows, for each k, the four weights
// of that k side by side. An activation is loaded and widened once for four
// products. Blocks are fixed-size arrays, so indices are constants and the
// compiler drops every bounds check (TestBoundsChecks holds it).

const (
	rows  = 4 // output rows per group
	block = 8 // inputs are padded to this many; the short inner loop
	long  = 32
)

// padded rounds a number of inputs up to whole blocks.
func padded(n int) int { return (n + block - 1) &^ (block - 1) }

// pack brings (out, in) row-major to (ceil(out/rows), padded(in), rows). What
// is added is zero and adds nothing to a sum.
func pack(in, out int, w []int8) []int8 {
	groups, wide := (out+rows-1)/rows, padded(in)
	p := make([]int8, groups*wide*rows)
	for o := range out {
		base := o / rows * wide * rows
		for k, v := range w[o*in : (o+1)*in] {
			p[base+k*rows+o%rows] = v
		}
	}
	return p
}

// forward is equations (3) and (5). src is (in) or, faster, (padded(in)); what
// the padding holds does not matter since its weights are zero.
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
	w := d.weights[o*wide : (o+rows)*wide]
	*acc = [rows]int32(d.bias[o : o+rows])
	whole := len(src) &^ (block - 1)
	dot(acc, w, src[:whole])
	if whole < len(src) {
		var tail [block]int8
		copy(tail[:], src[whole:])
		dot(acc, w[whole*rows:], tail[:])
	}
}

// dot adds to acc the products of x, whole blocks, with its four packed rows.
// |acc| stays within bound (7) whatever the order.
func dot(acc *[rows]int32, w, x []int8) {
	a, b, c, d := acc[0], acc[1], acc[2], acc[3]
	for len(x) >= long && len(w) >= long*rows {
		v, p := (*[long]int8)(x), (*[long * rows]int8)(w)
		a, b, c, d = mac(a, b, c, d, (*[rows]int8)(p[0:]), v[0])
		a, b, c, d = mac(a, b, c, d, (*[rows]int8)(p[4:]), v[1])
		a, b, c, d = mac(a, b, c, d, (*[rows]int8)(p[8:]), v[2])
		a, b, c, d = mac(a, b, c, d, (*[rows]int8)(p[12:]), v[3])
		a, b, c, d = mac(a, b, c, d, (*[rows]int8)(p[16:]), v[4])
		a, b, c, d = mac(a, b, c, d, (*[rows]int8)(p[20:]), v[5])
		a, b, c, d = mac(a, b, c, d, (*[rows]int8)(p[24:]), v[6])
		a, b, c, d = mac(a, b, c, d, (*[rows]int8)(p[28:]), v[7])
		a, b, c, d = mac(a, b, c, d, (*[rows]int8)(p[32:]), v[8])
		a, b, c, d = mac(a, b, c, d, (*[rows]int8)(p[36:]), v[9])
		a, b, c, d = mac(a, b, c, d, (*[rows]int8)(p[40:]), v[10])
		a, b, c, d = mac(a, b, c, d, (*[rows]int8)(p[44:]), v[11])
		a, b, c, d = mac(a, b, c, d, (*[rows]int8)(p[48:]), v[12])
		a, b, c, d = mac(a, b, c, d, (*[rows]int8)(p[52:]), v[13])
		a, b, c, d = mac(a, b, c, d, (*[rows]int8)(p[56:]), v[14])
		a, b, c, d = mac(a, b, c, d, (*[rows]int8)(p[60:]), v[15])
		a, b, c, d = mac(a, b, c, d, (*[rows]int8)(p[64:]), v[16])
		a, b, c, d = mac(a, b, c, d, (*[rows]int8)(p[68:]), v[17])
		a, b, c, d = mac(a, b, c, d, (*[rows]int8)(p[72:]), v[18])
		a, b, c, d = mac(a, b, c, d, (*[rows]int8)(p[76:]), v[19])
		a, b, c, d = mac(a, b, c, d, (*[rows]int8)(p[80:]), v[20])
		a, b, c, d = mac(a, b, c, d, (*[rows]int8)(p[84:]), v[21])
		a, b, c, d = mac(a, b, c, d, (*[rows]int8)(p[88:]), v[22])
		a, b, c, d = mac(a, b, c, d, (*[rows]int8)(p[92:]), v[23])
		a, b, c, d = mac(a, b, c, d, (*[rows]int8)(p[96:]), v[24])
		a, b, c, d = mac(a, b, c, d, (*[rows]int8)(p[100:]), v[25])
		a, b, c, d = mac(a, b, c, d, (*[rows]int8)(p[104:]), v[26])
		a, b, c, d = mac(a, b, c, d, (*[rows]int8)(p[108:]), v[27])
		a, b, c, d = mac(a, b, c, d, (*[rows]int8)(p[112:]), v[28])
		a, b, c, d = mac(a, b, c, d, (*[rows]int8)(p[116:]), v[29])
		a, b, c, d = mac(a, b, c, d, (*[rows]int8)(p[120:]), v[30])
		a, b, c, d = mac(a, b, c, d, (*[rows]int8)(p[124:]), v[31])
		x, w = x[long:], w[long*rows:]
	}
	for len(x) >= block && len(w) >= block*rows {
		v, p := (*[block]int8)(x), (*[block * rows]int8)(w)
		a, b, c, d = mac(a, b, c, d, (*[rows]int8)(p[0:]), v[0])
		a, b, c, d = mac(a, b, c, d, (*[rows]int8)(p[4:]), v[1])
		a, b, c, d = mac(a, b, c, d, (*[rows]int8)(p[8:]), v[2])
		a, b, c, d = mac(a, b, c, d, (*[rows]int8)(p[12:]), v[3])
		a, b, c, d = mac(a, b, c, d, (*[rows]int8)(p[16:]), v[4])
		a, b, c, d = mac(a, b, c, d, (*[rows]int8)(p[20:]), v[5])
		a, b, c, d = mac(a, b, c, d, (*[rows]int8)(p[24:]), v[6])
		a, b, c, d = mac(a, b, c, d, (*[rows]int8)(p[28:]), v[7])
		x, w = x[block:], w[block*rows:]
	}
	acc[0], acc[1], acc[2], acc[3] = a, b, c, d
}

// mac adds x times four weights to four sums. It is inlined.
func mac(a, b, c, d int32, w *[rows]int8, x int8) (int32, int32, int32, int32) {
	v := int32(x)
	return a + int32(w[0])*v, b + int32(w[1])*v, c + int32(w[2])*v, d + int32(w[3])*v
}
