package train

import (
	"math"
	"slices"
)

const (
	driftLags = 6
	leastSD   = 0.02 // of F, in units of the channel's standard deviation
	// rangePart bounds drift by the range the channel was seen in: a signal that
	// comes back (a daily cycle, a pump that stops and starts) makes (4)
	// arbitrarily large. Between half and three quarters the figures on labelled
	// recordings hardly move (skab, gecco).
	rangePart = 0.6
)

// wander is how far one channel moves slowly.
type wander struct {
	sd      float64 // of F over the learning rows
	drift   float64 // (4)
	bounded bool    // drift is what rangePart allows
	stretch float64 // by which (5) divides
}

// wanders returns (3) and (4) of each of the c channels of z for means of m rows
// and a horizon in rows.
func wanders(z []float32, c, m, horizon int) []wander {
	out := make([]wander, c)
	for j := range out {
		f := means(z, c, j, m)
		out[j] = wanderOf(f, m, horizon)
	}
	return out
}

// means returns F: the mean of m rows up to each row of channel j, NaN unless
// all m are there.
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

// wanderOf judges one channel's F.
func wanderOf(f []float64, m, horizon int) wander {
	v := slices.DeleteFunc(slices.Clone(f), math.IsNaN)
	_, sd := spreadOf(v)
	w := wander{sd: max(sd, leastSD)}
	lag, logD := structure(f, m, len(f)/4)
	if len(lag) < 2 { // a constant channel, or too many gaps to say
		w.drift, w.bounded = w.sd, true
		return w
	}
	w.drift = extrapolate(lag, logD, len(lag), horizon)
	slices.Sort(v)
	if most := rangePart * (quantile(v, 0.999) - quantile(v, 0.001)); w.drift > most {
		w.drift, w.bounded = most, true
	}
	return w
}

// extrapolate returns (4): the power law of the last lags, so many, through the
// mean of the last two.
func extrapolate(lag, logD []float64, lags, horizon int) float64 {
	last := len(lag) - 1
	at, d := (lag[last]+lag[last-1])/2, (logD[last]+logD[last-1])/2
	from := len(lag) - lags
	d += exponent(lag[from:], logD[from:]) * (math.Log(float64(horizon)) - at)
	return math.Sqrt(math.Exp(d) / 2)
}

// structure returns log h and log D(h) at up to 6 geometric lags from least to
// most.
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

// exponent returns the least-squares slope, clipped to [0, 2]: from white noise
// to a straight line.
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
