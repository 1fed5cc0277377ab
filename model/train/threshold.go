package train

import (
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"iot-edge-anomaly/model"
)

const (
	limitRank   = 0.999
	limitFactor = 0.6 // below longRows the limit is 1 + this above the quantile at 400 rows
	limitRows   = 400
	limitPower  = 0.15 // by which it falls with more rows
	limitFew    = 0.5  // and by which it rises with fewer
	longRows    = 2000
	blocks      = 20 // of which the maxima are taken
	resamples   = 400
	beyondMost  = 30 // learning times to the next false alarm at most: no tail reaches further
	month       = 30 * 24 * time.Hour
	euler       = 0.5772156649
	closePart   = 0.8 // of the threshold: where the alarm policy closes an event
)

// limits sets p.Limits from the terms of the learning rows, (rows, model.Terms)
// in time order. Term h has its own.
func (l *learner) limits(p *model.Parameters, terms []float32) {
	a := &l.report.Alarms
	a.Wanted = l.o.falseAlarms()
	rate := a.Wanted // set for
	values, period := make([]float32, len(terms)/model.Terms), l.t.schema.Period
	perMonth := 0.0 // blocks in a month
	if l.long() && period > 0 {
		perMonth = float64(month) / float64(period) / float64(max(len(values)/blocks, 1))
		rate = max(rate, perMonth/blocks/beyondMost)
		a.Beyond = perMonth / a.Wanted / blocks
	}
	share := statistics(p)
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
		p.Limits[k] = max(quantile(values, limitRank)*float32(shortFactor(l.t.used, l.report.Mean+l.report.Smooth)), 1e-6)
	}
	if perMonth > 0 {
		apart := separate(maxima)
		for i, k := range share {
			f := resample(maxima[i])
			x := f.level(rate / apart / perMonth)
			mean, low, high := f.rate(x)
			part := apart / float64(len(share)) * perMonth
			a.Rate, a.Low, a.High = a.Rate+mean*part, a.Low+low*part, a.High+high*part
			p.Limits[k] = max(float32(x), 1e-6)
		}
	}
}

// largest returns the scores that the terms of rows, (rows, model.Terms), make.
func largest(terms, limits []float32) []float32 {
	values := make([]float32, len(terms)/model.Terms)
	for i := range values {
		for k, limit := range limits {
			values[i] = max(values[i], terms[i*model.Terms+k]/limit)
		}
	}
	return values
}

// statistics returns which terms are statistics of the rows, and share what false
// alarms are wanted: each is set for its part alone. The largest of them has no
// tail that a distribution fits, where one is flat and another seldom high.
func statistics(p *model.Parameters) []int {
	if p.Cross == nil || p.Reference == model.None {
		return []int{0, 1, 2}
	}
	return []int{0, 1, 2, model.Cross}
}

// long tells whether there are rows enough for folds and block maxima.
func (l *learner) long() bool { return l.t.used >= longRows }

// shortFactor is the factor of a recording too short for block maxima. Scores
// are means over so many rows: with a long cycle, neighbouring ones say the same
// and fewer are worth anything.
func shortFactor(used, averaged int) float64 {
	worth := float64(used) * (meanRows + smoothRows) / float64(averaged)
	power := limitPower
	if worth < limitRows {
		power = limitFew
	}
	return 1 + limitFactor*math.Pow(limitRows/worth, power)
}

// blockMaxima returns the largest of each block of what opens an event: the
// n-th largest of the last m scores. A block is far longer than the time an
// event is held, so that a maximum stands for one event. One that lasts longer
// than a block still counts once: the rows around a maximum that stay above
// closePart of it are no other block's. Of a statistic that hardly moves all rows
// would be: what half of them reach is no event but how the machine is.
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

// opening returns for each score what opens an event there: the n-th largest of
// the last m.
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

// separate returns how many of the terms' alarms are alarms of their own: the
// extremal coefficient of their block maxima, from 1 where the terms always
// exceed together to their number where they never do. With margins brought to
// exponential ones, the smallest of a block is exponential with this rate
// (Schlather and Tawn 2003).
func separate(maxima [][]float64) float64 {
	sum := 0.0
	for b := range blocks {
		least := math.Inf(1)
		for _, m := range maxima {
			rank := 1.0 // of this block among all, from above
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

// fitGumbel fits by the first two L-moments (Hosking 1990), which one odd block
// moves less than it moves a variance.
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

// rate returns how many exceedances of x a block has on average.
func (g gumbel) rate(x float64) float64 { return math.Exp(-(x - g.at) / g.scale) }

// fits are Gumbel distributions fitted to bootstrap samples of block maxima: what
// the true one may be.
type fits []gumbel

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

// rate returns how many exceedances of x a block has: the mean over the fits, and
// their 5 % and 95 % quantiles. The mean is what to expect from maxima so few; the
// best fit alone promises too little wherever it extrapolates.
func (f fits) rate(x float64) (mean, low, high float64) {
	v := make([]float64, len(f))
	for i, g := range f {
		v[i] = g.rate(x)
		mean += v[i] / float64(len(f))
	}
	slices.Sort(v)
	return mean, quantile(v, 0.05), quantile(v, 0.95)
}

// level returns what is exceeded so often, by bisection.
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

// rankTable returns shares and the scores that so many of the values stay
// below, finer the rarer: hundredths, then thousandths of the last hundredth,
// and so on as far as the values tell. values is sorted.
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
