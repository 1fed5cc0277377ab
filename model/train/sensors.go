package train

import (
	"math"
	"slices"

	"iot-edge-anomaly/model"
)

const (
	stillTimes = 4    // as long as the longest time seen
	stillRows  = 30   // and so many rows more
	stillPart  = 10   // 1/10 of the rows unchanged: the channel rests by nature
	stepRank   = 0.99 // of the steps are below 1
	stepLeast  = 0.01 // a step, in units of u
	roughTimes = 2    // as rough as the roughest 40 rows seen
	roughLeast = 2040 // of 10,200: the roughest seen, at least
	roughFull  = 10200
)

// sensors sets what a channel's sensor may do (8): stay the same for as long as
// Still, and step as much as Rough in 40 rows. 0 = not judged, where it rested
// for long, or was so rough that twice as much cannot be.
func (l *learner) sensors(p *model.Parameters) {
	for j := range l.t.c {
		p.Step[j] = max(l.t.step(j), stepLeast*p.Spread[j])
		longest, roughest := l.t.behaviour(j, p.Step[j])
		if stillPart*longest < l.t.count(j) {
			p.Still[j] = float32(stillTimes*longest + stillRows)
		}
		if most := roughTimes * max(roughest, roughLeast); most < roughFull {
			p.Rough[j] = most
		}
	}
}

// step returns the 0.99 quantile of what channel j changes by between two
// running rows.
func (t *table) step(j int) float64 {
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

// behaviour returns the most rows for which channel j stayed the same, and the
// roughest 40 rows. A machine that stands still begins anew.
func (t *table) behaviour(j int, step float64) (longest int, roughest int32) {
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
