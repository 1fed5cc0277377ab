package train

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"iot-edge-anomaly/model"
)

const (
	maxMeans      = 4096 // a longer column is replaced by the means of at most so many stretches
	leastLogSD    = 0.1  // of log2 of the score
	segmentLeast  = 16   // rows of a segment
	segmentMargin = 1.5  // factor by which a segment must stay below the limit of drift
	leastScore    = 1e-3 // smaller scores count as this, or their logarithms would dominate
)

// segmentParts are the numbers of segments into which the learning rows are cut.
var segmentParts = [...]int{2, 4, 8, 16, 32}

// driftSizes returns, for each channel, the number of values and the number of rows per
// independent value. Their quotient is the channel's effective sample size.
func (t *trainingSet) driftSizes() (rows []int32, time []float32) {
	rows, time = make([]int32, t.c), make([]float32, t.c)
	for j := range t.c {
		v := t.column(j)
		rows[j] = int32(min(len(v), math.MaxInt32))
		r := ranked(v)
		time[j] = float32(min(max(correlationTime(r), segmentTime(r, t.c)), float64(max(len(v), 1))))
	}
	return rows, time
}

// warnDrift names the channels whose effective sample size is too small to judge their
// drift, even if a whole window lay elsewhere.
func (l *learner) warnDrift(p *model.Parameters) {
	critical := model.DriftCritical(l.set.c)
	var slow []string
	for j, ch := range l.set.schema.Channels {
		if effective := float64(p.DriftRows[j]) / float64(p.DriftTime[j]); effective < 2*critical*critical && !slices.Contains(l.set.dead, j) {
			slow = append(slow, ch.Name)
		}
	}
	if len(slow) > 0 {
		l.report.warn("drift of %s cannot be judged: the learning phase is too short for so slow a change", some(slow))
	}
}

// fewValues is the effective sample size below which the range of a channel is not known
// well. The weather of one day is one value, however many rows the day has.
const fewValues = 50

// warnRange names the channels that change so slowly that outside their learnt range the
// stated rate of false alarms does not hold.
func (l *learner) warnRange(p *model.Parameters) {
	if l.report.Alarms.Rate == 0 {
		return
	}
	least, fewest := -1, math.Inf(1)
	var slow []string
	for j := range l.set.c {
		n := float64(p.DriftRows[j]) / float64(p.DriftTime[j])
		if n >= fewValues || slices.Contains(l.set.dead, j) || l.report.Channels[j].SD < leastSpread {
			continue
		}
		slow = append(slow, l.report.Channels[j].Name)
		if n < fewest {
			least, fewest = j, n
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
	l.report.warn("%s changes slowly%s: its rows are worth only %.0f independent values; outside %.4g to %.4g%s expect more false alarms than stated",
		ch.Name, also, fewest, ch.Low, ch.High, unit)
}

// some lists up to three names; of more it lists two and counts the others.
func some(names []string) string {
	if n := len(names); n > 3 {
		return fmt.Sprintf("%s and %d others", strings.Join(names[:2], ", "), n-2)
	}
	return list(names)
}

// segmentTime returns how many rows one independent value must stand for so that no
// segment of the learning rows counts as drifted from the others. It is larger than
// correlationTime if a channel wanders for longer than its autocorrelation shows, which
// is cut off at its first zero. v are ranks.
func segmentTime(v []float64, channels int) float64 {
	n, worst := len(v), 1.0
	critical, all := model.DriftCritical(channels), binned(v)
	for _, parts := range segmentParts {
		w := n / parts
		if w < segmentLeast {
			continue
		}
		for k := range parts {
			d := distance(binned(v[k*w:(k+1)*w]), all, w, n) * float64(n) / float64(n-w) // to the other rows
			x := segmentMargin * d / critical
			worst = max(worst, x*x*float64(w)*float64(n-w)/float64(n))
		}
	}
	return worst
}

// binned counts ranks in bins between the ranks of the drift reference.
func binned(v []float64) (counts [driftRanks]int) {
	for _, x := range v {
		counts[min(int(x*(driftRanks-1)), driftRanks-2)]++
	}
	return counts
}

// distance returns the greatest difference between the shares of two counts below a bin's
// end, or between two ends equally far from the middle, as (D2) of model.DriftState. n and
// m are the sums of a and b.
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

// ranked returns each value's rank, 0 to 1; equal values share one. With ranks outliers
// count no more than other values, as in the drift statistic.
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

// correlationTime returns 1 + 2 Σ acf(k) up to the first k where the autocorrelation is
// not positive, 1 to len(v): len(v) values with this correlation tell as much about their
// mean as len(v)/correlationTime independent ones. A long column is first replaced by the
// means of stretches, which does not change the sum. The result is one standard error
// above the estimate (Sokal), because an estimate that is too low makes chance look like
// drift.
func correlationTime(v []float64) float64 {
	n := len(v)
	_, sd := spreadOf(v)
	if n < 2 || sd == 0 {
		return 1
	}
	size := (n + maxMeans - 1) / maxMeans
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

// scoreReference returns Parameters.DriftScore, with which the Page-Hinkley test compares
// later scores: mean and standard deviation of log2 of the learning rows' scores, and the
// rows per independent score.
func scoreReference(scores []float32) []float32 {
	v := make([]float64, len(scores))
	for i, x := range scores {
		v[i] = math.Log2(max(float64(x), leastScore))
	}
	mean, sd := spreadOf(v)
	return []float32{float32(mean), float32(max(sd, leastLogSD)), float32(correlationTime(ranked(v)))}
}
