package train

import "math"

// Bounds of the search for a cycle.
const (
	periodRows  = 6000 // rows looked at
	periodLeast = 20   // shortest cycle, rows
	periodMost  = 400  // longest
	periodPeak  = 0.6  // autocorrelation of a real cycle
)

// period returns (2), the machine's cycle in rows, 0 where there is none: the
// highest peak above 0.6 of the autocorrelation, averaged over the channels that
// move, after its first zero crossing.
func period(z []float32, c int) int {
	n := min(len(z)/c, periodRows)
	most := min(periodMost, n/4)
	if most <= periodLeast {
		return 0
	}
	sum, moving := make([]float64, most+1), 0
	for j := range c {
		if acf := autocorrelation(z, c, j, n, most); acf != nil {
			moving++
			for h, v := range acf {
				sum[h] += v
			}
		}
	}
	if moving == 0 {
		return 0
	}
	crossed := 0
	for crossed <= most && sum[crossed] > 0 {
		crossed++
	}
	best, at := periodPeak*float64(moving), 0
	for h := max(crossed, periodLeast); h < most; h++ {
		if sum[h] > best && sum[h] >= sum[h-1] && sum[h] >= sum[h+1] {
			best, at = sum[h], h
		}
	}
	return at
}

// autocorrelation returns lags 0 to most of channel j's first n rows without
// their straight line, nil for a channel that does not move.
func autocorrelation(z []float32, c, j, n, most int) []float64 {
	v, ok := detrended(z, c, j, n)
	if !ok {
		return nil
	}
	acf := make([]float64, most+1)
	for h := range acf {
		for i, a := range v[:n-h] {
			acf[h] += a * v[i+h]
		}
	}
	if acf[0] <= 1e-9*float64(n) {
		return nil
	}
	// Dividing by the number of products keeps a late peak as high as an early
	// one.
	for h := most; h >= 0; h-- {
		acf[h] *= float64(n) / float64(n-h) / acf[0]
	}
	return acf
}

// detrended returns channel j without its least-squares line, 0 where missing.
func detrended(z []float32, c, j, n int) (v []float64, ok bool) {
	var k, st, sx, stt, stx float64
	for i := range n {
		if x := float64(z[i*c+j]); !math.IsNaN(x) {
			t := float64(i)
			k, st, sx, stt, stx = k+1, st+t, sx+x, stt+t*t, stx+t*x
		}
	}
	if k < float64(n)/2 {
		return nil, false
	}
	slope := 0.0
	if d := k*stt - st*st; d > 0 {
		slope = (k*stx - st*sx) / d
	}
	base := (sx - slope*st) / k
	v = make([]float64, n)
	for i := range v {
		if x := float64(z[i*c+j]); !math.IsNaN(x) {
			v[i] = x - base - slope*float64(i)
		}
	}
	return v, true
}
