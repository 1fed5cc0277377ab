//go:build amd64

package quant

// The portable inner loop for CPUs with a fast 64-bit multiplier. Two weights of
// two rows share a word, hi*2^32 + lo, so that one multiplication by an
// activation makes two products:
//
//	sum (hi*2^32 + lo)*x = 2^32 * sum hi*x + sum lo*x   (mod 2^64)
//
// By bound (7) both sums fit int32, so the lower one is the low half read as a signed
// number, and the upper one is the rest. The results have the same bits as with one
// multiplication per product; the weights take four times the memory.

// word holds two weights; perInput words stand side by side for each input.
type word = int64

const (
	perInput = rows / 2
	long     = 16 // inputs per iteration of the long inner loop
)

// pack converts weights (out, in) row-major to (ceil(out/rows), padded(in), rows/2). The
// padding is zero and adds nothing to a sum.
func pack(in, out int, w []int8) []word {
	groups, wide := (out+rows-1)/rows, padded(in)
	p := make([]word, groups*wide*perInput)
	for o := range out {
		base, half := o/rows*wide*perInput+o%rows/2, uint(o%2*32)
		for k, v := range w[o*in : (o+1)*in] {
			p[base+k*perInput] += word(v) << half
		}
	}
	return p
}

// dot adds to acc the products of x, whole blocks, with four packed rows.
func dot(acc *[rows]int32, w []word, x []int8) {
	var s, t, u int64
	for len(x) >= long && len(w) >= long*perInput {
		v, p := (*[long]int8)(x), (*[long * perInput]word)(w)
		u = int64(v[0])
		s, t = s+p[0]*u, t+p[1]*u
		u = int64(v[1])
		s, t = s+p[2]*u, t+p[3]*u
		u = int64(v[2])
		s, t = s+p[4]*u, t+p[5]*u
		u = int64(v[3])
		s, t = s+p[6]*u, t+p[7]*u
		u = int64(v[4])
		s, t = s+p[8]*u, t+p[9]*u
		u = int64(v[5])
		s, t = s+p[10]*u, t+p[11]*u
		u = int64(v[6])
		s, t = s+p[12]*u, t+p[13]*u
		u = int64(v[7])
		s, t = s+p[14]*u, t+p[15]*u
		u = int64(v[8])
		s, t = s+p[16]*u, t+p[17]*u
		u = int64(v[9])
		s, t = s+p[18]*u, t+p[19]*u
		u = int64(v[10])
		s, t = s+p[20]*u, t+p[21]*u
		u = int64(v[11])
		s, t = s+p[22]*u, t+p[23]*u
		u = int64(v[12])
		s, t = s+p[24]*u, t+p[25]*u
		u = int64(v[13])
		s, t = s+p[26]*u, t+p[27]*u
		u = int64(v[14])
		s, t = s+p[28]*u, t+p[29]*u
		u = int64(v[15])
		s, t = s+p[30]*u, t+p[31]*u
		x, w = x[long:], w[long*perInput:]
	}
	for len(x) >= block && len(w) >= block*perInput {
		v, p := (*[block]int8)(x), (*[block * perInput]word)(w)
		u = int64(v[0])
		s, t = s+p[0]*u, t+p[1]*u
		u = int64(v[1])
		s, t = s+p[2]*u, t+p[3]*u
		u = int64(v[2])
		s, t = s+p[4]*u, t+p[5]*u
		u = int64(v[3])
		s, t = s+p[6]*u, t+p[7]*u
		u = int64(v[4])
		s, t = s+p[8]*u, t+p[9]*u
		u = int64(v[5])
		s, t = s+p[10]*u, t+p[11]*u
		u = int64(v[6])
		s, t = s+p[12]*u, t+p[13]*u
		u = int64(v[7])
		s, t = s+p[14]*u, t+p[15]*u
		x, w = x[block:], w[block*perInput:]
	}
	acc[0] += int32(s)
	acc[1] += int32((s - int64(int32(s))) >> 32)
	acc[2] += int32(t)
	acc[3] += int32((t - int64(int32(t))) >> 32)
}
