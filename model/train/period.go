package train

import "math"

// Bounds of the search for a cycle.
const (
	periodRows  = 6000 // rows that are searched
	periodLeast = 20   // shortest cycle, rows
	periodMost  = 400  // longest cycle, rows
	periodPeak  = 0.6  // autocorrelation of a cycle at least
	periodAgain = 0.5  // and at twice its length
	// periodMultiple scales each later peak before the comparison.
	periodMultiple = 0.9
)

// period returns (2), the machine's cycle in rows: the highest peak above 0.6 in any
// channel's autocorrelation; 0 if there is none. The rows must span at least eight
// cycles, because a drifting signal may show four humps by chance.
func period(z []float32, c int) int {
	n := min(len(z)/c, periodRows)
	most := min(periodMost, n/8)
	if most <= periodLeast {
		return 0
	}
	best, at := periodPeak, 0
	for j := range c {
		v, ok := detrended(z, c, j, n)
		if !ok {
			continue
		}
		if h, peak := cycleOf(v, most); peak > best {
			best, at = peak, h
		}
	}
	return at
}

// cycleOf returns the lag and height of the highest peak of v's autocorrelation after
// its first zero crossing; 0, 0 if there is none or it does not recur at twice the lag.
func cycleOf(v []float64, most int) (lag int, peak float64) {
	power := product(v, 0)
	if power < 1e-9 {
		return 0, 0
	}
	acf, crossed := make([]float64, most+1), 0
	for h := range acf {
		if acf[h] = product(v, h) / power; crossed == 0 && acf[h] < 0 {
			crossed = h
		}
	}
	if crossed == 0 {
		return 0, 0
	}
	for h := max(crossed, periodLeast); h < most; h++ {
		// A multiple of the cycle has a peak as high as the cycle's own, apart from
		// noise: the shortest one is the cycle.
		if acf[h]*periodMultiple > peak && acf[h] >= acf[h-1] && acf[h] >= acf[h+1] {
			lag, peak = h, acf[h]
		}
	}
	if lag == 0 || product(v, 2*lag)/power < periodAgain {
		return 0, 0
	}
	return lag, peak
}

// product returns the mean of v[i]*v[i+h].
func product(v []float64, h int) float64 {
	sum := 0.0
	for i, a := range v[:len(v)-h] {
		sum += a * v[i+h]
	}
	return sum / float64(len(v)-h)
}

// detrended returns the first n rows of channel j minus their least-squares line, 0
// where missing; false if more than half are missing.
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
