package quant

import "unsafe"

// SumRows adds up the rows of a float32 matrix, each times its weight, equation (9): rows
// is (len(weights), len(dst)) row-major; dst overlaps neither rows nor weights. It uses
// the kernel in use; all kernels give the same bytes, except that a NaN may be any NaN. It
// allocates nothing.
func SumRows(dst, rows, weights []float32) {
	n, count := len(dst), len(weights)
	rows = rows[:n*count]
	if k := inUse; k != nil && k.sumRows != nil && n >= k.sumLanes && count > 0 {
		k.sumRows(unsafe.SliceData(dst), unsafe.SliceData(rows), unsafe.SliceData(weights), n, count)
		return
	}
	sumRows(dst, rows, weights)
}

// sumRows is SumRows as the portable loop. It computes four columns at a time, so that an
// addition need not wait for the previous one.
func sumRows(dst, rows, weights []float32) {
	const columns = 4
	n, i := len(dst), 0
	for ; i+columns <= n; i += columns {
		var s0, s1, s2, s3 float32
		at := i
		for _, w := range weights {
			v := (*[columns]float32)(rows[at:])
			s0 += float32(v[0] * w)
			s1 += float32(v[1] * w)
			s2 += float32(v[2] * w)
			s3 += float32(v[3] * w)
			at += n
		}
		*(*[columns]float32)(dst[i:]) = [columns]float32{s0, s1, s2, s3}
	}
	for ; i < n; i++ {
		var s float32
		for j, w := range weights {
			s += float32(rows[j*n+i] * w)
		}
		dst[i] = s
	}
}
