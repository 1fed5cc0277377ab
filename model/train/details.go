package train

import (
	"math"
	"slices"

	"iot-edge-anomaly/model"
)

// Details is what a drawn report shows in addition to Report. It takes 8 bytes per row,
// so Train fills it only if Options ask for it; a gateway does not.
type Details struct {
	Loss      []float64                // (Epochs) mean squared error of the network, with noise
	Scores    []float32                // (rows) scores of the rows that set the limits, 1 = threshold; NaN = none
	Residuals [][ResidualRanks]float64 // (C) quantiles of value - expected, physical units; NaN = none
}

// ResidualRanks is the number of quantiles of each channel's residuals in Details: 0.1,
// 25, 50, 75 and 99.9 %.
const ResidualRanks = 5

var residualRanks = [ResidualRanks]float64{0.001, 0.25, 0.5, 0.75, 0.999}

// detailScores stores the scores of the rows that set the limits. From 2,000 learning
// rows on they come from networks that were not trained on the row.
func (l *learner) detailScores(values []float32) {
	d := l.o.Details
	if d == nil {
		return
	}
	d.Scores = make([]float32, l.set.n)
	for i := range d.Scores {
		d.Scores[i] = float32(math.NaN())
	}
	for k, i := range l.scored {
		d.Scores[i] = values[k]
	}
}

// detailResiduals stores the quantiles of the residuals e, (n, c) in units of p.Spread.
func (l *learner) detailResiduals(p *model.Parameters, e []float32) {
	d := l.o.Details
	if d == nil {
		return
	}
	d.Residuals = make([][ResidualRanks]float64, l.set.c)
	v := make([]float32, 0, l.set.n)
	for j := range l.set.c {
		v = v[:0]
		for i := j; i < len(e); i += l.set.c {
			if x := e[i]; x == x {
				v = append(v, x)
			}
		}
		slices.Sort(v)
		for k, q := range residualRanks {
			d.Residuals[j][k] = math.NaN()
			if len(v) > 0 && !slices.Contains(l.set.dead, j) {
				d.Residuals[j][k] = float64(quantile(v, q)) * p.Spread[j]
			}
		}
	}
}
