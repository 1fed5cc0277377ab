package train

import (
	"math"
	"slices"

	"iot-edge-anomaly/model"
)

const (
	hiddenRows  = 100 // a channel is hidden for so many scored rows at least, or a cycle
	hiddenParts = 4   // of these rows, in each of which the highest terms are compared
)

// rises hides channel after channel in the learning rows, as a sensor that has
// died, and puts into p by how much of their limits terms r and p then rise, (C):
// the most that their highest value in a part of the rows is above that with all
// channels. Terms l and s cannot rise, they lose a summand. Where all rows and
// channels would take too long the rows are fewer, then the channels: those left
// out get the most of the others.
func (l *learner) rises(p *model.Parameters) error {
	m, err := model.New(*p) // what an unseen value does to the others is these networks' alone
	if err != nil {
		return err
	}
	// To score a row takes a tenth of what it takes to train on one, or less.
	budget := l.report.Windows * l.report.Epochs / 2
	rows := min(l.t.n, max(budget/l.t.c, m.FillRows()+max(hiddenRows, l.report.Period)))
	many := min(l.t.c, max(1, budget/rows))

	var out [len(rising)][]float32
	var most [len(rising)]float32
	var with [hiddenParts][len(rising)]float32
	for k := range out {
		out[k] = make([]float32, l.t.c)
	}
	known := make([]bool, l.t.c)
	for k, last := 0, -1; k < many; k++ {
		ch, from := k*l.t.c/many, k*(l.t.n-rows)/max(many-1, 1)
		if !l.mayMiss(ch) {
			continue
		}
		if from != last {
			if with, err = l.highest(m, from, from+rows, -1); err != nil {
				return err
			}
			last = from
		}
		without, err := l.highest(m, from, from+rows, ch)
		if err != nil {
			return err
		}
		for i := range without {
			for k, v := range without[i] {
				if v >= 0 && with[i][k] >= 0 {
					out[k][ch], known[ch] = max(out[k][ch], v-with[i][k]), true
				}
				most[k] = max(most[k], out[k][ch])
			}
		}
	}
	for ch, ok := range known {
		for k := range out {
			if !ok && l.mayMiss(ch) {
				out[k][ch] = most[k]
			}
		}
	}
	p.MissingMargin = out[0]
	if p.Cross != nil {
		own := *p.Cross
		own.MissingMargin, p.Cross = out[1], &own
	}
	return nil
}

// rising are the terms that a missing channel can raise.
var rising = [...]int{0, model.Cross}

// mayMiss tells whether channel ch can be masked in a row that is scored, and was
// not in all rows learnt.
func (l *learner) mayMiss(ch int) bool {
	cond := l.t.schema.RunWhen
	return l.t.c > 1 && !slices.Contains(l.t.dead, ch) && (cond == nil || cond.Channel != l.t.schema.Channels[ch].Name)
}

// highest returns the highest terms that rise, in units of their limits, in each
// part of the rows from from to to, without channel hide (-1 = with all); -1 where
// none has a score.
func (l *learner) highest(m *model.Model, from, to, hide int) (top [hiddenParts][len(rising)]float32, err error) {
	for i := range top {
		top[i] = [...]float32{-1, -1}
	}
	s, row := model.NewScorer(m), make([]float64, l.t.c)
	for i := from; i < to; i++ {
		copy(row, l.t.row(i))
		if hide >= 0 {
			row[hide] = math.NaN()
		}
		if v, ok := s.Push(row); ok && i >= l.from {
			part := &top[(i-from)*hiddenParts/(to-from)]
			for k, t := range rising {
				part[k] = max(part[k], v.Terms[t])
			}
		}
		if i%64 == 0 {
			done := 0.96 + 0.04*float64(max(hide, 0))/float64(l.t.c)
			if err := l.pace.step("calibrating", done, l.report.Loss); err != nil {
				return top, err
			}
		}
	}
	return top, nil
}
