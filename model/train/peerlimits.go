package train

import (
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"iot-edge-anomaly/model"
)

const (
	driverFit   = 0.3  // part of a channel's variance below which its peers do not explain it
	driverSlack = 2    // by what the limits of such a channel rise
	tailLeast   = 0.05 // bounds of the tail's steepness: its scale by its place
	tailMost    = 0.5
	blocksLeast = 5 // blocks in a month, at least and at most: the tail is not extrapolated further
	blocksMost  = 600
	forgiveMost = 4               // months in which the alarms wanted are forgiven: so many of the highest blocks
	strayMargin = 0.14            // by what part the limits are raised, for one false alarm wanted in 30 days;
	strayFew    = 1.6 * limitRows // and this part of it for each row
	// outsideMore is by what part the limits of Relation, Level and Jump rise where Stray and
	// Slow judge and at least outsideTime was learnt, for one false alarm wanted in 30 days, and
	// less for more: what is outside the learnt range is not a fault as long as the channels agree.
	outsideMore = 1
	outsideTime = 24 * time.Hour
)

// limits runs the rows in their order, each by the fold that did not learn it, and sets the
// limits of Stray and Slow.
func (b *peering) limits() error {
	c := b.c
	slack := ones(c)
	for j, v := range b.fits {
		if v < driverFit {
			slack[j] = driverSlack
		}
	}
	stray, slow := make([]float32, len(b.index)), make([]float32, len(b.index))
	own, fold, last := *b.p, -1, -1
	s := model.NewPeerState(&own)
	for i, at := range b.index {
		if k := b.fold(i); k != fold {
			fold = k
			own.Weight, own.Bias = b.folds[k].weight, b.folds[k].bias
			own.Near, own.Overall = b.spreads(k)
		}
		if at > last+1 {
			s.Restart()
		}
		last = at
		s.Push(&own, b.row(i), nil, 0)
		for j := range c {
			if b.keep[i] {
				stray[i], slow[i] = max(stray[i], s.Stray[j]/slack[j]), max(slow[i], s.Slow[j]/slack[j])
			}
		}
		if i%32 == 0 {
			if err := b.pause(); err != nil {
				return err
			}
		}
	}
	level := b.levels(stray, slow)
	b.p.StrayLimit, b.p.SlowLimit = make([]float32, c), make([]float32, c)
	for j, k := range slack {
		b.p.StrayLimit[j], b.p.SlowLimit[j] = k*level[0], k*level[1]
	}
	return nil
}

// tails describes the block maxima of terms that share the steepness of their tails.
type tails struct {
	at       []float64 // of each term
	steep    float64   // scale of each tail, by its place
	distinct float64   // see extremalCoefficient
}

// tailsOf fits the block maxima of each term. The place follows the median, because a
// single regime must not move it.
func tailsOf(maxima [][]float64) tails {
	t := tails{distinct: extremalCoefficient(maxima)}
	var steep []float64
	for _, m := range maxima {
		v := slices.Sorted(slices.Values(m))
		scale, median := fitGumbel(m).scale, quantile(v, 0.5)
		at := max(median-0.367*scale, 0.8*median, 1e-3) // -ln ln 2 = 0.367
		t.at, steep = append(t.at, at), append(steep, scale/at)
	}
	slices.Sort(steep)
	t.steep = min(max(quantile(steep, 0.5), tailLeast), tailMost)
	return t
}

// rate returns the number of alarms in a block for limits of the terms.
func (t tails) rate(limits []float64) (sum float64) {
	for k, at := range t.at {
		sum += math.Exp(-(limits[k]/at-1)/t.steep) * t.distinct / float64(len(t.at))
	}
	return sum
}

// levels returns the limit of each term for the wanted rate of false alarms.
func (b *peering) levels(terms ...[]float32) []float32 {
	n, perMonth, months := len(b.index), float64(blocksMost), 0.0
	period := float64(b.l.set.schema.Period)
	if period > 0 {
		perMonth = min(max(float64(month)*blocks/(period*float64(n)), blocksLeast), blocksMost)
		months = period * float64(n) / float64(month)
	}
	var maxima [][]float64
	for _, v := range terms {
		maxima = append(maxima, highest(opening(v, b.l.o)))
	}
	t, forgiven := tailsOf(maxima), min(int(min(months, forgiveMost)*b.l.o.falseAlarms()), blocks-5)
	limits, out := make([]float64, len(terms)), make([]float32, len(terms))
	for k, m := range maxima {
		v := slices.Sorted(slices.Values(m))
		x := t.at[k] * (1 + t.steep*math.Log(max(perMonth*t.distinct/b.l.o.falseAlarms(), 1)))
		x = max(x, 1.05*v[len(v)-1-forgiven])
		limits[k] = x * (1 + (strayMargin+strayFew/float64(n))/math.Sqrt(max(b.l.o.falseAlarms(), 1)))
		out[k] = float32(limits[k])
	}
	if b.l.long() && period > 0 {
		b.l.promise(maxima, limits, float64(month)*blocks/(period*float64(n)))
	}
	return out
}

// promise estimates the false alarms in 30 days from bootstrap samples of the blocks.
func (l *learner) promise(maxima [][]float64, limits []float64, perMonth float64) {
	rng := rand.New(rand.NewPCG(2, 0x626f6f74))
	rates := make([]float64, resamples)
	for i := range rates {
		some := make([][]float64, len(maxima))
		for range blocks {
			at := rng.IntN(blocks)
			for k, m := range maxima {
				some[k] = append(some[k], m[at])
			}
		}
		rates[i] = tailsOf(some).rate(limits) * perMonth
	}
	mean, _ := spreadOf(rates)
	slices.Sort(rates)
	l.peerRate = model.Alarms{Rate: mean, Low: quantile(rates, 0.05), High: quantile(rates, 0.95)}
}

// highest returns the maximum of each block.
func highest(v []float32) []float64 {
	size, out := max(len(v)/blocks, 1), make([]float64, blocks)
	for i, x := range v {
		if at := i / size; at < blocks {
			out[at] = max(out[at], float64(x))
		}
	}
	return out
}
