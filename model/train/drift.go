package train

import (
	"math"
	"slices"
)

const (
	driftLags = 6
	leastSD   = 0.02 // of F, in units of the channel's standard deviation
	saturated = 0.25 // exponent of the last lags below which D has stopped growing
	returns   = 8    // crossings of its median that show a signal coming back
)

// wander is how far one channel moves slowly.
type wander struct {
	sd      float64 // of F over the learning rows
	drift   float64 // (4)
	bounded bool    // D was not extrapolated

	stretch  float64 // by which (5) divides
	residual float64 // sd of the residual by that of the channel
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
	if len(lag) < 3 {
		w.drift, w.bounded = w.sd, true
		return w
	}
	last := len(lag) - 1
	slope := exponent(lag, logD)
	tail := exponent(lag[last-2:], logD[last-2:])
	anchorX, anchorY := (lag[last]+lag[last-1])/2, (logD[last]+logD[last-1])/2
	w.bounded = tail < saturated || comesBack(f, v, int(math.Exp(lag[last])))
	if w.bounded {
		w.drift = math.Sqrt(math.Exp(max(logD[last], anchorY)) / 2)
	} else {
		d := anchorY + slope*(math.Log(float64(horizon))-anchorX)
		w.drift = math.Sqrt(math.Exp(d) / 2)
	}
	return w
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

// comesBack tells whether means over h rows cross the median of F often: the
// signal moves, but around a fixed place.
func comesBack(f, v []float64, h int) bool {
	if h < 1 || len(v) == 0 {
		return false
	}
	sorted := slices.Clone(v)
	slices.Sort(sorted)
	mid := quantile(sorted, 0.5)
	crossings, side := 0, 0
	for i := 0; i+h <= len(f); i += h {
		sum, n := 0.0, 0
		for _, x := range f[i : i+h] {
			if !math.IsNaN(x) {
				sum += x - mid
				n++
			}
		}
		if n == 0 {
			continue
		}
		now := 1
		if sum < 0 {
			now = -1
		}
		if now != side && side != 0 {
			crossings++
		}
		side = now
	}
	return crossings >= returns
}
