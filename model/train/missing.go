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
// died, and returns by how much of its limit term r then rises, (C): the most
// that its highest value in a part of the rows is above that with all channels.
// Terms l and s cannot rise, they lose a summand. Where all rows and channels
// would take too long the rows are fewer, then the channels: those left out get
// the most of the others.
func (l *learner) rises(p model.Parts) ([]float32, error) {
	m, err := model.New(p) // what an unseen value does to the others is this network's alone
	if err != nil {
		return nil, err
	}
	// To score a row takes a tenth of what it takes to train on one, or less.
	budget := l.report.Windows * l.report.Epochs / 2
	rows := min(l.t.n, max(budget/l.t.c, m.FillRows()+max(hiddenRows, l.report.Period)))
	many := min(l.t.c, max(1, budget/rows))

	out, known, most := make([]float32, l.t.c), make([]bool, l.t.c), float32(0)
	var with [hiddenParts]float32
	for k, last := 0, -1; k < many; k++ {
		ch, from := k*l.t.c/many, k*(l.t.n-rows)/max(many-1, 1)
		if !l.mayMiss(ch) {
			continue
		}
		if from != last {
			if with, err = l.highest(m, from, from+rows, -1); err != nil {
				return nil, err
			}
			last = from
		}
		without, err := l.highest(m, from, from+rows, ch)
		if err != nil {
			return nil, err
		}
		for i, v := range without {
			if v >= 0 && with[i] >= 0 {
				out[ch], known[ch] = max(out[ch], v-with[i]), true
			}
		}
		most = max(most, out[ch])
	}
	for ch := range out {
		if !known[ch] && l.mayMiss(ch) {
			out[ch] = most
		}
	}
	return out, nil
}

// mayMiss tells whether channel ch can be masked in a row that is scored, and was
// not in all rows learnt.
func (l *learner) mayMiss(ch int) bool {
	cond := l.t.schema.RunWhen
	return l.t.c > 1 && !slices.Contains(l.t.dead, ch) && (cond == nil || cond.Channel != l.t.schema.Channels[ch].Name)
}

// highest returns the highest term r, in units of its limit, in each part of the
// rows from from to to, without channel hide (-1 = with all); -1 where none has a
// score.
func (l *learner) highest(m *model.Model, from, to, hide int) (top [hiddenParts]float32, err error) {
	for i := range top {
		top[i] = -1
	}
	s, row := model.NewScorer(m), make([]float64, l.t.c)
	for i := from; i < to; i++ {
		copy(row, l.t.row(i))
		if hide >= 0 {
			row[hide] = math.NaN()
		}
		if v, ok := s.Push(row); ok && i >= l.from {
			part := &top[(i-from)*hiddenParts/(to-from)]
			*part = max(*part, v.Terms[0])
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
