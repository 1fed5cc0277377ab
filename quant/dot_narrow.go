//go:build !amd64

package quant

// The portable inner loop for CPUs whose 64-bit multiplier is slow or missing: Arm's cores
// up to the Cortex-A72 and 32-bit Arm. One multiplication per product, weights as bytes.
//
// Each product is written out in dot; calls or a range loop were slower. With inlined calls
// the compiler loaded all activations of a block at once and spilled them; slices of arrays
// needed longer address arithmetic; two or three rows at a time left the multiplier idle.

// word holds one weight; perInput words stand side by side for each input.
type word = int8

const (
	perInput = rows
	long     = 32 // inputs per iteration of the long inner loop
)

// pack converts weights (out, in) row-major to (ceil(out/rows), padded(in), rows). The
// padding is zero and adds nothing to a sum.
func pack(in, out int, w []int8) []word {
	groups, wide := (out+rows-1)/rows, padded(in)
	p := make([]word, groups*wide*rows)
	for o := range out {
		base := o / rows * wide * rows
		for k, v := range w[o*in : (o+1)*in] {
			p[base+k*rows+o%rows] = v
		}
	}
	return p
}

// dot adds to acc the products of x, whole blocks, with four packed rows. |acc| stays
// within bound (7) in any order.
func dot(acc *[rows]int32, w []word, x []int8) {
	a, b, c, d := acc[0], acc[1], acc[2], acc[3]
	for len(x) >= long && len(w) >= long*rows {
		v, p := (*[long]int8)(x), (*[long * rows]int8)(w)
		a, b, c, d = a+int32(p[0])*int32(v[0]), b+int32(p[1])*int32(v[0]), c+int32(p[2])*int32(v[0]), d+int32(p[3])*int32(v[0])
		a, b, c, d = a+int32(p[4])*int32(v[1]), b+int32(p[5])*int32(v[1]), c+int32(p[6])*int32(v[1]), d+int32(p[7])*int32(v[1])
		a, b, c, d = a+int32(p[8])*int32(v[2]), b+int32(p[9])*int32(v[2]), c+int32(p[10])*int32(v[2]), d+int32(p[11])*int32(v[2])
		a, b, c, d = a+int32(p[12])*int32(v[3]), b+int32(p[13])*int32(v[3]), c+int32(p[14])*int32(v[3]), d+int32(p[15])*int32(v[3])
		a, b, c, d = a+int32(p[16])*int32(v[4]), b+int32(p[17])*int32(v[4]), c+int32(p[18])*int32(v[4]), d+int32(p[19])*int32(v[4])
		a, b, c, d = a+int32(p[20])*int32(v[5]), b+int32(p[21])*int32(v[5]), c+int32(p[22])*int32(v[5]), d+int32(p[23])*int32(v[5])
		a, b, c, d = a+int32(p[24])*int32(v[6]), b+int32(p[25])*int32(v[6]), c+int32(p[26])*int32(v[6]), d+int32(p[27])*int32(v[6])
		a, b, c, d = a+int32(p[28])*int32(v[7]), b+int32(p[29])*int32(v[7]), c+int32(p[30])*int32(v[7]), d+int32(p[31])*int32(v[7])
		a, b, c, d = a+int32(p[32])*int32(v[8]), b+int32(p[33])*int32(v[8]), c+int32(p[34])*int32(v[8]), d+int32(p[35])*int32(v[8])
		a, b, c, d = a+int32(p[36])*int32(v[9]), b+int32(p[37])*int32(v[9]), c+int32(p[38])*int32(v[9]), d+int32(p[39])*int32(v[9])
		a, b, c, d = a+int32(p[40])*int32(v[10]), b+int32(p[41])*int32(v[10]), c+int32(p[42])*int32(v[10]), d+int32(p[43])*int32(v[10])
		a, b, c, d = a+int32(p[44])*int32(v[11]), b+int32(p[45])*int32(v[11]), c+int32(p[46])*int32(v[11]), d+int32(p[47])*int32(v[11])
		a, b, c, d = a+int32(p[48])*int32(v[12]), b+int32(p[49])*int32(v[12]), c+int32(p[50])*int32(v[12]), d+int32(p[51])*int32(v[12])
		a, b, c, d = a+int32(p[52])*int32(v[13]), b+int32(p[53])*int32(v[13]), c+int32(p[54])*int32(v[13]), d+int32(p[55])*int32(v[13])
		a, b, c, d = a+int32(p[56])*int32(v[14]), b+int32(p[57])*int32(v[14]), c+int32(p[58])*int32(v[14]), d+int32(p[59])*int32(v[14])
		a, b, c, d = a+int32(p[60])*int32(v[15]), b+int32(p[61])*int32(v[15]), c+int32(p[62])*int32(v[15]), d+int32(p[63])*int32(v[15])
		a, b, c, d = a+int32(p[64])*int32(v[16]), b+int32(p[65])*int32(v[16]), c+int32(p[66])*int32(v[16]), d+int32(p[67])*int32(v[16])
		a, b, c, d = a+int32(p[68])*int32(v[17]), b+int32(p[69])*int32(v[17]), c+int32(p[70])*int32(v[17]), d+int32(p[71])*int32(v[17])
		a, b, c, d = a+int32(p[72])*int32(v[18]), b+int32(p[73])*int32(v[18]), c+int32(p[74])*int32(v[18]), d+int32(p[75])*int32(v[18])
		a, b, c, d = a+int32(p[76])*int32(v[19]), b+int32(p[77])*int32(v[19]), c+int32(p[78])*int32(v[19]), d+int32(p[79])*int32(v[19])
		a, b, c, d = a+int32(p[80])*int32(v[20]), b+int32(p[81])*int32(v[20]), c+int32(p[82])*int32(v[20]), d+int32(p[83])*int32(v[20])
		a, b, c, d = a+int32(p[84])*int32(v[21]), b+int32(p[85])*int32(v[21]), c+int32(p[86])*int32(v[21]), d+int32(p[87])*int32(v[21])
		a, b, c, d = a+int32(p[88])*int32(v[22]), b+int32(p[89])*int32(v[22]), c+int32(p[90])*int32(v[22]), d+int32(p[91])*int32(v[22])
		a, b, c, d = a+int32(p[92])*int32(v[23]), b+int32(p[93])*int32(v[23]), c+int32(p[94])*int32(v[23]), d+int32(p[95])*int32(v[23])
		a, b, c, d = a+int32(p[96])*int32(v[24]), b+int32(p[97])*int32(v[24]), c+int32(p[98])*int32(v[24]), d+int32(p[99])*int32(v[24])
		a, b, c, d = a+int32(p[100])*int32(v[25]), b+int32(p[101])*int32(v[25]), c+int32(p[102])*int32(v[25]), d+int32(p[103])*int32(v[25])
		a, b, c, d = a+int32(p[104])*int32(v[26]), b+int32(p[105])*int32(v[26]), c+int32(p[106])*int32(v[26]), d+int32(p[107])*int32(v[26])
		a, b, c, d = a+int32(p[108])*int32(v[27]), b+int32(p[109])*int32(v[27]), c+int32(p[110])*int32(v[27]), d+int32(p[111])*int32(v[27])
		a, b, c, d = a+int32(p[112])*int32(v[28]), b+int32(p[113])*int32(v[28]), c+int32(p[114])*int32(v[28]), d+int32(p[115])*int32(v[28])
		a, b, c, d = a+int32(p[116])*int32(v[29]), b+int32(p[117])*int32(v[29]), c+int32(p[118])*int32(v[29]), d+int32(p[119])*int32(v[29])
		a, b, c, d = a+int32(p[120])*int32(v[30]), b+int32(p[121])*int32(v[30]), c+int32(p[122])*int32(v[30]), d+int32(p[123])*int32(v[30])
		a, b, c, d = a+int32(p[124])*int32(v[31]), b+int32(p[125])*int32(v[31]), c+int32(p[126])*int32(v[31]), d+int32(p[127])*int32(v[31])
		x, w = x[long:], w[long*rows:]
	}
	for len(x) >= block && len(w) >= block*rows {
		v, p := (*[block]int8)(x), (*[block * rows]int8)(w)
		a, b, c, d = a+int32(p[0])*int32(v[0]), b+int32(p[1])*int32(v[0]), c+int32(p[2])*int32(v[0]), d+int32(p[3])*int32(v[0])
		a, b, c, d = a+int32(p[4])*int32(v[1]), b+int32(p[5])*int32(v[1]), c+int32(p[6])*int32(v[1]), d+int32(p[7])*int32(v[1])
		a, b, c, d = a+int32(p[8])*int32(v[2]), b+int32(p[9])*int32(v[2]), c+int32(p[10])*int32(v[2]), d+int32(p[11])*int32(v[2])
		a, b, c, d = a+int32(p[12])*int32(v[3]), b+int32(p[13])*int32(v[3]), c+int32(p[14])*int32(v[3]), d+int32(p[15])*int32(v[3])
		a, b, c, d = a+int32(p[16])*int32(v[4]), b+int32(p[17])*int32(v[4]), c+int32(p[18])*int32(v[4]), d+int32(p[19])*int32(v[4])
		a, b, c, d = a+int32(p[20])*int32(v[5]), b+int32(p[21])*int32(v[5]), c+int32(p[22])*int32(v[5]), d+int32(p[23])*int32(v[5])
		a, b, c, d = a+int32(p[24])*int32(v[6]), b+int32(p[25])*int32(v[6]), c+int32(p[26])*int32(v[6]), d+int32(p[27])*int32(v[6])
		a, b, c, d = a+int32(p[28])*int32(v[7]), b+int32(p[29])*int32(v[7]), c+int32(p[30])*int32(v[7]), d+int32(p[31])*int32(v[7])
		x, w = x[block:], w[block*rows:]
	}
	acc[0], acc[1], acc[2], acc[3] = a, b, c, d
}
