package train

import (
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"iot-edge-anomaly/model"
)

const (
	limitRank   = 0.999 // below longRows a limit is this quantile of its term times a factor:
	limitFactor = 0.6   // 1 + this at limitRows rows,
	limitRows   = 400
	limitPower  = 0.15 // falling with this power of more rows
	limitFew    = 0.5  // and rising with this power of fewer
	longRows    = 2000 // from so many rows on, limits are set from block maxima
	blocks      = 20   // whose maxima are taken
	resamples   = 400  // bootstrap samples of the maxima
	beyondMost  = 30   // learning times between two false alarms at most: the tail is not extrapolated further
	month       = 30 * 24 * time.Hour
	euler       = 0.5772156649
	closePart   = 0.8 // of the threshold: where the alarm policy closes an event
)

// limits sets p.Limits from the terms of the learning rows, (rows, model.Terms) in time
// order, except that of Sensor, whose limit is 1.
func (l *learner) limits(p *model.Parameters, terms []float32) {
	a := &l.report.Alarms
	a.Wanted = l.o.falseAlarms()
	rate := a.Wanted // for which the limits are set
	values, period := make([]float32, len(terms)/model.Terms), l.set.schema.Period
	perMonth := 0.0 // blocks in a month
	if l.long() && period > 0 {
		perMonth = float64(month) / float64(period) / float64(max(len(values)/blocks, 1))
		rate = max(rate, perMonth/blocks/beyondMost)
		a.Beyond = perMonth / a.Wanted / blocks
	}
	share := [...]int{model.Relation, model.Level, model.Jump}
	var maxima [][]float64
	for _, k := range share {
		for i := range values {
			values[i] = terms[i*model.Terms+k]
		}
		if perMonth > 0 {
			maxima = append(maxima, blockMaxima(values, l.o))
			continue
		}
		slices.Sort(values)
		p.Limits[k] = max(quantile(values, limitRank)*float32(shortFactor(l.set.used, l.report.Mean+l.report.Smooth)), 1e-6)
	}
	if perMonth > 0 {
		distinct := extremalCoefficient(maxima)
		for i, k := range share {
			f := resample(maxima[i])
			x := f.level(rate / distinct / perMonth)
			mean, low, high := f.rate(x)
			part := distinct / float64(len(share)) * perMonth
			a.Rate, a.Low, a.High = a.Rate+mean*part, a.Low+low*part, a.High+high*part
			p.Limits[k] = max(float32(x), 1e-6)
		}
	}
	switch {
	case p.Peers == nil || perMonth == 0:
	case time.Duration(l.set.used)*period < outsideTime:
		a.Rate, a.Low, a.High = a.Rate+l.peerRate.Rate, a.Low+l.peerRate.Low, a.High+l.peerRate.High
	default:
		a.Rate, a.Low, a.High = l.peerRate.Rate, l.peerRate.Low, l.peerRate.High
		for _, k := range share {
			p.Limits[k] *= float32(1 + outsideMore/math.Sqrt(max(a.Wanted, 1)))
		}
	}
}

// largest returns the scores of rows from their terms, (rows, model.Terms).
func largest(terms, limits []float32) []float32 {
	values := make([]float32, len(terms)/model.Terms)
	for i := range values {
		for k, limit := range limits {
			values[i] = max(values[i], terms[i*model.Terms+k]/limit)
		}
	}
	return values
}

// long tells whether there are enough rows for folds and block maxima.
func (l *learner) long() bool { return l.set.used >= longRows }

// shortFactor returns the factor of the limit for a recording that is too short for block
// maxima. Scores are means over averaged rows; with a long cycle neighbouring scores are
// nearly equal, so the effective sample size is smaller.
func shortFactor(used, averaged int) float64 {
	effective := float64(used) * (meanRows + smoothRows) / float64(averaged)
	power := limitPower
	if effective < limitRows {
		power = limitFew
	}
	return 1 + limitFactor*math.Pow(limitRows/effective, power)
}

// blockMaxima returns, for each block, the maximum of what opens an event: the n-th
// largest of the last m scores. A block is far longer than the hold time of an event, so
// a maximum stands for one event. An event that lasts longer than a block counts once: the
// rows around a maximum that stay above closePart of it do not count for other blocks.
// But a value that half the rows reach is normal, not an event; otherwise all rows of a
// term that hardly varies would be one event.
func blockMaxima(values []float32, o Options) []float64 {
	v := opening(values, o)
	usual := quantile(slices.Sorted(slices.Values(v)), 0.5)
	size := len(v) / blocks
	v = v[:size*blocks]
	out := make([]float64, blocks)
	for range blocks {
		best, at := -1, 0
		for b := range out {
			if out[b] != 0 {
				continue
			}
			for i := b * size; i < (b+1)*size; i++ {
				if best < 0 || v[i] > v[at] {
					best, at = b, i
				}
			}
		}
		if out[best] = float64(v[at]); v[at] <= 0 {
			break
		}
		least := max(closePart*v[at], usual)
		for i := at - 1; i >= 0 && v[i] >= least; i-- {
			v[i] = 0
		}
		for i := at + 1; i < len(v) && v[i] >= least; i++ {
			v[i] = 0
		}
	}
	return out
}

