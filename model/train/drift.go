package train

import (
	"math"
	"slices"
)

const (
	driftLags = 6
	leastSD   = 0.02 // of F, in units of the channel's standard deviation
	// rangePart bounds the drift allowance by the range of the channel: for a signal
	// that comes back, such as a daily cycle or a pump that stops and starts, (4) is
	// arbitrarily large. Between a half and three quarters the figures on labelled
	// recordings hardly change (skab, gecco).
	rangePart = 0.6
)

// allowance is the drift allowance of one channel.
type allowance struct {
	sd      float64 // of F over the learning rows
	drift   float64 // (4)
	bounded bool    // drift is bounded by rangePart
	stretch float64 // the divisor of (5)
}

// allowances returns the drift allowances of the c channels of z for means of m rows
// and a horizon in rows.
func allowances(z []float32, c, m, horizon int) []allowance {
	out := make([]allowance, c)
	for j := range out {
		f := means(z, c, j, m)
		out[j] = allowanceOf(f, m, horizon)
	}
	return out
}

// means returns F: for each row of channel j of z, (n, c), the mean of the m rows that
// end with it; NaN if one of them is NaN.
func means(z []float32, c, j, m int) []float64 {
	n := len(z) / c
	f := make([]float64, n)
	for i := range f {
		f[i] = math.NaN()
	}
	sum, streak := 0.0, 0
	for i := range n {
		x := float64(z[i*c+j])
		if math.IsNaN(x) {
			sum, streak = 0, 0
			continue
		}
		sum += x
		if streak++; streak > m {
			sum -= float64(z[(i-m)*c+j])
		}
		if streak >= m {
			f[i] = sum / float64(m)
		}
	}
	return f
}

// allowanceOf returns the drift allowance for one channel's F.
func allowanceOf(f []float64, m, horizon int) allowance {
	v := slices.DeleteFunc(slices.Clone(f), math.IsNaN)
	_, sd := spreadOf(v)
	a := allowance{sd: max(sd, leastSD)}
	lag, logD := structure(f, m, len(f)/4)
	if len(lag) < 2 { // a constant channel, or too many gaps to tell
		a.drift, a.bounded = a.sd, true
		return a
	}
	a.drift = extrapolate(lag, logD, len(lag), horizon)
	slices.Sort(v)
	if most := rangePart * (quantile(v, 0.999) - quantile(v, 0.001)); a.drift > most {
		a.drift, a.bounded = most, true
	}
	return a
}

// extrapolate returns (4) at the horizon: a power law through the mean of the last two
// points, with the exponent of the last lags points.
func extrapolate(lag, logD []float64, lags, horizon int) float64 {
	last := len(lag) - 1
	at, d := (lag[last]+lag[last-1])/2, (logD[last]+logD[last-1])/2
	from := len(lag) - lags
	d += exponent(lag[from:], logD[from:]) * (math.Log(float64(horizon)) - at)
	return math.Sqrt(math.Exp(d) / 2)
}

// structure returns the structure function (3) of f as log h and log D(h), at up to 6
// lags from least to most in geometric steps.
func structure(f []float64, least, most int) (lag, logD []float64) {
	ratio := math.Pow(float64(most)/float64(least), 1/float64(driftLags-1))
	for i := range driftLags {
		h := int(math.Round(float64(least) * math.Pow(ratio, float64(i))))
		if h < 1 || h >= len(f) {
			continue
		}
		sum, n := 0.0, 0
		for t, a := range f[:len(f)-h] {
			if d := f[t+h] - a; !math.IsNaN(d) {
				sum += d * d
				n++
			}
		}
		if n < 16 || sum == 0 {
			continue
		}
		lag = append(lag, math.Log(float64(h)))
		logD = append(logD, math.Log(sum/float64(n)))
	}
	return lag, logD
}

// exponent returns the least-squares slope of y over x, clipped to [0, 2]: 0 is white
// noise, 2 a straight line.
func exponent(x, y []float64) float64 {
	mx, _ := spreadOf(x)
	my, _ := spreadOf(y)
	var xx, xy float64
	for i := range x {
		xx += (x[i] - mx) * (x[i] - mx)
		xy += (x[i] - mx) * (y[i] - my)
	}
	if xx == 0 {
		return 0
	}
	return min(max(xy/xx, 0), 2)
}
