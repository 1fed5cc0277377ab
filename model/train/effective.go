package train

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"iot-edge-anomaly/model"
)

const (
	worthBlocks    = 4096 // means of as many stretches stand for longer columns
	leastLogSD     = 0.1  // of log2 of the score
	restlessLeast  = 16   // rows of a stretch
	restlessMargin = 1.5  // by which a stretch must stay below what counts as drift
	leastScore     = 1e-3 // scores below count as this: their logarithm would be all that counts
)

// restlessParts are the numbers of stretches that the learning rows are cut into.
var restlessParts = [...]int{2, 4, 8, 16, 32}

// worth returns, for each channel, how many values were learnt and how many
// rows are worth one independent value.
func (t *table) worth() (rows []int32, time []float32) {
	rows, time = make([]int32, t.c), make([]float32, t.c)
	for j := range t.c {
		v := t.column(j)
		rows[j] = int32(min(len(v), math.MaxInt32))
		r := ranked(v)
		time[j] = float32(min(max(correlationTime(r), restlessTime(r, t.c)), float64(max(len(v), 1))))
	}
	return rows, time
}

// doubtDrift names the channels that were not learnt for long enough to judge
// their drift: not even a whole window elsewhere would tell.
func (l *learner) doubtDrift(p *model.Parameters) {
	critical := model.DriftCritical(l.t.c)
	var slow []string
	for j, ch := range l.t.schema.Channels {
		if worth := float64(p.DriftRows[j]) / float64(p.DriftTime[j]); worth < 2*critical*critical && !slices.Contains(l.t.dead, j) {
			slow = append(slow, ch.Name)
		}
	}
	if len(slow) > 0 {
		l.report.doubt("drift of %s cannot be judged: too slow for so short a time of learning", some(slow))
	}
}

// fewValues is how many independent values of a channel are too few to know how far
// it goes. A day's weather is one, whatever the number of rows.
const fewValues = 50

// doubtRange names the channels that move so slowly that the rate of false alarms,
// where one is promised, does not hold outside of the range that was learnt.
func (l *learner) doubtRange(p *model.Parameters) {
	if l.report.Alarms.Rate == 0 {
		return
	}
	least, worth := -1, math.Inf(1)
	var slow []string
	for j := range l.t.c {
		w := float64(p.DriftRows[j]) / float64(p.DriftTime[j])
		if w >= fewValues || slices.Contains(l.t.dead, j) || l.report.Channels[j].SD < leastSpread {
			continue
		}
		slow = append(slow, l.report.Channels[j].Name)
		if w < worth {
			least, worth = j, w
		}
	}
	if least < 0 {
		return
	}
	ch := l.report.Channels[least]
	also, unit := "", ""
	if slow = slices.DeleteFunc(slow, func(s string) bool { return s == ch.Name }); len(slow) > 0 {
		also = " (so do " + some(slow) + ")"
	}
	if ch.Unit != "" {
		unit = " " + ch.Unit
	}
	l.report.doubt("%s moves slowly%s: what was learnt is worth %.0f independent values; beyond %.4g to %.4g%s alarms come on top of those expected",
		ch.Name, also, worth, ch.Low, ch.High, unit)
}

// some names a few, and counts the others where there are many.
func some(names []string) string {
	if n := len(names); n > 3 {
		return fmt.Sprintf("%s and %d others", strings.Join(names[:2], ", "), n-2)
	}
	return list(names)
}

// restlessTime returns how many rows must be worth one independent value for no
// stretch of the learning rows to count as drifted from all others. It is larger
// than correlationTime where a channel wanders for longer than its
// autocorrelation, cut off at its first zero, tells. v are ranks.
func restlessTime(v []float64, channels int) float64 {
	n, worst := len(v), 1.0
	critical, all := model.DriftCritical(channels), binned(v)
	for _, parts := range restlessParts {
		w := n / parts
		if w < restlessLeast {
			continue
		}
		for k := range parts {
			d := distance(binned(v[k*w:(k+1)*w]), all, w, n) * float64(n) / float64(n-w) // to the other rows
			x := restlessMargin * d / critical
			worst = max(worst, x*x*float64(w)*float64(n-w)/float64(n))
		}
	}
	return worst
}

// binned counts ranks as finely as the drift reference has ranks.
func binned(v []float64) (counts [driftRanks]int) {
	for _, x := range v {
		counts[min(int(x*(driftRanks-1)), driftRanks-2)]++
	}
	return counts
}

// distance returns the greatest difference between the shares of two counts that
// lie below a bin's end, or between two ends as far from the middle; n and m are
// their sums.
func distance(a, b [driftRanks]int, n, m int) float64 {
	var off [driftRanks]float64
	below, others := 0, 0
	for k := range driftRanks - 1 {
		below, others = below+a[k], others+b[k]
		off[k+1] = float64(below)/float64(n) - float64(others)/float64(m)
	}
	top := 0.0
	for k, v := range off {
		top = max(top, math.Abs(v), math.Abs(off[driftRanks-1-k]-v))
	}
	return top
}

// ranked returns each value's rank, 0 to 1, equal values sharing one: outliers
// count no more than others, as in the statistic that this is for.
func ranked(v []float64) []float64 {
	sorted := slices.Clone(v)
	slices.Sort(sorted)
	out := make([]float64, len(v))
	for i, x := range v {
		low, _ := slices.BinarySearch(sorted, x)
		high, _ := slices.BinarySearch(sorted[low:], math.Nextafter(x, math.Inf(1)))
		out[i] = (float64(low) + float64(high)/2) / float64(len(v))
	}
	return out
}

// correlationTime returns 1 + 2 Σ acf(k) up to the first k where the
// autocorrelation is not positive, 1 to len(v): len(v) values with this
// correlation say as much about their mean as len(v)/correlationTime independent
// ones. A long column is first cut into means of stretches, which leaves the sum
// as it is. What is returned is a standard error above the estimate (Sokal): an
// estimate that is too low would call chance drift.
func correlationTime(v []float64) float64 {
	n := len(v)
	_, sd := spreadOf(v)
	if n < 2 || sd == 0 {
		return 1
	}
	size := (n + worthBlocks - 1) / worthBlocks
	means := make([]float64, n/size)
	for i := range means {
		means[i], _ = spreadOf(v[i*size : (i+1)*size])
	}
	middle, _ := spreadOf(means)
	sum, last := 0.0, 0 // the lag at which the sum ends
	for k := range means {
		g := 0.0
		for i := range len(means) - k {
			g += float64((means[i] - middle) * (means[i+k] - middle))
		}
		if k == 0 {
			sum = g
			continue
		}
		if g <= 0 {
			break
		}
		sum, last = sum+2*g, k
	}
	time := float64(size) * sum / float64(len(means)) / (sd * sd)
	time *= 1 + math.Sqrt(float64(2*(2*last+1))/float64(len(means)))
	return min(max(time, 1), float64(n))
}

// scoreReference returns what Page-Hinkley compares later scores with: mean and
// standard deviation of log2 of the learning rows' scores, and how many rows are
// worth one of them.
func scoreReference(scores []float32) []float32 {
	v := make([]float64, len(scores))
	for i, x := range scores {
		v[i] = math.Log2(max(float64(x), leastScore))
	}
	mean, sd := spreadOf(v)
	return []float32{float32(mean), float32(max(sd, leastLogSD)), float32(correlationTime(ranked(v)))}
}
