package train

import (
	"math"
	"slices"

	"iot-edge-anomaly/model"
)

const (
	hiddenRows  = 100 // a channel is hidden for at least so many scored rows, or a cycle
	hiddenParts = 4   // of these rows; the highest terms are compared in each part
)

// missingMargins hides channel after channel in the learning rows, as a sensor that
// has died would, and sets the missing-channel margins of p: by what part of their
// limit the term Relation then rises. A margin is the largest rise of the
// term's highest value in any part of the rows. Level and Jump cannot rise, because
// they lose a summand. If all rows and channels would take too long, fewer rows are
// tried, then fewer channels; the other channels get the largest margin found.
func (l *learner) missingMargins(p *model.Parameters) error {
	m, err := model.New(*p) // the effect depends on the final networks, not on those of the folds
	if err != nil {
		return err
	}
	// Scoring a row takes at most a tenth of the time of training on one.
	budget := l.report.Windows * l.report.Epochs / 2
	rows := min(l.set.n, max(budget/l.set.c, m.FillRows()+max(hiddenRows, l.report.Period)))
	many := min(l.set.c, max(1, budget/rows))

	p.MissingMargin = make([]float32, l.set.c)
	var most float32
	var with [hiddenParts]float32
	known := make([]bool, l.set.c)
	for k, last := 0, -1; k < many; k++ {
		ch, from := k*l.set.c/many, k*(l.set.n-rows)/max(many-1, 1)
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
		for i, v := range without {
			if v >= 0 && with[i] >= 0 {
				p.MissingMargin[ch], known[ch] = max(p.MissingMargin[ch], v-with[i]), true
			}
			most = max(most, p.MissingMargin[ch])
		}
	}
	for ch, ok := range known {
		if !ok && l.mayMiss(ch) {
			p.MissingMargin[ch] = most
		}
	}
	return nil
}

// mayMiss tells whether channel ch can be missing in a row that is scored and was not
// missing in all learning rows.
func (l *learner) mayMiss(ch int) bool {
	cond := l.set.schema.RunWhen
	return l.set.c > 1 && !slices.Contains(l.set.dead, ch) && (cond == nil || cond.Channel != l.set.schema.Channels[ch].Name)
}

// highest returns the highest Relation, in units of its limit, in each part of
// the rows from to to, with channel hide missing (-1 = none); -1 for a part without a
// score.
func (l *learner) highest(m *model.Model, from, to, hide int) (top [hiddenParts]float32, err error) {
	for i := range top {
		top[i] = -1
	}
	s, row := model.NewScorer(m), make([]float64, l.set.c)
	for i := from; i < to; i++ {
		copy(row, l.set.row(i))
		if hide >= 0 {
			row[hide] = math.NaN()
		}
		if v, ok := s.Push(row); ok && i >= l.from {
			part := &top[(i-from)*hiddenParts/(to-from)]
			*part = max(*part, v.Terms[model.Relation])
		}
		if i%8 == 0 {
			done := 0.96 + 0.04*float64(max(hide, 0))/float64(l.set.c)
			if err := l.pace.step("calibrating", done, l.report.Loss); err != nil {
				return top, err
			}
		}
	}
	return top, nil
}
