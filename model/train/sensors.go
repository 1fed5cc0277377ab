package train

import (
	"math"
	"slices"

	"iot-edge-anomaly/model"
)

const (
	stillTimes = 4    // Still is so many times the longest constant stretch seen
	stillRows  = 30   // plus so many rows
	stillPart  = 10   // a channel that is constant for 1/10 of its rows is not judged
	stepRank   = 0.99 // Step is this quantile of the changes between rows
	stepLeast  = 0.01 // and at least this, in units of u
	roughTimes = 2    // Rough is so many times the roughest 40 rows seen,
	roughFew   = 800  // and with few rows more: this by their number
	roughLeast = 2040 // which count as at least this, of 10,200
	roughFull  = 10200
	roughMost  = 9900 // so that it can be exceeded
)

// sensors sets the bounds of (8) for each channel: Still, the rows for which its value
// may stay the same, and Rough, the steps that it may make in 40 rows. A bound is 0,
// not judged, if the channel was constant for long, or so rough that twice as much is
// impossible.
func (l *learner) sensors(p *model.Parameters) {
	for j := range l.set.c {
		p.Step[j] = max(l.set.step(j), stepLeast*p.Spread[j])
		longest, roughest := l.set.behaviour(j, p.Step[j])
		if stillPart*longest < l.set.count(j) {
			p.Still[j] = float32(stillTimes*longest + stillRows)
		}
		if seen := max(roughest, roughLeast); roughTimes*seen < roughFull {
			p.Rough[j] = min(roughTimes*seen+seen*roughFew/int32(l.set.used), roughMost)
		}
	}
}

// step returns the 0.99 quantile of channel j's changes between two running rows.
func (t *trainingSet) step(j int) float64 {
	v := make([]float64, 0, t.used)
	last := math.NaN()
	for i := range t.n {
		x := t.rows[i*t.c+j]
		switch {
		case !t.run[i]:
			last = math.NaN()
		case finite(x):
			if d := math.Abs(x - last); finite(d) {
				v = append(v, d)
			}
			last = x
		}
	}
	if len(v) == 0 {
		return 0
	}
	slices.Sort(v)
	return quantile(v, stepRank)
}

// behaviour returns the largest number of rows for which channel j stayed the same,
// and the sum of steps of its roughest 40 rows. Both start again after rows that do
// not run.
func (t *trainingSet) behaviour(j int, step float64) (longest int, roughest int32) {
	var b model.Behaviour
	for i := range t.n {
		if !t.run[i] {
			b = model.Behaviour{}
			continue
		}
		x := t.rows[i*t.c+j]
		if !finite(x) {
			x = math.NaN()
		}
		b.Push(x, step)
		longest, roughest = max(longest, b.Same()), max(roughest, b.Rough())
	}
	return longest, roughest
}
