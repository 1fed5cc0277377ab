package vibration

import "math"

// The features of every axis, in this order; bands follow.
const (
	rms = iota
	peak
	crest
	kurtosis
	skewness
	velocity
	firstBand
)

const (
	isoLow, isoHigh = 10, 1000 // Hz, of the velocity
	usable          = 1 / 2.56 // of the rate: lines above are not used
)

// band is a range of spectral lines, from <= k < to.
type band struct{ from, to int }

// analysis turns blocks into features. It owns its scratch.
type analysis struct {
	fft     *transform
	window  []float64 // (n) Hann
	work    []float64 // (n)
	power   []float64 // (n/2+1)
	line    float64   // Hz between two lines
	iso     band      // lines of the velocity
	bands   []band
	unlevel float64 // factor from |X|² to the one-sided mean square of a line
}

func newAnalysis(n int, rate float64, bands [][2]float64) *analysis {
	a := &analysis{fft: newTransform(n), window: make([]float64, n), work: make([]float64, n), power: make([]float64, n/2+1), line: rate / float64(n)}
	for i := range a.window {
		a.window[i] = (1 - math.Cos(2*math.Pi*float64(i)/float64(n))) / 2
	}
	a.unlevel = 2 / (float64(n) * float64(n) * 3 / 8)
	at := func(hz float64) int { return min(max(int(math.Ceil(hz/a.line)), 1), n/2) }
	a.iso = band{at(isoLow), min(int(math.Floor(min(isoHigh, rate*usable)/a.line))+1, n/2)}
	for _, b := range bands {
		a.bands = append(a.bands, band{at(b[0]), at(b[1])})
	}
	return a
}

// features fills dst (firstBand + bands) from a block x (n) in m/s². Features that
// are undefined for a block of equal samples are NaN.
func (a *analysis) features(dst, x []float64) {
	// The first sample is subtracted first, so that equal samples become exactly 0.
	// Otherwise the rounding error of their mean would yield a kurtosis.
	mean := 0.0
	for _, v := range x {
		mean += v - x[0]
	}
	mean /= float64(len(x))
	var m2, m3, m4, top float64
	for i, v := range x {
		v = v - x[0] - mean
		q := float64(v * v)
		m2 += q
		m3 += float64(q * v)
		m4 += float64(q * q)
		top = max(top, math.Abs(v))
		a.work[i] = v * a.window[i]
	}
	n := float64(len(x))
	m2, m3, m4 = m2/n, m3/n, m4/n
	dst[rms], dst[peak] = math.Sqrt(m2), top
	dst[crest] = top / dst[rms]
	dst[kurtosis] = m4 / (m2 * m2)
	dst[skewness] = m3 / (m2 * dst[rms])
	if m2 == 0 {
		dst[crest], dst[kurtosis], dst[skewness] = math.NaN(), math.NaN(), math.NaN()
	}
	a.fft.power(a.power, a.work)
	dst[velocity] = 1000 * math.Sqrt(a.velocity())
	for i, b := range a.bands {
		sum := 0.0
		for _, p := range a.power[b.from:b.to] {
			sum += p
		}
		dst[firstBand+i] = math.Sqrt(sum * a.unlevel)
	}
}

// velocity is equation (1), in (m/s)².
func (a *analysis) velocity() float64 {
	sum := 0.0
	for k := a.iso.from; k < a.iso.to; k++ {
		omega := 2 * math.Pi * a.line * float64(k)
		sum += a.power[k] / float64(omega*omega)
	}
	return sum * a.unlevel
}