// opening returns for each score the n-th largest of the last m scores: an event opens
// where it exceeds the threshold.
func opening(values []float32, o Options) []float32 {
	n, m := o.open()
	out := make([]float32, len(values))
	last := make([]float32, 0, m)
	for i := range values {
		last = append(last[:0], values[max(0, i-m+1):i+1]...)
		if len(last) < n {
			continue
		}
		slices.Sort(last)
		out[i] = last[len(last)-n]
	}
	return out
}

// extremalCoefficient returns how many distinct alarms the terms raise together for each
// that one of them raises, estimated from their block maxima: from 1, if the terms always
// exceed their limits together, to their number, if they never do. With exponential
// margins the smallest of a block is exponential with this rate (Schlather and Tawn 2003).
func extremalCoefficient(maxima [][]float64) float64 {
	sum := 0.0
	for b := range blocks {
		least := math.Inf(1)
		for _, m := range maxima {
			rank := 1.0 // of this block among all, 1 = the largest
			for _, x := range m {
				if x > m[b] {
					rank++
				}
			}
			least = min(least, -math.Log(1-(rank-0.5)/blocks))
		}
		sum += least
	}
	return min(max(blocks/sum, 1), float64(len(maxima)))
}

// gumbel is the distribution of the maximum of a block.
type gumbel struct{ at, scale float64 }

// fitGumbel fits by the first two L-moments (Hosking 1990), which a single outlying block
// changes less than it changes a variance.
func fitGumbel(maxima []float64) gumbel {
	v := slices.Sorted(slices.Values(maxima))
	n := float64(len(v))
	b0, b1 := 0.0, 0.0
	for i, x := range v {
		b0 += x / n
		b1 += x * float64(i) / (n * (n - 1))
	}
	g := gumbel{scale: max((2*b1-b0)/math.Ln2, 1e-3*b0, 1e-9)}
	g.at = b0 - euler*g.scale
	return g
}

// rate returns the expected number of exceedances of x in a block.
func (g gumbel) rate(x float64) float64 { return math.Exp(-(x - g.at) / g.scale) }

// fits are Gumbel distributions fitted to bootstrap samples of block maxima; their
// variation is the uncertainty of the fit.
type fits []gumbel

// resample returns fits of bootstrap samples of maxima.
func resample(maxima []float64) fits {
	rng := rand.New(rand.NewPCG(1, 0x626f6f74))
	out, sample := make(fits, resamples), make([]float64, len(maxima))
	for i := range out {
		for k := range sample {
			sample[k] = maxima[rng.IntN(len(maxima))]
		}
		out[i] = fitGumbel(sample)
	}
	return out
}

// rate returns the number of exceedances of x in a block: the mean over the fits, and
// their 5 % and 95 % quantiles. With so few maxima the mean is the expected number; the
// best fit alone underestimates it wherever it extrapolates.
func (f fits) rate(x float64) (mean, low, high float64) {
	v := make([]float64, len(f))
	for i, g := range f {
		v[i] = g.rate(x)
		mean += v[i] / float64(len(f))
	}
	slices.Sort(v)
	return mean, quantile(v, 0.05), quantile(v, 0.95)
}

// level returns, by bisection, the x whose mean rate of exceedances is the given one.
func (f fits) level(rate float64) float64 {
	low, high := 0.0, 0.0
	for _, g := range f {
		low, high = min(low, g.at-5*g.scale), max(high, g.at+60*g.scale)
	}
	for range 60 {
		mid := (low + high) / 2
		if mean, _, _ := f.rate(mid); mean > rate {
			low = mid
		} else {
			high = mid
		}
	}
	return high
}

// rankTable returns ranks and the scores at these ranks of sorted values. The steps
// become finer towards 1: hundredths, thousandths within the last hundredth, and so on
// as far as there are values.
func rankTable(values []float32) (ranks, scores []float32) {
	n := float64(len(values))
	ranks, scores = []float32{0}, []float32{values[0]}
	for k, step := 99, 0.01; step*n >= 1 && step > 1e-6; k, step = 9, step/10 {
		for ; k > 0; k-- {
			share := 1 - step*float64(k)
			ranks, scores = append(ranks, float32(share)), append(scores, quantile(values, share))
		}
	}
	return append(ranks, float32(1-1/(n+1))), append(scores, values[len(values)-1])
}
