package judge

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"iot-edge-anomaly/agent/detect"
	"iot-edge-anomaly/model"
	"iot-edge-anomaly/model/train"
)

// cycleRow is row i of a machine whose channels follow one cycle of 37 rows.
func cycleRow(i int, rnd *rand.Rand) []float64 {
	a := 2 * math.Pi * float64(i) / 37.3
	return []float64{20 + 5*math.Sin(a) + 0.1*rnd.NormFloat64(), 3 + 1.2*math.Sin(a-0.7) + 0.03*rnd.NormFloat64(),
		100 + 30*max(0, math.Sin(a)) + 0.5*rnd.NormFloat64()}
}

// TestLostRowsOfACycle: the mean of a whole cycle is so steady that a row too few
// in it would be an anomaly. Rows that a recorder, a bus or a busy gateway lost
// raise nothing, be they left out or without values, and a fault is still found.
func TestLostRowsOfACycle(t *testing.T) {
	s := model.Schema{Period: time.Second, Channels: []model.Channel{{Name: "a"}, {Name: "b"}, {Name: "c"}}}
	const learnt = 12000
	rnd := rand.New(rand.NewPCG(1, 2))
	var rows []float64
	for i := range learnt {
		rows = append(rows, cycleRow(i, rnd)...)
	}
	m, report, err := train.Train(context.Background(), s, rows, train.Options{Seed: 1, FalseAlarms: 1})
	if err != nil || report.Period != 37 {
		t.Fatalf("cycle %d, %v", report.Period, err)
	}
	for _, c := range []struct {
		name  string
		lost  float64 // part of the moments at which rows are lost
		most  int     // rows at once
		empty bool    // they are there, without values
	}{{"none", 0, 0, false}, {"single rows", 0.02, 1, false}, {"empty rows", 0.02, 1, true}, {"up to four", 0.01, 4, false}, {"holes", 0.001, 60, false}} {
		w := using(t, m, Options{Policy: detect.DefaultPolicy("m", s.Channels)})
		rnd := rand.New(rand.NewPCG(3, 4))
		begin, scored, above, lost, found := time.Unix(1e9, 0), 0, 0, 0, false
		const n, fault = 20000, 19000
		for i := learnt; i < learnt+n; i++ {
			row := cycleRow(i, rnd)
			if lost == 0 && rnd.Float64() < c.lost {
				lost = 1 + rnd.IntN(c.most)
			}
			if lost > 0 {
				if lost--; !c.empty {
					continue
				}
				row = []float64{math.NaN(), math.NaN(), math.NaN()}
			}
			if i-learnt >= fault {
				row[1] += 2
			}
			v := w.Push(begin.Add(time.Duration(i)*time.Second), row)
			if found = found || v.State == Anomaly; i-learnt < fault {
				if v.Scored {
					scored++
				}
				if v.Score.Value > 1 {
					above++
				}
				if found {
					t.Fatalf("%s: an event at row %d, score %.2f, terms %v", c.name, i, v.Score.Value, v.Score.Terms)
				}
			}
		}
		if above > scored/50 || scored < n/2 || !found {
			t.Errorf("%s: %d of %d scores above the threshold, fault found %v", c.name, above, scored, found)
		}
	}
}

// TestPush_coarseTimes: rows that say the same are all counted where times do not
// tell rows apart.
func TestPush_coarseTimes(t *testing.T) {
	m := golden(t)
	j := using(t, m, goldenOptions(m))
	g := goldenRow{state: 7}
	at := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
	for i := range 100 {
		at = at.Add(time.Second)
		j.Push(at, g.next(i))
	}
	at = at.Add(time.Second)
	a, b := g.next(100), g.next(101)
	first := j.Push(at, a).Score.Value
	if again := j.Push(at, a).Score.Value; again != first {
		t.Errorf("the same row: %v, then %v", first, again)
	}
	j.Push(at, b)
	second := j.Push(at, a).Score.Value
	if third := j.Push(at, a).Score.Value; third == second {
		t.Errorf("the same row at a coarse time counts once: %v", third)
	}
}
