package train

import (
	"math"
	"slices"

	"iot-edge-anomaly/model"
)

// Details is what a drawn report shows beyond Report. It takes 8 bytes a row, so
// that Train fills it only where Options ask for it; a gateway does not.
type Details struct {
	Loss      []float64                // (Epochs) mean squared error of the network, with noise
	Scores    []float32                // (rows) that set the limits, 1 = threshold; NaN = none
	Residuals [][ResidualRanks]float64 // (C) quantiles of value - expected, physical units; NaN = none
}

// ResidualRanks is how many quantiles of each channel's residuals Details have:
// 0.1, 25, 50, 75 and 99.9 %.
const ResidualRanks = 5

var residualRanks = [ResidualRanks]float64{0.001, 0.25, 0.5, 0.75, 0.999}

// detailScores keeps the scores of the rows that set the limits. From 2,000
// learning rows on they are those of networks that had not seen the row.
func (l *learner) detailScores(values []float32) {
	d := l.o.Details
	if d == nil {
		return
	}
	d.Scores = make([]float32, l.t.n)
	for i := range d.Scores {
		d.Scores[i] = float32(math.NaN())
	}
	for k, i := range l.scored {
		d.Scores[i] = values[k]
	}
}

// detailResiduals keeps the quantiles of e, (n, c) in units of p.Spread.
func (l *learner) detailResiduals(p *model.Parameters, e []float32) {
	d := l.o.Details
	if d == nil {
		return
	}
	d.Residuals = make([][ResidualRanks]float64, l.t.c)
	v := make([]float32, 0, l.t.n)
	for j := range l.t.c {
		v = v[:0]
		for i := j; i < len(e); i += l.t.c {
			if x := e[i]; x == x {
				v = append(v, x)
			}
		}
		slices.Sort(v)
		for k, q := range residualRanks {
			d.Residuals[j][k] = math.NaN()
			if len(v) > 0 && !slices.Contains(l.t.dead, j) {
				d.Residuals[j][k] = float64(quantile(v, q)) * p.Spread[j]
			}
		}
	}
}
